/* SPDX-License-Identifier: Apache-2.0 */
/* Upstream client: the head of a request.
 * Runs on: the pool's loop thread. Holds: nothing. Invariant: the head has exactly the lines
 * written here, whatever the parts hold. Not here: the body, which goes out from where it lies. */
#include "proxy/upstream_priv.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "proxy/head_line.h"

static const char request_version[] = " HTTP/1.1\r\nHost: ";
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

/* Room for everything, so that the pieces are copied without asking each time. */
static size_t room_for(struct span authority, const struct upstream_request *request)
{
    size_t n = request->method.len + 1 + request->target.len + sizeof(request_version) +
               authority.len + sizeof(length_name) + LENGTH_ROOM;

    for (size_t i = 0; i < request->header_count; i++)
        n += request->headers[i].name.len + request->headers[i].value.len + 4;
    return n;
}

/* A line end inside a name or value would start a line of its own: refuse to send it. */
static bool has_lines(struct span text, size_t lines)
{
    size_t returns = 0, feeds = 0, nuls = 0;

    for (size_t i = 0; i < text.len; i++) {
        returns += text.at[i] == '\r';
        feeds += text.at[i] == '\n';
        nuls += text.at[i] == '\0';
    }
    return returns == lines && feeds == lines && nuls == 0;
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
    if (request->has_body) {
        to = put(to, length_name, sizeof(length_name) - 1);
        to += snprintf(to, LENGTH_ROOM, "%zu\r\n", request->body.len);
        lines++;
    }
    to = put(to, "\r\n", 2);
    if (!has_lines(span_of(start, (size_t)(to - start)), lines))
        return ERR_INVALID;
    out->len += (size_t)(to - start);
    return ERR_OK;
}
