/* SPDX-License-Identifier: Apache-2.0 */
/* Restriction of processing while a request is being decided (Art. 18(1), and at once on receipt of a request
 * for erasure).
 * Runs on: worker threads and the command line; blocks on the vault. Holds: nothing. Invariant: what is lifted
 * is the request's own restriction, and no other, when the person has been told (Art. 18(3)) and no other request
 * wants him restricted. Not here: what a restriction does (vault/holds.c). */
#include <string.h>

#include "base/assert.h"
#include "base/calendar.h"
#include "base/mem.h"
#include "retention/requests_priv.h"
#include "vault/holds.h"

/* Whoever objects, or wants something erased or restricted, has the data left alone meanwhile. */
static bool asks_for_it(const struct json *body)
{
    static const enum request_right rights[] = {REQUEST_ERASURE, REQUEST_RESTRICTION,
                                                REQUEST_OBJECTION};

    for (size_t i = 0; i < COUNT_OF(rights); i++) {
        const struct json *right = request__right(body, rights[i]);

        if (right != NULL && request__is_pending(right))
            return true;
    }
    return false;
}

static void set_name(char *to, const char *from)
{
    const size_t len = strlen(from);

    memcpy(to, from, len < VAULT_HOLD_NAME_MAX ? len : VAULT_HOLD_NAME_MAX);
}

enum err request__restrict(struct request_case *c, struct errmsg *msg)
{
    struct vault_restriction restriction = {.slot = c->record.slot, .ground = 'd'};
    struct vault_holds op = {
        .op = {.kind = VAULT_HOLDS}, .act = VAULT_RESTRICT, .restriction = &restriction};
    struct request_clock clock;
    struct json *map;
    enum err e;

    if (!c->settings->restrict_on_receipt || c->record.slot == 0 || !asks_for_it(c->body) ||
        json_get(c->body, "restriction") != NULL)
        return ERR_OK;
    request__clock(c, &clock);
    set_name(restriction.set_by, c->ask->who);
    restriction.review_s = calendar_start(clock.dates.due);
    e = erasures_run_op(c->r->erasures, &op.op);
    if (e == ERR_CONFLICT)
        return ERR_OK; /* another request, or an operator, has seen to it */
    if (e != ERR_OK)
        return errmsg_set(msg, e, "the person's data could not be restricted: %s", err_text(e));
    map = json_new_map();
    json_set_int(map, "number", (int64_t)restriction.number);
    request__set_date(map, "set", c->today);
    json_set(c->body, "restriction", map);
    return ERR_OK;
}

/* ---- lifting ---- */

/* Does another request that is open restrict the person? */
static enum err is_asked_by_others(const struct request_case *c, bool *ret)
{
    AUTO(vault_records_close) struct vault_records *records = NULL;
    const struct vault_record_filter filter = {
        .kind = VAULT_RECORD_REQUEST, .states = REQUEST_OPEN_STATES, .slot = c->record.slot};
    struct vault_record record = {.number = 0};
    enum err e = vault_records_open(c->r->vault, &records);

    *ret = false;
    while (e == ERR_OK && !*ret) {
        AUTO(json_free) struct json *body = NULL;

        e = vault_record_next(records, &filter, record.number, &record);
        if (e == ERR_OK && record.number != c->record.number)
            *ret = json_parse(record.body, &body) != ERR_OK || asks_for_it(body);
    }
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

enum err request__lift(struct request_case *c, struct json *map, struct civil told,
                       struct errmsg *msg)
{
    struct vault_restriction restriction = {.number =
                                                (uint64_t)json_int_of(json_get(map, "number"), 0),
                                            .slot = c->record.slot,
                                            .notice_s = calendar_start(told)};
    struct vault_holds op = {
        .op = {.kind = VAULT_HOLDS}, .act = VAULT_UNRESTRICT, .restriction = &restriction};
    enum err e = ERR_OK;

    if (restriction.number == 0 || json_get(map, "lifted") != NULL)
        return ERR_OK;
    set_name(restriction.lifted_by, c->ask->who);
    e = erasures_run_op(c->r->erasures, &op.op);
    if (e != ERR_OK && e != ERR_NOT_FOUND && e != ERR_CONFLICT) /* nobody there, or lifted before */
        return errmsg_set(msg, e, "the restriction could not be lifted: %s", err_text(e));
    request__set_date(map, "lifted", c->today);
    return ERR_OK;
}

static bool was_granted(const struct json *body, enum request_right right)
{
    const struct json *entry = request__right(body, right);

    return span_equal(json_text_of(json_get(entry, "outcome")), span_str("granted"));
}

/* Restriction was granted, and is this one; or it or an objection was seen to elsewhere, and this one stands for
 * it. What was carried out here binds by itself. */
static bool is_what_was_asked_for(const struct json *body, const struct json *map)
{
    const struct json *restriction = request__right(body, REQUEST_RESTRICTION);
    const struct json *objection = request__right(body, REQUEST_OBJECTION);
    const int64_t number = json_int_of(json_get(restriction, "number"), 0);

    if (was_granted(body, REQUEST_RESTRICTION) &&
        (number == 0 || number == json_int_of(json_get(map, "number"), 0)))
        return true;
    return was_granted(body, REQUEST_OBJECTION) && json_get(objection, "purposes") == NULL;
}

enum err request__unrestrict(struct request_case *c, struct civil told, struct errmsg *msg)
{
    struct json *map = json_get(c->body, "restriction");
    bool others = false;
    enum err e;

    if (map == NULL || json_get(map, "lifted") != NULL || is_what_was_asked_for(c->body, map))
        return ERR_OK;
    e = is_asked_by_others(c, &others);
    if (e != ERR_OK || others)
        return e;
    return request__lift(c, map, told, msg);
}
