/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens for a request's declared values, durable before anything goes upstream.
 * Runs on: the loop threads; on_stored() on the vault's writer thread. Holds: while the writer
 * works, a job that owns all the writer reads, so that a client may leave at any time. Invariant:
 * a job comes back exactly once; only the loop frees it. Not here: what is tokenized (transform.c).
 */
#include "proxy/exchange_priv.h"

#include "base/assert.h"
#include "base/log.h"
#include "base/secret.h"
#include "proxy/explain_priv.h"

struct store_job {
    struct exchange_job job; /* first */
    struct tokenize *tokenize;
    struct buf subject; /* the identifier that the operation names */
};

/* ---- storing ---- */

static void job_free(struct store_job *job)
{
    tokenize_free(&job->tokenize);
    buf_done(&job->subject);
    free(job);
}

/* The writer is done with the operation: carry the job to its loop. Writer thread. */
static void on_stored(struct vault_op *op)
{
    struct exchange_job *job = op->owner;
    struct proxy_loop *loop = job->loop;

    /* The loop may end as soon as it has seen its last job; the lock keeps its queue until we are
     * out of it. */
    (void)pthread_mutex_lock(&loop->storing);
    h2o_multithread_send_message(&loop->stored, &job->message);
    (void)pthread_mutex_unlock(&loop->storing);
}

enum err exchange_submit(struct exchange *x, struct exchange_job *job, struct vault_op *op)
{
    enum err e;

    job->loop = x->loop;
    job->owner = x;
    job->op = op;
    op->done = on_stored;
    op->owner = job;
    e = vault_submit(x->loop->proxy->vault, op);
    if (e == ERR_OK)
        x->loop->jobs++;
    return e;
}

static void take_back(struct exchange_job *back);

static enum err submit(struct exchange *x, struct vault_op *op)
{
    struct store_job *job = mem_alloc(sizeof(*job));
    enum err e;

    job->job.back = take_back;
    e = exchange_submit(x, &job->job, op);
    if (e != ERR_OK) {
        free(job);
        return e;
    }
    /* Not before: a refused operation stays the exchange's. The writer never looks at these. */
    job->tokenize = TAKE(x->tokenize);
    job->subject = x->subject;
    buf_init_secret(&x->subject, LIMIT_IDENTIFIER_MAX);
    x->job = job;
    x->state = EXCHANGE_STORING;
    exchange_account_store(x, false);
    return ERR_OK;
}

/* ---- the request with tokens in place ---- */

/* The path, of which declared parameters are segments. */
static enum err write_path(struct exchange *x, const struct buf *written)
{
    enum err e = buf_append_span(&x->target, buf_span(written));

    if (e == ERR_OK)
        x->path.path = buf_span(&x->target);
    return e;
}

enum err exchange_put_back(struct exchange *x, size_t number)
{
    const struct part_origin *origin = &x->parts.origins[number];
    const struct buf *written = &x->written[number];
    h2o_header_t *header;

    switch (origin->place) {
    case PLACE_JSON:
    case PLACE_FORM:
    case PLACE_PART:
    case PLACE_XML:
        x->body = buf_span(written);
        secret_wipe(x->req->entity.base, x->req->entity.len);
        return ERR_OK;
    case PLACE_QUERY:
        x->path.query = buf_span(written);
        return ERR_OK;
    case PLACE_SEGMENT:
        return write_path(x, written);
    case PLACE_HEADER:
    case PLACE_COOKIE:
        header = &x->req->headers.entries[origin->index];
        secret_wipe(header->value.base, header->value.len);
        header->value = h2o_iovec_init(written->bytes, written->len);
        return ERR_OK;
    case PLACE_FILENAME: /* in PLACE_PART */
    case PLACE_TEXT:     /* of answers only */
    case PLACE_LOCATION:
    case PLACE_COUNT:
        break;
    }
    return ERR_INTERNAL;
}

/* All tokens are there: write what goes up, and wipe the clear values. What is not changed goes up as
 * it came. */
static enum err write_parts(struct exchange *x)
{
    enum err e = ERR_OK;

    for (size_t i = 0; e == ERR_OK && i < x->parts.count; i++) {
        if (tokenize_changes(x->tokenize, i) == 0)
            continue;
        e = tokenize_write(x->tokenize, i, &x->written[i]);
        if (e == ERR_OK)
            e = exchange_put_back(x, i);
    }
    if (e == ERR_OK)
        exchange_account_tokens(x, tokenize_count(x->tokenize));
    tokenize_free(&x->tokenize);
    return e;
}

static void forward(struct exchange *x, enum err e)
{
    if (e == ERR_OK)
        exchange_forward(x);
    else
        exchange_refuse(x, e);
}

/* What was stored now is recorded before anybody else has its tokens; what was there already, with the
 * answer. */
static void go_on(struct exchange *x, enum err e)
{
    if (e == ERR_OK)
        e = tokenize_note(x->tokenize, &x->notes);
    if (e == ERR_OK)
        e = write_parts(x);
    if (e == ERR_OK && x->account.stored)
        exchange_record(x, forward);
    else
        forward(x, e);
}

/* ---- beginning ---- */

enum err exchange_read_parts(struct exchange *x)
{
    const struct request_text text = {
        .media = x->media,
        .body = span_of(x->req->entity.base, x->req->entity.len),
        .path = x->path.path,
        .match = &x->match,
        .query = x->path.query,
        .headers = &x->req->headers,
    };
    enum err e = places_read_request(x->route->request, &text, &x->req->pool, &x->parts);

    if (e != ERR_OK)
        return e;
    x->written = h2o_mem_alloc_pool(&x->req->pool, (x->parts.count + 1) * sizeof(*x->written));
    for (size_t i = 0; i < x->parts.count; i++)
        buf_init_secret(&x->written[i], LIMIT_REQUEST_BODY_MAX * 2);
    e = exchange_screen(x);
    if (e != ERR_OK || x->media.kind == MEDIA_OTHER)
        return e;
    return exchange_find_people(x, &x->parts.at[0]);
}

static enum err begin(struct exchange *x, const struct part *parts, size_t count,
                      struct vault_op **ret_op)
{
    const struct tokenize_input input = {
        .reader = x->loop->reader,
        .vault = x->loop->proxy->vault,
        .domain = x->route->domain_id,
        .parts = parts,
        .part_count = count,
        .subjects = x->whose,
        .subject_count = x->whose_count,
        .guard = &x->guard,
    };
    enum err e;

    e = tokenize_new(&input, &x->tokenize);
    exchange_settle_guard(x);
    if (e != ERR_OK)
        return e;
    *ret_op = tokenize_op(x->tokenize);
    x->known = tokenize_owner(x->tokenize);
    x->known_mark = vault_reader_mark(x->loop->reader);
    if (x->subject_missing && (*ret_op != NULL || tokenize_count(x->tokenize) > 0))
        return ERR_UNPROCESSABLE; /* values that nobody could have erased */
    return ERR_OK;
}

void exchange_tokenize(struct exchange *x, const struct part *parts, size_t count,
                       exchange_then_fn then)
{
    struct vault_op *op = NULL;
    enum err e = begin(x, parts, count, &op);

    x->then = then;
    if (e == ERR_OK && op != NULL) {
        e = submit(x, op);
        if (e == ERR_OK)
            return;
    }
    then(x, e);
}

void exchange_store(struct exchange *x)
{
    enum err e;

    if (x->route == NULL || x->route->request == NULL) {
        exchange_forward(x);
        return;
    }
    e = exchange_read_parts(x);
    if (e == ERR_OK && x->setup->settings->explained != NULL)
        explain_found(x);
    if (e == ERR_OK)
        exchange_tokenize(x, x->parts.at, x->parts.count, go_on);
    else
        exchange_refuse(x, e);
}

void exchange_leave_job(struct exchange *x)
{
    struct store_job *job = TAKE(x->job);

    if (job != NULL)
        job->job.owner = NULL;
}

/* ---- back on the loop ---- */

static void take_back(struct exchange_job *back)
{
    struct store_job *job = CONTAINER_OF(back, struct store_job, job);
    struct exchange *x = back->owner;
    enum err result = back->op->result;

    if (result == ERR_EXHAUSTED)
        log_event(EV_TOKENS_USED_UP,
                  F_TEXT("route", x == NULL ? SPAN_LIT("-") : exchange_route_name(x)));
    if (x == NULL) {
        job_free(job);
        return;
    }
    REQUIRE(x->magic == EXCHANGE_MAGIC && x->state == EXCHANGE_STORING);
    x->job = NULL;
    exchange_account_store(x, true);
    x->tokenize = TAKE(job->tokenize);
    x->subject = job->subject;
    free(job);
    x->then(x, result);
}

void exchange_on_stored(h2o_multithread_receiver_t *receiver UNUSED, h2o_linklist_t *messages)
{
    while (!h2o_linklist_is_empty(messages)) {
        struct exchange_job *job = CONTAINER_OF(messages->next, struct exchange_job, message.link);
        const enum err result = job->op->result;

        h2o_linklist_unlink(&job->message.link);
        job->loop->jobs--;
        if (result == ERR_IO || result == ERR_NO_SPACE || result == ERR_CORRUPT)
            log_event(EV_STORE_FAILED, F_LIT("error", err_name(result)));
        job->back(job);
    }
}
