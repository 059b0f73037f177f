/* SPDX-License-Identifier: Apache-2.0 */
/* Looking whether an erasure did what it says, without believing what carried it out.
 * Runs on: a worker thread; blocks long. Holds: nothing after it returns. Invariant: vault.db and
 * its companions are read through descriptors that stay open, since closing one would drop SQLite's
 * locks. Not here: the receipt (retention/). */
#include "vault/erasure_priv.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/secret.h"
#include "vault/file_priv.h"
#include "vault/vault_priv.h"

enum { KEYS_TRIED_MAX = 1000, WINDOW_BYTES = 1 << 20 };

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

/* The slot itself first, then the store's own keys, then subjects' keys spread over the slab. Under
 * keys_lock, not sealed. */
static bool no_key_opens(const struct vault *v, const struct vault_erasure *erasure)
{
    const struct vault_sample *sample = erasure->sample;
    const uint64_t used = slab_slots_used(v->slab);
    const uint64_t step = used / KEYS_TRIED_MAX + 1;
    bool none = slot_opens_none(v, sample, erasure->slot) &&
                !slab_wrapping_keys_any(v->slab, opens_some, sample) &&
                opens_none(sample, v->locator_key);

    for (const struct domain_key *d = atomic_load(&v->domains); none && d != NULL; d = d->next)
        none = opens_none(sample, d->key);
    for (uint64_t slot = 0; none && slot < used; slot += step)
        none = slot_opens_none(v, sample, slot);
    return none;
}

static enum err unreadable(struct vault *v, const struct vault_erasure *erasure, bool *ret)
{
    const bool no_reader = no_reader_has(v, erasure->slot);
    enum err e = ERR_OK;

    (void)pthread_rwlock_rdlock(&v->keys_lock);
    if (atomic_load(&v->sealed))
        e = ERR_SEALED; /* without keys nothing would open: that proves nothing */
    else
        *ret = no_reader && no_key_opens(v, erasure);
    (void)pthread_rwlock_unlock(&v->keys_lock);
    return e;
}

/* ---- is the wrapped key anywhere? ---- */

struct search {
    const uint8_t *needle; /* CRYPTO_WRAPPED_BYTES */
    uint8_t *window;
    uint64_t bytes;
    bool found;
};

/* Any third of it counts: a page may have kept a part. */
static bool holds(const uint8_t *bytes, size_t len, const uint8_t *needle)
{
    for (size_t at = 0; at < CRYPTO_WRAPPED_BYTES; at += CRYPTO_WRAPPED_BYTES / 3)
        if (memmem(bytes, len, needle + at, CRYPTO_WRAPPED_BYTES / 3) != NULL)
            return true;
    return false;
}

static enum err search_file(struct search *s, int fd)
{
    uint64_t at = 0;
    size_t kept = 0;

    for (;;) {
        size_t got = 0;
        size_t len;
        enum err e = vault__file_read(fd, s->window + kept, WINDOW_BYTES - kept, at, &got);

        if (e != ERR_OK)
            return e;
        if (got == 0)
            return ERR_OK;
        at += got;
        s->bytes += got;
        len = kept + got;
        s->found = s->found || holds(s->window, len, s->needle);
        kept = len < CRYPTO_WRAPPED_BYTES ? len : CRYPTO_WRAPPED_BYTES;
        memmove(s->window, s->window + len - kept, kept);
    }
}

static bool is_db_file(const char *name)
{
    return strcmp(name, VAULT_DB) == 0 || strcmp(name, VAULT_DB "-wal") == 0 ||
           strcmp(name, VAULT_DB "-shm") == 0;
}

static enum err search_entry(struct search *s, int dir_fd, const char *name)
{
    AUTO(vault__fd_close) int fd = -1;
    struct stat st;

    if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return ERR_IO;
    if (!S_ISREG(st.st_mode) || is_db_file(name))
        return ERR_OK;
    fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    return fd < 0 ? ERR_IO : search_file(s, fd);
}

static enum err search_store(const struct vault *v, struct search *s)
{
    DIR *dir = opendir(v->dir);
    enum err e = dir == NULL ? ERR_IO : ERR_OK;

    for (size_t i = 0; e == ERR_OK && i < VAULT_DB_FILES; i++)
        e = search_file(s, v->db_fds[i]);
    while (e == ERR_OK) {
        const struct dirent *entry = readdir(dir);

        if (entry == NULL)
            break;
        e = search_entry(s, dirfd(dir), entry->d_name);
    }
    if (dir != NULL)
        (void)closedir(dir);
    return e;
}

static enum err search_wrapped_key(const struct vault *v, const struct vault_sample *sample,
                                   struct vault_verification *ret)
{
    AUTO(mem_free) uint8_t *window = mem_try_alloc(1, WINDOW_BYTES);
    struct search s = {.needle = sample->slot + SAMPLE_WRAPPED_AT, .window = window};
    enum err e;

    if (window == NULL)
        return ERR_NO_SPACE;
    e = search_store(v, &s);
    ret->bytes_searched = s.bytes;
    ret->key_absent = !s.found;
    return e;
}

/* ---- together ---- */

static enum err count_rows(const struct vault *v, uint64_t slot, uint64_t *ret)
{
    AUTO(mem_free) char *path = vault__path(v->dir, VAULT_DB);
    AUTO(store_close) struct store *s = NULL;
    uint64_t left = 0;
    enum err e = store_open(path, STORE_READER, slab_store_id(v->slab), &s, NULL);

    for (size_t id = 1; e == ERR_OK && id <= CLASSES_MAX; id++) {
        uint64_t n = 0;

        if (vault__class(v, id) != NULL)
            e = store_rows_count(s, &v->table[id], slot, INT64_MIN, &n);
        left += n;
    }
    if (e == ERR_OK)
        *ret = left;
    return e;
}

enum err vault_erasure_verify(struct vault *v, const struct vault_erasure *erasure,
                              struct vault_verification *ret)
{
    static const uint8_t zeroes[SLAB_SLOT_BYTES];
    struct vault_verification found = {0};
    uint8_t slot[SLAB_SLOT_BYTES];
    enum err e = slab_raw(v->slab, erasure->slot, slot);

    if (e != ERR_OK)
        return e;
    found.slot_zero = memcmp(slot, zeroes, sizeof(zeroes)) == 0;
    secret_wipe(slot, sizeof(slot));
    e = count_rows(v, erasure->slot, &found.rows_left);
    if (e != ERR_OK)
        return e;
    found.samples_unreadable = found.slot_zero;
    found.key_absent = found.slot_zero;
    if (erasure->has_sample) {
        found.samples_tried = erasure->sample->count;
        e = unreadable(v, erasure, &found.samples_unreadable);
        if (e == ERR_OK)
            e = search_wrapped_key(v, erasure->sample, &found);
    }
    if (e == ERR_OK)
        *ret = found;
    return e;
}
