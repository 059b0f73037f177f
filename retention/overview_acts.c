/* SPDX-License-Identifier: Apache-2.0 */
/* The overview's other questions: which requests run out, what was destroyed and can it be proven; and its clocks.
 * Runs on: a worker thread; blocks shortly. Holds: nothing. */
#include "retention/overview_priv.h"

#include <stdio.h>

#include "base/calendar.h"
#include "base/civil.h"
#include "base/mem.h"
#include "retention/audit_check.h"
#include "retention/backups.h"
#include "retention/receipt.h"
#include "retention/requests_priv.h"
#include "retention/runs.h"
#include "vault/audit_read.h"
#include "vault/holds.h"

enum {
    DAY_S = 86400,
    REVIEW_SOON_DAYS = 30,
    BACKUP_DAYS = 30, /* the last one should not be older */
    HEAD_DAYS = 2,    /* a head is signed each minute in which something is recorded */
    ERASURE_OPEN_S = DAY_S,
};

static const int64_t DAY_MS = INT64_C(1000) * DAY_S;

/* ---- requests ---- */

struct running {
    struct json *rows;
    int64_t past, soon;
    bool more;
};

static enum err add_running(const struct request_case *c, const struct request_clock *clock,
                            void *context)
{
    struct running *running = context;

    running->past += clock->standing == DEADLINE_PAST;
    running->soon += clock->standing != DEADLINE_PAST;
    running->more = json_count(running->rows) >= OVERVIEW_ROWS_MAX;
    if (!running->more)
        json_add(running->rows, request__running_row(c, clock));
    return ERR_OK;
}

enum err overview__add_requests(struct overview *o)
{
    struct json *part = overview__part(o, "requests");
    struct running running = {.rows = json_new_list()};
    struct request_figures figures = {.open = 0};
    enum err e = ERR_OK;

    json_set(part, "rows", running.rows);
    if (o->context.requests != NULL) {
        e = requests_figures(o->context.requests, &figures);
        if (e == ERR_OK)
            e = request__running_each(o->context.requests, OVERVIEW_WEEK_DAYS, add_running,
                                      &running);
    }
    json_set_int(part, "open", (int64_t)figures.open);
    json_set_int(part, "past_due", running.past);
    json_set_int(part, "this_week", running.soon);
    report_set_day(part, "until", civil_days(calendar_date(o->context.now_s)) + OVERVIEW_WEEK_DAYS);
    json_set_bool(part, "more", running.more);
    if (running.past > 0)
        overview__attend(part, "past_due");
    if (running.soon > 0)
        overview__attend(part, "due_soon");
    return e;
}

/* ---- destroyed ---- */

static void add_purged(const struct overview *o, struct json *part)
{
    struct json *list = json_new_list();
    int64_t timer = 0, erasure = 0;

    for (size_t i = 0; i < json_count(o->retention); i++) {
        const struct json *row = json_at(o->retention, i);
        const int64_t by_timer = overview__count(row, "purged_timer");
        const int64_t by_erasure = overview__count(row, "purged_erasure");
        struct json *one;

        timer += by_timer;
        erasure += by_erasure;
        if (by_timer + by_erasure == 0)
            continue;
        one = json_new_map();
        overview__copy(one, "class", row, "class");
        json_set_int(one, "timer", by_timer);
        json_set_int(one, "erasure", by_erasure);
        json_add(list, one);
    }
    json_set_int(part, "timer", timer);
    json_set_int(part, "erasure", erasure);
    json_set(part, "classes", list);
}

static void add_balance(const struct overview *o, struct json *part)
{
    struct json *list = json_new_list(), *map = json_new_map();

    for (size_t i = 0; i < json_count(o->retention); i++) {
        const struct json *row = json_at(o->retention, i);

        if (overview__row_says(row, "unbalanced") || overview__row_says(row, "recount_differs"))
            json_add(list, json_new_text(json_text_of(json_get(row, "class"))));
    }
    json_set_bool(map, "balanced", json_count(list) == 0);
    json_set(map, "classes", list);
    json_set(part, "balance", map);
    if (json_count(list) > 0)
        overview__attend(part, "unbalanced");
}

static enum err add_runs(const struct overview *o, struct json *part)
{
    AUTO(json_free) struct json *runs = NULL;
    struct json *map = json_new_map();
    int64_t failures = 0;
    const struct json *last;
    enum err e = runs_list(o->context.vault, o->context.from_day * DAY_MS,
                           o->context.to_day * DAY_MS, &runs);

    for (size_t i = 0; i < json_count(runs); i++)
        failures += span_equal(json_text_of(json_get(json_at(runs, i), "end")), SPAN_LIT("failed"));
    last = json_at(runs, json_count(runs) > 0 ? json_count(runs) - 1 : 0);
    json_set_int(map, "count", (int64_t)json_count(runs));
    json_set_int(map, "failed", failures);
    overview__copy(map, "last", last, "started");
    overview__copy(map, "last_end", last, "end");
    json_set(part, "runs", map);
    if (span_equal(json_text_of(json_get(last, "end")), SPAN_LIT("failed")))
        overview__attend(part, "sweep_failed");
    return e;
}

static struct json *receipt_map(const struct vault_receipt_entry *entry)
{
    struct json *map = json_new_map();

    receipt_set_id(map, "number", entry->erasure);
    json_set_int(map, "ledger", (int64_t)entry->ledger_seq);
    receipt_set_instant(map, "begun", entry->begun_ms);
    return map;
}

static enum err add_receipts(const struct overview *o, struct json *part)
{
    struct json *map = json_new_map(), *list = json_new_list();
    struct vault_receipts seen = {.closed = 0};
    enum err e = vault_receipts_look(o->context.vault, o->context.from_day * DAY_MS,
                                     o->context.to_day * DAY_MS, &seen);

    for (size_t i = 0; i < seen.last_count; i++)
        json_add(list, receipt_map(&seen.last[i]));
    json_set_int(map, "verified", (int64_t)seen.closed);
    json_set_int(map, "open", (int64_t)seen.open);
    json_set(map, "open_since", json_new_null());
    if (seen.open > 0)
        report_set_instant(map, "open_since", seen.open_since_ms / 1000);
    json_set(map, "last", list);
    json_set(part, "receipts", map);
    if (seen.open > 0 && seen.open_since_ms / 1000 <= o->context.now_s - ERASURE_OPEN_S)
        overview__attend(part, "erasure_open");
    return e;
}

/* How the trail stands, and what was found when all of it was recomputed last. */
static enum err add_audit(const struct overview *o, struct json *part)
{
    struct json *map = json_new_map();
    struct audit_check_result last;
    struct audit_figures f;
    enum err e = audit_check_last(o->records, &last);

    audit_figures(vault_audit(o->context.vault), &f);
    if (f.last_seq == 0 && audit_last(o->context.vault, &f.last_seq) != ERR_OK)
        e = ERR_IO; /* the trail counts from the first record that this process writes */
    json_set_int(map, "records", (int64_t)f.last_seq);
    json_set_int(map, "unsigned", (int64_t)f.unsigned_records);
    json_set(map, "head", json_new_null());
    if (f.head_ms != 0)
        report_set_instant(map, "head", f.head_ms / 1000);
    json_set_int(map, "failures", (int64_t)f.failures);
    json_set(map, "verified", json_new_null());
    json_set(map, "verdict", json_new_null());
    if (e == ERR_OK) {
        report_set_instant(map, "verified", last.at_ms / 1000);
        json_set_str(map, "verdict", audit_verdict_word(last.verdict));
        json_set_int(map, "verified_records", (int64_t)last.records);
    }
    json_set(part, "audit", map);
    if (f.failures > 0)
        overview__attend(part, "audit_failed");
    if (e == ERR_OK && last.verdict != AUDIT_WHOLE)
        overview__attend(part, "audit_not_whole");
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

enum err overview__add_destroyed(struct overview *o)
{
    struct json *part = overview__part(o, "destroyed");
    enum err e;

    add_purged(o, part);
    add_balance(o, part);
    e = add_runs(o, part);
    if (e == ERR_OK)
        e = add_receipts(o, part);
    return e == ERR_OK ? add_audit(o, part) : e;
}

/* ---- clocks ---- */

/* A member that is a day: its end. INT64_MAX: there is none. */
static int64_t end_of_day(const struct json *map, const char *name)
{
    struct civil date;

    return civil_parse(json_text_of(json_get(map, name)), &date) ? (civil_days(date) + 1) * DAY_S
                                                                 : INT64_MAX;
}

static void add_reviews(const struct overview *o)
{
    struct overview_clock next = {"rule_review", NULL, INT64_MAX, REVIEW_SOON_DAYS};

    for (size_t i = 0; i < json_count(o->retention); i++) {
        const struct json *row = json_at(o->retention, i);
        const int64_t at_s = end_of_day(row, "review");

        if (at_s < next.at_s) {
            next.at_s = at_s;
            next.of = json_str_of(json_get(row, "class"));
        }
    }
    overview_add_clock(o->tree, &next, o->context.now_s);
}

/* The holds' reviews, the first. */
static enum err add_hold_review(const struct overview *o)
{
    struct overview_clock next = {"hold_review", NULL, INT64_MAX, REVIEW_SOON_DAYS};
    struct vault_hold hold = {.number = 0};
    char number[24];
    enum err e = vault_read_begin(o->context.reader);

    if (e != ERR_OK)
        return e;
    while ((e = vault_read_hold(o->context.reader, hold.number, &hold)) == ERR_OK) {
        if (hold.lifted_ms != 0 || hold.review_s >= next.at_s)
            continue;
        next.at_s = hold.review_s;
        (void)snprintf(number, sizeof(number), "%llu", (unsigned long long)hold.number);
        next.of = number;
    }
    vault_read_end(o->context.reader);
    overview_add_clock(o->tree, &next, o->context.now_s);
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

/* When the next backup, the next head, is late. */
static enum err add_backup(const struct overview *o)
{
    char time[BACKUPS_TIME_MAX];
    struct overview_clock next = {"backup_due", NULL, o->context.now_s, BACKUP_DAYS / 4};
    struct civil date;
    const enum err e = backups_last(o->records, time);

    if (e != ERR_OK && e != ERR_NOT_FOUND)
        return e;
    if (e == ERR_OK && civil_parse(span_of(time, 10), &date))
        next.at_s = (civil_days(date) + 1 + BACKUP_DAYS) * DAY_S;
    json_set(o->tree, "last_backup", e == ERR_OK ? json_new_text(span_str(time)) : json_new_null());
    overview_add_clock(o->tree, &next, o->context.now_s);
    return ERR_OK;
}

static void add_head(const struct overview *o)
{
    struct overview_clock next = {"audit_head", NULL, INT64_MAX, 0};
    struct audit_figures f;

    audit_figures(vault_audit(o->context.vault), &f);
    if (f.unsigned_records > 0 && f.head_ms != 0)
        next.at_s = f.head_ms / 1000 + HEAD_DAYS * DAY_S;
    overview_add_clock(o->tree, &next, o->context.now_s);
}

enum err overview__add_clocks(struct overview *o)
{
    const struct json *exceptions = json_get(json_get(o->tree, "held"), "exceptions");
    const struct overview_clock exception = {"exception_end", NULL, end_of_day(exceptions, "next"),
                                             REVIEW_SOON_DAYS};
    enum err e;

    add_reviews(o);
    e = add_hold_review(o);
    overview_add_clock(o->tree, &exception, o->context.now_s);
    if (e == ERR_OK)
        e = add_backup(o);
    add_head(o);
    if (vault_clock(o->context.vault) != VAULT_CLOCK_RIGHT)
        json_set_bool(o->tree, "attention", true);
    return e;
}
