/* SPDX-License-Identifier: Apache-2.0 */
/* Requests whose clock runs, in the order in which they fall due.
 * Runs on: worker threads and the command line; blocks on the vault. Holds: nothing. Invariant: only those are
 * looked into that may be due: the others' dates stand in the index. Not here: how dates are reckoned
 * (request_clock.c), the whole of a request (request_view.c). */
#include "base/calendar.h"
#include "retention/receipt.h"
#include "retention/requests_priv.h"

int64_t request__days_left(const struct request_case *c, const struct request_clock *clock)
{
    return civil_days(clock->due) - civil_days(c->today);
}

/* Until when one is due that has `days` days left. */
static int64_t until_ms(const struct request_case *now, int64_t days)
{
    return days == INT64_MAX ? INT64_MAX
                             : calendar_start(civil_of(civil_days(now->today) + days + 1)) * 1000;
}

enum err request__running_each(struct requests *r, int64_t days, request_running_fn fn,
                               void *context)
{
    AUTO(vault_records_close) struct vault_records *records = NULL;
    struct vault_record record = {.number = 0};
    const struct vault_record *after = NULL;
    struct request_case now;
    enum err e = vault_records_open(r->vault, &records);

    request__begin(r, NULL, &now);
    while (e == ERR_OK &&
           (e = vault_record_next_due(records, VAULT_RECORD_REQUEST, until_ms(&now, days), after,
                                      &record)) == ERR_OK) {
        AUTO(request__case_done) struct request_case c = now;
        struct request_clock clock;

        e = request__take_record(&c, &record);
        if (e != ERR_OK)
            return e;
        request__clock(&c, &clock);
        after = &record;
        if (request__days_left(&c, &clock) <= days)
            e = fn(&c, &clock, context);
    }
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

enum err request__running_count(struct requests *r, struct vault_records *records,
                                uint64_t *ret_soon, uint64_t *ret_past)
{
    struct vault_record record = {.number = 0};
    const struct vault_record *after = NULL;
    struct request_case now;
    uint64_t soon = 0, past = 0;
    enum err e = ERR_OK;

    request__begin(r, NULL, &now);
    while (e == ERR_OK && (e = vault_record_next_due(records, VAULT_RECORD_REQUEST,
                                                     until_ms(&now, DEADLINE_SOON_DAYS), after,
                                                     &record)) == ERR_OK) {
        struct request_gist gist;

        if (record.state >= REQUEST_STATE_COUNT)
            return ERR_CORRUPT;
        e = request__gist(&now, (enum request_state)record.state, record.body, &gist);
        after = &record;
        soon += e == ERR_OK && gist.is_soon;
        past += e == ERR_OK && gist.is_past;
    }
    if (e != ERR_NOT_FOUND)
        return e;
    *ret_soon = soon;
    *ret_past = past;
    return ERR_OK;
}

static struct json *rights_list(const struct json *rights)
{
    struct json *list = json_new_list();

    for (size_t i = 0; i < json_count(rights); i++) {
        const struct json *right = json_get(json_at(rights, i), "right");

        if (json_kind(right) == JSON_TEXT)
            json_add(list, json_new_text(json_text_of(right)));
    }
    return list;
}

static struct json *copy(const struct json *value)
{
    return json_kind(value) == JSON_TEXT ? json_new_text(json_text_of(value)) : json_new_null();
}

struct json *request__running_row(const struct request_case *c, const struct request_clock *clock)
{
    struct json *row = json_new_map();

    json_set_int(row, "number", (int64_t)c->record.number);
    receipt_set_id(row, "id", c->record.id);
    json_set(row, "rights", rights_list(json_get(c->body, "rights")));
    json_set_str(row, "state", request_state_word((enum request_state)c->record.state));
    json_set_str(row, "standing", deadline_word(clock->standing));
    json_set(row, "owner", copy(json_get(c->body, "owner")));
    json_set(row, "received", copy(json_get(c->body, "received_date")));
    request__set_date(row, "target", clock->dates.target);
    request__set_date(row, "legal", clock->dates.first);
    json_set(row, "extended", json_new_null());
    if (civil_compare(clock->dates.due, clock->dates.first) > 0)
        request__set_date(row, "extended", clock->dates.due);
    request__set_date(row, "due", clock->due);
    json_set_int(row, "days_left", request__days_left(c, clock));
    json_set_bool(row, "paused", clock->paused_now);
    return row;
}
