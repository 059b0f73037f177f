/* SPDX-License-Identifier: Apache-2.0 */
/* Progress of long work.
 * Runs on: one thread at a time. Holds: nothing. Invariant: on a terminal one line, drawn over at most ten times
 * a second. Not here: what is done. */
#include "cli/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

enum { REDRAW_MS = 100, LINE_MS = 1000, CELLS = 20, RATE_AFTER_MS = 1000, HOUR_S = 3600 };

void progress_start(struct progress *p, const char *unit, bool asked)
{
    const bool terminal = isatty(STDERR_FILENO) == 1;

    *p = (struct progress){.unit = unit,
                           .shown = terminal || asked,
                           .terminal = terminal,
                           .start_ms = clock_mono_ms()};
    p->next_ms = p->start_ms;
}

/* "1:02:03" or "2:03" */
static void write_time(int64_t seconds, char *out, size_t size)
{
    const int64_t hours = seconds / HOUR_S, minutes = seconds % HOUR_S / 60;

    if (hours > 0)
        (void)snprintf(out, size, "%" PRId64 ":%02" PRId64 ":%02" PRId64, hours, minutes,
                       seconds % 60);
    else
        (void)snprintf(out, size, "%" PRId64 ":%02" PRId64, minutes, seconds % 60);
}

static void write_bar(double share, char out[CELLS + 10])
{
    const int full = (int)(share * CELLS);
    char cells[CELLS + 1];

    memset(cells, '.', CELLS);
    memset(cells, '#', (size_t)full);
    cells[CELLS] = '\0';
    (void)snprintf(out, CELLS + 10, "[%s] %3d %%", cells, (int)(share * 100));
}

void progress_line(const struct progress *p, uint64_t done, uint64_t total, int64_t now_ms,
                   char ret[PROGRESS_LINE_MAX])
{
    const int64_t spent_ms = now_ms - p->start_ms;
    const double rate =
        spent_ms > 0 && done > p->first ? (double)(done - p->first) * 1000 / (double)spent_ms : 0;
    char bar[CELLS + 10], time[32], pace[64] = "";

    if (spent_ms >= RATE_AFTER_MS && rate > 0)
        (void)snprintf(pace, sizeof(pace), ", %.0f/s", rate);
    if (total == 0 || done > total) {
        write_time(spent_ms / 1000, time, sizeof(time));
        (void)snprintf(ret, PROGRESS_LINE_MAX, "%" PRIu64 " %s%s, %s", done, p->unit, pace, time);
        return;
    }
    write_bar((double)done / (double)total, bar);
    if (pace[0] != '\0')
        write_time((int64_t)((double)(total - done) / rate), time, sizeof(time));
    (void)snprintf(ret, PROGRESS_LINE_MAX, "%s  %" PRIu64 " of %" PRIu64 " %s%s%s%s%s", bar, done,
                   total, p->unit, pace, pace[0] == '\0' ? "" : ", ", pace[0] == '\0' ? "" : time,
                   pace[0] == '\0' ? "" : " left");
}

void progress_show(struct progress *p, uint64_t done, uint64_t total)
{
    char line[PROGRESS_LINE_MAX];
    int64_t now_ms;

    if (!p->shown)
        return;
    if (!p->begun) {
        p->begun = true;
        p->first = done;
    }
    now_ms = clock_mono_ms();
    if (now_ms < p->next_ms)
        return;
    p->next_ms = now_ms + (p->terminal ? REDRAW_MS : LINE_MS);
    progress_line(p, done, total, now_ms, line);
    (void)fprintf(stderr, p->terminal ? "\r%s\033[K" : "%s\n", line);
    (void)fflush(stderr);
    p->drawn = p->terminal;
}

void progress_end(struct progress *p)
{
    if (!p->drawn)
        return;
    (void)fputs("\r\033[K", stderr);
    (void)fflush(stderr);
    p->drawn = false;
    p->next_ms = 0;
}
