/* SPDX-License-Identifier: Apache-2.0 */
/* A caller's `quota`: how many people it may see.
 * Runs on: the control thread, at start. Holds: nothing. Not here: counting (quota.c). */
#include "proxy/settings_priv.h"

#include <string.h>

static enum err read_limit(struct conf_node map, const char *name, int64_t *ret, struct errmsg *msg)
{
    return conf_int(conf_get(map, name), 1, QUOTA_SUBJECTS_MAX, ret, msg);
}

static enum err read_both(struct conf_node map, struct caller_quota *quota, struct errmsg *msg)
{
    enum err e = read_limit(map, "subjects_per_hour", &quota->per_hour, msg);

    return e == ERR_OK ? read_limit(map, "subjects_per_day", &quota->per_day, msg) : e;
}

static enum err read_then(struct conf_node node, struct caller_quotas *quotas, struct errmsg *msg)
{
    const char *text = "mask";
    enum err e = conf_str(node, &text, msg);

    if (e != ERR_OK)
        return e;
    quotas->then = strcmp(text, "mask") == 0 ? REVEAL_MASK : REVEAL_TOKEN;
    if (quotas->then == REVEAL_TOKEN && strcmp(text, "token") != 0)
        return conf_fail(node, msg, "what comes `then` is \"mask\" or \"token\"");
    if (quotas->then == REVEAL_MASK && quotas->masks && conf_has(node))
        return conf_fail(node, msg, "where masks count, only \"token\" can come `then`");
    return ERR_OK;
}

/* The purpose's place among the caller's. */
static enum err find_purpose(struct conf_node node, const struct caller_def *def, size_t *ret,
                             struct errmsg *msg)
{
    for (size_t i = 0; i < def->purpose_count; i++) {
        if (strcmp(def->purposes[i], node.name) == 0) {
            *ret = i;
            return ERR_OK;
        }
    }
    return conf_fail(node, msg, "the caller has no purpose \"%s\"", node.name);
}

static enum err read_purposes(struct conf_node map, struct caller_def *def, struct errmsg *msg)
{
    static const char *const keys[] = {"subjects_per_hour", "subjects_per_day", NULL};
    struct conf_node member;
    void *it = NULL;

    if (!conf_has(map))
        return ERR_OK;
    if (json_kind(map.value) != JSON_MAP)
        return conf_fail(map, msg, "`purposes` is a map from purposes to quotas");
    def->quotas.purposes = mem_alloc(def->purpose_count * sizeof(*def->quotas.purposes));
    while (conf_next(map, &it, &member)) {
        size_t which = 0;
        enum err e = find_purpose(member, def, &which, msg);

        if (e == ERR_OK)
            e = conf_only(member, keys, msg);
        if (e == ERR_OK)
            e = read_both(member, &def->quotas.purposes[which], msg);
        if (e != ERR_OK)
            return e;
    }
    return ERR_OK;
}

enum err settings_read_quota(struct conf_node node, struct caller_def *def, struct errmsg *msg)
{
    static const char *const keys[] = {"subjects_per_hour",
                                       "subjects_per_day",
                                       "lookups_per_hour",
                                       "misses_per_minute",
                                       "masks",
                                       "then",
                                       "purposes",
                                       NULL};
    struct caller_quotas *quotas = &def->quotas;
    enum err e;

    if (!conf_has(node))
        return ERR_OK;
    e = conf_only(node, keys, msg);
    if (e == ERR_OK)
        e = read_both(node, &quotas->all, msg);
    if (e == ERR_OK)
        e = read_limit(node, "lookups_per_hour", &quotas->lookups_per_hour, msg);
    if (e == ERR_OK)
        e = read_limit(node, "misses_per_minute", &quotas->misses_per_minute, msg);
    if (e == ERR_OK)
        e = conf_bool(conf_get(node, "masks"), &quotas->masks, msg);
    if (e == ERR_OK)
        e = read_then(conf_get(node, "then"), quotas, msg);
    return e == ERR_OK ? read_purposes(conf_get(node, "purposes"), def, msg) : e;
}
