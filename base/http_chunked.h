/* SPDX-License-Identifier: Apache-2.0 */
/* The chunked transfer coding (RFC 9112 7.1), decoded in place and strictly: picohttpparser's
 * decoder takes "0x3" for 0 and a bare LF for a line's end, and readers that disagree are how
 * messages are smuggled. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"

enum chunked_state {
    CHUNKED_SIZE, /* zero, so that a zeroed struct is ready */
    CHUNKED_EXTENSION,
    CHUNKED_SIZE_LF,
    CHUNKED_DATA,
    CHUNKED_DATA_CR,
    CHUNKED_DATA_LF,
    CHUNKED_TRAILER_START, /* of a line */
    CHUNKED_TRAILER,
    CHUNKED_TRAILER_LF,
    CHUNKED_END_LF,
    CHUNKED_DONE
};

/* Zeroed: ready for a body. */
struct chunked {
    enum chunked_state state;
    uint8_t digits; /* of this chunk's size */
    uint32_t aside; /* bytes of this extension, or of all trailers */
    uint64_t left;  /* of this chunk */
};

/* Decode what is there, in place: the data ends up at the start of `bytes`.
 * ret_data: bytes of data; ret_used: bytes of the coding that were read; less than len only once
 * chunked_is_done(). Extensions and trailers are checked and dropped.
 * INVALID: not the coding, or extensions or trailers without bound. */
enum err chunked_decode(struct chunked *c, char *bytes, size_t len, size_t *ret_data,
                        size_t *ret_used) MUST_CHECK;

static inline bool chunked_is_done(const struct chunked *c)
{
    return c->state == CHUNKED_DONE;
}
