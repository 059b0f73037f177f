/* SPDX-License-Identifier: Apache-2.0 */
/* The byte searches of the JSON reader, 16 bytes a step with SSE2, which every x86-64 has. Nothing
 * is read at or past `end`. json_scan_word_priv.h is the same for other machines; a test holds the
 * two against each other. */
#pragma once

#include <emmintrin.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proxy/json_class_priv.h"

/* The first byte that cannot simply be passed over inside a string: a quote, a backslash, a control
 * character or the start of a non-ASCII sequence. `end` when there is none. */
static inline const uint8_t *sse2_plain_end(const uint8_t *p, const uint8_t *end)
{
    const __m128i quote = _mm_set1_epi8('"');
    const __m128i backslash = _mm_set1_epi8('\\');
    const __m128i space = _mm_set1_epi8(' '); /* signed: below it are 0x00-0x1F and 0x80-0xFF */

    while (end - p >= 16) {
        const __m128i x = _mm_loadu_si128((const __m128i *)p);
        const __m128i stop =
            _mm_or_si128(_mm_cmplt_epi8(x, space),
                         _mm_or_si128(_mm_cmpeq_epi8(x, quote), _mm_cmpeq_epi8(x, backslash)));
        const unsigned mask = (unsigned)_mm_movemask_epi8(stop);

        if (mask != 0)
            return p + __builtin_ctz(mask);
        p += 16;
    }
    while (p < end && (proxy__class[*p] & JSON_CLASS_PLAIN) != 0)
        p++;
    return p;
}

/* The first byte that is not white space; `end` when there is none. */
static inline const uint8_t *sse2_space_end(const uint8_t *p, const uint8_t *end)
{
    while (end - p >= 16) {
        const __m128i x = _mm_loadu_si128((const __m128i *)p);
        const __m128i blank = _mm_or_si128(_mm_cmpeq_epi8(x, _mm_set1_epi8(' ')),
                                           _mm_cmpeq_epi8(x, _mm_set1_epi8('\n')));
        const __m128i rare = _mm_or_si128(_mm_cmpeq_epi8(x, _mm_set1_epi8('\t')),
                                          _mm_cmpeq_epi8(x, _mm_set1_epi8('\r')));
        const unsigned mask = 0xFFFFU ^ (unsigned)_mm_movemask_epi8(_mm_or_si128(blank, rare));

        if (mask != 0)
            return p + __builtin_ctz(mask);
        p += 16;
    }
    while (p < end && (proxy__class[*p] & JSON_CLASS_SPACE) != 0)
        p++;
    return p;
}

/* Whether `hash` is among the `count` hashes. Memory for HASHES_BEYOND more is there, whatever it holds:
 * whole blocks are compared, without a branch on where they match. */
static inline bool sse2_hash_seen(const uint32_t *hashes, uint32_t count, uint32_t hash)
{
    const __m128i wanted = _mm_set1_epi32((int)hash);
    unsigned seen = 0;

    for (uint32_t i = 0; i < count; i += 16) {
        const __m128i *x = (const __m128i *)(hashes + i);
        const __m128i a = _mm_packs_epi32(_mm_cmpeq_epi32(_mm_loadu_si128(x), wanted),
                                          _mm_cmpeq_epi32(_mm_loadu_si128(x + 1), wanted));
        const __m128i b = _mm_packs_epi32(_mm_cmpeq_epi32(_mm_loadu_si128(x + 2), wanted),
                                          _mm_cmpeq_epi32(_mm_loadu_si128(x + 3), wanted));
        const unsigned left = count - i < 16 ? count - i : 16;

        seen |= (unsigned)_mm_movemask_epi8(_mm_packs_epi16(a, b)) & ((1U << left) - 1);
    }
    return seen != 0;
}
