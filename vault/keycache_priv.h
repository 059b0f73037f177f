/* SPDX-License-Identifier: Apache-2.0 */
/* Unwrapped subject keys held by one thread: a bounded table in guarded memory, the oldest entry of a
 * bucket makes room. Not thread-safe: its owner locks. */
#pragma once

#include <stdint.h>

#include "vault/crypto_priv.h"

struct keycache;

struct keycache_entry {
    uint64_t slot; /* 0 is never a subject's slot: empty */
    uint8_t subject[VAULT_ID_BYTES];
    uint8_t key[CRYPTO_KEY_BYTES];
    uint32_t domain;
    uint32_t used;
};

/* capacity: entries, rounded up to a power of two. */
struct keycache *keycache_new(uint32_t capacity);
void keycache_free(struct keycache **cache); /* wipes */
/* NULL when it is not held; borrowed until the next put or drop. */
const struct keycache_entry *keycache_get(struct keycache *c, uint64_t slot);
/* A keycache_get() of this slot will follow shortly: fetch its cache line meanwhile. */
void keycache_expect(const struct keycache *c, uint64_t slot);
const struct keycache_entry *keycache_put(struct keycache *c, uint64_t slot, uint32_t domain,
                                          const uint8_t subject[VAULT_ID_BYTES],
                                          const uint8_t key[CRYPTO_KEY_BYTES]);
/* Wipe one entry, or all. */
void keycache_drop(struct keycache *c, uint64_t slot);
void keycache_clear(struct keycache *c);
