/* SPDX-License-Identifier: Apache-2.0 */
/* Writes the write-ahead log in large pieces: SQLite writes each page and the 24 bytes before it by a
 * call of its own, some 250 in a commit of a thousand rows, and that is a quarter of what the commit
 * costs on ext4. A layer over SQLite's own file layer ("VFS"), for connections that write.
 * Runs on: the thread that owns the connection. Holds: what the connection has appended to the log since
 * the last sync, in memory. Invariant: nothing is kept back over a sync, over a look at the log or over
 * the end of the write lock. With synchronous=FULL, as every connection of ours has it, a commit is told
 * to others only after its sync, so nobody looks for what is kept back here. Not here: the database
 * file itself; its writes pass straight through. */
#include "vault/store_sqlite_priv.h"

#include <string.h>

#include "base/mem.h"

/* SQLite's layer below writes at most 128 KiB in one call. */
enum { PIECE_BYTES = 28 * (24 + 4096) };

struct log_file {
    sqlite3_file base; /* first: SQLite knows no more of it */
    sqlite3_file *below;
    struct log_file *log; /* of a database: its log, while that is open */
    struct log_file *db;  /* of a log: its database */
    uint8_t *piece;       /* of a log: bytes to be written at `at` */
    int len;
    sqlite3_int64 at;
};

static sqlite3_vfs *below_all;

static struct log_file *log_file(sqlite3_file *file)
{
    return (struct log_file *)(void *)file;
}

static sqlite3_file *below(sqlite3_file *file)
{
    return log_file(file)->below;
}

static int write_out(struct log_file *f)
{
    const int len = f->len;

    f->len = 0;
    return len == 0 ? SQLITE_OK : f->below->pMethods->xWrite(f->below, f->piece, len, f->at);
}

/* ---- what is kept back, and when it is written ---- */

static int on_write(sqlite3_file *file, const void *bytes, int len, sqlite3_int64 at)
{
    struct log_file *f = log_file(file);

    if (f->db == NULL)
        return f->below->pMethods->xWrite(f->below, bytes, len, at);
    if (f->len > 0 && (at != f->at + f->len || len > PIECE_BYTES - f->len)) {
        int rc = write_out(f);

        if (rc != SQLITE_OK)
            return rc;
    }
    if (len > PIECE_BYTES)
        return f->below->pMethods->xWrite(f->below, bytes, len, at);
    if (f->piece == NULL)
        f->piece = mem_alloc(PIECE_BYTES);
    if (f->len == 0)
        f->at = at;
    memcpy(f->piece + f->len, bytes, (size_t)len);
    f->len += len;
    return SQLITE_OK;
}

static int on_read(sqlite3_file *file, void *to, int len, sqlite3_int64 at)
{
    int rc = write_out(log_file(file));

    return rc == SQLITE_OK ? below(file)->pMethods->xRead(below(file), to, len, at) : rc;
}

static int on_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    int rc = write_out(log_file(file));

    return rc == SQLITE_OK ? below(file)->pMethods->xTruncate(below(file), size) : rc;
}

static int on_sync(sqlite3_file *file, int flags)
{
    int rc = write_out(log_file(file));

    return rc == SQLITE_OK ? below(file)->pMethods->xSync(below(file), flags) : rc;
}

static int on_size(sqlite3_file *file, sqlite3_int64 *ret)
{
    int rc = write_out(log_file(file));

    return rc == SQLITE_OK ? below(file)->pMethods->xFileSize(below(file), ret) : rc;
}

/* Lock 0 is the right to write to the log. What a transaction that was undone has left here goes out
 * before somebody else may write in its place. */
static int on_shm_lock(sqlite3_file *file, int first, int count, int flags)
{
    struct log_file *log = log_file(file)->log;

    if (first == 0 && (flags & SQLITE_SHM_UNLOCK) != 0 && log != NULL)
        (void)write_out(log); /* it lies past the end of the log, and may as well be missing */
    return below(file)->pMethods->xShmLock(below(file), first, count, flags);
}

static int on_close(sqlite3_file *file)
{
    struct log_file *f = log_file(file);
    int rc = write_out(f);
    int closed = f->below->pMethods->xClose(f->below);

    if (f->db != NULL)
        f->db->log = NULL;
    if (f->log != NULL)
        f->log->db = NULL;
    free(f->piece);
    return rc == SQLITE_OK ? closed : rc;
}

/* ---- what passes straight through ---- */

static int on_lock(sqlite3_file *file, int level)
{
    return below(file)->pMethods->xLock(below(file), level);
}

static int on_unlock(sqlite3_file *file, int level)
{
    return below(file)->pMethods->xUnlock(below(file), level);
}

static int on_check_reserved(sqlite3_file *file, int *ret)
{
    return below(file)->pMethods->xCheckReservedLock(below(file), ret);
}

static int on_control(sqlite3_file *file, int which, void *argument)
{
    return below(file)->pMethods->xFileControl(below(file), which, argument);
}

static int on_sector_size(sqlite3_file *file)
{
    return below(file)->pMethods->xSectorSize(below(file));
}

static int on_characteristics(sqlite3_file *file)
{
    return below(file)->pMethods->xDeviceCharacteristics(below(file));
}

static int on_shm_map(sqlite3_file *file, int page, int size, int extend, void volatile **ret)
{
    return below(file)->pMethods->xShmMap(below(file), page, size, extend, ret);
}

static void on_shm_barrier(sqlite3_file *file)
{
    below(file)->pMethods->xShmBarrier(below(file));
}

static int on_shm_unmap(sqlite3_file *file, int remove)
{
    return below(file)->pMethods->xShmUnmap(below(file), remove);
}

static int on_fetch(sqlite3_file *file, sqlite3_int64 at, int len, void **ret)
{
    return below(file)->pMethods->xFetch(below(file), at, len, ret);
}

static int on_unfetch(sqlite3_file *file, sqlite3_int64 at, void *page)
{
    return below(file)->pMethods->xUnfetch(below(file), at, page);
}

static const sqlite3_io_methods methods = {
    .iVersion = 3,
    .xClose = on_close,
    .xRead = on_read,
    .xWrite = on_write,
    .xTruncate = on_truncate,
    .xSync = on_sync,
    .xFileSize = on_size,
    .xLock = on_lock,
    .xUnlock = on_unlock,
    .xCheckReservedLock = on_check_reserved,
    .xFileControl = on_control,
    .xSectorSize = on_sector_size,
    .xDeviceCharacteristics = on_characteristics,
    .xShmMap = on_shm_map,
    .xShmLock = on_shm_lock,
    .xShmBarrier = on_shm_barrier,
    .xShmUnmap = on_shm_unmap,
    .xFetch = on_fetch,
    .xUnfetch = on_unfetch,
};

/* ---- opening ---- */

/* A file that is neither a database nor a log is opened by the layer below, as if this were not here. */
static int on_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
                   int *ret_flags)
{
    struct log_file *f = log_file(file);
    int rc;

    (void)vfs;
    if ((flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL)) == 0)
        return below_all->xOpen(below_all, name, file, flags, ret_flags);
    *f = (struct log_file){.below = (sqlite3_file *)(void *)(f + 1)};
    rc = below_all->xOpen(below_all, name, f->below, flags, ret_flags);
    if (f->below->pMethods == NULL)
        return rc; /* there is nothing to close */
    f->base.pMethods = &methods;
    if ((flags & SQLITE_OPEN_WAL) != 0) {
        f->db = log_file(sqlite3_database_file_object(name));
        f->db->log = f;
    }
    return rc;
}

const char *store__log_layer(void)
{
    static sqlite3_vfs layer;

    below_all = sqlite3_vfs_find(NULL);
    layer = *below_all;
    layer.zName = "lethe-log";
    layer.szOsFile = (int)sizeof(struct log_file) + below_all->szOsFile;
    layer.xOpen = on_open;
    REQUIRE(sqlite3_vfs_register(&layer, 0) == SQLITE_OK);
    return layer.zName;
}
