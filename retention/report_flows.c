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
    {"senders", "Sent by", REPORT_LIST, true},
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
    static const char *const copied[] = {"recipient", "kind",    "class",  "form",
                                         "purposes",  "told_as", "senders"};
    const struct class_def *def = classes_find(c->classes, json_text_of(json_get(flow, "class")));
    struct json *row = NULL;
    enum err e = report_row(report, &row);

    if (e != ERR_OK)
        return e;
    for (size_t i = 0; i < COUNT_OF(copied); i++)
        json_set(row, copied[i], json_clone(json_get(flow, copied[i])));
    json_set(row, "special",
             def == NULL || def->special == NULL ? json_new_null()
                                                 : json_new_text(span_str(def->special)));
    json_set_int(row, "routes", json_int_of(json_get(flow, "routes"), 0));
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

static bool has(const struct json *row, const char *name, const char *text)
{
    const struct json *list = json_get(row, name);

    for (size_t i = 0; i < json_count(list); i++)
        if (span_equal(json_text_of(json_at(list, i)), span_str(text)))
            return true;
    return false;
}

/* What somebody was shown of a class, in clear or masked: a sum's values, or its masks. */
struct shown {
    const struct access_sum *sum;
    const char *class_name, *form;
    uint64_t values, masks;
};

/* A mask is less than a value: a quota may have shown one in its place. */
static bool allows(const struct json *row, const struct shown *s)
{
    return says(row, "form", s->form) || (s->masks > 0 && says(row, "form", "value"));
}

/* The declared row of a caller that may see it; else the third party that it may send it to, if it can be no other. NULL:
 * neither. */
static struct json *declared_row(const struct json *rows, const struct shown *s)
{
    struct json *sent_to = NULL;
    size_t parties = 0;

    for (size_t i = 0; i < json_count(rows) && s->sum->role == AUDIT_CALLER; i++) {
        struct json *row = json_at(rows, i);

        if (!json_bool_of(json_get(row, "declared"), false) || !says(row, "class", s->class_name) ||
            !has(row, "purposes", s->sum->purpose) || !allows(row, s))
            continue;
        if (says(row, "kind", "caller") && says(row, "recipient", s->sum->who))
            return row;
        if (s->values > 0 && has(row, "senders", s->sum->who)) {
            sent_to = row;
            parties++;
        }
    }
    return parties == 1 ? sent_to : NULL;
}

static const char *kind_of(const struct access_sum *sum)
{
    return sum->role == AUDIT_CALLER ? "caller" : "operator";
}

static struct json *undeclared_row(const struct json *rows, const struct shown *s)
{
    for (size_t i = json_count(rows); i > 0; i--) {
        struct json *row = json_at(rows, i - 1);

        if (json_bool_of(json_get(row, "declared"), true))
            return NULL; /* they are the last ones */
        if (says(row, "kind", kind_of(s->sum)) && says(row, "recipient", s->sum->who) &&
            says(row, "class", s->class_name) && says(row, "form", s->form))
            return row;
    }
    return NULL;
}

/* For somebody of whom the configuration does not say it (any more): a token of the admin API, a caller that went. */
static enum err add_undeclared(const struct report_context *c, struct report *report,
                               const struct shown *s, struct json **ret_row)
{
    static const char *const lists[] = {"purposes", "told_as", "senders"};
    AUTO(json_free) struct json *flow = json_new_map();

    for (size_t i = 0; i < COUNT_OF(lists); i++)
        json_set(flow, lists[i], json_new_list());
    json_set_str(flow, "recipient", s->sum->who);
    json_set_str(flow, "kind", kind_of(s->sum));
    json_set_str(flow, "class", s->class_name);
    json_set_str(flow, "form", s->form);
    return add_row(c, report, flow, false, ret_row);
}

static void increase(struct json *row, const char *name, uint64_t more)
{
    json_set_int(row, name, json_int_of(json_get(row, name), 0) + (int64_t)more);
}

/* Count it where it belongs. ret_row: untouched where there was nothing of it. */
static enum err count(const struct report_context *c, struct report *report, const struct shown *s,
                      struct json **ret_row)
{
    const char *purpose = s->sum->purpose;
    struct json *row = NULL;
    enum err e = ERR_OK;

    if (s->values + s->masks == 0)
        return ERR_OK;
    row = declared_row(report_rows(report), s);
    if (row == NULL)
        row = undeclared_row(report_rows(report), s);
    if (row == NULL)
        e = add_undeclared(c, report, s, &row);
    if (e != ERR_OK)
        return e;
    if (purpose[0] != '\0' && !has(row, "purposes", purpose))
        json_add(json_get(row, "purposes"), json_new_text(span_str(purpose)));
    increase(row, "values", s->values);
    increase(row, "masks", s->masks);
    *ret_row = row;
    return ERR_OK;
}

static enum err count_sum(const struct report_context *c, struct report *report,
                          const struct access_sum *sum, const char *class_name)
{
    const struct shown values = {sum, class_name, "value", sum->values, 0};
    const struct shown masks = {sum, class_name, "mask", 0, sum->masks};
    struct json *row = NULL, *mask_row = NULL;
    enum err e = count(c, report, &values, &row);

    if (e == ERR_OK)
        e = count(c, report, &masks, &mask_row);
    if (row != NULL)
        increase(row, "requests", sum->requests);
    if (mask_row != NULL && mask_row != row)
        increase(mask_row, "requests", sum->requests);
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

        if (def != NULL)
            e = count_sum(c, report, sum, def->name);
    }
    return e;
}

/* ---- the whole ---- */

/* Names are of each kind its own: a caller may be called as an upstream is. */
static void add_once(struct json *set, const struct json *row)
{
    struct json *of_kind = json_get(set, json_str_of(json_get(row, "kind")));

    if (of_kind == NULL) {
        of_kind = json_new_map();
        json_set(set, json_str_of(json_get(row, "kind")), of_kind);
    }
    json_set_bool(of_kind, json_str_of(json_get(row, "recipient")), true);
}

static int64_t count_names(const struct json *set)
{
    struct json *of_kind;
    const char *kind;
    void *it = NULL;
    size_t names = 0;

    while (json_next(set, &it, &kind, &of_kind))
        names += json_count(of_kind);
    return (int64_t)names;
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
    json_set_int(map, "recipients", count_names(all));
    json_set_int(map, "in_clear", count_names(in_clear));
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
    .of_configuration = true,
};
