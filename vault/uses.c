/* SPDX-License-Identifier: Apache-2.0 */
/* Uses: noted by readers, posted to the writer, written into rows.
 * Runs on: noting on the reader's thread, inline; writing on the writer's. Holds: a batch a read
 * transaction, and marks of what was posted lately. Invariant: a use that is lost (the queue is full, the
 * disk is) loses at most what the granularity says, since the next one tries again; a second later at the
 * earliest, so that a value in constant use costs one operation a second at most until it is written; a row whose
 * time is over is never revived; a use never makes a life shorter. Not here: what counts as a use
 * (proxy/). */
#include "vault/uses_priv.h"

#include "base/fault.h"
#include "vault/retime_priv.h"

enum { MARKS = 256 };

struct uses_lately {
    struct {
        uint64_t row;
        int64_t at_s;
        uint16_t class_id;
    } marks[MARKS];
};

/* ---- noting ---- */

static bool was_posted(struct vault_reader *r, const struct use *use)
{
    const size_t at = (size_t)((use->row ^ (uint64_t)use->class_id << 4) % MARKS);
    bool again;

    if (r->lately == NULL)
        r->lately = mem_alloc(sizeof(*r->lately));
    again = r->lately->marks[at].row == use->row &&
            r->lately->marks[at].class_id == use->class_id &&
            r->lately->marks[at].at_s == use->at_s;
    r->lately->marks[at].row = use->row;
    r->lately->marks[at].class_id = use->class_id;
    r->lately->marks[at].at_s = use->at_s;
    return again;
}

void vault__use_note(struct vault_reader *r, const struct use *use)
{
    if (was_posted(r, use))
        return;
    if (r->uses == NULL) {
        if (atomic_load(&r->v->uses_waiting) >= LIMIT_USES_WAITING_MAX)
            return; /* the next use tries again */
        r->uses = mem_alloc(sizeof(*r->uses));
    }
    if (r->uses->count <
        USES_BATCH) /* of more in one transaction the rest waits for the next use */
        r->uses->at[r->uses->count++] = *use;
}

static void on_written(struct vault_op *op)
{
    struct vault *v = op->owner;

    (void)atomic_fetch_sub(&v->uses_waiting, 1);
    free(op);
}

void vault__uses_post(struct vault_reader *r)
{
    struct uses *uses = TAKE(r->uses);

    uses->op = (struct vault_op){.kind = VAULT_USE, .done = on_written, .owner = r->v};
    (void)atomic_fetch_add(&r->v->uses_waiting, 1);
    if (vault_submit(r->v, &uses->op) != ERR_OK)
        on_written(&uses->op); /* the queue is full, or the store closes */
}

void vault__uses_free(struct vault_reader *r)
{
    mem_free(&r->uses);
    mem_free(&r->lately);
}

void vault_use(struct vault_reader *r, const struct vault_value *value)
{
    REQUIRE(r->reading);
    if (value->use_row != 0)
        vault__use_note(r, &(struct use){.class_id = value->class_id,
                                         .row = value->use_row,
                                         .slot = value->slot,
                                         .at_s = r->now_s});
}

/* ---- writing ---- */

static enum err write_use(struct writer *w, struct store_class *c, const struct store_timer *row,
                          int64_t at_s)
{
    const struct store_row seen = {.created_s = row->created_s, .start_s = row->start_s};
    struct timer to;
    bool changed;
    enum err e;

    if (w->v->defs[c->id] == NULL || w->v->defs[c->id]->rule.start != RULE_LAST_USED ||
        !uses_is_due(c, &seen, at_s))
        return ERR_OK;
    e = vault__timer(w, c->id, row->slot, row->created_s, at_s, &to);
    if (e != ERR_OK)
        return e;
    to.due_s = to.due_s > row->due_s ? to.due_s : row->due_s;
    e = vault__retime_row(w, c, row, &to, &changed);
    return e == ERR_NOT_FOUND || (e == ERR_CORRUPT && !store_failed(w->store)) ? ERR_OK : e;
}

static enum err write_one(struct writer *w, const struct use *use)
{
    const struct store_timer_cursor from = {.after = use->row - 1, .limit = 1};
    struct store_timer row;
    size_t count = 0;
    enum err e;

    if (vault__class(w->v, use->class_id) == NULL)
        return ERR_OK;
    e = store_timers(w->store, &w->v->table[use->class_id], &from, &row, &count);
    if (e != ERR_OK || count == 0 || row.id != use->row || row.slot != use->slot)
        return e;
    return write_use(w, &w->v->table[use->class_id], &row, use->at_s);
}

enum err vault__uses(struct writer *w, const struct uses *op)
{
    enum err e = ERR_OK;

    for (size_t i = 0; e == ERR_OK && i < op->count; i++)
        e = write_one(w, &op->at[i]);
    if (e != ERR_OK)
        w->broken = e;
    FAULT_POINT("use.written");
    return e;
}

enum err vault__use_shared(struct writer *w, struct store_class *c, uint64_t token_row,
                           uint64_t slot)
{
    struct store_timer timer;
    struct store_row row;
    enum err e;

    if (w->v->defs[c->id]->rule.start != RULE_LAST_USED)
        return ERR_OK;
    e = store_owner_get(w->store, c, token_row, slot, &row);
    if (e != ERR_OK)
        return e == ERR_NOT_FOUND ? ERR_OK : e;
    timer = (struct store_timer){row.id, row.slot, row.created_s, row.due_s, row.start_s};
    return write_use(w, c, &timer, vault__now_s(w->v));
}
