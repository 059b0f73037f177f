/* SPDX-License-Identifier: Apache-2.0 */
/* The report of exceptions: what erasures have left under Art. 17(3), by which law, and when it goes.
 * Runs on: a worker thread. Holds: nothing. Invariant: every exception that keeps something stands in it;
 * one whose end has passed stays in it until what it kept is erased. Not here: the exceptions
 * (vault/part.h), their ending (partial.c), legal holds (report_holds.c). */
#include "retention/report_priv.h"

#include "base/calendar.h"
#include "base/mem.h"
#include "retention/receipt.h"
#include "vault/holds.h"
#include "vault/part.h"

/* The housekeeping comes by several times an hour: what is late by a day was not erased for a reason. */
enum { DAY_S = 86400 };

static const struct report_column columns[] = {
    {"subject", "Subject", REPORT_TEXT, true},
    {"state", "State", REPORT_TEXT, false},
    {"class", "Class", REPORT_TEXT, false},
    {"code", "Exception", REPORT_TEXT, false},
    {"law", "Law", REPORT_TEXT, false},
    {"statutory", "Statutory minimum", REPORT_FLAG, true},
    {"since", "Since", REPORT_INSTANT, false},
    {"next", "First values until", REPORT_DATE, true},
    {"review", "Until", REPORT_DATE, false},
    {"days_left", "Days left", REPORT_COUNT, false},
    {"kept", "Kept", REPORT_COUNT, true},
    {"values", "Values now", REPORT_COUNT, false},
};

static const struct report_column summary[] = {
    {"exceptions", "Exceptions", REPORT_COUNT, false},
    {"subjects", "Subjects", REPORT_COUNT, false},
    {"values", "Values", REPORT_COUNT, false},
    {"overdue", "Overdue", REPORT_COUNT, false},
};

struct figures {
    uint64_t exceptions, subjects, values, overdue;
    uint64_t last; /* slot */
};

/* The last day on which something is kept that ends at this instant. */
static void set_last_day(struct json *row, const char *name, int64_t end_s)
{
    json_set(row, name, json_new_null());
    if (end_s > 0 && end_s != INT64_MAX)
        report_set_day(row, name, civil_days(calendar_date(end_s - 1)));
}

static void set_words(const struct report_context *c, struct json *row,
                      const struct vault_kept *kept)
{
    const struct vault_exception *x = &kept->exception;
    const struct class_def *def = vault_class_def(c->vault, x->class_id);

    receipt_set_exception(row, x);
    receipt_set_id(row, "subject", kept->subject);
    json_set(row, "class", json_new_null());
    if (def != NULL)
        json_set_str(row, "class", def->name);
    json_set_bool(row, "statutory", x->by_rule);
    report_set_instant(row, "since", kept->cutoff_s);
    set_last_day(row, "next", kept->next_s);
    set_last_day(row, "review", x->until_s);
    json_set(row, "days_left", json_new_null());
    if (x->until_s > 0)
        json_set_int(row, "days_left",
                     x->until_s <= c->now_s ? 0 : (x->until_s - c->now_s) / DAY_S);
    json_set_int(row, "kept", (int64_t)x->values);
}

static enum err set_state(const struct report_context *c, struct json *row,
                          const struct vault_kept *kept, struct figures *figures)
{
    const bool ended = kept->next_s <= c->now_s;
    bool held = false;
    enum err e = vault_erasure_must_wait(c->reader, kept->slot, &held);

    if (e != ERR_OK)
        return e;
    json_set_str(row, "state", !ended ? "in force" : held ? "on hold" : "ending");
    if (!ended || held || c->now_s - kept->next_s < DAY_S)
        return ERR_OK;
    json_set_str(row, "state", "overdue");
    report_attend(row, "overdue");
    figures->overdue++;
    return ERR_OK;
}

static enum err add_exception(const struct report_context *c, struct report *report,
                              const struct vault_kept *kept, struct figures *figures)
{
    uint64_t values = 0;
    struct json *row;
    enum err e = report_row(report, &row);

    if (e == ERR_OK)
        e = vault_read_exception_count(c->reader, kept, &values);
    if (e == ERR_OK)
        e = set_state(c, row, kept, figures);
    if (e != ERR_OK)
        return e;
    set_words(c, row, kept);
    json_set_int(row, "values", (int64_t)values);
    figures->exceptions++;
    figures->values += values;
    figures->subjects += kept->slot != figures->last;
    figures->last = kept->slot;
    return ERR_OK;
}

static enum err add_all(const struct report_context *c, struct report *report)
{
    struct figures figures = {.exceptions = 0};
    struct vault_kept kept = {.slot = 0};
    struct json *map = report_summary(report);
    enum err e = ERR_OK;

    while (e == ERR_OK && (e = vault_read_exception(c->reader, kept.slot, kept.exception.class_id,
                                                    &kept)) == ERR_OK)
        e = add_exception(c, report, &kept, &figures);
    if (e != ERR_NOT_FOUND)
        return e;
    json_set_int(map, "exceptions", (int64_t)figures.exceptions);
    json_set_int(map, "subjects", (int64_t)figures.subjects);
    json_set_int(map, "values", (int64_t)figures.values);
    json_set_int(map, "overdue", (int64_t)figures.overdue);
    return ERR_OK;
}

static enum err build(const struct report_context *c, struct report *report,
                      struct errmsg *msg UNUSED)
{
    return report__in_snapshot(c, report, add_all);
}

const struct report_kind report__exceptions = {
    .name = "exceptions",
    .title = "Exceptions from erasure",
    .columns = columns,
    .column_count = COUNT_OF(columns),
    .summary = summary,
    .summary_count = COUNT_OF(summary),
    .build = build,
};
