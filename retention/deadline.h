/* SPDX-License-Identifier: Apache-2.0 */
/* The clocks of requests: until when the law wants an answer. All of them count civil dates of the
 * controller's; what falls on a day on which nobody works moves to the next one on which somebody does,
 * where the regime says so (Regulation 1182/71, Art. 3). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/civil.h"
#include "base/err.h"
#include "base/span.h"
#include "retention/holidays.h"

/* A length in whole months or in days; one of the two is 0. */
struct deadline_length {
    int months;
    int days;
};

/* What a law says about answering. */
struct regime {
    const char *name;
    int version; /* one more whenever what stands below changes */
    struct deadline_length answer;
    struct deadline_length extended; /* from receipt, too; both 0: cannot be extended */
    bool rolls;                      /* over Saturdays, Sundays and holidays */
    bool confirms; /* receipt must be confirmed, confirm_days working days later */
    int confirm_days;
    bool pauses; /* may the clock stand still while identity is being asked for? */
};

/* "gdpr", "ccpa", "lgpd"; NULL: no such regime. */
const struct regime *regime_find(struct span name);
/* All of them; NULL past the last. */
const struct regime *regime_at(size_t index);

struct deadline_question {
    const struct regime *regime;
    const struct holidays *holidays; /* NULL: weekends only */
    struct civil received;
    bool extended;
    int paused_days; /* that the clock stood still, if the controller's policy has it so */
    int target_days; /* what the controller wants of itself */
};

struct deadline_dates {
    struct civil confirm; /* the regime's, if it confirms */
    struct civil raw;     /* the end by the calendar alone: no holidays, no pause */
    struct civil legal;   /* rolled over days on which nobody works; no pause */
    struct civil due;     /* the same with the pause: what is counted on */
    struct civil first;   /* `due` as it is without an extension: until then one can be decided */
    struct civil target;  /* never past `due`; with an extension as long before it as without */
};

/* Any thread. */
void deadline_compute(const struct deadline_question *question, struct deadline_dates *ret);

/* The first working day from `date` on. */
struct civil deadline_roll(const struct holidays *holidays, struct civil date);
/* The `count`-th working day after `date`; `date` itself when that is 0. */
struct civil deadline_working_days(const struct holidays *holidays, struct civil date, int count);
/* Periods in hours run over nights, weekends and holidays, and care for no change of the clocks: the 72
 * hours of Art. 33(1) from `at_ms`. */
enum { DEADLINE_BREACH_HOURS = 72 };
int64_t deadline_hours(int64_t at_ms, int hours);

/* How a date stands today. SOON: DEADLINE_SOON_DAYS or fewer are left. */
enum { DEADLINE_SOON_DAYS = 5 };
enum deadline_standing { DEADLINE_ON_TIME, DEADLINE_SOON, DEADLINE_PAST };
enum deadline_standing deadline_standing(struct civil due, struct civil today);
/* "on time", "due soon", "past due": a literal. */
const char *deadline_word(enum deadline_standing standing);
