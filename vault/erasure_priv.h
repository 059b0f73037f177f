/* SPDX-License-Identifier: Apache-2.0 */
/* What an erasure keeps back, in memory only, so that it can be verified afterwards. */
#pragma once

#include "vault/crypto_priv.h"
#include "vault/slab_priv.h"
#include "vault/store_priv.h"

enum { SAMPLE_ROWS = 8, SAMPLE_BYTES_MAX = 16384 };

struct sample_row {
    struct crypto_row bound;
    uint64_t number; /* its token's */
    uint8_t *sealed;
    size_t len;
};

struct vault_sample {
    uint8_t slot[SLAB_SLOT_BYTES]; /* as it stood before it was zeroed */
    struct sample_row rows[SAMPLE_ROWS];
    size_t count;
};

/* Add rows of a subject, by its index: the same work for a person of ten rows and of a million.
 * classes: CLASSES_MAX + 1, indexed by id. about: domain and subject are set. */
enum err vault__sample_rows(struct store *s, const struct store_class *classes, uint64_t slot,
                            const struct crypto_row *about, struct vault_sample *sample) MUST_CHECK;
/* NULL is fine; leaves NULL. */
void vault__sample_free(struct vault_sample **sample);

/* Where the wrapped key stands in a slot. */
enum { SAMPLE_WRAPPED_AT = 56 };
