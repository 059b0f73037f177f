/* SPDX-License-Identifier: Apache-2.0 */
/* Records of runs.
 * Runs on: the sweeper's thread; runs_list() on any. Holds: the run that goes on, as far as the
 * database does not. Invariant: what a run destroyed was counted in the commits that destroyed it
 * (vault/purges.h), so that its record can be made, or set right, whenever the process ended. Not here:
 * passes (sweeper.c), the report (report_purges.c).
 *
 * A record of kind VAULT_RECORD_RUN: its key is the run's number, its state how the run ended, its body
 *
 *   {"ended": ms, "clock": "right", "passes": n,
 *    "classes": [[name, purged, batches, failures, delay in seconds, overdue], ...]} */
#include "retention/runs.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/period.h"
#include "retention/receipt.h"
#include "retention/sweeper.h"
#include "vault/purges.h"
#include "vault/records.h"

static const int64_t RUN_MS = 3600000;
static const int64_t HEARTBEAT_MS = INT64_C(86400) * 1000;
static const int64_t KEEP_MS = INT64_C(3) * 366 * 86400 * 1000;
enum { FORGET_AT_ONCE = 1000 };

struct runs {
    struct vault *vault;
    bool recovered;
    int64_t last_id;     /* no run had a higher number */
    int64_t recorded_ms; /* when a run was recorded last */
    /* The run that goes on. */
    int64_t id; /* 0: none */
    int64_t started_ms;
    uint64_t number; /* of its record; 0: it has none yet */
    uint64_t version;
    int64_t passes;
    uint64_t failures[CLASSES_MAX + 1];
};

struct runs *runs_new(struct vault *vault)
{
    struct runs *r = mem_alloc(sizeof(*r));

    r->vault = vault;
    return r;
}

void runs_free(struct runs **runs)
{
    free(TAKE(*runs));
}

static void complain(const char *step, enum err e)
{
    log_event(EV_PURGE_FAILED, F_LIT("step", step), F_LIT("error", err_name(e)));
}

/* ---- bodies ---- */

static const char *const clock_names[] = {
    [VAULT_CLOCK_RIGHT] = "right", [VAULT_CLOCK_BEHIND] = "behind", [VAULT_CLOCK_AHEAD] = "ahead"};

static struct json *class_row(const struct vault *v, const struct vault_purge_figures *f,
                              uint64_t failures, uint64_t overdue)
{
    const struct class_def *def = vault_class_def(v, f->class_id);
    struct json *row = json_new_list();

    json_add(row, json_new_text(span_str(def == NULL ? "(gone)" : def->name)));
    json_add(row, json_new_int((int64_t)f->purged));
    json_add(row, json_new_int((int64_t)f->batches));
    json_add(row, json_new_int((int64_t)failures));
    json_add(row, json_new_int(f->delay_s));
    json_add(row, json_new_int((int64_t)overdue));
    return row;
}

/* What the run destroyed of a class; zeroes when it is nothing. */
static enum err figures_of(struct vault_purges *p, int64_t run, uint16_t class_id,
                           struct vault_purge_figures *ret)
{
    const struct vault_purge_figures before = {.run = run, .class_id = (uint16_t)(class_id - 1)};
    enum err e = vault_purge_figures_next(p, &before, ret);

    if (e == ERR_OK && ret->run == run && ret->class_id == class_id)
        return ERR_OK;
    *ret = (struct vault_purge_figures){.run = run, .class_id = class_id};
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

/* A class stands in the record when something happened to it, or is due and was left. */
static enum err add_class(const struct runs *r, struct vault_purges *p, uint16_t class_id,
                          int64_t now_ms, struct json *list)
{
    struct vault_purge_outlook outlook = {.overdue = 0};
    struct vault_purge_figures figures;
    enum err e;

    if (class_id == 0)
        return ERR_OK;
    e = figures_of(p, r->id, class_id, &figures);
    if (e == ERR_OK)
        e = vault_purge_look(p, class_id, now_ms / 1000, &outlook);
    if (e == ERR_OK && (figures.purged > 0 || r->failures[class_id] > 0 || outlook.overdue > 0))
        json_add(list, class_row(r->vault, &figures, r->failures[class_id], outlook.overdue));
    return e;
}

static enum err class_rows(const struct runs *r, const struct classes *classes, int64_t now_ms,
                           struct json **ret_list)
{
    AUTO(vault_purges_close) struct vault_purges *p = NULL;
    AUTO(json_free) struct json *list = json_new_list();
    enum err e = vault_purges_open(r->vault, &p);

    for (size_t i = 0; e == ERR_OK && i < classes->count; i++)
        e = add_class(r, p, vault_class_id(r->vault, &classes->defs[i]), now_ms, list);
    if (e == ERR_OK)
        *ret_list = TAKE(list);
    return e;
}

static struct json *body_of(const struct runs *r, struct json *classes, int64_t passes,
                            int64_t now_ms)
{
    struct json *body = json_new_map();

    json_set_int(body, "ended", now_ms);
    json_set_str(body, "clock", clock_names[vault_clock(r->vault)]);
    json_set_int(body, "passes", passes);
    json_set(body, "classes", classes);
    return body;
}

/* ---- writing ---- */

static void set_key(struct vault_record *record, int64_t run)
{
    (void)snprintf(record->key, sizeof(record->key), "%" PRId64, run);
}

static enum err write_record(struct runs *r, struct vault_record *record, const struct json *body,
                             int64_t now_ms)
{
    AUTO(buf_done) struct buf text = {.max = VAULT_RECORD_BODY_MAX};
    struct vault_records_write op = {.op = {.kind = VAULT_RECORDS}, .records = record, .count = 1};
    enum err e = json_write(body, &text);

    if (e != ERR_OK)
        return e;
    if (record->number == 0) {
        op.forget = VAULT_RECORD_RUN;
        op.forget_states = VAULT_RECORD_ANY;
        op.forget_before_ms = now_ms - KEEP_MS;
        op.forget_limit = FORGET_AT_ONCE;
    }
    record->body = buf_span(&text);
    e = FAULT_FAILS("records.fail") ? ERR_IO : vault_run(r->vault, &op.op);
    record->body = SPAN_NONE;
    return e;
}

/* Figures of earlier runs are of no use once this one has a record. */
static void forget_others(struct runs *r)
{
    struct vault_purge_note op = {.op = {.kind = VAULT_PURGE_NOTE}, .forget_run = r->id};
    enum err e = vault_run(r->vault, &op.op);

    if (e != ERR_OK)
        complain("forget", e);
}

static enum err record_run(struct runs *r, const struct classes *classes, enum runs_end end,
                           int64_t now_ms)
{
    struct vault_record record = {.kind = VAULT_RECORD_RUN,
                                  .number = r->number,
                                  .version = r->version,
                                  .at_ms = r->started_ms,
                                  .state = end};
    AUTO(json_free) struct json *body = NULL;
    struct json *rows = NULL;
    enum err e = class_rows(r, classes, now_ms, &rows);

    if (e != ERR_OK)
        return e;
    set_key(&record, r->id);
    body = body_of(r, rows, r->passes, now_ms);
    e = write_record(r, &record, body, now_ms);
    if (e != ERR_OK)
        return e;
    if (r->number == 0)
        forget_others(r);
    r->number = record.number;
    r->version = record.version;
    r->recorded_ms = now_ms;
    return ERR_OK;
}

/* ---- what a kill left behind ---- */

/* How many values the body of a record speaks of. */
static int64_t purged_in(const struct json *body)
{
    const struct json *classes = json_get(body, "classes");
    int64_t sum = 0;

    for (size_t i = 0; i < json_count(classes); i++)
        sum += json_int_of(json_at(json_at(classes, i), 1), 0);
    return sum;
}

/* The figures of one run, from `f` on, as rows; *f becomes the first of another. NOT_FOUND: there is
 * none. */
static enum err gather(const struct runs *r, struct vault_purges *p, struct vault_purge_figures *f,
                       struct json *rows)
{
    const int64_t run = f->run;
    enum err e = ERR_OK;

    while (e == ERR_OK && f->run == run) {
        const struct vault_purge_figures at = *f;

        json_add(rows, class_row(r->vault, f, 0, 0));
        e = vault_purge_figures_next(p, &at, f);
    }
    return e;
}

/* Does its record speak of all that the run destroyed? If not, or if there is none, make it so. */
static enum err set_right(struct runs *r, int64_t run, struct json *rows, int64_t now_ms)
{
    AUTO(json_free) struct json *body = body_of(r, rows, 1, now_ms), *old = NULL;
    AUTO(vault_records_close) struct vault_records *records = NULL;
    struct vault_record record = {.kind = VAULT_RECORD_RUN, .at_ms = run};
    enum err e = vault_records_open(r->vault, &records);

    set_key(&record, run);
    if (e == ERR_OK)
        e = vault_record_by_key(records, VAULT_RECORD_RUN, record.key, &record);
    if (e == ERR_OK)
        e = json_parse(record.body, &old);
    vault_records_close(&records);
    if (e != ERR_OK && e != ERR_NOT_FOUND)
        return e;
    if (e == ERR_OK && purged_in(old) == purged_in(body))
        return ERR_OK;
    if (e == ERR_OK)
        json_set_int(body, "passes", json_int_of(json_get(old, "passes"), 0) + 1);
    record.state = RUNS_INTERRUPTED;
    return write_record(r, &record, body, now_ms);
}

static enum err recover_figures(struct runs *r, int64_t now_ms)
{
    AUTO(vault_purges_close) struct vault_purges *p = NULL;
    struct vault_purge_figures f;
    enum err e = vault_purges_open(r->vault, &p);
    enum err next = e == ERR_OK ? vault_purge_figures_next(p, NULL, &f) : e;

    while (next == ERR_OK && e == ERR_OK) {
        const int64_t run = f.run;
        struct json *rows = json_new_list();

        next = gather(r, p, &f, rows);
        r->last_id = run > r->last_id ? run : r->last_id;
        e = set_right(r, run, rows, now_ms);
    }
    return e == ERR_OK && next != ERR_NOT_FOUND ? next : e;
}

static enum err next_run(struct vault_records *records, struct vault_record *record)
{
    const struct vault_record_filter filter = {.kind = VAULT_RECORD_RUN,
                                               .states = VAULT_RECORD_ANY};

    return vault_record_next(records, &filter, record->number, record);
}

static enum err recover_records(struct runs *r)
{
    AUTO(vault_records_close) struct vault_records *records = NULL;
    struct vault_record record = {.number = 0};
    enum err e = vault_records_open(r->vault, &records);

    while (e == ERR_OK && (e = next_run(records, &record)) == ERR_OK) {
        const int64_t id = strtoll(record.key, NULL, 10);

        r->last_id = id > r->last_id ? id : r->last_id;
        r->recorded_ms = record.changed_ms;
    }
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

static void recover(struct runs *r, int64_t now_ms)
{
    enum err e = recover_records(r);

    if (e == ERR_OK)
        e = recover_figures(r, now_ms);
    r->recovered = e == ERR_OK;
    if (e != ERR_OK)
        complain("recover", e);
}

/* ---- passes ---- */

int64_t runs_begin(struct runs *r, int64_t now_ms)
{
    if (!r->recovered)
        recover(r, now_ms);
    if (r->id == 0 || now_ms - r->started_ms >= RUN_MS || now_ms < r->started_ms) {
        r->id = now_ms > r->last_id ? now_ms : r->last_id + 1;
        r->last_id = r->id;
        r->started_ms = now_ms;
        r->number = 0;
        r->passes = 0;
        for (size_t i = 0; i <= CLASSES_MAX; i++)
            r->failures[i] = 0;
    }
    r->passes++;
    return r->id;
}

void runs_count_failure(struct runs *r, uint16_t class_id)
{
    if (class_id <= CLASSES_MAX)
        r->failures[class_id]++;
}

void runs_end(struct runs *r, const struct classes *classes, const struct sweeper_counts *counts,
              enum runs_end end, int64_t now_ms)
{
    const bool is_news = counts->purged > 0 || counts->tripped > 0 || end == RUNS_FAILED;
    enum err e;

    if (!is_news && now_ms - r->recorded_ms < HEARTBEAT_MS && now_ms >= r->recorded_ms)
        return;
    e = record_run(r, classes, end, now_ms);
    if (e != ERR_OK)
        complain("record", e); /* the next pass that has something to say makes up for it */
}

/* ---- reading ---- */

static const char *const end_names[] = {
    [RUNS_DONE] = "done",     [RUNS_BUDGET] = "budget", [RUNS_STOPPED] = "stopped",
    [RUNS_PAUSED] = "paused", [RUNS_FAILED] = "failed", [RUNS_INTERRUPTED] = "interrupted"};

static const char *const columns[] = {"class",    "purged",  "batches",
                                      "failures", "delay_s", "overdue"};

static struct json *class_maps(const struct json *rows)
{
    struct json *list = json_new_list();

    for (size_t i = 0; i < json_count(rows); i++) {
        const struct json *row = json_at(rows, i);
        struct json *map = json_new_map();

        json_set(map, columns[0], json_new_text(json_text_of(json_at(row, 0))));
        for (size_t j = 1; j < COUNT_OF(columns); j++)
            json_set_int(map, columns[j], json_int_of(json_at(row, j), 0));
        json_add(list, map);
    }
    return list;
}

static enum err run_map(const struct vault_record *record, struct json **ret_map)
{
    AUTO(json_free) struct json *body = NULL;
    struct json *map;
    enum err e = json_parse(record->body, &body);

    if (e != ERR_OK || record->state == 0 || record->state >= COUNT_OF(end_names))
        return ERR_CORRUPT;
    map = json_new_map();
    json_set_int(map, "run", (int64_t)record->number);
    receipt_set_instant(map, "started", record->at_ms);
    receipt_set_instant(map, "ended", json_int_of(json_get(body, "ended"), 0));
    json_set_int(map, "passes", json_int_of(json_get(body, "passes"), 0));
    json_set_str(map, "end", end_names[record->state]);
    json_set(map, "clock", json_new_text(json_text_of(json_get(body, "clock"))));
    json_set(map, "classes", class_maps(json_get(body, "classes")));
    *ret_map = map;
    return ERR_OK;
}

enum err runs_list(struct vault *vault, int64_t from_ms, int64_t to_ms, struct json **ret_list)
{
    AUTO(vault_records_close) struct vault_records *records = NULL;
    AUTO(json_free) struct json *list = json_new_list();
    struct vault_record record = {.at_ms = from_ms};
    enum err e = vault_records_open(vault, &records);

    while (e == ERR_OK && (e = vault_record_next_made(records, VAULT_RECORD_RUN, to_ms, &record,
                                                      &record)) == ERR_OK) {
        struct json *map = NULL;

        e = run_map(&record, &map);
        if (e == ERR_OK)
            json_add(list, map);
    }
    if (e != ERR_NOT_FOUND)
        return e;
    *ret_list = TAKE(list);
    return ERR_OK;
}

enum err runs_last(struct vault *vault, struct json **ret_run)
{
    AUTO(vault_records_close) struct vault_records *records = NULL;
    struct vault_record record;
    enum err e = vault_records_open(vault, &records);

    if (e == ERR_OK)
        e = vault_record_last(records, VAULT_RECORD_RUN, &record);
    return e == ERR_OK ? run_map(&record, ret_run) : e;
}
