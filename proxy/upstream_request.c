/* SPDX-License-Identifier: Apache-2.0 */
/* Upstream client: the head of a request.
 * Runs on: the pool's loop thread. Holds: nothing. Invariant: the head has exactly the lines
 * written here, whatever the parts hold. Not here: the body, which goes out from where it lies. */
#include "proxy/upstream_priv.h"

#include <string.h>

#include "base/http_line.h"

static const char request_version[] = " HTTP/1.1\r\nHost: ";
static const char upgrade_lines[] = "Connection: Upgrade\r\nUpgrade: websocket\r\n";
static const char length_name[] = "Content-Length: ";

enum { LENGTH_ROOM = 32 };

/* Written here, or about one connection only. */
static bool is_ours(struct span name)
{
    return (name.len == 4 && span_equal_nocase(name, SPAN_LIT("host"))) ||
           (name.len == 14 && span_equal_nocase(name, SPAN_LIT("content-length"))) ||
           head_is_hop_by_hop(name);
}

static char *put(char *to, const void *from, size_t len)
{
    if (len > 0)
        memcpy(to, from, len);
    return to + len;
}

static char *put_number(char *to, size_t n)
{
    char digits[LENGTH_ROOM];
    size_t at = sizeof(digits);

    do {
        digits[--at] = (char)('0' + n % 10);
        n /= 10;
    } while (n > 0);
    return put(to, digits + at, sizeof(digits) - at);
}

/* Room for everything, so that the pieces are copied without asking each time. */
static size_t room_for(struct span authority, const struct upstream_request *request)
{
    size_t n = request->method.len + 1 + request->target.len + sizeof(request_version) +
               authority.len + sizeof(upgrade_lines) + sizeof(length_name) + LENGTH_ROOM;

    for (size_t i = 0; i < request->header_count; i++)
        n += request->headers[i].name.len + request->headers[i].value.len + 4;
    return n;
}

/* Sixteen bytes compared at once. */
typedef uint8_t lanes __attribute__((vector_size(16)));

static size_t sum(lanes counts)
{
    size_t n = 0;

    for (size_t i = 0; i < sizeof(counts); i++)
        n += counts[i];
    return n;
}

static bool breaks_lines(char c)
{
    return c == '\r' || c == '\n' || c == '\0';
}

/* How many bytes could end a line, for whatever reader. */
static size_t count_breaks(struct span text)
{
    enum { TURNS = 255 }; /* that a counter of one byte can take */
    const char *at = text.at, *end = at + text.len;
    size_t n = 0;

    while (end - at >= (ptrdiff_t)sizeof(lanes)) {
        lanes counts = {0};

        for (int i = 0; i < TURNS && end - at >= (ptrdiff_t)sizeof(lanes); i++) {
            lanes v;

            memcpy(&v, at, sizeof(v));
            counts -= (lanes)((lanes)(v == '\r') | (lanes)(v == '\n') | (lanes)(v == '\0'));
            at += sizeof(lanes);
        }
        n += sum(counts);
    }
    for (; at < end; at++)
        n += breaks_lines(*at);
    return n;
}

enum err upstream__request_head(const struct upstream_pool *pool,
                                const struct upstream_request *request, struct buf *out)
{
    struct span authority = span_str(pool->config->authority);
    size_t lines = 3; /* request line, Host, the empty one */
    char *start, *to;
    enum err e;

    e = buf_reserve(out, room_for(authority, request));
    if (e != ERR_OK)
        return e;
    start = to = (char *)out->bytes + out->len;
    to = put(to, request->method.at, request->method.len);
    *to++ = ' ';
    to = put(to, request->target.at, request->target.len);
    to = put(to, request_version, sizeof(request_version) - 1);
    to = put(to, authority.at, authority.len);
    to = put(to, "\r\n", 2);
    for (size_t i = 0; i < request->header_count; i++) {
        const struct upstream_header *h = &request->headers[i];

        if (is_ours(h->name))
            continue;
        to = put(to, h->name.at, h->name.len);
        to = put(to, ": ", 2);
        to = put(to, h->value.at, h->value.len);
        to = put(to, "\r\n", 2);
        lines++;
    }
    if (request->websocket) {
        to = put(to, upgrade_lines, sizeof(upgrade_lines) - 1);
        lines += 2;
    }
    if (request->has_body) {
        to = put(to, length_name, sizeof(length_name) - 1);
        to = put_number(to, request->body.len);
        to = put(to, "\r\n", 2);
        lines++;
    }
    to = put(to, "\r\n", 2);
    if (count_breaks(span_of(start, (size_t)(to - start))) != 2 * lines)
        return ERR_INVALID; /* a part holds one: it would start a line of its own */
    out->len += (size_t)(to - start);
    return ERR_OK;
}
