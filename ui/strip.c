/* SPDX-License-Identifier: Apache-2.0 */
/* A strip of one request: the days from its receipt on, with its dates along it.
 * Runs on: the listener's pool. Holds: nothing. Not here: the dates (retention/request_clock.c), how marks look
 * (ui/templates/strip_mark.html). */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/civil.h"
#include "base/clock.h"
#include "base/mem.h"
#include "ui/pages.h"

enum { DAY_S = 86400, EDGE = 20, WIDE = 960 /* thousandths of the picture's width */ };

/* Each a shape of its own, so that no colour is needed to tell them apart. */
enum mark { RECEIVED, TARGET, LEGAL, EXTENDED, ANSWERED, TODAY, MARKS };
static const char *const names[MARKS] = {"received", "target",   "legal",
                                         "extended", "answered", "today"};

struct strip {
    int64_t days[MARKS]; /* since 1970; INT64_MIN: there is no such date */
    int64_t first, last;
};

static int64_t day_of(const struct json *map, const char *name)
{
    struct civil date;

    return civil_parse(json_text_of(json_get(map, name)), &date) ? civil_days(date) : INT64_MIN;
}

/* False: it has no dates to draw. */
static bool read_strip(const struct json *request, struct strip *s)
{
    const struct json *dates = json_get(request, "dates");
    const int64_t first = day_of(dates, "first"), due = day_of(dates, "due");

    s->days[RECEIVED] = day_of(request, "received_date");
    s->days[TARGET] = day_of(dates, "target");
    s->days[LEGAL] = first != INT64_MIN ? first : day_of(dates, "legal");
    s->days[EXTENDED] = due > s->days[LEGAL] ? due : INT64_MIN;
    s->days[ANSWERED] = day_of(json_get(request, "answer"), "date");
    s->days[TODAY] =
        json_kind(json_get(request, "days_left")) == JSON_INT ? clock_now_s() / DAY_S : INT64_MIN;
    s->first = s->last = s->days[RECEIVED];
    for (int i = 0; i < MARKS; i++)
        s->last = s->days[i] > s->last ? s->days[i] : s->last;
    return s->first != INT64_MIN && s->last > s->first;
}

/* Where a day stands, for an attribute: "12.3%". */
static void set_place(struct json *map, const char *name, const struct strip *s, int64_t day)
{
    const int64_t at = EDGE + (day < s->first ? 0 : (day - s->first) * WIDE / (s->last - s->first));
    char text[24];

    (void)snprintf(text, sizeof(text), "%" PRId64 ".%" PRId64 "%%", at / 10, at % 10);
    json_set_str(map, name, text);
}

static struct json *mark_map(const struct strip *s, enum mark mark)
{
    struct json *map = json_new_map();
    char date[CIVIL_TEXT_MAX];

    for (int i = 0; i < MARKS; i++)
        json_set_bool(map, names[i], i == (int)mark);
    civil_format(civil_of(s->days[mark]), date);
    json_set_str(map, "mark", names[mark]);
    json_set_str(map, "date", date);
    json_set_int(map, "after", s->days[mark] - s->first);
    set_place(map, "at", s, s->days[mark]);
    return map;
}

void visit__set_strip(struct visit *v, const struct json *request)
{
    struct json *map, *marks;
    struct strip s;
    int64_t used;

    if (!read_strip(request, &s))
        return;
    used = s.days[ANSWERED] != INT64_MIN ? s.days[ANSWERED] : s.days[TODAY];
    map = json_new_map();
    marks = json_new_list();
    for (int64_t day = s.first; day <= s.last; day++) /* in their order */
        for (int i = 0; i < MARKS; i++)
            if (s.days[i] == day)
                json_add(marks, mark_map(&s, (enum mark)i));
    json_set(map, "marks", marks);
    set_place(map, "used", &s, used == INT64_MIN ? s.first : used);
    json_set(v->model, "strip", map);
}
