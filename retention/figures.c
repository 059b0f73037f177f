/* SPDX-License-Identifier: Apache-2.0 */
/* The figures, and what all of them have in common.
 * Runs on: a worker thread; blocks shortly. Holds: nothing. Not here: the figures (figure_*.c). */
#include "retention/figures_priv.h"

#include "base/mem.h"

static const struct figure_kind *const kinds[] = {
    &figure__expiries, &figure__ages,   &figure__purges, &figure__flow,
    &figure__burndown, &figure__matrix, &figure__holds,
};

const struct figure_kind *figure_kind_find(struct span name)
{
    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        if (span_equal(name, span_str(kinds[i]->name)))
            return kinds[i];
    return NULL;
}

const struct figure_kind *figure_kind_at(size_t index)
{
    return index < COUNT_OF(kinds) ? kinds[index] : NULL;
}

struct json *figure__list(const uint64_t *counts, size_t count)
{
    struct json *list = json_new_list();

    for (size_t i = 0; i < count; i++)
        json_add(list, json_new_int((int64_t)counts[i]));
    return list;
}

struct json *figure__span_of_days(int64_t from, int64_t to)
{
    struct json *map = json_new_map();

    report_set_day(map, "from", from);
    report_set_day(map, "to", to);
    return map;
}

/* Up to today, as far back as is asked for. */
static void choose_days(struct report_context *c)
{
    const int64_t end = c->now_s / FIGURE_DAY_S + 1;

    if (c->to_day == INT64_MAX || c->to_day > end)
        c->to_day = end;
    if (c->from_day == INT64_MIN)
        c->from_day = c->to_day - FIGURE_DAYS;
}

enum err figure_make(const struct figure_kind *kind, const struct report_context *context,
                     struct json **ret_tree, struct errmsg *msg)
{
    AUTO(json_free) struct json *tree = json_new_map();
    struct report_context c = *context;
    enum err e;

    choose_days(&c);
    if (c.from_day > c.to_day)
        return errmsg_set(msg, ERR_INVALID, "the period ends before it begins");
    if (c.to_day - c.from_day > FIGURE_DAYS_MAX)
        return errmsg_set(msg, ERR_INVALID, "a figure is of %d days at most", FIGURE_DAYS_MAX);
    json_set_str(tree, "figure", kind->name);
    json_set_str(tree, "title", kind->title);
    report_set_origin(tree, &c);
    e = kind->build(&c, tree);
    if (e == ERR_OK)
        *ret_tree = TAKE(tree);
    return e;
}
