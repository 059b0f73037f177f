/* SPDX-License-Identifier: Apache-2.0 */
/* ISO 8601 periods ("P2Y", "P90D", "P1Y6M", "PT3S") and adding them to an instant. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/span.h"

struct period {
    int32_t months;  /* years are twelve of these; calendar arithmetic */
    int32_t days;    /* weeks are seven of these; a day of 23 or 25 hours is one */
    int64_t seconds; /* hours, minutes and seconds: as they pass */
};

enum { PERIOD_TEXT_MAX = 64 };

/* Parse after ISO 8601-1:2019 5.5.2 (no fractions, no negative parts, at least one part, not zero,
 * at most 1000 years). INVALID otherwise. */
enum err period_parse(struct span text, struct period *ret) MUST_CHECK;
/* In ISO 8601 again, in the largest units that say the same ("P14D" for "P2W"); "P0D" when it is none.
 * out holds at least PERIOD_TEXT_MAX bytes. */
void period_format(const struct period *p, char out[PERIOD_TEXT_MAX]);
bool period_is_none(const struct period *p);
/* The instant (seconds since 1970) one period later by the calendar of UTC; for that of the controller see
 * calendar.h. A day that the month does not have becomes its last day. Saturates at year 9999. */
int64_t period_add(int64_t from_s, const struct period *p);
/* -1, 0, 1 by length from the same start (months count 30.436875 days): to see a rule shorten. */
int period_compare(const struct period *a, const struct period *b);
/* Does `a` end no earlier than `b` whatever day both begin? */
bool period_covers(const struct period *a, const struct period *b);
/* "2026-11-23T15:45:37Z"; out holds at least 21 bytes. */
void period_format_instant(int64_t at_s, char out[24]);
