/* SPDX-License-Identifier: Apache-2.0 */
/* Wrapped keys in fixed slots, overwritten in place.
 * Runs on: the writer's thread; slab_read() and slab_raw() on any. Holds: the file, keys
 * derived from the root keys in guarded memory, the header. Invariant: a slot number is given out once, whatever happens
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
    FIRST_BLOCK =
        64, /* slots reserved at a time: few at first, since a restart gives up the rest */
    LAST_BLOCK = 4096
};

static const uint64_t ROWS_MAX = UINT64_C(1) << 48;  /* a token has 48 bits for the row */
static const uint64_t SLOTS_MAX = UINT64_C(1) << 40; /* bounds the file, not the use */

/* What the root key of one epoch wraps slots with. */
struct wrapping {
    uint32_t epoch; /* 0: none */
    uint8_t *key;   /* guarded */
};

enum { NEW = 0, OLD = 1, WRAPPINGS = 2 };

struct slab {
    int fd;
    pthread_rwlock_t keys_lock;       /* over the two below: other threads unwrap with them */
    struct wrapping wraps[WRAPPINGS]; /* OLD while a rotation is leaving it */
    uint8_t *check_key;               /* guarded */
    struct slab_header header;        /* `used` of it is set where it is written */
    _Atomic uint64_t used;            /* slot numbers below are taken; any thread reads it */
    uint64_t capacity;                /* slots the file has room for */
    bool dirty;                       /* something waits for slab_sync() */
    bool failed;
    slab_reserve_fn reserve; /* NULL: numbers are given out without asking */
    void *reserve_context;
    uint64_t slots_below; /* reserved by this process: numbers below may be given out */
    uint64_t slots_from;  /* numbers below were reserved by others: never to be given out */
    uint64_t rows_from;
    uint64_t block;       /* slots to reserve next */
    pthread_mutex_t lock; /* held while a slot or a header is overwritten */
};

/* ---- the header ---- */

static enum err decode_header(struct slab *s, const uint8_t both[SLAB_HEADER_BYTES],
                              const struct root_keys *roots, struct errmsg *msg)
{
    uint8_t *keys = secret_alloc(ROOT_KEYS_MAX * CRYPTO_KEY_BYTES);
    struct slab_check checks[ROOT_KEYS_MAX];
    enum err e;

    for (size_t i = 0; i < roots->count; i++) {
        checks[i] = (struct slab_check){roots->at[i].epoch, keys + i * CRYPTO_KEY_BYTES};
        vault__derive(roots->at[i].bytes, CRYPTO_DERIVE_CHECK, keys + i * CRYPTO_KEY_BYTES);
    }
    e = slab_header_decode(both, checks, roots->count, &s->header, msg);
    secret_free(&keys);
    return e;
}

static void take_wrapping(struct wrapping *w, const struct root_key *root)
{
    w->epoch = root->epoch;
    vault__derive(root->bytes, CRYPTO_DERIVE_WRAP, w->key);
}

/* The keys of the header's epochs. */
static enum err take_keys(struct slab *s, const struct root_keys *roots, struct errmsg *msg)
{
    const struct root_key *new = root_keys_find(roots, s->header.epoch);
    const struct root_key *old = root_keys_find(roots, s->header.old_epoch);

    REQUIRE(new != NULL); /* the header has verified under it */
    if (s->header.old_epoch != 0 && old == NULL)
        return errmsg_set(msg, ERR_SEALED,
                          "its rotation from epoch %u to %u has not ended: the root key of epoch "
                          "%u is needed, too",
                          (unsigned)s->header.old_epoch, (unsigned)s->header.epoch,
                          (unsigned)s->header.old_epoch);
    vault__derive(new->bytes, CRYPTO_DERIVE_CHECK, s->check_key);
    take_wrapping(&s->wraps[NEW], new);
    if (s->header.old_epoch != 0)
        take_wrapping(&s->wraps[OLD], old);
    return ERR_OK;
}

static enum err read_header(struct slab *s, const char *path, const struct root_keys *roots,
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
    e = decode_header(s, both, roots, &why);
    if (e == ERR_OK)
        e = take_keys(s, roots, &why);
    if (e != ERR_OK)
        return errmsg_set(msg, e, "%s: %.300s", path, why.text);
    s->used = s->header.used;
    return ERR_OK;
}

/* Write the header to the copy whose turn it is; the other one stays as it was at the last sync. */
static enum err write_header(struct slab *s)
{
    uint8_t copy[SLAB_COPY_BYTES];
    enum err e;

    s->header.sequence++;
    s->header.used = s->used;
    slab_header_encode(&s->header, s->check_key, copy);
    (void)pthread_mutex_lock(&s->lock);
    e = vault__file_write(s->fd, copy, sizeof(copy), (s->header.sequence % 2) * SLAB_COPY_BYTES);
    (void)pthread_mutex_unlock(&s->lock);
    return e;
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

static struct slab *slab_new(void)
{
    struct slab *s = mem_alloc(sizeof(*s));
    pthread_rwlockattr_t attr;

    REQUIRE(pthread_mutex_init(&s->lock, NULL) == 0);
    /* Readers that come without end must not keep a key from being wiped. */
    REQUIRE(pthread_rwlockattr_init(&attr) == 0 &&
            pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP) ==
                0 &&
            pthread_rwlock_init(&s->keys_lock, &attr) == 0);
    (void)pthread_rwlockattr_destroy(&attr);
    s->fd = -1;
    for (size_t i = 0; i < WRAPPINGS; i++)
        s->wraps[i].key = secret_alloc(CRYPTO_KEY_BYTES);
    s->check_key = secret_alloc(CRYPTO_KEY_BYTES);
    return s;
}

void slab_close(struct slab **slab)
{
    struct slab *s = TAKE(*slab);

    if (s == NULL)
        return;
    vault__fd_close(&s->fd);
    for (size_t i = 0; i < WRAPPINGS; i++)
        secret_free(&s->wraps[i].key);
    secret_free(&s->check_key);
    (void)pthread_rwlock_destroy(&s->keys_lock);
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
        e = add_random(s, SLAB_LEDGER, 0);
    if (e == ERR_OK)
        e = add_random(s, SLAB_SIGNING, 0);
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
    AUTO(slab_close) struct slab *s = slab_new();
    const struct root_keys roots = {{*root}, 1};
    enum err e;

    s->fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (s->fd < 0)
        return errmsg_set(msg, errno == EEXIST ? ERR_CONFLICT : ERR_IO, "%s: cannot be created: %s",
                          path, strerror(errno));
    s->header.epoch = root->epoch;
    s->header.rows = 1; /* row numbers start at 1 */
    secret_random(s->header.store_id, VAULT_ID_BYTES);
    e = take_keys(s, &roots, msg);
    if (e == ERR_OK)
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
    if (s->used < SLAB_FIRST_SLOTS || s->used > s->capacity)
        return errmsg_set(msg, ERR_CORRUPT, "%s: shorter than its header says; restore keys.slab",
                          path);
    if (skip_uncounted(s) != ERR_OK)
        return errmsg_set(msg, ERR_IO, "%s: cannot be read", path);
    return ERR_OK;
}

enum err slab_open(const char *path, const struct root_keys *roots, struct slab **ret_slab,
                   struct errmsg *msg)
{
    AUTO(slab_close) struct slab *s = slab_new();
    enum err e;

    if (roots->count == 0)
        return errmsg_set(msg, ERR_SEALED, "%s: no root key is given", path);
    s->fd = open(path, O_RDWR | O_CLOEXEC);
    if (s->fd < 0)
        return errmsg_set(msg, errno == ENOENT ? ERR_CORRUPT : ERR_IO, "%s: cannot be opened: %s",
                          path, strerror(errno));
    e = read_header(s, path, roots, msg);
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

/* The locks are no part of what a caller sees as const. */
static pthread_rwlock_t *keys_lock_of(const struct slab *s)
{
    return (pthread_rwlock_t *)&s->keys_lock;
}

static uint32_t epoch_of(const struct slab *s, const struct wrapping *w)
{
    uint32_t epoch;

    (void)pthread_rwlock_rdlock(keys_lock_of(s));
    epoch = w->epoch;
    (void)pthread_rwlock_unlock(keys_lock_of(s));
    return epoch;
}

uint32_t slab_epoch(const struct slab *s)
{
    return epoch_of(s, &s->wraps[NEW]);
}

uint32_t slab_old_epoch(const struct slab *s)
{
    return epoch_of(s, &s->wraps[OLD]);
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

/* ---- numbers that nobody else gives out ---- */

void slab_reserve_with(struct slab *s, slab_reserve_fn fn, void *context)
{
    s->reserve = fn;
    s->reserve_context = context;
    s->slots_below = 0;
    s->block = FIRST_BLOCK;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

void slab_skip(struct slab *s, uint64_t slots, uint64_t rows)
{
    s->slots_from = larger(s->slots_from, slots);
    s->rows_from = larger(s->rows_from, rows);
}

/* Blocks double, so that a busy process asks seldom. */
static enum err reserve_slots(struct slab *s)
{
    const uint64_t first = larger(s->used, s->slots_from);
    enum err e;

    if (s->reserve == NULL || s->used < s->slots_below)
        return ERR_OK;
    if (first >= SLOTS_MAX)
        return ERR_NO_SPACE;
    e = s->reserve(s->reserve_context, first + s->block, larger(s->header.rows, s->rows_from));
    if (e != ERR_OK)
        return e;
    s->used = first;
    s->slots_below = first + s->block;
    s->block = s->block < LAST_BLOCK ? 2 * s->block : LAST_BLOCK;
    return ERR_OK;
}

enum err slab_add(struct slab *s, const struct slab_key *key, uint64_t *ret_slot)
{
    uint8_t bytes[SLAB_SLOT_BYTES];
    uint64_t slot;
    enum err e;

    if (s->failed)
        return ERR_IO;
    e = reserve_slots(s);
    if (e != ERR_OK)
        return e;
    slot = s->used;
    if (slot >= SLOTS_MAX)
        return ERR_NO_SPACE;
    e = grow(s, slot + 1);
    if (e != ERR_OK)
        return note_failure(s, e);
    s->used = slot + 1; /* taken from here on, even if the write fails half-way */
    s->dirty = true;
    slab_slot_encode(&s->header, s->wraps[NEW].key, slot, key, bytes);
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
    uint64_t first = larger(s->header.rows, s->rows_from);
    enum err e = ERR_OK;

    if (s->failed)
        return ERR_IO;
    if (first > ROWS_MAX || count > ROWS_MAX - first)
        return ERR_NO_SPACE;
    if (s->reserve != NULL)
        e = s->reserve(s->reserve_context, larger(s->slots_below, larger(s->used, s->slots_from)),
                       first + count);
    if (e != ERR_OK)
        return e;
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

    REQUIRE(slot >= SLAB_FIRST_SLOTS); /* the store's own keys are always needed */
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

    REQUIRE(slot >= SLAB_FIRST_SLOTS);
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

enum err slab_bytes(const struct slab *s, uint64_t at, void *to, size_t len, size_t *ret_got)
{
    enum err e;

    (void)pthread_mutex_lock(lock_of(s));
    e = vault__file_read(s->fd, to, len, at, ret_got);
    (void)pthread_mutex_unlock(lock_of(s));
    return e;
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
    const uint32_t epoch = slab_slot_epoch(bytes);
    enum err e = ERR_CORRUPT; /* as when it names an epoch that has ended */

    if (slab_is_zero(bytes, SLAB_SLOT_BYTES))
        return ERR_NOT_FOUND;
    (void)pthread_rwlock_rdlock(keys_lock_of(s));
    for (size_t i = 0; i < WRAPPINGS; i++)
        if (s->wraps[i].epoch != 0 && s->wraps[i].epoch == epoch)
            e = slab_slot_decode(&s->header, s->wraps[i].key, slot, bytes, ret);
    (void)pthread_rwlock_unlock(keys_lock_of(s));
    return e;
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

bool slab_wrapping_keys_any(const struct slab *s,
                            bool (*fn)(const uint8_t key[CRYPTO_KEY_BYTES], const void *context),
                            const void *context)
{
    bool any = false;

    (void)pthread_rwlock_rdlock(keys_lock_of(s));
    for (size_t i = 0; i < WRAPPINGS; i++)
        any = any || (s->wraps[i].epoch != 0 && fn(s->wraps[i].key, context));
    (void)pthread_rwlock_unlock(keys_lock_of(s));
    return any;
}
