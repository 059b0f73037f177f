/* SPDX-License-Identifier: Apache-2.0 */
/* Upstream client: calls.
 * Runs on: the pool's loop thread. Holds: calls in flight, calls that wait for a turn, spare ones.
 * Invariant: on_done comes exactly once and last unless the owner detached, and never from inside
 * upstream_send(); a call has a turn exactly while it may have a connection. Not here: addresses
 * (upstream_pool.c), connections (upstream_conn.c), bytes out and in (upstream_write.c,
 * upstream_read.c). */
#include "proxy/upstream_priv.h"

#include <stdlib.h>

#include "base/mem.h"

enum {
    CALL_HEAD_MAX = 4 * LIMIT_REQUEST_HEAD_MAX, /* tokens may be longer than what they replace */
    SPARE_HEAD_MAX = 8 << 10                    /* larger buffers are not kept for later calls */
};

/* ---- life ---- */

static void destroy_call(struct upstream_call *call)
{
    h2o_linklist_unlink(&call->link);
    buf_done(&call->head);
    call->magic = 0;
    free(call);
}

/* Its place in the queue, or its turn. */
static void leave_gate(struct upstream_call *call)
{
    const bool linked = h2o_linklist_is_linked(&call->queue_link);

    if (linked)
        h2o_linklist_unlink(&call->queue_link);
    if (call->pool->config->concurrency == 0)
        return;
    if (linked && !call->has_turn)
        gate_give_up(&call->pool->door);
    if (call->has_turn) {
        call->has_turn = false;
        gate_leave(&call->pool->door);
    }
}

/* It is over, and needs nothing more. */
static void let_go(struct upstream_call *call)
{
    h2o_timeout_unlink(&call->timer);
    leave_gate(call);
}

static void destroy_calls(h2o_linklist_t *list)
{
    while (!h2o_linklist_is_empty(list)) {
        struct upstream_call *call = H2O_STRUCT_FROM_MEMBER(struct upstream_call, link, list->next);

        REQUIRE(call->entered == 0); /* not from inside a callback */
        let_go(call);
        destroy_call(call);
    }
}

void upstream__calls_destroy(struct upstream_pool *pool)
{
    destroy_calls(&pool->calls);
    destroy_calls(&pool->spare_calls);
}

/* Keep the struct and its head buffer for the next call: no allocation a request. */
static void recycle(struct upstream_call *call)
{
    struct upstream_pool *pool = call->pool;

    if (pool->spare_count >= UPSTREAM_SPARE_CALLS) {
        destroy_call(call);
        return;
    }
    h2o_linklist_unlink(&call->link);
    if (call->head.cap > SPARE_HEAD_MAX)
        buf_done(&call->head);
    else
        buf_reset(&call->head);
    call->magic = 0;
    h2o_linklist_insert(&pool->spare_calls, &call->link);
    pool->spare_count++;
}

static struct upstream_call *call_of(h2o_timeout_entry_t *entry)
{
    struct upstream_call *call = H2O_STRUCT_FROM_MEMBER(struct upstream_call, timer, entry);

    REQUIRE(call->magic == UPSTREAM_CALL_MAGIC);
    return call;
}

static void on_later(h2o_timeout_entry_t *entry)
{
    struct upstream_call *call = call_of(entry);

    upstream__call_end(call, call->result);
}

/* It is ended from the loop, with call->result. */
static void end_later(struct upstream_call *call, enum pool_wait wait, enum err result)
{
    call->result = result;
    call->timer.cb = on_later;
    h2o_timeout_link(call->pool->loop, call->pool->wait[wait], &call->timer);
}

static void on_deadline(h2o_timeout_entry_t *entry)
{
    struct upstream_call *call = call_of(entry);

    if (call->conn != NULL && !call->conn->head_done) /* else it may be the reader who is slow */
        upstream__pool_failed(call->conn, call, ERR_TIMEOUT);
    upstream__call_end(call, ERR_TIMEOUT);
}

void upstream__call_limit(struct upstream_call *call, enum pool_wait wait)
{
    call->timer.cb = on_deadline;
    h2o_timeout_link(call->pool->loop, call->pool->wait[wait], &call->timer);
}

struct upstream_call *upstream__call_new(struct upstream_pool *pool)
{
    struct upstream_call *call;
    struct buf head;

    if (pool->spare_count > 0) {
        call = H2O_STRUCT_FROM_MEMBER(struct upstream_call, link, pool->spare_calls.next);
        h2o_linklist_unlink(&call->link);
        pool->spare_count--;
        head = call->head;
    } else {
        call = mem_alloc(sizeof(*call));
        buf_init_secret(&head, CALL_HEAD_MAX); /* credentials and, on the way out, values */
    }
    *call = (struct upstream_call){.magic = UPSTREAM_CALL_MAGIC, .pool = pool, .head = head};
    h2o_linklist_insert(&pool->calls, &call->link);
    return call;
}

/* ---- ends ---- */

void upstream__call_enter(struct upstream_call *call)
{
    call->entered++;
}

bool upstream__call_leave(struct upstream_call *call)
{
    call->entered--;
    if (!call->detached)
        return true;
    if (call->entered == 0)
        recycle(call);
    return false;
}

/* A whole answer came from there. */
static void count_answer(const struct upstream_call *call, struct upstream_conn *conn)
{
    if (call->sick)
        upstream__pool_failed(conn, call, ERR_UPSTREAM);
    else
        upstream__target_well(conn->target->shared);
}

void upstream__call_end(struct upstream_call *call, enum err result)
{
    struct upstream_conn *conn = TAKE(call->conn);

    if (conn != NULL) {
        conn->call = NULL;
        if (result == ERR_OK) {
            count_answer(call, conn);
            upstream__conn_release(conn);
        } else {
            upstream__conn_close(conn);
        }
    }
    let_go(call);
    if (call->sending) {
        end_later(call, WAIT_NOT, result);
        return;
    }
    upstream__call_enter(call);
    call->events.on_done(call, result, call->context);
    if (upstream__call_leave(call))
        recycle(call);
}

void upstream__call_lost(struct upstream_call *call, enum err result)
{
    struct upstream_conn *conn = TAKE(call->conn);
    bool again = conn->reused && !conn->answered && call->idempotent && result == ERR_UPSTREAM;

    if (!again)
        upstream__pool_failed(conn, call, result);
    conn->call = NULL;
    upstream__conn_close(conn);
    if (!again) {
        upstream__call_end(call, result);
        return;
    }
    /* a new one: that cannot come here again */
    upstream__conn_open(call, upstream__pool_choose(call->pool, call));
}

/* ---- beginnings ---- */

static bool is_idempotent(struct span method)
{
    static const struct span methods[] = {SPAN_LIT("GET"), SPAN_LIT("HEAD"), SPAN_LIT("OPTIONS"),
                                          SPAN_LIT("PUT"), SPAN_LIT("DELETE")};

    for (size_t i = 0; i < COUNT_OF(methods); i++) {
        if (span_equal(method, methods[i]))
            return true;
    }
    return false;
}

/* It has its turn: to an address, over an idle connection or a new one. */
static void begin(struct upstream_call *call)
{
    struct upstream_pool *pool = call->pool;
    struct upstream_conn *conn;
    struct pool_target *target;

    upstream__pool_refresh(pool);
    upstream__call_limit(call, WAIT_RESPONSE);
    target = upstream__pool_choose(pool, call);
    if (target == NULL)
        upstream__call_end(call, ERR_UNAVAILABLE);
    else if ((conn = upstream__conn_take_idle(target, call->idempotent)) != NULL)
        upstream__conn_start(conn, call);
    else
        upstream__conn_open(call, target);
}

void upstream__begin_due(h2o_timeout_entry_t *entry)
{
    struct upstream_pool *pool = CONTAINER_OF(entry, struct upstream_pool, beginning);

    while (!h2o_linklist_is_empty(&pool->due)) {
        struct upstream_call *call =
            H2O_STRUCT_FROM_MEMBER(struct upstream_call, queue_link, pool->due.next);

        h2o_linklist_unlink(&call->queue_link);
        begin(call);
    }
}

/* Requests of one turn of the loop leave one after the other when it is over: an upstream that sleeps is woken once
 * for all of them, and the code that sends stays in the processor's cache. */
static void begin_later(struct upstream_call *call)
{
    struct upstream_pool *pool = call->pool;

    h2o_linklist_insert(&pool->due, &call->queue_link);
    if (!h2o_timeout_is_linked(&pool->beginning))
        h2o_timeout_link(pool->loop, pool->wait[WAIT_NOT], &pool->beginning);
}

static void wait_for_turn(struct upstream_call *call)
{
    h2o_linklist_insert(&call->pool->queue, &call->queue_link);
    end_later(call, WAIT_TURN, ERR_BUSY);
}

void upstream__take_turns(struct upstream_pool *pool)
{
    while (gate_take(&pool->door)) {
        struct upstream_call *call =
            H2O_STRUCT_FROM_MEMBER(struct upstream_call, queue_link, pool->queue.next);

        h2o_linklist_unlink(&call->queue_link);
        h2o_timeout_unlink(&call->timer);
        call->has_turn = true;
        begin(call);
    }
}

static void enter(struct upstream_call *call)
{
    if (call->pool->config->concurrency == 0) {
        begin_later(call);
        return;
    }
    switch (gate_enter(&call->pool->door)) {
    case GATE_COME_IN:
        call->has_turn = true;
        begin_later(call);
        break;
    case GATE_WAIT:
        wait_for_turn(call);
        break;
    case GATE_FULL:
        upstream__call_end(call, ERR_BUSY);
        break;
    }
}

struct upstream_call *upstream_send(struct upstream_pool *pool,
                                    const struct upstream_request *request,
                                    const struct upstream_events *events, void *context)
{
    struct upstream_call *call;
    enum err e;

    REQUIRE(pool->magic == UPSTREAM_POOL_MAGIC);
    call = upstream__call_new(pool);
    call->events = *events;
    call->context = context;
    call->body = request->body;
    call->to_head = span_equal(request->method, SPAN_LIT("HEAD"));
    call->websocket = request->websocket;
    call->idempotent = is_idempotent(request->method) && !request->websocket;
    call->sending = true;
    e = upstream__request_head(pool, request, &call->head);
    if (e == ERR_OK)
        enter(call);
    else
        upstream__call_end(call, e);
    call->sending = false;
    return call;
}

/* ---- the owner's part ---- */

void upstream_pause(struct upstream_call *call)
{
    REQUIRE(call->magic == UPSTREAM_CALL_MAGIC);
    call->paused = true;
    if (call->conn != NULL && call->conn->head_done) {
        upstream__conn_set_reading(call->conn, false);
        upstream__conn_rest(call->conn);
    }
}

void upstream_resume(struct upstream_call *call)
{
    REQUIRE(call->magic == UPSTREAM_CALL_MAGIC);
    call->paused = false;
    if (call->conn != NULL && call->conn->head_done) {
        upstream__conn_set_reading(call->conn, true);
        upstream__conn_arm(call->conn, WAIT_IDLE);
    }
}

void upstream_detach(struct upstream_call *call)
{
    struct upstream_conn *conn;

    REQUIRE(call->magic == UPSTREAM_CALL_MAGIC);
    conn = TAKE(call->conn);
    if (conn != NULL) {
        conn->call = NULL;
        upstream__conn_close(conn);
    }
    let_go(call);
    call->detached = true;
    if (call->entered == 0)
        recycle(call);
}
