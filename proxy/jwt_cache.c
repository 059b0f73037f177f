/* SPDX-License-Identifier: Apache-2.0 */
/* Verified tokens: a table of pairs, in each of which the entry used last stays.
 * Runs on: the loop that owns it. Holds: hashes and claims, JWT_CACHE_ENTRIES of them at most. Invariant:
 * only what was verified is here, so that forged tokens push nothing out. Not here: verifying (jwt.c). */
#include "proxy/jwt_cache.h"

#include <string.h>

#include "base/mem.h"

struct jwt_cache {
    struct jwt_entry entries[JWT_CACHE_ENTRIES];
};

struct jwt_cache *jwt_cache_new(void)
{
    return mem_alloc(sizeof(struct jwt_cache));
}

static void forget(struct jwt_entry *entry)
{
    json_free(&entry->claims);
    memset(entry, 0, sizeof(*entry));
}

void jwt_cache_free(struct jwt_cache **cachep)
{
    struct jwt_cache *cache = TAKE(*cachep);

    if (cache == NULL)
        return;
    for (size_t i = 0; i < JWT_CACHE_ENTRIES; i++)
        forget(&cache->entries[i]);
    free(cache);
}

void jwt_cache_hash(size_t field, struct span token, uint8_t ret[SECRET_HASH_BYTES])
{
    secret_hash(token.at, token.len, ret);
    ret[0] ^= (uint8_t)field; /* there are few: see CALLER_FIELDS_MAX */
}

static struct jwt_entry *pair_of(struct jwt_cache *cache, const uint8_t hash[SECRET_HASH_BYTES])
{
    uint32_t place;

    memcpy(&place, hash, sizeof(place));
    return &cache->entries[place % JWT_CACHE_ENTRIES & ~1u];
}

static void swap(struct jwt_entry *pair)
{
    struct jwt_entry first = pair[0];

    pair[0] = pair[1];
    pair[1] = first;
}

const struct jwt_entry *jwt_cache_get(struct jwt_cache *cache,
                                      const uint8_t hash[SECRET_HASH_BYTES], int64_t now_s)
{
    struct jwt_entry *pair = pair_of(cache, hash);

    for (size_t i = 0; i < 2; i++) {
        if (pair[i].caller == NULL || !secret_equal(pair[i].hash, hash, SECRET_HASH_BYTES))
            continue;
        if (now_s >= pair[i].until_s) {
            forget(&pair[i]);
            return NULL;
        }
        if (i == 1)
            swap(pair);
        return &pair[0];
    }
    return NULL;
}

const struct jwt_entry *jwt_cache_put(struct jwt_cache *cache, const struct jwt_entry *entry)
{
    struct jwt_entry *pair = pair_of(cache, entry->hash);

    forget(&pair[1]);
    swap(pair);
    pair[0] = *entry;
    return &pair[0];
}
