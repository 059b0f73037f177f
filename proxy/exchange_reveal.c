/* SPDX-License-Identifier: Apache-2.0 */
/* Answers whose fields are declared: held until they are whole, then shown as this caller may see
 * them.
 * Runs on: the loop threads. Holds: the answer, in secret buffers, up to LIMIT_RESPONSE_BODY_MAX.
 * Invariant: not a byte of such an answer leaves before all of it was read as declared. Not here:
 * how a value is revealed (reveal.c). */
#include "proxy/exchange_priv.h"

#include "base/log.h"

/* A key slot that no subject has. */
static const uint64_t NOBODY = UINT64_MAX;

bool exchange_is_json(const struct upstream_head *head)
{
    bool several_types, several_codings;
    struct span type = headers_of_answer(head, SPAN_LIT("content-type"), &several_types);
    struct span coding = headers_of_answer(head, SPAN_LIT("content-encoding"), &several_codings);

    return type.at != NULL && !several_types && !several_codings && media_type_is_json(type) &&
           media_coding_is_identity(coding);
}

/* ---- whose values ---- */

/* Can a token of this class be only one person's? Two may share a deterministic one, and after the
 * erasure of the one it would pass for the other's; but for what identifies: that is one name. */
static bool tells_one_person(const struct vault *vault, uint16_t class_id)
{
    const struct class_def *def = vault_class_def(vault, class_id);

    return def != NULL && (!def->deterministic || def->identifies);
}

/* Whose a declared value is, if it is a live token that can be only one person's; else NOBODY. Of the
 * tokens none but a typed one has characters that need escapes anywhere. */
static enum err owner_of_hit(const struct exchange *x, const struct hit *hit, struct span document,
                             struct buf *scratch, uint64_t *ret_slot)
{
    const struct vault_scope scope = {.domain = x->route->domain_id, .class_id = hit->class_id};
    const struct vault *vault = x->loop->proxy->vault;
    const bool typed = format_is_typed(vault_class_def(vault, hit->class_id)->format);
    struct vault_value value;
    struct span token;
    enum err e = hit_read(document, hit, scratch, &token);

    *ret_slot = NOBODY;
    if (e != ERR_OK || hit->kind == VALUE_BOOL || (hit->escaped && !typed))
        return e;
    e = vault_inspect_as(x->loop->reader, &scope, token, &value);
    if (e == ERR_OK && tells_one_person(vault, value.class_id))
        *ret_slot = value.slot;
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

/* The key slot of the first live token that can be only one person's; NOBODY without one. */
static enum err owner_of(const struct exchange *x, const struct hits *hits, struct span document,
                         uint64_t *ret_slot)
{
    AUTO(buf_done) struct buf scratch = {.max = document.len, .secret = true};
    struct vault_reader *reader = x->loop->reader;
    uint64_t slot = NOBODY;
    enum err e = vault_read_begin(reader);

    if (e != ERR_OK)
        return e;
    for (size_t i = 0; e == ERR_OK && slot == NOBODY && i < hits->count; i++)
        e = owner_of_hit(x, &hits->at[i], document, &scratch, &slot);
    vault_read_end(reader);
    if (e == ERR_OK)
        *ret_slot = slot;
    return e;
}

static enum err known_subject(const struct exchange *x, uint64_t *ret_slot)
{
    struct vault_reader *reader = x->loop->reader;
    enum err e = vault_read_begin(reader);

    if (e != ERR_OK)
        return e;
    e = vault_read_subject(reader, x->route->domain_id, buf_span(&x->subject), ret_slot);
    vault_read_end(reader);
    return e;
}

/* Whose values the answer may show. A route that names a subject answers about one person; one
 * whose name is not known to the vault (the application's own number, before anything was stored
 * under it) is whoever the answer's first token belongs to. */
static enum err find_scope(const struct exchange *x, struct span document, uint64_t *ret_slot)
{
    struct hits hits = {0};
    enum err e;

    if (x->subject.len == 0)
        return ERR_OK; /* 0, anybody: the route names no subject */
    e = known_subject(x, ret_slot);
    if (e != ERR_NOT_FOUND)
        return e;
    e = json_read(x->route->response, document, &hits);
    if (e == ERR_OK)
        e = owner_of(x, &hits, document, ret_slot);
    hits_done(&hits);
    return e;
}

/* ---- showing ---- */

static void log_reveal(const struct exchange *x, const struct reveal_counts *counts)
{
    struct span id = span_of(x->id, EXCHANGE_ID_LEN);

    if (counts->foreign > 0)
        log_event(EV_FOREIGN_TOKEN, F_TEXT("request", id), F_TEXT("route", exchange_route_name(x)),
                  F_NUM("count", counts->foreign));
    if (counts->clear > 0)
        log_event(EV_CLEAR_VALUE, F_TEXT("request", id), F_TEXT("route", exchange_route_name(x)),
                  F_NUM("count", counts->clear));
}

static enum err show(struct exchange *x, struct span document)
{
    struct reveal_scope scope = {
        .vault = x->loop->proxy->vault, .actions = x->actions, .domain = x->route->domain_id};
    struct reveal_counts counts = {0};
    enum err e = find_scope(x, document, &scope.subject_slot);

    if (e == ERR_OK)
        e = reveal_body(x->loop->reader, x->route->response, document, &scope, &x->answer, &counts);
    if (e == ERR_INVALID || e == ERR_UNPROCESSABLE || e == ERR_TOO_LARGE)
        return ERR_UPSTREAM; /* what it sent is not what it was declared to send */
    if (e != ERR_OK)
        return e;
    x->shown = true;
    log_reveal(x, &counts);
    return ERR_OK;
}

/* ---- collecting ---- */

void exchange_collect_head(struct exchange *x, const struct upstream_head *head)
{
    x->state = EXCHANGE_COLLECTING;
    x->is_json = exchange_is_json(head);
    x->whole_len = head->content_length;
    x->req->res.status = head->status;
    x->req->res.reason = headers_reason(head->status);
    headers_for_client(x->req, head, true, span_of(x->id, EXCHANGE_ID_LEN));
}

/* Most answers come in one piece, and need not be copied to be read. */
static enum err take(struct exchange *x, struct span bytes)
{
    if (!x->is_json)
        return ERR_UPSTREAM;
    if (x->collected.len == 0 && x->whole_len == (int64_t)bytes.len)
        return show(x, bytes);
    return buf_append_span(&x->collected, bytes) == ERR_OK ? ERR_OK : ERR_UPSTREAM;
}

void exchange_collect_body(struct exchange *x, struct span bytes)
{
    enum err e = take(x, bytes);

    if (e == ERR_OK)
        return;
    upstream_detach(TAKE(x->call)); /* nothing of the answer has left: give it up and say so */
    exchange_refuse(x, e);
}

/* The answer is whole: one write of head and body. */
void exchange_send_collected(struct exchange *x)
{
    h2o_iovec_t body;
    enum err e = ERR_OK;

    if (!x->shown && x->collected.len > 0)
        e = show(x, buf_span(&x->collected));
    if (e != ERR_OK) {
        exchange_refuse(x, e);
        return;
    }
    body = h2o_iovec_init(x->answer.bytes, x->answer.len);
    x->req->res.content_length = x->answer.len;
    x->state = EXCHANGE_SENT;
    exchange_begin(x);
    h2o_send(x->req, &body, body.len > 0 ? 1 : 0, H2O_SEND_STATE_FINAL);
}
