/* SPDX-License-Identifier: Apache-2.0 */
/* The purge log: what the sweeper destroyed run by run, and what was destroyed for which reason day by day.
 * Runs on: a worker thread. Holds: nothing. Invariant: only what is so now wants attention: a run that
 * failed and was made up for does not. Not here: recording runs (runs.c). */
#include "retention/report_priv.h"
#include "retention/runs.h"
#include "vault/purges.h"

enum { DAY_S = 86400 };
static const int64_t DAY_MS = INT64_C(1000) * DAY_S;

/* ---- run by run ---- */

static const struct report_column run_columns[] = {
    {"run", "Run", REPORT_COUNT, false},
    {"started", "Started", REPORT_INSTANT, false},
    {"ended", "Ended", REPORT_INSTANT, true},
    {"passes", "Passes", REPORT_COUNT, true},
    {"end", "End", REPORT_TEXT, false},
    {"clock", "Clock", REPORT_TEXT, true},
    {"class", "Class", REPORT_TEXT, false},
    {"purged", "Purged", REPORT_COUNT, false},
    {"batches", "Batches", REPORT_COUNT, true},
    {"failures", "Failures", REPORT_COUNT, false},
    {"delay_s", "Longest delay (s)", REPORT_COUNT, false},
    {"overdue", "Left overdue", REPORT_COUNT, false},
};

static const struct report_column run_summary[] = {
    {"runs", "Runs", REPORT_COUNT, false},
    {"purged", "Values purged", REPORT_COUNT, false},
    {"delay_s", "Longest delay (s)", REPORT_COUNT, false},
    {"paused", "Classes paused now", REPORT_COUNT, false},
};

/* The members that a run has for itself come before those that it has for each class. */
enum { OF_RUN = 6 };

static void copy_cell(struct json *row, const struct report_column *column, const struct json *from)
{
    const struct json *value = json_get(from, column->member);

    if (json_kind(value) == JSON_INT)
        json_set_int(row, column->member, json_int_of(value, 0));
    else if (json_kind(value) == JSON_TEXT)
        json_set(row, column->member, json_new_text(json_text_of(value)));
    else
        json_set(row, column->member, json_new_null());
}

/* What is wrong with a run that no later one has put right. */
static void attend_last(struct json *row, const struct json *run)
{
    const struct span end = json_text_of(json_get(run, "end"));

    if (json_int_of(json_get(row, "overdue"), 0) > 0)
        report_attend(row, "overdue");
    if (span_equal(end, SPAN_LIT("failed")))
        report_attend(row, "failed");
    if (span_equal(end, SPAN_LIT("paused")))
        report_attend(row, "sweep_paused");
}

struct sums {
    int64_t purged;
    int64_t delay_s;
};

/* A row for each class of a run, or one when there is none. class: NULL then. */
static enum err add_row(struct report *report, const struct json *run, const struct json *class,
                        bool last, struct sums *sums)
{
    const int64_t delay_s = json_int_of(json_get(class, "delay_s"), 0);
    struct json *row;
    enum err e = report_row(report, &row);

    if (e != ERR_OK)
        return e;
    for (size_t i = 0; i < COUNT_OF(run_columns); i++)
        copy_cell(row, &run_columns[i], i < OF_RUN ? run : class);
    if (last)
        attend_last(row, run);
    sums->purged += json_int_of(json_get(class, "purged"), 0);
    sums->delay_s = delay_s > sums->delay_s ? delay_s : sums->delay_s;
    return ERR_OK;
}

static enum err add_run(struct report *report, const struct json *run, bool last, struct sums *sums)
{
    const struct json *classes = json_get(run, "classes");
    enum err e = ERR_OK;

    if (json_count(classes) == 0)
        return add_row(report, run, NULL, last, sums);
    for (size_t i = 0; e == ERR_OK && i < json_count(classes); i++)
        e = add_row(report, run, json_at(classes, i), last, sums);
    return e;
}

static int64_t count_paused(const struct report_context *c)
{
    int64_t paused = 0;

    for (size_t i = 0; i < c->classes->count; i++)
        paused += vault_purge_is_paused(c->vault, vault_class_id(c->vault, &c->classes->defs[i]));
    return paused;
}

static enum err build_runs(const struct report_context *c, struct report *report,
                           struct errmsg *msg UNUSED)
{
    AUTO(json_free) struct json *runs = NULL;
    const struct report_days days = report__days(c);
    struct sums sums = {.purged = 0};
    enum err e = runs_list(c->vault, days.from * DAY_MS, days.to * DAY_MS, &runs);
    const size_t count = json_count(runs);

    for (size_t i = 0; e == ERR_OK && i < count; i++)
        e = add_run(report, json_at(runs, i), days.until_now && i + 1 == count, &sums);
    json_set_int(report_summary(report), "runs", (int64_t)count);
    json_set_int(report_summary(report), "purged", sums.purged);
    json_set_int(report_summary(report), "delay_s", sums.delay_s);
    json_set_int(report_summary(report), "paused", count_paused(c));
    return e;
}

const struct report_kind report__purges = {
    .name = "purges",
    .title = "Purge log",
    .columns = run_columns,
    .column_count = COUNT_OF(run_columns),
    .summary = run_summary,
    .summary_count = COUNT_OF(run_summary),
    .build = build_runs,
};

/* ---- day by day ---- */

static const struct report_column day_columns[] = {
    {"day", "Day", REPORT_DATE, false},
    {"class", "Class", REPORT_TEXT, false},
    {"purged_timer", "By timer", REPORT_COUNT, false},
    {"purged_erasure", "By request", REPORT_COUNT, false},
};

static enum err add_class_day(const struct report_context *c, struct report *report,
                              const struct class_def *def, int64_t day)
{
    struct vault_flow flow;
    struct json *row;
    enum err e = vault_read_flow(c->reader, vault_class_id(c->vault, def), day, day + 1, &flow);

    if (e != ERR_OK || flow.purged_timer + flow.purged_erasure == 0)
        return e;
    e = report_row(report, &row);
    if (e != ERR_OK)
        return e;
    report_set_day(row, "day", day);
    json_set_str(row, "class", def->name);
    json_set_int(row, "purged_timer", (int64_t)flow.purged_timer);
    json_set_int(row, "purged_erasure", (int64_t)flow.purged_erasure);
    return ERR_OK;
}

static enum err build_days(const struct report_context *c, struct report *report,
                           struct errmsg *msg UNUSED)
{
    const struct report_days days = report__days(c);
    enum err e = vault_read_begin(c->reader);

    if (e != ERR_OK)
        return e;
    for (int64_t day = days.from; e == ERR_OK && day < days.to; day++)
        for (size_t i = 0; e == ERR_OK && i < c->classes->count; i++)
            e = add_class_day(c, report, &c->classes->defs[i], day);
    vault_read_end(c->reader);
    return e;
}

const struct report_kind report__purge_days = {
    .name = "purge-days",
    .title = "What was destroyed, by day and reason",
    .columns = day_columns,
    .column_count = COUNT_OF(day_columns),
    .build = build_days,
};
