/* SPDX-License-Identifier: Apache-2.0 */
/* Making keys.slab and opening it; forgetting its keys and taking them again.
 * Runs on: the thread that opens, then the writer's. Holds: nothing of its own.
 * Invariant: a slab is open with every key that its slots need, or not at all.
 * Not here: slots (slab.c), what the bytes mean (slab_format.c). */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/secret.h"
#include "vault/file_priv.h"
#include "vault/slab_file_priv.h"

enum { RUN_BYTES = 1 << 20 };

/* ---- the header ---- */

static enum err decode_header(const uint8_t both[SLAB_HEADER_BYTES], const struct root_keys *roots,
                              struct slab_header *ret, struct errmsg *msg)
{
    uint8_t *keys = secret_alloc(ROOT_KEYS_MAX * CRYPTO_KEY_BYTES);
    struct slab_check checks[ROOT_KEYS_MAX];
    enum err e;

    for (size_t i = 0; i < roots->count; i++) {
        checks[i] = (struct slab_check){roots->at[i].epoch, keys + i * CRYPTO_KEY_BYTES};
        vault__derive(roots->at[i].bytes, CRYPTO_DERIVE_CHECK, keys + i * CRYPTO_KEY_BYTES);
    }
    e = slab_header_decode(both, checks, roots->count, ret, msg);
    secret_free(&keys);
    return e;
}

void slab_wrapping_take(struct wrapping *w, const struct root_key *root)
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
    slab_wrapping_take(&s->wraps[WRAP_NEW], new);
    if (s->header.old_epoch != 0)
        slab_wrapping_take(&s->wraps[WRAP_OLD], old);
    return ERR_OK;
}

static enum err read_header(const struct slab *s, const struct root_keys *roots,
                            struct slab_header *ret, struct errmsg *msg)
{
    uint8_t both[SLAB_HEADER_BYTES];
    size_t got = 0;

    if (roots->count == 0)
        return errmsg_set(msg, ERR_SEALED, "no root key is given");
    if (vault__file_read(s->fd, both, sizeof(both), 0, &got) != ERR_OK)
        return errmsg_set(msg, ERR_IO, "cannot be read");
    if (got < sizeof(both))
        return errmsg_set(msg, ERR_CORRUPT, "too short; restore keys.slab");
    return decode_header(both, roots, ret, msg);
}

/* The message lacks the file's name until here. */
static enum err named(enum err e, const char *path, const struct errmsg *why, struct errmsg *msg)
{
    return e == ERR_OK ? e : errmsg_set(msg, e, "%s: %.300s", path, why->text);
}

/* ---- making and opening ---- */

/* A crash may have left slots written whose count was not: their numbers are taken. */
static enum err skip_uncounted(struct slab *s)
{
    AUTO(mem_free) uint8_t *run = mem_alloc(RUN_BYTES);
    uint64_t slot = s->used;
    size_t got = 0;
    enum err e;

    do {
        e = vault__file_read(s->fd, run, RUN_BYTES, slab_slot_at(slot), &got);
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
    fd_close(&s->fd);
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
    enum err e = slab_header_write(s); /* both copies, so that either can be damaged later */

    if (e == ERR_OK)
        e = add_random(s, SLAB_LOCATOR, 0);
    if (e == ERR_OK)
        e = add_random(s, SLAB_INDEX, VAULT_DOMAIN_DEFAULT);
    if (e == ERR_OK)
        e = add_random(s, SLAB_LEDGER, 0);
    if (e == ERR_OK)
        e = add_random(s, SLAB_SIGNING, 0);
    if (e == ERR_OK)
        e = slab_header_write(s);
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
    struct errmsg why = {""};
    enum err e;

    s->fd = open(path, O_RDWR | O_CLOEXEC);
    if (s->fd < 0)
        return errmsg_set(msg, errno == ENOENT ? ERR_CORRUPT : ERR_IO, "%s: cannot be opened: %s%s",
                          path, strerror(errno), errno == ENOENT ? "; restore keys.slab" : "");
    e = read_header(s, roots, &s->header, &why);
    if (e == ERR_OK)
        e = take_keys(s, roots, &why);
    if (e != ERR_OK)
        return named(e, path, &why, msg);
    s->used = s->header.used;
    e = read_slots(s, path, msg);
    if (e == ERR_OK)
        *ret_slab = TAKE(s);
    return e;
}

/* ---- sealing ---- */

void slab_seal(struct slab *s)
{
    (void)pthread_rwlock_wrlock(&s->keys_lock);
    for (size_t i = 0; i < WRAPPINGS; i++)
        secret_wipe(s->wraps[i].key, CRYPTO_KEY_BYTES);
    secret_wipe(s->check_key, CRYPTO_KEY_BYTES);
    s->sealed = true;
    (void)pthread_rwlock_unlock(&s->keys_lock);
}

enum err slab_unseal(struct slab *s, const char *path, const struct root_keys *roots,
                     struct errmsg *msg)
{
    struct errmsg why = {""};
    struct slab_header found;
    enum err e = read_header(s, roots, &found, &why);

    /* Damage of one copy cannot lead back behind a rotation: both were written when it began. */
    if (e == ERR_OK && (found.epoch != s->header.epoch ||
                        memcmp(found.store_id, s->header.store_id, VAULT_ID_BYTES) != 0))
        e = errmsg_set(&why, ERR_CORRUPT, "is not the file that was opened");
    if (e != ERR_OK)
        return named(e, path, &why, msg);
    (void)pthread_rwlock_wrlock(&s->keys_lock);
    e = take_keys(s, roots, &why);
    s->sealed = e != ERR_OK;
    (void)pthread_rwlock_unlock(&s->keys_lock);
    return named(e, path, &why, msg);
}
