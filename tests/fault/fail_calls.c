/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that fail on command.
 * Runs on: any thread. Holds: one counter. The functions below stand before the C library's in
 * this program, and so before SQLite's too, which calls them by name. */
#include "tests/fault/fail_calls.h"

#include <dlfcn.h>
#include <errno.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/types.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/mem.h"

/* A medium writes whole sectors: that slots and header copies do not straddle one is relied on. */
enum { SECTOR = 512 };

static atomic_int wanted; /* enum fail_kind */
static atomic_uint_fast64_t calls;
static atomic_uint_fast64_t first;
static atomic_uint_fast64_t last;

static const char *const names[FAIL_KIND_COUNT] = {
    [FAIL_NOTHING] = "nothing",
    [FAIL_WRITE_IO] = "write: EIO",
    [FAIL_WRITE_SPACE] = "write: ENOSPC",
    [FAIL_WRITE_SHORT] = "write: cut short",
    [FAIL_SYNC] = "sync: EIO",
    [FAIL_TRUNCATE] = "truncate: EIO",
    [FAIL_SQL_MEMORY] = "SQLite: memory",
    [FAIL_MEMORY] = "memory",
};

const char *fail_kind_name(enum fail_kind kind)
{
    return names[kind];
}

void fail_calls_set(enum fail_kind kind, uint64_t n, uint64_t times)
{
    atomic_store(&wanted, FAIL_NOTHING);
    atomic_store(&calls, 0);
    atomic_store(&first, n);
    atomic_store(&last, n + times - 1);
    atomic_store(&wanted, (int)kind);
}

bool fail_calls_fired(void)
{
    return atomic_load(&calls) >= atomic_load(&first);
}

/* Count a call of this kind; is it one that fails? */
static bool fails(enum fail_kind kind)
{
    uint64_t n;

    if (atomic_load(&wanted) != (int)kind)
        return false;
    n = atomic_fetch_add(&calls, 1) + 1;
    return n >= atomic_load(&first) && n <= atomic_load(&last);
}

/* The definition that ours hides. */
static void *hidden(const char *name)
{
    void *found = dlsym(RTLD_NEXT, name);

    REQUIRE(found != NULL);
    return found;
}

/* ---- files ---- */

ssize_t pwrite64(int fd, const void *bytes, size_t len, off64_t at)
{
    static ssize_t (*real)(int, const void *, size_t, off64_t);

    if (real == NULL)
        real = (ssize_t(*)(int, const void *, size_t, off64_t))hidden("pwrite64");
    if (fails(FAIL_WRITE_IO)) {
        errno = EIO;
        return -1;
    }
    if (fails(FAIL_WRITE_SPACE)) {
        errno = ENOSPC;
        return -1;
    }
    if (fails(FAIL_WRITE_SHORT)) {
        const off64_t cut = (at + (off64_t)len / 2) / SECTOR * SECTOR;

        if (cut > at)
            (void)!real(fd, bytes, (size_t)(cut - at), at);
        errno = ENOSPC;
        return -1;
    }
    return real(fd, bytes, len, at);
}

ssize_t pwrite(int fd, const void *bytes, size_t len, off_t at)
{
    return pwrite64(fd, bytes, len, at);
}

int fsync(int fd)
{
    static int (*real)(int);

    if (real == NULL)
        real = (int (*)(int))hidden("fsync");
    if (fails(FAIL_SYNC)) {
        errno = EIO;
        return -1;
    }
    return real(fd);
}

int fdatasync(int fd)
{
    static int (*real)(int);

    if (real == NULL)
        real = (int (*)(int))hidden("fdatasync");
    if (fails(FAIL_SYNC)) {
        errno = EIO;
        return -1;
    }
    return real(fd);
}

int ftruncate64(int fd, off64_t len)
{
    static int (*real)(int, off64_t);

    if (real == NULL)
        real = (int (*)(int, off64_t))hidden("ftruncate64");
    if (fails(FAIL_TRUNCATE)) {
        errno = EIO;
        return -1;
    }
    return real(fd, len);
}

int ftruncate(int fd, off_t len)
{
    return ftruncate64(fd, len);
}

/* ---- SQLite's memory ---- */

static sqlite3_mem_methods kept;

static void *sql_malloc(int size)
{
    return fails(FAIL_SQL_MEMORY) ? NULL : kept.xMalloc(size);
}

static void *sql_realloc(void *old, int size)
{
    return fails(FAIL_SQL_MEMORY) ? NULL : kept.xRealloc(old, size);
}

void fail_calls_start(void)
{
    sqlite3_mem_methods ours;

    REQUIRE(sqlite3_config(SQLITE_CONFIG_GETMALLOC, &kept) == SQLITE_OK);
    ours = kept;
    ours.xMalloc = sql_malloc;
    ours.xRealloc = sql_realloc;
    REQUIRE(sqlite3_config(SQLITE_CONFIG_MALLOC, &ours) == SQLITE_OK);
}
