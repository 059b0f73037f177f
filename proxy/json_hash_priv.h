/* SPDX-License-Identifier: Apache-2.0 */
/* Hashes of member names under a key that each process draws: whoever sends names cannot choose
 * them so that they meet in a table.
 *
 *   name_hash()        a few multiplications; for names of small objects, compared one by one, and for
 *                      finding the names that fields declare
 *   proxy__sip_hash()  SipHash-1-3, for the tables of large objects, where meeting would cost
 *
 * Both are of the name as it reads after unescaping. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/span.h"

struct hash_key {
    uint64_t mix[3];
    uint64_t sip[2];
};

extern struct hash_key proxy__hash_key;

/* Draw the key; every reader and compiler of fields calls it first. */
void proxy__hash_start(void);

uint32_t proxy__sip_hash(struct span name);

static inline uint64_t hash_word(const void *p)
{
    uint64_t word;

    memcpy(&word, p, sizeof(word));
    return word;
}

/* Sixteen bytes of which the first `len` count, the others as zeroes. */
struct hash_block {
    uint64_t low, high;
};

static inline struct hash_block hash_load(const char *p, size_t len, const char *limit)
{
    static const uint8_t masks[32] = {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
                                      0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF};
    const uint8_t *mask = masks + 16 - len;
    struct hash_block block = {0, 0};

    if (__builtin_expect(limit - p >= 16, 1)) {
        block.low = hash_word(p) & hash_word(mask);
        block.high = hash_word(p + 8) & hash_word(mask + 8);
    } else if (len > 0) {
        memcpy(&block, p, len);
    }
    return block;
}

static inline uint64_t hash_fold(uint64_t a, uint64_t b)
{
    const unsigned __int128 product = (unsigned __int128)a * b;

    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* `limit` is the end of the memory that may be looked at, at or after the name's end. */
static inline uint32_t name_hash(struct span name, const char *limit)
{
    const struct hash_key *key = &proxy__hash_key;
    uint64_t state = key->mix[2] + name.len;
    struct hash_block block;

    for (; name.len > 16; name.at += 16, name.len -= 16)
        state = hash_fold(hash_word(name.at) ^ key->mix[0] ^ state,
                          hash_word(name.at + 8) ^ key->mix[1]);
    block = hash_load(name.at, name.len, limit);
    state = hash_fold(block.low ^ key->mix[0] ^ state, block.high ^ key->mix[1]);
    return (uint32_t)(state ^ state >> 32);
}
