/* SPDX-License-Identifier: Apache-2.0 */
/* Books that operators keep.
 * Runs on: reading on any thread, each with a connection of its own; writing on the writer's. Holds: no
 * keys: nothing in these books is a secret of a person. Invariant: a write is durable whole, or left no
 * trace. Not here: what a kind's states and bodies mean. */
#include "vault/records.h"

#include <string.h>

#include "base/fault.h"
#include "base/secret.h"
#include "vault/records_priv.h"
#include "vault/recount.h"
#include "vault/renew_priv.h"
#include "vault/writer_priv.h"

enum { RECORDS_IDLE_MAX = 4 /* kept for whoever opens next: a connection that knows the tables */ };

struct vault_records {
    struct vault *v;
    struct vault_records *next; /* of those that are kept */
    struct store *store;
};

/* ---- opening ---- */

/* One that was closed: a page looks into several books, and a connection costs a hundred look-ups. */
static struct vault_records *take_idle(struct vault *v)
{
    struct vault_records *r;

    (void)pthread_mutex_lock(&v->readers_lock);
    r = v->records_idle;
    if (r != NULL) {
        v->records_idle = r->next;
        v->records_idle_count--;
    }
    (void)pthread_mutex_unlock(&v->readers_lock);
    return r;
}

enum err vault_records_open(struct vault *v, struct vault_records **ret_records)
{
    struct vault_records *r = take_idle(v);
    AUTO(mem_free) char *path = NULL;
    struct store *s = NULL;
    enum err e;

    if (r == NULL) {
        path = vault__path(v->dir, VAULT_DB);
        e = store_open(path, STORE_READER, slab_store_id(v->slab), &s, NULL);
        if (e != ERR_OK)
            return e;
        r = mem_alloc(sizeof(*r));
        *r = (struct vault_records){.v = v, .store = s};
    }
    *ret_records = r;
    return ERR_OK;
}

static void destroy(struct vault_records *r)
{
    store_close(&r->store);
    free(r);
}

void vault_records_close(struct vault_records **recordsp)
{
    struct vault_records *r = TAKE(*recordsp);
    bool kept;

    if (r == NULL)
        return;
    store_read_end(r->store);
    (void)pthread_mutex_lock(&r->v->readers_lock);
    kept = !store_failed(r->store) && r->v->records_idle_count < RECORDS_IDLE_MAX;
    if (kept) {
        r->next = r->v->records_idle;
        r->v->records_idle = r;
        r->v->records_idle_count++;
    }
    (void)pthread_mutex_unlock(&r->v->readers_lock);
    if (!kept)
        destroy(r);
}

void vault__records_free_idle(struct vault *v)
{
    struct vault_records *r;

    while ((r = take_idle(v)) != NULL)
        destroy(r);
}

/* ---- reading ---- */

enum err vault_record_get(struct vault_records *r, enum vault_record_kind kind, uint64_t number,
                          struct vault_record *ret)
{
    return store_record_get(r->store, kind, number, ret);
}

enum err vault_record_by_id(struct vault_records *r, enum vault_record_kind kind,
                            const uint8_t id[VAULT_ID_BYTES], struct vault_record *ret)
{
    return store_record_by_id(r->store, kind, id, ret);
}

enum err vault_record_by_key(struct vault_records *r, enum vault_record_kind kind, const char *key,
                             struct vault_record *ret)
{
    return store_record_by_key(r->store, kind, key, ret);
}

enum err vault_record_last(struct vault_records *r, enum vault_record_kind kind,
                           struct vault_record *ret)
{
    return store_record_last(r->store, kind, ret);
}

enum err vault_record_next(struct vault_records *r, const struct vault_record_filter *filter,
                           uint64_t after, struct vault_record *ret)
{
    return store_record_next(r->store, filter, after, ret);
}

enum err vault_record_next_due(struct vault_records *r, enum vault_record_kind kind,
                               int64_t until_ms, const struct vault_record *after,
                               struct vault_record *ret)
{
    return store_record_next_due(r->store, kind, until_ms, after == NULL ? 0 : after->due_ms,
                                 after == NULL ? 0 : after->number, ret);
}

enum err vault_record_next_made(struct vault_records *r, enum vault_record_kind kind, int64_t to_ms,
                                const struct vault_record *after, struct vault_record *ret)
{
    return store_record_next_made(r->store, kind, to_ms, after, ret);
}

enum err vault_records_count(struct vault_records *r, enum vault_record_kind kind,
                             uint64_t ret[VAULT_RECORD_STATES])
{
    return store_records_count(r->store, kind, ret);
}

enum err vault_records_count_due(struct vault_records *r, enum vault_record_kind kind,
                                 int64_t until_ms, uint64_t *ret)
{
    return store_records_count_due(r->store, kind, until_ms, ret);
}

/* ---- writing ---- */

static enum err add(struct store *s, struct vault_record *record)
{
    struct vault_record other;
    enum err e;

    if (record->key[0] != '\0') {
        e = store_record_by_key(s, record->kind, record->key, &other);
        if (e != ERR_NOT_FOUND)
            return e == ERR_OK ? ERR_CONFLICT : e;
    }
    record->version = 1;
    if (record->at_ms == 0)
        record->at_ms = record->changed_ms;
    secret_random(record->id, sizeof(record->id));
    return store_record_add(s, record);
}

static enum err change(struct store *s, struct vault_record *record)
{
    struct vault_record there;
    enum err e = store_record_get(s, record->kind, record->number, &there);

    if (e != ERR_OK)
        return e;
    if (there.version != record->version)
        return ERR_CONFLICT;
    record->version++;
    return store_record_change(s, record);
}

static enum err write_record(struct store *s, struct vault_record *record, int64_t now_ms)
{
    REQUIRE(record->kind > 0 && record->kind < VAULT_RECORD_KINDS);
    REQUIRE(record->state < VAULT_RECORD_STATES && strlen(record->key) <= VAULT_RECORD_KEY_MAX);
    if (record->body.len > VAULT_RECORD_BODY_MAX)
        return ERR_TOO_LARGE;
    record->changed_ms = now_ms;
    return record->number == 0 ? add(s, record) : change(s, record);
}

static enum err put_right(const struct vault *v, struct store *s,
                          const struct vault_recount_difference *d)
{
    const struct store_class *c = vault__class(v, d->class_id);

    if (!d->is_lost)
        return store_aggregate_add(s, d->class_id, d->created_day, d->due_day, d->n);
    return c == NULL ? ERR_NOT_FOUND : store_renewed_drop(s, c, d->old_number);
}

static enum err write_all(const struct writer *w, struct vault_records_write *op,
                          struct vault_record *records, int64_t now_ms)
{
    struct store *s = w->store;
    enum err e = ERR_OK;

    for (size_t i = 0; e == ERR_OK && i < op->repair_count; i++)
        e = put_right(w->v, s, &op->repairs[i]);
    for (size_t i = 0; e == ERR_OK && i < op->count; i++) {
        op->failed = i;
        e = write_record(s, &records[i], now_ms);
    }
    if (e == ERR_OK && op->forget != 0)
        e = store_records_forget(s, op->forget, op->forget_states, op->forget_before_ms,
                                 op->forget_limit, &op->forgotten);
    return e;
}

enum err vault__records_write(struct writer *w, struct vault_records_write *op)
{
    /* The caller's records hear of it only when it is durable. */
    const size_t size = op->count * sizeof(op->records[0]);
    AUTO(mem_free) struct vault_record *records = mem_alloc(size > 0 ? size : 1);
    enum err e = store_begin(w->store);

    if (op->count > 0)
        memcpy(records, op->records, size);
    if (e == ERR_OK)
        e = write_all(w, op, records, vault__now_ms(w->v));
    FAULT_POINT("records.before_commit");
    if (e == ERR_OK)
        e = store_commit(w->store);
    if (e != ERR_OK) {
        store_rollback(w->store);
        return e;
    }
    FAULT_POINT("records.committed");
    if (op->count > 0)
        memcpy(op->records, records, size);
    return ERR_OK;
}

/* Closed again before anything is written: what a reader still looks at cannot be taken out of the log. */
static enum err find_standing(struct vault *vault, struct vault_record *record)
{
    AUTO(vault_records_close) struct vault_records *records = NULL;
    struct vault_record old;
    enum err e = vault_records_open(vault, &records);

    if (e == ERR_OK)
        e = vault_record_by_key(records, record->kind, record->key, &old);
    if (e == ERR_OK) {
        record->number = old.number;
        record->version = old.version;
    }
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

enum err vault_record_keep(struct vault *vault, enum vault_record_kind kind, const char *key,
                           unsigned state, struct span body)
{
    struct vault_record record = {.kind = kind, .state = state, .body = body};
    struct vault_records_write op = {.op = {.kind = VAULT_RECORDS}, .records = &record, .count = 1};
    enum err e;

    REQUIRE(strlen(key) < sizeof(record.key));
    memcpy(record.key, key, strlen(key));
    e = find_standing(vault, &record);
    return e == ERR_OK ? vault_run(vault, &op.op) : e;
}
