/* SPDX-License-Identifier: Apache-2.0 */
/* Requests to third parties: an application sends its tokens, the third party gets values, and what it
 * answers becomes tokens before the application sees it.
 * Runs on: the loop threads. Holds: nothing. Invariant: a third party gets every declared value as the
 * caller may see it, or nothing at all: no token leaves in place of one. Not here: which addresses may be
 * connected to (upstream). */
#include "proxy/exchange_priv.h"
#include "proxy/explain_priv.h"

#include "base/limits.h"
#include "base/log.h"

/* ---- the request: tokens become values ---- */

/* A token that stayed is of no use to whom it is sent, and says that somebody is known here. */
static enum err judge(const struct exchange *x, const struct reveal_counts *counts)
{
    const size_t closed = counts->tokens + counts->foreign + counts->unfit;

    if (closed == 0)
        return ERR_OK;
    log_event(EV_TOKEN_NOT_SENT, F_REQUEST(x), F_TEXT("route", exchange_route_name(x)),
              F_NUM("count", closed));
    counter_add(&x->loop->figures.not_sent, 1);
    return ERR_UNPROCESSABLE;
}

static enum err open_parts(struct exchange *x, const struct reveal_scope *scope,
                           struct reveal_counts *counts)
{
    enum err e = ERR_OK;

    for (size_t i = 0; e == ERR_OK && i < x->parts.count; i++)
        if (x->parts.at[i].hits.misplaced)
            e = ERR_UNPROCESSABLE; /* what was declared may stand in another shape, as a token */
        else if (x->parts.at[i].hits.count > 0)
            e = reveal_part(x->loop->reader, &x->parts.at[i], scope, &x->written[i], counts);
    return e;
}

static enum err put_all_back(struct exchange *x)
{
    enum err e = ERR_OK;

    for (size_t i = 0; e == ERR_OK && i < x->parts.count; i++)
        if (x->parts.at[i].hits.count > 0)
            e = exchange_put_back(x, i);
    return e;
}

static enum err open_request(struct exchange *x)
{
    struct part *body = x->media.kind == MEDIA_OTHER ? NULL : &x->parts.at[0];
    const size_t people = body == NULL ? 1 : body->hits.element_count + 1;
    uint64_t *slots = h2o_mem_alloc_pool(&x->req->pool, people * sizeof(*slots));
    const struct reveal_scope scope = {.vault = x->loop->proxy->vault,
                                       .actions = x->actions,
                                       .domain = x->route->domain_id,
                                       .slots = slots,
                                       .bound = BOUND_REFUSES,
                                       .clear_passes = true,
                                       .guard = &x->guard,
                                       .notes = &x->notes};
    struct reveal_counts counts = {0};
    enum err e = vault_read_begin(x->loop->reader);

    if (e != ERR_OK)
        return e;
    e = exchange_find_slots(x, body, &x->parts, slots);
    if (e == ERR_OK)
        e = open_parts(x, &scope, &counts);
    exchange_settle_guard(x);
    vault_read_end(x->loop->reader);
    if (e == ERR_OK)
        e = judge(x, &counts);
    return e == ERR_OK ? put_all_back(x) : e;
}

static void forward(struct exchange *x, enum err e)
{
    if (e == ERR_OK)
        exchange_forward(x);
    else
        exchange_refuse(x, e);
}

void exchange_open(struct exchange *x)
{
    enum err e = ERR_OK;

    if (x->route->request != NULL) {
        e = exchange_read_parts(x);
        if (e == ERR_OK && x->setup->settings->explained != NULL)
            explain_found(x);
        if (e == ERR_OK)
            e = open_request(x);
    }
    if (e == ERR_OK)
        exchange_record(x, forward);
    else
        exchange_refuse(x, e);
}

/* ---- the answer: values become tokens ---- */

static void send_closed(struct exchange *x, enum err e)
{
    if (e == ERR_OK)
        exchange_send_answer(x);
    else
        exchange_refuse(x, e);
}

static void on_closed(struct exchange *x, enum err e)
{
    if (e == ERR_OK)
        e = tokenize_note(x->tokenize, &x->notes);
    if (e == ERR_OK)
        e = tokenize_write(x->tokenize, 0, &x->answer);
    tokenize_free(&x->tokenize);
    /* A third party that sends what cannot be a value of its class is to blame, not the application. */
    if (e == ERR_UNPROCESSABLE || e == ERR_TOO_LARGE || e == ERR_INVALID || e == ERR_CONFLICT)
        e = ERR_UPSTREAM;
    if (e == ERR_OK)
        exchange_record(x, send_closed);
    else
        exchange_refuse(x, e);
}

void exchange_close_answer(struct exchange *x)
{
    enum err e = places_read_body(x->route->response, &x->answer_media, buf_span(&x->collected),
                                  &x->answer_part);

    if (e == ERR_OK)
        e = exchange_screen_answer(x);
    if (e == ERR_OK)
        e = exchange_find_people(x, &x->answer_part);
    if (e == ERR_OK)
        exchange_tokenize(x, &x->answer_part, 1, on_closed);
    else
        on_closed(x, e);
}
