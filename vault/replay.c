/* SPDX-License-Identifier: Apache-2.0 */
/* The ledger is right, whatever slab and database say: erasures it holds are carried out again when
 * the store opens, after a crash between the steps of one or after a restore of older files.
 * Runs on: the thread that opens the vault; the writer for single records. Holds: nothing.
 * Invariant: the sequence number that the database remembers covers erasures whose names are gone
 * and whose sweep is noted; it never passes one that is not. */
#include "vault/restore.h"
#include "vault/part_priv.h"
#include "vault/events_priv.h"
#include "vault/vault_priv.h"

#include "base/clock.h"
#include "base/secret.h"
#include "vault/holds_priv.h"

struct replay {
    struct vault *v;
    uint64_t applied; /* the database has carried out the ledger up to here */
    struct ledger_record *missing;
    size_t count;
    size_t cap;
};

/* Step 2 again: an older slab may have the key still, or the crash came before. */
static enum err shred_again(struct vault *v, const struct ledger_record *record)
{
    uint8_t raw[SLAB_SLOT_BYTES];
    static const uint8_t zero[SLAB_SLOT_BYTES];
    struct slab_key key;
    enum err e;

    if (record->slot >= slab_slots_used(v->slab)) /* an older slab: never to be given out again */
        return slab_shred(v->slab, record->slot);
    e = slab_raw(v->slab, record->slot, raw);
    if (e != ERR_OK)
        return e;
    e = memcmp(raw, zero, sizeof(zero)) == 0 ? ERR_NOT_FOUND
                                             : slab_read(v->slab, record->slot, &key);
    if (e == ERR_OK && memcmp(key.subject, record->subject, VAULT_ID_BYTES) != 0)
        e = ERR_NOT_FOUND; /* an older slab gave the slot to somebody else */
    secret_wipe(&key, sizeof(key));
    secret_wipe(raw, sizeof(raw));
    if (e == ERR_NOT_FOUND)
        return ERR_OK;
    /* What does not unwrap is of no use to anybody and stands in a slot that was erased. */
    return e == ERR_OK || e == ERR_CORRUPT ? slab_shred(v->slab, record->slot) : e;
}

static void remember(struct replay *r, const struct ledger_record *record)
{
    if (r->count == r->cap) {
        r->cap = r->cap == 0 ? 16 : r->cap * 2;
        r->missing = realloc(r->missing, r->cap * sizeof(r->missing[0]));
        REQUIRE(r->missing != NULL);
    }
    r->missing[r->count++] = *record;
}

/* A hold, or what else vault/holds.h keeps. */
static bool is_hold(const struct ledger_record *record)
{
    return record->kind >= LEDGER_HOLD && record->kind <= LEDGER_CONSENT;
}

static enum err each(const struct ledger_record *record, void *context)
{
    struct replay *r = context;

    /* After a restore the ledger knows better than the database how far time had come; what it says
     * of the future was written by a clock that an operator has put right since. */
    if (record->time_ms <= clock_now_ms())
        vault__time_seen(&r->v->time, record->time_ms);
    if (record->kind == LEDGER_OPENED || record->kind == LEDGER_EPOCH)
        atomic_store(&r->v->epoch_began_ms, record->time_ms);
    if (record->kind == LEDGER_RESTORED)
        atomic_store(&r->v->restored_ms, record->time_ms);
    if (record->kind == LEDGER_EPOCH)
        r->v->ledger_epoch = (uint32_t)record->slot;
    if (record->kind == LEDGER_RESERVED)
        slab_skip(r->v->slab, record->slot, (uint64_t)record->cutoff_ms);
    if (record->kind == LEDGER_SEQUENCE)
        return sequences_heed(r->v->sequences, record);
    if (record->kind != LEDGER_ERASE && !is_hold(record))
        return ERR_OK;
    if (record->seq > r->applied)
        remember(r, record);
    return record->kind == LEDGER_ERASE ? shred_again(r->v, record) : ERR_OK;
}

/* A crash may have lost the note of an erasure; what was written down before anything of the person was
 * moved has it, too. Caller frees ret->at. */
static enum err recall_note(struct store *s, uint64_t slot, struct span *ret)
{
    struct store_part part;
    uint8_t *copy;
    enum err e = store_part_get(s, slot, &part);

    if (e != ERR_OK || part.note.len == 0)
        return e == ERR_NOT_FOUND ? ERR_OK : e;
    copy = mem_alloc(part.note.len);
    memcpy(copy, part.note.at, part.note.len);
    *ret = span_of(copy, part.note.len);
    return ERR_OK;
}

enum err vault__replay_record(struct store *s, const struct ledger_record *record, struct span note)
{
    struct store_erasure erasure = {
        .slot = record->slot,
        .ledger_seq = record->seq,
        .cutoff_ms = record->cutoff_ms,
        .begun_ms = record->time_ms,
        .note = note,
    };
    struct store_subject subject;
    struct span recalled = SPAN_NONE;
    enum err e = store_subject_get(s, record->slot, &subject);

    if (e == ERR_OK) {
        if (memcmp(subject.id, record->subject, VAULT_ID_BYTES) != 0)
            return ERR_OK; /* the slot is somebody else's here: nothing in it is meant */
        erasure.domain = subject.domain;
        e = store_names_delete(s, record->slot);
        if (e == ERR_OK)
            e = store_events_delete(s, record->slot);
        if (e == ERR_OK)
            e = store_kept_delete(s, record->slot);
        if (e == ERR_OK)
            e = store_meta_add(s, STORE_META_SUBJECTS, -1);
    } else if (e == ERR_NOT_FOUND) {
        e = ERR_OK; /* a database from before this subject: nothing of it is here */
    }
    if (e == ERR_OK)
        e = store_holds_end(s, record->slot, record->time_ms);
    if (e != ERR_OK)
        return e;
    memcpy(erasure.id, record->erasure, VAULT_ID_BYTES);
    memcpy(erasure.subject, record->subject, VAULT_ID_BYTES);
    if (note.len == 0)
        e = recall_note(s, record->slot, &recalled);
    if (recalled.len > 0)
        erasure.note = recalled;
    if (e == ERR_OK)
        e = store_erasure_add(s, &erasure);
    free((void *)recalled.at);
    return e;
}

int64_t vault_restored_ms(const struct vault *v)
{
    return atomic_load(&v->restored_ms);
}

enum err vault__replay_mark(struct vault *v, struct store *s)
{
    uint8_t head[CRYPTO_HASH_BYTES];
    enum err e = store_meta_set_int(s, STORE_META_LEDGER_SEQ, (int64_t)ledger_seq(v->ledger));

    ledger_head(v->ledger, head);
    return e == ERR_OK ? store_meta_set_hash(s, STORE_META_LEDGER_HEAD, head) : e;
}

static enum err carry_out(struct vault *v, struct store *s, const struct replay *r)
{
    enum err e = store_begin(s);

    if (e != ERR_OK)
        return e;
    for (size_t i = 0; e == ERR_OK && i < r->count; i++)
        e = r->missing[i].kind == LEDGER_ERASE ? vault__replay_record(s, &r->missing[i], SPAN_NONE)
                                               : vault__holds_replay(s, &r->missing[i]);
    if (e == ERR_OK)
        e = vault__replay_mark(v, s);
    if (e == ERR_OK)
        return store_commit(s);
    store_rollback(s);
    return e;
}

/* Is the ledger the one that the database remembers, grown since or not? */
static enum err compare(struct vault *v, struct store *s, uint64_t *ret_applied, struct errmsg *msg)
{
    uint8_t remembered[CRYPTO_HASH_BYTES];
    uint8_t head[CRYPTO_HASH_BYTES];
    int64_t seq = 0;
    enum err e = store_meta_int(s, STORE_META_LEDGER_SEQ, &seq);

    if (e == ERR_OK)
        e = store_meta_hash(s, STORE_META_LEDGER_HEAD, remembered);
    if (e != ERR_OK)
        return errmsg_set(msg, e, "%s/" VAULT_DB ": does not remember the ledger", v->dir);
    if (ledger_seq(v->ledger) < (uint64_t)seq)
        return errmsg_set(msg, ERR_CORRUPT,
                          "%s/" VAULT_LEDGER
                          ": ends at entry %llu, but the store has seen %lld: this "
                          "is an older copy. Erasures would be undone; put the live ledger back",
                          v->dir, (unsigned long long)ledger_seq(v->ledger), (long long)seq);
    e = ledger_head_at(v->ledger, (uint64_t)seq, head);
    if (e != ERR_OK)
        return errmsg_set(msg, e, "%s/" VAULT_LEDGER ": cannot be read", v->dir);
    if (seq > 0 && memcmp(head, remembered, sizeof(head)) != 0)
        return errmsg_set(msg, ERR_CORRUPT,
                          "%s/" VAULT_LEDGER ": is not the ledger that this store has written; put "
                          "the live ledger back",
                          v->dir);
    *ret_applied = (uint64_t)seq;
    return ERR_OK;
}

enum err vault__replay(struct vault *v, struct store *s, struct errmsg *msg)
{
    struct replay r = {.v = v};
    bool in_database = false;
    enum err e = compare(v, s, &r.applied, msg);

    if (e != ERR_OK)
        return e;
    v->ledger_epoch = 0;
    e = ledger_each(v->ledger, each, &r);
    if (e == ERR_OK && v->ledger_epoch > slab_epoch(v->slab)) {
        mem_free(&r.missing);
        return errmsg_set(msg, ERR_CORRUPT,
                          "%s/" VAULT_SLAB ": is of epoch %u, but epoch %u has begun: this is an "
                          "older copy; put the latest one back",
                          v->dir, (unsigned)slab_epoch(v->slab), (unsigned)v->ledger_epoch);
    }
    in_database = e == ERR_OK;
    if (e == ERR_OK && ledger_seq(v->ledger) > r.applied)
        e = carry_out(v, s, &r);
    mem_free(&r.missing);
    if (e != ERR_OK)
        return errmsg_set(msg, e, "%s/%s: erasures of the ledger cannot be carried out: %s", v->dir,
                          in_database ? VAULT_DB : VAULT_SLAB, err_text(e));
    return ERR_OK;
}
