/* SPDX-License-Identifier: Apache-2.0 */
/* The page that is opened first: five questions, in the order in which a data officer asks them.
 * Runs on: the listener's pool; blocks. Holds: nothing. Not here: the answers (retention/overview.h). */
#include <inttypes.h>
#include <stdio.h>

#include "base/mem.h"
#include "ui/pages.h"

/* Whether a part's list has anything: a template repeats what stands in a list's section. */
static void set_any(const struct visit *v, const char *part, const char *list)
{
    struct json *map = json_get(json_get(v->model, "overview"), part);

    json_set_bool(map, "any", json_count(json_get(map, list)) > 0);
}

static int64_t count_of(const struct json *map, const char *name)
{
    return json_int_of(json_get(map, name), 0);
}

/* What the answers at a glance want beside the parts' own members. */
static void set_glance(const struct visit *v)
{
    static const char *const parts[] = {"held", "destroyed", "access"};
    const struct json *overview = json_get(v->model, "overview");
    struct json *requests = json_get(overview, "requests");
    struct json *destroyed = json_get(overview, "destroyed");

    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        struct json *part = json_get(overview, parts[i]);

        json_set_bool(part, "watch", json_count(json_get(part, "attention")) > 0);
    }
    json_set_int(requests, "running",
                 count_of(requests, "past_due") + count_of(requests, "this_week"));
    json_set_int(destroyed, "all", count_of(destroyed, "timer") + count_of(destroyed, "erasure"));
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
    set_glance(v);
    visit__label_bars(json_get(json_get(v->model, "burndown"), "bars"));
    visit__set_origin(v, json_get(v->model, "overview"));
    json_set(v->model, "period", json_clone(json_get(json_get(v->model, "overview"), "period")));
    return ERR_OK;
}
