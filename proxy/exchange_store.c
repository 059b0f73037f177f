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

struct store_job {
    h2o_multithread_message_t message; /* first: how it travels back */
    struct proxy_loop *loop;
    struct exchange *owner; /* NULL: the client has left */
    struct tokenize *tokenize;
    const struct vault_op *op; /* of the tokenize */
    struct buf subject;        /* the identifier that the operation names */
};

/* ---- look-ups in the query ---- */

struct lookup_walk {
    struct exchange *x;
    size_t copied; /* of the query, into x->query */
};

/* Equality counts what a value was in JSON, which a query does not tell. */
static enum err find_or_invent(struct exchange *x, struct vault_item *item)
{
    struct vault_reader *reader = x->loop->reader;
    const uint16_t domain = x->route->domain_id;
    enum err e = vault_find(reader, domain, 0, item);

    if (e == ERR_NOT_FOUND && json_spells_number(item->value)) {
        item->kind = VALUE_NUMBER;
        e = vault_find(reader, domain, 0, item);
    }
    return e == ERR_NOT_FOUND ? vault_decoy(reader, item) : e;
}

/* The token that stands for a value in search: the one there is, or one that matches nothing. A value
 * that its class cannot hold is UNPROCESSABLE: it is neither looked for nor passed on. */
static enum err search_token(struct exchange *x, uint16_t class_id, struct span value,
                             struct token_text *ret)
{
    struct vault_item item = {.class_id = class_id, .kind = VALUE_STRING, .value = value};
    struct vault_reader *reader = x->loop->reader;
    enum err e = vault_read_begin(reader);

    if (e != ERR_OK)
        return e;
    if (vault_is_token(reader, class_id, value))
        e = ERR_CONFLICT;
    else
        e = find_or_invent(x, &item);
    vault_read_end(reader);
    *ret = item.token;
    return e;
}

static enum err replace_value(const struct query_item *item, void *context)
{
    struct lookup_walk *walk = context;
    struct exchange *x = walk->x;
    const struct route_def *def = x->route->def;
    struct token_text token;
    size_t i = 0;
    enum err e;

    while (i < def->lookup_count && !span_equal(span_str(def->lookups[i].name), item->name))
        i++;
    if (i == def->lookup_count || item->value.len == 0) /* empty: it asks for nobody */
        return ERR_OK;
    e = search_token(x, x->route->lookup_ids[i], item->value, &token);
    if (e == ERR_CONFLICT) /* a caller that sees tokens searches by them */
        return ERR_OK;
    if (e == ERR_OK)
        e = buf_append(&x->query, x->path.query.at + walk->copied,
                       item->value_start - walk->copied);
    if (e == ERR_OK)
        e = percent_encode(span_of(token.bytes, token.len), &x->query);
    walk->copied = item->value_end;
    return e;
}

enum err exchange_lookup(struct exchange *x)
{
    struct lookup_walk walk = {.x = x};
    struct buf scratch;
    enum err e;

    if (x->route == NULL || x->route->def->lookup_count == 0 || x->path.query.at == NULL)
        return ERR_OK;
    buf_init_secret(&scratch, x->path.query.len + 1);
    e = query_each(x->path.query, &scratch, replace_value, &walk);
    buf_done(&scratch);
    if (e == ERR_OK)
        e = buf_append(&x->query, x->path.query.at + walk.copied, x->path.query.len - walk.copied);
    if (e == ERR_OK)
        x->path.query = buf_span(&x->query);
    return e;
}

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
    struct store_job *job = op->owner;
    struct proxy_loop *loop = job->loop;

    /* The loop may end as soon as it has seen its last job; the lock keeps its queue until we are
     * out of it. */
    (void)pthread_mutex_lock(&loop->storing);
    h2o_multithread_send_message(&loop->stored, &job->message);
    (void)pthread_mutex_unlock(&loop->storing);
}

static enum err submit(struct exchange *x, struct vault_op *op)
{
    struct store_job *job = mem_alloc(sizeof(*job));
    enum err e;

    job->loop = x->loop;
    job->owner = x;
    job->op = op;
    op->done = on_stored;
    op->owner = job;
    e = vault_submit(x->loop->proxy->vault, op);
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
    x->loop->jobs++;
    return ERR_OK;
}

/* All tokens are there: write the body that goes up, and wipe the clear one. */
static enum err write_body(struct exchange *x)
{
    enum err e = ERR_OK;

    if (tokenize_count(x->tokenize) == 0) {
        tokenize_free(&x->tokenize);
        return ERR_OK; /* it goes up as it came */
    }
    e = tokenize_write(x->tokenize, &x->body);
    tokenize_free(&x->tokenize);
    if (e != ERR_OK)
        return e;
    x->body_changed = true;
    secret_wipe(x->req->entity.base, x->req->entity.len);
    return ERR_OK;
}

static void go_on(struct exchange *x, enum err e)
{
    if (e == ERR_OK)
        e = write_body(x);
    if (e == ERR_OK)
        exchange_forward(x);
    else
        exchange_refuse(x, e);
}

static enum err begin(struct exchange *x, struct vault_op **ret_op)
{
    struct tokenize_subject subject = {.domain = x->route->domain_id};
    struct proxy *proxy = x->loop->proxy;
    struct span document = span_of(x->req->entity.base, x->req->entity.len);
    enum err e;

    if (x->subject.len > 0)
        subject.names[subject.name_count++] = buf_span(&x->subject);
    e = tokenize_new(x->loop->reader, proxy->vault, x->route->request, document, &subject,
                     &x->tokenize);
    if (e != ERR_OK)
        return e;
    *ret_op = tokenize_op(x->tokenize);
    if (x->subject_missing && (*ret_op != NULL || tokenize_count(x->tokenize) > 0))
        return ERR_UNPROCESSABLE; /* values that nobody could have erased */
    return ERR_OK;
}

void exchange_store(struct exchange *x)
{
    struct vault_op *op = NULL;
    enum err e;

    if (x->route == NULL || x->route->request == NULL || x->req->entity.base == NULL ||
        !x->facts.has_body) {
        exchange_forward(x);
        return;
    }
    e = begin(x, &op);
    if (e == ERR_OK && op != NULL)
        e = submit(x, op);
    if (e != ERR_OK)
        exchange_refuse(x, e);
    else if (op == NULL)
        go_on(x, ERR_OK);
}

void exchange_leave_job(struct exchange *x)
{
    struct store_job *job = TAKE(x->job);

    if (job != NULL)
        job->owner = NULL;
}

/* ---- back on the loop ---- */

static void take_back(struct store_job *job)
{
    struct exchange *x = job->owner;
    enum err result = job->op->result;

    job->loop->jobs--;
    if (result == ERR_IO || result == ERR_NO_SPACE || result == ERR_CORRUPT)
        log_event(EV_STORE_FAILED, F_LIT("error", err_name(result)));
    if (result == ERR_EXHAUSTED)
        log_event(EV_TOKENS_USED_UP,
                  F_TEXT("route", x == NULL ? SPAN_LIT("-") : exchange_route_name(x)));
    if (x == NULL) {
        job_free(job);
        return;
    }
    REQUIRE(x->magic == EXCHANGE_MAGIC && x->state == EXCHANGE_STORING);
    x->job = NULL;
    x->tokenize = TAKE(job->tokenize);
    x->subject = job->subject;
    free(job);
    go_on(x, result);
}

void exchange_on_stored(h2o_multithread_receiver_t *receiver UNUSED, h2o_linklist_t *messages)
{
    while (!h2o_linklist_is_empty(messages)) {
        struct store_job *job = CONTAINER_OF(messages->next, struct store_job, message.link);

        h2o_linklist_unlink(&job->message.link);
        take_back(job);
    }
}
