/* SPDX-License-Identifier: Apache-2.0 */
/* Answers whose fields are declared: held until they are whole, then shown as this caller may see
 * them.
 * Runs on: the loop threads. Holds: the answer, in secret buffers, up to LIMIT_RESPONSE_BODY_MAX.
 * Invariant: not a byte of such an answer leaves before all of it was read as declared. Not here:
 * how a value is revealed (reveal.c). */
#include "proxy/exchange_priv.h"

#include "base/http_reason.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"

/* A third party's answer is stored from: that cannot be done while it streams. */
static bool can_be_read(struct exchange *x, struct span type)
{
    const struct places *places = x->route->response;

    return places_judge_body(places, type, &x->answer_media) == ERR_OK ||
           (!x->route->def->egress &&
            places_judge_stream(places, type, &x->answer_media) == ERR_OK);
}

void exchange_judge_answer(struct exchange *x, const struct upstream_head *head,
                           enum coding *ret_coding)
{
    bool several_types, several_codings;
    struct span type, coding;

    x->answer_media = (struct media_type){.kind = MEDIA_OTHER};
    if (!x->reveals)
        return;
    type = headers_of_answer(head, SPAN_LIT("content-type"), &several_types);
    coding = headers_of_answer(head, SPAN_LIT("content-encoding"), &several_codings);
    if (several_types || several_codings || coding_read(coding, ret_coding) != ERR_OK ||
        !can_be_read(x, type))
        x->answer_media = (struct media_type){.kind = MEDIA_OTHER};
}

/* ---- whose values ---- */

/* Whose a declared value is, if it is a live token that can be only one person's; else EXCHANGE_NOBODY. Of the
 * tokens none but a typed one has characters that need escapes anywhere. */
static enum err owner_of_hit(const struct exchange *x, const struct part *part,
                             const struct hit *hit, struct buf *scratch, uint64_t *ret_slot)
{
    const struct vault_scope scope = {.domain = x->route->domain_id, .class_id = hit->class_id};
    const struct vault *vault = x->loop->proxy->vault;
    const struct class_def *def = vault_class_def(vault, hit->class_id);
    const bool typed = def != NULL && format_is_typed(def->format);
    struct vault_value value;
    struct span token;
    enum err e = hit_read(part->text, hit, scratch, &token);

    *ret_slot = EXCHANGE_NOBODY;
    if (e != ERR_OK || hit->kind == VALUE_BOOL ||
        (hit->coding == HIT_JSON && hit->escaped && !typed))
        return e;
    e = vault_inspect_as(x->loop->reader, &scope, token, &value);
    if (e == ERR_OK && exchange_tells_one_person(x, value.class_id))
        *ret_slot = value.slot;
    return e == ERR_NOT_FOUND || e == ERR_CONFLICT ? ERR_OK : e;
}

/* The key slot of the first live token that can be only one person's; EXCHANGE_NOBODY without one. */
static enum err owner_of(const struct exchange *x, const struct part *parts, size_t count,
                         uint64_t *ret_slot)
{
    AUTO(buf_done) struct buf scratch = {.max = parts_count_bytes(parts, count), .secret = true};
    enum err e = ERR_OK;

    *ret_slot = EXCHANGE_NOBODY;
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; e == ERR_OK && *ret_slot == EXCHANGE_NOBODY && j < parts[i].hits.count;
             j++)
            e = owner_of_hit(x, &parts[i], &parts[i].hits.at[j], &scratch, ret_slot);
    return e;
}

/* Whose values the answer may show. A route that names a subject answers about one person; one
 * whose name is not known to the vault (the application's own number, before anything was stored
 * under it) is whoever the answer's first token belongs to. 0: anybody's. */
static enum err find_owner(const struct exchange *x, const struct part *parts, size_t count,
                           uint64_t *ret_slot)
{
    enum err e;

    *ret_slot = x->whose->slot;
    if (x->whose->slot != 0 || x->whose->name_count == 0)
        return ERR_OK; /* it is known, or the route names nobody */
    if (x->known != 0 && vault_still_names(x->loop->reader, x->known, x->known_mark)) {
        *ret_slot = x->known; /* without another keyed hash of the name */
        return ERR_OK;
    }
    e = vault_read_subject(x->loop->reader, x->route->domain_id, x->whose->names[0], ret_slot);
    if (e != ERR_NOT_FOUND)
        return e;
    *ret_slot = EXCHANGE_NOBODY;
    return x->route->def->strict ? ERR_OK : owner_of(x, parts, count, ret_slot);
}

/* ---- showing ---- */

static void note_reveal(struct exchange *x, const struct reveal_counts *counts)
{
    exchange_account_reveals(x, counts);
    if (counts->foreign > 0)
        log_event(EV_FOREIGN_TOKEN, F_REQUEST(x), F_TEXT("route", exchange_route_name(x)),
                  F_NUM("count", counts->foreign));
    if (counts->clear > 0)
        log_event(EV_CLEAR_VALUE, F_REQUEST(x), F_TEXT("route", exchange_route_name(x)),
                  F_NUM("count", counts->clear));
    if (counts->unfit > 0)
        log_event(EV_UNFIT_VALUE, F_REQUEST(x), F_TEXT("route", exchange_route_name(x)),
                  F_NUM("count", counts->unfit));
}

/* The declared header fields of the response, each as it is shown. Inside a read transaction. */
static enum err show_fields(struct exchange *x, const struct parts *fields,
                            const struct reveal_scope *scope, struct reveal_counts *counts)
{
    h2o_headers_t *headers = &x->req->res.headers;
    enum err e = ERR_OK;

    for (size_t i = 0; e == ERR_OK && i < fields->count; i++) {
        struct buf shown;
        h2o_iovec_t copy;

        buf_init_secret(&shown, LIMIT_RESPONSE_HEAD_MAX);
        e = reveal_part(x->loop->reader, &fields->at[i], scope, &shown, counts);
        copy = h2o_strdup(&x->req->pool, (const char *)shown.bytes, shown.len);
        headers->entries[fields->origins[i].index].value = copy;
        buf_done(&shown);
    }
    return e;
}

/* The owner of a first token stays the only one, however much of the answer is still to come. */
static enum err settle_owner(struct exchange *x, const struct part *body,
                             const struct parts *fields)
{
    enum err e = find_owner(x, body, body != NULL, &x->owner);

    if (e == ERR_OK && x->owner == EXCHANGE_NOBODY && !x->route->def->strict)
        e = owner_of(x, fields->at, fields->count, &x->owner);
    x->owner_known = e == ERR_OK && x->owner != EXCHANGE_NOBODY;
    return e;
}

enum err exchange_find_slots(struct exchange *x, struct part *body, const struct parts *fields,
                             uint64_t *slots)
{
    enum err e = ERR_OK;

    if (!x->owner_known)
        e = settle_owner(x, body, fields);
    slots[0] = x->owner;
    if (e == ERR_OK && body != NULL && body->hits.element_count > 0)
        e = exchange_find_owners(x, body, slots);
    return e;
}

/* An answer about one person, who is restricted, is refused; of many, it shows the others. What streams has
 * left in part already. */
static enum reveal_bound bound_of(const struct exchange *x)
{
    const enum subject_from from = x->route->def->subject_from;

    return x->stream != NULL || from == SUBJECT_NONE || from == SUBJECT_ELEMENT
               ? BOUND_STAYS
               : BOUND_RESTRICTED_REFUSES;
}

/* The answer's parts, all under one read transaction: `body` may be NULL. */
static enum err show_for(struct exchange *x, struct part *body, const struct parts *fields,
                         uint64_t *slots, struct buf *out)
{
    const struct reveal_scope scope = {.vault = x->loop->proxy->vault,
                                       .actions = x->actions,
                                       .domain = x->route->domain_id,
                                       .slots = slots,
                                       .bound = bound_of(x),
                                       .guard = &x->guard,
                                       .notes = &x->notes};
    struct reveal_counts counts = {0};
    enum err e = vault_read_begin(x->loop->reader);

    if (e != ERR_OK)
        return e;
    e = exchange_find_slots(x, body, fields, slots);
    if (e == ERR_OK && body != NULL)
        e = reveal_part(x->loop->reader, body, &scope, out, &counts);
    if (e == ERR_OK)
        e = show_fields(x, fields, &scope, &counts);
    exchange_settle_guard(x);
    vault_read_end(x->loop->reader);
    if (e == ERR_OK)
        note_reveal(x, &counts);
    return e;
}

/* A list of people may be long, and a stream has many parts: neither stays in the request's pool. */
static enum err show_parts(struct exchange *x, struct part *body, const struct parts *fields,
                           struct buf *out)
{
    AUTO(mem_free) uint64_t *slots = NULL;
    uint64_t one;

    if (body == NULL || body->hits.element_count == 0)
        return show_for(x, body, fields, &one, out);
    slots = mem_try_alloc(body->hits.element_count + 1, sizeof(*slots));
    return slots == NULL ? ERR_NO_SPACE : show_for(x, body, fields, slots, out);
}

enum err exchange_show_part(struct exchange *x, struct part *part, struct buf *out)
{
    return show_parts(x, part, &(struct parts){0}, out);
}

/* What the upstream sent is not what it was declared to send. */
enum err exchange_blame_upstream(enum err e)
{
    return e == ERR_INVALID || e == ERR_UNPROCESSABLE || e == ERR_TOO_LARGE ? ERR_UPSTREAM : e;
}

static enum err show_with(struct exchange *x, struct part *body)
{
    struct parts fields = {0};
    enum err e = ERR_OK;

    if (places_have_headers(x->route->response))
        e = places_read_headers(x->route->response, &x->req->res.headers, &x->req->pool, &fields);
    if (e == ERR_OK && (body != NULL || fields.count > 0))
        e = show_parts(x, body, &fields, &x->answer);
    parts_done(fields.at, fields.count);
    return exchange_blame_upstream(e);
}

enum err exchange_show_headers(struct exchange *x)
{
    return x->reveals && places_have_headers(x->route->response) ? show_with(x, NULL) : ERR_OK;
}

static enum err show(struct exchange *x, struct span document)
{
    struct part body = {.text = document};
    enum err e = exchange_blame_upstream(
        places_read_body(x->route->response, &x->answer_media, document, &body));

    if (e == ERR_OK)
        e = show_with(x, &body);
    parts_done(&body, 1);
    x->shown = e == ERR_OK;
    return e;
}

/* ---- collecting ---- */

void exchange_collect_head(struct exchange *x, const struct upstream_head *head, enum coding coding)
{
    x->state = EXCHANGE_COLLECTING;
    if (coding != CODING_IDENTITY)
        x->decoder = decoder_new(coding);
    x->whole_len = head->content_length;
    x->req->res.status = head->status;
    x->req->res.reason = http_reason(head->status);
    headers_for_client(x->req, head, ANSWER_DECODED, span_of(x->id, EXCHANGE_ID_LEN));
}

/* Most answers come in one piece, and need not be copied to be read. */
static enum err take(struct exchange *x, struct span bytes)
{
    if (x->answer_media.kind == MEDIA_OTHER)
        return ERR_UPSTREAM;
    if (x->decoder != NULL)
        return decoder_feed(x->decoder, bytes, &x->collected) == ERR_OK ? ERR_OK : ERR_UPSTREAM;
    if (x->collected.len == 0 && x->whole_len == (int64_t)bytes.len && !x->route->def->egress)
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

/* One write of head and body. */
void exchange_send_answer(struct exchange *x)
{
    h2o_iovec_t body = h2o_iovec_init(x->answer.bytes, x->answer.len);

    x->ready = true;
    if (x->posting != NULL)
        return;
    x->req->res.content_length = x->answer.len;
    x->state = EXCHANGE_SENT;
    exchange_begin(x);
    h2o_send(x->req, &body, body.len > 0 ? 1 : 0, H2O_SEND_STATE_FINAL);
}

static void send_recorded(struct exchange *x, enum err e)
{
    if (e == ERR_OK)
        exchange_send_answer(x);
    else
        exchange_refuse(x, e);
}

void exchange_send_collected(struct exchange *x)
{
    enum err e = ERR_OK;

    if (x->decoder != NULL && decoder_finish(x->decoder) != ERR_OK)
        e = ERR_UPSTREAM;
    else if (x->route->def->egress && x->collected.len > 0) {
        exchange_close_answer(x);
        return;
    } else if (!x->shown)
        e = x->collected.len > 0 ? show(x, buf_span(&x->collected)) : exchange_show_headers(x);
    if (e == ERR_OK)
        exchange_record(x, send_recorded);
    else
        exchange_refuse(x, e);
}
