/* SPDX-License-Identifier: Apache-2.0 */
/* The overview's last question: who looked at clear data, how much, for what.
 * Runs on: a worker thread; blocks as long as the trail has grown since it was added up last. Holds: nothing. Not
 * here: adding up (access_days.c), people (report_access.c). */
#include "retention/overview_priv.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "retention/access_days.h"
#include "vault/watch.h"

enum { GROWTH_MANY = 100 };

/* One caller's for one purpose, of all classes. */
struct caller {
    const struct access_sum *name;
    struct access_sum sum;
    uint64_t before;
};

static uint64_t shown(const struct access_sum *sum)
{
    return sum->values + sum->masks;
}

static int by_shown(const void *a, const void *b)
{
    const struct caller *x = a, *y = b;
    const uint64_t p = shown(&x->sum), q = shown(&y->sum);

    if (p != q)
        return p < q ? 1 : -1;
    if (x->sum.refused != y->sum.refused)
        return x->sum.refused < y->sum.refused ? 1 : -1;
    return strcmp(x->name->who, y->name->who);
}

static struct caller *find(struct caller *list, size_t *count, const struct access_sum *key)
{
    for (size_t i = 0; i < *count; i++)
        if (list[i].name->role == key->role && strcmp(list[i].name->who, key->who) == 0 &&
            strcmp(list[i].name->purpose, key->purpose) == 0)
            return &list[i];
    list[*count] = (struct caller){.name = key};
    return &list[(*count)++];
}

static struct json *caller_map(const struct caller *c)
{
    const char *role = audit_role_word(c->name->role);
    struct json *map = json_new_map();

    json_set_str(map, "caller", c->name->who);
    json_set_str(map, "role", role == NULL ? "?" : role);
    json_set(map, "purpose", json_new_null());
    if (c->name->purpose[0] != '\0')
        json_set_str(map, "purpose", c->name->purpose);
    json_set_int(map, "requests", (int64_t)c->sum.requests);
    json_set_int(map, "values", (int64_t)c->sum.values);
    json_set_int(map, "masks", (int64_t)c->sum.masks);
    json_set_int(map, "refused", (int64_t)c->sum.refused);
    json_set_int(map, "honeytokens", (int64_t)c->sum.honeytokens);
    json_set_int(map, "before", (int64_t)c->before);
    json_set(map, "growth", json_new_null());
    if (c->before > 0)
        json_set_int(map, "growth", (int64_t)(shown(&c->sum) * 100 / c->before) - 100);
    return map;
}

/* More than three times as much as before, and not a handful: as in the access report. */
static bool has_grown(const struct caller *c)
{
    return c->before > 0 && shown(&c->sum) > c->before * 3 && shown(&c->sum) > GROWTH_MANY;
}

static void add_sums(struct json *part, struct caller *list, size_t count)
{
    struct access_sum all = {.requests = 0};
    struct json *rows = json_new_list();
    bool grown = false;

    if (count > 0)
        qsort(list, count, sizeof(*list), by_shown);
    for (size_t i = 0; i < count; i++) {
        const struct access_sum *sum = &list[i].sum;

        all.requests += sum->requests;
        all.values += sum->values;
        all.masks += sum->masks;
        all.refused += sum->refused;
        all.honeytokens += sum->honeytokens;
        grown = grown || has_grown(&list[i]);
        if (i < OVERVIEW_ROWS_MAX)
            json_add(rows, caller_map(&list[i]));
    }
    json_set_int(part, "requests", (int64_t)all.requests);
    json_set_int(part, "values", (int64_t)all.values);
    json_set_int(part, "masks", (int64_t)all.masks);
    json_set_int(part, "refused", (int64_t)all.refused);
    json_set_int(part, "honeytokens", (int64_t)all.honeytokens);
    json_set(part, "callers", rows);
    json_set_bool(part, "more", count > OVERVIEW_ROWS_MAX);
    if (grown)
        overview__attend(part, "growth");
    if (all.honeytokens > 0)
        overview__attend(part, "honeytoken");
}

static void gather(struct json *part, const struct access_sums *now,
                   const struct access_sums *before)
{
    AUTO(mem_free)
    struct caller *list = mem_alloc((now->count + before->count + 1) * sizeof(*list));
    size_t count = 0;

    for (size_t i = 0; i < now->count; i++) {
        struct access_sum *sum = &find(list, &count, &now->at[i])->sum;

        sum->requests += now->at[i].requests;
        sum->values += now->at[i].values;
        sum->masks += now->at[i].masks;
        sum->refused += now->at[i].refused;
        sum->honeytokens += now->at[i].honeytokens;
    }
    for (size_t i = 0; i < before->count; i++)
        find(list, &count, &before->at[i])->before += shown(&before->at[i]);
    add_sums(part, list, count);
}

enum err overview__add_access(struct overview *o)
{
    AUTO(access_sums_done) struct access_sums now = {.count = 0}, before = {.count = 0};
    const int64_t from = o->context.from_day, to = o->context.to_day;
    struct json *part = overview__part(o, "access");
    const uint64_t incidents = vault_incidents_open(o->context.vault);
    const uint64_t suspended = vault_callers_suspended(o->context.vault);
    enum err e = access_days_update(o->context.vault, NULL);

    if (e == ERR_OK)
        e = access_days_sum(o->records, from, to, &now);
    if (e == ERR_OK)
        e = access_days_sum(o->records, from - (to - from), from, &before); /* as long before */
    gather(part, &now, &before);
    json_set_int(part, "incidents", (int64_t)incidents);
    json_set_int(part, "suspended", (int64_t)suspended);
    if (incidents > 0)
        overview__attend(part, "incident");
    return e;
}
