/* SPDX-License-Identifier: Apache-2.0 */
/* The page that is opened first: five questions, in the order in which a data officer asks them.
 * Runs on: the listener's pool; blocks. Holds: nothing. Not here: the answers (retention/overview.h). */
#include <inttypes.h>
#include <stdio.h>

#include "ui/pages.h"

/* Whether a part's list has anything: a template repeats what stands in a list's section. */
static void set_any(const struct visit *v, const char *part, const char *list)
{
    struct json *map = json_get(json_get(v->model, "overview"), part);

    json_set_bool(map, "any", json_count(json_get(map, list)) > 0);
}

/* "14–20" days. */
static void label_bars(const struct json *bars)
{
    for (size_t i = 0; i < json_count(bars); i++) {
        struct json *bar = json_at(bars, i);
        const int64_t from = json_int_of(json_get(bar, "from"), INT64_MIN);
        const int64_t to = json_int_of(json_get(bar, "to"), INT64_MAX);
        char text[64];

        if (from == INT64_MIN)
            (void)snprintf(text, sizeof(text), "< %" PRId64, to + 1);
        else if (to == INT64_MAX)
            (void)snprintf(text, sizeof(text), "%" PRId64 "+", from);
        else if (from == to)
            (void)snprintf(text, sizeof(text), "%" PRId64, from);
        else
            (void)snprintf(text, sizeof(text), "%" PRId64 "\xe2\x80\x93%" PRId64, from, to);
        json_set_str(bar, "label", text);
    }
}

enum err page_overview(struct visit *v, struct errmsg *msg)
{
    char query[UI_QUERY_MAX];
    enum err e;

    visit__set_period(v, query);
    e = visit__show(v, "overview", "/v1/overview", query, msg);
    if (e == ERR_OK)
        e = visit__show(v, "expiries", "/v1/figures/expiries", NULL, msg);
    if (e == ERR_OK)
        e = visit__show(v, "burndown", "/v1/figures/burndown", NULL, msg);
    if (e == ERR_OK)
        e = visit__show(v, "purges", "/v1/figures/purges", NULL, msg);
    if (e != ERR_OK)
        return e;
    set_any(v, "requests", "rows");
    set_any(v, "access", "callers");
    label_bars(json_get(json_get(v->model, "burndown"), "bars"));
    visit__set_origin(v, json_get(v->model, "overview"));
    json_set(v->model, "period", json_clone(json_get(json_get(v->model, "overview"), "period")));
    return ERR_OK;
}
