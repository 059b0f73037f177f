/* SPDX-License-Identifier: Apache-2.0 */
/* Erasing one subject: the ledger first, then the key, then every copy of the key in memory.
 * Runs on: the writer thread; vault_erasures_open() on any. Holds: nothing.
 * Invariant: whatever stops the process, the next start finds the erasure in the ledger or nothing
 * of it; two syncs and no more stand before the acknowledgement. Not here: sweeping (sweep.c),
 * looking whether it worked (verify.c).
 *
 *   ledger entry, sync -> slot zeroed, sync -> keys dropped from every reader -> done
 *     -> names deleted, sweep noted, commit (until then a name leads to a slot without a key) */
#include "vault/erasure_priv.h"
#include "vault/part_priv.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/secret.h"
#include "vault/holds_priv.h"
#include "vault/writer_priv.h"

/* ---- before ---- */

static enum err find_named(struct writer *w, const struct vault_erase *op, uint64_t *ret_slot)
{
    const uint8_t *index_key = vault__domain_key(w->v, op->domain);
    uint8_t mac[CRYPTO_MAC_BYTES];

    if (index_key == NULL || op->name.len == 0 || op->name.len > LIMIT_IDENTIFIER_MAX)
        return ERR_NOT_FOUND;
    vault__name_mac(index_key, op->domain, op->name, mac);
    return store_name_get(w->store, mac, ret_slot);
}

/* Whose key it is. A damaged slot does not say, but the database does: who has lost the key to his
 * values can have them erased all the same. */
static enum err find_subject(struct writer *w, uint64_t slot, struct store_subject *ret)
{
    const struct keycache_entry *entry = NULL;
    enum err e = subject_key(w->v->slab, w->keys, slot, &entry);

    if (e == ERR_CORRUPT && slot >= SLAB_FIRST_SLOTS &&
        store_subject_get(w->store, slot, ret) == ERR_OK)
        return ERR_OK;
    if (e != ERR_OK)
        return e;
    memcpy(ret->id, entry->subject, VAULT_ID_BYTES);
    ret->domain = (uint16_t)entry->domain;
    return ERR_OK;
}

static enum err find(struct writer *w, const struct vault_erase *op, struct ledger_record *ret,
                     uint16_t *ret_domain)
{
    struct store_subject subject;
    uint64_t slot = op->slot;
    enum err e = slot == 0 ? find_named(w, op, &slot) : ERR_OK;

    if (e == ERR_OK && vault__part_is_open(w, slot))
        e = ERR_BUSY;
    if (e == ERR_OK)
        e = find_subject(w, slot, &subject);
    if (e != ERR_OK)
        return e;
    *ret = (struct ledger_record){
        .kind = LEDGER_ERASE,
        .time_ms = vault__now_ms(w->v),
        .slot = slot,
        .cutoff_ms = op->cutoff_ms != 0 ? op->cutoff_ms : vault__now_ms(w->v),
    };
    secret_random(ret->erasure, sizeof(ret->erasure));
    if (op->number != NULL)
        memcpy(ret->erasure, op->number, sizeof(ret->erasure));
    memcpy(ret->subject, subject.id, VAULT_ID_BYTES);
    *ret_domain = subject.domain;
    return ERR_OK;
}

static struct vault_sample *take_sample(struct writer *w, uint16_t domain,
                                        const struct ledger_record *record)
{
    struct vault_sample *sample = mem_alloc(sizeof(*sample));
    struct crypto_row about = {.domain = domain};
    enum err e = slab_raw(w->v->slab, record->slot, sample->slot);

    memcpy(about.subject, record->subject, VAULT_ID_BYTES);
    if (e == ERR_OK)
        e = vault__sample_rows(w->store, w->v->table, record->slot, &about, sample);
    if (e != ERR_OK)
        store_rollback(w->store); /* without a sample the erasure goes on: it can be proven less */
    return sample;
}

/* ---- the erasure ---- */

static void fill(struct vault_erasure *erasure, struct vault *v, const struct ledger_record *record)
{
    ledger_head(v->ledger, erasure->ledger_head); /* the entry is the last: nobody else appends */
    memcpy(erasure->id, record->erasure, VAULT_ID_BYTES);
    memcpy(erasure->subject, record->subject, VAULT_ID_BYTES);
    erasure->slot = record->slot;
    erasure->cutoff_ms = record->cutoff_ms;
    erasure->ledger_seq = record->seq;
    erasure->acknowledged_ms = vault__now_ms(v);
}

static void remember_untold(struct writer *w, const struct untold *about)
{
    if (w->untold_count == w->untold_cap) {
        w->untold_cap = w->untold_cap == 0 ? 4 : w->untold_cap * 2;
        w->untold = realloc(w->untold, w->untold_cap * sizeof(w->untold[0]));
        REQUIRE(w->untold != NULL);
    }
    w->untold[w->untold_count++] = *about;
}

/* A reader's lock is held while it reads, so that taking it waits until whoever uses a key has done. */
void vault__keys_drop(struct writer *w, const uint64_t *slots, size_t count)
{
    struct vault *v = w->v;

    secret_wipe(w->key, CRYPTO_KEY_BYTES); /* whoever was served last may be one of them */
    for (size_t i = 0; i < count && !FAULT_MUTANT("erase.writer_keeps_key"); i++)
        keycache_drop(w->keys, slots[i]);
    (void)pthread_mutex_lock(&v->readers_lock);
    for (struct vault_reader *r = v->readers; r != NULL; r = r->next) {
        (void)pthread_mutex_lock(&r->lock);
        for (size_t i = 0; i < count && !FAULT_MUTANT("erase.readers_keep_key"); i++) {
            keycache_drop(r->keys, slots[i]);
            tagcache_drop(r->tags, slots[i]);
        }
        (void)pthread_mutex_unlock(&r->lock);
    }
    (void)pthread_mutex_unlock(&v->readers_lock);
}

/* What else is remembered of the subject: without the key it leads nowhere, so that it need not go
 * before the acknowledgement, and looking for it takes longer than the key does. */
static void drop_traces(struct writer *w, uint64_t slot)
{
    struct vault *v = w->v;

    names_drop(w->names, slot);
    (void)pthread_mutex_lock(&v->readers_lock);
    for (struct vault_reader *r = v->readers; r != NULL; r = r->next) {
        (void)pthread_mutex_lock(&r->lock);
        names_drop(r->names, slot);
        rowcache_drop(r->rows, slot);
        (void)pthread_mutex_unlock(&r->lock);
    }
    (void)pthread_mutex_unlock(&v->readers_lock);
}

/* Steps 1 and 2. Takes the note over, whatever comes. */
static enum err carry_out(struct writer *w, struct untold *about)
{
    struct ledger_record *record = &about->record;
    enum err e = ledger_append(w->v->ledger, record);

    if (writer_make_room(w, e))
        e = ledger_append(w->v->ledger, record);
    if (e != ERR_OK) {
        mem_free(&about->note);
        return e;
    }
    FAULT_POINT("erase.after_ledger");
    remember_untold(w, about);
    e = FAULT_FAILS("shred.fail") ? ERR_IO : slab_shred(w->v->slab, record->slot);
    if (e != ERR_OK) {
        /* The ledger has it, the key may be there still: nothing is served until a restart has
         * carried it out. */
        atomic_store(&w->v->failed, true);
        return ERR_IO;
    }
    FAULT_POINT("erase.after_shred");
    vault__keys_drop(w, &record->slot, 1);
    return ERR_OK;
}

static void acknowledge(struct writer *w, struct vault_erase *op, enum err e,
                        const struct ledger_record *record)
{
    if (e == ERR_OK)
        fill(op->erasure, w->v, record);
    op->op.result = e;
    if (op->op.result == ERR_OK)
        counter_add(&w->v->meters.erasures, 1);
    op->op.done(&op->op); /* may free it */
    if (e == ERR_OK)
        FAULT_POINT("erase.acknowledged");
}

static void copy_note(struct untold *about, struct span note)
{
    if (note.len == 0)
        return;
    about->note = mem_alloc(note.len);
    about->note_len = note.len;
    memcpy(about->note, note.at, note.len);
}

static uint64_t slot_of_kept(struct store *s, uint64_t slot)
{
    struct store_part part;

    return store_part_get(s, slot, &part) == ERR_OK ? part.target : 0;
}

/* A hold binds the subject: nothing is destroyed until it ends. */
static void keep_waiting(struct writer *w, struct vault_erase *op, struct ledger_record *record,
                         uint16_t domain, int64_t asked_ms)
{
    enum err e = vault__erasure_wait(w, record, domain, op->note);

    *op->erasure =
        (struct vault_erasure){.domain = domain, .slot = record->slot, .cutoff_ms = asked_ms};
    memcpy(op->erasure->id, record->erasure, VAULT_ID_BYTES);
    memcpy(op->erasure->subject, record->subject, VAULT_ID_BYTES);
    acknowledge(w, op, e == ERR_OK ? ERR_HELD : e, record);
}

void vault__erase(struct writer *w, struct vault_erase *op)
{
    const bool early = FAULT_MUTANT("erase.ack_before_ledger");
    struct untold about = {.note = NULL};
    struct ledger_record *record = &about.record;
    struct vault_sample *sample;
    uint64_t kept_slot;
    uint16_t domain = 0;
    int64_t asked_ms = vault__now_ms(w->v);
    bool bound = false, must_stay = false;
    enum err e;

    store_read_begin(w->store);
    e = vault_may_serve(w->v);
    if (e == ERR_OK)
        e = find(w, op, record, &domain);
    if (e == ERR_OK && op->note.len > VAULT_NOTE_MAX)
        e = ERR_TOO_LARGE;
    if (e == ERR_OK)
        e = vault__is_bound(w->v, w->store, record->slot, &bound);
    if (e == ERR_OK)
        e = vault__waiting_id(w->store, record, &asked_ms);
    if (e == ERR_OK && !bound)
        e = vault__part_must_stay(w, record->slot, op->scope, &must_stay);
    if (e == ERR_OK && must_stay)
        e = ERR_CONFLICT;
    if (e != ERR_OK) {
        store_read_end(w->store);
        store_rollback(w->store);
        acknowledge(w, op, e, record);
        return;
    }
    if (bound) {
        store_read_end(w->store);
        keep_waiting(w, op, record, domain, asked_ms);
        return;
    }
    FAULT_POINT("erase.begun");
    copy_note(&about, op->note);
    sample = take_sample(w, domain, record);
    kept_slot = slot_of_kept(w->store, record->slot);
    store_read_end(w->store);
    *op->erasure = (struct vault_erasure){
        .domain = domain, .kept_slot = kept_slot, .has_sample = true, .sample = sample};
    if (early)
        acknowledge(w, op, ERR_OK, record);
    e = carry_out(w, &about);
    if (!early) {
        if (e != ERR_OK)
            vault_erasure_done(op->erasure);
        acknowledge(w, op, e, record);
    }
    drop_traces(w, record->slot);
    e = vault__erasures_tell(w);
    if (writer_make_room(w, e))
        e = vault__erasures_tell(w);
    (void)e; /* if not now: the next sweep tells it, or the next start */
}

void vault_erasure_done(struct vault_erasure *erasure)
{
    erasure->has_sample = false;
    mem_free(&erasure->note);
    erasure->note_len = 0;
    vault__sample_free(&erasure->sample);
}

/* ---- after ---- */

enum err vault__erasures_tell(struct writer *w)
{
    enum err e;

    if (w->untold_count == 0)
        return ERR_OK;
    e = store_begin(w->store);
    for (size_t i = 0; e == ERR_OK && i < w->untold_count; i++)
        e = vault__replay_record(w->store, &w->untold[i].record,
                                 span_of(w->untold[i].note, w->untold[i].note_len));
    if (e == ERR_OK)
        e = vault__replay_mark(w->v, w->store);
    if (e == ERR_OK)
        e = store_commit(w->store);
    if (e != ERR_OK) {
        store_rollback(w->store);
        return e;
    }
    for (size_t i = 0; i < w->untold_count; i++) {
        vault__holds_forget(w->v, w->untold[i].record.slot);
        free(w->untold[i].note);
    }
    w->untold_count = 0;
    return ERR_OK;
}

/* The open entry becomes a kept receipt. */
static enum err close_in_store(struct writer *w, const struct vault_erasure_close *op)
{
    struct store_erasure closed = {.slot = op->erasure->slot,
                                   .ledger_seq = op->erasure->ledger_seq,
                                   .begun_ms = op->erasure->cutoff_ms};
    enum err e = store_erasure_delete(w->store, closed.slot);

    memcpy(closed.id, op->erasure->id, VAULT_ID_BYTES);
    if (e == ERR_OK)
        e = store_swept_delete(w->store, closed.slot);
    if (e == ERR_OK)
        e = store_part_delete(w->store, closed.slot);
    if (e == ERR_OK && op->receipt.len > 0)
        e = store_receipt_put(w->store, &closed, op->receipt);
    return e == ERR_OK ? vault__replay_mark(w->v, w->store) : e;
}

enum err vault__erasure_close(struct writer *w, const struct vault_erasure_close *op)
{
    const struct vault_erasure *erasure = op->erasure;
    struct ledger_record record = {
        .kind = LEDGER_CLOSED,
        .time_ms = vault__now_ms(w->v),
        .slot = erasure->slot,
        .cutoff_ms = erasure->cutoff_ms,
    };
    bool was_moved;
    enum err e = vault__erasures_tell(w);

    if (e != ERR_OK)
        return e;
    memcpy(record.erasure, erasure->id, VAULT_ID_BYTES);
    memcpy(record.subject, erasure->subject, VAULT_ID_BYTES);
    e = ledger_append(w->v->ledger, &record);
    if (e != ERR_OK)
        return e;
    FAULT_POINT("close.appended");
    was_moved = slot_of_kept(w->store, erasure->slot) != 0;
    store_read_end(w->store);
    e = store_begin(w->store);
    if (e == ERR_OK)
        e = close_in_store(w, op);
    if (e == ERR_OK)
        e = store_commit(w->store);
    if (e == ERR_OK)
        w->parting -= was_moved;
    else
        store_rollback(w->store);
    return e;
}

/* ---- open erasures ---- */

/* An erasure as the database remembers it. Its rows that are not swept yet are the sample: the
 * wrapped key is gone, and nothing but the ledger says what it was. */
static enum err recall(struct vault *v, const struct store_erasure *found,
                       struct vault_erasure *ret)
{
    AUTO(mem_free) char *path = vault__path(v->dir, VAULT_LEDGER);
    struct ledger_record record;
    enum err e;

    *ret = (struct vault_erasure){
        .domain = found->domain,
        .slot = found->slot,
        .cutoff_ms = found->cutoff_ms,
        .acknowledged_ms = found->begun_ms,
        .ledger_seq = found->ledger_seq,
    };
    memcpy(ret->id, found->id, VAULT_ID_BYTES);
    memcpy(ret->subject, found->subject, VAULT_ID_BYTES);
    if (found->note.len > 0) {
        ret->note = mem_alloc(found->note.len);
        ret->note_len = found->note.len;
        memcpy(ret->note, found->note.at, found->note.len);
    }
    e = ledger_look(path, found->ledger_seq, &record, ret->ledger_head);
    return e == ERR_NOT_FOUND ? ERR_CORRUPT : e;
}

static void resample(struct vault *v, struct store *s, struct vault_erasure *erasure)
{
    struct crypto_row about = {.domain = erasure->domain};

    if (erasure->domain == 0)
        return;
    memcpy(about.subject, erasure->subject, VAULT_ID_BYTES);
    erasure->sample = mem_alloc(sizeof(*erasure->sample));
    erasure->has_sample =
        vault__sample_rows(s, v->table, erasure->slot, &about, erasure->sample) == ERR_OK &&
        erasure->sample->count > 0;
}

static enum err list_open(struct vault *v, struct store *s, struct vault_erasure **ret_list,
                          size_t *ret_count)
{
    AUTO(mem_free) struct vault_erasure *list = NULL;
    struct store_erasure found = {0};
    size_t count = 0;
    size_t cap = 0;
    enum err e = store_erasure_next(s, 0, &found);

    while (e == ERR_OK) {
        if (count == cap) {
            cap = cap == 0 ? 16 : cap * 2;
            list = realloc(list, cap * sizeof(list[0]));
            REQUIRE(list != NULL);
        }
        e = recall(v, &found, &list[count++]);
        if (e == ERR_OK)
            e = store_erasure_next(s, found.ledger_seq, &found);
    }
    for (size_t i = 0; e != ERR_NOT_FOUND && i < count; i++)
        vault_erasure_done(&list[i]);
    if (e != ERR_NOT_FOUND)
        return e;
    for (size_t i = 0; i < count; i++) {
        list[i].kept_slot = slot_of_kept(s, list[i].slot);
        resample(v, s, &list[i]);
    }
    *ret_list = TAKE(list);
    *ret_count = count;
    return ERR_OK;
}

enum err vault_erasures_open(struct vault *v, struct vault_erasure **ret_list, size_t *ret_count)
{
    AUTO(mem_free) char *path = vault__path(v->dir, VAULT_DB);
    AUTO(store_close) struct store *s = NULL;
    struct vault_purge_due nothing = {.op.kind = VAULT_PURGE_DUE};
    enum err e = vault_run(v, &nothing.op); /* the writer has told of what it acknowledged */

    if (e != ERR_NOT_FOUND) /* there is no class 0 */
        return e == ERR_OK ? ERR_INTERNAL : e;
    e = store_open(path, STORE_READER, slab_store_id(v->slab), &s, NULL);
    return e == ERR_OK ? list_open(v, s, ret_list, ret_count) : e;
}
