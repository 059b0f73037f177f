/* SPDX-License-Identifier: Apache-2.0 */
/* A keyed permutation of 0..size-1, for any size from 1 to 2^63: what makes the numbers of a sequence
 * look random. Pure functions. */
#pragma once

#include <stdint.h>

enum { PERMUTE_KEY_BYTES = 16 };

#define PERMUTE_SIZE_MAX (UINT64_C(1) << 63)

/* One permutation: another key, tweak or size is another one. The key is borrowed. */
struct permute {
    const uint8_t *key; /* PERMUTE_KEY_BYTES */
    uint64_t tweak;
    uint64_t size;
};

/* Where `n` (below the size) goes, and what went there: each is the inverse of the other. Any thread; never
 * blocks. Costs 24 short hashes, in domains of fewer than 128 numbers up to 82; seldom twice that. */
uint64_t permute_apply(const struct permute *p, uint64_t n);
uint64_t permute_invert(const struct permute *p, uint64_t image);
