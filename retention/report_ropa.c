/* SPDX-License-Identifier: Apache-2.0 */
/* Records of processing activities (Art. 30(1) and (2)), from the configuration and the counters: one row an
 * activity. A purpose that no activity claims is a row of its own, so that every class in use appears.
 * Runs on: a worker thread. Holds: nothing. Not here: the section `activities:` (ropa.c). */
#include "retention/report_priv.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/period.h"
#include "retention/ropa.h"
#include "vault/rules.h"

enum { TEXT_MAX = 1024 };

static const struct report_column columns[] = {
    {"activity", "Activity", REPORT_TEXT, false},
    {"description", "Description", REPORT_TEXT, true},
    {"role", "Role", REPORT_TEXT, false},
    {"controller", "Controller", REPORT_TEXT, true},
    {"contact", "Contact", REPORT_TEXT, true},
    {"joint", "Joint controller", REPORT_TEXT, true},
    {"representative", "Representative", REPORT_TEXT, true},
    {"dpo", "Data protection officer", REPORT_TEXT, true},
    {"purposes", "Purposes", REPORT_LIST, false},
    {"bases", "Legal bases", REPORT_LIST, true},
    {"subject_categories", "Categories of subjects", REPORT_LIST, false},
    {"classes", "Categories of data", REPORT_LIST, false},
    {"special", "Special categories", REPORT_LIST, false},
    {"recipients", "Recipients", REPORT_LIST, false},
    {"transfers", "Third countries", REPORT_LIST, true},
    {"safeguards", "Safeguards", REPORT_TEXT, true},
    {"time_limits", "Time limits", REPORT_LIST, false},
    {"measures", "Security measures", REPORT_LIST, true},
    {"source", "Source", REPORT_TEXT, true},
    {"owner", "Owner", REPORT_TEXT, true},
    {"dpia", "Impact assessment", REPORT_TEXT, true},
    {"last_change", "Last change", REPORT_INSTANT, true},
    {"items", "Items", REPORT_COUNT, false},
};

/* What the product does itself, whatever else is configured (Art. 32(1)). */
static const char *const measures[] = {
    "pseudonymisation: applications hold tokens",
    "values encrypted under a key for each person",
    "keys destroyed on erasure, verified, receipted",
    "refused unless declared",
};

static struct json *text_or_null(const char *text)
{
    struct json *value = text == NULL ? NULL : json_new_text(span_str(text));

    return value == NULL ? json_new_null() : value;
}

static void copy(struct json *row, const char *to, const struct json *map, const char *from)
{
    json_set(row, to, text_or_null(json_str_of(json_get(map, from))));
}

static bool has_text(const struct json *list, const char *text)
{
    for (size_t i = 0; i < json_count(list); i++)
        if (strcmp(json_str_of(json_at(list, i)), text) == 0)
            return true;
    return false;
}

static void add_once(struct json *list, const char *text)
{
    if (text != NULL && !has_text(list, text))
        json_add(list, json_new_text(span_str(text)));
}

static struct json *list_of(struct json *row, const char *name)
{
    struct json *list = json_new_list();

    json_set(row, name, list);
    return list;
}

static void copy_list(struct json *row, const char *name, const struct json *activity)
{
    struct json *list = list_of(row, name);
    const struct json *from = json_get(activity, name);

    for (size_t i = 0; i < json_count(from); i++)
        add_once(list, json_str_of(json_at(from, i)));
}

/* ---- the classes of an activity ---- */

struct of_activity {
    struct json *bases, *subjects, *classes, *special, *limits;
    int64_t last_change_s;
    uint64_t items;
};

static bool uses(const struct class_def *def, const struct json *purposes)
{
    for (size_t i = 0; i < def->purpose_count; i++)
        if (has_text(purposes, def->purposes[i]))
            return true;
    return false;
}

static void add_limit(struct json *limits, const struct class_def *def)
{
    char period[PERIOD_TEXT_MAX], start[RULE_NAME_MAX + 8], text[TEXT_MAX];

    period_format(&def->rule.period, period);
    rule_start_text(&def->rule, start);
    (void)snprintf(text, sizeof(text), "%s: %s from %s", def->name, period, start);
    add_once(limits, text);
}

static void add_class(struct of_activity *a, const struct class_def *def)
{
    char text[TEXT_MAX];

    (void)snprintf(text, sizeof(text), "%s%s%s", def->basis, def->law == NULL ? "" : " ",
                   def->law == NULL ? "" : def->law);
    add_once(a->bases, text);
    add_once(a->subjects, def->subjects);
    add_once(a->classes, def->name);
    if (def->special != NULL) {
        (void)snprintf(text, sizeof(text), "%s: %s", def->name, def->special);
        add_once(a->special, text);
    }
    add_limit(a->limits, def);
}

static enum err add_figures(const struct report_context *c, struct of_activity *a,
                            const struct class_def *def)
{
    const uint16_t id = vault_class_id(c->vault, def);
    struct vault_class_stats stats;
    struct vault_rule_status rule;
    enum err e = vault_read_stats(c->reader, id, c->now_s, &stats);

    if (e != ERR_OK)
        return e;
    a->items += stats.items;
    e = vault_read_rule(c->reader, id, &rule);
    if (e == ERR_OK && rule.since_s > a->last_change_s)
        a->last_change_s = rule.since_s;
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

static enum err set_classes(const struct report_context *c, struct json *row)
{
    const struct json *purposes = json_get(row, "purposes");
    struct of_activity a = {.bases = list_of(row, "bases"),
                            .subjects = list_of(row, "subject_categories"),
                            .classes = list_of(row, "classes"),
                            .special = list_of(row, "special"),
                            .limits = list_of(row, "time_limits")};
    enum err e = ERR_OK;

    for (size_t i = 0; i < c->classes->count && e == ERR_OK; i++) {
        if (!uses(&c->classes->defs[i], purposes))
            continue;
        add_class(&a, &c->classes->defs[i]);
        e = add_figures(c, &a, &c->classes->defs[i]);
    }
    json_set_int(row, "items", (int64_t)a.items);
    json_set(row, "last_change", json_new_null());
    if (a.last_change_s != 0)
        report_set_instant(row, "last_change", a.last_change_s);
    return e;
}

/* ---- rows ---- */

static void set_who(struct json *row, const struct json *controller, const struct json *activity)
{
    const char *role = json_str_of(json_get(activity, "role"));
    const bool processes = role != NULL && strcmp(role, "processor") == 0;

    json_set_str(row, "role", processes ? "processor" : "controller");
    if (processes)
        copy(row, "controller", activity, "on_behalf_of");
    else
        copy(row, "controller", controller, "name");
    copy(row, "contact", controller, "contact");
    copy(row, "joint", activity, "joint");
    copy(row, "representative", controller, "representative");
    copy(row, "dpo", controller, "dpo");
    if (json_get(controller, "name") == NULL || json_get(controller, "contact") == NULL)
        report_attend(row, "no_controller");
}

static enum err add_row(const struct report_context *c, struct report *report,
                        const struct json *controller, const char *name,
                        const struct json *activity)
{
    struct json *row, *own;
    enum err e = report_row(report, &row);

    if (e != ERR_OK)
        return e;
    json_set_str(row, "activity", name);
    copy(row, "description", activity, "description");
    set_who(row, controller, activity);
    copy_list(row, "purposes", activity);
    e = set_classes(c, row);
    copy_list(row, "recipients", activity);
    copy_list(row, "transfers", activity);
    copy(row, "safeguards", activity, "safeguards");
    if (json_count(json_get(row, "transfers")) > 0 && json_get(activity, "safeguards") == NULL)
        report_attend(row, "no_safeguards");
    own = list_of(row, "measures");
    for (size_t i = 0; i < COUNT_OF(measures); i++)
        add_once(own, measures[i]);
    for (size_t i = 0; i < json_count(json_get(activity, "measures")); i++)
        add_once(own, json_str_of(json_at(json_get(activity, "measures"), i)));
    copy(row, "source", activity, "source");
    copy(row, "owner", activity, "owner");
    copy(row, "dpia", activity, "dpia");
    return e;
}

static bool is_claimed(const struct json *activities, const char *purpose)
{
    struct json *activity;
    const char *name;
    void *it = NULL;

    while (json_next(activities, &it, &name, &activity))
        if (has_text(json_get(activity, "purposes"), purpose))
            return true;
    return false;
}

/* Purposes of classes that no activity describes, each once. */
static enum err add_unclaimed(const struct report_context *c, struct report *report,
                              const struct json *tree)
{
    AUTO(json_free) struct json *done = json_new_list();
    enum err e = ERR_OK;

    for (size_t i = 0; i < c->classes->count; i++)
        for (size_t j = 0; j < c->classes->defs[i].purpose_count && e == ERR_OK; j++) {
            AUTO(json_free) struct json *activity = json_new_map();
            const char *purpose = c->classes->defs[i].purposes[j];

            if (is_claimed(json_get(tree, "activities"), purpose) || has_text(done, purpose))
                continue;
            add_once(done, purpose);
            add_once(list_of(activity, "purposes"), purpose);
            e = add_row(c, report, json_get(tree, "controller"), purpose, activity);
        }
    return e;
}

static enum err add_all(const struct report_context *c, struct report *report)
{
    AUTO(json_free) struct json *tree = ropa_get(c->ropa);
    struct json *activity;
    const char *name;
    void *it = NULL;
    enum err e = ERR_OK;

    while (e == ERR_OK && json_next(json_get(tree, "activities"), &it, &name, &activity))
        e = add_row(c, report, json_get(tree, "controller"), name, activity);
    return e == ERR_OK ? add_unclaimed(c, report, tree) : e;
}

static enum err build(const struct report_context *c, struct report *report,
                      struct errmsg *msg UNUSED)
{
    return report__in_snapshot(c, report, add_all);
}

const struct report_kind report__ropa = {
    .name = "ropa",
    .title = "Records of processing activities",
    .columns = columns,
    .column_count = COUNT_OF(columns),
    .build = build,
};
