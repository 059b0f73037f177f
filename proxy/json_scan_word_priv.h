/* SPDX-License-Identifier: Apache-2.0 */
/* The byte searches of the JSON reader without vector instructions: eight bytes a step in a word,
 * whatever the machine's byte order. json_scan_sse2_priv.h says what each one finds. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proxy/json_class_priv.h"

#define WORD_OF(byte) (UINT64_C(0x0101010101010101) * (byte))

/* Eight bytes, the first one lowest. */
static inline uint64_t word_load(const uint8_t *p)
{
    return (uint64_t)p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16 | (uint64_t)p[3] << 24 |
           (uint64_t)p[4] << 32 | (uint64_t)p[5] << 40 | (uint64_t)p[6] << 48 |
           (uint64_t)p[7] << 56;
}

/* The top bit of every byte that is zero; bytes above the first such one may be marked wrongly (the
 * borrow runs upwards), so only the lowest mark counts. */
static inline uint64_t word_zero_bytes(uint64_t x)
{
    return (x - WORD_OF(0x01)) & ~x & WORD_OF(0x80);
}

static inline const uint8_t *word_plain_end(const uint8_t *p, const uint8_t *end)
{
    while (end - p >= 8) {
        const uint64_t x = word_load(p);
        const uint64_t control = (x - WORD_OF(0x20)) & ~x & WORD_OF(0x80);
        const uint64_t stop = control | (x & WORD_OF(0x80)) | word_zero_bytes(x ^ WORD_OF('"')) |
                              word_zero_bytes(x ^ WORD_OF('\\'));

        if (stop != 0)
            return p + __builtin_ctzll(stop) / 8;
        p += 8;
    }
    while (p < end && (proxy__class[*p] & JSON_CLASS_PLAIN) != 0)
        p++;
    return p;
}

static inline const uint8_t *word_space_end(const uint8_t *p, const uint8_t *end)
{
    while (end - p >= 8 && word_load(p) == WORD_OF(' '))
        p += 8;
    while (p < end && (proxy__class[*p] & JSON_CLASS_SPACE) != 0)
        p++;
    return p;
}

static inline bool word_hash_seen(const uint32_t *hashes, uint32_t count, uint32_t hash)
{
    for (uint32_t i = 0; i < count; i++) {
        if (hashes[i] == hash)
            return true;
    }
    return false;
}
