/* SPDX-License-Identifier: Apache-2.0 */
/* A request as it is shown: what its record says, and how it stands today.
 * Runs on: any thread. Holds: nothing. */
#include "base/assert.h"
#include "retention/notices.h"
#include "retention/receipt.h"
#include "retention/requests_priv.h"

static void set_dates(struct json *view, const struct request_clock *clock)
{
    struct json *map = json_get(view, "dates");

    request__set_date(map, "raw", clock->dates.raw);
    request__set_date(map, "legal", clock->dates.legal);
    request__set_date(map, "due", clock->dates.due);
    request__set_date(map, "target", clock->dates.target);
}

static void set_standing(struct json *view, const struct request_case *c,
                         const struct request_clock *clock)
{
    const struct civil until = clock->answered ? clock->answered_on : c->today;
    struct civil received = c->today;

    (void)request__get_date(view, "received_date", &received);
    json_set_int(view, "days_used", civil_days(until) - civil_days(received));
    json_set_int(view, "paused_days", clock->paused_days);
    json_set_bool(view, "paused_now", clock->paused_now);
    request__set_date(view, "due", clock->due);
    if (clock->answered) {
        json_set_bool(view, "in_time", clock->standing != DEADLINE_PAST);
        json_set_str(view, "standing", clock->standing == DEADLINE_PAST ? "late" : "in time");
        json_set(view, "days_left", json_new_null());
        return;
    }
    json_set(view, "in_time", json_new_null());
    if ((REQUEST_OPEN_STATES >> c->record.state & 1) == 0) {
        json_set_str(view, "standing", "ended");
        json_set(view, "days_left", json_new_null());
        return;
    }
    json_set_str(view, "standing", deadline_word(clock->standing));
    json_set_int(view, "days_left", civil_days(clock->due) - civil_days(c->today));
}

/* How many of the person's recipients are told, from the notices themselves; what an operator said of it stands only
 * where there are none. */
static void set_recipients(struct json *view, const struct request_case *c)
{
    static const uint64_t executed = REQUEST_IN(VERIFIED_DONE) | REQUEST_IN(PARTLY_GRANTED) |
                                     REQUEST_IN(NOTIFYING) | REQUEST_IN(ANSWERED);
    struct notice_figures notices = {.all = 0};
    struct json *map;

    if (c->record.slot == 0 || (executed >> c->record.state & 1) == 0 ||
        notices_count(c->r->vault, c->record.slot, &notices) != ERR_OK || notices.all == 0)
        return;
    map = json_new_map();
    json_set_int(map, "to_notify", (int64_t)notices.all);
    json_set_int(map, "acknowledged", (int64_t)(notices.all - notices.open));
    json_set(view, "recipients", map);
}

/* What operators can do with it now, whoever may. */
static void set_actions(struct json *view, enum request_state state)
{
    struct json *list = json_new_list();

    for (int i = 0; i < REQUEST_ACTION_COUNT; i++) {
        const struct request_rule *rule = request_rule((enum request_action)i);

        if (!rule->internal && (rule->from >> state & 1) != 0)
            json_add(list, json_new_text(span_str(rule->word)));
    }
    json_set(view, "actions", list);
}

struct json *request__view(struct request_case *c)
{
    const char *decision = request__decision(c->body);
    struct request_clock clock;
    struct json *view;

    request__clock(c, &clock);
    view = TAKE(c->body);
    json_set_int(view, "number", (int64_t)c->record.number);
    receipt_set_id(view, "id", c->record.id);
    json_set_int(view, "version", (int64_t)c->record.version);
    json_set_str(view, "state", request_state_word((enum request_state)c->record.state));
    request__set_text(view, "decision", decision);
    set_actions(view, (enum request_state)c->record.state);
    set_dates(view, &clock);
    set_standing(view, c, &clock);
    set_recipients(view, c);
    request__show_exports(c, view);
    return view;
}
