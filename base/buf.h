/* SPDX-License-Identifier: Apache-2.0 */
/* A growing buffer with a stated maximum. One made with buf_init_secret() wipes whatever it held
 * when it grows, is reset or ends: personal data in clear lives in nothing else. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/err.h"
#include "base/span.h"

struct buf {
    uint8_t *bytes;
    size_t len;
    size_t cap;
    size_t max;
    bool secret;
};

/* In place; allocates nothing yet. max: bytes it may ever hold. */
void buf_init(struct buf *b, size_t max);
void buf_init_secret(struct buf *b, size_t max);
/* Free (and wipe when secret); the buffer is as after init and may be used again. */
void buf_done(struct buf *b);
/* Forget the contents (wiped when secret), keep the memory. */
void buf_reset(struct buf *b);

/* Make room for `extra` more bytes. TOO_LARGE past the maximum, NO_SPACE without memory; the
 * contents are untouched then. */
enum err buf_reserve(struct buf *b, size_t extra) MUST_CHECK;
/* Append; all or nothing, errors as buf_reserve(). Inline, since most of them fit. */
static inline enum err MUST_CHECK buf_append(struct buf *b, const void *bytes, size_t len)
{
    if (len > b->cap - b->len) {
        enum err e = buf_reserve(b, len);

        if (e != ERR_OK)
            return e;
    }
    if (len > 0)
        memcpy(b->bytes + b->len, bytes, len);
    b->len += len;
    return ERR_OK;
}

enum err buf_append_span(struct buf *b, struct span s) MUST_CHECK;
enum err buf_append_str(struct buf *b, const char *text) MUST_CHECK;
enum err buf_append_byte(struct buf *b, uint8_t byte) MUST_CHECK;

/* The contents, borrowed until the next change. */
static inline struct span buf_span(const struct buf *b)
{
    return (struct span){(const char *)b->bytes, b->len};
}
