/* SPDX-License-Identifier: Apache-2.0 */
/* Quotas of callers, from what is declared to what counts.
 * Runs on: the control thread; read by any. Holds: nothing; quotas live with the proxy, under the names
 * below, so that neither a reload nor a restart begins them anew. Not here: counting (quota.c). */
#include "proxy/caller_priv.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "vault/holds.h"
#include "vault/watch.h"

enum { MINUTE_S = 60, HOUR_S = 3600, DAY_S = 86400 };

struct naming {
    struct quotas *quotas;
    const char *caller, *purpose; /* purpose "": of the whole caller */
};

/* NULL where there is no limit. */
static struct quota *get(const struct naming *n, const char *what, int64_t window_s, int64_t limit)
{
    char name[256];

    if (limit == 0)
        return NULL;
    (void)snprintf(name, sizeof(name), "%s/%s/%s", n->caller, n->purpose, what);
    return quotas_get(n->quotas, name, window_s, (size_t)limit, window_s > MINUTE_S);
}

static void add(struct guard_rules *rules, struct quota *quota)
{
    if (quota != NULL)
        rules->list[rules->count++] = quota;
}

static void add_both(struct guard_rules *rules, const struct naming *n,
                     const struct caller_quota *quota)
{
    add(rules, get(n, "hour", HOUR_S, quota->per_hour));
    add(rules, get(n, "day", DAY_S, quota->per_day));
}

static void watch(struct caller *c, struct vault *v, struct quotas *quotas)
{
    struct naming n = {.quotas = quotas, .caller = c->name, .purpose = ""};

    for (size_t i = 0; i < c->purpose_count; i++) {
        struct guard_rules *rules = &c->purposes[i].rules;

        *rules = (struct guard_rules){
            .quotas = quotas, .masks = c->quotas.masks, .then = (enum reveal_action)c->quotas.then};
        rules->purpose = vault_purpose_id(v, span_str(c->purposes[i].name));
        rules->legal = c->purposes[i].legal;
        n.purpose = "";
        add_both(rules, &n, &c->quotas.all);
        rules->misses = get(&n, "misses", MINUTE_S, c->quotas.misses_per_minute);
        rules->lookups = get(&n, "lookups", HOUR_S, c->quotas.lookups_per_hour);
        n.purpose = c->purposes[i].name;
        if (c->quotas.purposes != NULL)
            add_both(rules, &n, &c->quotas.purposes[i]);
        if (rules->count == 0 && rules->misses == NULL && rules->lookups == NULL)
            rules->quotas = NULL;
    }
}

void callers_watch(struct callers *callers, struct vault *v, struct quotas *quotas)
{
    for (size_t i = 0; i < callers->count; i++) {
        watch(&callers->at[i], v, quotas);
        callers->at[i].state = vault_caller(v, callers->at[i].name);
    }
}

/* ---- to be shown ---- */

struct states {
    struct caller_quota_state *at;
    size_t count;
    int64_t now_s;
};

static void add_state(struct states *states, const struct guard_rules *rules, struct quota *quota,
                      const char *purpose, const char *what)
{
    struct quota_state state;

    if (quota == NULL)
        return;
    quota_read(rules->quotas, quota, states->now_s, &state);
    states->at[states->count++] =
        (struct caller_quota_state){purpose, what, state.window_s, state.limit, state.used};
}

/* Those of the whole caller stand in the rules of each of its purposes, in front. */
static void add_states(struct states *states, const struct caller *c)
{
    const size_t whole = (size_t)(c->quotas.all.per_hour > 0) + (size_t)(c->quotas.all.per_day > 0);

    for (size_t i = 0; i < c->purpose_count; i++) {
        const struct guard_rules *rules = &c->purposes[i].rules;

        for (size_t j = i == 0 ? 0 : whole; j < rules->count; j++)
            add_state(states, rules, rules->list[j], j < whole ? NULL : c->purposes[i].name,
                      "people");
        if (i > 0)
            continue;
        add_state(states, rules, rules->lookups, NULL, "lookups");
        add_state(states, rules, rules->misses, NULL, "misses");
    }
}

void callers_read(const struct callers *callers, int64_t now_s, caller_state_fn each, void *context)
{
    for (size_t i = 0; i < callers->count; i++) {
        const struct caller *c = &callers->at[i];
        AUTO(mem_free)
        struct caller_quota_state *at =
            mem_alloc((2 + c->purpose_count * QUOTA_LIST_MAX) * sizeof(*at));
        struct states states = {.at = at, .now_s = now_s};
        struct caller_state state = {.name = c->name};

        add_states(&states, c);
        state.suspended = c->state != NULL && vault_caller_is_suspended(c->state);
        state.quotas = states.at;
        state.quota_count = states.count;
        each(&state, context);
    }
}

const struct guard_rules *caller_rules(const struct caller *caller, struct span purpose)
{
    static const struct guard_rules none;

    for (size_t i = 0; i < caller->purpose_count; i++)
        if (purpose.at == NULL || span_equal(span_str(caller->purposes[i].name), purpose))
            return &caller->purposes[i].rules;
    return &none;
}

struct vault_caller *caller_state(const struct caller *caller)
{
    return caller->state;
}
