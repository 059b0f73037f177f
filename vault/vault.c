/* SPDX-License-Identifier: Apache-2.0 */
/* A store as a whole: making one, opening it, closing it.
 * Runs on: the thread that opens. Holds: everything a store has open.
 * Invariant: nothing is served before lock, keys, ledger and database agree with each other.
 * Not here: writing (writer.c), reading (reader.c), erasing (erasure.c). */
#include "vault/consents_priv.h"
#include "vault/part_priv.h"
#include "vault/vault_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/secret.h"
#include "vault/audit_priv.h"
#include "vault/events_priv.h"
#include "vault/file_priv.h"
#include "vault/holds_priv.h"
#include "vault/mirror_priv.h"
#include "vault/purges_priv.h"
#include "vault/records_priv.h"
#include "vault/renew_priv.h"
#include "vault/rules_priv.h"
#include "vault/typed_priv.h"
#include "vault/watch_priv.h"
#include "vault/writer_priv.h"

static const char *const store_files[] = {VAULT_DB,   VAULT_DB "-wal", VAULT_DB "-shm",
                                          VAULT_SLAB, VAULT_LEDGER,    VAULT_RESERVE,
                                          VAULT_LOCK, VAULT_RESTORING};

char *vault__path(const char *dir, const char *name)
{
    char *path = NULL;

    REQUIRE(asprintf(&path, "%s/%s", dir, name) > 0);
    return path;
}

static bool exists(const char *dir, const char *name)
{
    AUTO(mem_free) char *path = vault__path(dir, name);

    return access(path, F_OK) == 0;
}

enum err vault__lock(const char *dir, bool create, int *ret_fd, struct errmsg *msg)
{
    AUTO(mem_free) char *path = vault__path(dir, VAULT_LOCK);
    AUTO(fd_close)
    int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | (create ? O_CREAT : 0), 0600);

    if (fd < 0 && errno == ENOENT)
        return errmsg_set(msg, ERR_IO, "%s: holds no store; `lethe init` makes one", dir);
    if (fd < 0)
        return errmsg_set(msg, ERR_IO, "%s: %s", path, strerror(errno));
    if (flock(fd, LOCK_EX | LOCK_NB) != 0)
        return errmsg_set(msg, errno == EWOULDBLOCK ? ERR_BUSY : ERR_IO,
                          "%s: the store is in use by another process", dir);
    *ret_fd = fd;
    fd = -1;
    return ERR_OK;
}

/* ---- making a store ---- */

static enum err create_keys(const char *dir, const struct root_key *root, struct slab **ret_slab,
                            struct errmsg *msg)
{
    AUTO(mem_free) char *path = vault__path(dir, VAULT_SLAB);
    const struct root_keys roots = {{*root}, 1};
    enum err e = slab_create(path, root, msg);

    return e == ERR_OK ? slab_open(path, &roots, ret_slab, msg) : e;
}

static enum err create_ledger(const char *dir, const struct slab *slab, struct errmsg *msg)
{
    AUTO(mem_free) char *path = vault__path(dir, VAULT_LEDGER);
    AUTO(secret_free) uint8_t *key = secret_alloc(CRYPTO_KEY_BYTES);
    enum err e = vault__own_key(slab, SLAB_SLOT_LEDGER, SLAB_LEDGER, key);

    if (e != ERR_OK)
        return errmsg_set(msg, e, "%s/" VAULT_SLAB ": cannot be read back", dir);
    return ledger_create(path, key, slab_store_id(slab), msg);
}

static enum err create_database(const char *dir, const uint8_t store_id[VAULT_ID_BYTES],
                                struct errmsg *msg)
{
    AUTO(mem_free) char *path = vault__path(dir, VAULT_DB);
    const struct store_domain first = {
        .id = VAULT_DOMAIN_DEFAULT, .slot = SLAB_SLOT_INDEX, .name = DOMAIN_DEFAULT_NAME};
    AUTO(store_close) struct store *s = NULL;
    enum err e = store_create(path, store_id, msg);

    if (e == ERR_OK)
        e = store_open(path, STORE_WRITER, store_id, &s, msg);
    if (e != ERR_OK)
        return e;
    e = store_begin(s);
    if (e == ERR_OK) {
        e = store_domain_add(s, &first);
        if (e == ERR_OK)
            e = store_commit(s);
        else
            store_rollback(s);
    }
    return e == ERR_OK ? e : errmsg_set(msg, e, "%s: cannot be written", path);
}

static enum err create_files(const char *dir, const struct root_key *root, struct errmsg *msg)
{
    AUTO(fd_close) int lock_fd = -1;
    AUTO(mem_free) char *path = vault__path(dir, VAULT_DB);
    AUTO(slab_close) struct slab *slab = NULL;
    enum err e = vault__lock(dir, true, &lock_fd, msg);

    if (e == ERR_OK)
        e = create_keys(dir, root, &slab, msg);
    if (e == ERR_OK)
        e = create_ledger(dir, slab, msg);
    if (e == ERR_OK)
        e = create_database(dir, slab_store_id(slab), msg);
    if (e == ERR_OK && vault__folder_sync(path) != ERR_OK)
        e = errmsg_set(msg, ERR_IO, "%s: cannot be made durable", dir);
    return e;
}

enum err vault_create(const char *dir, const struct root_key *root, struct errmsg *msg)
{
    bool made = mkdir(dir, 0700) == 0;
    enum err e;

    if (!made && errno != EEXIST)
        return errmsg_set(msg, ERR_IO, "%s: %s", dir, strerror(errno));
    for (size_t i = 0; i < COUNT_OF(store_files); i++)
        if (exists(dir, store_files[i]))
            return errmsg_set(msg, ERR_CONFLICT, "%s: holds a store already (%s)", dir,
                              store_files[i]);
    e = create_files(dir, root, msg);
    if (e == ERR_OK && made) {
        if (vault__folder_sync(dir) == ERR_OK)
            return ERR_OK;
        e = errmsg_set(msg, ERR_IO, "%s: cannot be made durable", dir);
    }
    if (e == ERR_OK)
        return ERR_OK;
    for (size_t i = 0; i < COUNT_OF(store_files); i++) {
        AUTO(mem_free) char *path = vault__path(dir, store_files[i]);

        (void)unlink(path);
    }
    if (made)
        (void)rmdir(dir);
    return e;
}

/* ---- opening ---- */

static enum err open_ledger(struct vault *v, const char *mirror_path, struct errmsg *msg)
{
    AUTO(mem_free) char *path = vault__path(v->dir, VAULT_LEDGER);
    AUTO(secret_free) uint8_t *key = secret_alloc(CRYPTO_KEY_BYTES);
    struct mirror *mirror = NULL;
    enum err e;

    if (!exists(v->dir, VAULT_LEDGER))
        return errmsg_set(
            msg, ERR_CORRUPT,
            "%s: is missing. Without the ledger erasures would be undone; put the live "
            "one back, not one from a backup",
            path);
    e = vault__own_key(v->slab, SLAB_SLOT_LEDGER, SLAB_LEDGER, key);
    if (e != ERR_OK)
        return errmsg_set(msg, e,
                          "%s/" VAULT_SLAB ": the ledger's key cannot be read; restore keys.slab",
                          v->dir);
    e = ledger_open(path, key, slab_store_id(v->slab), &v->ledger, msg);
    if (e != ERR_OK || mirror_path == NULL)
        return e;
    e = mirror_open(mirror_path, v->ledger, path, &mirror, msg);
    if (e == ERR_OK)
        ledger_mirror_with(v->ledger, mirror);
    return e;
}

/* Rows and subjects of the database must lie below what the slab has given out: an older slab would
 * hand the same numbers out again. */
static enum err check_slab_age(struct vault *v, struct store *s, struct errmsg *msg)
{
    uint64_t last = 0;
    enum err e = store_subject_last(s, &last);

    if (e != ERR_OK)
        return errmsg_set(msg, e, "%s/" VAULT_DB ": the subjects cannot be read", v->dir);
    if (last >= slab_slots_used(v->slab))
        return errmsg_set(
            msg, ERR_CORRUPT,
            "%s/" VAULT_SLAB ": is older than " VAULT_DB " (key %llu of %llu): put the "
            "latest copy back",
            v->dir, (unsigned long long)last, (unsigned long long)slab_slots_used(v->slab));
    return ERR_OK;
}

/* Numbers stand in the ledger before they are given out: it is never restored from a backup. */
static enum err reserve(void *context, uint64_t slots, uint64_t rows)
{
    struct vault *v = context;
    struct ledger_record record = {.kind = LEDGER_RESERVED,
                                   .time_ms = vault__now_ms(v),
                                   .slot = slots,
                                   .cutoff_ms = (int64_t)rows};

    return ledger_append(v->ledger, &record);
}

/* The log and its index are there once a connection has read. */
static enum err open_db_files(struct vault *v, struct errmsg *msg)
{
    for (size_t i = 0; i < VAULT_DB_FILES; i++) {
        AUTO(mem_free) char *path = vault__path(v->dir, store_files[i]);

        v->db_fds[i] = open(path, O_RDONLY | O_CLOEXEC);
        if (v->db_fds[i] < 0)
            return errmsg_set(msg, ERR_IO, "%s: %s", path, strerror(errno));
    }
    return ERR_OK;
}

static enum err read_time(struct vault *v, struct store *s, struct errmsg *msg)
{
    int64_t ms = 0;
    enum err e = store_meta_int(s, STORE_META_TIME, &ms);

    if (e == ERR_OK)
        vault__time_seen(&v->time, ms);
    return e == ERR_OK || e == ERR_NOT_FOUND
               ? ERR_OK
               : errmsg_set(msg, e, "%s/" VAULT_DB ": does not remember the time", v->dir);
}

static enum err open_database(struct vault *v, const struct vault_options *options,
                              struct store **ret_store, struct errmsg *msg)
{
    AUTO(mem_free) char *path = vault__path(v->dir, VAULT_DB);
    AUTO(store_close) struct store *s = NULL;
    enum err e;

    if (!exists(v->dir, VAULT_DB))
        return errmsg_set(msg, ERR_CORRUPT,
                          "%s: is missing; put it back, or restore a backup with `lethe restore`",
                          path);
    e = store_open(path, STORE_WRITER, slab_store_id(v->slab), &s, msg);
    if (e == ERR_OK)
        e = check_slab_age(v, s, msg);
    if (e == ERR_OK)
        e = read_time(v, s, msg);
    if (e == ERR_OK && store_part_prepare(s) != ERR_OK)
        e = errmsg_set(msg, ERR_IO, "%s: exceptions cannot be read", path);
    if (e == ERR_OK && store_rules_prepare(s) != ERR_OK)
        e = errmsg_set(msg, ERR_IO, "%s: the tables of deletion rules cannot be made", path);
    if (e == ERR_OK && (store_holds_prepare(s) != ERR_OK || store_consent_prepare(s) != ERR_OK))
        e = errmsg_set(msg, ERR_IO, "%s: the tables of holds cannot be made", path);
    if (e == ERR_OK && store_events_prepare(s) != ERR_OK)
        e = errmsg_set(msg, ERR_IO, "%s: events cannot be read", path);
    if (e == ERR_OK && (store_ended_prepare(s) != ERR_OK || vault__ended_finish(v, s) != ERR_OK))
        e = errmsg_set(msg, ERR_IO, "%s: keys of persons who have ended cannot be destroyed", path);
    if (e == ERR_OK)
        e = vault__renewed_open(v, s, msg);
    if (e == ERR_OK)
        e = vault__replay(v, s, msg);
    slab_reserve_with(v->slab, reserve, v);
    if (e == ERR_OK)
        e = vault__configure(
            v, s, false,
            &(struct configuration){options->classes, options->domains, options->configuration},
            msg);
    if (e == ERR_OK)
        e = vault__typed_open(v, s, msg);
    if (e == ERR_OK &&
        (store_watch_prepare(s) != ERR_OK || vault__watch_load(v->watch, s) != ERR_OK))
        e = errmsg_set(msg, ERR_IO, "%s: canaries and incidents cannot be read", path);
    if (e == ERR_OK && (store_records_prepare(s) != ERR_OK || store_receipts_prepare(s) != ERR_OK))
        e = errmsg_set(msg, ERR_IO, "%s: the tables of operators' books cannot be made", path);
    if (e == ERR_OK && vault__holds_load(v, s) != ERR_OK)
        e = errmsg_set(msg, ERR_IO, "%s: holds and restrictions cannot be read", path);
    if (e == ERR_OK &&
        (store_purges_prepare(s) != ERR_OK || vault__purges_load(v->purges, s) != ERR_OK))
        e = errmsg_set(msg, ERR_IO, "%s: what is known of purges cannot be read", path);
    if (e == ERR_OK)
        e = open_db_files(v, msg);
    if (e == ERR_OK)
        *ret_store = TAKE(s);
    return e;
}

static struct vault *new_vault(const char *dir)
{
    struct vault *v = mem_alloc(sizeof(*v));

    v->dir = mem_strdup(dir);
    v->lock_fd = -1;
    vault__time_init(&v->time);
    for (size_t i = 0; i < VAULT_DB_FILES; i++)
        v->db_fds[i] = -1;
    v->locator_key = secret_alloc(CRYPTO_KEY_BYTES);
    v->signing_key = secret_alloc(CRYPTO_SECRET_KEY_BYTES);
    v->sequences = sequences_new();
    v->watch = vault__watch_new();
    v->purposes = vault__purposes_new();
    v->purges = vault__purges_new();
    REQUIRE(pthread_mutex_init(&v->readers_lock, NULL) == 0 &&
            pthread_rwlock_init(&v->keys_lock, NULL) == 0);
    return v;
}

enum err vault__open_locked(const struct vault_options *options, int lock_fd,
                            struct ledger_record *restored, struct vault **ret_vault,
                            struct errmsg *msg)
{
    AUTO(vault_close) struct vault *v = new_vault(options->dir);
    struct store *s = NULL;
    enum err e;

    v->lock_fd = fcntl(lock_fd, F_DUPFD_CLOEXEC, 0);
    if (v->lock_fd < 0)
        return errmsg_set(msg, ERR_IO, "%s: %s", v->dir, strerror(errno));
    e = vault__keys_open(v, options->roots, msg);
    if (e == ERR_OK)
        e = open_ledger(v, options->ledger_mirror, msg);
    if (e == ERR_OK)
        e = reserve_open(v->dir, &v->reserve, msg);
    if (e == ERR_OK)
        e = open_database(v, options, &s, msg);
    if (e == ERR_OK && restored != NULL && ledger_append(v->ledger, restored) != ERR_OK)
        e = errmsg_set(msg, ERR_IO, "%s/" VAULT_LEDGER ": cannot be written", v->dir);
    if (e != ERR_OK) {
        store_close(&s);
        return e;
    }
    vault_look_at_medium(v->dir, v->risk);
    e = checkpointer_start(v, &v->checkpointer);
    if (e == ERR_OK)
        e = writer_start(v, TAKE(s), &v->writer);
    store_close(&s);
    if (e == ERR_OK)
        e = audit_start(v, &v->audit);
    if (e != ERR_OK)
        return errmsg_set(msg, e, "%s: the store cannot be written: %s", v->dir, err_text(e));
    *ret_vault = TAKE(v);
    return ERR_OK;
}

enum err vault_open(const struct vault_options *options, struct vault **ret_vault,
                    struct errmsg *msg)
{
    AUTO(fd_close) int lock_fd = -1;
    enum err e = vault__lock(options->dir, false, &lock_fd, msg);

    if (e == ERR_OK && exists(options->dir, VAULT_RESTORING))
        e = errmsg_set(msg, ERR_CONFLICT,
                       "%s/" VAULT_RESTORING ": a restore was not finished, so that the store is "
                       "neither old nor new; run `lethe restore` again",
                       options->dir);
    return e == ERR_OK ? vault__open_locked(options, lock_fd, NULL, ret_vault, msg) : e;
}

void vault_close(struct vault **vault)
{
    struct vault *v = TAKE(*vault);

    if (v == NULL)
        return;
    vault__readers_free_idle(v);
    vault__records_free_idle(v);
    REQUIRE(v->readers == NULL);
    audit_stop(v->audit);
    writer_stop(v->writer);
    audit_free(&v->audit);
    checkpointer_stop(&v->checkpointer);
    writer_free(&v->writer);
    for (size_t i = 0; i < VAULT_DB_FILES; i++)
        fd_close(&v->db_fds[i]); /* after the last connection: this drops SQLite's locks */
    vault__domains_free(v);
    slab_close(&v->slab);
    ledger_close(&v->ledger);
    reserve_close(&v->reserve);
    sequences_free(&v->sequences);
    vault__watch_free(&v->watch);
    vault__marks_free(v);
    vault__purposes_free(&v->purposes);
    vault__purges_free(&v->purges);
    secret_free(&v->locator_key);
    secret_free(&v->signing_key);
    (void)pthread_rwlock_destroy(&v->keys_lock);
    (void)pthread_mutex_destroy(&v->readers_lock);
    fd_close(&v->lock_fd);
    vault__time_done(&v->time);
    free(v->dir);
    free(v);
}

const uint8_t *vault_store_id(const struct vault *v)
{
    return slab_store_id(v->slab);
}

const char *vault_dir(const struct vault *v)
{
    return v->dir;
}

uint64_t vault_ledger_position(const struct vault *v, uint8_t ret_head[VAULT_HEAD_BYTES])
{
    return ledger_position(v->ledger, ret_head);
}

const char *vault_medium_risk(const struct vault *v)
{
    return v->risk[0] == '\0' ? NULL : v->risk;
}
