/* SPDX-License-Identifier: Apache-2.0 */
/* Whose the values of a request and its answer are, as far as the request tells.
 * Runs on: the loop threads. Holds: nothing. Invariant: where the route names a subject and the request
 * does not, nothing is stored and no value leaves. Not here: answers that tell it themselves
 * (exchange_reveal.c). */
#include "proxy/exchange_priv.h"

#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "vault/token.h"

/* ---- its name ---- */

static enum err subject_of_query(struct exchange *x)
{
    struct buf scratch;
    struct query_item item;
    enum err e;

    if (x->path.query.at == NULL)
        return ERR_NOT_FOUND;
    buf_init_secret(&scratch, x->path.query.len + 1);
    e = query_find(x->path.query, span_str(x->route->def->subject), &scratch, &item);
    if (e == ERR_OK)
        e = buf_append_span(&x->subject, item.value);
    buf_done(&scratch);
    return e;
}

/* A body of another kind does not name it. */
static enum err subject_of_body(struct exchange *x)
{
    const struct span body = span_of(x->req->entity.base, x->req->entity.len);
    struct media_type media;
    struct part part = {.text = body};
    enum err e;

    if (body.len == 0 ||
        places_judge_body(x->route->subject, x->fields.content_type, &media) != ERR_OK)
        return ERR_NOT_FOUND;
    e = places_read_body(x->route->subject, &media, body, &part);
    if (e == ERR_OK)
        e = part_pick(&part, &x->subject);
    parts_done(&part, 1);
    return e;
}

/* A claim of the caller's token. Numbers are names, too. */
static enum err subject_of_claim(struct exchange *x)
{
    const struct json *claim = json_get(x->claims, x->route->def->subject);
    char digits[24];

    switch (json_kind(claim)) {
    case JSON_ABSENT:
    case JSON_NIL:
        return ERR_NOT_FOUND;
    case JSON_TEXT:
        return buf_append_span(&x->subject, json_text_of(claim));
    case JSON_INT:
        (void)snprintf(digits, sizeof(digits), "%lld", (long long)json_int_of(claim, 0));
        return buf_append_str(&x->subject, digits);
    default:
        return ERR_UNPROCESSABLE;
    }
}

static enum err read_subject(struct exchange *x)
{
    const struct route_def *def = x->route->def;
    struct span value;
    enum err e;

    switch (def->subject_from) {
    case SUBJECT_PATH:
        return percent_decode(x->match.params[def->subject_param], &x->subject);
    case SUBJECT_QUERY:
        return subject_of_query(x);
    case SUBJECT_HEADER:
        e = headers_find(&x->req->headers, span_str(def->subject), &value);
        return e == ERR_OK ? buf_append_span(&x->subject, value) : e;
    case SUBJECT_BODY:
        return subject_of_body(x);
    case SUBJECT_CLAIM:
        return subject_of_claim(x);
    case SUBJECT_NONE:
    case SUBJECT_ELEMENT:
        break;
    }
    return ERR_OK;
}

/* ---- a token for a name ---- */

bool exchange_tells_one_person(const struct exchange *x, uint16_t class_id)
{
    const struct class_def *def = vault_class_def(x->loop->proxy->vault, class_id);

    return def != NULL && (!def->deterministic || def->identifies);
}

/* Applications name people by what they hold: tokens. One that lives, and can be only one person's, is as
 * good as a name. NOT_FOUND: it is nobody's. */
static enum err owner_of_token(const struct exchange *x, struct span token, uint64_t *ret_slot)
{
    const struct vault_scope scope = {.domain = x->route->domain_id,
                                      .class_id = x->route->subject_class};
    struct vault_value value;
    enum err e = vault_inspect_as(x->loop->reader, &scope, token, &value);

    if (e == ERR_OK && exchange_tells_one_person(x, value.class_id))
        *ret_slot = value.slot;
    else if (e == ERR_OK || e == ERR_CONFLICT)
        e = ERR_NOT_FOUND;
    return e;
}

enum err exchange_name_person(const struct exchange *x, struct span name,
                              struct tokenize_subject *ret)
{
    if (name.len > LIMIT_IDENTIFIER_MAX)
        return ERR_UNPROCESSABLE;
    if (vault_is_token(x->loop->reader, x->route->subject_class, name))
        return owner_of_token(x, name, &ret->slot);
    ret->names[ret->name_count++] = name;
    return ERR_OK;
}

/* From a name to a person. Only tokens want the vault for that; of opaque ones it is told by itself. */
static enum err resolve(struct exchange *x)
{
    enum err e;

    if (x->route->subject_class == 0 && !token_is(buf_span(&x->subject))) {
        x->whose->names[x->whose->name_count++] = buf_span(&x->subject);
        return ERR_OK;
    }
    e = vault_read_begin(x->loop->reader);
    if (e != ERR_OK)
        return e;
    e = exchange_name_person(x, buf_span(&x->subject), x->whose);
    vault_read_end(x->loop->reader);
    return e;
}

enum err exchange_find_subject(struct exchange *x)
{
    enum err e;

    if (x->route == NULL || (x->route->def->subject_from == SUBJECT_NONE &&
                             x->route->request == NULL && x->route->response == NULL))
        return ERR_OK; /* nothing is anybody's */
    x->whose = h2o_mem_alloc_pool(&x->req->pool, sizeof(*x->whose));
    *x->whose = (struct tokenize_subject){.slot = 0};
    x->whose_count = 1;
    if (x->route->def->subject_from == SUBJECT_NONE ||
        x->route->def->subject_from == SUBJECT_ELEMENT)
        return ERR_OK;
    e = read_subject(x);
    if (e == ERR_TOO_LARGE)
        return ERR_UNPROCESSABLE;
    if (e == ERR_OK && x->subject.len > 0)
        e = resolve(x);
    if (e != ERR_OK && e != ERR_NOT_FOUND)
        return e;
    x->subject_missing = e == ERR_NOT_FOUND || x->subject.len == 0;
    if (x->subject_missing) /* of whom the answer would be is not known: no value leaves */
        x->actions = caller_no_actions();
    return ERR_OK;
}

/* ---- elements that name their own ---- */

/* The name that an element states, copied behind those before. */
static enum err name_of_element(struct exchange *x, const struct part *part,
                                const struct hit_element *element, struct buf *scratch,
                                struct span *ret_name)
{
    const size_t start = x->subject.len;
    struct span name;
    enum err e = hit_read(part->text, &element->subject, scratch, &name);

    if (e == ERR_OK)
        e = buf_append_span(&x->subject, name);
    if (e == ERR_OK)
        *ret_name = span_of(x->subject.bytes + start, name.len);
    return e;
}

/* Room for all names, so that none moves. */
static enum err reserve_names(struct exchange *x, const struct hits *hits)
{
    size_t total = 1;

    for (size_t i = 0; i < hits->element_count; i++)
        if (hits->elements[i].state == ELEMENT_NAMED)
            total += hits->elements[i].subject.end - hits->elements[i].subject.start;
    buf_done(&x->subject);
    buf_init_secret(&x->subject, total);
    return buf_reserve(&x->subject, total);
}

static enum err find_people(struct exchange *x, const struct part *part)
{
    AUTO(buf_done) struct buf scratch = {.max = part->text.len, .secret = true};
    const struct hits *hits = &part->hits;
    enum err e = reserve_names(x, hits);

    for (size_t i = 0; e == ERR_OK && i < hits->element_count; i++) {
        const struct hit_element *element = &hits->elements[i];
        struct span name = SPAN_NONE;

        if (element->hits == 0)
            continue;
        if (element->state != ELEMENT_NAMED)
            return ERR_UNPROCESSABLE; /* values that nobody could have erased */
        e = name_of_element(x, part, element, &scratch, &name);
        if (e == ERR_OK)
            e = name.len == 0 ? ERR_UNPROCESSABLE : exchange_name_person(x, name, &x->whose[i + 1]);
    }
    return e == ERR_NOT_FOUND ? ERR_UNPROCESSABLE : e;
}

/* By hit the number of its element: elements count from 1, and 0 is who has none. */
static enum err point_at_elements(struct part *part)
{
    part->subject_of = mem_try_alloc(part->hits.count + 1, sizeof(*part->subject_of));
    if (part->subject_of == NULL)
        return ERR_NO_SPACE;
    for (size_t i = 0; i < part->hits.count; i++)
        part->subject_of[i] = part->hits.at[i].element;
    return ERR_OK;
}

enum err exchange_find_people(struct exchange *x, struct part *body)
{
    enum err e;

    if (x->route->def->subject_from != SUBJECT_ELEMENT || body->hits.element_count == 0)
        return ERR_OK;
    x->whose_count = body->hits.element_count + 1;
    x->whose = h2o_mem_alloc_pool(&x->req->pool, x->whose_count * sizeof(*x->whose));
    memset(x->whose, 0, x->whose_count * sizeof(*x->whose));
    e = point_at_elements(body);
    if (e == ERR_OK)
        e = vault_read_begin(x->loop->reader);
    if (e != ERR_OK)
        return e;
    e = find_people(x, body);
    vault_read_end(x->loop->reader);
    return e;
}

/* Whose values an element of an answer may show: NOBODY's, unless it says whose they are. */
static enum err owner_of_element(const struct exchange *x, const struct part *part,
                                 const struct hit_element *element, struct buf *scratch,
                                 uint64_t *ret_slot)
{
    struct tokenize_subject person = {.slot = 0};
    struct span name;
    enum err e = hit_read(part->text, &element->subject, scratch, &name);

    *ret_slot = EXCHANGE_NOBODY;
    if (e != ERR_OK || name.len == 0)
        return e;
    e = exchange_name_person(x, name, &person);
    if (e == ERR_OK && person.slot == 0)
        e = vault_read_subject(x->loop->reader, x->route->domain_id, name, &person.slot);
    if (e == ERR_OK)
        *ret_slot = person.slot;
    return e == ERR_NOT_FOUND || e == ERR_UNPROCESSABLE ? ERR_OK : e;
}

enum err exchange_find_owners(struct exchange *x, struct part *body, uint64_t *slots)
{
    AUTO(buf_done) struct buf scratch = {.max = body->text.len, .secret = true};
    const struct hits *hits = &body->hits;
    enum err e = point_at_elements(body);

    for (size_t i = 0; e == ERR_OK && i < hits->element_count; i++) {
        slots[i + 1] = EXCHANGE_NOBODY;
        if (hits->elements[i].hits > 0 && hits->elements[i].state == ELEMENT_NAMED)
            e = owner_of_element(x, body, &hits->elements[i], &scratch, &slots[i + 1]);
    }
    return e;
}
