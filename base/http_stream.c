/* SPDX-License-Identifier: Apache-2.0 */
/* Answers in pieces, from a thread of the pool to a client that takes them as fast as it can.
 * Runs on: http_answer_send() and http_stream_finish() on the pool's thread, all else on the server's. Holds: one
 * piece that is on its way. Invariant: a piece is made only when the one before is with the kernel, so that a slow
 * client costs no memory; the server's thread never waits. Not here: answers that are whole (http_service.c).
 *
 *   pool:    fill body ─► piece ─► message ........ wait ..........► fill the next
 *   server:                           └► libh2o writes it ─► proceed ─┘ */
#include <sys/socket.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/http_service_priv.h"
#include "base/mem.h"
#include "base/wait.h"

/* A client that does not take one piece in this time takes no other; looked at this often for the server's end. */
enum { STALLED_MS = 30000, LOOK_MS = 200 };

void http_stream_init(struct http_stream *s, struct http_service *service)
{
    s->service = service;
    s->note.is_piece = true;
    buf_init_secret(&s->piece, HTTP_ANSWER_MAX);
    wait_init(&s->changed);
    REQUIRE(pthread_mutex_init(&s->lock, NULL) == 0);
}

void http_stream_done(struct http_stream *s)
{
    buf_done(&s->piece);
    (void)pthread_cond_destroy(&s->changed);
    (void)pthread_mutex_destroy(&s->lock);
}

/* ---- the pool's side ---- */

/* With the lock: until the piece is gone. CANCELED: nobody takes it. */
static enum err wait_for_client(struct http_stream *s)
{
    const int64_t until_ms = clock_mono_ms() + STALLED_MS;

    while (s->sending && !s->gone) {
        if (clock_mono_ms() > until_ms || atomic_load(&s->service->ending))
            s->broken = true;
        if (s->broken)
            return ERR_CANCELED;
        (void)wait_until_ms(&s->changed, &s->lock, clock_mono_ms() + LOOK_MS);
    }
    return s->gone || s->broken ? ERR_CANCELED : ERR_OK;
}

enum err http_answer_send(struct http_answer *answer)
{
    struct http_stream *s = answer->stream;
    enum err e;

    if (s == NULL || answer->body.len == 0) /* without a stream pieces pile up to one */
        return ERR_OK;
    (void)pthread_mutex_lock(&s->lock);
    e = wait_for_client(s);
    if (e == ERR_OK) {
        const struct buf empty = s->piece;

        s->piece = answer->body;
        answer->body = empty;
        s->started = true;
        s->sending = true;
    }
    (void)pthread_mutex_unlock(&s->lock);
    if (e == ERR_OK)
        h2o_multithread_send_message(&s->service->done, &s->note.message);
    return e;
}

void http_answer_break(struct http_answer *answer)
{
    if (answer->stream != NULL)
        answer->stream->broken = true;
}

void http_stream_finish(struct http_answer *answer)
{
    struct http_stream *s = answer->stream;

    if (s == NULL || !s->started)
        return;
    if (http_answer_send(answer) != ERR_OK)
        s->broken = true;
    (void)pthread_mutex_lock(&s->lock);
    (void)wait_for_client(s);
    (void)pthread_mutex_unlock(&s->lock);
}

/* ---- the server's side ---- */

static void on_proceed(h2o_generator_t *generator, h2o_req_t *req)
{
    struct http_stream_anchor *anchor = CONTAINER_OF(generator, struct http_stream_anchor, super);
    struct http_stream *s = anchor->stream;

    buf_done(&anchor->piece);
    if (s == NULL) { /* its job gave up on the client, which must not wait for more */
        h2o_send(req, NULL, 0, H2O_SEND_STATE_ERROR);
        return;
    }
    (void)pthread_mutex_lock(&s->lock);
    s->sending = false;
    (void)pthread_cond_signal(&s->changed);
    (void)pthread_mutex_unlock(&s->lock);
}

static void on_gone(void *memory)
{
    struct http_stream_anchor *anchor = memory;
    struct http_stream *s = anchor->stream;

    buf_done(&anchor->piece);
    if (s == NULL)
        return;
    (void)pthread_mutex_lock(&s->lock);
    s->req = NULL;
    s->anchor = NULL;
    s->gone = true;
    (void)pthread_cond_signal(&s->changed);
    (void)pthread_mutex_unlock(&s->lock);
}

void http_stream_attach(struct http_stream *s, h2o_req_t *req)
{
    struct http_stream_anchor *anchor = h2o_mem_alloc_shared(&req->pool, sizeof(*anchor), on_gone);

    *anchor = (struct http_stream_anchor){.super = {on_proceed, NULL}, .stream = s};
    buf_init_secret(&anchor->piece, HTTP_ANSWER_MAX);
    s->anchor = anchor;
    s->req = req;
}

void http_stream_send(struct http_stream *s)
{
    h2o_iovec_t bytes;

    if (s->req == NULL) /* the pool was told that it is gone */
        return;
    s->anchor->piece = s->piece; /* it lives as long as the request, whatever becomes of the job */
    buf_init_secret(&s->piece, HTTP_ANSWER_MAX);
    bytes = h2o_iovec_init(s->anchor->piece.bytes, s->anchor->piece.len);
    if (!s->flows) {
        s->flows = true;
        http_service_head(s->req, s->answer, SIZE_MAX);
        h2o_start_response(s->req, &s->anchor->super);
    }
    h2o_send(s->req, &bytes, 1, H2O_SEND_STATE_IN_PROGRESS);
}

h2o_req_t *http_stream_end(struct http_stream *s)
{
    h2o_req_t *req = s->req;

    if (s->anchor != NULL)
        s->anchor->stream = NULL;
    if (req == NULL || !s->flows)
        return req;
    if (s->sending) { /* given up on: libh2o closes what it cannot write */
        (void)shutdown(h2o_socket_get_fd(req->conn->callbacks->get_socket(req->conn)), SHUT_RDWR);
    } else {
        h2o_send(req, NULL, 0, s->broken ? H2O_SEND_STATE_ERROR : H2O_SEND_STATE_FINAL);
    }
    return NULL;
}
