/* SPDX-License-Identifier: Apache-2.0 */
/* The sweeper.
 * Runs on: a worker thread; blocks. Holds: nothing between passes. Invariant: one batch is one
 * commit of the vault's writer, so a pass that is killed loses no count. Not here: the timer
 * (cli/). */
#include "retention/sweeper.h"

#include <time.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"

enum {
    BATCH_ROWS = 500,     /* at most: the vault does less at a time while values are stored */
    PAUSE_MAX_US = 20000, /* a slow disk shall not slow the sweep down without end */
};

static bool is_over(const struct sweeper_options *o, const struct sweeper_counts *counts)
{
    return (o->stop != NULL && atomic_load(o->stop)) ||
           (o->budget != 0 && counts->purged >= o->budget);
}

/* Stand back for as long as the batch took: whoever tokenizes meanwhile finds an idle writer. */
static void yield_for(int64_t took_us)
{
    const int64_t pause_us = took_us < PAUSE_MAX_US ? took_us : PAUSE_MAX_US;
    const struct timespec pause = {.tv_nsec = (long)pause_us * 1000L};

    (void)nanosleep(&pause, NULL);
}

static enum err purge_class(const struct sweeper_options *o, const struct class_def *def,
                            struct sweeper_counts *counts)
{
    struct vault_due_mark place = {.id = 0};
    uint64_t before = counts->purged;
    enum err result = ERR_OK;
    bool more = true;

    while (more && result == ERR_OK) {
        struct vault_purge_due op = {
            .op = {.kind = VAULT_PURGE_DUE},
            .class_id = vault_class_id(o->vault, def),
            .now_s = o->now_s,
            .limit = BATCH_ROWS,
            .after = place,
        };
        const int64_t start_us = clock_mono_us();

        if (is_over(o, counts)) {
            counts->more = true;
            break;
        }
        result = FAULT_FAILS("purge.fail") ? ERR_IO : vault_run(o->vault, &op.op);
        if (result != ERR_OK)
            break;
        place = op.after;
        counts->purged += op.deleted;
        counts->batches++;
        more = op.more;
        if (more)
            yield_for(clock_mono_us() - start_us);
    }
    if (counts->purged > before)
        log_event(EV_PURGED, F_TEXT("class", span_str(def->name)),
                  F_NUM("values", counts->purged - before));
    return result;
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

enum err sweeper_pass(const struct sweeper_options *o, struct sweeper_counts *counts)
{
    enum err first = ERR_OK;

    *counts = (struct sweeper_counts){0};
    for (size_t i = 0; i < o->classes->count && !counts->more; i++) {
        const struct class_def *def = &o->classes->defs[i];
        enum err result = purge_class(o, def, counts);

        if (result == ERR_OK)
            continue;
        log_event(EV_PURGE_FAILED, F_TEXT("class", span_str(def->name)),
                  F_LIT("error", err_name(result)));
        if (first == ERR_OK)
            first = result;
    }
    if (counts->purged > 0)
        empty_log(o);
    return first;
}
