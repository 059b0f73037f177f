/* SPDX-License-Identifier: Apache-2.0 */
/* Upstream client: connections from dialling to closing.
 * Runs on: the pool's loop thread. Holds: sockets. Invariant: the state says which list a
 * connection is on; an idle one has no call, any other open one has exactly one; every open one has
 * a timer or a paused call. Not here: what goes over them (upstream_write.c, upstream_read.c). */
#include "proxy/upstream_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "proxy/upstream_resolve.h"

static void connect_next(struct upstream_call *call, enum err last);

void upstream__conn_destroy(struct upstream_conn *conn)
{
    h2o_timeout_unlink(&conn->timer);
    h2o_linklist_unlink(&conn->link);
    buf_done(&conn->inbox);
    conn->magic = 0;
    free(conn);
}

static void set_state(struct upstream_conn *conn, enum conn_state state)
{
    struct upstream_pool *pool = conn->pool;
    struct pool_target *target = conn->target;

    if (h2o_linklist_is_linked(&conn->link)) {
        h2o_linklist_unlink(&conn->link);
        if (conn->state == CONN_IDLE) {
            pool->idle_count--;
            UPSTREAM_COUNT(target->idle_count, (uint32_t)-1);
        } else {
            target->busy--;
        }
    }
    conn->state = state;
    switch (state) {
    case CONN_CONNECTING:
    case CONN_HANDSHAKE:
    case CONN_BUSY:
        h2o_linklist_insert(&pool->busy, &conn->link);
        target->busy++;
        break;
    case CONN_IDLE:
        h2o_linklist_insert(target->idle.next, &conn->link); /* at the front */
        pool->idle_count++;
        UPSTREAM_COUNT(target->idle_count, 1);
        break;
    case CONN_CLOSED:
        h2o_linklist_insert(&pool->closed, &conn->link);
        pool->conn_count--;
        UPSTREAM_COUNT(target->open, (uint32_t)-1);
        conn->target = NULL;
        upstream__pool_forget(target);
        break;
    }
}

void upstream__conn_arm(struct upstream_conn *conn, enum pool_wait wait)
{
    h2o_timeout_unlink(&conn->timer);
    h2o_timeout_link(conn->pool->loop, conn->pool->wait[wait], &conn->timer);
}

void upstream__conn_rest(struct upstream_conn *conn)
{
    h2o_timeout_unlink(&conn->timer);
}

void upstream__conn_set_reading(struct upstream_conn *conn, bool on)
{
    if (on == conn->reading)
        return;
    conn->reading = on;
    if (on)
        h2o_socket_read_start(conn->sock, upstream__on_readable);
    else
        h2o_socket_read_stop(conn->sock);
}

/* All but the socket. */
static void let_go(struct upstream_conn *conn)
{
    set_state(conn, CONN_CLOSED);
    upstream__conn_arm(conn, WAIT_NOT); /* to be freed */
    if (conn->call != NULL)
        conn->call->conn = NULL;
    conn->call = NULL;
}

void upstream__conn_close(struct upstream_conn *conn)
{
    h2o_socket_t *sock = TAKE(conn->sock);

    if (conn->state == CONN_CLOSED)
        return;
    let_go(conn);
    sock->data = NULL; /* with TLS the socket lives on until its good-bye is written */
    h2o_socket_close(sock);
}

h2o_socket_t *upstream__conn_surrender(struct upstream_conn *conn)
{
    h2o_socket_t *sock;

    upstream__conn_set_reading(conn, false);
    sock = TAKE(conn->sock);
    let_go(conn);
    sock->data = NULL;
    return sock;
}

void upstream__conn_release(struct upstream_conn *conn)
{
    struct upstream_pool *pool = conn->pool;

    if (conn->unfit || conn->close_notify || !conn->sent || !conn->head.keep_alive ||
        pool->draining || conn->target->gone || pool->idle_count >= pool->config->idle_max) {
        upstream__conn_close(conn);
        return;
    }
    conn->reused = true;
    conn->idle_since = h2o_now(pool->loop);
    set_state(conn, CONN_IDLE);
    upstream__conn_set_reading(conn, true); /* notices closes and unasked bytes */
    upstream__conn_arm(conn, WAIT_KEEP_ALIVE);
}

/* Nothing came since it became idle: no end of the stream, and no bytes that would be taken for the
 * answer to the next request. A cheap look, for the watcher may not have had its turn. */
static bool is_quiet(const struct upstream_conn *conn)
{
    char byte;
    ssize_t n;

    do {
        n = recv(h2o_socket_get_fd(conn->sock), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    } while (n < 0 && errno == EINTR);
    return n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

struct upstream_conn *upstream__conn_take_idle(struct pool_target *target, bool idempotent)
{
    uint64_t now = h2o_now(target->pool->loop);

    while (!h2o_linklist_is_empty(&target->idle)) {
        struct upstream_conn *conn =
            H2O_STRUCT_FROM_MEMBER(struct upstream_conn, link, target->idle.next);

        if ((idempotent && conn->idle_since == now) || is_quiet(conn))
            return conn;
        upstream__conn_close(conn);
    }
    return NULL;
}

void upstream__conn_start(struct upstream_conn *conn, struct upstream_call *call)
{
    call->conn = conn;
    conn->call = call;
    conn->written = conn->slice = 0;
    conn->sent = conn->broken = conn->answered = conn->head_done = false;
    conn->interim = 0;
    conn->scanned = 0;
    buf_reset(&conn->inbox);
    set_state(conn, CONN_BUSY);
    if (call->target == NULL) /* no health check */
        UPSTREAM_COUNT(conn->target->requests, 1);
    upstream__write(conn);
}

/* ---- dialling ---- */

/* This address did not work; the call goes on with the next. */
static void attempt_failed(struct upstream_conn *conn, enum err result)
{
    struct upstream_call *call = TAKE(conn->call);

    call->conn = NULL;
    call->tried |= UINT64_C(1) << conn->target->slot;
    upstream__pool_failed(conn, call, result);
    upstream__conn_close(conn);
    connect_next(call, result);
}

static void on_timer(h2o_timeout_entry_t *entry)
{
    struct upstream_conn *conn = H2O_STRUCT_FROM_MEMBER(struct upstream_conn, timer, entry);

    REQUIRE(conn->magic == UPSTREAM_CONN_MAGIC);
    switch (conn->state) {
    case CONN_CONNECTING:
    case CONN_HANDSHAKE:
        attempt_failed(conn, ERR_TIMEOUT);
        break;
    case CONN_BUSY:
        upstream__call_lost(conn->call, ERR_TIMEOUT);
        break;
    case CONN_IDLE:
        upstream__conn_close(conn);
        break;
    case CONN_CLOSED:
        upstream__conn_destroy(conn);
        break;
    }
}

static void on_ready(struct upstream_conn *conn)
{
    struct upstream_call *call = TAKE(conn->call);

    if (conn->sock->ssl == NULL)
        h2o_socket_dont_read(conn->sock,
                             1); /* upstream_read.c reads, never more than it can hold */
    upstream__conn_set_reading(conn, true);
    upstream__conn_start(conn, call);
}

/* libh2o looks at the name once more, under TLS 1.2 only, and knows no addresses: its verdict on a
 * certificate that OpenSSL has found right for this name counts for nothing. */
static bool is_verdict_on_name(const char *err)
{
    return err == h2o_socket_error_ssl_cert_name_mismatch ||
           err == h2o_socket_error_ssl_cert_invalid;
}

static void on_handshake(h2o_socket_t *sock, const char *err)
{
    struct upstream_conn *conn = upstream__conn_of(sock);

    if (conn->verified && (err == NULL || is_verdict_on_name(err)))
        on_ready(conn);
    else
        attempt_failed(conn, ERR_UPSTREAM);
}

/* The name for SNI; an address has none (RFC 6066 3), which libh2o can only be told with "". */
static const char *server_name(const char *host)
{
    return endpoint_is_literal(host) ? "" : host;
}

static void on_connected(h2o_socket_t *sock, const char *err)
{
    struct upstream_conn *conn = upstream__conn_of(sock);
    const struct upstream_config *config = conn->pool->config;

    if (err != NULL) {
        attempt_failed(conn, ERR_UPSTREAM);
    } else if (config->tls != NULL) {
        set_state(conn, CONN_HANDSHAKE);
        upstream__conn_arm(conn, WAIT_TLS);
        h2o_socket_ssl_handshake(sock, config->tls, server_name(config->host), on_handshake);
    } else {
        on_ready(conn);
    }
}

/* False when it is not to be connected to, or the kernel refuses at once. */
static bool dial(struct upstream_call *call, struct pool_target *target)
{
    struct upstream_pool *pool = call->pool;
    struct upstream_address *to = &target->shared->address;
    struct upstream_conn *conn;
    h2o_socket_t *sock = NULL;

    if (upstream_may_connect(pool->config, to)) /* whoever put it on the list */
        sock =
            h2o_socket_connect(pool->loop, (struct sockaddr *)&to->address, to->len, on_connected);
    if (sock == NULL)
        return false;
    conn = mem_alloc(sizeof(*conn));
    conn->magic = UPSTREAM_CONN_MAGIC;
    conn->pool = pool;
    conn->call = call;
    conn->sock = sock;
    conn->target = target;
    conn->timer.cb = on_timer;
    buf_init_secret(&conn->inbox, LIMIT_RESPONSE_HEAD_MAX + UPSTREAM_READ_SIZE);
    sock->data = conn;
    call->conn = conn;
    pool->conn_count++;
    UPSTREAM_COUNT(target->open, 1);
    set_state(conn, CONN_CONNECTING);
    upstream__conn_arm(conn, WAIT_CONNECT);
    return true;
}

static bool has_room(struct upstream_pool *pool, const struct upstream_call *call)
{
    return call->target != NULL || pool->conn_count < pool->config->connections_max ||
           upstream__pool_close_one(pool);
}

static void open_to(struct upstream_call *call, struct pool_target *target, enum err last)
{
    struct upstream_pool *pool = call->pool;

    for (; target != NULL; target = upstream__pool_choose(pool, call)) {
        if (!has_room(pool, call)) {
            last = ERR_BUSY;
            break;
        }
        if (dial(call, target))
            return;
        call->tried |= UINT64_C(1) << target->slot;
        if (call->target != NULL)
            break;
        UPSTREAM_COUNT(target->failures, 1);
        upstream__target_failed(pool->group, target->shared, true);
    }
    upstream__call_end(call, last);
}

static void connect_next(struct upstream_call *call, enum err last)
{
    struct pool_target *target = NULL;

    if (call->target == NULL)
        target = upstream__pool_choose(call->pool, call);
    open_to(call, target, last);
}

void upstream__conn_open(struct upstream_call *call, struct pool_target *target)
{
    open_to(call, target, ERR_UPSTREAM);
}
