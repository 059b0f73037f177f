/* SPDX-License-Identifier: Apache-2.0 */
/* Strict reading of head lines.
 * Runs on: any thread. Holds: nothing. Invariant: never reads at or past `end`.
 * Not here: what names mean (base/http_guard.c, proxy/response_head.c). */
#include "base/http_line.h"

#include <string.h>

/* Sixteen bytes compared at once; the compiler makes SSE2 or NEON of it, or plain code. */
typedef uint8_t lanes __attribute__((vector_size(16)));
typedef uint64_t halves __attribute__((vector_size(16)));

enum { TOKEN = 1, UNDERSCORE = 2 };

/* clang-format off */
static const uint8_t token_chars[256] = {
    ['!'] = TOKEN, ['#'] = TOKEN, ['$'] = TOKEN, ['%'] = TOKEN, ['&'] = TOKEN, ['\''] = TOKEN,
    ['*'] = TOKEN, ['+'] = TOKEN, ['-'] = TOKEN, ['.'] = TOKEN, ['^'] = TOKEN, ['`'] = TOKEN,
    ['|'] = TOKEN, ['~'] = TOKEN, ['_'] = TOKEN | UNDERSCORE,
    ['0' ... '9'] = TOKEN, ['A' ... 'Z'] = TOKEN, ['a' ... 'z'] = TOKEN,
};
/* clang-format on */

bool head_is_token_char(char c)
{
    return token_chars[(uint8_t)c] != 0;
}

/* Index of the first lane that is set, given that one is. */
static size_t first_set(lanes hit)
{
    halves any = (halves)hit;

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ /* style 7.3: one expression */
    return any[0] != 0 ? (size_t)__builtin_ctzll(any[0]) / 8
                       : 8 + (size_t)__builtin_ctzll(any[1]) / 8;
#else
    return any[0] != 0 ? (size_t)__builtin_clzll(any[0]) / 8
                       : 8 + (size_t)__builtin_clzll(any[1]) / 8;
#endif
}

static bool any_set(lanes hit)
{
    halves any = (halves)hit;

    return (any[0] | any[1]) != 0;
}

/* The first control character but HTAB (RFC 9110 5.5), or end. */
static const char *find_control(const char *at, const char *end)
{
    for (; end - at >= (ptrdiff_t)sizeof(lanes); at += sizeof(lanes)) {
        lanes v, hit;

        memcpy(&v, at, sizeof(v));
        hit = (lanes)(((lanes)(v < 0x20) & (lanes)(v != '\t')) | (lanes)(v == 0x7f));
        if (any_set(hit))
            return at + first_set(hit);
    }
    for (; at < end; at++) {
        uint8_t c = (uint8_t)*at;

        if ((c < 0x20 && c != '\t') || c == 0x7f)
            break;
    }
    return at;
}

/* The end of a name; what nearly all names are made of at once, the rest by the table. */
static const char *find_name_end(const char *at, const char *end, uint8_t *ret_seen)
{
    uint8_t seen = 0;

    for (; end - at >= (ptrdiff_t)sizeof(lanes); at += sizeof(lanes)) {
        lanes v, other;

        memcpy(&v, at, sizeof(v));
        other = (lanes)((lanes)((lanes)((v | 0x20) - 'a') > 25) & (lanes)((lanes)(v - '0') > 9) &
                        (lanes)(v != '-'));
        if (any_set(other)) {
            at += first_set(other);
            break;
        }
    }
    for (uint8_t kind; at < end && (kind = token_chars[(uint8_t)*at]) != 0; at++)
        seen |= kind;
    *ret_seen = seen;
    return at;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

enum head_step head_line_next(const char **at, const char *end, struct head_line *ret)
{
    const char *p = *at, *name = p, *value, *stop;
    uint8_t seen;
    size_t name_len;

    if (end - p >= 2 && p[0] == '\r' && p[1] == '\n') {
        *at = p + 2;
        return HEAD_END;
    }
    p = find_name_end(p, end, &seen);
    name_len = (size_t)(p - name);
    if (name_len == 0 || p == end || *p != ':')
        return HEAD_BAD;
    for (p++; p < end && is_blank(*p); p++)
        ;
    value = p;
    stop = find_control(p, end);
    if (end - stop < 2 || stop[0] != '\r' || stop[1] != '\n')
        return HEAD_BAD;
    *at = stop + 2;
    while (stop > value && is_blank(stop[-1]))
        stop--;
    ret->name = span_of(name, name_len);
    ret->value = span_of(value, (size_t)(stop - value));
    ret->has_underscore = (seen & UNDERSCORE) != 0;
    return HEAD_LINE;
}

bool head_list_next(struct span *rest, struct span *ret_member)
{
    const char *p = rest->at, *end = p + rest->len;

    while (p < end) {
        const char *comma = memchr(p, ',', (size_t)(end - p));
        const char *stop = comma != NULL ? comma : end, *next = comma != NULL ? comma + 1 : end;

        while (p < stop && is_blank(*p))
            p++;
        while (stop > p && is_blank(stop[-1]))
            stop--;
        if (stop > p) {
            *rest = span_of(next, (size_t)(end - next));
            *ret_member = span_of(p, (size_t)(stop - p));
            return true;
        }
        p = next;
    }
    *rest = span_of(end, 0);
    return false;
}

bool head_list_has(struct span list, struct span member)
{
    struct span one;

    while (head_list_next(&list, &one)) {
        if (span_equal_nocase(one, member))
            return true;
    }
    return false;
}

bool head_is_hop_by_hop(struct span name)
{
    switch (name.len) {
    case 2:
        return span_equal_nocase(name, SPAN_LIT("te"));
    case 7:
        return span_equal_nocase(name, SPAN_LIT("upgrade")) ||
               span_equal_nocase(name, SPAN_LIT("trailer"));
    case 10:
        return span_equal_nocase(name, SPAN_LIT("connection")) ||
               span_equal_nocase(name, SPAN_LIT("keep-alive"));
    case 14:
        return span_equal_nocase(name, SPAN_LIT("http2-settings"));
    case 16:
        return span_equal_nocase(name, SPAN_LIT("proxy-connection"));
    case 17:
        return span_equal_nocase(name, SPAN_LIT("transfer-encoding"));
    case 18:
        return span_equal_nocase(name, SPAN_LIT("proxy-authenticate"));
    case 19:
        return span_equal_nocase(name, SPAN_LIT("proxy-authorization"));
    default:
        return false;
    }
}
