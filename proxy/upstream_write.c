/* SPDX-License-Identifier: Apache-2.0 */
/* Upstream client: requests going out, head and body in one system call when the socket takes them.
 * Runs on: the pool's loop thread. Holds: nothing. Invariant: no zero-length piece is ever written.
 * Not here: what the head says (upstream_request.c). */
#include "proxy/upstream_priv.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/uio.h>

static size_t request_size(const struct upstream_call *call)
{
    return call->head.len + call->body.len;
}

/* What is still to be written, at most `max` bytes, as one or two pieces. */
static size_t pieces_left(const struct upstream_conn *conn, size_t max, struct iovec pieces[2])
{
    const struct upstream_call *call = conn->call;
    size_t at = conn->written, count = 0, room = max;

    if (at < call->head.len) {
        size_t n = call->head.len - at < room ? call->head.len - at : room;

        pieces[count++] = (struct iovec){call->head.bytes + at, n};
        room -= n;
        at += n;
    }
    if (room > 0 && at >= call->head.len && at < request_size(call)) {
        size_t skip = at - call->head.len, n = call->body.len - skip;

        pieces[count++] = (struct iovec){(char *)call->body.at + skip, n < room ? n : room};
    }
    return count;
}

/* A wait for the upstream to take more, or, once it answers, to say more; rests while the owner pauses
 * the response. */
static void arm_wait(struct upstream_conn *conn)
{
    if (conn->call->paused && conn->head_done)
        upstream__conn_rest(conn);
    else
        upstream__conn_arm(conn, conn->sent || conn->broken ? WAIT_IDLE : WAIT_WRITE);
}

static void on_sent(struct upstream_conn *conn)
{
    conn->sent = true;
    if (!conn->head_done)
        upstream__conn_arm(conn, WAIT_FIRST_BYTE);
    else
        arm_wait(conn);
}

static void on_broken(struct upstream_conn *conn)
{
    if (conn->reused && conn->written == 0 && conn->slice == 0 && !conn->answered) {
        /* Nothing left this machine: a new connection costs nobody anything. */
        struct upstream_call *call = TAKE(conn->call);

        call->conn = NULL;
        upstream__conn_close(conn);
        upstream__conn_open(call, upstream__pool_choose(call->pool, call));
        return;
    }
    conn->broken = true; /* the upstream may have answered before it hung up: go on reading */
    conn->unfit = true;
    arm_wait(conn);
}

static void on_writable(h2o_socket_t *sock, const char *err)
{
    struct upstream_conn *conn = upstream__conn_of(sock);

    if (err != NULL)
        on_broken(conn);
    else
        upstream__write(conn);
}

/* Straight to the socket, not through h2o_socket_write(): that does not tell how far it came, which
 * both the idle timer and "nothing was written yet" need. */
static void write_plain(struct upstream_conn *conn)
{
    struct iovec pieces[2];
    struct msghdr message = {.msg_iov = pieces};
    ssize_t n;

    message.msg_iovlen = pieces_left(conn, SIZE_MAX, pieces);
    do {
        n = sendmsg(h2o_socket_get_fd(conn->sock), &message, MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
    if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK) {
        on_broken(conn);
        return;
    }
    if (n > 0)
        conn->written += (size_t)n;
    if (conn->written == request_size(conn->call)) {
        on_sent(conn);
        return;
    }
    arm_wait(conn);
    h2o_socket_notify_write(conn->sock, on_writable);
}

static void on_tls_written(h2o_socket_t *sock, const char *err)
{
    struct upstream_conn *conn = upstream__conn_of(sock);

    if (err != NULL) {
        on_broken(conn);
    } else {
        conn->written += conn->slice;
        conn->slice = 0;
        if (conn->written == request_size(conn->call))
            on_sent(conn);
        else
            upstream__write(conn);
    }
}

static void write_tls(struct upstream_conn *conn)
{
    struct iovec pieces[2];
    h2o_iovec_t bufs[2];
    size_t count = pieces_left(conn, UPSTREAM_TLS_SLICE, pieces);

    conn->slice = 0;
    for (size_t i = 0; i < count; i++) {
        bufs[i] = h2o_iovec_init(pieces[i].iov_base, pieces[i].iov_len);
        conn->slice += pieces[i].iov_len;
    }
    arm_wait(conn);
    h2o_socket_write(conn->sock, bufs, count, on_tls_written);
}

void upstream__write(struct upstream_conn *conn)
{
    if (conn->sock->ssl != NULL)
        write_tls(conn);
    else
        write_plain(conn);
}
