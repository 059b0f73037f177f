/* SPDX-License-Identifier: Apache-2.0 */
/* The calendar of the controller: instants (seconds since 1970) and civil dates in one time zone, which
 * is the whole process's. UTC until another one is put in use. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/civil.h"
#include "base/err.h"
#include "base/period.h"

/* Is there such a zone (a name of the IANA database, such as "Europe/Berlin") on this host? Blocks. */
bool calendar_has_zone(const char *zone);
/* Reckon in that zone from now on. Before any thread is started. CONFIG when there is none. Blocks. */
enum err calendar_use(const char *zone) MUST_CHECK;
/* Its name. */
const char *calendar_zone(void);

/* Everything below: any thread; does not block. */

/* The civil date at an instant. */
struct civil calendar_date(int64_t at_s);
/* The first instant of a date; of a date that the zone has left out, of the next. */
int64_t calendar_start(struct civil date);
/* The instant one period later: months and years by the calendar (a day that the month does not have
 * becomes its last day), weeks and days as civil days at the same time of day, then hours, minutes and
 * seconds as they pass. A time of day that is left out when clocks go forward is the moment they do; of
 * one that comes twice it is the first. Saturates at year 9999. */
int64_t calendar_add(int64_t from_s, const struct period *p);
enum calendar_unit { CALENDAR_DAY, CALENDAR_MONTH, CALENDAR_YEAR };
/* When the civil day, month or year that holds an instant is over. */
int64_t calendar_end_of(int64_t at_s, enum calendar_unit unit);
