/* SPDX-License-Identifier: Apache-2.0 */
/* Putting a backup back, step by step, so that it can be killed after each.
 * Runs on: the command line's thread; blocks. Holds: the store's lock. Invariant: the marker is there
 * from the first change of the store to the last; what is replaced is kept until the new store has
 * opened and caught up with the ledger. Not here: what is checked (restore_check.c), catching up
 * (replay.c).
 *
 *   copies staged and checked -> marker -> old files aside, new ones in place -> opened: ledger replayed,
 *     RESTORED appended -> old keys overwritten, old files removed -> marker removed */
#include "vault/restore_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "vault/file_priv.h"

static const char *const db_companions[] = {VAULT_DB "-wal", VAULT_DB "-shm"};

static void job_done(struct restore *j)
{
    fd_close(&j->lock_fd);
    slab_close(&j->slab);
    ledger_close(&j->ledger);
}

bool vault__restore_has(const struct restore *j, const char *name)
{
    AUTO(mem_free) char *path = vault__path(j->dir, name);
    struct stat st;

    return lstat(path, &st) == 0;
}

/* ---- single files of the store ---- */

static enum err move(const struct restore *j, const char *from, const char *to)
{
    AUTO(mem_free) char *old = vault__path(j->dir, from);
    AUTO(mem_free) char *new = vault__path(j->dir, to);

    return rename(old, new) == 0 || errno == ENOENT ? ERR_OK : ERR_IO;
}

static enum err discard(const struct restore *j, const char *name)
{
    AUTO(mem_free) char *path = vault__path(j->dir, name);

    return unlink(path) == 0 || errno == ENOENT ? ERR_OK : ERR_IO;
}

static enum err wipe(const struct restore *j, const char *name)
{
    AUTO(mem_free) char *path = vault__path(j->dir, name);

    return vault__file_wipe(path);
}

static enum err sync_dir(const struct restore *j)
{
    AUTO(mem_free) char *path = vault__path(j->dir, VAULT_DB);

    return vault__folder_sync(path);
}

static enum err discard_db(const struct restore *j)
{
    enum err e = ERR_OK;

    for (size_t i = 0; e == ERR_OK && i < COUNT_OF(db_companions); i++)
        e = discard(j, db_companions[i]);
    return e == ERR_OK ? discard(j, VAULT_DB) : e;
}

static enum err clear_staged(const struct restore *j)
{
    enum err e = wipe(j, RESTORE_SLAB);

    if (e == ERR_OK)
        e = discard(j, RESTORE_DB);
    return e == ERR_OK ? discard(j, RESTORE_LEDGER) : e;
}

/* ---- the marker ---- */

static enum err set_marker(const struct restore *j)
{
    static const char text[] =
        "A restore is under way or was stopped: run `lethe restore` again.\n";
    AUTO(mem_free) char *path = vault__path(j->dir, VAULT_RESTORING);
    AUTO(fd_close) int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    enum err e = fd < 0 ? ERR_IO : vault__file_write(fd, text, sizeof(text) - 1, 0);

    if (e == ERR_OK)
        e = vault__file_sync(fd);
    return e == ERR_OK ? sync_dir(j) : e;
}

static enum err remove_marker(const struct restore *j)
{
    enum err e = sync_dir(j);

    if (e == ERR_OK)
        e = discard(j, VAULT_RESTORING);
    return e == ERR_OK ? sync_dir(j) : e;
}

/* ---- old out, new in, and back ---- */

/* A file that is in place while the one before is aside came with a restore that was stopped. The log
 * goes first: until the database itself has moved nothing of the old one is lost. */
static enum err put_db_aside(const struct restore *j)
{
    enum err e;

    if (vault__restore_has(j, VAULT_DB RESTORE_ASIDE))
        return discard_db(j);
    e = move(j, VAULT_DB "-wal", VAULT_DB RESTORE_ASIDE "-wal");
    FAULT_POINT("restore.log_aside");
    if (e == ERR_OK)
        e = move(j, VAULT_DB, VAULT_DB RESTORE_ASIDE);
    FAULT_POINT("restore.data_aside");
    return e == ERR_OK ? discard_db(j) : e;
}

static enum err put_keys_aside(const struct restore *j)
{
    if (vault__restore_has(j, VAULT_SLAB RESTORE_ASIDE))
        return wipe(j, VAULT_SLAB);
    return move(j, VAULT_SLAB, VAULT_SLAB RESTORE_ASIDE);
}

static enum err put_in_place(const struct restore *j)
{
    enum err e = put_db_aside(j);

    if (e == ERR_OK)
        e = put_keys_aside(j);
    FAULT_POINT("restore.keys_aside");
    if (e == ERR_OK)
        e = sync_dir(j);
    if (e == ERR_OK)
        e = move(j, RESTORE_LEDGER, VAULT_LEDGER);
    FAULT_POINT("restore.ledger_placed");
    if (e == ERR_OK)
        e = move(j, RESTORE_SLAB, VAULT_SLAB);
    FAULT_POINT("restore.keys_placed");
    if (e == ERR_OK)
        e = move(j, RESTORE_DB, VAULT_DB);
    FAULT_POINT("restore.data_placed");
    return e == ERR_OK ? sync_dir(j) : e;
}

/* The store as it was before; only what has a name aside was there. */
static enum err put_back(const struct restore *j)
{
    enum err e = discard_db(j);

    if (e == ERR_OK)
        e = wipe(j, VAULT_SLAB);
    if (e == ERR_OK)
        e = move(j, VAULT_DB RESTORE_ASIDE "-wal", VAULT_DB "-wal");
    if (e == ERR_OK)
        e = move(j, VAULT_DB RESTORE_ASIDE, VAULT_DB);
    if (e == ERR_OK)
        e = discard(j, VAULT_DB RESTORE_ASIDE "-shm"); /* of a look into it */
    if (e == ERR_OK)
        e = move(j, VAULT_SLAB RESTORE_ASIDE, VAULT_SLAB);
    return e == ERR_OK ? clear_staged(j) : e;
}

static enum err remove_old(const struct restore *j)
{
    enum err e = wipe(j, VAULT_SLAB RESTORE_ASIDE);

    FAULT_POINT("restore.old_keys_wiped");
    if (e == ERR_OK)
        e = discard(j, VAULT_DB RESTORE_ASIDE "-shm");
    if (e == ERR_OK)
        e = discard(j, VAULT_DB RESTORE_ASIDE "-wal");
    return e == ERR_OK ? discard(j, VAULT_DB RESTORE_ASIDE) : e;
}

/* ---- the steps ---- */

static enum err prepare(struct restore *j, struct errmsg *msg)
{
    enum err e;

    if (mkdir(j->dir, 0700) != 0 && errno != EEXIST)
        return errmsg_set(msg, ERR_IO, "%s: cannot be made: %s", j->dir, strerror(errno));
    e = vault__lock(j->dir, true, &j->lock_fd, msg);
    if (e != ERR_OK)
        return e;
    if (!j->options->replace && !vault__restore_has(j, VAULT_RESTORING))
        for (size_t i = 0; i < RESTORE_TARGETS; i++)
            if (vault__restore_has(j, vault__restore_targets[i]))
                return errmsg_set(msg, ERR_CONFLICT,
                                  "%s/%s: is there already; --replace puts the backup in its place",
                                  j->dir, vault__restore_targets[i]);
    return clear_staged(j) == ERR_OK
               ? ERR_OK
               : errmsg_set(msg, ERR_IO, "%s: what an earlier restore left cannot be cleared away",
                            j->dir);
}

/* Open what was put in place: that carries the ledger out. */
static enum err catch_up(const struct restore *j, struct vault_restored *ret, struct errmsg *msg)
{
    struct ledger_record record = {
        .kind = LEDGER_RESTORED, .time_ms = clock_now_ms(), .slot = j->data.entries};
    struct vault *v = NULL;
    enum err e;

    memcpy(record.erasure, j->data.backup, VAULT_ID_BYTES);
    e = vault__open_locked(&j->options->store, j->lock_fd, &record, &v, msg);
    if (e != ERR_OK)
        return e;
    FAULT_POINT("restore.replayed");
    ret->ledger_entries = ledger_seq(v->ledger);
    vault_close(&v);
    return ERR_OK;
}

static enum err change(struct restore *j, struct vault_restored *ret, struct errmsg *msg)
{
    enum err e = vault__audit_restore(j->options->data_file, slab_store_id(j->slab), j->dir, msg);

    if (e != ERR_OK)
        return e;
    e = set_marker(j);
    FAULT_POINT("restore.marked");
    if (e == ERR_OK)
        e = put_in_place(j);
    if (e != ERR_OK)
        return errmsg_set(msg, e, "%s: files cannot be put in place: %s", j->dir, err_text(e));
    slab_close(&j->slab); /* of files that have other names now */
    ledger_close(&j->ledger);
    e = catch_up(j, ret, msg);
    if (e != ERR_OK && put_back(j) == ERR_OK)
        (void)remove_marker(j);
    if (e != ERR_OK)
        return e;
    e = remove_old(j);
    FAULT_POINT("restore.old_removed");
    if (e == ERR_OK)
        e = remove_marker(j);
    return e == ERR_OK
               ? e
               : errmsg_set(msg, e,
                            "%s: the old files cannot be removed; run `lethe restore` again",
                            j->dir);
}

enum err vault_restore(const struct vault_restore_options *options, struct vault_restored *ret,
                       struct errmsg *msg)
{
    AUTO(job_done)
    struct restore j = {.options = options, .dir = options->store.dir, .lock_fd = -1};
    struct vault_restored done = {.ledger_entries = 0};
    enum err e = prepare(&j, msg);

    if (e != ERR_OK)
        return e;
    e = vault__restore_check(&j, &done.erasures, msg);
    if (e != ERR_OK) {
        enum err cleared = clear_staged(&j); /* if not: the next restore does */

        (void)cleared;
        return e;
    }
    FAULT_POINT("restore.staged");
    e = change(&j, &done, msg);
    if (e != ERR_OK)
        return e;
    memcpy(done.data_time, j.data.time, sizeof(done.data_time));
    memcpy(done.keys_time, j.keys.time, sizeof(done.keys_time));
    done.data_entries = j.data.entries;
    *ret = done;
    return ERR_OK;
}
