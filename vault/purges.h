/* SPDX-License-Identifier: Apache-2.0 */
/* What must be known of purges beyond the rows they delete: what each run of the sweeper destroyed, how
 * much was foreseen to be due, and which classes are paused because far more is due than that. Counts,
 * classes and times only. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "vault/vault.h"

/* ---- figures of runs ---- */

/* What one run destroyed of one class: counted in the commits that deleted, so that no kill loses any. */
struct vault_purge_figures {
    int64_t run; /* as struct vault_purge_due named it */
    uint16_t class_id;
    uint64_t purged;
    uint64_t batches;
    int64_t delay_s; /* the longest, from due to destroyed */
};

/* ---- what is foreseen ---- */

enum { VAULT_FORESEEN_DAYS = 128 };

/* What was due, and would be in the days to come, when a purge looked last and found it as foreseen. */
struct vault_purge_foreseen {
    uint16_t class_id;
    int64_t at_s;     /* when that was */
    int64_t leapt_ms; /* how far operators had let the clock leap by then, in all */
    uint64_t created; /* values stored by then, ever */
    uint64_t purged;  /* values whose time was over and that were destroyed by then, ever */
    /* Values by the day they fall due; the first counts everything that was due before, too. */
    uint64_t due[VAULT_FORESEEN_DAYS];
};

/* Numbers are kept in the database: add at the end. */
enum vault_purge_why {
    VAULT_PURGE_UNFORESEEN = 1, /* far more is due than was foreseen */
    VAULT_PURGE_UNCOUNTED,      /* more rows were due than the counters know of */
};

struct vault_purge_pause {
    uint16_t class_id;
    enum vault_purge_why why;
    int64_t at_ms;
    uint64_t due;      /* what was due by the end of that day */
    uint64_t forecast; /* what was foreseen to be */
};

/* How it looks with one class. Days are UTC, as the counters' are: `due` and `forecast` include what
 * falls due later today. At most `forecast` were to be expected; it is `due` when nothing is known. */
struct vault_purge_outlook {
    uint64_t items;
    uint64_t overdue; /* since yesterday or longer */
    uint64_t due;
    uint64_t forecast;
    bool is_known;                    /* something was foreseen before */
    int64_t foreseen_s;               /* ... when; 0: never */
    struct vault_purge_foreseen next; /* for the next look, when this one found all well */
};

/* A connection of its own for one thread: open it, look, close it. */
struct vault_purges;

/* Any thread, not inside the writer's done. Blocks shortly. */
enum err vault_purges_open(struct vault *v, struct vault_purges **ret_purges) MUST_CHECK;
void vault_purges_close(struct vault_purges **purges);
enum err vault_purge_look(struct vault_purges *p, uint16_t class_id, int64_t now_s,
                          struct vault_purge_outlook *ret) MUST_CHECK;
/* The first figures past run and class of `after` (NULL: from the beginning). NOT_FOUND past the last. */
enum err vault_purge_figures_next(struct vault_purges *p, const struct vault_purge_figures *after,
                                  struct vault_purge_figures *ret) MUST_CHECK;
/* NOT_FOUND: the class is not paused. */
enum err vault_purge_pause_get(struct vault_purges *p, uint16_t class_id,
                               struct vault_purge_pause *ret) MUST_CHECK;
/* Any thread; does not block. */
bool vault_purge_is_paused(const struct vault *v, uint16_t class_id);

/* ---- writing ---- */

/* Any of these, in one commit. A class that is paused is not purged (CONFLICT) until it is resumed. */
struct vault_purge_note {
    struct vault_op op; /* kind VAULT_PURGE_NOTE */
    const struct vault_purge_foreseen *foreseen;
    size_t foreseen_count;
    const struct vault_purge_pause *pause; /* NULL: none. One that is paused stays as it is */
    uint16_t resume; /* what is due now is as it should be: foresee from there, and go on; 0: none.
                         * NOT_FOUND: the store has no such class */
    int64_t forget_run; /* figures of runs before this one are forgotten */
};
