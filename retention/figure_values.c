/* SPDX-License-Identifier: Apache-2.0 */
/* Pictures of what is kept: when it falls due, how old it is, under which rules.
 * Runs on: a worker thread. Holds: nothing. Invariant: the sums are those of the retention report: both come from the
 * same counters. */
#include "retention/figures_priv.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "vault/holds.h"

enum { WEEK = 7 };

/* ---- each class, in one state of the store ---- */

typedef enum err (*class_fn)(const struct report_context *c, const struct class_def *def,
                             void *context);

static enum err each_class(const struct report_context *c, class_fn fn, void *context)
{
    enum err e = vault_read_begin(c->reader);

    if (e != ERR_OK)
        return e;
    for (size_t i = 0; e == ERR_OK && i < c->classes->count; i++)
        e = fn(c, &c->classes->defs[i], context);
    vault_read_end(c->reader);
    return e;
}

/* ---- expiries ---- */

struct expiries {
    int64_t today;
    uint64_t overdue, later, values;
    uint64_t weeks[FIGURE_WEEKS_AHEAD];
};

static void add_due(void *context, int64_t created_day UNUSED, int64_t due_day, uint64_t n)
{
    struct expiries *x = context;
    const int64_t left = due_day - x->today;

    x->values += n;
    if (left < 0)
        x->overdue += n;
    else if (left / WEEK < FIGURE_WEEKS_AHEAD)
        x->weeks[left / WEEK] += n;
    else
        x->later += n;
}

static void set_expiries(struct json *map, const struct expiries *x)
{
    json_set_int(map, "overdue", (int64_t)x->overdue);
    json_set(map, "weeks", figure__list(x->weeks, FIGURE_WEEKS_AHEAD));
    json_set_int(map, "later", (int64_t)x->later);
    json_set_int(map, "values", (int64_t)x->values);
}

struct all_expiries {
    struct json *series;
    struct expiries total;
    uint64_t held;
};

static enum err add_class_expiries(const struct report_context *c, const struct class_def *def,
                                   void *context)
{
    const uint16_t id = vault_class_id(c->vault, def);
    struct all_expiries *all = context;
    struct expiries x = {.today = all->total.today};
    uint64_t held, held_due;
    struct json *map;
    enum err e = vault_read_days(c->reader, id, add_due, &x);

    if (e == ERR_OK)
        e = vault_read_class_held(c->reader, id, c->now_s, &held, &held_due);
    if (e != ERR_OK)
        return e;
    map = json_new_map();
    json_set_str(map, "class", def->name);
    set_expiries(map, &x);
    json_set_int(map, "held", (int64_t)held_due);
    json_add(all->series, map);
    all->total.overdue += x.overdue;
    all->total.later += x.later;
    all->total.values += x.values;
    all->held += held_due;
    for (size_t i = 0; i < FIGURE_WEEKS_AHEAD; i++)
        all->total.weeks[i] += x.weeks[i];
    return ERR_OK;
}

static enum err build_expiries(const struct report_context *c, struct json *tree)
{
    struct all_expiries all = {.series = json_new_list(),
                               .total = {.today = c->now_s / FIGURE_DAY_S}};
    struct json *weeks = json_new_list(), *total = json_new_map();
    enum err e;

    for (int64_t i = 0; i < FIGURE_WEEKS_AHEAD; i++)
        json_add(weeks, figure__span_of_days(all.total.today + i * WEEK,
                                             all.total.today + i * WEEK + WEEK - 1));
    json_set(tree, "weeks", weeks);
    json_set(tree, "series", all.series);
    e = each_class(c, add_class_expiries, &all);
    set_expiries(total, &all.total);
    json_set_int(total, "held", (int64_t)all.held);
    json_set(tree, "total", total);
    return e;
}

const struct figure_kind figure__expiries = {"expiries", "What falls due, by week and class",
                                             build_expiries};

/* ---- ages ---- */

struct ages {
    int64_t today, bucket_days;
    int64_t oldest;
    uint64_t overdue, values;
    uint64_t buckets[FIGURE_BUCKETS]; /* the last one is open */
};

static void find_oldest(void *context, int64_t created_day, int64_t due_day UNUSED,
                        uint64_t n UNUSED)
{
    struct ages *a = context;

    if (a->today - created_day > a->oldest)
        a->oldest = a->today - created_day;
}

static void add_age(void *context, int64_t created_day, int64_t due_day, uint64_t n)
{
    struct ages *a = context;
    const int64_t age = created_day > a->today ? 0 : a->today - created_day;
    const int64_t bucket = age / a->bucket_days;

    a->values += n;
    a->overdue += due_day < a->today ? n : 0;
    a->buckets[bucket < FIGURE_BUCKETS ? bucket : FIGURE_BUCKETS - 1] += n;
}

/* Beyond which age a value should not be found: by the period where it counts from the storing, else by the
 * backstop; NULL: there is no such age. */
static const struct period *limit_of(const struct rule *rule, const char **ret_word)
{
    const bool by_period = rule->start == RULE_CREATED;
    const struct period *limit = by_period ? &rule->period : &rule->backstop;

    if (period_is_none(limit))
        return NULL;
    *ret_word = by_period ? "period" : "backstop";
    return limit;
}

static void set_rule(struct json *map, const struct rule *rule)
{
    char period[PERIOD_TEXT_MAX], start[RULE_NAME_MAX + 8];

    period_format(&rule->period, period);
    rule_start_text(rule, start);
    json_set_str(map, "start", start);
    json_set_str(map, "period", period);
    json_set_str(map, "round", rule_round_name(rule->round));
}

static enum err add_class_ages(const struct report_context *c, const struct class_def *def,
                               void *context)
{
    struct ages a = {.today = c->now_s / FIGURE_DAY_S};
    const char *word = NULL;
    const struct period *limit = limit_of(&def->rule, &word);
    const uint16_t id = vault_class_id(c->vault, def);
    int64_t limit_days = 0, span;
    struct json *series = context, *map;
    enum err e = vault_read_days(c->reader, id, find_oldest, &a);

    if (limit != NULL)
        limit_days = (period_add(c->now_s, limit) - c->now_s + FIGURE_DAY_S - 1) / FIGURE_DAY_S;
    /* The line stands at three quarters of the picture, so that there is room for what is right of it. */
    span = limit != NULL ? limit_days * FIGURE_BUCKETS / 12 : a.oldest + 1;
    a.bucket_days = (span + FIGURE_BUCKETS - 1) / FIGURE_BUCKETS;
    a.bucket_days = a.bucket_days < 1 ? 1 : a.bucket_days;
    if (e == ERR_OK)
        e = vault_read_days(c->reader, id, add_age, &a);
    if (e != ERR_OK)
        return e;
    map = json_new_map();
    json_set_str(map, "class", def->name);
    set_rule(map, &def->rule);
    json_set(map, "limit", word == NULL ? json_new_null() : json_new_text(span_str(word)));
    json_set(map, "limit_days", word == NULL ? json_new_null() : json_new_int(limit_days));
    json_set_int(map, "bucket_days", a.bucket_days);
    json_set(map, "buckets", figure__list(a.buckets, FIGURE_BUCKETS));
    json_set_int(map, "oldest_days", a.oldest);
    json_set_int(map, "overdue", (int64_t)a.overdue);
    json_set_int(map, "values", (int64_t)a.values);
    json_add(series, map);
    return ERR_OK;
}

static enum err build_ages(const struct report_context *c, struct json *tree)
{
    struct json *series = json_new_list();

    json_set(tree, "series", series);
    return each_class(c, add_class_ages, series);
}

const struct figure_kind figure__ages = {"ages", "How old values are, by class", build_ages};

/* ---- the matrix of deletion classes ---- */

static struct json *cell_of(struct json *cells, const struct rule *rule)
{
    char period[PERIOD_TEXT_MAX], start[RULE_NAME_MAX + 8];
    struct json *cell;

    period_format(&rule->period, period);
    rule_start_text(rule, start);
    for (size_t i = 0; i < json_count(cells); i++) {
        cell = json_at(cells, i);
        if (span_equal(json_text_of(json_get(cell, "start")), span_str(start)) &&
            span_equal(json_text_of(json_get(cell, "period")), span_str(period)))
            return cell;
    }
    cell = json_new_map();
    json_set_str(cell, "start", start);
    json_set_str(cell, "period", period);
    json_set(cell, "classes", json_new_list());
    json_set_int(cell, "count", 0);
    json_set_int(cell, "values", 0);
    json_add(cells, cell);
    return cell;
}

static void add_one(struct json *map, const char *name, int64_t more)
{
    json_set_int(map, name, json_int_of(json_get(map, name), 0) + more);
}

static enum err add_to_matrix(const struct report_context *c, const struct class_def *def,
                              void *context)
{
    struct json *cell = cell_of(context, &def->rule);
    struct vault_class_stats stats;
    enum err e = vault_read_stats(c->reader, vault_class_id(c->vault, def), c->now_s, &stats);

    if (e != ERR_OK)
        return e;
    json_add(json_get(cell, "classes"), json_new_text(span_str(def->name)));
    add_one(cell, "count", 1);
    add_one(cell, "values", (int64_t)stats.items);
    return ERR_OK;
}

/* Each once, in the order of the configuration. */
static struct json *starts_of(const struct json *cells)
{
    struct json *list = json_new_list();

    for (size_t i = 0; i < json_count(cells); i++) {
        const struct span start = json_text_of(json_get(json_at(cells, i), "start"));
        bool known = false;

        for (size_t j = 0; j < json_count(list) && !known; j++)
            known = span_equal(json_text_of(json_at(list, j)), start);
        if (!known)
            json_add(list, json_new_text(start));
    }
    return list;
}

static int by_length(const void *a, const void *b)
{
    const struct period *const *x = a, *const *y = b;

    return period_compare(*x, *y);
}

/* Each once, the shortest first. */
static struct json *periods_of(const struct classes *classes)
{
    AUTO(mem_free) const struct period **found = mem_alloc((classes->count + 1) * sizeof(*found));
    struct json *list = json_new_list();
    char text[PERIOD_TEXT_MAX], last[PERIOD_TEXT_MAX] = "";

    for (size_t i = 0; i < classes->count; i++)
        found[i] = &classes->defs[i].rule.period;
    qsort(found, classes->count, sizeof(*found), by_length);
    for (size_t i = 0; i < classes->count; i++) {
        period_format(found[i], text);
        if (strcmp(text, last) != 0)
            json_add(list, json_new_text(span_str(text)));
        memcpy(last, text, sizeof(last));
    }
    return list;
}

static enum err build_matrix(const struct report_context *c, struct json *tree)
{
    struct json *cells = json_new_list();
    enum err e;

    json_set(tree, "cells", cells);
    e = each_class(c, add_to_matrix, cells);
    json_set(tree, "starts", starts_of(cells));
    json_set(tree, "periods", periods_of(c->classes));
    return e;
}

const struct figure_kind figure__matrix = {"matrix", "Deletion classes: start by period",
                                           build_matrix};
