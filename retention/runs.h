/* SPDX-License-Identifier: Apache-2.0 */
/* Runs of the sweeper, as they are kept: when, how much of which class, how late, why it ended. The
 * passes of an hour are one run. */
#pragma once

#include <stdint.h>

#include "base/err.h"
#include "base/json.h"
#include "vault/classes.h"
#include "vault/vault.h"

struct runs;
struct sweeper_counts;

/* How its last pass ended. Numbers are kept in the database: add at the end. */
enum runs_end {
    RUNS_DONE = 1,   /* nothing was left to do */
    RUNS_BUDGET,     /* a bound was reached; the next pass went on */
    RUNS_STOPPED,    /* the server stopped */
    RUNS_PAUSED,     /* a class was left out: far more was due than was foreseen */
    RUNS_FAILED,     /* a class failed */
    RUNS_INTERRUPTED /* the process ended in the middle; the numbers are right all the same */
};

/* The vault must outlive it. runs_free() ends it. */
struct runs *runs_new(struct vault *vault);
void runs_free(struct runs **runs);

/* A pass begins: under which number what it destroys is counted. The first pass of a process looks
 * whether an earlier one was interrupted, and sets its record right. Of one thread, as are the others;
 * blocks. What cannot be written is logged. */
int64_t runs_begin(struct runs *runs, int64_t now_ms);
/* This class failed in the pass under way. */
void runs_count_failure(struct runs *runs, uint16_t class_id);
/* The pass has ended. It is recorded when it destroyed something, failed, paused a class, or when
 * nothing was recorded for a day. */
void runs_end(struct runs *runs, const struct classes *classes, const struct sweeper_counts *counts,
              enum runs_end end, int64_t now_ms);

/* Runs that began in [from_ms, to_ms), the oldest first, as a list of
 * {"run", "started", "ended", "passes", "end", "clock", "classes": [{"class", "purged", "batches",
 * "failures", "delay_s", "overdue"}]}. delay_s: the longest, from due to destroyed; overdue: values that
 * were left, to the day. ret_list: json_free(). IO, CORRUPT. Any thread; blocks. */
enum err runs_list(struct vault *vault, int64_t from_ms, int64_t to_ms, struct json **ret_list)
    MUST_CHECK;
/* The last of them. NOT_FOUND: none was recorded yet. */
enum err runs_last(struct vault *vault, struct json **ret_run) MUST_CHECK;
