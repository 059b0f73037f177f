/* SPDX-License-Identifier: Apache-2.0 */
/* Rows get another due time. It is bound into what is sealed, so that a row is opened and sealed again.
 * Runs on: the writer thread, inside a group's transaction. Holds: one value at a time, in wiped memory.
 * Invariant: a row whose time is over stays so; a revision seals under a random number, so that no
 * nonce repeats; counters move with the row; a row that does not open is never written to.
 * Not here: what a due time is counted from (vault/rule.h), when rows are to be looked at. */
#include "vault/retime.h"

#include <stdlib.h>

#include "base/fault.h"
#include "vault/events_priv.h"
#include "vault/purges_priv.h"
#include "vault/renew_priv.h"
#include "vault/retime_priv.h"

/* A value of a case that is closed already counts from its own creation. */
static enum err find_event(struct store *s, uint64_t slot, const char *name, int64_t created_s,
                           int64_t *ret_start_s)
{
    int64_t at_s = 0;
    enum err e = store_event_at(s, slot, name, &at_s, NULL);

    if (e == ERR_OK)
        *ret_start_s = at_s > created_s ? at_s : created_s;
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

enum err vault__rule_timer(struct store *s, const struct rule *rule, uint64_t slot,
                           int64_t created_s, int64_t used_s, struct timer *ret)
{
    struct rule_times times = {.created_s = created_s, .used_s = created_s};
    struct timer timer = {.start_s = 0};

    if (rule->start == RULE_LAST_USED && used_s != 0)
        timer.start_s = times.used_s = used_s;
    if (rule->start == RULE_EVENT) {
        enum err e = find_event(s, slot, rule->event, created_s, &timer.start_s);

        if (e != ERR_OK)
            return e;
        times.event_s = timer.start_s;
    }
    timer.due_s = rule_due(rule, &times);
    *ret = timer;
    return ERR_OK;
}

enum err vault__timer(struct writer *w, uint16_t class_id, uint64_t slot, int64_t created_s,
                      int64_t used_s, struct timer *ret)
{
    return vault__rule_timer(w->store, &w->v->defs[class_id]->rule, slot, created_s, used_s, ret);
}

/* ---- one row ---- */

struct crypto_row vault__row_bound(const struct store_class *c, const struct keycache_entry *entry,
                                   const struct store_row *row)
{
    struct crypto_row bound = {
        .domain = (uint16_t)entry->domain,
        .class_id = c->id,
        .row = row->id,
        .revision = row->revision,
        .due_s = row->due_s,
        .created_s = row->created_s,
        .start_s = row->start_s,
    };

    memcpy(bound.subject, entry->subject, VAULT_ID_BYTES);
    memcpy(bound.salt, row->salt, TOKEN_SALT_BYTES);
    return bound;
}

enum err vault__row_seal(struct writer *w, const struct store_class *c,
                         const struct keycache_entry *entry, enum value_kind kind,
                         struct store_row *row)
{
    const size_t len = 1 + w->clear.len + CRYPTO_TAG_BYTES;
    struct crypto_row bound;
    enum err e;

    w->sealed.len = 0;
    e = buf_reserve(&w->sealed, len);
    if (e != ERR_OK)
        return e;
    row->revision = writer_new_revision();
    bound = vault__row_bound(c, entry, row);
    vault__seal(entry->key, &bound, kind, buf_span(&w->clear), w->sealed.bytes);
    buf_reset(&w->clear);
    row->sealed = span_of(w->sealed.bytes, len);
    return ERR_OK;
}

/* Open the row as it is, seal it as it shall be: row->sealed is in w->sealed then. */
static enum err seal_again(struct writer *w, const struct store_class *c, struct store_row *row,
                           const struct timer *to)
{
    const struct keycache_entry *entry;
    struct crypto_row bound;
    enum value_kind kind;
    enum err e = subject_key(w->v->slab, w->keys, row->slot, &entry);

    if (e != ERR_OK)
        return e;
    bound = vault__row_bound(c, entry, row);
    buf_reset(&w->clear);
    e = vault__open(entry->key, &bound, row->sealed, &kind, &w->clear);
    if (e != ERR_OK)
        return e;
    row->due_s = to->due_s;
    row->start_s = to->start_s;
    return vault__row_seal(w, c, entry, kind, row);
}

void vault__retimed(struct writer *w, uint64_t slot)
{
    if (w->retimed_count > 0 && w->retimed[w->retimed_count - 1] == slot)
        return;
    if (w->retimed_count == w->retimed_cap) {
        w->retimed_cap = w->retimed_cap == 0 ? 256 : w->retimed_cap * 2;
        w->retimed = realloc(w->retimed, w->retimed_cap * sizeof(w->retimed[0]));
        REQUIRE(w->retimed != NULL);
    }
    w->retimed[w->retimed_count++] = slot;
}

enum err vault__retime_row(struct writer *w, struct store_class *c, const struct store_timer *row,
                           const struct timer *to, bool *ret_changed)
{
    struct store_row stored;
    enum err e;

    *ret_changed = false;
    if (vault__now_s(w->v) >= row->due_s)
        return ERR_NOT_FOUND;
    if (row->due_s == to->due_s && row->start_s == to->start_s)
        return ERR_OK;
    /* Purging walks the rows of an ordered class in their order. */
    e = c->ordered && row->due_s != to->due_s ? writer_disorder(w, c) : ERR_OK;
    if (e == ERR_OK)
        e = store_row_at(w->store, c, row->id, &stored);
    if (e == ERR_OK)
        e = seal_again(w, c, &stored, to);
    if (e != ERR_OK)
        return e;
    e = store_row_retime(w->store, c, &stored);
    if (e != ERR_OK)
        return e;
    tally_retimed(w->tally, c->id, row, &stored);
    vault__retimed(w, stored.slot);
    *ret_changed = true;
    return ERR_OK;
}

/* ---- batches ---- */

static enum err retime_one(struct writer *w, struct store_class *c, const struct store_timer *row,
                           struct vault_retime *op)
{
    struct timer to;
    bool changed = false;
    enum err e = vault__timer(w, c->id, row->slot, row->created_s, row->start_s, &to);

    if (e == ERR_OK)
        e = vault__retime_row(w, c, row, &to, &changed);
    op->changed += changed;
    if (e == ERR_CORRUPT && !store_failed(w->store)) {
        op->unreadable++;
        return ERR_OK;
    }
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

/* The next rows of the class that the cursor stands in; *ret_end: it has no more. */
static enum err retime_rows(struct writer *w, struct vault_retime *op, size_t most, bool *ret_end)
{
    struct store_class *c = &w->v->table[op->next.class_id];
    const struct store_timer_cursor from = {op->slot, op->next.row, most};
    size_t count = 0;
    enum err e;

    if (vault__class(w->v, op->next.class_id) == NULL || w->v->defs[op->next.class_id] == NULL) {
        *ret_end = true;
        return ERR_OK;
    }
    e = store_timers(w->store, c, &from, w->timers, &count);
    for (size_t i = 0; e == ERR_OK && i < count; i++) {
        e = retime_one(w, c, &w->timers[i], op);
        op->next.row = w->timers[i].id;
    }
    op->looked += count;
    *ret_end = count < most;
    return e;
}

static enum err retime_part(struct writer *w, struct vault_retime *op, size_t most)
{
    const size_t before = op->looked;
    enum err e = ERR_OK;

    while (e == ERR_OK && op->more && op->looked - before < most) {
        bool end = false;

        e = retime_rows(w, op, most - (op->looked - before), &end);
        if (!end)
            continue;
        op->next.row = 0;
        op->next.class_id++;
        op->more = op->class_id == 0 && op->next.class_id <= CLASSES_MAX;
    }
    return e;
}

enum err vault__retime_event(struct writer *w, uint64_t slot, const char *name, size_t most,
                             struct vault_event *op)
{
    struct vault_retime retime = {.slot = slot};
    enum err e = ERR_OK;

    for (uint16_t id = 1; e == ERR_OK && id <= CLASSES_MAX; id++) {
        const struct class_def *def = vault__class(w->v, id) == NULL ? NULL : w->v->defs[id];
        size_t looked = retime.looked;

        if (def == NULL || def->rule.start != RULE_EVENT || strcmp(def->rule.event, name) != 0)
            continue;
        retime.next = (struct vault_retime_at){.class_id = id};
        retime.class_id = id;
        retime.more = true;
        while (e == ERR_OK && retime.more && retime.looked < most) {
            e = retime_part(w, &retime, WRITER_PART_ROWS);
            looked = retime.looked;
        }
        op->more = op->more || retime.more || looked >= most;
    }
    op->changed = retime.changed;
    return e;
}

/* A whole look at a person is begun: which events it may settle at its end. */
static enum err begin(struct writer *w, struct vault_retime *op)
{
    op->next.class_id = op->class_id == 0 ? 1 : op->class_id;
    return op->class_id == 0 ? store_event_mark(w->store, op->slot, &op->next.event_mark) : ERR_OK;
}

enum err vault__retime(struct writer *w, struct vault_retime *op)
{
    const size_t limit = op->limit < WRITER_DELETE_MAX ? op->limit : WRITER_DELETE_MAX;
    enum err e = ERR_OK;

    if (limit == 0 || (op->slot == 0 && op->class_id == 0))
        return ERR_INVALID;
    if (op->class_id != 0 && vault__class(w->v, op->class_id) == NULL)
        return ERR_NOT_FOUND;
    if (op->rule != NULL &&
        (op->class_id == 0 || w->v->defs[op->class_id] == NULL ||
         op->rule != &((const struct class_def *)w->v->defs[op->class_id])->rule))
        return ERR_CONFLICT;
    op->next = op->at; /* what is tried again begins where it began */
    if (op->next.class_id == 0)
        e = begin(w, op);
    if (e != ERR_OK)
        return e;
    op->looked = 0;
    op->changed = 0;
    op->unreadable = 0;
    op->more = true;
    do {
        const size_t left = limit - op->looked;

        e = retime_part(w, op, left < WRITER_PART_ROWS ? left : WRITER_PART_ROWS);
    } while (e == ERR_OK && op->more && op->looked < limit && !writer_is_wanted(w, &op->op));
    /* A whole class is re-timed when an operator has confirmed what that destroys (purges.h). */
    if (e == ERR_OK && op->slot == 0 && op->changed > 0)
        e = store_foreseen_allow(w->store, op->class_id, op->changed);
    if (e == ERR_OK && !op->more && op->next.event_mark > 0)
        e = store_event_settle(w->store, op->slot, op->next.event_mark);
    if (e != ERR_OK)
        w->broken = e;
    FAULT_POINT("retime.batch");
    return e;
}

/* ---- after the commit ---- */

static int by_number(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;

    return *x < *y ? -1 : *x > *y;
}

/* A reader's lock is held while it reads, so that whoever holds an old row has put it away when this is done. */
void vault__retimed_tell(struct writer *w)
{
    struct vault *v = w->v;

    if (w->retimed_count == 0 && !w->renewed_over)
        return;
    if (w->renewed_over)
        vault__renewed_over(w);
    if (w->retimed_count > 0)
        qsort(w->retimed, w->retimed_count, sizeof(w->retimed[0]), by_number);
    (void)pthread_mutex_lock(&v->readers_lock);
    for (struct vault_reader *r = v->readers; r != NULL; r = r->next) {
        (void)pthread_mutex_lock(&r->lock);
        if (w->renewed_over)
            rowcache_clear(r->rows);
        rowcache_drop_each(r->rows, w->retimed, w->retimed_count);
        (void)pthread_mutex_unlock(&r->lock);
    }
    (void)pthread_mutex_unlock(&v->readers_lock);
    w->retimed_count = 0;
    w->renewed_over = false;
}
