/* SPDX-License-Identifier: Apache-2.0 */
/* Upstream client: responses coming in.
 * Runs on: the pool's loop thread. Holds: an unfinished head in the connection's inbox; bodies pass
 * through the pool's scratch memory. Invariant: what came in one read is judged as a whole before
 * any of it is handed out; a connection with bytes past the end of a response is closed. Not here:
 * what a good head is (response_head.c), the chunked coding (chunked.c). */
#include "proxy/upstream_priv.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static void on_bad(struct upstream_conn *conn)
{
    upstream__call_lost(conn->call, ERR_UPSTREAM);
}

/* ---- bodies ---- */

/* The part of a body that `bytes` holds, decoded in place. */
static enum err decode(struct upstream_conn *conn, char *bytes, size_t len, struct span *ret_data,
                       bool *ret_whole)
{
    size_t data = len, used = len;
    bool whole = false;

    switch (conn->head.framing) {
    case FRAMING_NONE:
        data = used = 0;
        whole = true;
        break;
    case FRAMING_LENGTH:
        if (len > conn->left)
            data = used = (size_t)conn->left;
        conn->left -= used;
        whole = conn->left == 0;
        break;
    case FRAMING_CHUNKED:
        if (chunked_decode(&conn->chunked, bytes, len, &data, &used) != ERR_OK)
            return ERR_UPSTREAM;
        whole = chunked_is_done(&conn->chunked);
        break;
    case FRAMING_CLOSE:
        break;
    }
    if (used < len) /* nobody asked for more than one response */
        return ERR_UPSTREAM;
    *ret_data = span_of(bytes, data);
    *ret_whole = whole;
    return ERR_OK;
}

static bool tell_head(struct upstream_conn *conn)
{
    struct upstream_call *call = conn->call;
    struct upstream_head head = {.status = conn->head.status,
                                 .headers = conn->pool->headers,
                                 .header_count = conn->head.header_count,
                                 .content_length = conn->head.content_length,
                                 .has_body = conn->head.framing != FRAMING_NONE};

    conn->head_done = true;
    call->sick = head.status >= 502 && head.status <= 504;
    upstream__call_enter(call);
    call->events.on_head(call, &head, call->context);
    return upstream__call_leave(call);
}

static bool tell_body(struct upstream_conn *conn, struct span data)
{
    struct upstream_call *call = conn->call;

    if (data.len == 0)
        return true;
    upstream__call_enter(call);
    call->events.on_body(call, data, call->context);
    return upstream__call_leave(call);
}

/* Judge, then hand out; the head first when it has just become whole. */
static void take_body(struct upstream_conn *conn, char *bytes, size_t len)
{
    struct upstream_call *call = conn->call;
    struct span data;
    bool whole;

    if (decode(conn, bytes, len, &data, &whole) != ERR_OK) {
        on_bad(conn);
        return;
    }
    if (!conn->head_done && !tell_head(conn))
        return;
    if (!tell_body(conn, data))
        return;
    if (whole) {
        upstream__call_end(call, ERR_OK);
    } else if (call->paused) {
        upstream__conn_set_reading(conn, false);
        upstream__conn_rest(conn);
    } else {
        upstream__conn_arm(conn, WAIT_IDLE);
    }
}

/* ---- heads ---- */

/* The next final head at *at, interim ones swallowed. NOT_FOUND: more bytes are needed. */
static enum err next_head(struct upstream_conn *conn, char **at, const char *end)
{
    for (;;) {
        struct span rest = span_of(*at, (size_t)(end - *at));
        size_t len;
        enum err e;

        if (rest.len == 0)
            return ERR_NOT_FOUND;
        e = response_head_find(rest, &conn->scanned, &len);
        if (e != ERR_OK)
            return e;
        e = response_head_parse(span_of(rest.at, len), conn->call->to_head, conn->pool->headers,
                                &conn->head);
        if (e != ERR_OK)
            return e;
        *at += len;
        conn->scanned = 0;
        if (conn->head.status >= 200)
            return ERR_OK;
        if (conn->head.status == 101 && conn->call->websocket)
            return ERR_OK;
        if (conn->head.status == 101 || ++conn->interim > UPSTREAM_INTERIM_MAX)
            return ERR_UPSTREAM;
    }
}

/* Keep the start of a head until the rest comes. */
static enum err keep_start(struct upstream_conn *conn, const char *at, const char *end)
{
    struct buf *inbox = &conn->inbox;
    size_t len = (size_t)(end - at);

    if (inbox->len == 0)
        return buf_append(inbox, at, len);
    memmove(inbox->bytes, at, len); /* it already stands there; interim heads before it go */
    inbox->len = len;
    return ERR_OK;
}

/* The other side has gone over to another protocol: what follows its head is the owner's. */
static void hand_over(struct upstream_conn *conn, struct span first)
{
    struct upstream_call *call = conn->call;
    const struct upstream_head head = {.status = conn->head.status,
                                       .headers = conn->pool->headers,
                                       .header_count = conn->head.header_count,
                                       .content_length = -1};
    AUTO(buf_done)
    struct buf kept = {.max = UPSTREAM_READ_SIZE + LIMIT_RESPONSE_HEAD_MAX, .secret = true};
    h2o_socket_t *sock;

    if (!conn->head.websocket || buf_append_span(&kept, first) != ERR_OK) {
        on_bad(conn);
        return;
    }
    sock = upstream__conn_surrender(conn);
    h2o_buffer_consume(&sock->input, sock->input->size); /* of TLS; it stands in `kept` */
    upstream__call_enter(call);
    call->events.on_upgraded(call, &head, sock, buf_span(&kept), call->context);
    if (upstream__call_leave(call))
        upstream__call_end(call, ERR_OK);
}

static void take_head(struct upstream_conn *conn, char *bytes, size_t len)
{
    struct buf *inbox = &conn->inbox;
    char *at = bytes, *end = bytes + len;
    enum err e = ERR_OK;

    if (inbox->len > 0) {
        e = buf_append(inbox, bytes, len);
        at = (char *)inbox->bytes;
        end = at + inbox->len;
    }
    if (e == ERR_OK)
        e = next_head(conn, &at, end);
    if (e == ERR_NOT_FOUND)
        e = keep_start(conn, at, end);
    else if (e == ERR_OK && conn->head.status == 101)
        hand_over(conn, span_of(at, (size_t)(end - at)));
    else if (e == ERR_OK) {
        conn->left = (uint64_t)conn->head.content_length;
        conn->chunked = (struct chunked){0};
        take_body(conn, at, (size_t)(end - at));
        buf_reset(inbox);
    }
    if (e != ERR_OK)
        on_bad(conn);
}

/* ---- reading ---- */

static void take(struct upstream_conn *conn, char *bytes, size_t len)
{
    if (conn->call == NULL) { /* idle: nobody asked */
        upstream__conn_close(conn);
        return;
    }
    conn->answered = true;
    if (conn->head_done)
        take_body(conn, bytes, len);
    else
        take_head(conn, bytes, len);
}

/* The connection ended; properly: without an error, and under TLS with a good-bye that nobody on
 * the way can forge. Only then does it end a body. */
static void on_end(struct upstream_conn *conn, bool properly)
{
    if (conn->call == NULL)
        upstream__conn_close(conn);
    else if (properly && conn->head_done && conn->head.framing == FRAMING_CLOSE)
        upstream__call_end(conn->call, ERR_OK);
    else
        upstream__call_lost(conn->call, ERR_UPSTREAM);
}

static void read_plain(struct upstream_conn *conn)
{
    struct upstream_pool *pool = conn->pool;
    ssize_t n = read(h2o_socket_get_fd(conn->sock), pool->scratch, sizeof(pool->scratch));

    if (n < 0) {
        if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
            on_end(conn, false);
        return;
    }
    if (n == 0) {
        on_end(conn, true);
        return;
    }
    take(conn, pool->scratch, (size_t)n);
    explicit_bzero(pool->scratch, (size_t)n);
}

static void read_tls(struct upstream_conn *conn, const char *err)
{
    size_t len = conn->sock->input->size;

    if (err == NULL && len > 0) {
        take(conn, conn->sock->input->bytes, len);
        if (conn->state == CONN_CLOSED)
            return;
        h2o_buffer_consume(&conn->sock->input, len);
    }
    if (err != NULL || conn->close_notify)
        on_end(conn, conn->close_notify);
}

void upstream__on_readable(h2o_socket_t *sock, const char *err)
{
    struct upstream_conn *conn = upstream__conn_of(sock);

    if (sock->ssl != NULL)
        read_tls(conn, err);
    else
        read_plain(conn);
}
