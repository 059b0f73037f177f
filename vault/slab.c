/* SPDX-License-Identifier: Apache-2.0 */
/* Wrapped keys in fixed slots, overwritten in place.
 * Runs on: the writer's thread; slab_read() and slab_raw() on any. Holds: the file, two derived
 * keys in guarded memory, the header. Invariant: a slot number is given out once, whatever happens
 * between two syncs; after a failed sync nothing is written any more. Not here: whose key it is,
 * and when it must go; what the bytes mean (slab_format.c). */
#include "vault/slab_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/fault.h"
#include "base/mem.h"
#include "base/secret.h"
#include "vault/file_priv.h"
#include "vault/rootkey.h"
#include "vault/slab_format_priv.h"

enum {
    RUN_BYTES = 1 << 20,
    FIRST_SLOTS = 2 /* the locator key, the default domain's index key */
};

static const uint64_t ROWS_MAX = UINT64_C(1) << 48;  /* a token has 48 bits for the row */
static const uint64_t SLOTS_MAX = UINT64_C(1) << 40; /* bounds the file, not the use */

struct slab {
    int fd;
    uint8_t *wrap_key;         /* guarded */
    uint8_t *check_key;        /* guarded */
    struct slab_header header; /* `used` of it is set where it is written */
    _Atomic uint64_t used;     /* slot numbers below are taken; any thread reads it */
    uint64_t capacity;         /* slots the file has room for */
    bool dirty;                /* something waits for slab_sync() */
    bool failed;
    pthread_mutex_t lock; /* held while a slot is overwritten */
};

/* ---- the header ---- */

static enum err read_header(struct slab *s, const char *path, uint32_t key_epoch,
                            struct errmsg *msg)
{
    uint8_t both[SLAB_HEADER_BYTES];
    struct errmsg why = {""};
    size_t got = 0;
    enum err e;

    if (vault__file_read(s->fd, both, sizeof(both), 0, &got) != ERR_OK)
        return errmsg_set(msg, ERR_IO, "%s: cannot be read", path);
    if (got < sizeof(both))
        return errmsg_set(msg, ERR_CORRUPT, "%s: too short; restore keys.slab", path);
    e = slab_header_decode(both, s->check_key, key_epoch, &s->header, &why);
    if (e != ERR_OK)
        return errmsg_set(msg, e, "%s: %.300s", path, why.text);
    s->used = s->header.used;
    return ERR_OK;
}

/* Write the header to the copy whose turn it is; the other one stays as it was at the last sync. */
static enum err write_header(struct slab *s)
{
    uint8_t copy[SLAB_COPY_BYTES];

    s->header.sequence++;
    s->header.used = s->used;
    slab_header_encode(&s->header, s->check_key, copy);
    return vault__file_write(s->fd, copy, sizeof(copy), (s->header.sequence % 2) * SLAB_COPY_BYTES);
}

/* ---- slots ---- */

static uint64_t slot_at(uint64_t slot)
{
    return SLAB_HEADER_BYTES + slot * SLAB_SLOT_BYTES;
}

/* Make room for `slots` in all, by runs of zeroes that are on the medium before a key goes there: a
 * slot in blocks that were only allocated would be moved at its first write. */
static enum err grow(struct slab *s, uint64_t slots)
{
    AUTO(mem_free) uint8_t *zeroes = NULL;
    enum err e = ERR_OK;

    if (slots <= s->capacity)
        return ERR_OK;
    zeroes = mem_alloc(RUN_BYTES);
    while (s->capacity < slots) {
        e = vault__file_write(s->fd, zeroes, RUN_BYTES, slot_at(s->capacity));
        if (e != ERR_OK)
            return e; /* tried again from the same place */
        e = vault__file_sync(s->fd);
        if (e != ERR_OK)
            return e;
        s->capacity += RUN_BYTES / SLAB_SLOT_BYTES;
    }
    return ERR_OK;
}

/* The lock is no part of what a caller sees as const. */
static pthread_mutex_t *lock_of(const struct slab *s)
{
    return (pthread_mutex_t *)&s->lock;
}

static enum err overwrite(struct slab *s, uint64_t slot, const uint8_t bytes[SLAB_SLOT_BYTES])
{
    enum err e;

    (void)pthread_mutex_lock(&s->lock);
    e = vault__file_write(s->fd, bytes, SLAB_SLOT_BYTES, slot_at(slot));
    (void)pthread_mutex_unlock(&s->lock);
    return e;
}

/* A crash may have left slots written whose count was not: their numbers are taken. */
static enum err skip_uncounted(struct slab *s)
{
    AUTO(mem_free) uint8_t *run = mem_alloc(RUN_BYTES);
    uint64_t slot = s->used;
    size_t got = 0;
    enum err e;

    do {
        e = vault__file_read(s->fd, run, RUN_BYTES, slot_at(slot), &got);
        if (e != ERR_OK)
            return e;
        for (size_t at = 0; at < got; at += SLAB_SLOT_BYTES, slot++) {
            size_t len = got - at < SLAB_SLOT_BYTES ? got - at : SLAB_SLOT_BYTES;

            if (!slab_is_zero(run + at, len))
                s->used = slot + 1;
        }
    } while (got == RUN_BYTES);
    return ERR_OK;
}

/* ---- making and opening ---- */

static struct slab *slab_new(const struct root_key *root)
{
    struct slab *s = mem_alloc(sizeof(*s));

    REQUIRE(pthread_mutex_init(&s->lock, NULL) == 0);
    s->fd = -1;
    s->wrap_key = secret_alloc(CRYPTO_KEY_BYTES);
    s->check_key = secret_alloc(CRYPTO_KEY_BYTES);
    vault__derive(root->bytes, CRYPTO_DERIVE_WRAP, s->wrap_key);
    vault__derive(root->bytes, CRYPTO_DERIVE_CHECK, s->check_key);
    return s;
}

void slab_close(struct slab **slab)
{
    struct slab *s = TAKE(*slab);

    if (s == NULL)
        return;
    vault__fd_close(&s->fd);
    secret_free(&s->wrap_key);
    secret_free(&s->check_key);
    (void)pthread_mutex_destroy(&s->lock);
    free(s);
}

static enum err add_random(struct slab *s, enum slab_kind kind, uint64_t owner)
{
    struct slab_key key = {.kind = kind, .owner = owner};
    uint64_t slot;
    enum err e;

    secret_random(key.key, sizeof(key.key));
    e = slab_add(s, &key, &slot);
    secret_wipe(&key, sizeof(key));
    return e;
}

static enum err fill_new(struct slab *s, const char *path)
{
    enum err e = write_header(s); /* both copies, so that either can be damaged later */

    if (e == ERR_OK)
        e = add_random(s, SLAB_LOCATOR, 0);
    if (e == ERR_OK)
        e = add_random(s, SLAB_INDEX, VAULT_DOMAIN_DEFAULT);
    if (e == ERR_OK)
        e = write_header(s);
    if (e == ERR_OK)
        e = slab_sync(s);
    if (e == ERR_OK)
        e = vault__folder_sync(path);
    return e;
}

enum err slab_create(const char *path, const struct root_key *root, struct errmsg *msg)
{
    AUTO(slab_close) struct slab *s = slab_new(root);
    enum err e;

    s->fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (s->fd < 0)
        return errmsg_set(msg, errno == EEXIST ? ERR_CONFLICT : ERR_IO, "%s: cannot be created: %s",
                          path, strerror(errno));
    s->header.epoch = root->epoch;
    s->header.rows = 1; /* row numbers start at 1 */
    secret_random(s->header.store_id, VAULT_ID_BYTES);
    e = fill_new(s, path);
    if (e != ERR_OK) {
        (void)unlink(path);
        return errmsg_set(msg, e, "%s: cannot be written: %s", path, err_text(e));
    }
    return ERR_OK;
}

static enum err read_slots(struct slab *s, const char *path, struct errmsg *msg)
{
    struct stat st;

    if (fstat(s->fd, &st) != 0)
        return errmsg_set(msg, ERR_IO, "%s: cannot be examined: %s", path, strerror(errno));
    s->capacity = ((uint64_t)st.st_size - SLAB_HEADER_BYTES) / SLAB_SLOT_BYTES;
    if (s->used < FIRST_SLOTS || s->used > s->capacity)
        return errmsg_set(msg, ERR_CORRUPT, "%s: shorter than its header says; restore keys.slab",
                          path);
    if (skip_uncounted(s) != ERR_OK)
        return errmsg_set(msg, ERR_IO, "%s: cannot be read", path);
    return ERR_OK;
}

enum err slab_open(const char *path, const struct root_key *root, struct slab **ret_slab,
                   struct errmsg *msg)
{
    AUTO(slab_close) struct slab *s = slab_new(root);
    enum err e;

    s->fd = open(path, O_RDWR | O_CLOEXEC);
    if (s->fd < 0)
        return errmsg_set(msg, errno == ENOENT ? ERR_CORRUPT : ERR_IO, "%s: cannot be opened: %s",
                          path, strerror(errno));
    e = read_header(s, path, root->epoch, msg);
    if (e == ERR_OK)
        e = read_slots(s, path, msg);
    if (e != ERR_OK)
        return e;
    *ret_slab = TAKE(s);
    return ERR_OK;
}

/* ---- using it ---- */

const uint8_t *slab_store_id(const struct slab *s)
{
    return s->header.store_id;
}

uint32_t slab_epoch(const struct slab *s)
{
    return s->header.epoch;
}

uint64_t slab_slots_used(const struct slab *s)
{
    return s->used;
}

/* A full medium may have room later; anything else ends writing for good. */
static enum err note_failure(struct slab *s, enum err e)
{
    if (e == ERR_IO)
        s->failed = true;
    return e;
}

enum err slab_add(struct slab *s, const struct slab_key *key, uint64_t *ret_slot)
{
    uint8_t bytes[SLAB_SLOT_BYTES];
    uint64_t slot = s->used;
    enum err e;

    if (s->failed)
        return ERR_IO;
    if (slot >= SLOTS_MAX)
        return ERR_NO_SPACE;
    e = grow(s, slot + 1);
    if (e != ERR_OK)
        return note_failure(s, e);
    s->used = slot + 1; /* taken from here on, even if the write fails half-way */
    s->dirty = true;
    slab_slot_encode(&s->header, s->wrap_key, slot, key, bytes);
    e = overwrite(s, slot, bytes);
    if (e != ERR_OK)
        return note_failure(s, e);
    FAULT_POINT("slab.added");
    *ret_slot = slot;
    return ERR_OK;
}

/* Header and slots to the medium, in one sync. */
static enum err flush(struct slab *s)
{
    enum err e = write_header(s);

    if (e == ERR_OK)
        e = vault__file_sync(s->fd);
    if (e != ERR_OK) {
        s->failed = true;
        return e;
    }
    s->dirty = false;
    return ERR_OK;
}

enum err slab_sync(struct slab *s)
{
    if (s->failed)
        return ERR_IO;
    return s->dirty ? flush(s) : ERR_OK;
}

enum err slab_reserve_rows(struct slab *s, uint64_t count, uint64_t *ret_first)
{
    uint64_t first = s->header.rows;
    enum err e;

    if (s->failed)
        return ERR_IO;
    if (count > ROWS_MAX - first)
        return ERR_NO_SPACE;
    s->header.rows = first + count;
    e = flush(s);
    if (e != ERR_OK)
        return e;
    *ret_first = first;
    return ERR_OK;
}

enum err slab_clear(struct slab *s, uint64_t slot)
{
    static const uint8_t zeroes[SLAB_SLOT_BYTES];
    enum err e;

    REQUIRE(slot >= FIRST_SLOTS); /* the store's own keys are always needed */
    if (s->failed)
        return ERR_IO;
    if (slot >= s->used)
        return ERR_NOT_FOUND;
    s->dirty = true;
    e = overwrite(s, slot, zeroes);
    return e == ERR_OK ? e : note_failure(s, e);
}

enum err slab_shred(struct slab *s, uint64_t slot)
{
    static const uint8_t zeroes[SLAB_SLOT_BYTES];
    enum err e;

    REQUIRE(slot != 0); /* the locator key is nobody's */
    if (s->failed)
        return ERR_IO;
    if (slot >= SLOTS_MAX)
        return ERR_NOT_FOUND;
    if (slot >= s->used) {
        /* A restored slab is older than the ledger: the number must not be given to somebody else.
         */
        e = grow(s, slot + 1);
        if (e != ERR_OK)
            return note_failure(s, e);
        s->used = slot + 1;
        s->dirty = true;
    }
    e = overwrite(s, slot, zeroes);
    if (e != ERR_OK)
        return note_failure(s, e);
    FAULT_POINT("slab.before_shred_sync");
    if (s->dirty) {
        e = flush(s);
    } else {
        e = vault__file_sync(s->fd);
        s->failed = e != ERR_OK;
    }
    if (e != ERR_OK)
        return e;
    FAULT_POINT("slab.shredded");
    return ERR_OK;
}

/* As it is in the file; half of it may be new when the writer is just at it. */
static enum err read_slot(const struct slab *s, uint64_t slot, uint8_t ret[SLAB_SLOT_BYTES])
{
    uint8_t bytes[SLAB_SLOT_BYTES] = {0};
    size_t got = 0;
    enum err e;

    if (slot >= SLOTS_MAX)
        return ERR_NOT_FOUND;
    e = vault__file_read(s->fd, bytes, sizeof(bytes), slot_at(slot), &got);
    if (e != ERR_OK)
        return e;
    memcpy(ret, bytes, sizeof(bytes)); /* past the end of the file: zeroes */
    return ERR_OK;
}

enum err slab_raw(const struct slab *s, uint64_t slot, uint8_t ret[SLAB_SLOT_BYTES])
{
    enum err e;

    (void)pthread_mutex_lock(lock_of(s));
    e = read_slot(s, slot, ret);
    (void)pthread_mutex_unlock(lock_of(s));
    return e;
}

static enum err decode(const struct slab *s, uint64_t slot, const uint8_t bytes[SLAB_SLOT_BYTES],
                       struct slab_key *ret)
{
    if (slab_is_zero(bytes, SLAB_SLOT_BYTES))
        return ERR_NOT_FOUND;
    return slab_slot_decode(&s->header, s->wrap_key, slot, bytes, ret);
}

enum err slab_read(const struct slab *s, uint64_t slot, struct slab_key *ret)
{
    uint8_t bytes[SLAB_SLOT_BYTES];
    enum err e =
        read_slot(s, slot, bytes); /* without the lock: threads do not wait for each other */

    if (e != ERR_OK)
        return e;
    e = decode(s, slot, bytes, ret);
    if (e != ERR_CORRUPT)
        return e;
    e = slab_raw(s, slot, bytes); /* damaged, or the writer was half-way over it */
    return e == ERR_OK ? decode(s, slot, bytes, ret) : e;
}
