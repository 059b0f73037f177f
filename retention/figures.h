/* SPDX-License-Identifier: Apache-2.0 */
/* What pictures are drawn from: each a small tree of numbers that stands in a table behind the picture, too
 * (docs/REPORTS.md draws them). From counters and indexes, as reports are, so that both say the same, and bounded in
 * size whatever the store holds:
 *
 *   {"figure": NAME, "title", "as_of", "zone", "period", "version", ..., and what the figure has} */
#pragma once

#include <stddef.h>

#include "retention/report.h"

enum {
    FIGURE_WEEKS_AHEAD = 13,
    FIGURE_DAYS = 26 * 7,   /* looked back at, where no period is asked for */
    FIGURE_DAYS_MAX = 1100, /* of a period */
    FIGURE_DAILY_MAX = 35,  /* a longer period is drawn by weeks */
    FIGURE_BUCKETS = 16,    /* of ages */
    FIGURE_STRIPS_MAX = 200 /* requests or holds drawn one by one */
};

struct figure_kind {
    const char *name;
    const char *title;
    /* Add what it has to the tree. Worker thread; blocks shortly. */
    enum err (*build)(const struct report_context *context, struct json *tree);
};

/* NULL: there is none of that name. */
const struct figure_kind *figure_kind_find(struct span name);
/* In the order of the table; NULL past the last. */
const struct figure_kind *figure_kind_at(size_t index);

/* INVALID with a message: the period is too long, or ends before it begins. ret_tree: json_free(). Else as
 * report_make(). */
enum err figure_make(const struct figure_kind *kind, const struct report_context *context,
                     struct json **ret_tree, struct errmsg *msg) MUST_CHECK;
