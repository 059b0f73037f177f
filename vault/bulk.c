/* SPDX-License-Identifier: Apache-2.0 */
/* Groups of long jobs.
 * Runs on: the writer thread, inside a group's transaction; vault_bulk_finish() on any. Holds: nothing. Invariant:
 * a job's record and the rows it speaks of are committed together. Not here: how a value is stored (tokenize.c).
 *
 * The record's body: the group's number and, for each of its values in their order, the row it made (0: of a
 * deterministic class, which finds its tokens by the values), 8 bytes each, little endian. */
#include "vault/bulk.h"

#include <endian.h>
#include <stdio.h>

#include "base/secret.h"
#include "vault/records_priv.h"
#include "vault/writer_priv.h"

enum { NUMBER_BYTES = 8, STATE_OPEN = 0, STATE_FINISHED = 1, FORGET_AT_ONCE = 1000 };

static const int64_t ABANDONED_MS = INT64_C(365) * 86400 * 1000;

_Static_assert((VAULT_BULK_ITEMS_MAX + 1) * NUMBER_BYTES <= VAULT_RECORD_BODY_MAX,
               "a group's record has room for all its rows");

static void key_of(const uint8_t job[VAULT_ID_BYTES], char ret[VAULT_RECORD_KEY_MAX + 1])
{
    for (size_t i = 0; i < VAULT_ID_BYTES; i++)
        (void)snprintf(ret + 2 * i, 3, "%02x", job[i]);
}

static uint64_t number_at(struct span body, size_t index)
{
    uint64_t n;

    memcpy(&n, body.at + index * NUMBER_BYTES, NUMBER_BYTES);
    return le64toh(n);
}

static size_t count_items(const struct vault_tokenize *first)
{
    size_t count = 0;

    for (const struct vault_tokenize *t = first; t != NULL; t = t->also)
        count += t->count;
    return count;
}

/* Is it this group's turn? *ret_repeated: it was there before, and `record` says its rows. */
static enum err take_turn(const struct vault_bulk *op, size_t items,
                          const struct vault_record *record, bool *ret_repeated)
{
    uint64_t last = 0;

    if (record->number != 0 && record->body.len < NUMBER_BYTES)
        return ERR_CORRUPT;
    if (record->number != 0)
        last = number_at(record->body, 0);
    *ret_repeated = last == op->group;
    if (*ret_repeated && record->body.len != (items + 1) * NUMBER_BYTES)
        return ERR_CONFLICT;
    return *ret_repeated || last + 1 == op->group ? ERR_OK : ERR_CONFLICT;
}

/* Give each person's part of `rows` to the operation that is about them. */
static void hand_out(struct vault_bulk *op, uint64_t *rows)
{
    for (struct vault_tokenize *t = op->first; t != NULL; t = t->also) {
        t->rows = rows;
        rows += t->count;
    }
}

static void take_back(struct vault_bulk *op)
{
    for (struct vault_tokenize *t = op->first; t != NULL; t = t->also)
        t->rows = NULL;
}

static enum err put_record(struct writer *w, const struct vault_bulk *op, uint64_t *numbers,
                           size_t count, struct vault_record *record)
{
    numbers[0] = op->group;
    for (size_t i = 0; i < count; i++)
        numbers[i] = htole64(numbers[i]);
    record->body = span_of(numbers, count * NUMBER_BYTES);
    record->changed_ms = vault__now_ms(w->v);
    record->version++;
    if (record->number != 0)
        return store_record_change(w->store, record);
    record->at_ms = record->changed_ms;
    secret_random(record->id, sizeof(record->id));
    return store_record_add(w->store, record);
}

/* The values and the record; `numbers` has room for the group's and one a value. */
static enum err store_group(struct writer *w, struct vault_bulk *op, struct vault_record *record,
                            uint64_t *numbers, size_t items)
{
    enum err e = ERR_OK;

    for (size_t i = 0; op->repeated && i <= items; i++)
        numbers[i] = number_at(record->body, i);
    hand_out(op, numbers + 1);
    if (op->first != NULL)
        e = vault__tokenize(w, op->first);
    take_back(op);
    if (w->spoilt != NULL) /* one of the people's; it is this operation that has to go */
        w->spoilt = &op->op;
    if (e != ERR_OK)
        return e;
    e = put_record(w, op, numbers, items + 1, record);
    w->broken = e;
    return e;
}

enum err vault__bulk(struct writer *w, struct vault_bulk *op)
{
    const size_t items = count_items(op->first);
    AUTO(mem_free) uint64_t *numbers = NULL;
    struct vault_record record = {.kind = VAULT_RECORD_BULK};
    enum err e;

    if (items > VAULT_BULK_ITEMS_MAX)
        return ERR_TOO_LARGE;
    key_of(op->job, record.key);
    e = store_record_by_key(w->store, VAULT_RECORD_BULK, record.key, &record);
    if (e != ERR_OK && e != ERR_NOT_FOUND)
        return e;
    e = take_turn(op, items, &record, &op->repeated);
    if (e != ERR_OK)
        return e;
    numbers = mem_alloc((items + 1) * sizeof(*numbers));
    return store_group(w, op, &record, numbers, items);
}

static enum err forget(struct vault *v, struct vault_record *record, unsigned state,
                       int64_t before_ms)
{
    struct vault_records_write op = {.op = {.kind = VAULT_RECORDS},
                                     .records = record,
                                     .count = record != NULL ? 1 : 0,
                                     .forget = VAULT_RECORD_BULK,
                                     .forget_states = UINT64_C(1) << state,
                                     .forget_before_ms = before_ms,
                                     .forget_limit = FORGET_AT_ONCE};

    return vault_run(v, &op.op);
}

enum err vault_bulk_finish(struct vault *v, const uint8_t job[VAULT_ID_BYTES])
{
    AUTO(vault_records_close) struct vault_records *records = NULL;
    struct vault_record record = {.number = 0};
    char key[VAULT_RECORD_KEY_MAX + 1] = "";
    enum err e = vault_records_open(v, &records);

    if (e != ERR_OK)
        return e;
    key_of(job, key);
    e = vault_record_by_key(records, VAULT_RECORD_BULK, key, &record);
    record.body = SPAN_NONE;
    vault_records_close(&records); /* it holds a state of the database */
    if (e == ERR_OK) {
        record.state = STATE_FINISHED;
        e = forget(v, &record, STATE_FINISHED, INT64_MAX);
    }
    if (e != ERR_OK && e != ERR_NOT_FOUND)
        return e;
    return forget(v, NULL, STATE_OPEN, vault_now_s(v) * 1000 - ABANDONED_MS);
}
