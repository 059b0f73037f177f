/* SPDX-License-Identifier: Apache-2.0 */
/* Copies of the database while it is written to, and looking whether a copy is sound.
 * Runs on: a worker's connection of its own; blocks long. Holds: nothing. Invariant: a copy is one
 * state of the database, whatever is committed meanwhile. Not here: names of files, manifests. */
#include "vault/store_sqlite_priv.h"

#include <stdio.h>
#include <string.h>

#include "base/effort.h"
#include "base/fault.h"
#include "vault/file_priv.h"

enum {
    STEP_PAGES = 512,      /* 2 MiB between two looks whether to stop */
    STEPS_PER_SYNC = 16,   /* 32 MiB that the medium may have to write at once */
    CHECK_STEPS = 1 << 20, /* of SQLite's machine, between two looks */
    URI_MAX = 3 * 4096 + 64
};

enum err store_snapshot_begin(struct store *s)
{
    int64_t seq;
    enum err e = store__exec(s, "BEGIN", 0);

    /* A transaction begins to see one state at its first look. */
    return e == ERR_OK ? store_meta_int(s, STORE_META_LEDGER_SEQ, &seq) : e;
}

void store_snapshot_end(struct store *s)
{
    store_rollback(s);
}

static void close_db(sqlite3 **db)
{
    (void)sqlite3_close(*db);
    *db = NULL;
}

static enum err copy_pages(struct store *s, sqlite3_backup *backup, int fd,
                           bool (*stop)(const void *context), const void *context)
{
    for (unsigned step = 1;; step++) {
        int rc = FAULT_FAILS("copy.fail") ? SQLITE_IOERR : sqlite3_backup_step(backup, STEP_PAGES);

        if (rc != SQLITE_OK && rc != SQLITE_DONE)
            return store__error(s, rc);
        effort_set(EFFORT_BACKUP,
                   (uint64_t)(sqlite3_backup_pagecount(backup) - sqlite3_backup_remaining(backup)),
                   (uint64_t)sqlite3_backup_pagecount(backup));
        FAULT_POINT("backup.copying");
        if (stop(context))
            return ERR_CANCELED;
        if (rc == SQLITE_DONE)
            return ERR_OK;
        if (step % STEPS_PER_SYNC == 0 && vault__file_sync(fd) != ERR_OK)
            return ERR_IO;
    }
}

enum err store_copy(struct store *s, const char *to, int fd, bool (*stop)(const void *context),
                    const void *context)
{
    AUTO(close_db) sqlite3 *copy = NULL;
    sqlite3_backup *backup;
    enum err e;
    int rc;

    rc = sqlite3_open_v2(to, &copy,
                         SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
    if (rc == SQLITE_OK) /* a copy that is not finished is thrown away: no journal */
        rc =
            sqlite3_exec(copy, "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF", NULL, NULL, NULL);
    if (rc != SQLITE_OK)
        return store__error(s, rc);
    backup = sqlite3_backup_init(copy, "main", s->db, "main");
    if (backup == NULL)
        return store__error(s, sqlite3_errcode(copy));
    e = copy_pages(s, backup, fd, stop, context);
    rc = sqlite3_backup_finish(backup);
    return e == ERR_OK && rc != SQLITE_OK ? store__error(s, rc) : e;
}

/* "file:PATH?immutable=1": without locks, log or index beside it. */
static bool make_uri(const char *path, char *out, size_t size)
{
    static const char safe[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._/";
    size_t n = (size_t)snprintf(out, size, "file:");

    for (; *path != '\0' && n + 20 < size; path++)
        n += (size_t)snprintf(out + n, size - n, strchr(safe, *path) != NULL ? "%c" : "%%%02X",
                              (unsigned char)*path);
    (void)snprintf(out + n, size - n, "?immutable=1");
    return *path == '\0';
}

struct stopping {
    bool (*stop)(const void *context);
    const void *context;
};

static int on_progress(void *context)
{
    const struct stopping *s = context;

    return s->stop(s->context) ? 1 : 0;
}

static int on_verdict(void *context, int columns, char **values, char **names)
{
    bool *sound = context;

    (void)names;
    *sound = columns == 1 && values[0] != NULL && strcmp(values[0], "ok") == 0;
    return 0;
}

enum err store_check(const char *path, bool (*stop)(const void *context), const void *context)
{
    struct stopping stopping = {stop, context};
    AUTO(close_db) sqlite3 *db = NULL;
    char uri[URI_MAX];
    bool sound = false;
    int rc;

    if (!make_uri(path, uri, sizeof(uri)))
        return ERR_IO;
    rc = sqlite3_open_v2(uri, &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_URI,
                         NULL);
    if (rc == SQLITE_OK) {
        sqlite3_progress_handler(db, CHECK_STEPS, on_progress, &stopping);
        rc = sqlite3_exec(db, "PRAGMA quick_check(1)", on_verdict, &sound, NULL);
    }
    if (rc == SQLITE_INTERRUPT)
        return ERR_CANCELED;
    return rc == SQLITE_OK && sound ? ERR_OK : ERR_CORRUPT;
}
