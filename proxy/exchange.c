/* SPDX-License-Identifier: Apache-2.0 */
/* Admission: what must be settled before a byte of a request goes anywhere.
 * Runs on: the loop threads. Holds: the exchange; an anchor in shared memory of the request's pool
 * is the one reliable notice of the request's end. Invariant: an exchange that is refused has touched
 * neither vault nor upstream, except where the refusal is theirs. Not here: storing, forwarding,
 * answering (exchange_*.c). */
#include "proxy/exchange_priv.h"

#include <string.h>
#include <sys/socket.h>

#include "base/assert.h"
#include "base/http_thread.h"
#include "base/log.h"
#include "base/secret.h"
#include "proxy/explain_priv.h"
#include "proxy/problem.h"

/* They are too large for what malloc() gives back quickly, and the last one is still in the cache. */
#ifdef __SANITIZE_ADDRESS__
enum { SPARE_MAX = 0 }; /* it sees who uses one that is over */
#else
enum { SPARE_MAX = 64 };
#endif
static __thread h2o_mem_recycle_t spare = {.max = SPARE_MAX};

/* ---- refusing ---- */

struct span exchange_route_name(const struct exchange *x)
{
    return x->route == NULL ? SPAN_LIT("-") : span_str(x->route->def->pattern);
}

struct span exchange_hsts(const struct exchange *x)
{
    return x->client->edge.https ? x->setup->settings->hsts : SPAN_NONE;
}

static void refuse(struct exchange *x, enum err e, uint32_t allowed, bool close)
{
    const struct problem problem = {.error = e,
                                    .request_id = span_of(x->id, EXCHANGE_ID_LEN),
                                    .allowed = allowed,
                                    .retry_s = x->retry_s,
                                    .close = close,
                                    .hsts = exchange_hsts(x)};

    log_event(EV_REQUEST_REFUSED, F_REQUEST(x), F_TEXT("route", exchange_route_name(x)),
              F_LIT("error", err_name(e)), F_NUM("status", err_status(e)));
    if (e == ERR_CORRUPT)
        log_event(EV_STORE_DAMAGED, F_REQUEST(x), F_TEXT("route", exchange_route_name(x)));
    exchange_account_refusal(x, e);
    exchange_note_refusal(x, e);
    exchange_leave_record(x);
    exchange_leave_event(x);
    x->state = EXCHANGE_SENT;
    problem_send(x->req, &problem);
}

void exchange_refuse(struct exchange *x, enum err e)
{
    refuse(x, e, 0, false);
}

void exchange_refuse_and_close(struct exchange *x, enum err e)
{
    refuse(x, e, 0, true);
}

/* ---- the body ---- */

/* Methods whose bodies mean nothing, and which servers read differently (RFC 9110 9.3.1). */
static bool is_bodiless(struct span method)
{
    return (method_bit(method) & (METHOD_GET | METHOD_HEAD | METHOD_DELETE)) != 0;
}

/* The input buffer holds the request; libh2o would hold it longer than it is needed. */
static void wipe_entity(struct exchange *x)
{
    if (x->media.kind != MEDIA_OTHER &&
        x->req->entity.len > 0) /* it may stand in libh2o's buffer */
        secret_wipe(x->req->entity.base, x->req->entity.len);
}

/* A coded body is read, and goes up, as what it stands for. */
static enum err undo_coding(struct exchange *x)
{
    const struct span coded = span_of(x->req->entity.base, x->req->entity.len);
    enum coding coding;
    enum err e = coding_read(x->fields.content_encoding, &coding);

    if (e != ERR_OK || coding == CODING_IDENTITY)
        return e;
    buf_init_secret(&x->decoded, x->route->def->body_max);
    e = coding_undo(coding, coded, &x->decoded);
    wipe_entity(x);
    x->req->entity = h2o_iovec_init(x->decoded.bytes, x->decoded.len);
    x->was_coded = true;
    return e;
}

static enum err admit_body(struct exchange *x)
{
    const size_t len = x->req->entity.len;
    enum err e;

    if (!x->facts.has_body || x->req->entity.base == NULL)
        return ERR_OK;
    if (len >
        (x->route != NULL ? x->route->def->body_max : (size_t)x->setup->settings->limits.body))
        return ERR_TOO_LARGE;
    if (x->route == NULL || !places_have_body(x->route->request))
        return len > 0 && is_bodiless(x->facts.method) ? ERR_INVALID : ERR_OK;
    e = places_judge_body(x->route->request, x->fields.content_type, &x->media);
    return e == ERR_OK ? undo_coding(x) : e;
}

/* ---- in order ---- */

static enum err admit_route(struct exchange *x, uint32_t *ret_allowed)
{
    const struct proxy_settings *settings = x->setup->settings;
    enum err e = routes_find(settings->routes, x->path.path, x->facts.host,
                             method_bit(x->facts.method), &x->match, ret_allowed);

    if (e == ERR_OK) {
        x->route = &x->setup->policy->routes[x->match.id];
        x->upstream = x->route->def->upstream;
        e = vault_may_serve(
            x->loop->proxy->vault); /* else nothing goes on, nor is anything done upstream */
    } else if (e == ERR_NOT_FOUND && settings->pass_undeclared) {
        x->upstream = settings->default_upstream;
        e = ERR_OK;
    }
    return e;
}

static void admit(struct exchange *x)
{
    h2o_socket_t *socket = x->client->socket;
    uint32_t allowed = 0;
    enum err e = guard_head(span_of(socket->input->bytes, socket->input->size), &x->facts);

    if (e == ERR_OK)
        e = headers_scan(&x->req->headers, &x->fields);
    if (e == ERR_OK && x->fields.trace.at != NULL && x->setup->settings->trace != TRACE_OFF)
        x->trace = trace_id_of(x->fields.trace);
    if (e == ERR_OK)
        e = exchange_check_head(x);
    if (e != ERR_OK) {
        exchange_refuse_and_close(x, e);
        return;
    }
    e = exchange_admit_client(x);
    if (e == ERR_OK)
        e = path_normalise(x->facts.target, &x->path_text, &x->path);
    if (e == ERR_OK)
        e = admit_route(x, &allowed);
    if (e == ERR_OK)
        e = exchange_find_caller(x);
    if (e == ERR_OK)
        e = admit_body(x);
    if (e == ERR_OK)
        e = exchange_find_subject(x);
    if (e == ERR_OK && x->setup->settings->explained != NULL)
        explain_admitted(x);
    x->claims = NULL; /* another request may push them out of the cache */
    if (e != ERR_OK)
        refuse(x, e, allowed, false);
    else if (x->route != NULL && x->route->def->egress)
        exchange_open(x);
    else
        exchange_store(x);
}

/* ---- life and death ---- */

/* In the request's pool. */
struct anchor {
    struct exchange *x;
};

static void on_disposed(void *memory)
{
    struct exchange *x = ((struct anchor *)memory)->x;

    REQUIRE(x->magic == EXCHANGE_MAGIC);
    x->magic = 0;
    exchange_account_end(x);
    h2o_linklist_unlink(&x->link);
    x->loop->serving--;
    x->client->exchange = NULL;
    h2o_socket_dont_read(x->client->socket, 0);
    if (x->call != NULL)
        upstream_detach(x->call);
    exchange_leave_job(x);
    exchange_leave_event(x);
    exchange_audit_end(x);
    tokenize_free(&x->tokenize);
    wipe_entity(x);
    parts_done(x->parts.at, x->parts.count);
    parts_done(&x->answer_part, 1);
    for (size_t i = 0; i < x->parts.count; i++)
        buf_done(&x->written[i]);
    buf_done(&x->decoded);
    buf_done(&x->path_text);
    buf_done(&x->subject);
    guard_done(&x->guard);
    buf_done(&x->target);
    exchange_answer_done(x);
    loop_leave_setup(x->loop, x->setup);
    h2o_mem_free_recycle(&spare, x);
}

void exchanges_free_spare(void)
{
    http_free_recycled(&spare);
}

/* The next request, or the client's end: the one is not looked at before this one is answered, the
 * other is found by the next look at all clients (client_watch.c). */
static void on_client_readable(h2o_socket_t *socket, const char *err UNUSED)
{
    h2o_socket_read_stop(socket);
}

/* libh2o takes the socket out of the poll set while a request is worked on and puts it back after:
 * two system calls. Left in, without reading, it costs nothing as long as the client waits. */
static void keep_polled(h2o_socket_t *socket)
{
    h2o_socket_dont_read(socket, 1);
    h2o_socket_read_start(socket, on_client_readable);
}

static void write_id(char out[EXCHANGE_ID_LEN])
{
    static const uint64_t each = 0x0101010101010101; /* in every byte */
    uint32_t random[EXCHANGE_ID_LEN / 8];

    secret_random(random, sizeof(random));
    for (size_t i = 0; i < COUNT_OF(random); i++) {
        uint64_t n = random[i]; /* eight digits at once: one in each byte, in whatever order */

        n = (n | n << 16) & 0x0000ffff0000ffff;
        n = (n | n << 8) & 0x00ff00ff00ff00ff;
        n = (n | n << 4) & 0x0f0f0f0f0f0f0f0f;
        n += '0' * each + ((n + 6 * each) >> 4 & each) * ('a' - '0' - 10);
        memcpy(out + 8 * i, &n, sizeof(n));
    }
}

int exchange_on_request(h2o_handler_t *self UNUSED, h2o_req_t *req)
{
    struct exchange *x = h2o_mem_alloc_recycle(&spare, sizeof(*x));
    struct anchor *anchor = h2o_mem_alloc_shared(&req->pool, sizeof(*anchor), on_disposed);

    anchor->x = x;
    memset(x, 0, sizeof(*x));
    x->magic = EXCHANGE_MAGIC;
    x->req = req;
    x->loop = loop_of(req);
    x->setup = loop_use_setup(x->loop);
    x->generator.proceed = exchange_on_written;
    h2o_linklist_insert(&x->loop->exchanges, &x->link);
    x->loop->serving++;
    x->client = client_of(req);
    x->client->exchange = x;
    x->client->requests++;
    write_id(x->id);
    buf_init_secret(&x->path_text, LIMIT_REQUEST_HEAD_MAX * 3);
    buf_init_secret(&x->subject, LIMIT_IDENTIFIER_MAX);
    buf_init(&x->target, LIMIT_REQUEST_HEAD_MAX * 4);
    buf_init_secret(&x->collected, LIMIT_RESPONSE_BODY_MAX);
    buf_init_secret(&x->answer, LIMIT_RESPONSE_BODY_MAX * 2);
    exchange_account_begin(x);
    keep_polled(x->client->socket);
    if (x->client->leaving)
        req->http1_is_persistent = 0;
    admit(x);
    return 0;
}

void exchanges_abort(struct proxy_loop *loop)
{
    h2o_linklist_t *node = loop->exchanges.next, *next;

    for (; node != &loop->exchanges; node = next) {
        struct exchange *x = CONTAINER_OF(node, struct exchange, link);

        next = node->next;
        if (exchange_leave(x))
            continue; /* its write will fail or finish */
        if (x->begun)
            exchange_break_off(x);
        else
            exchange_refuse_and_close(x, ERR_CANCELED);
    }
}

/* A connection on which no request has begun reads an end of file and closes itself. */
static int let_go(h2o_req_t *req, void *context UNUSED)
{
    h2o_socket_t *socket = req->conn->callbacks->get_socket(req->conn);
    const struct client *client = socket->on_close.data;

    if (!client->leaving)
        return 0;
    if (req->version == 0)
        (void)shutdown(h2o_socket_get_fd(socket), SHUT_RD);
    else
        req->http1_is_persistent = 0;
    return 0;
}

void exchanges_let_go(struct proxy_loop *loop)
{
    (void)loop->proxy->config.http1.callbacks.foreach_request(&loop->context, let_go, NULL);
}
