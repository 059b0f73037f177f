/* SPDX-License-Identifier: Apache-2.0 */
/* The retention report: what is kept, why, until when, and whether the books balance.
 * Runs on: a worker thread. Holds: nothing. Invariant: opening + created - purged = closing in every
 * row, for any period; and what came and went since ever is what is there, or the row says that it is
 * not. */
#include "retention/report_priv.h"

#include <string.h>

#include "base/civil.h"
#include "base/mem.h"
#include "base/period.h"
#include "vault/purges.h"
#include "retention/backups.h"
#include "retention/consents.h"
#include "retention/recount.h"
#include "retention/ropa.h"
#include "retention/runs.h"
#include "vault/holds.h"
#include "vault/part.h"
#include "vault/rules.h"
#include "vault/watch.h"

enum {
    DAY_S = 86400,
    RUN_LATE_S = 26 * 3600 /* a run is recorded once a day at least */
};

static const struct report_column columns[] = {
    {"class", "Class", REPORT_TEXT, false},
    {"activities", "Activities", REPORT_LIST, true},
    {"purposes", "Purposes", REPORT_LIST, true},
    {"subject_category", "Whose", REPORT_TEXT, true},
    {"special", "Special category", REPORT_TEXT, true},
    {"basis", "Legal basis", REPORT_TEXT, true},
    {"law", "Law", REPORT_TEXT, true},
    {"balancing", "Balancing test", REPORT_TEXT, true},
    {"start", "Starts", REPORT_TEXT, true},
    {"period", "Period", REPORT_TEXT, false},
    {"round", "Rounded to the end of", REPORT_TEXT, true},
    {"backstop", "Backstop", REPORT_TEXT, true},
    {"minimum", "Minimum", REPORT_TEXT, true},
    {"minimum_law", "Minimum by", REPORT_TEXT, true},
    {"owner", "Owner", REPORT_TEXT, true},
    {"review", "Next review", REPORT_DATE, true},
    {"rule_version", "Version of the rule", REPORT_COUNT, true},
    {"rule_since", "In force since", REPORT_INSTANT, true},
    {"rule_pending", "Under an older rule", REPORT_COUNT, true},
    {"items", "Items", REPORT_COUNT, false},
    {"synthetic", "Honeytokens", REPORT_COUNT, true},
    {"subjects", "Subjects", REPORT_COUNT, true},
    {"counted", "Counted", REPORT_COUNT, true},
    {"recounted", "Recounted", REPORT_INSTANT, true},
    {"repaired", "Counters put right", REPORT_INSTANT, true},
    {"repaired_counters", "- How many", REPORT_COUNT, true},
    {"oldest", "Oldest", REPORT_DATE, false},
    {"oldest_days", "Its age in days", REPORT_COUNT, true},
    {"not_started", "Timer not started", REPORT_COUNT, true},
    {"not_started_oldest", "Oldest not started", REPORT_DATE, true},
    {"due_7d", "Due 7 d", REPORT_COUNT, false},
    {"due_30d", "Due 30 d", REPORT_COUNT, true},
    {"due_90d", "Due 90 d", REPORT_COUNT, true},
    {"overdue", "Overdue", REPORT_COUNT, false},
    {"overdue_since", "Overdue since", REPORT_DATE, true},
    {"overdue_reason", "Overdue because", REPORT_TEXT, true},
    {"next_run", "Next run", REPORT_DATE, false},
    {"last_failures", "Failed in the last run", REPORT_COUNT, true},
    {"on_hold", "On hold", REPORT_COUNT, false},
    {"held_due", "Held past their time", REPORT_COUNT, true},
    {"restricted", "Restricted subjects", REPORT_COUNT, true},
    {"excepted", "Kept by exceptions", REPORT_COUNT, true},
    {"excepted_people", "People in exceptions", REPORT_COUNT, true},
    {"excepted_review", "Exceptions end first", REPORT_DATE, true},
    {"consents_given", "Consents given", REPORT_COUNT, true},
    {"consents_withdrawn", "Consents withdrawn", REPORT_COUNT, true},
    {"withdrawals_open", "Withdrawals without effect yet", REPORT_COUNT, true},
    {"opening", "Opening", REPORT_COUNT, false},
    {"created", "+ Created", REPORT_COUNT, false},
    {"purged_timer", "- By timer", REPORT_COUNT, false},
    {"purged_erasure", "- By request", REPORT_COUNT, false},
    {"purged_withdrawal", "of these after withdrawal", REPORT_COUNT, true},
    {"purged_objection", "of these after objection", REPORT_COUNT, true},
    {"closing", "= Closing", REPORT_COUNT, false},
    {"created_ever", "Created ever", REPORT_COUNT, true},
    {"purged_ever", "Purged ever", REPORT_COUNT, true},
    {"balanced", "Balanced", REPORT_FLAG, false},
    {"tokens_capacity", "Tokens there can be", REPORT_COUNT, true},
    {"tokens_used", "Tokens used", REPORT_COUNT, true},
    {"shapes_used_up", "Shapes used up", REPORT_COUNT, true},
};

static const struct report_column summary[] = {
    {"subjects", "Subjects", REPORT_COUNT, false},
    {"last_run", "Last sweep", REPORT_INSTANT, false},
    {"last_run_end", "It ended", REPORT_TEXT, false},
    {"last_backup", "Last backup", REPORT_INSTANT, false},
};

/* ---- one class ---- */

/* What is the same for all of them; trees are NULL where there is none. */
struct books {
    const struct report_context *context;
    struct vault_records *records;
    const struct json *activities; /* of the records of processing */
    const struct json *run;        /* the sweeper's last */
    const uint64_t *synthetic;     /* by class id */
};

struct figures {
    struct vault_class_stats now;
    struct vault_flow before; /* the period */
    struct vault_flow within;
    uint64_t synthetic;
    int64_t recounted_ms; /* 0: never */
    int64_t repaired_ms;  /* 0: never */
    uint64_t repaired;
    struct vault_recount recount;
    struct vault_class_holds holds;
    struct vault_kept_sum kept;
    struct vault_consent_sum consents;
};

static void set_text(struct json *row, const char *name, const char *text)
{
    json_set(row, name, text == NULL ? json_new_null() : json_new_text(span_str(text)));
}

static void set_day(struct json *row, const char *name, int64_t at_s)
{
    json_set(row, name, json_new_null());
    if (at_s != 0)
        report_set_day(row, name, at_s / DAY_S);
}

static void set_period(struct json *row, const char *name, const struct period *period)
{
    char text[PERIOD_TEXT_MAX];

    period_format(period, text);
    set_text(row, name, period_is_none(period) ? NULL : text);
}

/* Those that have one of the class's purposes. */
static struct json *activities_of(const struct json *activities, const struct class_def *def)
{
    struct json *list = json_new_list(), *activity;
    const char *name;
    void *it = NULL;

    while (json_next(activities, &it, &name, &activity)) {
        const struct json *purposes = json_get(activity, "purposes");
        bool has = false;

        for (size_t i = 0; i < json_count(purposes) && !has; i++)
            has = class_has_purpose(def, json_text_of(json_at(purposes, i)));
        if (has)
            json_add(list, json_new_text(span_str(name)));
    }
    return list;
}

static void set_basis(struct json *row, const struct class_def *def)
{
    struct json *purposes = json_new_list();

    for (size_t i = 0; i < def->purpose_count; i++)
        json_add(purposes, json_new_text(span_str(def->purposes[i])));
    json_set_str(row, "class", def->name);
    json_set(row, "purposes", purposes);
    set_text(row, "subject_category", def->subjects);
    set_text(row, "special", def->special);
    set_text(row, "basis", def->basis);
    set_text(row, "law", def->law);
    set_text(row, "balancing", def->balancing);
}

static void set_rule(struct json *row, const struct rule *rule, int64_t now_s)
{
    const int64_t review_day = rule_has_review(rule) ? civil_days(rule->review) : INT64_MAX;
    char start[RULE_NAME_MAX + 8];

    rule_start_text(rule, start);
    json_set_str(row, "start", start);
    set_period(row, "period", &rule->period);
    set_text(row, "round", rule->round == RULE_EXACT ? NULL : rule_round_name(rule->round));
    set_period(row, "backstop", &rule->backstop);
    set_period(row, "minimum", &rule->minimum);
    set_text(row, "minimum_law", rule->minimum_law);
    set_text(row, "owner", rule->owner);
    json_set(row, "review", json_new_null());
    if (review_day != INT64_MAX)
        report_set_day(row, "review", review_day);
    if (review_day < now_s / DAY_S)
        report_attend(row, "review_overdue");
}

static enum err set_version(const struct report_context *c, struct json *row, uint16_t class_id)
{
    struct vault_rule_status status;
    enum err e = vault_read_rule(c->reader, class_id, &status);

    if (e != ERR_OK && e != ERR_NOT_FOUND)
        return e;
    json_set(row, "rule_version", json_new_null());
    json_set(row, "rule_since", json_new_null());
    json_set(row, "rule_pending", json_new_null());
    if (e == ERR_NOT_FOUND)
        return ERR_OK;
    json_set_int(row, "rule_version", status.version);
    report_set_instant(row, "rule_since", status.since_s);
    json_set_int(row, "rule_pending", (int64_t)status.pending);
    return ERR_OK;
}

/* What a hold keeps is where it should be. */
static uint64_t overdue_of(const struct figures *f)
{
    return f->now.overdue > f->holds.held_due ? f->now.overdue - f->holds.held_due : 0;
}

static void set_items(struct json *row, const struct figures *f, int64_t now_s)
{
    json_set_int(row, "items", (int64_t)f->now.items);
    json_set_int(row, "synthetic", (int64_t)f->synthetic); /* of these: honeytokens' */
    json_set(row, "subjects", json_new_null());
    json_set(row, "counted", json_new_null());
    json_set(row, "recounted", json_new_null());
    if (f->recounted_ms != 0) {
        json_set_int(row, "subjects", (int64_t)f->recount.subjects);
        json_set_int(row, "counted", (int64_t)f->recount.counted);
        report_set_instant(row, "recounted", f->recounted_ms / 1000);
    }
    json_set(row, "repaired", json_new_null());
    json_set(row, "repaired_counters", json_new_null());
    if (f->repaired_ms != 0) {
        report_set_instant(row, "repaired", f->repaired_ms / 1000);
        json_set_int(row, "repaired_counters", (int64_t)f->repaired);
    }
    if (f->recount.differ > 0 || f->recount.lost > 0)
        report_attend(row, "recount_differs");
    set_day(row, "oldest", f->now.oldest_created_s);
    json_set(row, "oldest_days", json_new_null());
    if (f->now.oldest_created_s != 0)
        json_set_int(row, "oldest_days", (now_s - f->now.oldest_created_s) / DAY_S);
    json_set_int(row, "not_started", (int64_t)f->now.waiting);
    set_day(row, "not_started_oldest", f->now.oldest_waiting_s);
    json_set_int(row, "due_7d", (int64_t)f->now.due_7d);
    json_set_int(row, "due_30d", (int64_t)f->now.due_30d);
    json_set_int(row, "due_90d", (int64_t)f->now.due_90d);
    json_set_int(row, "overdue", (int64_t)overdue_of(f));
    json_set_int(row, "on_hold", (int64_t)f->holds.held);
    json_set_int(row, "held_due", (int64_t)f->holds.held_due);
    json_set_int(row, "restricted", (int64_t)f->holds.restricted);
    if (overdue_of(f) > 0)
        report_attend(row, "overdue");
}

/* ---- its next run, and what keeps it from one ---- */

/* Of one class in a run's list; NULL: it is not in it. */
static const struct json *class_in_run(const struct json *run, const char *class_name)
{
    const struct json *list = json_get(run, "classes");

    for (size_t i = 0; i < json_count(list); i++)
        if (span_equal(json_text_of(json_get(json_at(list, i), "class")), span_str(class_name)))
            return json_at(list, i);
    return NULL;
}

static bool ran_lately(const struct report_context *c, const struct json *run)
{
    const struct span ended = json_text_of(json_get(run, "ended"));
    struct civil date;

    /* To the day: that is what the counters are. */
    return ended.len > 10 && civil_parse(span_of(ended.at, 10), &date) &&
           (civil_days(date) + 1) * DAY_S + RUN_LATE_S > c->now_s;
}

static const char *why_overdue(const struct books *b, bool is_paused, int64_t failures)
{
    if (is_paused)
        return "sweep_paused"; /* far more was due than was foreseen */
    if (vault_clock(b->context->vault) != VAULT_CLOCK_RIGHT)
        return "clock";
    if (failures > 0)
        return "sweep_failed";
    return ran_lately(b->context, b->run) ? "next_sweep" : "no_sweep";
}

/* The sweeper passes every few minutes: a class's next run is on the first day on which there is something for it to
 * destroy. */
static void set_run(const struct books *b, struct json *row, const struct class_def *def,
                    const struct figures *f)
{
    const int64_t now_s = b->context->now_s;
    const bool is_paused =
        vault_purge_is_paused(b->context->vault, vault_class_id(b->context->vault, def));
    const int64_t failures = json_int_of(json_get(class_in_run(b->run, def->name), "failures"), 0);
    const uint64_t overdue = overdue_of(f);

    set_day(row, "overdue_since", overdue > 0 ? f->now.overdue_since_s : 0);
    set_text(row, "overdue_reason", overdue > 0 ? why_overdue(b, is_paused, failures) : NULL);
    set_day(row, "next_run", is_paused ? 0 : overdue > 0 ? now_s : f->now.next_due_s);
    json_set_int(row, "last_failures", failures);
    if (is_paused)
        report_attend(row, "sweep_paused");
}

/* What Art. 17(3) keeps of people who were erased otherwise. */
static void set_exceptions(struct json *row, const struct vault_kept_sum *kept)
{
    json_set_int(row, "excepted", (int64_t)kept->values);
    json_set_int(row, "excepted_people", (int64_t)kept->people);
    set_day(row, "excepted_review", kept->next_s);
}

/* Of people, for each purpose of the class; null where it rests on something else. */
static void set_consents(struct json *row, const struct class_def *def,
                         const struct vault_consent_sum *sum)
{
    const bool rests = class_rests_on_consent(def);

    json_set(row, "consents_given", rests ? json_new_int((int64_t)sum->given) : json_new_null());
    json_set(row, "consents_withdrawn",
             rests ? json_new_int((int64_t)sum->withdrawn) : json_new_null());
    json_set(row, "withdrawals_open",
             rests ? json_new_int((int64_t)sum->pending) : json_new_null());
}

static int64_t net(const struct vault_flow *flow)
{
    return (int64_t)flow->created - (int64_t)flow->purged_timer - (int64_t)flow->purged_erasure;
}

static void set_books(struct json *row, const struct figures *f)
{
    const struct vault_class_stats *s = &f->now;
    const uint64_t purged = s->purged_timer + s->purged_erasure;
    const bool balanced = s->created >= purged && s->created - purged == s->items;

    json_set_int(row, "opening", net(&f->before));
    json_set_int(row, "created", (int64_t)f->within.created);
    json_set_int(row, "purged_timer", (int64_t)f->within.purged_timer);
    json_set_int(row, "purged_erasure", (int64_t)f->within.purged_erasure);
    json_set_int(row, "purged_withdrawal", (int64_t)f->within.purged_withdrawal);
    json_set_int(row, "purged_objection", (int64_t)f->within.purged_objection);
    json_set_int(row, "closing", net(&f->before) + net(&f->within));
    json_set_int(row, "created_ever", (int64_t)s->created);
    json_set_int(row, "purged_ever", (int64_t)purged);
    json_set_bool(row, "balanced", balanced);
    if (!balanced)
        report_attend(row, "unbalanced");
}

/* How much of a typed class's token space is used up; of other classes it is no matter. */
static void set_tokens(struct json *row, const struct class_def *def,
                       const struct vault_class_stats *s)
{
    const bool typed = format_is_typed(def->format);

    json_set(row, "tokens_capacity", typed ? json_new_int((int64_t)s->capacity) : json_new_null());
    json_set(row, "tokens_used", typed ? json_new_int((int64_t)s->used) : json_new_null());
    json_set(row, "shapes_used_up", typed ? json_new_int((int64_t)s->exhausted) : json_new_null());
    if (s->exhausted > 0)
        report_attend(row, "tokens_used_up");
}

/* ---- all of them ---- */

/* Values of made-up people, by class id. */
static enum err count_synthetic(const struct report_context *c, uint64_t *per_class)
{
    AUTO(mem_free) uint64_t *slots = mem_alloc(VAULT_CANARIES_MAX * sizeof(*slots));
    AUTO(mem_free) uint64_t *of_one = mem_alloc((CLASSES_MAX + 1) * sizeof(*of_one));
    const size_t count = vault_canaries(c->vault, slots, VAULT_CANARIES_MAX);

    for (size_t i = 0; i < count; i++) {
        struct vault_subject_info info;
        enum err e;

        memset(of_one, 0, (CLASSES_MAX + 1) * sizeof(*of_one));
        e = vault_read_subject_info(c->reader, slots[i], &info, of_one);
        if (e != ERR_OK && e != ERR_NOT_FOUND)
            return e;
        for (size_t id = 1; e == ERR_OK && id <= CLASSES_MAX; id++)
            per_class[id] += of_one[id];
    }
    return ERR_OK;
}

static enum err read_recount(struct vault_records *records, const char *class_name,
                             struct figures *f)
{
    enum err e = recount_last(records, class_name, &f->recounted_ms, &f->recount);

    if (e == ERR_OK || e == ERR_NOT_FOUND)
        e = recount_repaired(records, class_name, &f->repaired_ms, &f->repaired);
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

static enum err read_consents(struct vault_reader *reader, const struct class_def *def,
                              struct vault_consent_sum *sum)
{
    enum err e = ERR_OK;

    if (!class_rests_on_consent(def))
        return ERR_OK;
    for (size_t i = 0; i < def->purpose_count && e == ERR_OK; i++) {
        struct vault_consent_sum one;

        e = vault_read_consent_sum(reader, def->purposes[i], &one);
        if (e != ERR_OK)
            break;
        sum->given += one.given;
        sum->withdrawn += one.withdrawn;
        sum->pending += one.pending;
    }
    return e;
}

static enum err read_figures(const struct books *b, const struct class_def *def, struct figures *f)
{
    const struct report_context *c = b->context;
    const uint16_t id = vault_class_id(c->vault, def);
    enum err e = vault_read_stats(c->reader, id, c->now_s, &f->now);

    f->synthetic = b->synthetic[id];
    if (e == ERR_OK)
        e = vault_read_flow(c->reader, id, INT64_MIN, c->from_day, &f->before);
    if (e == ERR_OK)
        e = vault_read_flow(c->reader, id, c->from_day, c->to_day, &f->within);
    if (e == ERR_OK)
        e = vault_read_class_holds(c->reader, id, c->now_s, &f->holds);
    if (e == ERR_OK)
        e = vault_read_kept(c->reader, id, &f->kept);
    if (e == ERR_OK)
        e = read_recount(b->records, def->name, f);
    return e == ERR_OK ? read_consents(c->reader, def, &f->consents) : e;
}

static enum err add_class(const struct books *b, struct report *report, const struct class_def *def)
{
    const struct report_context *c = b->context;
    struct figures f = {.synthetic = 0};
    struct json *row;
    enum err e = read_figures(b, def, &f);

    if (e == ERR_OK)
        e = report_row(report, &row);
    if (e != ERR_OK)
        return e;
    set_basis(row, def);
    json_set(row, "activities", activities_of(b->activities, def));
    set_rule(row, &def->rule, c->now_s);
    e = set_version(c, row, vault_class_id(c->vault, def));
    if (e != ERR_OK)
        return e;
    set_items(row, &f, c->now_s);
    set_exceptions(row, &f.kept);
    set_consents(row, def, &f.consents);
    set_books(row, &f);
    set_tokens(row, def, &f.now);
    set_run(b, row, def, &f);
    return ERR_OK;
}

static enum err add_all(struct books *b, struct report *report)
{
    const struct report_context *c = b->context;
    AUTO(mem_free) uint64_t *synthetic = mem_alloc((CLASSES_MAX + 1) * sizeof(*synthetic));
    AUTO(json_free) struct json *tree = ropa_get(c->ropa);
    uint64_t subjects = 0;
    enum err e = count_synthetic(c, synthetic);

    b->synthetic = synthetic;
    b->activities = json_get(tree, "activities");
    for (size_t i = 0; e == ERR_OK && i < c->classes->count; i++)
        e = add_class(b, report, &c->classes->defs[i]);
    if (e == ERR_OK)
        e = vault_read_subject_count(c->reader, &subjects);
    json_set_int(report_summary(report), "subjects", (int64_t)subjects);
    return e;
}

/* The sweeper's last run, into the summary and for the rows. */
static enum err read_last_run(const struct report_context *c, struct report *report,
                              struct json **ret_run)
{
    const enum err e = runs_last(c->vault, ret_run);

    if (e != ERR_OK && e != ERR_NOT_FOUND)
        return e;
    set_text(report_summary(report), "last_run", json_str_of(json_get(*ret_run, "ended")));
    set_text(report_summary(report), "last_run_end", json_str_of(json_get(*ret_run, "end")));
    return ERR_OK;
}

static enum err set_last_backup(struct report *report, struct vault_records *records)
{
    char time[BACKUPS_TIME_MAX];
    const enum err e = backups_last(records, time);

    if (e != ERR_OK && e != ERR_NOT_FOUND)
        return e;
    set_text(report_summary(report), "last_backup", e == ERR_OK ? time : NULL);
    return ERR_OK;
}

static enum err build(const struct report_context *c, struct report *report,
                      struct errmsg *msg UNUSED)
{
    AUTO(vault_records_close) struct vault_records *records = NULL;
    AUTO(json_free) struct json *run = NULL;
    struct books books = {.context = c};
    enum err e = vault_records_open(c->vault, &records);

    if (e == ERR_OK)
        e = read_last_run(c, report, &run);
    if (e == ERR_OK)
        e = set_last_backup(report, records);
    if (e == ERR_OK)
        e = vault_read_begin(c->reader);
    if (e != ERR_OK)
        return e;
    books.records = records;
    books.run = run;
    e = add_all(&books, report);
    vault_read_end(c->reader);
    return e;
}

const struct report_kind report__retention = {
    .name = "retention",
    .title = "Retention",
    .columns = columns,
    .column_count = COUNT_OF(columns),
    .summary = summary,
    .summary_count = COUNT_OF(summary),
    .build = build,
};
