/* SPDX-License-Identifier: Apache-2.0 */
/* A small upstream for tests: listens on a free loopback port and plays a script on each
 * connection, each in a thread of its own. No delays: what has to wait, waits for the test
 * (STUB_AWAIT) or for the peer (STUB_HOLD). */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

struct ssl_ctx_st;
struct http_stub;

enum stub_step_kind {
    STUB_END,     /* close the connection */
    STUB_REQUEST, /* read one request, head and body, and count it; an end of the stream ends the
                     script */
    STUB_HEAD,    /* read the head only, and count it; the body stays unread */
    STUB_SEND,    /* send the text */
    STUB_TRICKLE, /* send the text byte by byte, each in a packet of its own */
    STUB_FILL,    /* send n bytes of 'x' */
    STUB_AWAIT,   /* wait for http_stub_go() */
    STUB_HOLD,    /* wait until the peer closes */
    STUB_RESET,   /* close with RST */
    STUB_CUT,     /* TLS: close without close_notify */
    STUB_AGAIN    /* start over */
};

struct stub_step {
    enum stub_step_kind kind;
    const char *text;
    size_t n; /* STUB_SEND, STUB_TRICKLE: length, 0: strlen(text) */
};

/* scripts: connection k plays scripts[k], the last one serves all further ones; the arrays must
 * outlive the stub. tls: a server context, or NULL. Aborts when it cannot listen. */
struct http_stub *http_stub_start(const struct stub_step *const *scripts, size_t count,
                                  struct ssl_ctx_st *tls);
/* Ends all connections and threads. */
void http_stub_stop(struct http_stub **stub);

void http_stub_address(const struct http_stub *stub, struct sockaddr_in *ret);
/* Let one STUB_AWAIT go on; may come before it is reached. */
void http_stub_go(struct http_stub *stub);

size_t http_stub_connections(struct http_stub *stub);
size_t http_stub_requests(struct http_stub *stub);
/* Wait (at most some seconds; false then) until this many connections have been closed by the stub.
 */
bool http_stub_await_closed(struct http_stub *stub, size_t count);
/* As above, until this many requests were counted. */
bool http_stub_await_requests(struct http_stub *stub, size_t count);
/* As above, until this many STUB_SENDs are done: their bytes then stand in the peer's kernel. */
bool http_stub_await_sent(struct http_stub *stub, size_t count);
/* Copy the text of the last counted request (what fits) and end it with NUL. */
void http_stub_last_request(struct http_stub *stub, char *out, size_t size);
