/* SPDX-License-Identifier: Apache-2.0 */
/* The innermost steps of the JSON reader: byte searches for this machine, and the lexical rules of
 * RFC 8259 for strings and numbers. Each takes the place where something begins and gives the place
 * where it ends, or NULL when it does not follow the grammar. Nothing is read at or past `end`. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proxy/json_class_priv.h"

#if defined(__SSE2__)
#include "proxy/json_scan_sse2_priv.h"
#define scan_plain_end sse2_plain_end
#define scan_space_end sse2_space_end
#define scan_hash_seen sse2_hash_seen
#else
#include "proxy/json_scan_word_priv.h"
#define scan_plain_end word_plain_end
#define scan_space_end word_space_end
#define scan_hash_seen word_hash_seen
#endif

#define LIKELY(x)   __builtin_expect((x), 1)
#define UNLIKELY(x) __builtin_expect((x), 0)

/* json_string.c: p stands on a backslash, or on a byte from 0x80. Past the escape (a surrogate pair
 * counts as one), past the last of the non-ASCII sequences in a row. */
const uint8_t *proxy__escape_end(const uint8_t *p, const uint8_t *end);
const uint8_t *proxy__utf8_end(const uint8_t *p, const uint8_t *end);

/* The byte at p; 0, which stands for nothing in JSON, at the end. */
static inline uint8_t scan_peek(const uint8_t *p, const uint8_t *end)
{
    return LIKELY(p < end) ? *p : 0;
}

static inline const uint8_t *scan_space(const uint8_t *p, const uint8_t *end)
{
    if (LIKELY(p<end && * p> ' '))
        return p;
    return scan_space_end(p, end);
}

/* p stands on a backslash: past the escape. */
static inline const uint8_t *scan_escape(const uint8_t *p, const uint8_t *end)
{
    if (LIKELY(end - p >= 2 && (proxy__class[p[1]] & JSON_CLASS_ESCAPE) != 0))
        return p + 2;
    return proxy__escape_end(p, end);
}

/* p stands after the opening quote: the closing one. */
static inline const uint8_t *scan_string(const uint8_t *p, const uint8_t *end, bool *escaped)
{
    for (;;) {
        p = scan_plain_end(p, end);
        if (UNLIKELY(p == end))
            return NULL;
        if (LIKELY(*p == '"'))
            return p;
        if (*p == '\\') {
            *escaped = true;
            p = scan_escape(p, end);
        } else if (*p >= 0x80) {
            p = proxy__utf8_end(p, end);
        } else {
            return NULL; /* a control character */
        }
        if (UNLIKELY(p == NULL))
            return NULL;
    }
}

/* One digit or more. */
static inline const uint8_t *scan_digits(const uint8_t *p, const uint8_t *end)
{
    const uint8_t *start = p;

    while (p < end && (proxy__class[*p] & JSON_CLASS_DIGIT) != 0)
        p++;
    return p > start ? p : NULL;
}

/* p stands on a minus or a digit. What follows the number is the caller's to look at. */
static inline const uint8_t *scan_number(const uint8_t *p, const uint8_t *end)
{
    if (*p == '-')
        p++;
    if (scan_peek(p, end) == '0')
        p++;
    else if ((p = scan_digits(p, end)) == NULL)
        return NULL;
    if (scan_peek(p, end) == '.' && (p = scan_digits(p + 1, end)) == NULL)
        return NULL;
    if ((scan_peek(p, end) | 0x20) == 'e') {
        p++;
        if (scan_peek(p, end) == '+' || scan_peek(p, end) == '-')
            p++;
        p = scan_digits(p, end);
    }
    return p;
}

/* Four bytes, the first one lowest. */
static inline uint32_t scan_load4(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint32_t scan_text4(const char text[4])
{
    return scan_load4((const uint8_t *)text);
}

/* p stands on t, f or n: the literal's end. */
static inline const uint8_t *scan_literal(const uint8_t *p, const uint8_t *end)
{
    if (UNLIKELY(end - p < 4))
        return NULL;
    if (*p == 'f')
        return end - p >= 5 && scan_load4(p + 1) == scan_text4("alse") ? p + 5 : NULL;
    if (scan_load4(p) == scan_text4(*p == 't' ? "true" : "null"))
        return p + 4;
    return NULL;
}
