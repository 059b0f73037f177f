/* SPDX-License-Identifier: Apache-2.0 */
/* Legal holds and exceptions from erasure: what is kept in spite of its period, why, and until when somebody looks again.
 * Runs on: the listener's pool; blocks. Holds: nothing. Not here: the figures (retention/report_holds.c,
 * retention/report_exceptions.c). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "ui/pages.h"

static const char *const shows[] = {"in_force", "all", NULL};

enum { HOLDS_A_PAGE = 100 };

/* ---- order ---- */

static bool is_state(const struct json *row, const char *state)
{
    return span_equal(json_text_of(json_get(row, "state")), span_str(state));
}

/* What wants somebody to look at it comes first, what is over last. */
static int rank(const struct json *row)
{
    if (json_count(json_get(row, "attention")) > 0)
        return 0;
    return is_state(row, "lifted") ? 2 : 1;
}

static int by_review(const void *a, const void *b)
{
    const struct json *const *one = a, *const *other = b;
    const char *day = json_str_of(json_get(*one, "review"));
    const char *other_day = json_str_of(json_get(*other, "review"));
    const int order = rank(*one) - rank(*other);

    if (order != 0)
        return order;
    return strcmp(day == NULL ? "" : day, other_day == NULL ? "" : other_day);
}

/* A part of a list: which rows of those that are meant, and in what order. */
struct part {
    bool all;     /* what was lifted, too */
    size_t after; /* so many that come before are left out */
    size_t most;  /* 0: no end */
    size_t count; /* out: of those that are meant */
};

/* A copy, in order. */
static struct json *ordered(const struct json *rows, struct part *part)
{
    AUTO(mem_free)
    const struct json **found = mem_alloc((json_count(rows) + 1) * sizeof(const struct json *));
    struct json *list = json_new_list();

    part->count = 0;
    for (size_t i = 0; i < json_count(rows); i++)
        if (part->all || rank(json_at(rows, i)) < 2)
            found[part->count++] = json_at(rows, i);
    qsort(found, part->count, sizeof(const struct json *), by_review);
    for (size_t i = part->after; i < part->count; i++)
        if (part->most == 0 || i - part->after < part->most)
            json_add(list, json_clone(found[i]));
    return list;
}

/* ---- the list ---- */

/* Not everybody who may read holds may read these. */
static enum err set_exceptions(struct visit *v, struct errmsg *msg)
{
    AUTO(json_free) struct json *report = NULL;
    struct part part = {.all = true};
    struct api_needs needs;
    struct json *map;
    enum err e;

    if (!api_may(v->ui->api, v->who.role, "GET", SPAN_LIT("/v1/reports/exceptions"), &needs))
        return ERR_OK;
    map = json_new_map();
    json_set(v->model, "exceptions", map);
    e = visit__get(v, "/v1/reports/exceptions", NULL, &report, msg);
    if (e != ERR_OK)
        return e;
    visit__add_digest(v, report);
    json_set(map, "rows", ordered(json_get(report, "rows"), &part));
    json_set_int(map, "count", (int64_t)json_count(json_get(report, "rows")));
    json_set(map, "summary", json_clone(json_get(report, "summary")));
    json_set_str(map, "report", "exceptions");
    return ERR_OK;
}

static enum err set_holds(struct visit *v, const char *show, struct errmsg *msg)
{
    AUTO(json_free) struct json *report = NULL;
    struct part part = {
        .all = strcmp(show, "all") == 0, .after = visit__after(v), .most = HOLDS_A_PAGE};
    struct json *map = json_new_map();
    enum err e = visit__get(v, "/v1/reports/holds", NULL, &report, msg);

    json_set(v->model, "holds", map);
    if (e != ERR_OK)
        return e;
    visit__set_origin(v, report);
    json_set(map, "rows", ordered(json_get(report, "rows"), &part));
    json_set_int(map, "count", (int64_t)json_count(json_get(map, "rows")));
    json_set_bool(map, "more", part.after + part.most < part.count);
    json_set_int(map, "next", (int64_t)(part.after + part.most));
    json_set_str(map, "show", show);
    json_set(map, "summary", json_clone(json_get(report, "summary")));
    json_set_str(map, "report", "holds");
    return ERR_OK;
}

enum err page_holds(struct visit *v, struct errmsg *msg)
{
    const char *show = visit__choice(v, "show", shows);
    char query[UI_QUERY_MAX];
    enum err e;

    visit__set_period(v, query);
    visit__set_choices(v, "shows", shows, show);
    visit__set_may(v, "add", "POST", "/v1/holds");
    e = set_holds(v, show, msg);
    if (e == ERR_OK)
        e = set_exceptions(v, msg);
    if (e == ERR_OK)
        e = visit__show(v, "ages", "/v1/figures/holds", NULL, msg);
    if (e == ERR_OK)
        visit__label_bars(json_get(json_get(v->model, "ages"), "bars"));
    return e;
}

/* ---- one of them, and a new one ---- */

enum err page_hold(struct visit *v, struct errmsg *msg)
{
    char path[UI_PATH_MAX];
    enum err e;

    (void)snprintf(path, sizeof(path), "/v1/holds/%.*s", (int)v->parameters[0].len,
                   v->parameters[0].at);
    e = visit__show(v, "hold", path, NULL, msg);
    if (e == ERR_OK && !is_state(json_get(v->model, "hold"), "lifted"))
        visit__set_may(v, "lift", "POST", "/v1/holds/1/lift");
    return e;
}

static struct json *class_choices(const struct visit *v, const struct json *classes)
{
    struct json *list = json_new_list();

    for (size_t i = 0; i < json_count(classes); i++) {
        const struct span name = json_text_of(json_get(json_at(classes, i), "class"));
        struct json *map = json_new_map();

        json_set(map, "value", json_new_text(name));
        json_set_bool(map, "selected", span_equal(name, form_value(&v->form, "of_class")));
        json_add(list, map);
    }
    return list;
}

enum err page_hold_new(struct visit *v, struct errmsg *msg)
{
    AUTO(json_free) struct json *status = NULL;
    struct api_needs needs;
    enum err e;

    if (!api_may(v->ui->api, v->who.role, "POST", SPAN_LIT("/v1/holds"), &needs))
        return ERR_DENIED;
    visit__set_may(v, "add", "POST", "/v1/holds");
    e = visit__get(v, "/v1/retention/status", NULL, &status, msg);
    if (e == ERR_OK)
        json_set(v->model, "classes", class_choices(v, json_get(status, "classes")));
    return e;
}
