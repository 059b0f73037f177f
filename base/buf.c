/* SPDX-License-Identifier: Apache-2.0 */
/* Growing buffers: doubling, bounded, wiped when they hold personal data.
 * Runs on: one thread at a time. Holds: heap memory it owns. Invariant: len <= cap <= max.
 * Not here: keys (base/secret.h). */
#include "base/buf.h"

#include "base/mem.h"

#include <string.h>

enum { FIRST_CAPACITY = 256 };

void buf_init(struct buf *b, size_t max)
{
    *b = (struct buf){.max = max};
}

void buf_init_secret(struct buf *b, size_t max)
{
    *b = (struct buf){.max = max, .secret = true};
}

static void release(const struct buf *b, uint8_t *bytes, size_t cap)
{
    if (bytes == NULL)
        return;
    if (b->secret)
        explicit_bzero(bytes, cap); /* capacity, not length */
    mem_give(bytes, cap);
}

void buf_done(struct buf *b)
{
    release(b, b->bytes, b->cap);
    b->bytes = NULL;
    b->len = 0;
    b->cap = 0;
}

void buf_reset(struct buf *b)
{
    if (b->secret && b->len > 0)
        explicit_bzero(b->bytes, b->len);
    b->len = 0;
}

enum err buf_reserve(struct buf *b, size_t extra)
{
    size_t cap = b->cap == 0 ? FIRST_CAPACITY : b->cap;
    uint8_t *bytes;

    if (extra > b->max || b->len > b->max - extra)
        return ERR_TOO_LARGE;
    if (b->len + extra <= b->cap)
        return ERR_OK;
    while (cap < b->len + extra)
        cap = cap > b->max / 2 ? b->max : cap * 2;
    if (cap > b->max)
        cap = b->max;
    bytes = mem_take(cap);
    if (bytes == NULL)
        return ERR_NO_SPACE;
    if (b->len > 0)
        memcpy(bytes, b->bytes, b->len);
    release(b, b->bytes, b->cap);
    b->bytes = bytes;
    b->cap = cap;
    return ERR_OK;
}

enum err buf_append_span(struct buf *b, struct span s)
{
    return buf_append(b, s.at, s.len);
}

enum err buf_append_str(struct buf *b, const char *text)
{
    return buf_append(b, text, strlen(text));
}

enum err buf_append_byte(struct buf *b, uint8_t byte)
{
    return buf_append(b, &byte, 1);
}
