/* SPDX-License-Identifier: Apache-2.0 */
/* The sweeper.
 * Runs on: a worker thread; blocks. Holds: nothing between passes. Invariant: one batch is one
 * commit of the vault's writer, so a pass that is killed loses no count; a class of which far more is
 * due than was foreseen is paused before anything of it is destroyed. Not here: the timer
 * (cli/), what is too much (breaker.c), what is remembered of passes (runs.c). */
#include "retention/sweeper.h"

#include <time.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/mem.h"
#include "retention/runs.h"
#include "retention/timers.h"
#include "vault/audit.h"

enum {
    BATCH_ROWS = 500,     /* at most: the vault does less at a time while values are stored */
    PAUSE_MAX_US = 20000, /* a slow disk shall not slow the sweep down without end */
    FORESEE_EVERY_S = 3600
};

/* What a pass does with one class. */
struct turn {
    const struct class_def *def;
    uint16_t class_id;
    bool more;
    uint64_t purged;
    uint64_t allowed; /* more rows than that cannot be due */
    struct vault_due_mark place;
};

struct pass {
    const struct sweeper_options *o;
    struct sweeper_counts *counts;
    struct turn *turns;
    int64_t run; /* what is destroyed counts as of this one; 0: of none */
    enum err first;
    struct vault_purge_foreseen *foreseen; /* to be remembered */
    size_t foreseen_count;
};

static bool is_over(const struct pass *p)
{
    return (p->o->stop != NULL && atomic_load(p->o->stop)) ||
           (p->o->budget != 0 && p->counts->purged >= p->o->budget);
}

static void fail(struct pass *p, struct turn *t, const char *step, enum err e)
{
    log_event(EV_PURGE_FAILED, F_TEXT("class", span_str(t->def->name)), F_LIT("step", step),
              F_LIT("error", err_name(e)));
    if (p->first == ERR_OK)
        p->first = e;
    t->more = false;
    p->counts->failures++;
    if (p->o->runs != NULL)
        runs_count_failure(p->o->runs, t->class_id);
}

/* ---- before anything is destroyed ---- */

/* Who reads the trail sees why nothing of the class was destroyed since. */
static void record_pause(const struct pass *p, const struct turn *t)
{
    const struct audit_record record = {.action = AUDIT_PURGE,
                                        .outcome = AUDIT_REFUSED,
                                        .role = AUDIT_SYSTEM,
                                        .who = SPAN_LIT("sweeper"),
                                        .operation = SPAN_LIT("retention.pause"),
                                        .object = span_str(t->def->name)};

    audit_note(vault_audit(p->o->vault), &record);
}

/* A class that could not be paused is left alone in this pass all the same. */
static void pause_class(struct pass *p, struct turn *t, enum vault_purge_why why,
                        const struct vault_purge_outlook *outlook)
{
    const struct vault_purge_pause pause = {.class_id = t->class_id,
                                            .why = why,
                                            .at_ms = p->o->now_s * 1000,
                                            .due = outlook->due,
                                            .forecast = outlook->forecast};
    struct vault_purge_note op = {.op = {.kind = VAULT_PURGE_NOTE}, .pause = &pause};
    enum err e = vault_run(p->o->vault, &op.op);

    log_event(EV_PURGE_PAUSED, F_TEXT("class", span_str(t->def->name)), F_NUM("due", outlook->due),
              F_NUM("forecast", outlook->forecast));
    record_pause(p, t);
    p->counts->paused++;
    p->counts->tripped++;
    t->more = false;
    if (e != ERR_OK)
        fail(p, t, "pause", e);
}

/* How it looked is remembered now and then: what is due later is compared with it. */
static void remember(struct pass *p, const struct vault_purge_outlook *outlook)
{
    const int64_t age_s = p->o->now_s - outlook->foreseen_s;

    if (!outlook->is_known || age_s >= FORESEE_EVERY_S || age_s < 0)
        p->foreseen[p->foreseen_count++] = outlook->next;
}

static void look(struct pass *p, struct turn *t, struct vault_purges *purges)
{
    struct vault_purge_outlook outlook;
    enum err e;

    if (vault_purge_is_paused(p->o->vault, t->class_id)) {
        p->counts->paused++;
        t->more = false;
        return;
    }
    e = FAULT_FAILS("purge.look") ? ERR_IO
                                  : vault_purge_look(purges, t->class_id, p->o->now_s, &outlook);
    if (e != ERR_OK) {
        fail(p, t, "look", e);
        return;
    }
    t->allowed = outlook.due + (uint64_t)p->o->breaker->at_least;
    if (breaker_trips(p->o->breaker, &outlook))
        pause_class(p, t, VAULT_PURGE_UNFORESEEN, &outlook);
    else
        remember(p, &outlook);
}

/* Without a look nothing is destroyed. */
static void look_at_all(struct pass *p)
{
    AUTO(vault_purges_close) struct vault_purges *purges = NULL;
    struct vault_purge_note op = {.op = {.kind = VAULT_PURGE_NOTE}};
    enum err e = vault_purges_open(p->o->vault, &purges);

    for (size_t i = 0; i < p->o->classes->count; i++) {
        if (e == ERR_OK)
            look(p, &p->turns[i], purges);
        else
            fail(p, &p->turns[i], "look", e);
    }
    if (p->foreseen_count == 0)
        return;
    op.foreseen = p->foreseen;
    op.foreseen_count = p->foreseen_count;
    e = vault_run(p->o->vault, &op.op);
    if (e != ERR_OK) /* what was foreseen before still holds */
        log_event(EV_PURGE_FAILED, F_LIT("step", "foresee"), F_LIT("error", err_name(e)));
}

/* ---- destroying ---- */

/* Stand back for as long as the batch took: whoever tokenizes meanwhile finds an idle writer. */
static void yield_for(int64_t took_us)
{
    const int64_t pause_us = took_us < PAUSE_MAX_US ? took_us : PAUSE_MAX_US;
    const struct timespec pause = {.tv_nsec = (long)pause_us * 1000L};

    (void)nanosleep(&pause, NULL);
}

static void purge_batch(struct pass *p, struct turn *t)
{
    struct vault_purge_due op = {
        .op = {.kind = VAULT_PURGE_DUE},
        .class_id = t->class_id,
        .now_s = p->o->now_s,
        .run = p->run,
        .limit = BATCH_ROWS,
        .after = t->place,
    };
    const int64_t start_us = clock_mono_us();
    enum err e = FAULT_FAILS("purge.fail") ? ERR_IO : vault_run(p->o->vault, &op.op);

    if (e != ERR_OK) {
        fail(p, t, "delete", e);
        return;
    }
    t->place = op.after;
    t->purged += op.deleted;
    t->more = op.more;
    p->counts->purged += op.deleted;
    p->counts->batches++;
    if (op.more)
        yield_for(clock_mono_us() - start_us);
}

/* The counters know of every row. When more rows are due than they say, somebody has been at the
 * database: what is left of the class stays until somebody has looked. */
static void check_count(struct pass *p, struct turn *t)
{
    const struct vault_purge_outlook outlook = {.due = t->purged, .forecast = t->allowed};

    if (p->o->breaker != NULL && t->more && t->purged > t->allowed)
        pause_class(p, t, VAULT_PURGE_UNCOUNTED, &outlook);
}

/* One batch of each class after the other, so that none waits for another's millions. */
static void purge_in_turns(struct pass *p)
{
    bool any = true;

    while (any) {
        any = false;
        for (size_t i = 0; i < p->o->classes->count; i++) {
            struct turn *t = &p->turns[i];

            if (!t->more)
                continue;
            if (is_over(p)) {
                p->counts->more = true;
                return;
            }
            purge_batch(p, t);
            check_count(p, t);
            any = any || t->more;
        }
    }
}

/* Deleted rows leave their ciphertext in the write-ahead log, and their person's key lives on. A
 * reader may hold the log back for now: then the next pass that destroys something empties it. */
static void empty_log(const struct sweeper_options *o)
{
    struct vault_truncate op = {.op = {.kind = VAULT_TRUNCATE}};
    enum err result = vault_run(o->vault, &op.op);

    if (result != ERR_OK && result != ERR_BUSY && result != ERR_CANCELED)
        log_event(EV_PURGE_FAILED, F_LIT("step", "truncate"), F_LIT("error", err_name(result)));
}

static void tell(const struct pass *p)
{
    for (size_t i = 0; i < p->o->classes->count; i++)
        if (p->turns[i].purged > 0)
            log_event(EV_PURGED, F_TEXT("class", span_str(p->turns[i].def->name)),
                      F_NUM("values", p->turns[i].purged));
}

static enum runs_end end_of(const struct pass *p)
{
    if (p->counts->failures > 0)
        return RUNS_FAILED;
    if (p->counts->more)
        return p->o->stop != NULL && atomic_load(p->o->stop) ? RUNS_STOPPED : RUNS_BUDGET;
    return p->counts->paused > 0 ? RUNS_PAUSED : RUNS_DONE;
}

enum err sweeper_pass(const struct sweeper_options *o, struct sweeper_counts *counts)
{
    const size_t count = o->classes->count > 0 ? o->classes->count : 1;
    AUTO(mem_free) struct turn *turns = mem_alloc(count * sizeof(*turns));
    AUTO(mem_free)
    struct vault_purge_foreseen *foreseen = mem_alloc(count * sizeof(*foreseen));
    struct pass p = {.o = o, .counts = counts, .turns = turns, .foreseen = foreseen};

    *counts = (struct sweeper_counts){0};
    for (size_t i = 0; i < o->classes->count; i++)
        turns[i] = (struct turn){.def = &o->classes->defs[i],
                                 .class_id = vault_class_id(o->vault, &o->classes->defs[i]),
                                 .more = true};
    if (o->runs != NULL)
        p.run = runs_begin(o->runs, o->now_s * 1000);
    p.first = timers_finish(o->vault, o->stop); /* first: they may make rows due */
    if (p.first != ERR_OK)
        log_event(EV_PURGE_FAILED, F_LIT("step", "events"), F_LIT("error", err_name(p.first)));
    if (o->breaker != NULL)
        look_at_all(&p);
    purge_in_turns(&p);
    tell(&p);
    if (counts->purged > 0)
        empty_log(o);
    if (o->runs != NULL)
        runs_end(o->runs, o->classes, counts, end_of(&p), o->now_s * 1000);
    return p.first;
}
