/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/1.1 client for upstreams (RFC 9112), one pool a loop thread and upstream. Our own, because
 * libh2o 2.2.5's aborts the process on a hostile answer. Everything here runs on its loop thread
 * and nothing blocks. The process must ignore SIGPIPE: libh2o writes TLS records with writev(). */
#pragma once

#include <h2o.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/err.h"
#include "base/span.h"

struct ssl_ctx_st;

struct upstream_address {
    struct sockaddr_storage address;
    socklen_t len;
};

struct upstream_config {
    char *name;
    char *authority; /* the Host it is addressed by: "127.0.0.1:9000" */
    char *host;      /* name or address, for TLS */
    struct upstream_address *addresses;
    size_t address_count;
    struct ssl_ctx_st *tls;   /* NULL: plain */
    int64_t connect_ms;       /* name known to connected (and TLS done); default 3 s */
    int64_t first_byte_ms;    /* request sent to response head complete; default 30 s */
    int64_t idle_ms;          /* between bytes of a body, either way; default 30 s */
    int64_t keep_alive_ms;    /* an idle pooled connection lives this long; default 20 s */
    uint32_t idle_max;        /* idle connections kept a loop; default 64 */
    uint32_t connections_max; /* open connections a loop; default 512; BUSY beyond */
};

struct upstream_header {
    struct span name; /* as it came; compared without case */
    struct span value;
};

struct upstream_head {
    int status; /* final: 1xx are swallowed, 101 is an error */
    /* Without hop-by-hop ones, those named in Connection (RFC 9110 7.6.1), and Content-Length. */
    const struct upstream_header *headers;
    size_t header_count;
    int64_t content_length; /* as declared, to HEAD and in 304 too; -1: not known before the end */
    bool has_body;          /* false for HEAD, 204, 304 whatever the headers say */
};

struct upstream_request {
    struct span method;
    struct span target; /* origin form */
    /* Host, Content-Length and hop-by-hop ones are left out: the client writes its own. */
    const struct upstream_header *headers;
    size_t header_count;
    struct span body; /* borrowed until done or detach */
    bool has_body;    /* writes Content-Length even when the body is empty */
};

struct upstream_pool;
struct upstream_call;

/* Callbacks of one call; never from inside upstream_send(). Inside them the call may be detached,
 * and others be sent; the pool must not be freed. */
struct upstream_events {
    /* Once, before body and done(OK). Borrowed for the time of the callback. */
    void (*on_head)(struct upstream_call *call, const struct upstream_head *head, void *context);
    /* Decoded body bytes, any number of times. Borrowed for the time of the callback. */
    void (*on_body)(struct upstream_call *call, struct span bytes, void *context);
    /* Exactly once, last. OK: the response is complete by its own framing. UPSTREAM: refused,
     * broken or badly framed; TIMEOUT; BUSY: no connection to be had; INVALID, TOO_LARGE: a request
     * that cannot be written (a line end in a header). The call is freed after it returns. */
    void (*on_done)(struct upstream_call *call, enum err result, void *context);
};

struct upstream_pool *upstream_pool_new(h2o_loop_t *loop, const struct upstream_config *config);
/* Close idle connections and keep none from now on (drain). */
void upstream_pool_drain(struct upstream_pool *pool);
/* Ends everything; calls still running get no callback. NULL inside is fine. */
void upstream_pool_free(struct upstream_pool **pool);

/* Send one request. Never retried once a byte of it may have been acted on; a pooled connection
 * that turns out closed before anything was written costs a reconnect only (RFC 9110 9.2.2,
 * 9112 9.3.1). An idempotent method (GET, HEAD, OPTIONS, PUT, DELETE) may be sent again, once, when
 * a reused connection closes without a byte of an answer; others may not. Call it from a callback
 * of the loop: over TLS an answer to a request sent from outside may look early, and costs the
 * connection. */
struct upstream_call *upstream_send(struct upstream_pool *pool,
                                    const struct upstream_request *request,
                                    const struct upstream_events *events, void *context);
/* Stop and restart reading the body: back-pressure. The idle timer rests while paused. What was
 * read already still comes: the rest of one read (64 KiB; under TLS what the kernel held), and
 * on_done when that was the end. */
void upstream_pause(struct upstream_call *call);
void upstream_resume(struct upstream_call *call);
/* The owner goes first: no callback comes after this; the connection is closed, not reused. */
void upstream_detach(struct upstream_call *call);
