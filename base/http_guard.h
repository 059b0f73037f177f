/* SPDX-License-Identifier: Apache-2.0 */
/* Judges the raw head of a request as the client sent it. libh2o hides Content-Length,
 * Transfer-Encoding, a second Host and bare line feeds from handlers and lets pass what others in
 * the chain may read differently; so nothing is routed before this has seen the bytes. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/span.h"

enum { GUARD_CONNECTION_MAX = 4 /* Connection lines of one request; more is refused */ };

struct guard_facts {
    size_t head_len; /* with the empty line */
    struct span method;
    struct span target; /* origin form: starts with '/' */
    struct span host;   /* empty only for HTTP/1.0 */
    int minor_version;  /* 0 or 1 */
    bool has_body;      /* Content-Length (0 too) or Transfer-Encoding was declared */
    bool chunked;
    int64_t content_length;  /* -1: not declared */
    bool expect_continue;    /* libh2o answers it before handlers run */
    bool upgrade;            /* there is an Upgrade field, which is never passed on as it came */
    bool connection_upgrade; /* and Connection names it */
    struct span connection[GUARD_CONNECTION_MAX]; /* values of Connection, for guard_drops() */
    size_t connection_count;
    size_t field_count;
};

/* Judge the bytes of a socket's input buffer (`callbacks->get_socket(conn)->input`): the head at
 * their start, up to its empty line. What follows is not looked at. All spans of ret_facts stand in
 * `input`. Any error: answer it and close the connection, for where the next request starts is in
 * doubt.
 *
 * INVALID: what RFC 9112 forbids or two readers may read differently: both lengths, two or odd
 * Content-Lengths, Transfer-Encoding in HTTP/1.0, no or two or odd Hosts, folded lines, an empty
 * line first, bare CR or LF, NUL, controls, blanks around a name, absolute or asterisk form, odd
 * characters in method, target or names, names that spell a protected one with '_', a protected
 * name listed in Connection, two of what may come once.
 *
 * METHOD: CONNECT, TRACE, or a header that asks for another method (X-HTTP-Method-Override).
 *
 * UNIMPLEMENTED: HTTP/1.2 and others, a transfer coding but exactly `chunked`, an unknown
 * expectation.
 *
 * HEAD_TOO_LARGE: over LIMIT_REQUEST_HEAD_MAX or LIMIT_HEADERS_MAX.
 *
 * Runs on every request, in one pass. Any thread. */
enum err guard_head(struct span input, struct guard_facts *ret_facts) MUST_CHECK;

/* Must this header stay behind when the request is passed on? True for hop-by-hop ones (RFC
 * 9110 7.6.1), for what the upstream client writes itself (Host, Content-Length), for Expect, and
 * for names the client listed in Connection. */
bool guard_drops(const struct guard_facts *facts, struct span name) MUST_CHECK;
