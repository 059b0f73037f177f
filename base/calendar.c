/* SPDX-License-Identifier: Apache-2.0 */
/* Civil time in one zone, by the C library and its zone data.
 * Runs on: any thread, once the zone is chosen. Holds: the zone. Invariant: the environment names the
 * zone by its absolute path, so that the library finds it read, and looks at no file again. */
#include "base/calendar.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"

#define ZONES "/usr/share/zoneinfo/"
#define UTC   "UTC"

enum { DAY_S = 86400, ZONE_NAME_MAX = 63 };

static const int64_t FIRST_INSTANT_S = -62167219200; /* 0000-01-01T00:00:00Z */
static const int64_t LAST_INSTANT_S = 253402300799;  /* 9999-12-31T23:59:59Z */

static char zone_name[ZONE_NAME_MAX + 1] = UTC;
static bool is_utc = true;

/* ---- the zone ---- */

static bool is_zone_name(const char *zone)
{
    const size_t len = strlen(zone);

    if (len == 0 || len > ZONE_NAME_MAX || zone[0] == '/' || strstr(zone, "..") != NULL ||
        strncmp(zone, "right/", 6) == 0) /* those count leap seconds, and nothing else here does */
        return false;
    for (size_t i = 0; i < len; i++)
        if ((zone[i] < 'a' || zone[i] > 'z') && (zone[i] < 'A' || zone[i] > 'Z') &&
            (zone[i] < '0' || zone[i] > '9') && strchr("/_+-", zone[i]) == NULL)
            return false;
    return true;
}

bool calendar_has_zone(const char *zone)
{
    char path[sizeof(ZONES) + ZONE_NAME_MAX], magic[4];
    bool is_zone;
    int fd;

    if (strcmp(zone, UTC) == 0)
        return true;
    if (!is_zone_name(zone))
        return false;
    (void)snprintf(path, sizeof(path), ZONES "%s", zone);
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return false;
    is_zone = read(fd, magic, sizeof(magic)) == (ssize_t)sizeof(magic) &&
              memcmp(magic, "TZif", sizeof(magic)) == 0;
    (void)close(fd);
    return is_zone;
}

enum err calendar_use(const char *zone)
{
    char value[1 + sizeof(ZONES) + ZONE_NAME_MAX];

    if (!calendar_has_zone(zone))
        return ERR_CONFIG;
    is_utc = strcmp(zone, UTC) == 0;
    (void)snprintf(zone_name, sizeof(zone_name), "%s", zone);
    if (is_utc)
        return ERR_OK;
    (void)snprintf(value, sizeof(value), ":" ZONES "%s", zone);
    REQUIRE(setenv("TZ", value, 1) == 0);
    tzset();
    return ERR_OK;
}

const char *calendar_zone(void)
{
    return zone_name;
}

/* ---- instants and what a clock on the wall shows then, in seconds as if it showed UTC ---- */

static int64_t within_calendar(int64_t at_s)
{
    return at_s < FIRST_INSTANT_S ? FIRST_INSTANT_S
                                  : (at_s > LAST_INSTANT_S ? LAST_INSTANT_S : at_s);
}

static int64_t offset_at(int64_t at_s)
{
    const time_t at = at_s;
    struct tm tm;

    if (is_utc || localtime_r(&at, &tm) == NULL)
        return 0;
    return tm.tm_gmtoff;
}

static int64_t day_of(int64_t local_s)
{
    return local_s >= 0 ? local_s / DAY_S : -((-local_s + DAY_S - 1) / DAY_S);
}

/* The first instant at which the wall shows `local_s` or later, somewhere between two. */
static int64_t first_showing(int64_t local_s, int64_t low_s, int64_t high_s)
{
    while (low_s < high_s) {
        const int64_t middle = low_s + (high_s - low_s) / 2;

        if (middle + offset_at(middle) >= local_s)
            high_s = middle;
        else
            low_s = middle + 1;
    }
    return low_s;
}

/* Two days on either side lie behind any change of the clocks there has been, the date line included. */
static int64_t instant_of(int64_t local_s)
{
    int64_t before, after, first, second;

    if (is_utc)
        return local_s;
    before = offset_at(local_s - (int64_t)2 * DAY_S);
    after = offset_at(local_s + (int64_t)2 * DAY_S);
    first = local_s - (before > after ? before : after);
    second = local_s - (before > after ? after : before);
    if (offset_at(first) == local_s - first)
        return first;
    if (offset_at(second) == local_s - second)
        return second;
    return first_showing(local_s, first, second);
}

/* ---- dates ---- */

struct civil calendar_date(int64_t at_s)
{
    at_s = within_calendar(at_s);
    return civil_of(day_of(at_s + offset_at(at_s)));
}

int64_t calendar_start(struct civil date)
{
    return within_calendar(instant_of(civil_days(date) * DAY_S));
}

int64_t calendar_add(int64_t from_s, const struct period *p)
{
    int64_t local, day, at;

    REQUIRE(p->months >= 0 && p->days >= 0 && p->seconds >= 0);
    at = within_calendar(from_s);
    if (p->seconds > LAST_INSTANT_S - FIRST_INSTANT_S)
        return LAST_INSTANT_S;
    if (p->months > 0 || p->days > 0) {
        local = at + offset_at(at);
        day = day_of(local);
        local -= day * DAY_S;
        day = p->months == 0 ? day : civil_days(civil_add_months(civil_of(day), p->months));
        at = within_calendar(instant_of((day + p->days) * DAY_S + local));
    }
    return within_calendar(at + p->seconds);
}

int64_t calendar_end_of(int64_t at_s, enum calendar_unit unit)
{
    struct civil date = calendar_date(at_s);

    switch (unit) {
    case CALENDAR_DAY:
        return within_calendar(instant_of((civil_days(date) + 1) * DAY_S));
    case CALENDAR_MONTH:
        date.day = 1;
        date = civil_add_months(date, 1);
        break;
    case CALENDAR_YEAR:
        date = (struct civil){date.year + 1, 1, 1};
        break;
    }
    return calendar_start(date);
}
