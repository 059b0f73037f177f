/* SPDX-License-Identifier: Apache-2.0 */
/* Request targets in normal form (RFC 3986 6.2.2, less what is ambiguous; contract: proxy/path.h).
 * Runs on: any thread. Holds: nothing. Invariant: a normal path is its own normal form, and all
 * spellings of a path that pass have the same one. Not here: queries (query.c). */
#include "proxy/path.h"

#include <stdint.h>
#include <string.h>

#include "proxy/percent_priv.h"

/* What a raw character of a path or query is. */
enum {
    PATH_PLAIN = 1,  /* stays */
    PATH_ESCAPE = 2, /* no URI may hold it, clients send it: becomes an escape */
    QUERY_PLAIN = 4,
    UNRESERVED = 8 /* RFC 3986 2.3: an escape of it means the same */
};

#define LETTER (PATH_PLAIN | QUERY_PLAIN | UNRESERVED)
#define SIGN   (PATH_PLAIN | QUERY_PLAIN)
#define ODD    (PATH_ESCAPE | QUERY_PLAIN)

/* clang-format off */
static const uint8_t kinds[256] = {
    ['0' ... '9'] = LETTER, ['A' ... 'Z'] = LETTER, ['a' ... 'z'] = LETTER,
    ['-'] = LETTER, ['.'] = LETTER, ['_'] = LETTER, ['~'] = LETTER,
    ['!'] = SIGN, ['$'] = SIGN, ['&'] = SIGN, ['\''] = SIGN, ['('] = SIGN, [')'] = SIGN,
    ['*'] = SIGN, ['+'] = SIGN, [','] = SIGN, ['='] = SIGN, [':'] = SIGN, ['@'] = SIGN,
    ['/'] = SIGN, [';'] = QUERY_PLAIN, ['?'] = QUERY_PLAIN,
    ['['] = ODD, [']'] = ODD, ['^'] = ODD, ['`'] = ODD, ['{'] = ODD, ['|'] = ODD, ['}'] = ODD,
};
/* clang-format on */

static bool is(char c, unsigned kind)
{
    return (kinds[(uint8_t)c] & kind) != 0;
}

static enum err check_query(struct span query)
{
    for (size_t i = 0; i < query.len; i++) {
        if (is(query.at[i], QUERY_PLAIN))
            continue;
        if (query.at[i] != '%' || proxy__percent_byte(query, i) < 0)
            return ERR_INVALID;
        i += 2;
    }
    return ERR_OK;
}

/* No dot segments, and no empty ones but a last. */
static enum err check_segments(struct span path)
{
    const char *at = path.at + 1, *end = path.at + path.len;

    for (;;) {
        const char *slash = memchr(at, '/', (size_t)(end - at));
        size_t len = (size_t)((slash != NULL ? slash : end) - at);

        if ((len == 0 && slash != NULL) || (len == 1 && at[0] == '.') ||
            (len == 2 && at[0] == '.' && at[1] == '.'))
            return ERR_INVALID;
        if (slash == NULL)
            return ERR_OK;
        at = slash + 1;
    }
}

static enum err put_escape(struct buf *out, uint8_t byte)
{
    static const char digits[] = "0123456789ABCDEF";
    char text[3] = {'%', digits[byte >> 4], digits[byte & 15]};

    return buf_append(out, text, sizeof(text));
}

/* One decoded byte of an escape in a path. */
static enum err put_decoded(struct buf *out, uint8_t byte)
{
    if (byte < 0x20 || byte == 0x7f || byte == '/' || byte == '\\')
        return ERR_INVALID;
    if (is((char)byte, UNRESERVED))
        return buf_append_byte(out, byte);
    return put_escape(out, byte);
}

/* The path with escapes brought into order, appended to out. */
static enum err rewrite(struct span path, struct buf *out)
{
    struct utf8 text = {0};

    for (size_t i = 0; i < path.len; i++) {
        char c = path.at[i];
        int byte = (uint8_t)c;
        enum err e;

        if (c == '%') {
            byte = proxy__percent_byte(path, i);
            if (byte < 0)
                return ERR_INVALID;
            i += 2;
            e = put_decoded(out, (uint8_t)byte);
        } else if (is(c, PATH_PLAIN)) {
            e = buf_append_byte(out, (uint8_t)c);
        } else if (is(c, PATH_ESCAPE)) {
            e = put_escape(out, (uint8_t)c);
        } else {
            return ERR_INVALID;
        }
        if (e != ERR_OK)
            return e;
        if (!proxy__utf8_step(&text, (uint8_t)byte))
            return ERR_INVALID;
    }
    return proxy__utf8_is_whole(&text) ? ERR_OK : ERR_INVALID;
}

/* The path when it is not plain throughout: rewritten, unless that gives the same bytes. */
static enum err normalise(struct span path, struct buf *out, struct span *ret)
{
    size_t start = out->len;
    struct span normal;
    enum err e = rewrite(path, out);

    if (e != ERR_OK)
        return e;
    normal = span_of(out->bytes + start, out->len - start);
    if (span_equal(normal, path)) {
        out->len = start;
        normal = path;
    }
    *ret = normal;
    return ERR_OK;
}

enum err path_normalise(struct span target, struct buf *out, struct path *ret)
{
    struct path p = {.path = target, .query = SPAN_NONE};
    size_t len = 0;
    enum err e = ERR_OK;

    if (target.len == 0 || target.at[0] != '/')
        return ERR_INVALID;
    while (len < target.len && is(target.at[len], PATH_PLAIN))
        len++;
    if (len < target.len) {
        const char *mark = memchr(target.at + len, '?', target.len - len);

        if (mark != NULL) {
            p.path.len = (size_t)(mark - target.at);
            p.query = span_of(mark + 1, target.len - p.path.len - 1);
        }
        if (len < p.path.len)
            e = normalise(p.path, out, &p.path);
    }
    if (e == ERR_OK)
        e = check_query(p.query);
    if (e == ERR_OK)
        e = check_segments(p.path);
    if (e != ERR_OK)
        return e;
    *ret = p;
    return ERR_OK;
}

bool path_next_segment(struct span *rest, struct span *ret_segment)
{
    const char *at, *end, *slash;

    if (rest->len < 2) /* "/" at the end, or nothing */
        return false;
    at = rest->at + 1;
    end = rest->at + rest->len;
    slash = memchr(at, '/', (size_t)(end - at));
    if (slash == NULL)
        slash = end;
    *ret_segment = span_of(at, (size_t)(slash - at));
    *rest = span_of(slash, (size_t)(end - slash));
    return true;
}

bool path_segment_equal(struct span segment, struct span literal)
{
    size_t at = 0;

    for (size_t i = 0; i < segment.len; i++, at++) {
        int byte = (uint8_t)segment.at[i];

        if (byte == '%') {
            byte = proxy__percent_byte(segment, i);
            i += 2;
        }
        if (at == literal.len || byte != (uint8_t)literal.at[at])
            return false;
    }
    return at == literal.len;
}

enum err percent_decode(struct span text, struct buf *out)
{
    for (size_t i = 0; i < text.len; i++) {
        int byte = (uint8_t)text.at[i];
        enum err e;

        if (byte == '%') {
            byte = proxy__percent_byte(text, i);
            if (byte < 0)
                return ERR_INVALID;
            i += 2;
        }
        e = buf_append_byte(out, (uint8_t)byte);
        if (e != ERR_OK)
            return e;
    }
    return ERR_OK;
}

enum err percent_encode(struct span value, struct buf *out)
{
    for (size_t i = 0; i < value.len; i++) {
        char c = value.at[i];
        enum err e =
            is(c, UNRESERVED) ? buf_append_byte(out, (uint8_t)c) : put_escape(out, (uint8_t)c);

        if (e != ERR_OK)
            return e;
    }
    return ERR_OK;
}
