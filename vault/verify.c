/* SPDX-License-Identifier: Apache-2.0 */
/* Looking whether an erasure did what it says, without believing what carried it out.
 * Runs on: a worker thread; blocks long. Holds: nothing after it returns. Invariant: vault.db and
 * its companions are read through descriptors that stay open, since closing one would drop SQLite's
 * locks; keys.slab and ledger.log through descriptors of its own. Not here: the receipt (retention/),
 * copies of a store (copy.c). */
#include "vault/erasure_priv.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/secret.h"
#include "vault/file_priv.h"
#include "vault/renew_priv.h"
#include "vault/search_priv.h"
#include "vault/slab_format_priv.h"
#include "vault/vault_priv.h"

enum { KEYS_TRIED_MAX = 1000, WINDOW_BYTES = 1 << 20, NEEDLE_BYTES = 48 };

/* ---- do the ciphertexts open? ---- */

/* True when `key` opens none of the samples. */
static bool opens_none(const struct vault_sample *sample, const uint8_t key[CRYPTO_KEY_BYTES])
{
    for (size_t i = 0; i < sample->count; i++) {
        const struct sample_row *row = &sample->rows[i];
        enum value_kind kind;

        if (vault__open(key, &row->bound, span_of(row->sealed, row->len), &kind, NULL) == ERR_OK)
            return false;
    }
    return true;
}

/* For slab_wrapping_keys_any(). */
static bool opens_some(const uint8_t key[CRYPTO_KEY_BYTES], const void *context)
{
    return !opens_none(context, key);
}

static bool slot_opens_none(const struct vault *v, const struct vault_sample *sample, uint64_t slot)
{
    struct slab_key key;
    bool none = slab_read(v->slab, slot, &key) != ERR_OK || opens_none(sample, key.key);

    secret_wipe(&key, sizeof(key));
    return none;
}

/* Keys that readers hold of the slot itself: there must be none. */
static bool no_reader_has(struct vault *v, uint64_t slot)
{
    bool none = true;

    (void)pthread_mutex_lock(&v->readers_lock);
    for (struct vault_reader *r = v->readers; r != NULL; r = r->next) {
        (void)pthread_mutex_lock(&r->lock);
        none = none && keycache_get(r->keys, slot) == NULL;
        (void)pthread_mutex_unlock(&r->lock);
    }
    (void)pthread_mutex_unlock(&v->readers_lock);
    return none;
}

/* The slot itself first, that of what was kept, then the store's own keys. Under keys_lock, not sealed. */
static bool no_near_key_opens(const struct vault *v, const struct vault_erasure *erasure)
{
    const struct vault_sample *sample = erasure->sample;
    bool none = slot_opens_none(v, sample, erasure->slot) &&
                (erasure->kept_slot == 0 || slot_opens_none(v, sample, erasure->kept_slot)) &&
                !slab_wrapping_keys_any(v->slab, opens_some, sample) &&
                opens_none(sample, v->locator_key);

    for (const struct domain_key *d = atomic_load(&v->domains); none && d != NULL; d = d->next)
        none = opens_none(sample, d->key);
    return none;
}

/* Subjects' keys spread over the slab, each unwrapped once for everybody. As above. */
static void try_far_keys(const struct vault *v, struct vault_verify *list, size_t count)
{
    const uint64_t used = slab_slots_used(v->slab);
    const uint64_t step = used / KEYS_TRIED_MAX + 1;

    for (uint64_t slot = 0; slot < used; slot += step) {
        struct slab_key key;
        const bool is_key = slab_read(v->slab, slot, &key) == ERR_OK;

        for (size_t i = 0; is_key && i < count; i++)
            if (list[i].result == ERR_OK && list[i].erasure->has_sample &&
                !opens_none(list[i].erasure->sample, key.key))
                list[i].found.samples_unreadable = false;
        secret_wipe(&key, sizeof(key));
    }
}

static void try_keys(struct vault *v, struct vault_verify *list, size_t count)
{
    bool any = false;

    for (size_t i = 0; i < count; i++) {
        list[i].found.samples_unreadable =
            list[i].found.slot_zero && no_reader_has(v, list[i].erasure->slot);
        any = any || (list[i].result == ERR_OK && list[i].erasure->has_sample);
    }
    if (!any)
        return;
    (void)pthread_rwlock_rdlock(&v->keys_lock);
    for (size_t i = 0; i < count; i++) {
        struct vault_verify *one = &list[i];

        if (one->result != ERR_OK || !one->erasure->has_sample)
            continue;
        one->found.samples_tried = one->erasure->sample->count;
        if (atomic_load(&v->sealed))
            one->result = ERR_SEALED; /* without keys nothing would open: that proves nothing */
        else
            one->found.samples_unreadable =
                no_reader_has(v, one->erasure->slot) && no_near_key_opens(v, one->erasure);
    }
    if (!atomic_load(&v->sealed))
        try_far_keys(v, list, count);
    (void)pthread_rwlock_unlock(&v->keys_lock);
}

/* ---- what do the files say? ---- */

static bool is_db_file(const char *name)
{
    return strcmp(name, VAULT_DB) == 0 || strcmp(name, VAULT_DB "-wal") == 0 ||
           strcmp(name, VAULT_DB "-shm") == 0;
}

/* The wrapped keys, as far as they are known, and key slots that name the subjects, in every file; one
 * reading for everybody. */
static enum err search_files(const struct vault *v, struct vault_verify *list, size_t count)
{
    AUTO(mem_free) struct search *all = mem_try_alloc(count, sizeof(*all));
    enum err e = all == NULL ? ERR_NO_SPACE : ERR_OK;

    for (size_t i = 0; e == ERR_OK && i < count; i++) {
        const struct vault_erasure *erasure = list[i].erasure;

        all[i] = (struct search){.subject = erasure->subject};
        if (erasure->has_sample && !slab_is_zero(erasure->sample->slot, SLAB_SLOT_BYTES))
            all[i].wrapped = erasure->sample->slot + SAMPLE_WRAPPED_AT;
        list[i].found.key_known = all[i].wrapped != NULL;
    }
    for (size_t i = 0; e == ERR_OK && i < VAULT_DB_FILES; i++)
        e = search_file_for(all, count, v->db_fds[i], VAULT_DB);
    if (e == ERR_OK)
        e = search_store_for(all, count, v->dir, is_db_file);
    for (size_t i = 0; e == ERR_OK && i < count; i++) {
        struct vault_verification *found = &list[i].found;

        found->bytes_searched = all[i].bytes;
        found->keys_left = all[i].slots;
        found->key_absent = !all[i].wrapped_found && all[i].slots == 0 && found->slot_zero;
    }
    return e;
}

static bool holds_sample(const uint8_t *bytes, size_t len, const struct vault_sample *sample)
{
    for (size_t i = 0; i < sample->count; i++) {
        const struct sample_row *row = &sample->rows[i];

        if (memmem(bytes, len, row->sealed, row->len < NEEDLE_BYTES ? row->len : NEEDLE_BYTES) !=
            NULL)
            return true;
    }
    return false;
}

/* The log was emptied after the sweep: nothing of the rows can stand in it any more. */
static enum err search_log(const struct vault *v, const struct vault_sample *sample,
                           bool *ret_clean)
{
    AUTO(mem_free) uint8_t *window = mem_try_alloc(1, WINDOW_BYTES);
    bool clean = true;
    uint64_t at = 0;
    size_t kept = 0, got = 1;

    if (window == NULL)
        return ERR_NO_SPACE;
    while (clean && got > 0) {
        enum err e = vault__file_read(v->db_fds[1], window + kept, WINDOW_BYTES - kept, at, &got);
        size_t len = kept + got;

        if (e != ERR_OK)
            return e;
        clean = !holds_sample(window, len, sample);
        at += got;
        kept = len < NEEDLE_BYTES ? len : NEEDLE_BYTES;
        memmove(window, window + len - kept, kept);
    }
    *ret_clean = clean;
    return ERR_OK;
}

/* The slot that the ledger's file names for this erasure, as keys.slab has it. */
static enum err look_at_slot(const struct vault *v, const struct vault_erasure *erasure,
                             bool *ret_zero)
{
    AUTO(mem_free) char *ledger = vault__path(v->dir, VAULT_LEDGER);
    AUTO(mem_free) char *slab = vault__path(v->dir, VAULT_SLAB);
    AUTO(fd_close) int fd = open(slab, O_RDONLY | O_CLOEXEC);
    uint8_t chain[CRYPTO_HASH_BYTES], slot[SLAB_SLOT_BYTES];
    struct ledger_record record;
    size_t got = 0;
    enum err e = ledger_look(ledger, erasure->ledger_seq, &record, chain);

    if (e == ERR_NOT_FOUND ||
        (e == ERR_OK &&
         (record.kind != LEDGER_ERASE || memcmp(record.erasure, erasure->id, VAULT_ID_BYTES) != 0 ||
          memcmp(record.subject, erasure->subject, VAULT_ID_BYTES) != 0)))
        return ERR_CORRUPT;
    if (e == ERR_OK)
        e = fd < 0 ? ERR_IO
                   : vault__file_read(fd, slot, sizeof(slot),
                                      SLAB_HEADER_BYTES + record.slot * SLAB_SLOT_BYTES, &got);
    if (e != ERR_OK)
        return e;
    *ret_zero = slab_is_zero(slot, got);
    secret_wipe(slot, sizeof(slot));
    return ERR_OK;
}

/* Old tokens go with the rows under those that took their place: what is left of any whose rows are sampled. Whatever
 * else is remembered of no row is found by the recount. */
static enum err count_old_tokens(const struct vault *v, struct store *s, struct vault_verify *one)
{
    const struct vault_sample *sample = one->erasure->sample;
    enum err e = ERR_OK;

    if (!one->erasure->has_sample || !vault__any_renewed(v))
        return ERR_OK;
    for (size_t i = 0; e == ERR_OK && i < sample->count; i++) {
        const struct store_class *c = vault__class(v, sample->rows[i].bound.class_id);
        uint64_t n = 0;

        if (c != NULL)
            e = store_renewed_left(s, c, sample->rows[i].number, &n);
        one->found.rows_left += n;
    }
    return e;
}

static enum err count_left(const struct vault *v, struct store *s, struct vault_verify *one)
{
    const uint64_t slot = one->erasure->slot;
    enum err e = ERR_OK;

    for (size_t id = 1; e == ERR_OK && id <= CLASSES_MAX; id++) {
        uint64_t n = 0;

        if (vault__class(v, id) != NULL)
            e = store_rows_count(s, &v->table[id], slot, INT64_MIN, &n);
        one->found.rows_left += n;
    }
    if (e == ERR_OK)
        e = count_old_tokens(v, s, one);
    return e == ERR_OK ? store_names_count(s, slot, &one->found.names_left) : e;
}

/* ---- together ---- */

/* What is looked at for each by itself. */
static void look_at_each(const struct vault *v, struct vault_verify *list, size_t count)
{
    AUTO(mem_free) char *path = vault__path(v->dir, VAULT_DB);
    AUTO(store_close) struct store *s = NULL;
    enum err opened = store_open(path, STORE_READER, slab_store_id(v->slab), &s, NULL);

    for (size_t i = 0; i < count; i++) {
        struct vault_verify *one = &list[i];

        one->found = (struct vault_verification){.log_clean = true};
        one->result = look_at_slot(v, one->erasure, &one->found.slot_zero);
        if (one->result == ERR_OK)
            one->result = opened;
        if (one->result == ERR_OK)
            one->result = count_left(v, s, one);
    }
}

void vault_erasures_verify(struct vault *v, struct vault_verify *list, size_t count)
{
    enum err e;

    if (count == 0)
        return;
    look_at_each(v, list, count);
    e = search_files(v, list, count);
    for (size_t i = 0; e != ERR_OK && i < count; i++)
        if (list[i].result == ERR_OK)
            list[i].result = e;
    try_keys(v, list, count);
    for (size_t i = 0; i < count; i++)
        if (list[i].result == ERR_OK && list[i].erasure->has_sample)
            list[i].result = search_log(v, list[i].erasure->sample, &list[i].found.log_clean);
}

enum err vault_erasure_verify(struct vault *v, const struct vault_erasure *erasure,
                              struct vault_verification *ret)
{
    struct vault_verify one = {.erasure = erasure};

    vault_erasures_verify(v, &one, 1);
    if (one.result == ERR_OK)
        *ret = one.found;
    return one.result;
}
