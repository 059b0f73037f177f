/* SPDX-License-Identifier: Apache-2.0 */
/* Root keys (KEKs): versioned, from a provider. Versions are epochs. */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { ROOT_KEY_BYTES = 32, ROOT_KEYS_MAX = 2 };

struct root_key {
    uint32_t epoch; /* from 1 */
    uint8_t *bytes; /* ROOT_KEY_BYTES in guarded memory */
};

/* What a provider has: one key, or two while a rotation goes from one to the other. */
struct root_keys {
    struct root_key at[ROOT_KEYS_MAX]; /* ascending epochs */
    size_t count;
};

/* Borrowed; NULL when there is none of that epoch. */
const struct root_key *root_keys_find(const struct root_keys *keys, uint32_t epoch);
/* The key of the highest epoch, borrowed; NULL when there is none at all. */
const struct root_key *root_keys_newest(const struct root_keys *keys);
void root_key_done(struct root_key *key);    /* wipes */
void root_keys_done(struct root_keys *keys); /* wipes all; idempotent, also AUTO(root_keys_done) */
