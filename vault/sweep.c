/* SPDX-License-Identifier: Apache-2.0 */
/* Deleting rows: of a subject whose key is gone, and of values whose time is over.
 * Runs on: the writer thread, inside a group's transaction. Holds: nothing. Invariant: never a row
 * of a subject that has a key, unless it is due and nothing keeps it; counters move with the rows; a token of a
 * deterministic class goes with its last row, a subject's names with its last value.
 * Not here: which rows to delete when (retention/). */
#include "vault/part_priv.h"
#include "vault/events_priv.h"
#include "vault/writer_priv.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/secret.h"
#include "vault/holds_priv.h"
#include "vault/purges_priv.h"
#include "vault/renew_priv.h"

/* A sweep deletes in parts, and ends after any of them when somebody waits: every row is another page
 * of the index on subjects to be written, and every request behind it waits for that. */
static size_t part_of(size_t limit, size_t deleted)
{
    const size_t left = (limit < WRITER_DELETE_MAX ? limit : WRITER_DELETE_MAX) - deleted;

    return left < WRITER_PART_ROWS ? left : WRITER_PART_ROWS;
}

/* Seconds, from a batch later to a month. */
const struct histogram_scale vault__delay_scale = {
    .count = 11,
    .bounds = {1, 10, 60, 120, 300, 900, 3600, 21600, 86400, 604800, 2592000},
    .unit = 1,
};

/* What hangs on `count` rows just deleted, the first of w->gone. */
static enum err follow_up(struct writer *w, const struct store_class *c, size_t count,
                          enum store_flow why, int64_t now_s)
{
    enum err e = ERR_OK;

    for (size_t i = 0; e == ERR_OK && i < count; i++) {
        tally_purged(w->tally, c->id, &w->gone[i], why, now_s);
        if (c->deterministic)
            e = store_shared_trim(w->store, c, w->gone[i].token_row);
        if (e == ERR_OK && atomic_load_explicit(&w->v->renewed, memory_order_relaxed))
            e = store_renewed_trim(w->store, c, w->gone[i].token_row);
    }
    return e;
}

/* ---- erased subjects ---- */

static enum err sweep_class(struct writer *w, const struct store_class *c,
                            struct vault_sweep_subject *op, size_t *left)
{
    size_t count = 0;
    enum err e = ERR_OK;

    if (FAULT_MUTANT("sweep.lies"))
        return ERR_OK;
    e = store_rows_delete_of(w->store, c, op->slot, *left, w->gone, &count);
    if (e == ERR_OK)
        e = follow_up(w, c, count, STORE_PURGED_ERASURE, vault__now_s(w->v));
    if (e != ERR_OK)
        return e;
    if (count > 0 && op->why != VAULT_SWEEP_REQUEST)
        tally_flow(w->tally, c->id,
                   op->why == VAULT_SWEEP_WITHDRAWAL ? STORE_PURGED_WITHDRAWAL
                                                     : STORE_PURGED_OBJECTION,
                   vault__now_s(w->v), count);
    *left -= count;
    op->deleted += count;
    return count == 0 ? ERR_OK : store_swept_add(w->store, op->slot, c->id, count);
}

static enum err sweep_classes(struct writer *w, struct vault_sweep_subject *op, bool deterministic,
                              size_t *left)
{
    enum err e = ERR_OK;

    for (size_t id = 1; e == ERR_OK && *left > 0 && id <= CLASSES_MAX; id++) {
        const struct store_class *c = vault__class(w->v, id);

        if (c != NULL && c->deterministic == deterministic)
            e = sweep_class(w, c, op, left);
    }
    return e;
}

/* Classes with blind indexes first: these are personal data that outlive the key. */
static enum err sweep_part(struct writer *w, struct vault_sweep_subject *op)
{
    size_t left = part_of(op->limit, op->deleted);
    enum err e = sweep_classes(w, op, true, &left);

    if (e == ERR_OK)
        e = sweep_classes(w, op, false, &left);
    op->more = left == 0;
    return e;
}

enum err vault__sweep_subject(struct writer *w, struct vault_sweep_subject *op)
{
    const struct keycache_entry *entry;
    enum err e = subject_key(w->v->slab, w->keys, op->slot, &entry);

    if (e == ERR_OK || op->limit == 0)
        return e == ERR_OK ? ERR_CONFLICT : ERR_INVALID; /* a key is there: nobody erased it */
    if (e != ERR_NOT_FOUND)
        return e;
    op->deleted = 0;
    do
        e = sweep_part(w, op);
    while (e == ERR_OK && op->more && part_of(op->limit, op->deleted) > 0 &&
           !writer_is_wanted(w, &op->op));
    if (e == ERR_OK)
        e = store_names_delete(w->store, op->slot);
    if (e == ERR_OK)
        e = store_events_delete(w->store, op->slot);
    if (e == ERR_OK && !op->more)
        e = store_subject_delete(w->store, op->slot);
    if (e != ERR_OK)
        w->broken = e;
    FAULT_POINT("sweep.batch");
    return e;
}

/* ---- values that are due ---- */

enum err vault__ended_forget(struct writer *w)
{
    enum err e = ERR_OK;

    if (w->ended_count == 0)
        return ERR_OK;
    FAULT_POINT("purge.committed");
    atomic_fetch_add(&w->v->names_generation, 1);
    for (size_t i = 0; e == ERR_OK && i < w->ended_count; i++) {
        vault__holds_forget(w->v, w->ended[i]);
        e = slab_clear(w->v->slab, w->ended[i]);
    }
    if (e == ERR_OK)
        e = slab_sync(w->v->slab);
    vault__keys_drop(w, w->ended, w->ended_count);
    w->ended_count = 0;
    return e;
}

/* A slot of anybody whom the database has, or of the store itself, is not meant, whatever it says. */
static enum err finish_one(struct vault *v, struct store *s, uint64_t slot)
{
    struct store_subject subject;
    struct slab_key key;
    enum err e = store_subject_get(s, slot, &subject);

    if (e != ERR_NOT_FOUND)
        return e;
    e = slot < SLAB_FIRST_SLOTS ? ERR_NOT_FOUND : slab_read(v->slab, slot, &key);
    if ((e == ERR_OK && key.kind == SLAB_SUBJECT) || e == ERR_CORRUPT)
        e = slab_clear(v->slab, slot);
    secret_wipe(&key, sizeof(key));
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

enum err vault__ended_finish(struct vault *v, struct store *s)
{
    uint64_t slot = 0;
    enum err e = store_ended_next(s, 0, &slot);

    if (e == ERR_NOT_FOUND)
        return ERR_OK;
    while (e == ERR_OK) {
        e = finish_one(v, s, slot);
        if (e == ERR_OK)
            e = store_ended_next(s, slot, &slot);
    }
    if (e == ERR_NOT_FOUND)
        e = slab_sync(v->slab);
    return e == ERR_OK ? store_ended_forget(s) : e;
}

static int by_slot(const void *a, const void *b)
{
    const struct store_gone *x = a;
    const struct store_gone *y = b;

    return x->slot < y->slot ? -1 : x->slot > y->slot;
}

static enum err has_rows(struct writer *w, uint64_t slot, bool *ret)
{
    enum err e = ERR_OK;

    *ret = false;
    for (size_t id = 1; e == ERR_OK && !*ret && id <= CLASSES_MAX; id++) {
        const struct store_class *c = vault__class(w->v, id);

        if (c != NULL)
            e = store_class_has(w->store, c, slot, ret);
    }
    return e;
}

/* What stands there from before has been destroyed, or nothing is served any more. */
static enum err note_ended(struct writer *w, uint64_t slot)
{
    enum err e = w->ended_count == 0 ? store_ended_forget(w->store) : ERR_OK;

    if (e == ERR_OK)
        e = store_ended_put(w->store, slot);
    if (e != ERR_OK)
        return e;
    if (w->ended_count == w->ended_cap) {
        w->ended_cap = w->ended_cap == 0 ? 256 : w->ended_cap * 2;
        w->ended = realloc(w->ended, w->ended_cap * sizeof(w->ended[0]));
        REQUIRE(w->ended != NULL);
    }
    w->ended[w->ended_count++] = slot;
    return ERR_OK;
}

bool writer_has_ended(const struct writer *w, uint64_t slot)
{
    for (size_t i = 0; i < w->ended_count; i++)
        if (w->ended[i] == slot)
            return true;
    return false;
}

/* The last value of a subject is gone: neither its names nor its key may stay behind. The key goes
 * when the deletion is durable. */
static enum err end_subject(struct writer *w, uint64_t slot)
{
    const struct keycache_entry *entry;
    enum err e = subject_key(w->v->slab, w->keys, slot, &entry);
    const bool had_key = e == ERR_OK || e == ERR_CORRUPT;

    if (e == ERR_NOT_FOUND || e == ERR_CORRUPT) /* erased, and counted then; or damaged */
        e = ERR_OK;
    if (e == ERR_OK)
        e = store_names_delete(w->store, slot);
    if (e == ERR_OK)
        e = store_events_delete(w->store, slot);
    if (e == ERR_OK)
        e = store_kept_delete(w->store, slot);
    if (e == ERR_OK)
        e = store_subject_delete(w->store, slot);
    if (e == ERR_OK)
        e = store_holds_end(w->store, slot, vault__now_ms(w->v));
    if (e != ERR_OK || !had_key)
        return e;
    tally_subjects(w->tally, -1);
    return note_ended(w, slot);
}

static enum err end_subjects(struct writer *w, size_t count)
{
    enum err e = ERR_OK;

    qsort(w->gone, count, sizeof(w->gone[0]), by_slot);
    for (size_t i = 0; e == ERR_OK && i < count; i++) {
        bool more = true;

        if (i > 0 && w->gone[i].slot == w->gone[i - 1].slot)
            continue;
        e = has_rows(w, w->gone[i].slot, &more);
        if (e == ERR_OK && !more && !vault__part_is_open(w, w->gone[i].slot))
            e = end_subject(w, w->gone[i].slot);
    }
    return e;
}

/* Deletes what nothing keeps among the next rows; *ret_looked: how many these are. */
static enum err delete_unkept(struct writer *w, const struct store_class *c,
                              struct vault_purge_due *op, size_t most, size_t *ret_looked,
                              size_t *ret_count)
{
    struct store_due_list due;
    size_t count = 0;
    enum err e = store_rows_due(w->store, c, op->now_s, most, &op->after, &due);

    for (size_t i = 0; e == ERR_OK && i < due.count; i++)
        if (!vault__is_kept(w->v, due.at[i].slot, c->id))
            e = store_row_delete(w->store, c, due.at[i].id, &w->gone[count++]);
    op->kept += due.count - count;
    *ret_looked = due.count;
    *ret_count = count;
    return e;
}

/* How long the rows just deleted were kept beyond their time; the longest comes back. */
static int64_t measure_delays(struct writer *w, size_t count, int64_t longest_s)
{
    const int64_t now_s = vault__now_s(w->v);

    for (size_t i = 0; i < count; i++) {
        const int64_t delay_s = now_s > w->gone[i].due_s ? now_s - w->gone[i].due_s : 0;

        histogram_add(&w->v->meters.delays, &vault__delay_scale, (uint64_t)delay_s);
        longest_s = delay_s > longest_s ? delay_s : longest_s;
    }
    return longest_s;
}

static enum err purge_part(struct writer *w, const struct store_class *c,
                           struct vault_purge_due *op, int64_t *delay_s)
{
    const size_t most = part_of(op->limit, op->deleted + op->kept);
    const bool any_marks = atomic_load_explicit(&w->v->marks, memory_order_relaxed) != NULL;
    size_t count = 0, looked;
    enum err e;

    if (any_marks) {
        e = delete_unkept(w, c, op, most, &looked, &count);
    } else {
        e = store_rows_delete_due(w->store, c, op->now_s, most, w->gone, &count);
        looked = count;
    }
    if (e == ERR_OK)
        e = follow_up(w, c, count, STORE_PURGED_TIMER, op->now_s);
    *delay_s = measure_delays(w, e == ERR_OK ? count : 0, *delay_s);
    if (e == ERR_OK)
        e = end_subjects(w, count);
    op->deleted += count;
    op->more = looked == most;
    return e;
}

enum err vault__purge_due(struct writer *w, struct vault_purge_due *op)
{
    const struct store_class *c = vault__class(w->v, op->class_id);
    int64_t delay_s = 0;
    enum err e;

    if (c == NULL || op->limit == 0)
        return c == NULL ? ERR_NOT_FOUND : ERR_INVALID;
    if (vault_purge_is_paused(w->v, op->class_id))
        return ERR_CONFLICT;
    op->deleted = 0;
    op->kept = 0;
    op->more = false;
    if ((vault__marks_on(w->v, 0, c->id) & MARK_HELD) != 0)
        return ERR_OK; /* all of it is kept */
    do
        e = purge_part(w, c, op, &delay_s);
    while (e == ERR_OK && op->more && part_of(op->limit, op->deleted + op->kept) > 0 &&
           !writer_is_wanted(w, &op->op));
    if (e == ERR_OK && op->run != 0 && op->deleted > 0) {
        const struct vault_purge_figures batch = {op->run, op->class_id, op->deleted, 1, delay_s};

        e = store_purge_count(w->store, &batch);
    }
    if (w->ended_count > 0)
        names_clear(w->names);
    if (e != ERR_OK)
        w->broken = e;
    FAULT_POINT("purge.batch");
    return e;
}
