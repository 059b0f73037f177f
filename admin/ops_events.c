/* SPDX-License-Identifier: Apache-2.0 */
/* Events of persons, as operators send them.
 * Runs on: worker threads and the command line; blocks. Holds: nothing. Invariant: what comes back names
 * nobody. Not here: what callers of the proxy send (proxy/exchange_event.c). */
#include <string.h>

#include "admin/access.h"
#include "admin/ops_priv.h"
#include "base/calendar.h"
#include "retention/receipt.h"
#include "vault/events.h"

/* "2027-01-31T10:00:00Z". */
static bool read_instant(struct span text, int64_t *ret_s)
{
    static const char shape[] = "dddd-dd-ddTdd:dd:ddZ";
    struct civil date;
    int clock[3];

    if (text.len != sizeof(shape) - 1 || !civil_parse(span_of(text.at, 10), &date))
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (shape[i] == 'd' ? text.at[i] < '0' || text.at[i] > '9' : text.at[i] != shape[i])
            return false;
    for (size_t i = 0; i < 3; i++) {
        const char *at = text.at + 11 + 3 * i;

        clock[i] = (at[0] - '0') * 10 + at[1] - '0';
    }
    if (clock[0] > 23 || clock[1] > 59 || clock[2] > 59)
        return false;
    *ret_s = civil_days(date) * 86400 + clock[0] * 3600 + clock[1] * 60 + clock[2];
    return true;
}

/* A date is its first instant where the controller is. Absent: now. */
static enum err read_at(const struct json *request, int64_t *ret_s, struct errmsg *msg)
{
    struct span text;
    struct civil date;
    enum err e;

    if (json_get(request, "at") == NULL)
        return ERR_OK;
    e = ops_need_text(request, "at", &text, msg);
    if (e != ERR_OK)
        return e;
    if (civil_parse(text, &date))
        *ret_s = calendar_start(date);
    else if (!read_instant(text, ret_s))
        return errmsg_set(msg, ERR_INVALID,
                          "\"at\" must be a date (\"2027-01-31\") or an instant "
                          "(\"2027-01-31T10:00:00Z\")");
    if (*ret_s <= 0)
        return errmsg_set(msg, ERR_INVALID, "\"at\" must lie after 1970");
    return ERR_OK;
}

/* To set a start back is an operator's: what counts from it goes the sooner. */
static enum err read_correct(const struct admin *admin, const struct json *request, bool *ret,
                             struct errmsg *msg)
{
    *ret = json_bool_of(json_get(request, "correct"), false);
    return !*ret || admin->who == NULL || admin->who->role == ACCESS_OPERATOR
               ? ERR_OK
               : errmsg_set(msg, ERR_DENIED, "\"correct\" is for operators");
}

static struct json *event_map(const struct vault_event *event)
{
    struct json *map = json_new_map();

    json_set_str(map, "event", event->name);
    receipt_set_instant(map, "at", event->start_s * 1000);
    json_set_bool(map, "corrected", event->fate == VAULT_EVENT_CORRECTED);
    json_set_int(map, "values", (int64_t)event->changed);
    json_set_bool(map, "more", event->more);
    return map;
}

static enum err send(struct admin *admin, struct vault_event *event, struct errmsg *msg)
{
    enum err e = vault_run(admin->vault, &event->op);

    if (e == ERR_NOT_FOUND)
        return errmsg_set(msg, e, "no such subject");
    if (e == ERR_INVALID)
        return errmsg_set(msg, e, "\"event\" must be the name of an event: a-z 0-9 _ -");
    if (e != ERR_OK || vault_event_why(event->fate)[0] == '\0')
        return e;
    return errmsg_set(msg, event->fate == VAULT_EVENT_EARLIER ? ERR_CONFLICT : ERR_INVALID, "%s",
                      vault_event_why(event->fate));
}

enum err ops_subject_event(struct admin *admin, const struct json *request,
                           struct json **ret_response, struct errmsg *msg)
{
    struct vault_event event = {.op = {.kind = VAULT_EVENT}};
    char name[RULE_NAME_MAX + 1] = ""; /* stays empty when it is too long to be one */
    struct span text;
    enum err e = ops_need_text(request, "event", &text, msg);

    if (e == ERR_OK)
        e = read_at(request, &event.at_s, msg);
    if (e == ERR_OK)
        e = read_correct(admin, request, &event.correct, msg);
    if (e == ERR_OK)
        e = ops_find_person_now(admin, request, &event.slot, msg);
    if (e != ERR_OK)
        return e;
    if (text.len <= RULE_NAME_MAX)
        memcpy(name, text.at, text.len);
    event.name = name;
    e = send(admin, &event, msg);
    if (e == ERR_OK)
        *ret_response = event_map(&event);
    return e;
}

/* ---- what is known ---- */

enum err ops_events_of(struct vault_reader *reader, uint64_t slot, struct json *map)
{
    struct vault_event_known event = {.name = ""};
    struct json *list = json_new_list();
    enum err e;

    while ((e = vault_read_event(reader, slot, event.name, &event)) == ERR_OK) {
        struct json *item = json_new_map();

        json_set_str(item, "event", event.name);
        receipt_set_instant(item, "at", event.at_s * 1000);
        receipt_set_instant(item, "recorded", event.recorded_s * 1000);
        json_set_int(item, "corrections", event.corrections);
        json_add(list, item);
    }
    json_set(map, "events", list);
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}
