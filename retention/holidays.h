/* SPDX-License-Identifier: Apache-2.0 */
/* On which days nobody works: Saturdays, Sundays, and the public holidays that `holidays:` of the
 * configuration names. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/civil.h"
#include "base/conf.h"
#include "base/err.h"

enum { HOLIDAYS_NAME_MAX = 48, HOLIDAYS_MAX = 1000 };

/* Read `holidays:`: {country: DE} for those of a whole country, {dates: [2026-12-24, ...]} or the list
 * alone for others, or both; absent: weekends only. CONFIG with its place. ret: holidays_free(). */
struct holidays;
enum err holidays_read(struct conf_node node, struct holidays **ret, struct errmsg *msg) MUST_CHECK;
/* Those of a country, or of the country that a part belongs to ("DE-BY"); NULL when they are not built
 * in. holidays_free(). */
struct holidays *holidays_of(const char *country);
struct holidays *holidays_copy(const struct holidays *holidays); /* NULL of NULL */
void holidays_free(struct holidays **holidays);

/* Which calendar it is, and which version of it, for the record of a deadline: "none", "DE-1",
 * "DE-1+5be1", "list-5be1"; of listed days it changes with them. Borrowed. */
const char *holidays_name(const struct holidays *holidays);

/* NULL: weekends only. Any thread. */
bool holidays_is_working_day(const struct holidays *holidays, struct civil date);
/* Easter Sunday of a year of the Gregorian calendar. */
struct civil holidays_easter(int year);
