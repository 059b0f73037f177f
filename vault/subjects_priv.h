/* SPDX-License-Identifier: Apache-2.0 */
/* From an identifier's blind index to a subject, and from a subject to its key: the two caches that
 * a reader and the writer each have of their own. Not thread-safe: the owner locks. */
#pragma once

#include "vault/keycache_priv.h"
#include "vault/slab_priv.h"

/* Blind index -> key slot, in sets of two: what comes takes the front, what stood there the back. */
struct names;

struct names *names_new(uint32_t capacity); /* a power of two, at least 2 */
void names_free(struct names **names);      /* wipes */
/* 0: not held. */
uint64_t names_get(const struct names *n, const uint8_t mac[CRYPTO_MAC_BYTES]);
void names_put(struct names *n, const uint8_t mac[CRYPTO_MAC_BYTES], uint64_t slot);
/* Forget those of a subject, or all. */
void names_drop(struct names *n, uint64_t slot);
void names_clear(struct names *n);

/* A subject's key, from the cache or the slab. NOT_FOUND: erased, or never a subject's; CORRUPT,
 * IO. Borrowed until the next call on the cache. */
enum err subject_key(const struct slab *slab, struct keycache *keys, uint64_t slot,
                     const struct keycache_entry **ret_entry) MUST_CHECK;
