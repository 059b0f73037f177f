/* SPDX-License-Identifier: Apache-2.0 */
/* Lines in batches.
 * Runs on: the main thread; blocks. Holds: one secret buffer. Invariant: a line is lent whole or
 * not at all; the last one needs no line end. Not here: what lines mean. */
#include "cli/lines.h"

#include <errno.h>
#include <unistd.h>

#include "base/limits.h"

enum { READ_BYTES = 64 << 10 };

void lines_init(struct lines *l, int fd)
{
    *l = (struct lines){.fd = fd};
    buf_init_secret(&l->in, LIMIT_VALUE_MAX + 2 + READ_BYTES);
}

void lines_done(struct lines *l)
{
    buf_done(&l->in);
}

static enum err read_some(struct lines *l)
{
    ssize_t n;
    enum err e = buf_reserve(&l->in, READ_BYTES);

    if (e != ERR_OK)
        return e;
    do {
        n = read(l->fd, l->in.bytes + l->in.len, READ_BYTES);
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        return ERR_IO;
    l->end = n == 0;
    l->in.len += (size_t)n;
    return ERR_OK;
}

static void drop_used(struct lines *l)
{
    size_t rest = l->in.len - l->used;

    if (l->used == 0)
        return;
    memmove(l->in.bytes, l->in.bytes + l->used, rest);
    explicit_bzero(l->in.bytes + rest, l->used);
    l->in.len = rest;
    l->used = 0;
}

/* The line that starts at `from`; false when its end has not come yet. */
static bool line_at(const struct lines *l, size_t from, struct span *ret_line, size_t *ret_next)
{
    size_t left = l->in.len - from;
    const char *at = (const char *)l->in.bytes + from;
    const char *end = left == 0 ? NULL : memchr(at, '\n', left);
    size_t len;

    if (end == NULL && !(l->end && left > 0))
        return false;
    len = end == NULL ? left : (size_t)(end - at);
    *ret_next = from + len + (end != NULL);
    if (end != NULL && len > 0 && at[len - 1] == '\r')
        len--;
    *ret_line = span_of(at, len);
    return true;
}

static size_t lend(struct lines *l, struct span batch[LINES_BATCH_MAX])
{
    size_t count = 0, next = 0;
    struct span line;

    while (count < LINES_BATCH_MAX && line_at(l, l->used, &line, &next)) {
        if (count > 0 && next > LINES_BATCH_BYTES_MAX)
            break;
        batch[count++] = line;
        l->used = next;
    }
    return count;
}

enum err lines_next(struct lines *l, struct span batch[LINES_BATCH_MAX], size_t *ret_count)
{
    size_t count;

    drop_used(l);
    while ((count = lend(l, batch)) == 0 && !l->end) {
        enum err e;

        if (l->in.len > LIMIT_VALUE_MAX + 1)
            return ERR_TOO_LARGE;
        e = read_some(l);
        if (e != ERR_OK)
            return e;
    }
    if (count > 0 && batch[0].len > LIMIT_VALUE_MAX)
        return ERR_TOO_LARGE;
    *ret_count = count;
    return ERR_OK;
}
