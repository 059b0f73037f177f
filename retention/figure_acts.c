/* SPDX-License-Identifier: Apache-2.0 */
/* Pictures of what people have to see to: requests by the days that are left, holds by age.
 * Runs on: a worker thread. Holds: nothing. */
#include "retention/figures_priv.h"

#include "base/mem.h"
#include "retention/receipt.h"
#include "retention/requests_priv.h"
#include "vault/holds.h"

/* Bars from one bound to before the next; the first is open to the left, the last to the right. */
static struct json *bar_map(const int64_t *bounds, size_t count, size_t index)
{
    struct json *map = json_new_map();

    json_set(map, "from", json_new_null());
    json_set(map, "to", json_new_null());
    if (index > 0)
        json_set_int(map, "from", bounds[index - 1]);
    if (index < count)
        json_set_int(map, "to", bounds[index] - 1);
    return map;
}

static size_t bar_of(const int64_t *bounds, size_t count, int64_t days)
{
    size_t i = 0;

    while (i < count && days >= bounds[i])
        i++;
    return i;
}

/* ---- requests ---- */

/* Past due, each day of a fortnight, the two weeks after it, then by months. */
static const int64_t days_left[] = {0,  1,  2,  3,  4,  5,  6,  7,  8, 9,
                                    10, 11, 12, 13, 14, 21, 31, 61, 92};

struct burndown {
    struct json *strips;
    uint64_t bars[COUNT_OF(days_left) + 1];
    uint64_t open;
};

static enum err add_request(const struct request_case *c, const struct request_clock *clock,
                            void *context)
{
    struct burndown *b = context;

    b->open++;
    b->bars[bar_of(days_left, COUNT_OF(days_left), request__days_left(c, clock))]++;
    if (json_count(b->strips) < FIGURE_STRIPS_MAX)
        json_add(b->strips, request__running_row(c, clock));
    return ERR_OK;
}

static enum err build_burndown(const struct report_context *c, struct json *tree)
{
    struct burndown b = {.strips = json_new_list()};
    struct json *bars = json_new_list();
    enum err e = ERR_OK;

    json_set(tree, "strips", b.strips);
    json_set(tree, "bars", bars);
    if (c->requests != NULL)
        e = request__running_each(c->requests, INT64_MAX, add_request, &b);
    for (size_t i = 0; i <= COUNT_OF(days_left); i++) {
        struct json *map = bar_map(days_left, COUNT_OF(days_left), i);

        json_set_int(map, "count", (int64_t)b.bars[i]);
        json_add(bars, map);
    }
    json_set_int(tree, "open", (int64_t)b.open);
    json_set_bool(tree, "more", b.open > json_count(b.strips));
    return e;
}

const struct figure_kind figure__burndown = {"burndown", "Open requests by days left",
                                             build_burndown};

/* ---- holds ---- */

static const int64_t ages[] = {30, 91, 183, 366, 731, 1827};

struct hold_ages {
    struct json *rows;
    uint64_t bars[COUNT_OF(ages) + 1], overdue[COUNT_OF(ages) + 1];
    uint64_t count;
};

static void add_hold(const struct report_context *c, const struct vault_hold *hold,
                     struct hold_ages *all)
{
    const struct class_def *def =
        hold->class_id == 0 ? NULL : vault_class_def(c->vault, hold->class_id);
    const int64_t age = (c->now_s - hold->set_ms / 1000) / FIGURE_DAY_S;
    const bool overdue = hold->review_s <= c->now_s;
    const size_t bar = bar_of(ages, COUNT_OF(ages), age);
    struct json *map;

    all->count++;
    all->bars[bar]++;
    all->overdue[bar] += overdue;
    if (json_count(all->rows) >= FIGURE_STRIPS_MAX)
        return;
    map = json_new_map();
    json_set_int(map, "number", (int64_t)hold->number);
    json_set(map, "subject", json_new_null());
    if (hold->slot != 0)
        receipt_set_id(map, "subject", hold->subject);
    json_set(map, "class", def == NULL ? json_new_null() : json_new_text(span_str(def->name)));
    report_set_day(map, "set", hold->set_ms / 1000 / FIGURE_DAY_S);
    report_set_day(map, "review", hold->review_s / FIGURE_DAY_S);
    json_set_int(map, "days", age);
    json_set_bool(map, "review_overdue", overdue);
    json_add(all->rows, map);
}

static enum err build_holds(const struct report_context *c, struct json *tree)
{
    struct hold_ages all = {.rows = json_new_list()};
    struct vault_hold hold = {.number = 0};
    struct json *bars = json_new_list();
    enum err e = vault_read_begin(c->reader);

    json_set(tree, "rows", all.rows);
    json_set(tree, "bars", bars);
    if (e != ERR_OK)
        return e;
    while ((e = vault_read_hold(c->reader, hold.number, &hold)) == ERR_OK)
        if (hold.lifted_ms == 0)
            add_hold(c, &hold, &all);
    vault_read_end(c->reader);
    for (size_t i = 0; i <= COUNT_OF(ages); i++) {
        struct json *map = bar_map(ages, COUNT_OF(ages), i);

        json_set_int(map, "count", (int64_t)all.bars[i]);
        json_set_int(map, "review_overdue", (int64_t)all.overdue[i]);
        json_add(bars, map);
    }
    json_set_int(tree, "in_force", (int64_t)all.count);
    json_set_bool(tree, "more", all.count > json_count(all.rows));
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

const struct figure_kind figure__holds = {"holds", "Legal holds by age", build_holds};
