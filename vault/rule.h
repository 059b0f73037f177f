/* SPDX-License-Identifier: Apache-2.0 */
/* A deletion rule (DIN 66398, ISO/IEC 27555): from which event on, and for how long, a value is kept. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/civil.h"
#include "base/conf.h"
#include "base/period.h"

enum rule_limits { RULE_NAME_MAX = 64, RULE_WORDS_MAX = 256, RULE_TIMING_MAX = 192 };

enum rule_start { RULE_CREATED, RULE_LAST_USED, RULE_EVENT };
enum rule_round { RULE_EXACT, RULE_DAY_END, RULE_MONTH_END, RULE_YEAR_END };

struct rule {
    enum rule_start start;
    char *event; /* RULE_EVENT: its name; otherwise NULL */
    struct period period;
    struct period backstop;    /* from created: when it goes even so; none: does not apply */
    struct period minimum;     /* from created: what a law demands; none: nothing */
    char *minimum_law;         /* NULL without a minimum */
    struct period granularity; /* RULE_LAST_USED: steps in which the start moves; none: not said */
    enum rule_round round;     /* kept to the end of the last day, month or year */
    char *owner;               /* who answers for it; NULL: not said */
    struct civil review;       /* when it is to be looked at again; month 0: not said */
};

/* What is known of one value, in seconds since 1970; 0: has not happened. */
struct rule_times {
    int64_t created_s;
    int64_t used_s;
    int64_t event_s;
};

/* When the value is due: from this instant on it stands for nothing. An event that has not come: the
 * backstop. Never before the minimum has ended; while the start has not come, or moves, never after the backstop
 * but for that. Any thread; does not block. */
int64_t rule_due(const struct rule *rule, const struct rule_times *times);
/* When the law stops demanding that a value be kept, rounded as the rule rounds; 0: it never did. */
int64_t rule_minimum_end(const struct rule *rule, int64_t created_s);
/* What due times follow from, as text: equal texts, equal due times. out holds RULE_TIMING_MAX bytes. */
void rule_timing(const struct rule *rule, char out[RULE_TIMING_MAX]);
/* Do the values of such a class fall due in the order in which they were stored? */
bool rule_is_ordered(const struct rule *rule);
/* RULE_LAST_USED: uses move the start in steps of so much: a day unless said, and a tenth of the period at most. 0
 * for other rules. */
int64_t rule_granularity_s(const struct rule *rule);
/* "created", "last_used", "event:NAME". */
void rule_start_text(const struct rule *rule, char out[RULE_NAME_MAX + 8]);
/* "none", "day", "month", "year_end". */
const char *rule_round_name(enum rule_round round);
bool rule_has_review(const struct rule *rule);

/* Read the map `retain:` of a class. CONFIG with its place: no period, an event without a backstop, a
 * minimum that is longer than the period or the backstop or names no law, dates that do not exist. */
enum err rule_read(struct conf_node retain, struct rule *ret, struct errmsg *msg) MUST_CHECK;
void rule_done(struct rule *rule);
/* 1-64 of a-z 0-9 _ -: names of classes, purposes, events. */
bool rule_is_name(const char *text);
/* A text of the operator's for reports: 1-256 bytes without control characters. An absent node leaves *ret
 * alone; otherwise it is a copy of its own. */
enum err rule_read_words(struct conf_node node, char **ret, struct errmsg *msg) MUST_CHECK;
