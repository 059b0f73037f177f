/* SPDX-License-Identifier: Apache-2.0 */
/* Rotation of the root key: what the slab does slot by slot, and what the ledger says of it.
 * Runs on: the writer thread. Holds: nothing. Invariant: the ledger's entry for an epoch stands
 * only when every key has been found under it, and the old key goes after the entry is durable.
 * Not here: the wrapping (slab_rotate.c), making and destroying root keys (keys/). */
#include "vault/writer_priv.h"

#include "base/clock.h"
#include "base/fault.h"

enum err vault__rotate_begin(struct writer *w, const struct vault_rotate_begin *op)
{
    const uint32_t before = slab_epoch(w->v->slab);
    enum err e = slab_rotate_begin(w->v->slab, op->next);

    if (e == ERR_OK && slab_epoch(w->v->slab) != before)
        FAULT_POINT("rotate.begun");
    return e;
}

/* The entry may be there already: a crash came before the slab's header. */
static enum err enter_epoch(struct vault *v)
{
    struct ledger_record record = {
        .kind = LEDGER_EPOCH, .time_ms = vault__now_ms(v), .slot = slab_epoch(v->slab)};
    enum err e;

    if (v->ledger_epoch == slab_epoch(v->slab))
        return ERR_OK;
    e = ledger_append(v->ledger, &record);
    if (e != ERR_OK)
        return e;
    v->ledger_epoch = slab_epoch(v->slab);
    atomic_store(&v->epoch_began_ms, record.time_ms);
    return ERR_OK;
}

/* That the ledger goes further now; if it cannot be said, the next start says it. */
static void remember_ledger(struct writer *w)
{
    enum err e = store_begin(w->store);

    if (e == ERR_OK)
        e = vault__replay_mark(w->v, w->store);
    if (e == ERR_OK)
        e = store_commit(w->store);
    if (e != ERR_OK)
        store_rollback(w->store);
}

static enum err end(struct writer *w)
{
    enum err e = vault__erasures_tell(w); /* remember_ledger() must not pass one */

    if (e != ERR_OK)
        return e;
    FAULT_POINT("rotate.before_end");
    e = enter_epoch(w->v);
    if (e == ERR_OK)
        e = slab_rotate_end(w->v->slab);
    if (e != ERR_OK)
        return e;
    FAULT_POINT("rotate.ended");
    remember_ledger(w);
    return ERR_OK;
}

enum err vault__rotate_step(struct writer *w, struct vault_rotate_step *op)
{
    bool clean = false;
    enum err e;

    op->rewrapped = 0;
    op->more = slab_old_epoch(w->v->slab) != 0;
    if (op->limit == 0)
        return ERR_INVALID;
    if (!op->more)
        return ERR_OK;
    e = slab_rotate_step(w->v->slab, op->limit, &op->rewrapped, &clean);
    FAULT_POINT("rotate.step");
    if (e == ERR_OK && clean) {
        e = end(w);
        op->more = e != ERR_OK;
    }
    return e;
}
