/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of the upstream client. Three objects: a pool (one a loop and upstream), its connections,
 * and calls. A call has at most one connection at a time and may outlive several (other addresses,
 * one retry); a connection serves one call at a time. */
#pragma once

#include <h2o.h>

#include "base/assert.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/span.h"
#include "base/http_chunked.h"
#include "proxy/response_head.h"
#include "proxy/upstream.h"

enum {
    UPSTREAM_POOL_MAGIC = 0x4c75706f,
    UPSTREAM_CONN_MAGIC = 0x4c75636e,
    UPSTREAM_CALL_MAGIC = 0x4c75636c,

    UPSTREAM_READ_SIZE = 64 << 10,  /* one read(2); also what a paused body may still deliver */
    UPSTREAM_TLS_SLICE = 256 << 10, /* libh2o encrypts what it is given into memory, all of it */
    UPSTREAM_INTERIM_MAX = 8,  /* 1xx answers before the final one; endless ones are an attack */
    UPSTREAM_SPARE_CALLS = 64, /* call structs kept with their head buffers */
    UPSTREAM_DOWN_MS = 5000    /* an address that failed is asked last for this long */
};

/* Where a connection stands; says which list of the pool it is on. */
enum conn_state {
    CONN_CONNECTING, /* busy list; has a call */
    CONN_HANDSHAKE,  /* busy list; has a call */
    CONN_BUSY,       /* busy list; has a call */
    CONN_IDLE,       /* idle list; no call */
    CONN_CLOSED      /* closed list; freed at the end of the loop's turn, when nobody looks at it */
};

struct upstream_conn {
    uint32_t magic;
    enum conn_state state;
    struct upstream_pool *pool;
    struct upstream_call *call;
    h2o_socket_t *sock; /* NULL once closed */
    h2o_linklist_t link;
    h2o_timeout_entry_t timer; /* linked to the one timeout that applies now */
    size_t address;
    uint64_t idle_since; /* the loop's time */

    bool reused;       /* has served a call before */
    bool unfit;        /* must not be reused */
    bool reading;      /* a read callback is set */
    bool close_notify; /* TLS: the peer ended its stream properly */

    /* the request going out */
    size_t written;
    size_t slice; /* TLS: bytes handed to libh2o and not yet reported written */
    bool sent;    /* all of it is written */
    bool broken;  /* writing failed; an early answer may still be there to read */

    /* the response coming in */
    bool answered;  /* any byte of it came */
    bool head_done; /* on_head was called */
    unsigned interim;
    struct response_head head;
    struct buf inbox; /* a head that is not whole yet */
    size_t scanned;   /* of it */
    uint64_t left;    /* of a body with a length */
    struct chunked chunked;
};

struct upstream_call {
    uint32_t magic;
    struct upstream_pool *pool;
    struct upstream_conn *conn; /* NULL while waiting for the deferred end */
    h2o_linklist_t link;        /* pool->calls or pool->spare_calls */
    h2o_timeout_entry_t later;  /* ends the call from the loop, not from upstream_send() */
    struct upstream_events events;
    void *context;
    struct buf head;  /* the request head as it goes out */
    struct span body; /* the caller's */
    size_t first_address;
    size_t attempts; /* addresses tried */
    enum err result; /* of the deferred end */
    bool to_head;    /* the method is HEAD */
    bool idempotent;
    bool paused;
    bool sending;     /* inside upstream_send(): no callback now */
    bool detached;    /* the owner is gone */
    unsigned entered; /* callbacks of it on the stack */
};

struct upstream_pool {
    uint32_t magic;
    h2o_loop_t *loop;
    const struct upstream_config *config;
    h2o_linklist_t busy;
    h2o_linklist_t idle; /* most recently used first */
    h2o_linklist_t closed;
    h2o_linklist_t calls;
    h2o_linklist_t spare_calls;
    size_t conn_count;
    size_t idle_count;
    size_t spare_count;
    size_t next_address;
    int64_t *down_until; /* by address; 0: up */
    bool draining;
    h2o_timeout_t connect_timeout;
    h2o_timeout_t first_byte_timeout;
    h2o_timeout_t idle_timeout;
    h2o_timeout_t keep_alive_timeout;
    h2o_timeout_t now_timeout;                         /* 0 ms: at the next turn of the loop */
    struct upstream_header headers[LIMIT_HEADERS_MAX]; /* of the head being handed out */
    char scratch[UPSTREAM_READ_SIZE];
};

/* ---- upstream_conn.c ---- */

/* An idle connection that can carry a call now, or NULL. Looks for a close that the loop has not
 * noticed yet, except under load for what may be sent again anyway: the look costs 0.3 us. */
struct upstream_conn *upstream__conn_take_idle(struct upstream_pool *pool, bool idempotent);
/* Start connecting for this call; tries its next addresses when one fails at once. Ends the call
 * when none is left. */
void upstream__conn_open(struct upstream_call *call);
/* Close. The struct stays until the end of the loop's turn. Its call, if any, is let go. Called by whoever finds that
 * the connection is of no more use; again does nothing. */
void upstream__conn_close(struct upstream_conn *conn);
/* The call is over: keep the connection for the next one when nothing speaks against it. */
void upstream__conn_release(struct upstream_conn *conn);
/* Free a closed one now: the pool ends. */
void upstream__conn_destroy(struct upstream_conn *conn);
/* One timer a connection: link it to `timeout`, or to none (NULL). */
void upstream__conn_arm(struct upstream_conn *conn, h2o_timeout_t *timeout);
void upstream__conn_set_reading(struct upstream_conn *conn, bool on);
/* Give a call to a connection that is ready, and write what the socket takes. */
void upstream__conn_start(struct upstream_conn *conn, struct upstream_call *call);

/* ---- upstream_tls.c ---- */

/* Have connections of this context note the peer's close_notify. Any thread; again does nothing. */
void upstream__tls_watch(struct ssl_ctx_st *tls);

/* ---- upstream_write.c ---- */

void upstream__write(struct upstream_conn *conn);

/* ---- upstream_read.c ---- */

/* The one read callback of a connection, whatever its state. */
void upstream__on_readable(h2o_socket_t *sock, const char *err);

/* ---- upstream.c ---- */

/* The call's connection broke before the response was whole (it is closed here): one more try where
 * that is safe, else the end. */
void upstream__call_lost(struct upstream_call *call, enum err result);
/* The call is over: lets its connection go (for reuse where it may) and tells the owner. */
void upstream__call_end(struct upstream_call *call, enum err result);
/* Before and after each callback; false: the owner detached, the call is gone. */
void upstream__call_enter(struct upstream_call *call);
bool upstream__call_leave(struct upstream_call *call) MUST_CHECK;

/* ---- upstream_request.c ---- */

/* The request's head as it goes out, into call->head. INVALID: a part of it holds a line end;
 * TOO_LARGE. */
enum err upstream__request_head(const struct upstream_pool *pool,
                                const struct upstream_request *request, struct buf *out) MUST_CHECK;

static inline struct upstream_conn *upstream__conn_of(const h2o_socket_t *sock)
{
    struct upstream_conn *conn = sock->data;

    REQUIRE(conn != NULL && conn->magic == UPSTREAM_CONN_MAGIC);
    return conn;
}
