/* SPDX-License-Identifier: Apache-2.0 */
/* One look at a copy of a store, shared by copy.c and copy_rows.c. */
#pragma once

#include "vault/copy.h"
#include "vault/slab_priv.h"

struct copy {
    const char *dir;
    const struct vault_copy_erasure *about;
    const struct root_keys *roots; /* may be NULL */
    struct vault_copy_report *report;
    uint8_t *key; /* the subject's, in guarded memory; when report->key is OPEN */
    int lock_fd;
};

/* Unwrap a slot with the root key of the epoch that it names. NOT_FOUND: that one is not at hand. The
 * caller wipes ret. */
enum err copy__unwrap(const struct copy *c, uint64_t number, const uint8_t slot[SLAB_SLOT_BYTES],
                      struct slab_key *ret) MUST_CHECK;
/* vault.db: count what is left of the subject, and try it with every key. */
enum err copy__rows(struct copy *c, struct errmsg *msg) MUST_CHECK;
