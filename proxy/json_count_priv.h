/* SPDX-License-Identifier: Apache-2.0 */
/* How many elements arrays have, before they are read: for paths that count from the end. */
#pragma once

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

/* The lengths that are known, by where their arrays open. */
struct json_counts {
    struct buf arrays;    /* struct array_count, in the order of the document */
    size_t at;            /* the one before which nobody asks any more */
    const uint8_t *until; /* arrays that open before this are known; NULL: none */
};

void proxy__counts_init(struct json_counts *c);
void proxy__counts_done(struct json_counts *c);
/* The number of elements of the array whose bracket p stands on. Arrays are asked for in the order of the
 * document. When asked for the first one, all that lie in it are counted as well: no byte is looked at
 * twice. Right for JSON; for what is none some number comes out, and the reader finds that out itself.
 * NO_SPACE. */
enum err proxy__count_elements(struct json_counts *c, const uint8_t *start, const uint8_t *p,
                               const uint8_t *end, int64_t *ret_count) MUST_CHECK;
