/* SPDX-License-Identifier: Apache-2.0 */
/* Reads and judges the head of an upstream's response (RFC 9112 4-6). Whatever two readers could
 * take for different messages is refused. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/span.h"
#include "proxy/upstream.h"

enum response_framing {
    FRAMING_NONE,    /* no body: to HEAD, 1xx, 204, 304 */
    FRAMING_LENGTH,  /* content_length bytes */
    FRAMING_CHUNKED, /* base/http_chunked.h */
    FRAMING_CLOSE    /* until the connection ends */
};

struct response_head {
    int status; /* 100-599 */
    enum response_framing framing;
    /* As declared, -1 otherwise; more than bytes to come for FRAMING_NONE. */
    int64_t content_length;
    bool keep_alive; /* the upstream means to go on with this connection */
    bool websocket;  /* it says that it goes over to WebSocket */
    size_t header_count;
};

/* Is the head whole? *scanned: where to go on looking when more bytes came; 0 at first. ret_len:
 * with its empty line. NOT_FOUND: not yet. UPSTREAM: it will never be one: not HTTP/1, a bare LF,
 * longer than LIMIT_RESPONSE_HEAD_MAX. */
enum err response_head_find(struct span bytes, size_t *scanned, size_t *ret_len) MUST_CHECK;

/* Read a whole head. headers: room for LIMIT_HEADERS_MAX; gets those that are the receiver's,
 * without Content-Length, hop-by-hop ones and ones named in Connection; their spans stand in
 * `head`. UPSTREAM: bad status line or line, more headers than that, Content-Length twice, with
 * Transfer-Encoding or not a plain number, a transfer coding but `chunked`, or one in HTTP/1.0. */
enum err response_head_parse(struct span head, bool to_head_request,
                             struct upstream_header *headers, struct response_head *ret) MUST_CHECK;
