/* SPDX-License-Identifier: Apache-2.0 */
/* What an erasure keeps back, in memory only, so that it can be verified afterwards. */
#pragma once

#include "vault/crypto_priv.h"
#include "vault/slab_priv.h"

enum { SAMPLE_ROWS = 8, SAMPLE_BYTES_MAX = 16384 };

struct sample_row {
    struct crypto_row bound;
    uint8_t *sealed;
    size_t len;
};

struct vault_sample {
    uint8_t slot[SLAB_SLOT_BYTES]; /* as it stood before it was zeroed */
    struct sample_row rows[SAMPLE_ROWS];
    size_t count;
};

/* Where the wrapped key stands in a slot. */
enum { SAMPLE_WRAPPED_AT = 56 };
