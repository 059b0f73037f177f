/* SPDX-License-Identifier: Apache-2.0 */
/* Who asks, and what that lets it see.
 * Runs on: the loop threads. Holds: nothing. Invariant: a request has one caller; where two ways of naming
 * one disagree it is refused, since whichever were taken, somebody would be taken for somebody else.
 * Not here: how a caller is known (caller.c, caller_token.c). */
#include "proxy/exchange_priv.h"

#include "base/clock.h"
#include "base/log.h"
#include "proxy/client.h"
#include "vault/watch.h"

/* One more thing that names a caller. */
static enum err agree(struct exchange *x, const struct caller *caller)
{
    if (x->caller != NULL && x->caller != caller)
        return ERR_INVALID;
    x->caller = caller;
    return ERR_OK;
}

static enum err by_key(struct exchange *x)
{
    const struct caller *caller;
    enum err e;

    if (x->fields.key.at == NULL)
        return ERR_OK;
    e = callers_find_again(x->setup->policy->callers, &x->setup->keys, x->fields.key, &caller);
    return e == ERR_OK ? agree(x, caller) : e;
}

/* A certificate that names nobody is none: who has one may still come with a key. */
static enum err by_certificate(struct exchange *x)
{
    const struct tls_peer *peer = x->client->certificate;
    const struct caller *caller;
    enum err e;

    if (peer == NULL)
        return ERR_OK;
    e = callers_find_certificate(x->setup->policy->callers, peer, &caller);
    if (e == ERR_NOT_FOUND)
        return ERR_OK;
    if (e == ERR_OK && clock_now_s() > peer->not_after_s)
        return ERR_UNAUTHORIZED; /* it ended while the connection was open */
    return e == ERR_OK ? agree(x, caller) : e;
}

/* What stands after "Bearer " (RFC 6750 2.1), or all of it. NOT_FOUND in Authorization without that. */
static enum err token_of(struct span value, bool is_authorization, struct span *ret_token)
{
    static const struct span scheme = {"Bearer ", 7};

    if (value.len > scheme.len && span_equal_nocase(span_of(value.at, scheme.len), scheme)) {
        *ret_token = span_of(value.at + scheme.len, value.len - scheme.len);
        return ERR_OK;
    }
    *ret_token = value;
    return is_authorization ? ERR_NOT_FOUND : ERR_OK;
}

/* Authorization is the application's as well: what is nobody's token there is left to it. */
static enum err by_token_in(struct exchange *x, size_t field, struct span name, int64_t now_s)
{
    const bool is_authorization = span_equal(name, SPAN_LIT("authorization"));
    const struct jwt_entry *entry;
    struct span value;
    enum err e = headers_find(&x->req->headers, name, &value);

    if (e == ERR_NOT_FOUND)
        return ERR_OK;
    if (e == ERR_OK)
        e = token_of(value, is_authorization, &value);
    if (e == ERR_OK)
        e = callers_find_token(x->setup->policy->callers, x->setup->tokens, field, value, now_s,
                               &entry);
    if (e == ERR_NOT_FOUND)
        return is_authorization ? ERR_OK : ERR_UNAUTHORIZED;
    if (e != ERR_OK)
        return e;
    if (x->claims != NULL)
        return ERR_INVALID; /* two tokens: whose claims would count? */
    x->claims = entry->claims;
    return agree(x, entry->caller);
}

static enum err by_token(struct exchange *x)
{
    size_t count;
    const struct caller_field *fields = callers_fields(x->setup->policy->callers, &count);
    const int64_t now_s = count == 0 ? 0 : clock_now_s(); /* one, so that no entry ends between */
    enum err e = ERR_OK;

    for (size_t i = 0; e == ERR_OK && i < count; i++)
        e = by_token_in(x, i, fields[i].name, now_s);
    return e;
}

static enum err identify(struct exchange *x)
{
    enum err e = by_key(x);

    if (e == ERR_OK)
        e = by_certificate(x);
    if (e == ERR_OK)
        e = by_token(x);
    if (e == ERR_OK && x->caller == NULL)
        x->caller = caller_anonymous();
    return e == ERR_OK ? exchange_admit_rate(x, x->caller) : e;
}

enum err exchange_find_caller(struct exchange *x)
{
    const size_t domain = x->route == NULL ? 0 : x->route->def->domain;
    const bool reveals = x->route != NULL && x->route->response != NULL;
    enum err e = identify(x);

    if (e == ERR_OK && x->caller != caller_anonymous() &&
        vault_caller_is_suspended(caller_state(x->caller)))
        e = ERR_DENIED;
    if (e == ERR_OK && !exchange_may_post(x))
        e = ERR_DENIED;
    if (e != ERR_OK)
        return e;
    exchange_guard(x);
    e = caller_actions(x->caller, x->fields.purpose, domain, &x->actions);
    if (e == ERR_INVALID && !reveals) { /* it need not say for what when nothing is shown */
        x->actions = caller_no_actions();
        e = ERR_OK;
    }
    if (e == ERR_DENIED)
        log_event(EV_REVEAL_DENIED, F_REQUEST(x), F_TEXT("route", exchange_route_name(x)));
    return e;
}
