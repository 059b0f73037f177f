/* SPDX-License-Identifier: Apache-2.0 */
/* What is kept of which class, why and until when, and whether the books balance.
 * Runs on: the listener's pool; blocks. Holds: nothing. Not here: the figures (retention/report_retention.c). */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "ui/pages.h"

static const char *const shows[] = {"all", "attention", "overdue", "waiting", "held", NULL};

/* ---- sums ---- */

static const char *const summed[] = {
    "items",    "not_started", "due_7d",  "due_30d",      "due_90d",        "overdue", "on_hold",
    "excepted", "opening",     "created", "purged_timer", "purged_erasure", "closing"};

static struct json *sums_of(const struct json *rows)
{
    struct json *map = json_new_map();

    for (size_t m = 0; m < COUNT_OF(summed); m++) {
        int64_t sum = 0;

        for (size_t i = 0; i < json_count(rows); i++)
            sum += json_int_of(json_get(json_at(rows, i), summed[m]), 0);
        json_set_int(map, summed[m], sum);
    }
    return map;
}

/* ---- what is shown ---- */

static bool is_shown(const struct json *row, const char *show)
{
    if (strcmp(show, "attention") == 0)
        return json_count(json_get(row, "attention")) > 0;
    if (strcmp(show, "overdue") == 0)
        return json_int_of(json_get(row, "overdue"), 0) > 0;
    if (strcmp(show, "waiting") == 0)
        return json_int_of(json_get(row, "not_started"), 0) > 0;
    if (strcmp(show, "held") == 0)
        return json_int_of(json_get(row, "on_hold"), 0) > 0 ||
               json_int_of(json_get(row, "excepted"), 0) > 0;
    return true;
}

static struct json *shown_of(const struct json *rows, const char *show)
{
    struct json *list = json_new_list();

    for (size_t i = 0; i < json_count(rows); i++)
        if (is_shown(json_at(rows, i), show))
            json_add(list, json_clone(json_at(rows, i)));
    return list;
}

void page__split_start(struct json *row)
{
    static const struct span head = SPAN_LIT("event:");
    const struct span start = json_text_of(json_get(row, "start"));
    const bool is_event = start.len > head.len && memcmp(start.at, head.at, head.len) == 0;

    json_set(row, "event",
             is_event ? json_new_text(span_of(start.at + head.len, start.len - head.len))
                      : json_new_null());
    if (is_event)
        json_set_str(row, "start", "event");
}

static enum err get_report(struct visit *v, struct json **ret, struct errmsg *msg)
{
    char query[UI_QUERY_MAX];
    enum err e;

    visit__set_period(v, query);
    e = visit__get(v, "/v1/reports/retention", query, ret, msg);
    if (e != ERR_OK)
        return e;
    visit__set_origin(v, *ret);
    for (size_t i = 0; i < json_count(json_get(*ret, "rows")); i++)
        page__split_start(json_at(json_get(*ret, "rows"), i));
    return ERR_OK;
}

enum err page_retention(struct visit *v, struct errmsg *msg)
{
    AUTO(json_free) struct json *report = NULL;
    const char *show = visit__choice(v, "show", shows);
    const struct json *rows;
    enum err e;

    visit__set_choices(v, "shows", shows, show);
    e = get_report(v, &report, msg);
    if (e != ERR_OK)
        return e;
    rows = json_get(report, "rows");
    json_set_str(v->model, "report", "retention");
    json_set(v->model, "rows", shown_of(rows, show));
    json_set(v->model, "sums", sums_of(json_get(v->model, "rows")));
    json_set_int(v->model, "row_count", (int64_t)json_count(json_get(v->model, "rows")));
    json_set(v->model, "summary", json_clone(json_get(report, "summary")));
    e = visit__show(v, "expiries", "/v1/figures/expiries", NULL, msg);
    return e == ERR_OK ? visit__show(v, "flow", "/v1/figures/flow", NULL, msg) : e;
}

/* ---- one class ---- */

static struct json *find_class(const struct json *list, struct span name)
{
    for (size_t i = 0; i < json_count(list); i++)
        if (span_equal(json_text_of(json_get(json_at(list, i), "class")), name))
            return json_clone(json_at(list, i));
    return NULL;
}

/* One row an age: what the period covers, and what is beyond it. */
static struct json *age_bars(const struct json *series)
{
    const struct json *buckets = json_get(series, "buckets");
    const int64_t days = json_int_of(json_get(series, "bucket_days"), 1);
    const int64_t limit = json_int_of(json_get(series, "limit_days"), INT64_MAX);
    struct json *list = json_new_list();

    for (size_t i = 0; i < json_count(buckets); i++) {
        struct json *map = json_new_map();
        const int64_t from = (int64_t)i * days, count = json_int_of(json_at(buckets, i), 0);
        char label[64];

        if (i + 1 == json_count(buckets))
            (void)snprintf(label, sizeof(label), "%" PRId64 "+", from);
        else
            (void)snprintf(label, sizeof(label), "%" PRId64 "\xe2\x80\x93%" PRId64, from,
                           from + days - 1);
        json_set_str(map, "label", label);
        json_set_int(map, "within", from < limit ? count : 0);
        json_set_int(map, "beyond", from < limit ? 0 : count);
        json_add(list, map);
    }
    return list;
}

/* How old the values of the class are, and where its period ends: in thousandths of a bar. */
static enum err set_ages(struct visit *v, struct span name, struct errmsg *msg)
{
    AUTO(json_free) struct json *figure = NULL;
    AUTO(json_free) struct json *series = NULL;
    enum err e = visit__get(v, "/v1/figures/ages", NULL, &figure, msg);
    struct json *map;
    int64_t days, limit;

    if (e != ERR_OK)
        return e;
    series = find_class(json_get(figure, "series"), name);
    if (series == NULL)
        return ERR_OK;
    days = json_int_of(json_get(series, "bucket_days"), 1);
    limit = json_int_of(json_get(series, "limit_days"), 0);
    map = json_new_map();
    json_set(map, "bars", age_bars(series));
    json_set_int(map, "line", days > 0 ? limit * 1000 / days : 0);
    json_set(v->model, "ages", map);
    return ERR_OK;
}

enum err page_retention_class(struct visit *v, struct errmsg *msg)
{
    AUTO(json_free) struct json *report = NULL;
    struct json *row;
    enum err e = get_report(v, &report, msg);

    if (e != ERR_OK)
        return e;
    row = find_class(json_get(report, "rows"), v->parameters[0]);
    if (row == NULL)
        return ERR_NOT_FOUND;
    json_set_bool(row, "has_activities", json_count(json_get(row, "activities")) > 0);
    json_set_bool(row, "on_consent", json_kind(json_get(row, "consents_given")) == JSON_INT);
    json_set(v->model, "row", row);
    json_set(v->model, "subject", json_clone(json_get(row, "class")));
    return set_ages(v, v->parameters[0], msg);
}
