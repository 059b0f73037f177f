/* SPDX-License-Identifier: Apache-2.0 */
/* Members of requests, read strictly.
 * Runs on: worker threads and the command line; never blocks. Holds: nothing. Invariant: messages
 * name members, never what stands in them. Not here: which members an operation takes (ops.c). */
#include "admin/ops_priv.h"
#include "base/civil.h"
#include "base/limits.h"

enum err ops_need_text(const struct json *request, const char *name, struct span *ret,
                       struct errmsg *msg)
{
    const struct json *value = json_get(request, name);

    if (json_kind(value) != JSON_TEXT)
        return errmsg_set(msg, ERR_INVALID, "\"%s\" must be a string", name);
    *ret = json_text_of(value);
    return ERR_OK;
}

enum err ops_need_texts(const struct json *request, const char *name, const struct json **ret,
                        struct errmsg *msg)
{
    const struct json *list = json_get(request, name);

    if (json_kind(list) != JSON_LIST)
        return errmsg_set(msg, ERR_INVALID, "\"%s\" must be a list of strings", name);
    if (json_count(list) > OPS_VALUES_MAX)
        return errmsg_set(msg, ERR_TOO_LARGE, "\"%s\" holds more than %d entries", name,
                          OPS_VALUES_MAX);
    for (size_t i = 0; i < json_count(list); i++) {
        if (json_kind(json_at(list, i)) != JSON_TEXT)
            return errmsg_set(msg, ERR_INVALID, "entry %zu of \"%s\" must be a string", i + 1,
                              name);
    }
    *ret = list;
    return ERR_OK;
}

enum err ops_read_day(const struct json *request, const char *name, int64_t per_day, int64_t *ret,
                      struct errmsg *msg)
{
    struct civil date;
    struct span text;
    enum err e;

    if (json_get(request, name) == NULL)
        return ERR_OK;
    e = ops_need_text(request, name, &text, msg);
    if (e != ERR_OK)
        return e;
    if (!civil_parse(text, &date))
        return errmsg_set(msg, ERR_INVALID, "\"%s\" must be a day, as in 2026-01-31", name);
    *ret = civil_days(date) * per_day;
    return ERR_OK;
}

enum err ops_need_subject(const struct json *request, struct span *ret, struct errmsg *msg)
{
    enum err e = ops_need_text(request, "subject", ret, msg);

    if (e != ERR_OK)
        return e;
    if (ret->len == 0)
        return errmsg_set(msg, ERR_INVALID, "the subject's identifier is empty");
    if (ret->len > LIMIT_IDENTIFIER_MAX)
        return errmsg_set(msg, ERR_TOO_LARGE, "the subject's identifier is longer than %d bytes",
                          LIMIT_IDENTIFIER_MAX);
    return ERR_OK;
}

enum err ops_read_domain(const struct admin *admin, const struct json *request, uint16_t *ret,
                         struct errmsg *msg)
{
    struct span name;
    uint16_t domain;
    enum err e;

    if (json_get(request, "domain") == NULL)
        return ERR_OK;
    e = ops_need_text(request, "domain", &name, msg);
    if (e != ERR_OK)
        return e;
    domain = vault_domain_id(admin->vault, name);
    if (domain == 0)
        return errmsg_set(msg, ERR_NOT_FOUND, "the configuration has no such domain");
    *ret = domain;
    return ERR_OK;
}

enum err ops_read_class(const struct admin *admin, const struct json *request, uint16_t *ret,
                        struct errmsg *msg)
{
    const struct class_def *def;
    struct span name;
    enum err e;

    if (json_get(request, "class") == NULL)
        return ERR_OK;
    e = ops_need_text(request, "class", &name, msg);
    if (e != ERR_OK)
        return e;
    def = classes_find(admin->classes, name);
    if (def == NULL)
        return errmsg_set(msg, ERR_NOT_FOUND, "the configuration has no such class");
    *ret = vault_class_id(admin->vault, def);
    return ERR_OK;
}

enum err ops_which_class(enum err e, struct errmsg *msg)
{
    return e == ERR_CONFLICT ? errmsg_set(msg, e,
                                          "the token stands for values of several classes: say "
                                          "which is meant (--class)")
                             : e;
}
