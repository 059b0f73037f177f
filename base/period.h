/* SPDX-License-Identifier: Apache-2.0 */
/* ISO 8601 periods ("P2Y", "P90D", "P1Y6M", "PT3S") and adding them to an instant. */
#pragma once

#include <stdint.h>

#include "base/err.h"
#include "base/span.h"

struct period {
    int32_t months;  /* years are twelve of these; calendar arithmetic */
    int64_t seconds; /* weeks, days and times of day: fixed lengths */
};

/* Parse after ISO 8601-1:2019 5.5.2 (no fractions, no negative parts, at least one part, not zero,
 * at most 1000 years). INVALID otherwise. */
enum err period_parse(struct span text, struct period *ret) MUST_CHECK;
/* The instant (seconds since 1970, UTC calendar) one period later. A day that the month does not
 * have becomes its last day. Saturates at year 9999. */
int64_t period_add(int64_t from_s, const struct period *p);
/* -1, 0, 1 by length from the same start (months count 30.436875 days): to see a rule shorten. */
int period_compare(const struct period *a, const struct period *b);
/* "2026-11-23T15:45:37Z"; out holds at least 21 bytes. */
void period_format_instant(int64_t at_s, char out[24]);
