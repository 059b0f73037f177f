/* SPDX-License-Identifier: Apache-2.0 */
/* Requests of a small server and their answers.
 * Runs on: the server's thread, all of libh2o's part; slow handlers on a pool. Holds: a job for each
 * request that is with the pool, with copies of all it may look at; answers in pieces are http_stream.c's. Invariant: a handler sees only
 * requests that read one way (base/http_guard.h), whole; a job touches its request only on the
 * server's thread and only while that lives. Not here: connections (base/http_server.c). */
#include "base/http_service_priv.h"

#include <arpa/inet.h>
#include <h2o/http1.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/http_guard.h"
#include "base/http_reason.h"
#include "base/mem.h"
#include "base/secret.h"

enum { PEER_TEXT = INET6_ADDRSTRLEN };

struct handler {
    h2o_handler_t super;
    struct http_service *service;
};

struct job {
    struct work work;
    struct http_note note;
    struct http_service *service;
    struct http_stream stream;
    bool head;
    struct http_request request; /* its spans stand in `copies` */
    struct buf copies;
    struct http_answer answer;
};

static const char *const field_names[HTTP_FIELDS] = {
    [HTTP_ACCEPT] = "accept",
    [HTTP_ACCEPT_LANGUAGE] = "accept-language",
    [HTTP_AUTHORIZATION] = "authorization",
    [HTTP_CONTENT_TYPE] = "content-type",
    [HTTP_COOKIE] = "cookie",
    [HTTP_FETCH_SITE] = "sec-fetch-site",
    [HTTP_IDEMPOTENCY_KEY] = "idempotency-key",
    [HTTP_IF_MATCH] = "if-match",
    [HTTP_IF_NONE_MATCH] = "if-none-match",
    [HTTP_ONE_TIME_CODE] = "lethe-otp",
    [HTTP_ORIGIN] = "origin",
    [HTTP_PURPOSE] = "lethe-purpose",
    [HTTP_SIGNATURE] = "lethe-signature",
};

/* ---- answering ---- */

void http_answer_field(struct http_answer *answer, const char *name, const char *format, ...)
{
    char *value;
    va_list args;
    int len;

    REQUIRE(answer->field_count < HTTP_ANSWER_FIELDS_MAX);
    REQUIRE(strncmp(name, "access-control-", strlen("access-control-")) != 0);
    value = answer->fields[answer->field_count].value;
    va_start(args, format);
    len = vsnprintf(value, HTTP_ANSWER_VALUE_MAX, format, args);
    va_end(args);
    if (len < 0 || len >= HTTP_ANSWER_VALUE_MAX)
        return;
    for (const char *c = value; *c != '\0'; c++)
        if (*c < ' ' || *c > '~')
            return;
    answer->fields[answer->field_count++].name = name;
}

static void free_body(void *memory)
{
    buf_done(memory);
}

static void add_token(h2o_req_t *req, const h2o_token_t *name, const char *value)
{
    h2o_add_header(&req->pool, &req->res.headers, name, NULL, value, strlen(value));
}

static void add_field(h2o_req_t *req, const char *name, const char *value)
{
    const h2o_iovec_t copy = h2o_strdup(&req->pool, value, SIZE_MAX);

    h2o_add_header_by_str(&req->pool, &req->res.headers, name, strlen(name), 1, NULL, copy.base,
                          copy.len);
}

static bool has_field(const struct http_answer *answer, const char *name)
{
    for (size_t i = 0; i < answer->field_count; i++)
        if (strcmp(answer->fields[i].name, name) == 0)
            return true;
    return false;
}

/* What browsers shall make of an answer that says nothing else: nothing. No page of another origin reads, frames or
 * loads it; there is no CORS (http_answer_field() refuses it). */
static void add_guards(h2o_req_t *req, const struct http_answer *answer)
{
    static const struct {
        const char *name;
        const char *value;
    } guards[] = {
        {"content-security-policy", "default-src 'none'; frame-ancestors 'none'"},
        {"cross-origin-resource-policy", "same-origin"},
        {"referrer-policy", "no-referrer"},
        {"x-content-type-options", "nosniff"},
        {"x-frame-options", "DENY"},
    };

    for (size_t i = 0; i < COUNT_OF(guards); i++)
        if (!has_field(answer, guards[i].name))
            add_field(req, guards[i].name, guards[i].value);
    if (req->input.scheme == &H2O_URL_SCHEME_HTTPS) /* a promise that only TLS can keep */
        add_token(req, H2O_TOKEN_STRICT_TRANSPORT_SECURITY, "max-age=31536000");
}

void http_service_head(h2o_req_t *req, const struct http_answer *answer, size_t length)
{
    req->res.status = answer->status;
    req->res.reason = http_reason(answer->status);
    req->res.content_length = length;
    if (answer->status != 204 && answer->status != 304)
        add_token(req, H2O_TOKEN_CONTENT_TYPE,
                  answer->content_type == NULL ? "text/plain; charset=utf-8"
                                               : answer->content_type);
    if (!answer->cacheable)
        add_token(req, H2O_TOKEN_CACHE_CONTROL, "no-store");
    add_guards(req, answer);
    for (size_t i = 0; i < answer->field_count; i++)
        add_field(req, answer->fields[i].name, answer->fields[i].value);
}

/* The body lives as long as the request: libh2o writes it when it can. */
static void send_answer(h2o_req_t *req, struct http_answer *answer, bool head)
{
    static h2o_generator_t nothing_more = {NULL, NULL};
    struct buf *body = h2o_mem_alloc_shared(&req->pool, sizeof(*body), free_body);
    h2o_iovec_t bytes;

    *body = answer->body;
    buf_init_secret(&answer->body, HTTP_ANSWER_MAX);
    bytes = h2o_iovec_init(body->bytes, body->len);
    http_service_head(req, answer,
                      answer->status == 304 ? SIZE_MAX : body->len); /* not of this answer */
    h2o_start_response(req, &nothing_more);
    h2o_send(req, &bytes, head || bytes.len == 0 ? 0 : 1, H2O_SEND_STATE_FINAL);
}

static void refuse(h2o_req_t *req, int status)
{
    struct http_answer answer = {.status = status};

    req->http1_is_persistent = 0;
    buf_init_secret(&answer.body, HTTP_ANSWER_MAX);
    send_answer(req, &answer, false);
}

/* ---- reading ---- */

static void read_target(struct span target, struct http_request *request)
{
    const char *query = memchr(target.at, '?', target.len);

    request->path = target;
    request->query = SPAN_NONE;
    if (query == NULL)
        return;
    request->path.len = (size_t)(query - target.at);
    request->query = span_of(query + 1, target.len - request->path.len - 1);
}

/* False: one came twice, and servers read that differently. */
static bool read_fields(const h2o_req_t *req, struct http_request *request)
{
    for (size_t i = 0; i < req->headers.size; i++) {
        const h2o_header_t *h = &req->headers.entries[i];

        for (size_t f = 0; f < HTTP_FIELDS; f++) {
            if (!h2o_lcstris(h->name->base, h->name->len, field_names[f], strlen(field_names[f])))
                continue;
            if (request->fields[f].at != NULL)
                return false;
            request->fields[f] = span_of(h->value.base, h->value.len);
        }
    }
    return true;
}

static void read_peer(h2o_req_t *req, char text[PEER_TEXT], struct http_request *request)
{
    struct sockaddr_storage address;
    const socklen_t len = req->conn->callbacks->get_peername(req->conn, (void *)&address);
    const void *bytes = address.ss_family == AF_INET6
                            ? (const void *)&((struct sockaddr_in6 *)&address)->sin6_addr
                            : (const void *)&((struct sockaddr_in *)&address)->sin_addr;

    text[0] = '\0';
    if (len > 0)
        (void)inet_ntop(address.ss_family, bytes, text, PEER_TEXT);
    request->peer = span_str(text);
}

/* What the guard lets pass and this server still does not want: 0, or the status. */
static int judge_body(const struct http_service *service, const struct guard_facts *facts,
                      const h2o_req_t *req)
{
    if (!facts->has_body)
        return 0;
    if (service->options->body_max == 0)
        return 400;
    if (facts->content_length < 0)
        return 411;
    return req->entity.len > service->options->body_max ? 413 : 0;
}

/* It stands in libh2o's buffer, which lives longer than anybody needs it. */
static void wipe_body(h2o_req_t *req)
{
    if (req->entity.len > 0)
        secret_wipe(req->entity.base, req->entity.len);
}

/* ---- with the pool ---- */

static void free_job(struct job *job)
{
    http_stream_done(&job->stream);
    buf_done(&job->copies);
    buf_done(&job->answer.body);
    free(job);
}

static struct span copy(struct buf *to, struct span text)
{
    const size_t at = to->len;

    if (text.at == NULL)
        return SPAN_NONE;
    REQUIRE(buf_append_span(to, text) == ERR_OK); /* room was made */
    return span_of((const char *)to->bytes + at, text.len);
}

static bool copy_request(struct job *job, const struct http_request *from)
{
    size_t len = from->method.len + from->path.len + from->query.len + from->host.len +
                 from->body.len + from->peer.len + from->certificate.len + 1;

    for (size_t f = 0; f < HTTP_FIELDS; f++)
        len += from->fields[f].len;
    buf_init_secret(&job->copies, len);
    if (buf_reserve(&job->copies, len) != ERR_OK)
        return false;
    job->request.method = copy(&job->copies, from->method);
    job->request.path = copy(&job->copies, from->path);
    job->request.query = copy(&job->copies, from->query);
    job->request.host = copy(&job->copies, from->host);
    job->request.body = copy(&job->copies, from->body);
    job->request.peer = copy(&job->copies, from->peer);
    job->request.certificate = copy(&job->copies, from->certificate);
    for (size_t f = 0; f < HTTP_FIELDS; f++)
        job->request.fields[f] = copy(&job->copies, from->fields[f]);
    return true;
}

/* Pool. */
static void run_job(struct work *work)
{
    struct job *job = CONTAINER_OF(work, struct job, work);
    const struct http_server_options *o = job->service->options;

    o->handler(&job->request, &job->answer, o->context);
    http_stream_finish(&job->answer);
    buf_done(&job->copies); /* before anybody reads the answer */
    h2o_multithread_send_message(&job->service->done, &job->note.message);
}

static void end_job(struct job *job)
{
    h2o_req_t *req = http_stream_end(&job->stream);

    if (req != NULL)
        send_answer(req, &job->answer, job->head);
    free_job(job);
}

static void on_note(h2o_multithread_receiver_t *receiver UNUSED, h2o_linklist_t *messages)
{
    while (!h2o_linklist_is_empty(messages)) {
        struct http_note *note = CONTAINER_OF(messages->next, struct http_note, message.link);

        h2o_linklist_unlink(&note->message.link);
        if (note->is_piece)
            http_stream_send(CONTAINER_OF(note, struct http_stream, note));
        else
            end_job(CONTAINER_OF(note, struct job, note));
    }
}

static void hand_over(struct http_service *service, h2o_req_t *req,
                      const struct http_request *request)
{
    struct job *job = mem_alloc(sizeof(*job));

    http_stream_init(&job->stream, service);
    if (!copy_request(job, request)) {
        free_job(job);
        refuse(req, 503);
        return;
    }
    job->work.run = run_job;
    job->service = service;
    job->stream.answer = &job->answer;
    job->head = span_equal(request->method, SPAN_LIT("HEAD"));
    job->answer.status = 404;
    job->answer.stream = job->head ? NULL : &job->stream;
    buf_init_secret(&job->answer.body, HTTP_ANSWER_MAX);
    wipe_body(req);
    if (!work_pool_add(service->pool, &job->work)) {
        free_job(job);
        refuse(req, 503);
        return;
    }
    http_stream_attach(&job->stream, req); /* messages of the job are heard on this thread, later */
}

/* ---- a request ---- */

static void answer_now(struct http_service *service, h2o_req_t *req,
                       const struct http_request *request)
{
    const struct http_server_options *o = service->options;
    struct http_answer *answer = mem_alloc(sizeof(*answer));

    answer->status = 404;
    buf_init_secret(&answer->body, HTTP_ANSWER_MAX);
    o->handler(request, answer, o->context);
    wipe_body(req);
    send_answer(req, answer, span_equal(request->method, SPAN_LIT("HEAD")));
    free(answer);
}

static int on_request(h2o_handler_t *self, h2o_req_t *req)
{
    struct http_service *service = ((struct handler *)self)->service;
    const struct http_server_options *o = service->options;
    h2o_socket_t *socket = req->conn->callbacks->get_socket(req->conn);
    struct http_request request = {.body = SPAN_NONE};
    struct guard_facts facts;
    char peer[PEER_TEXT];
    enum err e = guard_head(span_of(socket->input->bytes, socket->input->size), &facts);
    int status = e == ERR_OK ? judge_body(service, &facts, req) : err_status(e);

    if (status == 0 && !read_fields(req, &request))
        status = 400;
    if (status != 0) {
        refuse(req, status);
        return 0;
    }
    request.method = facts.method;
    read_target(facts.target, &request);
    request.host = facts.host;
    read_peer(req, peer, &request);
    request.certificate = http_service_certificate(socket);
    if (facts.has_body)
        request.body = span_of(req->entity.base, req->entity.len);
    if (o->is_slow != NULL && o->is_slow(&request, o->context))
        hand_over(service, req, &request);
    else
        answer_now(service, req, &request);
    return 0;
}

/* ---- its life ---- */

enum err http_service_start(struct http_service *service, const struct http_server_options *options)
{
    *service = (struct http_service){.options = options};
    return options->workers == 0 ? ERR_OK : work_pool_start(options->workers, &service->pool);
}

void http_service_attach(struct http_service *service, h2o_hostconf_t *host)
{
    struct handler *handler =
        (struct handler *)h2o_create_handler(&host->fallback_path, sizeof(*handler));

    handler->super.on_req = on_request;
    handler->service = service;
}

void http_service_listen(struct http_service *service, h2o_multithread_queue_t *queue)
{
    h2o_multithread_register_receiver(queue, &service->done, on_note);
}

void http_service_deafen(struct http_service *service, h2o_multithread_queue_t *queue)
{
    h2o_multithread_unregister_receiver(queue, &service->done);
}

void http_service_end(struct http_service *service)
{
    atomic_store(&service->ending, true);
    if (service->pool != NULL)
        work_pool_end(service->pool);
}

void http_service_done(struct http_service *service)
{
    work_pool_free(&service->pool);
}
