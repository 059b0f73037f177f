/* SPDX-License-Identifier: Apache-2.0 */
/* Flows to recipients: who receives which class, in clear, masked or as token, for which purposes, as it is configured;
 * and how much was shown in the period.
 * Runs on: a worker thread; blocks. Holds: nothing. Invariant: whoever was shown something in the period is there,
 * configured or not. Not here: what is configured (flows.c), how many people that was (report_access.c). */
#include "retention/report_priv.h"

#include <string.h>

#include "base/mem.h"
#include "retention/access_days.h"
#include "retention/ropa.h"

static const struct report_column columns[] = {
    {"recipient", "Recipient", REPORT_TEXT, false},
    {"kind", "What it is", REPORT_TEXT, false},
    {"class", "Class", REPORT_TEXT, false},
    {"form", "Receives", REPORT_TEXT, false},
    {"purposes", "Purposes", REPORT_LIST, false},
    {"special", "Special category", REPORT_TEXT, true},
    {"routes", "Routes", REPORT_COUNT, true},
    {"told_as", "Told of erasures as", REPORT_LIST, false},
    {"declared", "Configured", REPORT_FLAG, true},
    {"requests", "Requests", REPORT_COUNT, true},
    {"values", "Values shown", REPORT_COUNT, false},
    {"masks", "Masks shown", REPORT_COUNT, false},
};

static const struct report_column summary[] = {
    {"recipients", "Recipients", REPORT_COUNT, false},
    {"in_clear", "That receive values", REPORT_COUNT, false},
    {"figures_from", "Figures from", REPORT_DATE, false},
    {"figures_to", "before", REPORT_DATE, false},
};

/* ---- what is configured ---- */

static enum err add_row(const struct report_context *c, struct report *report,
                        const struct json *flow, bool declared, struct json **ret_row)
{
    static const char *const copied[] = {"recipient", "kind", "class", "form"};
    const struct class_def *def = classes_find(c->classes, json_text_of(json_get(flow, "class")));
    const struct json *told = json_get(flow, "told_as");
    struct json *row = NULL;
    enum err e = report_row(report, &row);

    if (e != ERR_OK)
        return e;
    for (size_t i = 0; i < COUNT_OF(copied); i++)
        json_set(row, copied[i], json_clone(json_get(flow, copied[i])));
    json_set(row, "purposes", json_clone(json_get(flow, "purposes")));
    json_set(row, "special",
             def == NULL || def->special == NULL ? json_new_null()
                                                 : json_new_text(span_str(def->special)));
    json_set_int(row, "routes", json_int_of(json_get(flow, "routes"), 0));
    json_set(row, "told_as", told == NULL ? json_new_list() : json_clone(told));
    json_set_bool(row, "declared", declared);
    json_set_int(row, "requests", 0);
    json_set_int(row, "values", 0);
    json_set_int(row, "masks", 0);
    *ret_row = row;
    return ERR_OK;
}

static enum err add_declared(const struct report_context *c, struct report *report)
{
    AUTO(json_free) struct json *tree = ropa_get(c->ropa);
    const struct json *flows = json_get(tree, "flows");
    struct json *row;
    enum err e = ERR_OK;

    for (size_t i = 0; i < json_count(flows) && e == ERR_OK; i++)
        e = add_row(c, report, json_at(flows, i), true, &row);
    return e;
}

/* ---- what was shown ---- */

static bool says(const struct json *row, const char *name, const char *word)
{
    return span_equal(json_text_of(json_get(row, name)), span_str(word));
}

static bool has_purpose(const struct json *row, const char *purpose)
{
    const struct json *list = json_get(row, "purposes");

    for (size_t i = 0; i < json_count(list); i++)
        if (span_equal(json_text_of(json_at(list, i)), span_str(purpose)))
            return true;
    return false;
}

/* The row of what a caller was shown; else the third party that it was sent to, if it can be no other. NULL: neither. */
static struct json *row_of(const struct json *rows, const struct access_sum *sum,
                           const char *class_name)
{
    struct json *sent_to = NULL;
    size_t parties = 0;

    for (size_t i = 0; i < json_count(rows) && sum->role == AUDIT_CALLER; i++) {
        struct json *row = json_at(rows, i);

        if (!says(row, "class", class_name) || !has_purpose(row, sum->purpose))
            continue;
        if (says(row, "kind", "caller") && says(row, "recipient", sum->who))
            return row;
        if (says(row, "kind", "third_party")) {
            sent_to = row;
            parties++;
        }
    }
    return parties == 1 ? sent_to : NULL;
}

static void count(struct json *row, const struct access_sum *sum)
{
    json_set_int(row, "requests",
                 json_int_of(json_get(row, "requests"), 0) + (int64_t)sum->requests);
    json_set_int(row, "values", json_int_of(json_get(row, "values"), 0) + (int64_t)sum->values);
    json_set_int(row, "masks", json_int_of(json_get(row, "masks"), 0) + (int64_t)sum->masks);
}

/* Somebody whom the configuration does not name (any more): a token of the admin API, a caller that went. */
static enum err add_undeclared(const struct report_context *c, struct report *report,
                               const struct access_sum *sum, const char *class_name)
{
    AUTO(json_free) struct json *flow = json_new_map();
    struct json *purposes = json_new_list(), *row;
    enum err e;

    if (sum->purpose[0] != '\0')
        json_add(purposes, json_new_text(span_str(sum->purpose)));
    json_set_str(flow, "recipient", sum->who);
    json_set_str(flow, "kind", sum->role == AUDIT_CALLER ? "caller" : "operator");
    json_set_str(flow, "class", class_name);
    json_set_str(flow, "form", sum->values > 0 ? "value" : "mask");
    json_set(flow, "purposes", purposes);
    e = add_row(c, report, flow, false, &row);
    if (e == ERR_OK)
        count(row, sum);
    return e;
}

static enum err add_shown(const struct report_context *c, struct report *report,
                          const struct access_sums *sums)
{
    enum err e = ERR_OK;

    for (size_t i = 0; i < sums->count && e == ERR_OK; i++) {
        const struct access_sum *sum = &sums->at[i];
        const struct class_def *def =
            sum->class_id == 0 ? NULL : vault_class_def(c->vault, sum->class_id);
        struct json *row;

        if (def == NULL || sum->values + sum->masks == 0)
            continue;
        row = row_of(report_rows(report), sum, def->name);
        if (row == NULL)
            e = add_undeclared(c, report, sum, def->name);
        else
            count(row, sum);
    }
    return e;
}

/* ---- the whole ---- */

static void add_once(struct json *set, const struct json *row)
{
    json_set_bool(set, json_str_of(json_get(row, "recipient")), true);
}

static void sum_up(struct json *map, const struct json *rows, const struct report_days *days)
{
    AUTO(json_free) struct json *all = json_new_map();
    AUTO(json_free) struct json *in_clear = json_new_map();

    for (size_t i = 0; i < json_count(rows); i++) {
        add_once(all, json_at(rows, i));
        if (says(json_at(rows, i), "form", "value"))
            add_once(in_clear, json_at(rows, i));
    }
    json_set_int(map, "recipients", (int64_t)json_count(all));
    json_set_int(map, "in_clear", (int64_t)json_count(in_clear));
    report_set_day(map, "figures_from", days->from);
    report_set_day(map, "figures_to", days->to);
}

static enum err build(const struct report_context *c, struct report *report,
                      struct errmsg *msg UNUSED)
{
    AUTO(vault_records_close) struct vault_records *records = NULL;
    AUTO(access_sums_done) struct access_sums sums = {.at = NULL};
    const struct report_days days = report__days(c);
    enum err e = add_declared(c, report);

    if (e == ERR_OK)
        e = access_days_update(c->vault, NULL);
    if (e == ERR_OK)
        e = vault_records_open(c->vault, &records);
    if (e == ERR_OK)
        e = access_days_sum(records, days.from, days.to, &sums);
    if (e == ERR_OK)
        e = add_shown(c, report, &sums);
    sum_up(report_summary(report), report_rows(report), &days);
    return e;
}

const struct report_kind report__flows = {
    .name = "flows",
    .title = "Flows to recipients",
    .columns = columns,
    .column_count = COUNT_OF(columns),
    .summary = summary,
    .summary_count = COUNT_OF(summary),
    .build = build,
};
