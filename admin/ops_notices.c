/* SPDX-License-Identifier: Apache-2.0 */
/* Operations on notices to recipients.
 * Runs on: worker threads and the command line; blocks. Holds: nothing. Not here: notices
 * (retention/notices.h). */
#include "admin/ops_priv.h"
#include "base/log.h"
#include "retention/notices.h"

static enum err read_number(const struct json *request, uint64_t *ret, struct errmsg *msg)
{
    const int64_t number = json_int_of(json_get(request, "number"), 0);

    if (number < 1)
        return errmsg_set(msg, ERR_INVALID, "\"number\" must be the number of a notice");
    *ret = (uint64_t)number;
    return ERR_OK;
}

static enum err read_states(const struct json *request, uint64_t *ret, struct errmsg *msg)
{
    const struct json *state = json_get(request, "state");

    *ret = ~(NOTICE_IN(PLANNED) | NOTICE_IN(WITHDRAWN));
    if (state == NULL || span_equal(json_text_of(state), span_str("all")))
        return ERR_OK;
    if (!span_equal(json_text_of(state), span_str("open")))
        return errmsg_set(msg, ERR_INVALID, "\"state\" must be \"open\" or \"all\"");
    *ret = NOTICE_OPEN_STATES;
    return ERR_OK;
}

enum err ops_notice_list(struct admin *admin, const struct json *request,
                         struct json **ret_response, struct errmsg *msg)
{
    struct ops_page page;
    const int64_t now_s = vault_now_s(admin->vault);
    AUTO(json_free) struct json *list = json_new_list();
    bool more = false, attention = false;
    uint64_t states = 0, last;
    struct json *map;
    enum err e = read_states(request, &states, msg);

    if (e == ERR_OK)
        e = ops_read_page(request, OPS_VALUES_MAX, &page, msg);
    if (e == ERR_OK)
        e = notices_list(admin->vault, states, page.after, page.limit, list, &more);
    if (e != ERR_OK)
        return e;
    for (size_t i = 0; i < json_count(list); i++)
        attention = attention || notice_attention(json_at(list, i), now_s) != NULL;
    last = (uint64_t)json_int_of(json_get(json_at(list, json_count(list) - 1), "number"), 0);
    map = json_new_map();
    json_set(map, "notices", TAKE(list));
    ops_set_next(map, more, last);
    json_set_bool(map, "attention", attention);
    *ret_response = map;
    return ERR_OK;
}

enum err ops_notice_done(struct admin *admin, const struct json *request,
                         struct json **ret_response, struct errmsg *msg)
{
    const bool impossible = json_bool_of(json_get(request, "impossible"), false);
    const char *who = admin->executed_by == NULL ? "cli" : admin->executed_by;
    uint64_t number = 0;
    struct span how;
    enum err e = read_number(request, &number, msg);

    if (e == ERR_OK)
        e = ops_need_text(request, "how", &how, msg);
    if (e == ERR_OK)
        e = notices_done(admin->vault, number, impossible, how, who, msg);
    if (e == ERR_OK)
        *ret_response = json_new_map();
    return e;
}

enum err ops_notice_retry(struct admin *admin, const struct json *request,
                          struct json **ret_response, struct errmsg *msg)
{
    uint64_t number = 0;
    enum err e = read_number(request, &number, msg);

    if (e == ERR_OK)
        e = notices_retry(admin->vault, number, msg);
    if (e == ERR_OK)
        *ret_response = json_new_map();
    return e;
}
