/* SPDX-License-Identifier: Apache-2.0 */
/* From one root key to the next: every slot is wrapped again where it stands, some thousands at a
 * time, while keys are added, read and shredded.
 * Runs on: the writer's thread. Holds: how far the pass is (in struct slab).
 * Invariant: while a slot may be under the old epoch, both header copies name it and its key is held.
 * Not here: who orders it and what the ledger says of it (rotate.c).
 *
 *   header A: new epoch, old epoch; sync; header B: the same; sync -> slots, sync -> slots, sync ...
 *     -> a whole pass without an old slot -> header A: new epoch; sync; B; sync -> old key wiped
 *
 * A slot is overwritten within one sector, so that a torn write leaves the old or the new wrapping,
 * and both root keys are there until the end: whatever stops it, it is begun again from the first
 * slot, which finds most of the work done. A key that is added meanwhile is under the new epoch; one
 * that is shredded is zero, and zero slots are left alone. */
#include <string.h>

#include "base/assert.h"
#include "base/fault.h"
#include "base/mem.h"
#include "base/secret.h"
#include "vault/file_priv.h"
#include "vault/slab_file_priv.h"

/* ---- begin and end ---- */

/* Both copies, one after the other: damage of the newer must not lead back to the older. */
static enum err write_both(struct slab *s)
{
    enum err e = slab_flush(s);

    FAULT_POINT("rotate.header");
    return e == ERR_OK ? slab_flush(s) : e;
}

/* Is `root` what the slab is under now? */
static bool is_current(const struct slab *s, const struct root_key *root)
{
    uint8_t check[CRYPTO_KEY_BYTES];
    bool same;

    vault__derive(root->bytes, CRYPTO_DERIVE_CHECK, check);
    same = secret_equal(check, s->check_key, sizeof(check));
    secret_wipe(check, sizeof(check));
    return same;
}

static void start_pass(struct slab *s)
{
    s->cursor = 0;
    s->found = false;
    s->damaged = false;
}

enum err slab_rotate_begin(struct slab *s, const struct root_key *next)
{
    enum err e = slab_may_write(s);

    if (e != ERR_OK)
        return e;
    if (next->epoch < s->header.epoch || is_current(s, next) != (next->epoch == s->header.epoch))
        return ERR_INVALID;
    if (next->epoch == s->header.epoch)
        return ERR_OK;
    if (s->header.old_epoch != 0)
        return ERR_CONFLICT;
    (void)pthread_rwlock_wrlock(&s->keys_lock);
    memcpy(s->wraps[WRAP_OLD].key, s->wraps[WRAP_NEW].key, CRYPTO_KEY_BYTES);
    s->wraps[WRAP_OLD].epoch = s->wraps[WRAP_NEW].epoch;
    slab_wrapping_take(&s->wraps[WRAP_NEW], next);
    (void)pthread_rwlock_unlock(&s->keys_lock);
    vault__derive(next->bytes, CRYPTO_DERIVE_CHECK, s->check_key);
    s->header.old_epoch = s->header.epoch;
    s->header.epoch = next->epoch;
    s->rewrapped = 0;
    s->clean = false;
    start_pass(s);
    return write_both(s);
}

enum err slab_rotate_end(struct slab *s)
{
    const uint32_t old = s->header.old_epoch;
    enum err e = slab_may_write(s);

    if (e != ERR_OK || old == 0)
        return e;
    REQUIRE(s->clean);
    s->header.old_epoch = 0;
    e = write_both(s);
    if (e != ERR_OK) {
        s->header.old_epoch = old; /* what the file says is not known, so its key is kept */
        return e;
    }
    (void)pthread_rwlock_wrlock(&s->keys_lock);
    secret_wipe(s->wraps[WRAP_OLD].key, CRYPTO_KEY_BYTES);
    s->wraps[WRAP_OLD].epoch = 0;
    (void)pthread_rwlock_unlock(&s->keys_lock);
    return ERR_OK;
}

/* ---- steps ---- */

/* Slots that stand one after the other. */
struct run {
    uint8_t *bytes;
    uint8_t *nonces;
    uint64_t first;
    size_t count;
    size_t held;      /* bytes of it that the file has; slots past its end are empty */
    size_t rewrapped; /* none: nothing is to be written */
};

static void run_done(struct run *run)
{
    mem_free(&run->bytes);
    mem_free(&run->nonces);
}

/* CORRUPT: it does not unwrap, whichever epoch it names; it is left as it is. */
static enum err rewrap(const struct slab *s, struct run *run, size_t i)
{
    uint8_t *bytes = run->bytes + i * SLAB_SLOT_BYTES;
    const bool old = slab_slot_epoch(bytes) == s->header.old_epoch;
    const struct wrapping *w = &s->wraps[old ? WRAP_OLD : WRAP_NEW];
    struct slab_key key;
    enum err e;

    if (slab_is_zero(bytes, SLAB_SLOT_BYTES))
        return ERR_OK;
    if (slab_slot_epoch(bytes) != w->epoch)
        return ERR_CORRUPT;
    e = slab_slot_decode(&s->header, w->key, run->first + i, bytes, &key);
    if (e == ERR_OK && old) {
        slab_slot_encode(&s->header, s->wraps[WRAP_NEW].key, run->first + i, &key,
                         run->nonces + i * CRYPTO_NONCE_BYTES, bytes);
        run->rewrapped++;
    }
    secret_wipe(&key, sizeof(key));
    return e;
}

static enum err read_run(const struct slab *s, uint64_t limit, struct run *run)
{
    const uint64_t left = s->used - s->cursor;
    run->first = s->cursor;
    run->count = left < limit ? left : limit;
    if (run->count > SLAB_STEP_SLOTS)
        run->count = SLAB_STEP_SLOTS;
    run->bytes = mem_alloc(run->count * SLAB_SLOT_BYTES + 1);
    run->nonces = mem_alloc(run->count * CRYPTO_NONCE_BYTES + 1);
    secret_random(run->nonces, run->count * CRYPTO_NONCE_BYTES);
    return vault__file_read(s->fd, run->bytes, run->count * SLAB_SLOT_BYTES,
                            slab_slot_at(run->first), &run->held);
}

static enum err write_run(struct slab *s, const struct run *run)
{
    enum err e;

    if (run->rewrapped == 0)
        return ERR_OK;
    /* The lock: a reader that met half a slot tries again when the whole run is written. */
    (void)pthread_mutex_lock(&s->lock);
    e = vault__file_write(s->fd, run->bytes, run->held, slab_slot_at(run->first));
    (void)pthread_mutex_unlock(&s->lock);
    FAULT_POINT("rotate.before_sync");
    if (e == ERR_OK)
        e = vault__file_sync(s->fd);
    if (e != ERR_OK)
        s->failed = true;
    return e;
}

static enum err end_pass(struct slab *s)
{
    const bool damaged = s->damaged;

    s->rewrapped = damaged ? 0 : UINT64_MAX;
    s->clean = !s->found;
    start_pass(s);
    return damaged ? ERR_CORRUPT : ERR_OK;
}

enum err slab_rotate_step(struct slab *s, uint64_t limit, uint64_t *ret_rewrapped, bool *ret_clean)
{
    AUTO(run_done) struct run run = {0};
    enum err e = slab_may_write(s);

    if (e != ERR_OK)
        return e;
    if (s->header.old_epoch != 0 && !s->clean) {
        e = read_run(s, limit, &run);
        for (size_t i = 0; e == ERR_OK && i < run.count; i++)
            s->damaged |= rewrap(s, &run, i) != ERR_OK;
        if (e == ERR_OK)
            e = write_run(s, &run);
        if (e != ERR_OK)
            return e;
        s->found |= run.rewrapped > 0 || s->damaged;
        s->cursor += run.count;
        if (s->rewrapped < s->cursor && !s->damaged)
            s->rewrapped = s->cursor;
        if (s->cursor == s->used)
            e = end_pass(s);
        s->clean |= FAULT_MUTANT("rotate.end_early");
    }
    *ret_rewrapped = run.rewrapped;
    *ret_clean = s->header.old_epoch == 0 || s->clean;
    return e;
}

uint64_t slab_rewrapped(const struct slab *s)
{
    const uint64_t used = s->used, rewrapped = s->rewrapped;

    return slab_old_epoch(s) == 0 || rewrapped > used ? used : rewrapped;
}
