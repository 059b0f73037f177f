/* SPDX-License-Identifier: Apache-2.0 */
/* The clocks of one request.
 * Runs on: any thread. Holds: nothing. Invariant: dates that were reckoned stay as they are noted, until
 * identity or an extension moves them; a clock that stands still is reckoned for today. */
#include "base/assert.h"
#include "base/calendar.h"
#include "retention/requests_priv.h"

static const struct {
    const char *name;
    size_t offset;
} members[] = {
    {"confirm", offsetof(struct deadline_dates, confirm)},
    {"raw", offsetof(struct deadline_dates, raw)},
    {"legal", offsetof(struct deadline_dates, legal)},
    {"due", offsetof(struct deadline_dates, due)},
    {"first", offsetof(struct deadline_dates, first)},
    {"target", offsetof(struct deadline_dates, target)},
};

static struct civil *date_at(struct deadline_dates *dates, size_t i)
{
    return (struct civil *)(void *)((char *)dates + members[i].offset);
}

static const struct regime *regime_of(const struct json *body)
{
    const struct regime *regime =
        regime_find(json_text_of(json_get(json_get(body, "regime"), "name")));

    return regime == NULL ? regime_at(0) : regime;
}

static int64_t days_between(struct civil from, struct civil to)
{
    return civil_days(to) - civil_days(from);
}

/* Is identity being asked for? */
static bool is_asking(const struct json *body, struct civil *ret_since)
{
    const struct json *identity = json_get(body, "identity");
    struct civil confirmed;

    return request__get_date(identity, "asked", ret_since) &&
           !request__get_date(identity, "confirmed", &confirmed);
}

static int days_paused(const struct request_case *c, bool *ret_now)
{
    int64_t days = json_int_of(json_get(c->body, "paused_days"), 0);
    struct civil since;

    *ret_now = is_asking(c->body, &since);
    if (*ret_now)
        days += days_between(since, c->today);
    return (int)days;
}

static void compute(const struct request_case *c, int paused_days, struct deadline_dates *ret)
{
    const bool counts = json_bool_of(json_get(json_get(c->body, "identity"), "pauses"), false);
    struct deadline_question q = {
        .regime = regime_of(c->body),
        .holidays = c->settings->holidays,
        .extended = json_kind(json_get(c->body, "extension")) == JSON_MAP,
        .paused_days = counts ? paused_days : 0,
        .target_days = c->settings->target_days,
    };

    REQUIRE(request__get_date(c->body, "received_date", &q.received));
    deadline_compute(&q, ret);
}

void request__reckon(struct request_case *c)
{
    struct json *map = json_new_map();
    struct deadline_dates dates;
    bool now;

    compute(c, days_paused(c, &now), &dates);
    for (size_t i = 0; i < COUNT_OF(members); i++)
        request__set_date(map, members[i].name, *date_at(&dates, i));
    if (!regime_of(c->body)->confirms)
        json_set(map, "confirm", json_new_null());
    json_set(c->body, "dates", map);
    json_set_str(c->body, "holidays", holidays_name(c->settings->holidays));
}

void request__clock(const struct request_case *c, struct request_clock *ret)
{
    const struct json *noted = json_get(c->body, "dates");
    struct request_clock clock = {.paused_days = 0};
    struct civil ignored;

    clock.paused_days = days_paused(c, &clock.paused_now);
    compute(c, clock.paused_days, &clock.dates);
    for (size_t i = 0; i < COUNT_OF(members) && !clock.paused_now; i++)
        (void)request__get_date(noted, members[i].name, date_at(&clock.dates, i));
    clock.confirm_open = regime_of(c->body)->confirms &&
                         !request__get_date(json_get(c->body, "acknowledged"), "date", &ignored);
    clock.answered = request__get_date(json_get(c->body, "answer"), "date", &clock.answered_on);
    clock.due = clock.dates.due;
    if (clock.confirm_open && !clock.answered && civil_compare(clock.dates.confirm, clock.due) < 0)
        clock.due = clock.dates.confirm;
    clock.standing =
        clock.answered
            ? (civil_compare(clock.answered_on, clock.due) > 0 ? DEADLINE_PAST : DEADLINE_ON_TIME)
            : deadline_standing(clock.due, c->today);
    *ret = clock;
}

int64_t request__due_ms(const struct request_case *c, enum request_state state)
{
    struct civil due, confirm, ignored;

    if ((REQUEST_OPEN_STATES >> state & 1) == 0)
        return 0;
    /* While identity is asked for, the date without a pause: whoever looks then reckons the rest. */
    REQUIRE(request__get_date(json_get(c->body, "dates"),
                              is_asking(c->body, &ignored) ? "legal" : "due", &due));
    if (request__get_date(json_get(c->body, "dates"), "confirm", &confirm) &&
        !request__get_date(json_get(c->body, "acknowledged"), "date", &ignored) &&
        civil_compare(confirm, due) < 0)
        due = confirm;
    return calendar_start(civil_of(civil_days(due) + 1)) * 1000;
}
