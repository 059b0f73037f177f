/* SPDX-License-Identifier: Apache-2.0 */
/* The sweeper's timer.
 * Runs on: the control loop; passes run in libuv's worker pool. Holds: one timer, one work request.
 * Invariant: there is never more than one pass at a time. Not here: what a pass does (retention/).
 */
#include "cli/housekeeping.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "admin/proposals.h"
#include "base/assert.h"
#include "base/calendar.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "retention/access_days.h"
#include "retention/audit_check.h"
#include "retention/consents.h"
#include "retention/retiming.h"
#include "retention/runs.h"
#include "retention/recount.h"
#include "retention/renewal.h"
#include "retention/sweeper.h"
#include "vault/audit.h"

enum { HOUSEKEEPING_MAGIC = 0x6c68736b };

/* Between two passes erasures and the clock are looked after: a pass does not take all day. */
enum { PASS_ROWS = 200000 };

/* An erasure that failed to verify reads the whole store each time it is tried. */
static const int64_t RESUME_EVERY_MS = 600000;
/* Closed requests stay for years: an hour more is nothing. */
static const int64_t FORGET_EVERY_MS = 3600000;
/* All rows are counted at this time of the controller's day, when few people ask. */
static const int64_t RECOUNT_HOUR_S = 2 * 3600;
static const int64_t RECOUNT_AGAIN_S = 3600; /* after one that failed */

struct housekeeping {
    uint32_t magic;
    struct housekeeping_options options;
    uv_timer_t timer;
    uv_work_t work;
    bool working;
    bool rules_resumed; /* worker thread */
    bool timer_open;
    atomic_bool stop;
    struct runs *runs;            /* worker thread */
    bool more;                    /* worker thread, then loop thread: the pass ended at its bound */
    enum vault_clock_state clock; /* worker thread: as it was told last */
    int64_t resume_at_ms;         /* worker thread; by the monotonic clock, as is the next */
    int64_t forget_at_ms;
    uint64_t heads_lost, audit_failures; /* worker thread: as they were told last */
    int64_t recount_at_s;                /* worker thread; by the vault's clock, as is the next */
    int64_t audit_check_at_s;
    housekeeping_stopped_fn stopped;
    void *context;
};

/* What was being applied when the last server ended; later only after a failure. */
static void resume_rules(struct housekeeping *h)
{
    enum err e;

    if (h->rules_resumed || atomic_load(&h->stop))
        return;
    e = retiming_resume(h->options.vault);
    h->rules_resumed = e == ERR_OK;
    if (e != ERR_OK && e != ERR_CANCELED)
        log_event(EV_RULES_FAILED, F_LIT("error", err_name(e)));
}

static void resume_erasures(struct housekeeping *h)
{
    struct erasure_resumed resumed;
    enum err e;

    if (clock_mono_ms() < h->resume_at_ms)
        return;
    e = erasure_resume_all(h->options.erasures, &resumed);
    if (e != ERR_OK && e != ERR_CANCELED)
        log_event(EV_ERASURE_FAILED, F_LIT("step", "resume"), F_LIT("error", err_name(e)));
    h->resume_at_ms = clock_mono_ms() + RESUME_EVERY_MS;
}

static void run_proposals(struct housekeeping *h)
{
    enum err e = h->options.admin == NULL ? ERR_OK : proposals_run_due(h->options.admin);

    if (e != ERR_OK && e != ERR_CANCELED)
        log_event(EV_PROPOSAL_RUN, F_LIT("outcome", err_name(e)));
}

static void forget_requests(struct housekeeping *h)
{
    size_t count;

    if (h->options.requests == NULL || clock_mono_ms() < h->forget_at_ms)
        return;
    (void)!requests_forget(h->options.requests, &count); /* the next time tries again */
    h->forget_at_ms = clock_mono_ms() + FORGET_EVERY_MS;
}

/* Who lifts a hold carries out what waited for it; this is for when he was stopped on the way. */
static void run_waiting(struct housekeeping *h)
{
    struct erasure_resumed resumed;
    enum err e = erasure_run_waiting(h->options.erasures, &resumed);

    if (e != ERR_OK && e != ERR_CANCELED)
        log_event(EV_ERASURE_FAILED, F_LIT("step", "resume"), F_LIT("error", err_name(e)));
}

/* What rests on consent that was withdrawn, where whoever recorded that was stopped on the way. */
static void finish_consents(struct housekeeping *h)
{
    struct consent_effect effect;
    enum err e = consents_finish(h->options.erasures, 0, &effect);

    if (e != ERR_OK && e != ERR_CANCELED)
        log_event(EV_ERASURE_FAILED, F_LIT("step", "consent"), F_LIT("error", err_name(e)));
}

static int64_t next_night(int64_t now_s)
{
    const struct civil today = calendar_date(now_s);
    const int64_t night_s = calendar_start(today) + RECOUNT_HOUR_S;

    return night_s > now_s ? night_s
                           : calendar_start(civil_of(civil_days(today) + 1)) + RECOUNT_HOUR_S;
}

static void recount(struct housekeeping *h)
{
    const int64_t now_s = vault_now_s(h->options.vault);
    struct recount_result result;
    enum err e;

    if (h->recount_at_s == 0)
        h->recount_at_s = next_night(now_s);
    if (now_s < h->recount_at_s)
        return;
    e = recount_run(h->options.vault, &h->stop, &result);
    if (e != ERR_OK && e != ERR_CANCELED)
        log_event(EV_RECOUNT_FAILED, F_LIT("error", err_name(e)));
    h->recount_at_s =
        e == ERR_OK && result.uncounted == 0 ? next_night(now_s) : now_s + RECOUNT_AGAIN_S;
}

/* Once a night, after the rows. */
static void check_audit(struct housekeeping *h)
{
    const int64_t now_s = vault_now_s(h->options.vault);
    enum err e;

    if (h->audit_check_at_s == 0)
        h->audit_check_at_s = next_night(now_s);
    if (now_s < h->audit_check_at_s)
        return;
    e = audit_check_run(h->options.vault, &h->stop);
    if (e != ERR_OK && e != ERR_CANCELED)
        log_event(EV_AUDIT_CHECK_FAILED, F_LIT("error", err_name(e)));
    h->audit_check_at_s = e == ERR_OK ? next_night(now_s) : now_s + RECOUNT_AGAIN_S;
}

/* So that whoever opens the overview does not wait. What fails is tried again, by the next pass or the overview. */
static void add_up_access(struct housekeeping *h)
{
    (void)!access_days_update(h->options.vault, &h->stop);
}

/* What was kept under an exception goes when that ends. */
static void end_exceptions(struct housekeeping *h)
{
    size_t count = 0;
    const enum err e = erasure_end_exceptions(h->options.erasures, &count);

    if (e != ERR_OK && e != ERR_CANCELED)
        log_event(EV_ERASURE_FAILED, F_LIT("step", "exception"), F_LIT("error", err_name(e)));
}

/* Each change once. */
static void tell_clock(struct housekeeping *h)
{
    const enum vault_clock_state state = vault_clock(h->options.vault);

    if (state != h->clock && state == VAULT_CLOCK_BEHIND)
        log_event(EV_CLOCK_BEHIND);
    if (state != h->clock && state == VAULT_CLOCK_AHEAD)
        log_event(EV_CLOCK_AHEAD);
    h->clock = state;
}

/* What went because its time was over. Passes that found nothing are not recorded. */
static void record_sweep(const struct housekeeping *h, const struct sweeper_counts *counts,
                         enum err result)
{
    char object[32];
    struct audit_record record = {.action = AUDIT_PURGE,
                                  .outcome = result == ERR_OK ? AUDIT_DONE : AUDIT_FAILED,
                                  .role = AUDIT_SYSTEM,
                                  .who = SPAN_LIT("sweeper")};

    if (counts->purged == 0 && result == ERR_OK)
        return;
    (void)snprintf(object, sizeof(object), "values %" PRIu64, counts->purged);
    record.object = span_str(object);
    if (result != ERR_OK)
        record.error = span_str(err_name(result));
    audit_note(vault_audit(h->options.vault), &record);
}

/* The trail's own troubles, each once. */
static void tell_audit(struct housekeeping *h)
{
    struct audit_figures now;

    audit_figures(vault_audit(h->options.vault), &now);
    if (now.heads_lost > h->heads_lost)
        log_event(EV_AUDIT_HEADS_LOST, F_NUM("count", now.heads_lost - h->heads_lost));
    if (now.failures > h->audit_failures)
        log_event(EV_AUDIT_FAILED, F_NUM("records", now.failures - h->audit_failures));
    h->heads_lost = now.heads_lost;
    h->audit_failures = now.failures;
}

/* Values that get new tokens: some seconds' worth. */
static void renew(struct housekeeping *h)
{
    bool more = false;

    (void)!renewal_run(h->options.vault, &h->stop, &more); /* it says itself what failed */
    h->more = h->more || more;
}

/* Worker thread. */
static void on_work(uv_work_t *work)
{
    struct housekeeping *h = CONTAINER_OF(work, struct housekeeping, work);
    struct sweeper_options sweep = {
        .vault = h->options.vault,
        .classes = vault_classes(h->options.vault),
        .now_s = vault_now_s(h->options.vault),
        .budget = PASS_ROWS,
        .stop = &h->stop,
        .breaker = h->options.breaker,
        .runs = h->runs,
    };
    struct sweeper_counts counts = {.purged = 0};

    tell_clock(h);
    resume_rules(h);
    resume_erasures(h);
    run_proposals(h);
    end_exceptions(h);
    forget_requests(h);
    run_waiting(h);
    finish_consents(h);
    h->more = false;
    if (atomic_load(&h->stop))
        return;
    record_sweep(h, &counts, sweeper_pass(&sweep, &counts)); /* the next pass tries again */
    tell_audit(h);
    add_up_access(h);
    h->more = counts.more;
    if (!h->more && !atomic_load(&h->stop))
        recount(h);
    if (!h->more && !atomic_load(&h->stop))
        check_audit(h);
    renew(h); /* last: there may be more of it for hours, and nothing else shall wait */
}

static void free_when_done(struct housekeeping *h)
{
    if (h->timer_open || h->working)
        return;
    h->stopped(h->context);
    runs_free(&h->runs);
    h->magic = 0;
    free(h);
}

static void start_pass(struct housekeeping *h);

static void on_worked(uv_work_t *work, int status UNUSED)
{
    struct housekeeping *h = CONTAINER_OF(work, struct housekeeping, work);

    REQUIRE(h->magic == HOUSEKEEPING_MAGIC);
    h->working = false;
    if (atomic_load(&h->stop))
        free_when_done(h);
    else if (h->more)
        start_pass(h); /* without waiting for the timer */
}

static void start_pass(struct housekeeping *h)
{
    h->working = true;
    REQUIRE(uv_queue_work(h->options.loop, &h->work, on_work, on_worked) == 0);
}

static void on_timer(uv_timer_t *timer)
{
    struct housekeeping *h = timer->data;

    REQUIRE(h->magic == HOUSEKEEPING_MAGIC);
    if (!h->working)
        start_pass(h);
}

struct housekeeping *housekeeping_start(const struct housekeeping_options *options)
{
    struct housekeeping *h = mem_alloc(sizeof(*h));

    h->magic = HOUSEKEEPING_MAGIC;
    h->options = *options;
    h->runs = runs_new(options->vault);
    h->timer_open = true;
    REQUIRE(uv_timer_init(options->loop, &h->timer) == 0);
    h->timer.data = h;
    REQUIRE(uv_timer_start(&h->timer, on_timer, 0, (uint64_t)options->interval_ms) == 0);
    return h;
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct housekeeping *h = handle->data;

    REQUIRE(h->magic == HOUSEKEEPING_MAGIC);
    h->timer_open = false;
    free_when_done(h);
}

void housekeeping_stop(struct housekeeping **housekeeping, housekeeping_stopped_fn stopped,
                       void *context)
{
    struct housekeeping *h = TAKE(*housekeeping);

    if (h == NULL)
        return;
    h->stopped = stopped;
    h->context = context;
    atomic_store(&h->stop, true);
    uv_close((uv_handle_t *)&h->timer, on_timer_closed);
}
