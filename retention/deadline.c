/* SPDX-License-Identifier: Apache-2.0 */
/* Deadlines of requests.
 * Runs on: any thread. Holds: nothing. Invariant: the same question always has the same answer; regimes
 * change together with their version. Not here: which day it is for the controller (base/calendar.c),
 * what a request is (requests.c). */
#include "retention/deadline.h"

#include <stddef.h>

#include "base/assert.h"

static const struct regime regimes[] = {
    /* Art. 12(3): a month, three when it is extended. */
    {.name = "gdpr",
     .version = 1,
     .answer = {.months = 1},
     .extended = {.months = 3},
     .rolls = true,
     .pauses = true},
    /* Cal. Civ. Code 1798.130, 11 CCR 7021: confirmed within 10 business days, answered within 45
     * days, 90 when extended, from receipt however long verification takes. */
    {.name = "ccpa",
     .version = 1,
     .answer = {.days = 45},
     .extended = {.days = 90},
     .confirms = true,
     .confirm_days = 10},
    /* Lei 13.709/2018, Art. 19: confirmed at once, the full declaration within 15 days. */
    {.name = "lgpd", .version = 1, .answer = {.days = 15}, .confirms = true},
};

const struct regime *regime_find(struct span name)
{
    for (size_t i = 0; i < COUNT_OF(regimes); i++)
        if (span_equal(name, span_str(regimes[i].name)))
            return &regimes[i];
    return NULL;
}

const struct regime *regime_at(size_t index)
{
    return index < COUNT_OF(regimes) ? &regimes[index] : NULL;
}

struct civil deadline_roll(const struct holidays *holidays, struct civil date)
{
    while (!holidays_is_working_day(holidays, date))
        date = civil_of(civil_days(date) + 1);
    return date;
}

struct civil deadline_working_days(const struct holidays *holidays, struct civil date, int count)
{
    for (int i = 0; i < count; i++)
        date = deadline_roll(holidays, civil_of(civil_days(date) + 1));
    return date;
}

int64_t deadline_hours(int64_t at_ms, int hours)
{
    return at_ms + (int64_t)hours * 3600 * 1000;
}

static struct civil later(struct civil from, struct deadline_length length, int64_t more_days)
{
    return civil_of(civil_days(civil_add_months(from, length.months)) + length.days + more_days);
}

/* The end of a length, with the pause, on a day that counts. */
static struct civil end_of(const struct deadline_question *q, struct deadline_length length,
                           int paused_days)
{
    const struct civil end = later(q->received, length, paused_days);

    return q->regime->rolls ? deadline_roll(q->holidays, end) : end;
}

void deadline_compute(const struct deadline_question *q, struct deadline_dates *ret)
{
    const struct deadline_length length = q->extended ? q->regime->extended : q->regime->answer;
    const int paused = q->regime->pauses ? q->paused_days : 0;
    int64_t target, first, due;

    REQUIRE(length.months != 0 || length.days != 0);
    ret->confirm = deadline_working_days(q->holidays, q->received, q->regime->confirm_days);
    ret->raw = later(q->received, length, 0);
    ret->legal = end_of(q, length, 0);
    ret->due = end_of(q, length, paused);
    ret->first = end_of(q, q->regime->answer, paused);
    first = civil_days(ret->first);
    due = civil_days(ret->due);
    target = civil_days(q->received) + q->target_days + paused;
    ret->target = civil_of((target < first ? target : first) + due - first);
}

enum deadline_standing deadline_standing(struct civil due, struct civil today)
{
    const int64_t left = civil_days(due) - civil_days(today);

    if (left < 0)
        return DEADLINE_PAST;
    return left <= DEADLINE_SOON_DAYS ? DEADLINE_SOON : DEADLINE_ON_TIME;
}

const char *deadline_word(enum deadline_standing standing)
{
    static const char *const words[] = {
        [DEADLINE_ON_TIME] = "on time", [DEADLINE_SOON] = "due soon", [DEADLINE_PAST] = "past due"};

    return words[standing];
}
