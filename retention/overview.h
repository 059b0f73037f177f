/* SPDX-License-Identifier: Apache-2.0 */
/* What a data protection officer wants to know first, in one tree (docs/REPORTS.md draws it): is anything overdue, is
 * anything held for ever, which requests run out this week, what was destroyed and can it be proven, who looked at
 * clear data; and the clocks that run. From the same reports, counters and indexes as the reports, so that both say
 * the same. */
#pragma once

#include "retention/report.h"

/* The days that are meant where none are said: today and so many before. */
enum {
    OVERVIEW_DAYS = 30,
    OVERVIEW_DAYS_MAX = 1100,
    OVERVIEW_ROWS_MAX = 50,
    OVERVIEW_WEEK_DAYS = 7
};

/* context: as for a report; with a register of requests. ret_tree: json_free(). Errors as report_make(). Worker
 * thread; blocks shortly, however much the store holds. */
enum err overview_make(const struct report_context *context, struct json **ret_tree,
                       struct errmsg *msg) MUST_CHECK;

/* ---- clocks, for whoever knows of more than the overview does ---- */

/* Add one that runs out, or did, at `at_s` (INT64_MAX: it does not run; it is not shown). `of`: which one of its
 * kind; NULL: there is one. soon_days: from when on it wants attention. Changes "attention" of the tree. */
struct overview_clock {
    const char *clock;
    const char *of;
    int64_t at_s;
    int64_t soon_days;
};
void overview_add_clock(struct json *tree, const struct overview_clock *clock, int64_t now_s);
