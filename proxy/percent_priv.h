/* SPDX-License-Identifier: Apache-2.0 */
/* Percent escapes and UTF-8, one byte at a time: what paths and queries have in common. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

static inline int proxy__hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* The byte that the escape at text[at] ('%') stands for; -1 when it is none. */
static inline int proxy__percent_byte(struct span text, size_t at)
{
    int high, low;

    if (text.len - at < 3)
        return -1;
    high = proxy__hex_digit(text.at[at + 1]);
    low = proxy__hex_digit(text.at[at + 2]);
    return high < 0 || low < 0 ? -1 : high << 4 | low;
}

/* Where a UTF-8 text stands (RFC 3629 4); zeroed at its start. */
struct utf8 {
    uint8_t left;      /* continuation bytes to come */
    uint8_t low, high; /* bounds of the next one */
};

/* False: this byte cannot come here (overlong forms, surrogates and beyond U+10FFFF among them). */
static inline bool proxy__utf8_step(struct utf8 *u, uint8_t byte)
{
    if (u->left > 0) {
        if (byte < u->low || byte > u->high)
            return false;
        *u = (struct utf8){(uint8_t)(u->left - 1), 0x80, 0xbf};
        return true;
    }
    if (byte < 0x80)
        return true;
    if (byte < 0xc2 || byte > 0xf4)
        return false;
    *u = (struct utf8){(uint8_t)(byte < 0xe0   ? 1
                                 : byte < 0xf0 ? 2
                                               : 3),
                       (uint8_t)(byte == 0xe0   ? 0xa0
                                 : byte == 0xf0 ? 0x90
                                                : 0x80),
                       (uint8_t)(byte == 0xed   ? 0x9f
                                 : byte == 0xf4 ? 0x8f
                                                : 0xbf)};
    return true;
}

static inline bool proxy__utf8_is_whole(const struct utf8 *u)
{
    return u->left == 0;
}
