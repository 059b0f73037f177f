/* SPDX-License-Identifier: Apache-2.0 */
/* Lines from a descriptor, in batches: as many as are there, so that a slow producer gets its
 * answers at once and a fast one is served in bulk. Lines may be values: they stay in wiped memory.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"

enum { LINES_BATCH_MAX = 1000, LINES_BATCH_BYTES_MAX = 512 << 10 };

struct lines {
    int fd;
    bool end;
    struct buf in;
    size_t used; /* bytes of `in` that the last batch borrowed */
};

/* The descriptor stays the caller's. */
void lines_init(struct lines *lines, int fd);
void lines_done(struct lines *lines);
/* Wait for the next lines and lend up to LINES_BATCH_MAX of them (and, when there are several, up
 * to LINES_BATCH_BYTES_MAX bytes), without line ends (LF or CRLF), until the next call. *ret_count
 * is 0 at the end. TOO_LARGE: a line beyond LIMIT_VALUE_MAX. IO. Blocks. */
enum err lines_next(struct lines *lines, struct span batch[LINES_BATCH_MAX], size_t *ret_count)
    MUST_CHECK;
