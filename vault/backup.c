/* SPDX-License-Identifier: Apache-2.0 */
/* A backup of a store in use: the data first, then the keys, so that no row is without its key.
 * Runs on: a worker thread or the command line; blocks. Holds: nothing after it returns. Invariant:
 * what a restore takes is whole and durable before it has its name. Not here: restoring (restore.c).
 *
 *   snapshot copied, checked, synced -> keys copied, synced -> keys published (backup_keys.c)
 *     -> vault-TIME.json, vault-TIME.db get their names */
#include "vault/backup_priv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/period.h"
#include "base/secret.h"
#include "vault/file_priv.h"
#include "vault/slab_format_priv.h"
#include "version.h"

#define PART ".part"

struct job {
    struct vault *v;
    char *store_dir, *data_dir, *keys_dir; /* without links in them */
    char *db, *db_part, *json, *json_part;
    struct manifest data, keys;
};

static void job_done(struct job *j)
{
    free(j->store_dir);
    free(j->data_dir);
    free(j->keys_dir);
    free(j->db);
    free(j->db_part);
    free(j->json);
    free(j->json_part);
}

static bool is_stopped(const void *context)
{
    const struct vault *v = context;

    return atomic_load(&v->backup_stop);
}

void vault_backup_stop(struct vault *v)
{
    atomic_store(&v->backup_stop, true);
}

void vault__backup_time(char out[MANIFEST_TIME_BYTES])
{
    period_format_instant(clock_now_s(), out);
}

/* ---- the directories ---- */

static enum err open_dir(const char *dir, char **ret_real, struct errmsg *msg)
{
    if (mkdir(dir, 0700) != 0 && errno != EEXIST)
        return errmsg_set(msg, ERR_IO, "%s: cannot be made: %s", dir, strerror(errno));
    *ret_real = realpath(dir, NULL);
    if (*ret_real == NULL)
        return errmsg_set(msg, ERR_IO, "%s: %s", dir, strerror(errno));
    return ERR_OK;
}

/* Is `inner` the directory `outer`, or somewhere in it? Both without links. */
static bool is_within(const char *inner, const char *outer)
{
    size_t len = strlen(outer);

    return strncmp(inner, outer, len) == 0 &&
           (inner[len] == '\0' || inner[len] == '/' || outer[len - 1] == '/');
}

static bool touch(const char *a, const char *b)
{
    return is_within(a, b) || is_within(b, a);
}

static enum err check_dirs(const struct job *j, struct errmsg *msg)
{
    if (touch(j->data_dir, j->keys_dir))
        return errmsg_set(msg, ERR_INVALID,
                          "%s and %s: data and keys must go to different places, neither inside "
                          "the other: together they are a copy that no erasure reaches",
                          j->data_dir, j->keys_dir);
    if (touch(j->data_dir, j->store_dir) || touch(j->keys_dir, j->store_dir))
        return errmsg_set(msg, ERR_INVALID, "%s: a backup must not go into the store (%s)",
                          touch(j->data_dir, j->store_dir) ? j->data_dir : j->keys_dir,
                          j->store_dir);
    return ERR_OK;
}

/* Parts that backups left which were killed; one that is being written is locked. */
static void remove_parts(const char *data_dir)
{
    DIR *dir = opendir(data_dir);
    const struct dirent *entry;

    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        const size_t len = strlen(entry->d_name), end = strlen(PART);
        AUTO(fd_close) int fd = -1;

        if (strncmp(entry->d_name, ".vault-", 7) != 0 || len < end ||
            strcmp(entry->d_name + len - end, PART) != 0)
            continue;
        fd = openat(dirfd(dir), entry->d_name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
        if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
            (void)unlinkat(dirfd(dir), entry->d_name, 0);
    }
    if (dir != NULL)
        (void)closedir(dir);
}

static char *data_path(const struct job *j, const char *before, const char *stamp,
                       const char *after)
{
    char *path = NULL;

    REQUIRE(asprintf(&path, "%s/%s%s%s", j->data_dir, before, stamp, after) > 0);
    return path;
}

/* "2026-11-24T18:36:22Z" -> vault-20261124T183622Z.db */
static enum err name_files(struct job *j, struct errmsg *msg)
{
    char stamp[MANIFEST_TIME_BYTES];
    size_t n = 0;

    for (const char *c = j->data.time; *c != '\0'; c++)
        if (*c != '-' && *c != ':')
            stamp[n++] = *c;
    stamp[n] = '\0';
    (void)snprintf(j->data.file, sizeof(j->data.file), "vault-%s.db", stamp);
    j->db = data_path(j, "vault-", stamp, ".db");
    j->json = data_path(j, "vault-", stamp, ".json");
    j->db_part = data_path(j, ".vault-", stamp, ".db" PART);
    j->json_part = data_path(j, ".vault-", stamp, ".json" PART);
    if (access(j->db, F_OK) == 0 || access(j->json, F_OK) == 0)
        return errmsg_set(msg, ERR_CONFLICT, "%s: is there already; a backup a second at most",
                          j->db);
    return ERR_OK;
}

/* ---- the data ---- */

/* The slots and rows that the snapshot can name lie below what the slab says after it began. */
static enum err take_marks(const struct vault *v, struct manifest *m)
{
    uint8_t both[SLAB_HEADER_BYTES];
    size_t got = 0;
    struct slab_header header;
    enum err e = slab_bytes(v->slab, 0, both, sizeof(both), &got);

    if (e != ERR_OK || got < sizeof(both) || !slab_header_newer(both, &header))
        return e == ERR_OK ? ERR_CORRUPT : e;
    m->epoch = header.epoch;
    m->rows = header.rows;
    m->slots = slab_slots_used(v->slab);
    return ERR_OK;
}

static enum err copy_snapshot(struct job *j, int fd)
{
    AUTO(mem_free) char *path = vault__path(j->v->dir, VAULT_DB);
    AUTO(store_close) struct store *s = NULL;
    enum err e = store_open(path, STORE_READER, slab_store_id(j->v->slab), &s, NULL);

    if (e != ERR_OK)
        return e;
    e = store_snapshot_begin(s);
    if (e == ERR_OK)
        e = take_marks(j->v, &j->data);
    if (e == ERR_OK)
        e = store_copy(s, j->db_part, fd, is_stopped, j->v);
    store_snapshot_end(s);
    return e;
}

static enum err copy_data(struct job *j, struct errmsg *msg)
{
    AUTO(fd_close)
    int fd = open(j->db_part, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    enum err e;

    if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) != 0)
        return errmsg_set(msg, ERR_IO, "%s: cannot be made: %s", j->db_part, strerror(errno));
    e = copy_snapshot(j, fd);
    if (e == ERR_OK)
        e = vault__file_sync(fd);
    if (e != ERR_OK)
        return errmsg_set(msg, e, "%s: cannot be copied: %s", j->db_part, err_text(e));
    FAULT_POINT("backup.data_copied");
    e = store_check(j->db_part, is_stopped, j->v);
    if (e == ERR_CORRUPT)
        return errmsg_set(msg, e,
                          "%s/" VAULT_DB
                          ": is damaged: its copy does not pass the check. No backup "
                          "was made; older ones may be sound",
                          j->v->dir);
    if (e == ERR_OK)
        e = vault__file_digest(j->db_part, j->data.sha256, &j->data.bytes);
    return e == ERR_OK ? e : errmsg_set(msg, e, "%s: %s", j->db_part, err_text(e));
}

static enum err publish_data(const struct job *j, struct errmsg *msg)
{
    enum err e = manifest_write(j->json_part, &j->data, j->v);

    if (e == ERR_OK && rename(j->json_part, j->json) != 0)
        e = ERR_IO;
    FAULT_POINT("backup.data_noted");
    if (e == ERR_OK && rename(j->db_part, j->db) != 0)
        e = ERR_IO;
    if (e == ERR_OK)
        e = vault__folder_sync(j->db);
    FAULT_POINT("backup.data_placed");
    return e == ERR_OK ? e : errmsg_set(msg, e, "%s: cannot be written: %s", j->db, err_text(e));
}

/* ---- together ---- */

static enum err prepare(struct job *j, const char *data_dir, const char *keys_dir,
                        struct errmsg *msg)
{
    enum err e = ERR_OK;

    j->store_dir = realpath(j->v->dir, NULL);
    if (j->store_dir == NULL)
        e = errmsg_set(msg, ERR_IO, "%s: %s", j->v->dir, strerror(errno));
    if (e == ERR_OK)
        e = open_dir(data_dir, &j->data_dir, msg);
    if (e == ERR_OK)
        e = open_dir(keys_dir, &j->keys_dir, msg);
    if (e == ERR_OK)
        e = check_dirs(j, msg);
    if (e == ERR_OK)
        e = vault__keys_tidy(j->keys_dir, slab_store_id(j->v->slab), msg);
    if (e != ERR_OK)
        return e;
    remove_parts(j->data_dir);
    vault__backup_time(j->data.time);
    return name_files(j, msg);
}

/* What both manifests say. */
static void describe(struct job *j)
{
    struct manifest *m = &j->data;

    m->part = MANIFEST_DATA;
    memcpy(m->store, slab_store_id(j->v->slab), VAULT_ID_BYTES);
    secret_random(m->backup, VAULT_ID_BYTES);
    (void)snprintf(m->version, sizeof(m->version), "%s", LETHE_VERSION);
    j->keys.part = MANIFEST_KEYS;
    memcpy(j->keys.store, m->store, VAULT_ID_BYTES);
    memcpy(j->keys.backup, m->backup, VAULT_ID_BYTES);
    memcpy(j->keys.time, m->time, sizeof(m->time));
    memcpy(j->keys.version, m->version, sizeof(m->version));
    (void)snprintf(j->keys.file, sizeof(j->keys.file), "%s", BACKUP_KEYS);
}

static enum err run(struct job *j, struct errmsg *msg)
{
    enum err e;

    describe(j);
    e = copy_data(j, msg);
    if (e == ERR_OK)
        e = vault__audit_backup(j->v, j->data_dir, msg);
    if (e == ERR_OK)
        e = vault__keys_copy(j->v, j->keys_dir, &j->keys, msg);
    if (e != ERR_OK)
        return e;
    FAULT_POINT("backup.keys_copied");
    /* As late as can be: the longer the ledger must be, the more a restore notices. */
    j->data.entries = ledger_position(j->v->ledger, j->data.head);
    j->keys.entries = j->data.entries;
    memcpy(j->keys.head, j->data.head, CRYPTO_HASH_BYTES);
    e = vault__keys_publish(j->v, j->keys_dir, &j->keys, msg);
    return e == ERR_OK ? publish_data(j, msg) : e;
}

static void give(struct job *j, struct vault_backup *ret)
{
    struct stat a, b;

    *ret = (struct vault_backup){
        .keys_file = vault__path(j->keys_dir, BACKUP_KEYS),
        .data_bytes = j->data.bytes,
        .keys_bytes = j->keys.bytes,
        .ledger_entries = j->data.entries,
        .epoch = j->keys.epoch,
        .same_file_system =
            stat(j->data_dir, &a) == 0 && stat(j->keys_dir, &b) == 0 && a.st_dev == b.st_dev,
    };
    ret->data_file = TAKE(j->db);
    memcpy(ret->id, j->data.backup, VAULT_ID_BYTES);
    memcpy(ret->time, j->data.time, sizeof(ret->time));
}

enum err vault_backup(struct vault *v, const char *data_dir, const char *keys_dir,
                      struct vault_backup *ret, struct errmsg *msg)
{
    AUTO(job_done) struct job j = {.v = v};
    enum err e;

    if (atomic_load(&v->failed))
        return errmsg_set(msg, ERR_IO, "%s: a write has failed; restart Lethe first", v->dir);
    if (vault_is_sealed(v))
        return errmsg_set(msg, ERR_SEALED, "%s: the vault is sealed", v->dir);
    if (atomic_exchange(&v->backing_up, true))
        return errmsg_set(msg, ERR_BUSY, "another backup is running");
    e = prepare(&j, data_dir, keys_dir, msg);
    if (e == ERR_OK)
        e = run(&j, msg);
    if (e != ERR_OK && j.db_part != NULL) {
        (void)unlink(j.db_part);
        (void)unlink(j.json_part);
    }
    atomic_store(&v->backing_up, false);
    if (e == ERR_OK)
        give(&j, ret);
    return e;
}

void vault_backup_done(struct vault_backup *backup)
{
    mem_free(&backup->data_file);
    mem_free(&backup->keys_file);
}
