/* SPDX-License-Identifier: Apache-2.0 */
/* Upstream client: pools and calls.
 * Runs on: the pool's loop thread. Holds: calls in flight and spare ones. Invariant: on_done comes
 * exactly once and last unless the owner detached, and never from inside upstream_send().
 * Not here: connections (upstream_conn.c), bytes out and in (upstream_write.c, upstream_read.c). */
#include "proxy/upstream_priv.h"

#include <stdlib.h>

#include "base/mem.h"

enum {
    CALL_HEAD_MAX = 4 * LIMIT_REQUEST_HEAD_MAX, /* tokens may be longer than what they replace */
    SPARE_HEAD_MAX = 8 << 10                    /* larger buffers are not kept for later calls */
};

struct upstream_pool *upstream_pool_new(h2o_loop_t *loop, const struct upstream_config *config)
{
    struct upstream_pool *pool = mem_alloc(sizeof(*pool));

    REQUIRE(config->address_count > 0);
    pool->magic = UPSTREAM_POOL_MAGIC;
    pool->loop = loop;
    pool->config = config;
    pool->down_until = mem_alloc(config->address_count * sizeof(*pool->down_until));
    h2o_linklist_init_anchor(&pool->busy);
    h2o_linklist_init_anchor(&pool->idle);
    h2o_linklist_init_anchor(&pool->closed);
    h2o_linklist_init_anchor(&pool->calls);
    h2o_linklist_init_anchor(&pool->spare_calls);
    h2o_timeout_init(loop, &pool->connect_timeout, (uint64_t)config->connect_ms);
    h2o_timeout_init(loop, &pool->first_byte_timeout, (uint64_t)config->first_byte_ms);
    h2o_timeout_init(loop, &pool->idle_timeout, (uint64_t)config->idle_ms);
    h2o_timeout_init(loop, &pool->keep_alive_timeout, (uint64_t)config->keep_alive_ms);
    h2o_timeout_init(loop, &pool->now_timeout, 0);
    if (config->tls != NULL)
        upstream__tls_watch(config->tls);
    return pool;
}

static struct upstream_conn *first_conn(const h2o_linklist_t *list)
{
    return H2O_STRUCT_FROM_MEMBER(struct upstream_conn, link, list->next);
}

static void close_all(h2o_linklist_t *list)
{
    while (!h2o_linklist_is_empty(list))
        upstream__conn_close(first_conn(list));
}

void upstream_pool_drain(struct upstream_pool *pool)
{
    pool->draining = true;
    close_all(&pool->idle);
}

static void destroy_call(struct upstream_call *call)
{
    h2o_linklist_unlink(&call->link);
    buf_done(&call->head);
    call->magic = 0;
    free(call);
}

static void destroy_calls(h2o_linklist_t *list)
{
    while (!h2o_linklist_is_empty(list)) {
        struct upstream_call *call = H2O_STRUCT_FROM_MEMBER(struct upstream_call, link, list->next);

        REQUIRE(call->entered == 0); /* not from inside a callback */
        h2o_timeout_unlink(&call->later);
        destroy_call(call);
    }
}

void upstream_pool_free(struct upstream_pool **poolp)
{
    struct upstream_pool *pool = TAKE(*poolp);

    if (pool == NULL)
        return;
    REQUIRE(pool->magic == UPSTREAM_POOL_MAGIC);
    close_all(&pool->busy);
    close_all(&pool->idle);
    while (!h2o_linklist_is_empty(&pool->closed))
        upstream__conn_destroy(first_conn(&pool->closed));
    destroy_calls(&pool->calls);
    destroy_calls(&pool->spare_calls);
    h2o_timeout_dispose(pool->loop, &pool->connect_timeout);
    h2o_timeout_dispose(pool->loop, &pool->first_byte_timeout);
    h2o_timeout_dispose(pool->loop, &pool->idle_timeout);
    h2o_timeout_dispose(pool->loop, &pool->keep_alive_timeout);
    h2o_timeout_dispose(pool->loop, &pool->now_timeout);
    explicit_bzero(pool->scratch, sizeof(pool->scratch)); /* bodies of whoever came last */
    free(pool->down_until);
    pool->magic = 0;
    free(pool);
}

/* Keep the struct and its head buffer for the next call: no allocation a request. */
static void recycle(struct upstream_call *call)
{
    struct upstream_pool *pool = call->pool;

    h2o_timeout_unlink(&call->later);
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

static void on_later(h2o_timeout_entry_t *entry)
{
    struct upstream_call *call = H2O_STRUCT_FROM_MEMBER(struct upstream_call, later, entry);

    REQUIRE(call->magic == UPSTREAM_CALL_MAGIC);
    upstream__call_end(call, call->result);
}

static struct upstream_call *new_call(struct upstream_pool *pool)
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
    call->later.cb = on_later;
    h2o_linklist_insert(&pool->calls, &call->link);
    return call;
}

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

void upstream__call_end(struct upstream_call *call, enum err result)
{
    struct upstream_conn *conn = TAKE(call->conn);

    if (conn != NULL) {
        conn->call = NULL;
        if (result == ERR_OK)
            upstream__conn_release(conn);
        else
            upstream__conn_close(conn);
    }
    if (call->sending) {
        call->result = result;
        h2o_timeout_link(call->pool->loop, &call->pool->now_timeout, &call->later);
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

    conn->call = NULL;
    upstream__conn_close(conn);
    if (!again) {
        upstream__call_end(call, result);
        return;
    }
    upstream__conn_open(call); /* a new one: that cannot come here again */
}

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

struct upstream_call *upstream_send(struct upstream_pool *pool,
                                    const struct upstream_request *request,
                                    const struct upstream_events *events, void *context)
{
    struct upstream_call *call;
    struct upstream_conn *conn;
    enum err e;

    REQUIRE(pool->magic == UPSTREAM_POOL_MAGIC);
    call = new_call(pool);
    call->events = *events;
    call->context = context;
    call->body = request->body;
    call->to_head = span_equal(request->method, SPAN_LIT("HEAD"));
    call->idempotent = is_idempotent(request->method);
    call->sending = true;
    e = upstream__request_head(pool, request, &call->head);
    if (e != ERR_OK)
        upstream__call_end(call, e);
    else if ((conn = upstream__conn_take_idle(pool, call->idempotent)) != NULL)
        upstream__conn_start(conn, call);
    else
        upstream__conn_open(call);
    call->sending = false;
    return call;
}

void upstream_pause(struct upstream_call *call)
{
    REQUIRE(call->magic == UPSTREAM_CALL_MAGIC);
    call->paused = true;
    if (call->conn != NULL && call->conn->head_done) {
        upstream__conn_set_reading(call->conn, false);
        upstream__conn_arm(call->conn, NULL);
    }
}

void upstream_resume(struct upstream_call *call)
{
    REQUIRE(call->magic == UPSTREAM_CALL_MAGIC);
    call->paused = false;
    if (call->conn != NULL && call->conn->head_done) {
        upstream__conn_set_reading(call->conn, true);
        upstream__conn_arm(call->conn, &call->pool->idle_timeout);
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
    call->detached = true;
    if (call->entered == 0)
        recycle(call);
}
