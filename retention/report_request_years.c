/* SPDX-License-Identifier: Apache-2.0 */
/* Requests by year, law and right: what must be published each year (11 CCR 7102), and what a board asks.
 * Runs on: a worker thread; blocks. Holds: nothing. Not here: the register (requests.c), single requests
 * (report_requests.c). */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/civil.h"
#include "base/mem.h"
#include "retention/report_priv.h"
#include "retention/requests.h"

enum { DAYS_MAX = 400, LINES_MAX = 1024 };

static const struct report_column columns[] = {
    {"year", "Year", REPORT_COUNT, false},
    {"regime", "Regime", REPORT_TEXT, false},
    {"right", "Right", REPORT_TEXT, false},
    {"received", "Received", REPORT_COUNT, false},
    {"open", "Open", REPORT_COUNT, false},
    {"granted", "Granted", REPORT_COUNT, false},
    {"partly", "Partly", REPORT_COUNT, false},
    {"refused", "Refused", REPORT_COUNT, false},
    {"not_identifiable", "Not identifiable", REPORT_COUNT, false},
    {"withdrawn", "Withdrawn", REPORT_COUNT, false},
    {"answered", "Answered", REPORT_COUNT, false},
    {"answered_late", "Answered late", REPORT_COUNT, false},
    {"days_mean", "Mean days", REPORT_COUNT, false},
    {"days_median", "Median days", REPORT_COUNT, false},
};

static const char *const outcomes[] = {"pending", "granted",          "partly",
                                       "refused", "not_identifiable", "withdrawn"};

enum { OUTCOMES = 6 };

/* Of one year, law and right. */
struct line {
    int year;
    char regime[16];
    enum request_right right;
    uint64_t received, answered, late;
    uint64_t of[OUTCOMES];
    int64_t days;
    uint32_t by_days[DAYS_MAX + 1]; /* answered after so many, or more */
};

struct lines {
    struct line *at[LINES_MAX];
    size_t count;
};

static void lines_done(struct lines *lines)
{
    for (size_t i = 0; i < lines->count; i++)
        free(lines->at[i]);
}

/* NULL: there are too many, which no register has. */
static struct line *find_line(struct lines *lines, int year, struct span regime,
                              enum request_right right)
{
    struct line *line;

    for (size_t i = 0; i < lines->count; i++) {
        line = lines->at[i];
        if (line->year == year && line->right == right &&
            span_equal(regime, span_str(line->regime)))
            return line;
    }
    if (lines->count == LINES_MAX || regime.len >= sizeof(line->regime))
        return NULL;
    line = mem_alloc(sizeof(*line));
    line->year = year;
    line->right = right;
    if (regime.len > 0)
        memcpy(line->regime, regime.at, regime.len);
    lines->at[lines->count++] = line;
    return line;
}

static void count_right(struct line *line, const struct request_gist *gist, struct span outcome)
{
    int64_t days = gist->days_used;

    line->received++;
    for (size_t i = 0; i < OUTCOMES; i++)
        line->of[i] += span_equal(outcome, span_str(outcomes[i]));
    if (!gist->answered)
        return;
    line->answered++;
    line->late += !gist->in_time;
    line->days += days;
    days = days < 0 ? 0 : (days > DAYS_MAX ? DAYS_MAX : days);
    line->by_days[days]++;
}

static enum err count_request(struct lines *lines, const struct report_context *c,
                              const struct request_gist *gist)
{
    const int64_t day = civil_days(gist->received);

    if (day < c->from_day || day >= c->to_day)
        return ERR_OK;
    for (size_t i = 0; i < gist->right_count; i++) {
        const struct request_gist_right *entry = &gist->rights[i];
        struct line *line = find_line(lines, gist->received.year, gist->regime, entry->right);

        if (line == NULL)
            return ERR_TOO_LARGE;
        count_right(line, gist, entry->outcome);
    }
    return ERR_OK;
}

static int compare_lines(const void *a, const void *b)
{
    const struct line *x = *(struct line *const *)a, *y = *(struct line *const *)b;
    const int regimes = strcmp(x->regime, y->regime);

    if (x->year != y->year)
        return x->year < y->year ? 1 : -1; /* the latest first */
    if (regimes != 0)
        return regimes;
    return x->right < y->right ? -1 : x->right > y->right;
}

static int64_t median(const struct line *line)
{
    uint64_t seen = 0;
    int64_t days = 0;

    for (; days < DAYS_MAX; days++) {
        seen += line->by_days[days];
        if (seen * 2 >= line->answered)
            break;
    }
    return days;
}

static enum err add_line(struct report *report, const struct line *line)
{
    struct json *row;
    enum err e = report_row(report, &row);

    if (e != ERR_OK)
        return e;
    json_set_int(row, "year", line->year);
    json_set_str(row, "regime", line->regime);
    json_set_str(row, "right", request_right_word(line->right));
    json_set_int(row, "received", (int64_t)line->received);
    json_set_int(row, "open", (int64_t)line->of[0]);
    for (size_t i = 1; i < OUTCOMES; i++)
        json_set_int(row, outcomes[i], (int64_t)line->of[i]);
    json_set_int(row, "answered", (int64_t)line->answered);
    json_set_int(row, "answered_late", (int64_t)line->late);
    json_set(row, "days_mean", json_new_null());
    json_set(row, "days_median", json_new_null());
    if (line->answered > 0) {
        json_set_int(row, "days_mean", line->days / (int64_t)line->answered);
        json_set_int(row, "days_median", median(line));
    }
    return ERR_OK;
}

static enum err count_all(struct lines *lines, const struct report_context *c)
{
    AUTO(request_walk_close) struct request_walk *walk = NULL;
    enum err e = request_walk_open(c->requests, UINT64_MAX, 0, &walk);

    while (e == ERR_OK) {
        struct request_gist gist;

        e = request_walk_gist(walk, &gist);
        if (e == ERR_OK)
            e = count_request(lines, c, &gist);
    }
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

static enum err build(const struct report_context *c, struct report *report, struct errmsg *msg)
{
    AUTO(lines_done) struct lines lines = {.count = 0};
    enum err e;

    if (c->requests == NULL)
        return errmsg_set(msg, ERR_NOT_FOUND, "there is no register of requests here");
    e = count_all(&lines, c);
    qsort(lines.at, lines.count, sizeof(lines.at[0]), compare_lines);
    for (size_t i = 0; e == ERR_OK && i < lines.count; i++)
        e = add_line(report, lines.at[i]);
    return e;
}

const struct report_kind report__request_years = {
    .name = "request-years",
    .title = "Requests of persons by year",
    .columns = columns,
    .column_count = COUNT_OF(columns),
    .build = build,
};
