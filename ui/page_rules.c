/* SPDX-License-Identifier: Apache-2.0 */
/* Deletion rules: which there are, how they changed, and what a change that is in force now would do to the values that
 * are there; and the records of processing activities.
 * Runs on: the listener's pool; blocks. Holds: nothing. Not here: the figures (retention/figure_values.c,
 * retention/report_changes.c, retention/report_ropa.c). */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "ui/pages.h"

enum { HEAT_MAX = 5 };

/* ---- start by period ---- */

static int bits(int64_t n)
{
    int count = 0;

    for (; n > 0; n >>= 1)
        count++;
    return count;
}

static int64_t most_values(const struct json *cells)
{
    int64_t most = 0;

    for (size_t i = 0; i < json_count(cells); i++) {
        const int64_t n = json_int_of(json_get(json_at(cells, i), "values"), 0);

        most = n > most ? n : most;
    }
    return most;
}

static const struct json *find_cell(const struct json *cells, const struct json *start,
                                    const struct json *period)
{
    for (size_t i = 0; i < json_count(cells); i++) {
        const struct json *cell = json_at(cells, i);

        if (span_equal(json_text_of(json_get(cell, "start")), json_text_of(start)) &&
            span_equal(json_text_of(json_get(cell, "period")), json_text_of(period)))
            return cell;
    }
    return NULL;
}

/* How warm it is drawn: 0 for what is not there, 1 to 5 by the size of the number, as counts of a store differ by far. */
static struct json *cell_map(const struct json *cell, int64_t most)
{
    struct json *map = cell == NULL ? json_new_map() : json_clone(cell);
    const int64_t values = json_int_of(json_get(cell, "values"), 0);
    const int heat = most == 0 ? 0 : (bits(values) * HEAT_MAX + bits(most) - 1) / bits(most);

    json_set_bool(map, "is_used", cell != NULL);
    json_set_int(map, "heat", cell == NULL ? 0 : heat);
    return map;
}

/* A row for each start point, a cell for each period. */
static struct json *matrix_rows(const struct json *figure)
{
    const struct json *cells = json_get(figure, "cells"), *starts = json_get(figure, "starts");
    const struct json *periods = json_get(figure, "periods");
    const int64_t most = most_values(cells);
    struct json *rows = json_new_list();

    for (size_t i = 0; i < json_count(starts); i++) {
        struct json *row = json_new_map(), *list = json_new_list();

        for (size_t k = 0; k < json_count(periods); k++)
            json_add(list,
                     cell_map(find_cell(cells, json_at(starts, i), json_at(periods, k)), most));
        json_set(row, "start", json_clone(json_at(starts, i)));
        page__split_start(row);
        json_set(row, "cells", list);
        json_add(rows, row);
    }
    return rows;
}

static enum err set_matrix(struct visit *v, struct errmsg *msg)
{
    AUTO(json_free) struct json *figure = NULL;
    struct json *map;
    enum err e = visit__get(v, "/v1/figures/matrix", NULL, &figure, msg);

    if (e != ERR_OK)
        return e;
    map = json_new_map();
    json_set(map, "periods", json_clone(json_get(figure, "periods")));
    json_set(map, "rows", matrix_rows(figure));
    json_set(v->model, "matrix", map);
    return ERR_OK;
}

/* ---- rules and their history ---- */

static enum err set_rules(struct visit *v, struct errmsg *msg)
{
    AUTO(json_free) struct json *report = NULL;
    struct json *rows;
    enum err e = visit__get(v, "/v1/reports/retention", NULL, &report, msg);

    if (e != ERR_OK)
        return e;
    rows = json_clone(json_get(report, "rows"));
    for (size_t i = 0; i < json_count(rows); i++)
        page__split_start(json_at(rows, i));
    json_set(v->model, "rules", rows);
    return ERR_OK;
}

static int by_since(const void *a, const void *b)
{
    const struct json *const *one = a, *const *other = b;
    const char *since = json_str_of(json_get(*one, "since"));
    const char *other_since = json_str_of(json_get(*other, "since"));
    const int order = strcmp(other_since == NULL ? "" : other_since, since == NULL ? "" : since);

    if (order != 0)
        return order;
    return (int)(json_int_of(json_get(*other, "version"), 0) -
                 json_int_of(json_get(*one, "version"), 0));
}

/* The newest first. */
static enum err set_changes(struct visit *v, struct errmsg *msg)
{
    AUTO(json_free) struct json *report = NULL;
    AUTO(mem_free) const struct json **found = NULL;
    struct json *list = json_new_list();
    enum err e = visit__get(v, "/v1/reports/changes", NULL, &report, msg);
    const struct json *rows = json_get(report, "rows");
    const size_t count = json_count(rows);

    found = mem_alloc((count + 1) * sizeof(const struct json *));
    for (size_t i = 0; i < count; i++)
        found[i] = json_at(rows, i);
    qsort(found, count, sizeof(const struct json *), by_since);
    for (size_t i = 0; i < count; i++)
        json_add(list, json_clone(found[i]));
    json_set(v->model, "changes", list);
    if (e == ERR_OK)
        visit__set_origin(v, report);
    return e;
}

/* What could be applied: a digest stands for it. */
static enum err set_preview(struct visit *v, struct errmsg *msg)
{
    struct json *preview = NULL;
    enum err e = visit__get(v, "/v1/retention/preview", NULL, &preview, msg);

    if (e != ERR_OK)
        return e;
    json_set(v->model, "pending", preview);
    json_set_bool(v->model, "is_pending", json_text_of(json_get(preview, "digest")).len > 0);
    return ERR_OK;
}

enum err page_rules(struct visit *v, struct errmsg *msg)
{
    char query[UI_QUERY_MAX];
    enum err e = set_matrix(v, msg);

    visit__set_period(v, query);
    json_set_str(v->model, "report", "changes");
    if (e == ERR_OK)
        e = set_rules(v, msg);
    if (e == ERR_OK)
        e = set_preview(v, msg);
    if (e == ERR_OK)
        e = set_changes(v, msg);
    visit__set_may(v, "apply", "POST", "/v1/retention/apply");
    return e;
}

/* ---- records of processing activities ---- */

/* The records stand without them where they are more than a report can hold. */
static enum err set_flows(struct visit *v, const char *query, struct errmsg *msg)
{
    const enum err e = visit__show(v, "flows", "/v1/reports/flows", query, msg);
    const struct json *rows = json_get(json_get(v->model, "flows"), "rows");

    json_set_bool(v->model, "flows_too_large", e == ERR_TOO_LARGE);
    if (e != ERR_OK)
        return e == ERR_TOO_LARGE ? ERR_OK : e;
    visit__add_digest(v, json_get(v->model, "flows"));
    for (size_t i = 0; i < json_count(rows); i++)
        json_set_bool(
            json_at(rows, i), "any_class",
            span_equal(json_text_of(json_get(json_at(rows, i), "class")), SPAN_LIT("any class")));
    return ERR_OK;
}

enum err page_ropa(struct visit *v, struct errmsg *msg)
{
    char query[UI_QUERY_MAX];
    enum err e = visit__show(v, "ropa", "/v1/reports/ropa", NULL, msg);

    if (e != ERR_OK)
        return e;
    visit__set_period(v, query);
    visit__set_origin(v, json_get(v->model, "ropa"));
    json_set_str(v->model, "report", "ropa");
    for (size_t i = 0; i < json_count(json_get(json_get(v->model, "ropa"), "rows")); i++)
        json_set_int(json_at(json_get(json_get(v->model, "ropa"), "rows"), i), "place", (int64_t)i);
    return set_flows(v, query, msg);
}
