/* SPDX-License-Identifier: Apache-2.0 */
/* What a text says apart from how it is written: Unicode's compatibility forms and letter case folded,
 * and everything left out that joins or separates letters without being one; and whether it shows as it reads. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

/* Controls (C0, DEL, C1), line separators, and the marks that turn the direction of writing: each can make
 * a line look like what it is not, or steer a terminal. */
static inline bool unicode_steers(int32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x200e || c == 0x200f || c == 0x2028 ||
           c == 0x2029 || (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}
/* Is it UTF-8 with none of these in it? */
bool unicode_is_line(struct span text);

/* The most characters that one stands for after folding (U+FDFA has 18). */
enum { UNICODE_FOLDED_MAX = 32 };

/* Take one character off the front of *rest and give what is left of it: its compatibility decomposition
 * with case folded (NFKC_Casefold's, not composed again), without what is ignorable by default, white
 * space, punctuation and controls. *ret_count may be 0. False, with nothing taken, at what is no UTF-8
 * and at the end. */
bool unicode_fold_next(struct span *rest, int32_t folded[UNICODE_FOLDED_MAX], size_t *ret_count);
