/* SPDX-License-Identifier: Apache-2.0 */
/* Figures for reports, from counters; and what is kept of one subject.
 * Runs on: the reader's thread, between begin and end. Holds: nothing. */
#include "vault/vault_priv.h"

#include "base/clock.h"

enum { DAY_S = 86400 };

struct sum {
    int64_t today;
    int64_t oldest_day;
    int64_t overdue_day, next_day; /* INT64_MAX: none */
    struct vault_class_stats stats;
};

static void add(void *context, int64_t created_day, int64_t due_day, int64_t n)
{
    struct sum *sum = context;
    const uint64_t items = n > 0 ? (uint64_t)n : 0;
    const int64_t left = due_day - sum->today;

    if (items == 0)
        return;
    sum->stats.items += items;
    if (left < 0)
        sum->stats.overdue += items;
    if (left >= 0 && left <= 7)
        sum->stats.due_7d += items;
    if (left >= 0 && left <= 30)
        sum->stats.due_30d += items;
    if (left >= 0 && left <= 90)
        sum->stats.due_90d += items;
    if (left < 0 && due_day < sum->overdue_day)
        sum->overdue_day = due_day;
    if (left >= 0 && due_day < sum->next_day)
        sum->next_day = due_day;
    if (sum->oldest_day < 0 || created_day < sum->oldest_day)
        sum->oldest_day = created_day;
}

enum err vault_read_flow(struct vault_reader *r, uint16_t class_id, int64_t from_day,
                         int64_t to_day, struct vault_flow *ret)
{
    uint64_t sums[STORE_FLOWS];
    enum err e;

    REQUIRE(r->reading);
    e = store_flow_sums(r->store, class_id, from_day, to_day, sums);
    if (e != ERR_OK)
        return e;
    *ret = (struct vault_flow){.created = sums[STORE_CREATED],
                               .purged_timer = sums[STORE_PURGED_TIMER],
                               .purged_erasure = sums[STORE_PURGED_ERASURE],
                               .purged_withdrawal = sums[STORE_PURGED_WITHDRAWAL],
                               .purged_objection = sums[STORE_PURGED_OBJECTION]};
    return ERR_OK;
}

/* The flows of one day, gathered until another day comes. */
struct flow_day {
    void (*fn)(void *context, int64_t day, const struct vault_flow *flow);
    void *context;
    int64_t day;
    struct vault_flow flow;
    bool any;
};

static void end_day(struct flow_day *d)
{
    if (d->any)
        d->fn(d->context, d->day, &d->flow);
    d->any = false;
    d->flow = (struct vault_flow){.created = 0};
}

static void add_flow(void *context, int64_t day, enum store_flow flow, uint64_t n)
{
    struct flow_day *d = context;
    uint64_t *const figures[STORE_FLOWS] = {
        [STORE_CREATED] = &d->flow.created,
        [STORE_PURGED_TIMER] = &d->flow.purged_timer,
        [STORE_PURGED_ERASURE] = &d->flow.purged_erasure,
        [STORE_PURGED_WITHDRAWAL] = &d->flow.purged_withdrawal,
        [STORE_PURGED_OBJECTION] = &d->flow.purged_objection,
    };

    if (day != d->day)
        end_day(d);
    d->day = day;
    d->any = true;
    *figures[flow] += n;
}

enum err vault_read_flow_days(struct vault_reader *r, uint16_t class_id, int64_t from_day,
                              int64_t to_day,
                              void (*fn)(void *context, int64_t day, const struct vault_flow *flow),
                              void *context)
{
    struct flow_day d = {.fn = fn, .context = context};
    enum err e;

    REQUIRE(r->reading);
    if (vault__class(r->v, class_id) == NULL)
        return ERR_NOT_FOUND;
    e = store_flow_each(r->store, class_id, from_day, to_day, add_flow, &d);
    end_day(&d);
    return e;
}

static bool starts_from_event(const struct vault *v, uint16_t class_id)
{
    const struct class_def *def = v->defs[class_id];

    return def != NULL && def->rule.start == RULE_EVENT;
}

enum err vault_read_stats(struct vault_reader *r, uint16_t class_id, int64_t now_s,
                          struct vault_class_stats *ret)
{
    struct sum sum = {
        .today = now_s / DAY_S, .oldest_day = -1, .overdue_day = INT64_MAX, .next_day = INT64_MAX};
    struct sequence_sum room;
    struct vault_flow ever;
    int64_t waiting_day = 0;
    enum err e;

    REQUIRE(r->reading);
    if (vault__class(r->v, class_id) == NULL)
        return ERR_NOT_FOUND;
    e = store_aggregate_each(r->store, class_id, add, &sum);
    if (e == ERR_OK)
        e = vault_read_flow(r, class_id, INT64_MIN, INT64_MAX, &ever);
    if (e == ERR_OK && starts_from_event(r->v, class_id))
        e = store_unstarted(r->store, class_id, &sum.stats.waiting, &waiting_day);
    if (e != ERR_OK)
        return e;
    sum.stats.oldest_waiting_s = waiting_day * DAY_S;
    sum.stats.created = ever.created;
    sum.stats.purged_timer = ever.purged_timer;
    sum.stats.purged_erasure = ever.purged_erasure;
    if (sum.oldest_day > 0)
        sum.stats.oldest_created_s = sum.oldest_day * DAY_S;
    if (sum.overdue_day != INT64_MAX)
        sum.stats.overdue_since_s = sum.overdue_day * DAY_S;
    if (sum.next_day != INT64_MAX)
        sum.stats.next_due_s = sum.next_day * DAY_S;
    room = sequences_sum(r->v->sequences, class_id);
    sum.stats.capacity = room.room;
    sum.stats.used = room.used;
    sum.stats.exhausted = room.exhausted;
    *ret = sum.stats;
    return ERR_OK;
}

struct days {
    void (*fn)(void *context, int64_t created_day, int64_t due_day, uint64_t n);
    void *context;
};

static void add_days(void *context, int64_t created_day, int64_t due_day, int64_t n)
{
    const struct days *days = context;

    if (n > 0)
        days->fn(days->context, created_day, due_day, (uint64_t)n);
}

enum err vault_read_days(struct vault_reader *r, uint16_t class_id,
                         void (*fn)(void *context, int64_t created_day, int64_t due_day,
                                    uint64_t n),
                         void *context)
{
    struct days days = {fn, context};

    REQUIRE(r->reading);
    if (vault__class(r->v, class_id) == NULL)
        return ERR_NOT_FOUND;
    return store_aggregate_each(r->store, class_id, add_days, &days);
}

enum err vault_read_subject_info(struct vault_reader *r, uint64_t slot,
                                 struct vault_subject_info *ret, uint64_t *per_class)
{
    struct vault_subject_info info = {.slot = slot};
    const struct keycache_entry *entry;
    struct store_subject subject;
    const int64_t now_s = vault__now_s(r->v);
    enum err e;

    REQUIRE(r->reading);
    e = subject_key(r->v->slab, r->keys, slot, &entry);
    if (e == ERR_OK)
        e = store_subject_get(r->store, info.slot, &subject);
    if (e == ERR_OK)
        e = store_names_count(r->store, info.slot, &info.names);
    for (size_t id = 1; e == ERR_OK && id <= CLASSES_MAX; id++)
        if (vault__class(r->v, id) != NULL)
            e = store_rows_count(r->store, &r->v->table[id], info.slot, now_s, &per_class[id]);
    if (e != ERR_OK)
        return e;
    memcpy(info.id, subject.id, VAULT_ID_BYTES);
    info.domain = subject.domain;
    info.created_s = subject.created_s;
    *ret = info;
    return ERR_OK;
}

enum err vault_read_subject_count(struct vault_reader *r, uint64_t *ret)
{
    int64_t n = 0;
    enum err e;

    REQUIRE(r->reading);
    e = store_meta_int(r->store, STORE_META_SUBJECTS, &n);
    if (e == ERR_OK)
        *ret = n > 0 ? (uint64_t)n : 0;
    return e;
}
