/* SPDX-License-Identifier: Apache-2.0 */
/* Renewals of tokens: planned, begun, looked at, stopped, and what took the place of what.
 * Runs on: worker threads and the command line; blocks. Holds: nothing. Not here: carrying one out
 * (retention/renewal.c). */
#include "admin/access.h"
#include "admin/ops_priv.h"
#include "retention/renewal.h"

static const struct period KEEP = {.days = 30};

static enum err read_ask(const struct admin *admin, const struct json *request,
                         struct renewal_ask *ret, struct errmsg *msg)
{
    struct span keep;
    enum err e = ops_read_class(admin, request, &ret->class_id, msg);

    if (e == ERR_OK)
        e = ops_read_domain(admin, request, &ret->domain, msg);
    if (e != ERR_OK || json_get(request, "keep") == NULL)
        return e;
    e = ops_need_text(request, "keep", &keep, msg);
    if (e == ERR_OK && period_parse(keep, &ret->keep) != ERR_OK)
        e = errmsg_set(msg, ERR_INVALID,
                       "\"keep\" is an ISO 8601 period, such as \"P30D\": how long old tokens "
                       "stand for the same");
    return e;
}

enum err ops_renewal_plan(struct admin *admin, const struct json *request,
                          struct json **ret_response, struct errmsg *msg)
{
    struct renewal_ask renewal = {.keep = KEEP};
    enum err e = read_ask(admin, request, &renewal, msg);

    return e == ERR_OK ? renewal_plan(admin->vault, &renewal, ret_response, msg) : e;
}

enum err ops_renewal_start(struct admin *admin, const struct json *request,
                           struct json **ret_response, struct errmsg *msg)
{
    struct renewal_ask renewal = {.keep = KEEP};
    struct renewal_words words = {
        .key = SPAN_NONE,
        .confirm = SPAN_NONE,
        .by = span_str(admin->executed_by == NULL ? "cli" : admin->executed_by)};
    enum err e = read_ask(admin, request, &renewal, msg);

    if (e == ERR_OK && json_get(request, "confirm") != NULL)
        e = ops_need_text(request, "confirm", &words.confirm, msg);
    if (e == ERR_OK && json_get(request, "key") != NULL)
        e = ops_need_text(request, "key", &words.key, msg);
    return e == ERR_OK ? renewal_start(admin->vault, &renewal, &words, ret_response, msg) : e;
}

static enum err read_number(const struct json *request, uint64_t *ret, struct errmsg *msg)
{
    const int64_t number = json_int_of(json_get(request, "number"), 0);

    if (number <= 0)
        return errmsg_set(msg, ERR_INVALID, "\"number\" is the number of a renewal");
    *ret = (uint64_t)number;
    return ERR_OK;
}

enum err ops_renewal_show(struct admin *admin, const struct json *request,
                          struct json **ret_response, struct errmsg *msg)
{
    uint64_t number = 0;
    enum err e = read_number(request, &number, msg);

    return e == ERR_OK ? renewal_show(admin->vault, number, ret_response, msg) : e;
}

enum err ops_renewal_act(struct admin *admin, const struct json *request,
                         struct json **ret_response, struct errmsg *msg)
{
    struct span action = SPAN_NONE;
    uint64_t number = 0;
    enum err e = read_number(request, &number, msg);

    if (e == ERR_OK)
        e = ops_need_text(request, "action", &action, msg);
    if (e == ERR_OK && span_equal(action, SPAN_LIT("finish")))
        e = errmsg_set(msg, ERR_INVALID, "to finish a renewal is an operation of its own");
    return e == ERR_OK ? renewal_act(admin->vault, number, action, ret_response, msg) : e;
}

enum err ops_renewal_finish(struct admin *admin, const struct json *request,
                            struct json **ret_response, struct errmsg *msg)
{
    uint64_t number = 0;
    enum err e = read_number(request, &number, msg);

    return e == ERR_OK ? renewal_act(admin->vault, number, SPAN_LIT("finish"), ret_response, msg)
                       : e;
}

enum err ops_renewal_list(struct admin *admin, const struct json *request,
                          struct json **ret_response, struct errmsg *msg)
{
    static const struct ops_records renewals = {VAULT_RECORD_RENEWAL, "renewals", renewal_tell};

    return ops_list_records(admin, request, &renewals, ret_response, msg);
}

enum err ops_renewal_tokens(struct admin *admin, const struct json *request,
                            struct json **ret_response, struct errmsg *msg)
{
    AUTO(json_free) struct json *list = json_new_list();
    struct renewal_page wanted = {.class_id = 0};
    struct ops_page page;
    uint64_t last = 0;
    bool more = false;
    enum err e = read_number(request, &wanted.renewal, msg);

    if (e == ERR_OK && json_get(request, "class") == NULL)
        e = errmsg_set(msg, ERR_INVALID, "\"class\" is missing");
    if (e == ERR_OK)
        e = ops_read_class(admin, request, &wanted.class_id, msg);
    if (e == ERR_OK)
        e = ops_read_page(request, OPS_VALUES_MAX, &page, msg);
    if (e != ERR_OK)
        return e;
    wanted.after = page.after;
    wanted.limit = page.limit;
    e = renewal_tokens(admin->vault, &wanted, list, &last, &more, msg);
    if (e != ERR_OK)
        return e;
    *ret_response = json_new_map();
    ops_set_next(*ret_response, more, last);
    json_set(*ret_response, "tokens", TAKE(list));
    return ERR_OK;
}
