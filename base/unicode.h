/* SPDX-License-Identifier: Apache-2.0 */
/* What a text says apart from how it is written: Unicode's compatibility forms and letter case folded,
 * and everything left out that joins or separates letters without being one. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

/* The most characters that one stands for after folding (U+FDFA has 18). */
enum { UNICODE_FOLDED_MAX = 32 };

/* Take one character off the front of *rest and give what is left of it: its compatibility decomposition
 * with case folded (NFKC_Casefold's, not composed again), without what is ignorable by default, white
 * space, punctuation and controls. *ret_count may be 0. False, with nothing taken, at what is no UTF-8
 * and at the end. */
bool unicode_fold_next(struct span *rest, int32_t folded[UNICODE_FOLDED_MAX], size_t *ret_count);
