/* SPDX-License-Identifier: Apache-2.0 */
/* Whose the values of a request and its answer are, as far as the request tells.
 * Runs on: the loop threads. Holds: nothing. Invariant: where the route names a subject and the request
 * does not, nothing is stored and no value leaves. Not here: answers that tell it themselves
 * (exchange_reveal.c). */
#include "proxy/exchange_priv.h"

#include "base/limits.h"
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
    case SUBJECT_JSON:
        if (x->req->entity.len == 0)
            return ERR_NOT_FOUND;
        return json_pick(x->route->subject, span_of(x->req->entity.base, x->req->entity.len),
                         &x->subject);
    case SUBJECT_NONE:
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
 * good as a name. */
static enum err owner_of_token(struct exchange *x)
{
    const struct vault_scope scope = {.domain = x->route->domain_id,
                                      .class_id = x->route->subject_class};
    struct vault_value value;
    enum err e = vault_inspect_as(x->loop->reader, &scope, buf_span(&x->subject), &value);

    if (e == ERR_OK && exchange_tells_one_person(x, value.class_id))
        x->whose.slot = value.slot;
    else if (e == ERR_OK || e == ERR_NOT_FOUND || e == ERR_CONFLICT)
        e = ERR_NOT_FOUND;
    return e;
}

/* Tokens of typed classes are told by the vault, the others by themselves. */
static bool may_be_token(const struct exchange *x)
{
    return x->route->subject_class != 0 || token_is(buf_span(&x->subject));
}

static enum err resolve_token(struct exchange *x, bool *ret_is_token)
{
    enum err e = vault_read_begin(x->loop->reader);

    if (e != ERR_OK)
        return e;
    *ret_is_token = vault_is_token(x->loop->reader, x->route->subject_class, buf_span(&x->subject));
    if (*ret_is_token)
        e = owner_of_token(x);
    vault_read_end(x->loop->reader);
    return e;
}

/* From a name to a person: NOT_FOUND for a token that is nobody's. */
static enum err resolve(struct exchange *x)
{
    bool is_token = false;
    enum err e = may_be_token(x) ? resolve_token(x, &is_token) : ERR_OK;

    if (e == ERR_OK && !is_token)
        x->whose.names[x->whose.name_count++] = buf_span(&x->subject);
    return e;
}

enum err exchange_find_subject(struct exchange *x)
{
    enum err e;

    if (x->route == NULL || x->route->def->subject_from == SUBJECT_NONE)
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
