/* SPDX-License-Identifier: Apache-2.0 */
/* How far long work has come, on standard error: a bar that is drawn over on a terminal, a line a second
 * elsewhere when it was asked for, and nothing otherwise. It shows counts and no value ever. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct progress {
    const char *unit; /* what is counted: "rows"; a literal */
    bool shown;
    bool terminal;
    bool drawn;       /* something stands on the terminal's line */
    bool begun;       /* `first` is known */
    uint64_t first;   /* what was done before: work that goes on is not faster for it */
    int64_t start_ms; /* on the clock that only goes forward */
    int64_t next_ms;  /* not drawn again before */
};

enum { PROGRESS_LINE_MAX = 160 };

/* asked: also where standard error is no terminal (--progress). Draws nothing yet. */
void progress_start(struct progress *p, const char *unit, bool asked);
/* So many of `total` (0: nobody knows how many) are done. Cheap: it may be called for each row. */
void progress_show(struct progress *p, uint64_t done, uint64_t total);
/* Take the bar away, so that what is printed next stands alone; progress_show() may follow. Also AUTO(progress_end). */
void progress_end(struct progress *p);

/* What is shown at `now_ms`: a bar, counts, rate and the time that is left. */
void progress_line(const struct progress *p, uint64_t done, uint64_t total, int64_t now_ms,
                   char ret[PROGRESS_LINE_MAX]);
