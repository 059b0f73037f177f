/* SPDX-License-Identifier: Apache-2.0 */
/* Pictures of what came and went: purges by reason, inflow against outflow.
 * Runs on: a worker thread. Holds: nothing. Invariant: the sums are those of the retention report over the same days.
 */
#include "retention/figures_priv.h"

#include <stdlib.h>

#include "base/civil.h"
#include "base/mem.h"
#include "retention/runs.h"

static const int64_t DAY_MS = INT64_C(1000) * FIGURE_DAY_S;

struct bar {
    uint64_t created, timer, erasure, runs, failed;
};

/* Days in steps; the last step ends with the period. */
struct bars {
    int64_t from, to, step;
    size_t count;
    struct bar *at;
};

static void bars_done(struct bars *b)
{
    free(b->at);
}

static void bars_init(struct bars *b, const struct report_context *c)
{
    const int64_t days = c->to_day - c->from_day;

    b->from = c->from_day;
    b->to = c->to_day;
    b->step = days <= FIGURE_DAILY_MAX ? 1 : 7;
    b->count = (size_t)((days + b->step - 1) / b->step);
    b->at = mem_alloc((b->count + 1) * sizeof(*b->at));
}

/* NULL: it is of another time. */
static struct bar *bar_of(const struct bars *b, int64_t day)
{
    return day < b->from || day >= b->to ? NULL : &b->at[(day - b->from) / b->step];
}

static struct json *bar_map(const struct bars *b, size_t index)
{
    const int64_t from = b->from + (int64_t)index * b->step;
    const int64_t end = from + b->step < b->to ? from + b->step : b->to;

    return figure__span_of_days(from, end - 1);
}

static void add_day(void *context, int64_t day, const struct vault_flow *flow)
{
    struct bar *bar = bar_of(context, day);

    if (bar == NULL)
        return;
    bar->created += flow->created;
    bar->timer += flow->purged_timer;
    bar->erasure += flow->purged_erasure;
}

/* ---- purges ---- */

static enum err add_runs(const struct report_context *c, const struct bars *b)
{
    AUTO(json_free) struct json *runs = NULL;
    enum err e = runs_list(c->vault, b->from * DAY_MS, b->to * DAY_MS, &runs);

    for (size_t i = 0; i < json_count(runs); i++) {
        const struct json *run = json_at(runs, i);
        const struct span started = json_text_of(json_get(run, "started"));
        struct civil date;
        struct bar *bar = NULL;

        if (started.len > 10 && civil_parse(span_of(started.at, 10), &date))
            bar = bar_of(b, civil_days(date));
        if (bar == NULL)
            continue;
        bar->runs++;
        bar->failed += span_equal(json_text_of(json_get(run, "end")), SPAN_LIT("failed"));
    }
    return e;
}

static enum err add_classes(const struct report_context *c, struct bars *b)
{
    enum err e = vault_read_begin(c->reader);

    if (e != ERR_OK)
        return e;
    for (size_t i = 0; e == ERR_OK && i < c->classes->count; i++)
        e = vault_read_flow_days(c->reader, vault_class_id(c->vault, &c->classes->defs[i]), b->from,
                                 b->to, add_day, b);
    vault_read_end(c->reader);
    return e;
}

static const char *step_word(const struct bars *b)
{
    return b->step == 1 ? "day" : "week";
}

static enum err build_purges(const struct report_context *c, struct json *tree)
{
    AUTO(bars_done) struct bars b = {.at = NULL};
    struct json *list = json_new_list();
    enum err e;

    bars_init(&b, c);
    json_set_str(tree, "step", step_word(&b));
    json_set(tree, "bars", list);
    e = add_classes(c, &b);
    if (e == ERR_OK)
        e = add_runs(c, &b);
    for (size_t i = 0; i < b.count; i++) {
        struct json *map = bar_map(&b, i);

        json_set_int(map, "timer", (int64_t)b.at[i].timer);
        json_set_int(map, "erasure", (int64_t)b.at[i].erasure);
        json_set_int(map, "runs", (int64_t)b.at[i].runs);
        json_set_int(map, "failed", (int64_t)b.at[i].failed);
        json_add(list, map);
    }
    return e;
}

const struct figure_kind figure__purges = {"purges", "What was destroyed, by reason", build_purges};

/* ---- inflow and outflow ---- */

static int64_t net(const struct bar *bar)
{
    return (int64_t)bar->created - (int64_t)bar->timer - (int64_t)bar->erasure;
}

/* Of one class: what came, what went, and what was there at the end of each step. */
static void add_series(struct json *series, const struct class_def *def, const struct bars *b,
                       int64_t opening)
{
    struct json *map = json_new_map(), *created = json_new_list(), *purged = json_new_list(),
                *balance = json_new_list();

    json_set_str(map, "class", def->name);
    json_set_int(map, "opening", opening);
    for (size_t i = 0; i < b->count; i++) {
        opening += net(&b->at[i]);
        json_add(created, json_new_int((int64_t)b->at[i].created));
        json_add(purged, json_new_int((int64_t)(b->at[i].timer + b->at[i].erasure)));
        json_add(balance, json_new_int(opening));
    }
    json_set(map, "created", created);
    json_set(map, "purged", purged);
    json_set(map, "balance", balance);
    json_add(series, map);
}

static enum err add_class_flow(const struct report_context *c, const struct class_def *def,
                               struct json *series, struct bars *total, int64_t *opening)
{
    const uint16_t id = vault_class_id(c->vault, def);
    AUTO(bars_done) struct bars b = {.at = NULL};
    struct vault_flow before;
    int64_t own;
    enum err e = vault_read_flow(c->reader, id, INT64_MIN, total->from, &before);

    bars_init(&b, c);
    if (e == ERR_OK)
        e = vault_read_flow_days(c->reader, id, b.from, b.to, add_day, &b);
    if (e != ERR_OK)
        return e;
    own = (int64_t)before.created - (int64_t)before.purged_timer - (int64_t)before.purged_erasure;
    *opening += own;
    for (size_t i = 0; i < b.count; i++) {
        total->at[i].created += b.at[i].created;
        total->at[i].timer += b.at[i].timer;
        total->at[i].erasure += b.at[i].erasure;
    }
    add_series(series, def, &b, own);
    return ERR_OK;
}

static void set_bars(struct json *tree, const struct bars *b, int64_t opening)
{
    struct json *list = json_new_list();

    json_set_str(tree, "step", step_word(b));
    json_set_int(tree, "opening", opening);
    for (size_t i = 0; i < b->count; i++) {
        struct json *map = bar_map(b, i);

        opening += net(&b->at[i]);
        json_set_int(map, "created", (int64_t)b->at[i].created);
        json_set_int(map, "timer", (int64_t)b->at[i].timer);
        json_set_int(map, "erasure", (int64_t)b->at[i].erasure);
        json_set_int(map, "balance", opening);
        json_add(list, map);
    }
    json_set(tree, "bars", list);
}

static enum err build_flow(const struct report_context *c, struct json *tree)
{
    AUTO(bars_done) struct bars total = {.at = NULL};
    struct json *series = json_new_list();
    int64_t opening = 0;
    enum err e = vault_read_begin(c->reader);

    json_set(tree, "series", series);
    if (e != ERR_OK)
        return e;
    bars_init(&total, c);
    for (size_t i = 0; e == ERR_OK && i < c->classes->count; i++)
        e = add_class_flow(c, &c->classes->defs[i], series, &total, &opening);
    vault_read_end(c->reader);
    set_bars(tree, &total, opening);
    return e;
}

const struct figure_kind figure__flow = {"flow", "What came, what went, what is there", build_flow};
