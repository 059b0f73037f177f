/* SPDX-License-Identifier: Apache-2.0 */
/* Looking at notices, and ending them by hand.
 * Runs on: worker threads and the command line; blocks shortly. Holds: nothing. Invariant: tokens are shown to
 * nobody here. */
#include <string.h>

#include "base/assert.h"
#include "base/unicode.h"
#include "retention/notices_priv.h"
#include "retention/receipt.h"

enum err notices_count(struct vault *vault, uint64_t slot, struct notice_figures *ret)
{
    const struct vault_record_filter filter = {.kind = VAULT_RECORD_NOTICE,
                                               .states =
                                                   ~(NOTICE_IN(PLANNED) | NOTICE_IN(WITHDRAWN)),
                                               .slot = slot};
    AUTO(vault_records_close) struct vault_records *records = NULL;
    struct vault_record record = {.number = 0};
    enum err e = vault_records_open(vault, &records);

    *ret = (struct notice_figures){.all = 0};
    while (e == ERR_OK) {
        e = vault_record_next(records, &filter, record.number, &record);
        if (e != ERR_OK)
            break;
        ret->all++;
        ret->open += (NOTICE_OPEN_STATES >> record.state & 1) != 0;
    }
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

enum err notices_count_states(struct vault *vault, uint64_t *states)
{
    AUTO(vault_records_close) struct vault_records *records = NULL;
    uint64_t counts[VAULT_RECORD_STATES];
    enum err e = vault_records_open(vault, &records);

    if (e == ERR_OK)
        e = vault_records_count(records, VAULT_RECORD_NOTICE, counts);
    if (e == ERR_OK)
        memcpy(states, counts, NOTICE_STATE_COUNT * sizeof(states[0]));
    return e;
}

/* ---- lists ---- */

static enum err notice_map(const struct vault_record *record, struct json **ret_map)
{
    static const char *const members[] = {"recipient", "event",     "part",     "count",
                                          "at",        "reference", "deadline", "tries",
                                          "error",     "how",       "who",      "closed"};
    AUTO(json_free) struct json *body = NULL;
    struct json *map;

    if (json_parse(record->body, &body) != ERR_OK || record->state >= NOTICE_STATE_COUNT)
        return ERR_CORRUPT;
    map = json_new_map();
    json_set_int(map, "number", (int64_t)record->number);
    receipt_set_id(map, "id", record->id);
    json_set_str(map, "state", notice_state_word((enum notice_state)record->state));
    json_set_bool(map, "open", (NOTICE_OPEN_STATES >> record->state & 1) != 0);
    for (size_t i = 0; i < COUNT_OF(members); i++) {
        const struct json *value = json_get(body, members[i]);

        json_set(map, members[i], value == NULL ? json_new_null() : json_clone(value));
    }
    json_set(map, "next_try", json_new_null());
    if (record->due_ms > 0)
        receipt_set_instant(map, "next_try", record->due_ms);
    json_set_int(map, "since", json_int_of(json_get(body, "since"), 0));
    *ret_map = map;
    return ERR_OK;
}

enum err notices_list(struct vault *vault, uint64_t states, uint64_t after, size_t limit,
                      struct json *list, bool *ret_more)
{
    const struct vault_record_filter filter = {.kind = VAULT_RECORD_NOTICE, .states = states};
    AUTO(vault_records_close) struct vault_records *records = NULL;
    struct vault_record record = {.number = after};
    enum err e = vault_records_open(vault, &records);

    for (size_t i = 0; e == ERR_OK && i < limit; i++) {
        struct json *map = NULL;

        e = vault_record_next(records, &filter, record.number, &record);
        if (e == ERR_OK)
            e = notice_map(&record, &map);
        if (e == ERR_OK)
            json_add(list, map);
    }
    *ret_more = e == ERR_OK;
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

const char *notice_attention(const struct json *notice, int64_t now_s)
{
    static const int64_t day_s = 86400;

    if (!json_bool_of(json_get(notice, "open"), false))
        return NULL;
    if (span_equal(json_text_of(json_get(notice, "state")),
                   span_str(notice_state_word(NOTICE_FAILED))))
        return "failed";
    return now_s - json_int_of(json_get(notice, "since"), now_s) >= NOTICE_DAYS * day_s ? "overdue"
                                                                                        : NULL;
}

/* ---- by hand ---- */

static enum err load(struct vault *vault, uint64_t number, struct vault_record *ret,
                     struct json **ret_body, struct errmsg *msg)
{
    AUTO(vault_records_close) struct vault_records *records = NULL;
    enum err e = vault_records_open(vault, &records);

    if (e == ERR_OK)
        e = vault_record_get(records, VAULT_RECORD_NOTICE, number, ret);
    if (e == ERR_OK && json_parse(ret->body, ret_body) != ERR_OK)
        e = ERR_CORRUPT;
    return e == ERR_NOT_FOUND ? errmsg_set(msg, e, "there is no notice of this number") : e;
}

static enum err save(struct vault *vault, struct vault_record *record, const struct json *body,
                     struct errmsg *msg)
{
    AUTO(buf_done) struct buf text = {.max = 0};
    enum err e = notice__set_body(record, body, &text);

    if (e == ERR_OK)
        e = notice__write(vault, record, 1);
    return e == ERR_CONFLICT
               ? errmsg_set(msg, e, "the notice was changed meanwhile: look at it again")
               : e;
}

static bool is_line(struct span text)
{
    return text.len > 0 && text.len <= NOTICE_HOW_MAX && unicode_is_line(text);
}

enum err notices_done(struct vault *vault, uint64_t number, bool impossible, struct span how,
                      const char *who, struct errmsg *msg)
{
    AUTO(json_free) struct json *body = NULL;
    struct json *said = is_line(how) ? json_new_text(how) : NULL;
    struct vault_record record;
    enum err e;

    if (said == NULL)
        return errmsg_set(
            msg, ERR_INVALID,
            "say in one line of at most %d bytes how the recipient was told, or why that "
            "is impossible or takes disproportionate effort",
            NOTICE_HOW_MAX);
    e = load(vault, number, &record, &body, msg);
    if (e == ERR_OK && (NOTICE_OPEN_STATES >> record.state & 1) == 0)
        e = errmsg_set(msg, ERR_CONFLICT, "the notice is not open (it is \"%s\")",
                       record.state < NOTICE_STATE_COUNT
                           ? notice_state_word((enum notice_state)record.state)
                           : "?");
    if (e != ERR_OK) {
        json_free(&said);
        return e;
    }
    record.state = impossible ? NOTICE_IMPOSSIBLE : NOTICE_TOLD;
    record.due_ms = 0;
    json_set(body, "how", said);
    json_set(body, "who", json_new_text(span_str(who)));
    notice__close(body, vault_now_s(vault) * 1000);
    return save(vault, &record, body, msg);
}

enum err notices_retry(struct vault *vault, uint64_t number, struct errmsg *msg)
{
    AUTO(json_free) struct json *body = NULL;
    struct vault_record record;
    enum err e = load(vault, number, &record, &body, msg);

    if (e != ERR_OK)
        return e;
    if ((NOTICE_OPEN_STATES >> record.state & 1) == 0)
        return errmsg_set(msg, ERR_CONFLICT, "the notice is not open");
    record.state = NOTICE_TO_SEND;
    record.due_ms = vault_now_s(vault) * 1000;
    json_set_int(body, "since", record.due_ms / 1000);
    json_set_int(body, "tries", 0);
    return save(vault, &record, body, msg);
}
