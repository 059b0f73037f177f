/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of the upstream client:
 *
 *   upstream.c           calls: turns, tries, ends
 *   upstream_pool.c      a loop's pool: which address is next
 *   upstream_conn.c      connections from dialling to closing
 *   upstream_request.c   heads as they go out        upstream_read.c    answers as they come in
 *   upstream_write.c     bytes out                   upstream_tls.c     what OpenSSL tells
 *   upstream_check.c     health checks               upstream_group.c   what the loops share
 *   upstream_gate.c      turns                       upstream_resolve.c names
 *
 * A call has at most one connection at a time and may outlive several (other addresses, one retry); a
 * connection serves one call at a time. */
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
#include "proxy/upstream_gate.h"
#include "proxy/upstream_group_priv.h"

enum {
    UPSTREAM_POOL_MAGIC = 0x4c75706f,
    UPSTREAM_CONN_MAGIC = 0x4c75636e,
    UPSTREAM_CALL_MAGIC = 0x4c75636c,

    UPSTREAM_READ_SIZE = 64 << 10,  /* one read(2); also what a paused body may still deliver */
    UPSTREAM_TLS_SLICE = 256 << 10, /* libh2o encrypts what it is given into memory, all of it */
    UPSTREAM_INTERIM_MAX = 8, /* 1xx answers before the final one; endless ones are an attack */
    UPSTREAM_SPARE_CALLS = 64 /* call structs kept with their head buffers */
};

/* Where a connection stands; says which list of the pool it is on. */
enum conn_state {
    CONN_CONNECTING, /* busy list; has a call */
    CONN_HANDSHAKE,  /* busy list; has a call */
    CONN_BUSY,       /* busy list; has a call */
    CONN_IDLE,       /* idle list; no call */
    CONN_CLOSED      /* closed list; freed at the end of the loop's turn, when nobody looks at it */
};

/* One address as one loop sees it. Counters are written by the loop only, and read by others. */
struct pool_target {
    struct upstream_pool *pool;
    struct upstream_target *shared;
    unsigned slot;       /* its bit in upstream_call.tried */
    bool gone;           /* no longer the upstream's; freed with its last connection */
    uint32_t busy;       /* connections that serve a call, or will */
    h2o_linklist_t idle; /* most recently used first */
    h2o_timeout_entry_t check_timer;
    struct upstream_call *check; /* the health check under way */
    _Atomic uint32_t open;
    _Atomic uint32_t idle_count;
    _Atomic uint64_t requests;
    _Atomic uint64_t failures;
    _Atomic uint64_t timeouts;
};

struct upstream_conn {
    uint32_t magic;
    enum conn_state state;
    struct upstream_pool *pool;
    struct upstream_call *call;
    h2o_socket_t *sock; /* NULL once closed */
    h2o_linklist_t link;
    h2o_timeout_entry_t timer;  /* linked to the one timeout that applies now */
    struct pool_target *target; /* NULL once closed */
    uint64_t idle_since;        /* the loop's time */

    bool reused;       /* has served a call before */
    bool unfit;        /* must not be reused */
    bool reading;      /* a read callback is set */
    bool verified;     /* TLS: the handshake is done, the peer's chain and name are right */
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
    h2o_timeout_entry_t
        timer; /* it waits for a turn, for the whole answer, or to be ended by the loop */
    h2o_linklist_t queue_link; /* pool->queue, while it waits for a turn; then pool->due */
    struct upstream_events events;
    void *context;
    struct buf head;            /* the request head as it goes out */
    struct span body;           /* the caller's */
    uint64_t tried;             /* addresses that could not be connected to, by slot */
    struct pool_target *target; /* of a health check: the one address it asks; else NULL */
    enum err result;            /* of the deferred end */
    bool to_head;               /* the method is HEAD */
    bool idempotent;
    bool websocket; /* a 101 is wanted */
    bool paused;
    bool has_turn;    /* at the gate */
    bool sick;        /* its answer says that something behind the address is wrong */
    bool sending;     /* inside upstream_send(): no callback now */
    bool detached;    /* the owner is gone */
    unsigned entered; /* callbacks of it on the stack */
};

/* What is waited for. */
enum pool_wait {
    WAIT_NOT, /* 0 ms: at the next turn of the loop */
    WAIT_CONNECT,
    WAIT_TLS,
    WAIT_WRITE,
    WAIT_FIRST_BYTE,
    WAIT_IDLE,
    WAIT_RESPONSE,
    WAIT_KEEP_ALIVE,
    WAIT_TURN,
    WAIT_CHECK,      /* until the next one */
    WAIT_CHECK_DONE, /* for its end */
    POOL_TIMEOUTS
};

struct upstream_pool {
    uint32_t magic;
    h2o_loop_t *loop;
    const struct upstream_config *config;
    struct upstream_group *group;
    h2o_linklist_t link; /* group->pools */
    struct gate_door door;
    uint64_t generation; /* of `targets` */
    /* Changed by the loop, under the group's lock. */
    struct pool_target *targets[UPSTREAM_ADDRESSES_MAX];
    size_t target_count;
    uint64_t slots; /* taken */
    size_t next;    /* whose turn it is when loads are equal */
    h2o_linklist_t busy;
    h2o_linklist_t closed;
    h2o_linklist_t calls;
    h2o_linklist_t queue; /* calls that wait for a turn, longest first */
    h2o_linklist_t due;   /* calls that begin when this turn of the loop is over */
    h2o_timeout_entry_t beginning;
    h2o_linklist_t spare_calls;
    size_t conn_count;
    size_t idle_count;
    size_t spare_count;
    bool checks; /* it does the health checks */
    bool draining;
    /* The loop looks at every timeout at every turn: equal ones are one. */
    h2o_timeout_t timeouts[POOL_TIMEOUTS];
    size_t timeout_count;
    h2o_timeout_t *wait[POOL_TIMEOUTS];                /* by purpose; NULL: nobody waits for that */
    struct upstream_header headers[LIMIT_HEADERS_MAX]; /* of the head being handed out */
    char scratch[UPSTREAM_READ_SIZE];
};

/* ---- upstream_pool.c ---- */

/* Take over the group's addresses as they are now. Cheap when nothing changed. */
static inline void upstream__pool_refresh(struct upstream_pool *pool);
void upstream__pool_adopt(struct upstream_pool *pool);
/* The address to ask next: in, not tried by this call, with the fewest calls; equal ones in turn. What
 * failed lately or is ejected comes last, what is down not at all. NULL: none is left. */
static inline struct pool_target *upstream__pool_choose(struct upstream_pool *pool,
                                                        const struct upstream_call *call);
struct pool_target *upstream__pool_choose_of_many(struct upstream_pool *pool,
                                                  const struct upstream_call *call);
/* Close the idle connection that was unused longest; false when there is none. */
bool upstream__pool_close_one(struct upstream_pool *pool);
/* A target that is gone, when nothing holds it any more: freed. */
void upstream__pool_forget(struct pool_target *target);
/* Count a failure, unless a health check met it: that has its own books. */
void upstream__pool_failed(struct upstream_conn *conn, const struct upstream_call *call,
                           enum err result);

/* A counter of this loop. */
#define UPSTREAM_COUNT(counter, n)                                                                 \
    atomic_store_explicit(&(counter),                                                              \
                          atomic_load_explicit(&(counter), memory_order_relaxed) + (n),            \
                          memory_order_relaxed)

static inline void upstream__pool_refresh(struct upstream_pool *pool)
{
    if (atomic_load_explicit(&pool->group->generation, memory_order_acquire) != pool->generation)
        upstream__pool_adopt(pool);
}

static inline bool upstream__pool_was_tried(const struct upstream_call *call,
                                            const struct pool_target *target)
{
    return (call->tried >> target->slot & 1) != 0;
}

static inline struct pool_target *upstream__pool_choose(struct upstream_pool *pool,
                                                        const struct upstream_call *call)
{
    struct pool_target *only = pool->targets[0];

    if (pool->target_count > 1)
        return upstream__pool_choose_of_many(pool, call);
    return upstream__pool_was_tried(call, only) ||
                   atomic_load_explicit(&only->shared->down, memory_order_relaxed)
               ? NULL
               : only;
}

/* ---- upstream_check.c ---- */

/* Begin to check a target, and stop. */
void upstream__check_start(struct pool_target *target);
void upstream__check_stop(struct pool_target *target);

/* ---- upstream_conn.c ---- */

/* An idle connection to a target that can carry a call now, or NULL. Looks for a close that the loop has
 * not noticed yet, except under load for what may be sent again anyway: the look costs 0.3 us. */
struct upstream_conn *upstream__conn_take_idle(struct pool_target *target, bool idempotent);
/* Start connecting for this call to this target; goes on with other addresses when that fails. Ends the
 * call when none is left. */
void upstream__conn_open(struct upstream_call *call, struct pool_target *target);
/* Close. The struct stays until the end of the loop's turn. Its call, if any, is let go. Called by whoever finds that
 * the connection is of no more use; again does nothing. */
void upstream__conn_close(struct upstream_conn *conn);
/* The connection is somebody else's now: what is left of it here is closed. The socket is not read. */
h2o_socket_t *upstream__conn_surrender(struct upstream_conn *conn);
/* The call is over: keep the connection for the next one when nothing speaks against it. */
void upstream__conn_release(struct upstream_conn *conn);
/* Free a closed one now: the pool ends. */
void upstream__conn_destroy(struct upstream_conn *conn);
/* One timer a connection: what it waits for from now on. */
void upstream__conn_arm(struct upstream_conn *conn, enum pool_wait wait);
/* It waits for nothing that has a time limit. */
void upstream__conn_rest(struct upstream_conn *conn);
void upstream__conn_set_reading(struct upstream_conn *conn, bool on);
/* Give a call to a connection that is ready, and write what the socket takes. */
void upstream__conn_start(struct upstream_conn *conn, struct upstream_call *call);

/* ---- upstream_tls.c ---- */

/* Have connections of this context note that the peer is verified, and its close_notify. Any thread; again
 * does nothing. */
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
/* Turns have come: start who waited longest. */
void upstream__take_turns(struct upstream_pool *pool);
/* The loop's turn is over: begin what was sent in it. */
void upstream__begin_due(h2o_timeout_entry_t *entry);
/* All calls that are left, without a callback: the pool ends. */
void upstream__calls_destroy(struct upstream_pool *pool);
/* A call that is not yet upstream_send()'s: from the spare ones or new, on the pool's list. */
struct upstream_call *upstream__call_new(struct upstream_pool *pool);
/* Have the call ended by the loop if the response is not whole by then. */
void upstream__call_limit(struct upstream_call *call, enum pool_wait wait);
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
