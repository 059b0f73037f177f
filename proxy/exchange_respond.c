/* SPDX-License-Identifier: Apache-2.0 */
/* The upstream's answer on its way to the client: passed through as it comes, or, where fields of
 * it are declared, shown as this caller may see it: texts and events while they stream, all else once
 * it is whole. Runs on: the loop
 * threads. Holds: what has arrived and is not yet written; at most PAUSE_AT and one read of a
 * passing body, LIMIT_RESPONSE_BODY_MAX of a revealed one. Invariant: a client sees the end of an
 * answer only if the upstream's was whole. Not here: how values are revealed (transform.c). */
#include "proxy/exchange_priv.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/assert.h"
#include "base/http_reason.h"
#include "base/http_thread.h"
#include "base/log.h"
#include "base/secret.h"

enum {
    PAUSE_AT = 256 << 10, /* bytes waiting for a slow client before the upstream waits too */
    RESUME_AT = 64 << 10
};

/* Recycled buffers, like libh2o's own; without mmap_settings they never go to files. */
static __thread h2o_buffer_prototype_t buffers = {.allocator = {.max = 16},
                                                  ._initial_buf = {.capacity = 16384}};

/* ---- the head ---- */

static bool is_head_request(const struct exchange *x)
{
    return span_equal(x->facts.method, SPAN_LIT("HEAD"));
}

/* How the client learns where a passed answer ends. */
static void frame(struct exchange *x, const struct upstream_head *head)
{
    h2o_req_t *req = x->req;

    req->res.content_length = SIZE_MAX;
    if (head->status == 204 || (is_head_request(x) && x->reveals))
        return; /* no length to tell: of a revealed answer it would be that of the tokens */
    if (head->content_length >= 0 && x->stream == NULL) {
        req->res.content_length = (size_t)head->content_length;
        return;
    }
    if (!head->has_body)
        return;
    if (req->version >= 0x101) {
        x->chunked = true;
        h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_TRANSFER_ENCODING, NULL,
                       H2O_STRLIT("chunked"));
    } else {
        x->close_ends = true;
    }
}

/* Start the response with libh2o. Its own chunked filter closes connections after any other status
 * than 200; it stands aside when the framing is set already, but for that. */
void exchange_begin(struct exchange *x)
{
    h2o_req_t *req = x->req;
    bool persistent =
        req->http1_is_persistent && !x->close_ends && !req->conn->ctx->shutdown_requested;

    x->begun = true;
    if (x->setup->settings->hsts.at != NULL && x->client->edge.https)
        headers_add_hsts(req, x->setup->settings->hsts);
    req->res.original.status = req->res.status; /* keeps libh2o from copying all fields for logs */
    h2o_start_response(req, &x->generator);
    req->http1_is_persistent = persistent;
}

/* ---- passing through ---- */

static size_t waiting_bytes(const struct exchange *x)
{
    return x->arriving->size + x->leaving.buf->size;
}

/* Hand libh2o all that there is, framed. */
static void write_out(struct exchange *x)
{
    h2o_iovec_t data = h2o_doublebuffer_prepare(&x->leaving, &x->arriving, SIZE_MAX);
    bool last = x->complete;
    h2o_iovec_t bufs[3];
    size_t count = 0;

    if (data.len > 0 && x->chunked) {
        int len = snprintf(x->chunk, sizeof(x->chunk), "%zx\r\n", data.len);

        bufs[count++] = h2o_iovec_init(x->chunk, (size_t)len);
    }
    if (data.len > 0)
        bufs[count++] = data;
    if (x->chunked && (last || data.len > 0)) {
        const char *end = data.len == 0 ? "0\r\n\r\n" : last ? "\r\n0\r\n\r\n" : "\r\n";

        bufs[count++] = h2o_iovec_init(end, strlen(end));
    }
    if (!x->begun)
        exchange_begin(x);
    else if (count == 0 && !last)
        return;
    x->writing = !last;
    if (last)
        x->state = EXCHANGE_SENT;
    h2o_send(x->req, bufs, count, last ? H2O_SEND_STATE_FINAL : H2O_SEND_STATE_IN_PROGRESS);
}

/* Something must be durable first. */
static bool is_held(const struct exchange *x)
{
    return x->held || x->posting != NULL;
}

static void flush(struct exchange *x)
{
    h2o_timeout_unlink(&x->flush);
    if (!x->writing && !is_held(x))
        write_out(x);
}

static void on_flush(h2o_timeout_entry_t *entry)
{
    flush(CONTAINER_OF(entry, struct exchange, flush));
}

/* At the end of this turn of the loop: by then the rest of a small answer has come as well, and all
 * of it goes out in one write. */
static void flush_soon(struct exchange *x)
{
    if (!x->writing && !is_held(x) && !h2o_timeout_is_linked(&x->flush))
        h2o_timeout_link(x->loop->evloop, &x->loop->context.zero_timeout, &x->flush);
}

static void give_up(struct exchange *x, enum err e);

/* What was held may go, or never will. May end the exchange. */
static void on_recorded(struct exchange *x, enum err e)
{
    x->held = false;
    if (e == ERR_OK) {
        if (!x->writing && !is_held(x))
            write_out(x);
        return;
    }
    if (x->call != NULL)
        upstream_detach(TAKE(x->call));
    give_up(x, e);
}

/* Something was shown: it stays here until that is recorded. False: it is over. */
static bool hold(struct exchange *x)
{
    enum err e;

    if (x->notes.values + x->notes.masks == 0)
        return true;
    if (exchange_record_waits(x, on_recorded, &e)) {
        h2o_timeout_unlink(&x->flush);
        x->held = true;
        return true;
    }
    if (e == ERR_OK)
        return true;
    if (x->call != NULL)
        upstream_detach(TAKE(x->call));
    give_up(x, e);
    return false;
}

static void pass_head(struct exchange *x, const struct upstream_head *head)
{
    const enum answer_change change = x->stream != NULL ? ANSWER_DECODED
                                      : x->reveals      ? ANSWER_CHANGED
                                                        : ANSWER_SAME;
    h2o_req_t *req = x->req;
    enum err e;

    h2o_buffer_init(&x->arriving, &buffers);
    h2o_doublebuffer_init(&x->leaving, &buffers);
    x->flush.cb = on_flush;
    x->state = EXCHANGE_STREAMING;
    req->res.status = head->status;
    req->res.reason = http_reason(head->status);
    headers_for_client(req, head, change, span_of(x->id, EXCHANGE_ID_LEN));
    e = exchange_show_headers(x);
    if (e != ERR_OK) {
        upstream_detach(TAKE(x->call));
        exchange_refuse(x, e);
        return;
    }
    frame(x, head);
    flush_soon(x);
    (void)hold(x);
}

static void wipe(h2o_buffer_t *buffer)
{
    if (buffer->bytes != NULL)
        secret_wipe(buffer->_buf, buffer->capacity);
}

/* Room for more behind what has arrived. libh2o moves a buffer that grows; of values it must leave no copy. */
static h2o_iovec_t reserve(struct exchange *x, size_t len)
{
    h2o_buffer_t *old = x->arriving;
    h2o_iovec_t room;

    if (x->stream == NULL || old->bytes == NULL ||
        old->capacity - old->size - (size_t)(old->bytes - old->_buf) >= len)
        return h2o_buffer_reserve(&x->arriving, len);
    h2o_buffer_init(&x->arriving, &buffers);
    room = h2o_buffer_reserve(&x->arriving, old->size + len);
    memcpy(room.base, old->bytes, old->size);
    x->arriving->size = old->size;
    room.base += old->size;
    wipe(old);
    h2o_buffer_dispose(&old);
    return room;
}

static void pass_body(struct exchange *x, struct span bytes)
{
    h2o_iovec_t room = reserve(x, bytes.len);

    memcpy(room.base, bytes.at, bytes.len);
    x->arriving->size += bytes.len;
    if (!x->paused && x->call != NULL && waiting_bytes(x) > PAUSE_AT) {
        x->paused = true;
        upstream_pause(x->call);
    }
    flush_soon(x);
}

void exchange_break_off(struct exchange *x)
{
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    h2o_socket_t *socket = x->req->conn->callbacks->get_socket(x->req->conn);

    /* A reset, not an orderly end: where the end of the connection ends the answer, nothing else
     * tells the client that this one is not whole. */
    (void)setsockopt(h2o_socket_get_fd(socket), SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    x->req->http1_is_persistent = 0;
    x->state = EXCHANGE_SENT;
    h2o_send(x->req, NULL, 0, H2O_SEND_STATE_ERROR); /* ends the request: x is gone */
}

void exchange_on_written(h2o_generator_t *generator, h2o_req_t *req UNUSED)
{
    struct exchange *x = CONTAINER_OF(generator, struct exchange, generator);

    REQUIRE(x->magic == EXCHANGE_MAGIC);
    x->writing = false;
    if (x->stream != NULL && x->leaving.bytes_inflight > 0)
        secret_wipe(x->leaving.buf->bytes, x->leaving.bytes_inflight);
    if (x->leaving.bytes_inflight > 0)
        h2o_doublebuffer_consume(&x->leaving);
    if (x->broken) {
        exchange_break_off(x);
        return;
    }
    if (x->paused && x->call != NULL && waiting_bytes(x) < RESUME_AT) {
        x->paused = false;
        upstream_resume(x->call);
    }
    if (!is_held(x) && (x->complete || waiting_bytes(x) > 0))
        write_out(x);
}

/* ---- the upstream's events ---- */

static void on_head(struct upstream_call *call UNUSED, const struct upstream_head *head,
                    void *context)
{
    struct exchange *x = context;
    const bool success = head->status >= 200 && head->status <= 299;
    enum coding coding = CODING_IDENTITY;
    enum err e = exchange_post_event(x, head->status);

    if (e != ERR_OK) {
        upstream_detach(TAKE(x->call));
        exchange_refuse(x, e);
        return;
    }
    /* What is of another kind than declared can hold no declared field. An error page may be that, an
     * answer may not (an empty one is found out by its first byte). */
    exchange_judge_answer(x, head, &coding);
    if (!x->reveals || !head->has_body || !places_have_body(x->route->response) ||
        (!success && x->answer_media.kind == MEDIA_OTHER && !x->route->def->egress)) {
        pass_head(x, head);
    } else if (x->answer_media.kind == MEDIA_EVENTS || x->answer_media.kind == MEDIA_TEXT) {
        exchange_stream_start(x, coding);
        pass_head(x, head);
    } else {
        exchange_collect_head(x, head, coding);
    }
}

/* Nothing more comes of it. May end the exchange. */
static void give_up(struct exchange *x, enum err e)
{
    h2o_timeout_unlink(&x->flush);
    if (!x->begun) {
        memset(&x->req->res.headers, 0, sizeof(x->req->res.headers));
        exchange_refuse(x, e);
    } else if (x->writing) {
        x->broken = true;
    } else {
        exchange_break_off(x);
    }
}

void exchange_release(struct exchange *x, enum err e)
{
    if (e != ERR_OK) {
        if (x->call != NULL)
            upstream_detach(TAKE(x->call));
        exchange_leave_job(x);
        give_up(x, e);
    } else if (x->ready) {
        exchange_send_answer(x);
    } else if (x->state == EXCHANGE_STREAMING && !is_held(x)) {
        write_out(x);
    }
}

/* What could be shown of a streaming answer goes on; what cannot be shown ends it. False: it is over. */
static bool pass_shown(struct exchange *x, enum err shown)
{
    if (shown == ERR_OK) {
        if (x->answer.len > 0)
            pass_body(x, buf_span(&x->answer));
        return hold(x);
    }
    if (x->call != NULL)
        upstream_detach(TAKE(x->call));
    log_event(EV_STREAM_BROKEN, F_REQUEST(x), F_TEXT("route", exchange_route_name(x)),
              F_LIT("error", err_name(shown)));
    give_up(x, shown);
    return false;
}

static void on_body(struct upstream_call *call UNUSED, struct span bytes, void *context)
{
    struct exchange *x = context;

    if (x->state == EXCHANGE_COLLECTING)
        exchange_collect_body(x, bytes);
    else if (x->stream != NULL)
        (void)pass_shown(x, exchange_stream_feed(x, bytes));
    else
        pass_body(x, bytes);
}

static void on_failed(struct exchange *x, enum err e)
{
    const struct upstream_def *upstream = &x->setup->settings->upstreams[x->upstream];

    log_event(EV_UPSTREAM_FAILED, F_REQUEST(x), F_TEXT("upstream", span_str(upstream->config.name)),
              F_LIT("error", err_name(e)));
    give_up(x, e);
}

static void on_done(struct upstream_call *call UNUSED, enum err result, void *context)
{
    struct exchange *x = context;

    x->call = NULL;
    exchange_account_upstream(x, true);
    if (result != ERR_OK) {
        on_failed(x, result);
    } else if (x->state == EXCHANGE_SENT) {
        return; /* it has gone over to another protocol */
    } else if (x->state == EXCHANGE_COLLECTING) {
        exchange_send_collected(x);
    } else if (x->stream == NULL || pass_shown(x, exchange_stream_finish(x))) {
        x->complete = true;
        flush(x);
    }
}

const struct upstream_events exchange_answer_events = {.on_head = on_head,
                                                       .on_body = on_body,
                                                       .on_upgraded = exchange_on_upgraded,
                                                       .on_done = on_done};

void exchange_buffers_free(void)
{
    http_free_recycled(&buffers.allocator);
}

void exchange_answer_done(struct exchange *x)
{
    h2o_timeout_unlink(&x->flush);
    if (x->arriving != NULL && x->stream != NULL) {
        wipe(x->arriving);
        wipe(x->leaving.buf);
    }
    if (x->arriving != NULL) {
        h2o_buffer_dispose(&x->arriving);
        h2o_doublebuffer_dispose(&x->leaving);
    }
    decoder_free(&x->decoder);
    reveal_stream_free(&x->stream);
    buf_done(&x->collected);
    buf_done(&x->answer);
}
