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

static int64_t days_between(struct civil from, struct civil to)
{
    return civil_days(to) - civil_days(from);
}

/* ---- what the clock depends on ---- */

static const struct regime *regime_of(const struct json *body)
{
    const struct regime *regime =
        regime_find(json_text_of(json_get(json_get(body, "regime"), "name")));

    return regime == NULL ? regime_at(0) : regime;
}

/* Is identity being asked for? */
static bool is_asking(const struct json *body, struct civil *ret_since)
{
    const struct json *identity = json_get(body, "identity");
    struct civil confirmed;

    return request__get_date(identity, "asked", ret_since) &&
           !request__get_date(identity, "confirmed", &confirmed);
}

bool request__has_clock(const struct json *body)
{
    const struct regime *regime = regime_of(body);
    struct civil received;

    return request__get_date(body, "received_date", &received) &&
           (json_kind(json_get(body, "extension")) != JSON_MAP ||
            regime->extended.months + regime->extended.days != 0);
}

static void facts_of(const struct json *body, struct request_facts *ret)
{
    const struct json *noted = json_get(body, "dates");
    struct civil ignored;

    *ret = (struct request_facts){
        .regime = regime_of(body),
        .paused_days = json_int_of(json_get(body, "paused_days"), 0),
        .pauses = json_bool_of(json_get(json_get(body, "identity"), "pauses"), false),
        .extended = json_kind(json_get(body, "extension")) == JSON_MAP,
        .acknowledged = request__get_date(json_get(body, "acknowledged"), "date", &ignored)};
    REQUIRE(request__get_date(body, "received_date", &ret->received));
    ret->asking = is_asking(body, &ret->asked);
    ret->answered = request__get_date(json_get(body, "answer"), "date", &ret->answered_on);
    for (size_t i = 0; i < COUNT_OF(members); i++)
        if (request__get_date(noted, members[i].name, date_at(&ret->dates, i)))
            ret->noted |= 1u << i;
}

bool request__take_noted(struct request_facts *facts, struct span name, struct span date)
{
    for (size_t i = 0; i < COUNT_OF(members); i++)
        if (span_equal(name, span_str(members[i].name))) {
            if (civil_parse(date, date_at(&facts->dates, i)))
                facts->noted |= 1u << i;
            return true;
        }
    return false;
}

/* ---- dates ---- */

static int days_paused(const struct request_facts *f, struct civil today)
{
    return (int)(f->paused_days + (f->asking ? days_between(f->asked, today) : 0));
}

static void compute(const struct request_facts *f, const struct request_settings *settings,
                    int paused_days, struct deadline_dates *ret)
{
    const struct deadline_question q = {
        .regime = f->regime,
        .holidays = settings->holidays,
        .received = f->received,
        .extended = f->extended,
        .paused_days = f->pauses ? paused_days : 0,
        .target_days = settings->target_days,
    };

    deadline_compute(&q, ret);
}

void request__reckon(struct request_case *c)
{
    struct json *map = json_new_map();
    struct deadline_dates dates;
    struct request_facts facts;

    facts_of(c->body, &facts);
    compute(&facts, c->settings, days_paused(&facts, c->today), &dates);
    for (size_t i = 0; i < COUNT_OF(members); i++)
        request__set_date(map, members[i].name, *date_at(&dates, i));
    if (!facts.regime->confirms)
        json_set(map, "confirm", json_new_null());
    json_set(c->body, "dates", map);
    json_set_str(c->body, "holidays", holidays_name(c->settings->holidays));
}

/* All that is noted counts while the clock runs: "confirm" where the regime wants a confirmation. */
static bool is_all_noted(const struct request_facts *f)
{
    const unsigned all = (1u << COUNT_OF(members)) - 1, confirm = 1;

    return !f->asking && (f->noted | (f->regime->confirms ? 0 : confirm)) == all;
}

void request__clock_of(const struct request_facts *f, const struct request_settings *settings,
                       struct civil today, struct request_clock *ret)
{
    struct deadline_dates noted = f->dates;
    struct request_clock clock = {.paused_days = days_paused(f, today),
                                  .paused_now = f->asking,
                                  .dates = f->dates,
                                  .confirm_open = f->regime->confirms && !f->acknowledged,
                                  .answered = f->answered,
                                  .answered_on = f->answered_on};

    if (!is_all_noted(f))
        compute(f, settings, clock.paused_days, &clock.dates);
    for (size_t i = 0; i < COUNT_OF(members) && !clock.paused_now; i++)
        if ((f->noted >> i & 1) != 0)
            *date_at(&clock.dates, i) = *date_at(&noted, i);
    clock.due = clock.dates.due;
    if (clock.confirm_open && !clock.answered && civil_compare(clock.dates.confirm, clock.due) < 0)
        clock.due = clock.dates.confirm;
    clock.standing =
        clock.answered
            ? (civil_compare(clock.answered_on, clock.due) > 0 ? DEADLINE_PAST : DEADLINE_ON_TIME)
            : deadline_standing(clock.due, today);
    *ret = clock;
}

void request__clock(const struct request_case *c, struct request_clock *ret)
{
    struct request_facts facts;

    facts_of(c->body, &facts);
    request__clock_of(&facts, c->settings, c->today, ret);
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
