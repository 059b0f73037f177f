/* SPDX-License-Identifier: Apache-2.0 */
/* The ledger's mirror.
 * Runs on: the thread that opens the vault, then the writer; blocks. Holds: one file. Invariant: it is
 * the beginning of the ledger, or nobody is served. Not here: whether the ledger itself is whole. */
#include "vault/mirror_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/mem.h"
#include "vault/file_priv.h"

enum { RUN_BYTES = 64 << 10 };

struct mirror {
    int fd;
};

/* ---- comparing ---- */

struct length {
    uint64_t common; /* bytes that both have alike, in whole records */
    uint64_t mirror; /* bytes of the mirror, without a tail that was never acknowledged */
};

static uint64_t alike(const uint8_t *a, const uint8_t *b, size_t len)
{
    size_t n = 0;

    while (n + LEDGER_RECORD_BYTES <= len && memcmp(a + n, b + n, LEDGER_RECORD_BYTES) == 0)
        n += LEDGER_RECORD_BYTES;
    return n;
}

/* The end of the mirror: whole records, and no zeroes that a crash left. */
static enum err find_end(int fd, uint64_t *ret)
{
    uint8_t record[LEDGER_RECORD_BYTES];
    uint64_t end;
    struct stat st;

    if (fstat(fd, &st) != 0)
        return ERR_IO;
    for (end = (uint64_t)st.st_size / LEDGER_RECORD_BYTES * LEDGER_RECORD_BYTES; end > 0;
         end -= LEDGER_RECORD_BYTES) {
        size_t got = 0;

        if (vault__file_read(fd, record, sizeof(record), end - sizeof(record), &got) != ERR_OK)
            return ERR_IO;
        if (record[0] != 0)
            break;
    }
    *ret = end;
    return ERR_OK;
}

static enum err measure(int fd, const struct ledger *l, struct length *ret)
{
    const uint64_t ledger = ledger_seq(l) * LEDGER_RECORD_BYTES;
    AUTO(mem_free) uint8_t *runs = mem_alloc((size_t)2 * RUN_BYTES);
    struct length length = {0, 0};
    enum err e = find_end(fd, &length.mirror);
    const uint64_t both = length.mirror < ledger ? length.mirror : ledger;

    while (e == ERR_OK && length.common < both) {
        const uint64_t left = both - length.common;
        const size_t want = left < RUN_BYTES ? (size_t)left : RUN_BYTES;
        size_t got = 0;
        uint64_t n;

        e = vault__file_read(fd, runs, want, length.common, &got);
        if (e == ERR_OK)
            e = ledger_bytes(l, length.common, runs + RUN_BYTES, want);
        if (e != ERR_OK)
            break;
        n = alike(runs, runs + RUN_BYTES, got);
        length.common += n;
        if (n < want)
            break;
    }
    *ret = length;
    return e;
}

static enum err judge(const char *path, const struct ledger *l, const char *name,
                      const struct length *length, struct errmsg *msg)
{
    const uint64_t entries = ledger_seq(l);
    const uint64_t mirrored = length->mirror / LEDGER_RECORD_BYTES;
    const uint64_t common = length->common / LEDGER_RECORD_BYTES;

    if (common < mirrored && common < entries)
        return errmsg_set(msg, ERR_CORRUPT,
                          "%s and %s differ from entry %llu on: they are not of one store, or one "
                          "was altered. Put the live ledger back where it was exchanged",
                          name, path, (unsigned long long)common + 1);
    if (mirrored > entries)
        return errmsg_set(msg, ERR_CORRUPT,
                          "%s: ends at entry %llu, but %s has %llu: erasures among entries "
                          "%llu..%llu would be undone. Put the live ledger back (the longer one is "
                          "a whole copy of it: cp %s LEDGER)",
                          name, (unsigned long long)entries, path, (unsigned long long)mirrored,
                          (unsigned long long)entries + 1, (unsigned long long)mirrored, path);
    return ERR_OK;
}

static enum err open_and_judge(const char *path, int flags, const struct ledger *l,
                               const char *name, int *ret_fd, struct errmsg *msg)
{
    AUTO(fd_close) int fd = open(path, flags | O_CLOEXEC);
    struct length length;
    enum err e;

    if (fd < 0 && errno == ENOENT)
        return errmsg_set(msg, ERR_CORRUPT,
                          "%s: the ledger's mirror is missing. Bring its medium back; only where "
                          "there never was one, or it is lost for good, make it anew with `lethe "
                          "ledger mirror`",
                          path);
    if (fd < 0)
        return errmsg_set(msg, ERR_IO, "%s: %s", path, strerror(errno));
    e = measure(fd, l, &length);
    if (e != ERR_OK)
        return errmsg_set(msg, e, "%s: cannot be compared with %s: %s", path, name, err_text(e));
    e = judge(path, l, name, &length, msg);
    if (e != ERR_OK)
        return e;
    *ret_fd = fd;
    fd = -1;
    return ERR_OK;
}

enum err mirror_compare(const char *path, const struct ledger *l, const char *name,
                        struct errmsg *msg)
{
    AUTO(fd_close) int fd = -1;

    return open_and_judge(path, O_RDONLY, l, name, &fd, msg);
}

/* ---- writing ---- */

/* The ledger's bytes from `at` on, to the same place; what stood behind is cut off. */
static enum err bring_up(int fd, const struct ledger *l, uint64_t at)
{
    const uint64_t end = ledger_seq(l) * LEDGER_RECORD_BYTES;
    AUTO(mem_free) uint8_t *run = mem_alloc(RUN_BYTES);
    enum err e = ftruncate(fd, (off_t)at) == 0 ? ERR_OK : ERR_IO;

    while (e == ERR_OK && at < end) {
        const size_t n = end - at < RUN_BYTES ? (size_t)(end - at) : RUN_BYTES;

        e = ledger_bytes(l, at, run, n);
        if (e == ERR_OK)
            e = vault__file_write(fd, run, n, at);
        at += n;
    }
    return e == ERR_OK ? vault__file_sync(fd) : e;
}

enum err mirror_create(const char *path, const struct ledger *l, struct errmsg *msg)
{
    AUTO(fd_close)
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    enum err e;

    if (fd < 0 && errno == EEXIST)
        return errmsg_set(msg, ERR_CONFLICT, "%s: is there already; nothing was changed", path);
    if (fd < 0)
        return errmsg_set(msg, ERR_IO, "%s: cannot be made: %s", path, strerror(errno));
    e = bring_up(fd, l, 0);
    if (e == ERR_OK)
        e = vault__folder_sync(path);
    if (e == ERR_OK)
        return e;
    (void)unlink(path);
    return errmsg_set(msg, e, "%s: cannot be written: %s", path, err_text(e));
}

enum err mirror_open(const char *path, const struct ledger *l, const char *name,
                     struct mirror **ret_mirror, struct errmsg *msg)
{
    AUTO(fd_close) int fd = -1;
    struct mirror *m;
    uint64_t end = 0;
    enum err e = open_and_judge(path, O_RDWR, l, name, &fd, msg);

    if (e != ERR_OK)
        return e;
    if (ledger_is_file(l, fd))
        return errmsg_set(msg, ERR_CONFIG, "%s: is the ledger itself, not a copy of it", path);
    e = find_end(fd, &end);
    if (e == ERR_OK)
        e = bring_up(fd, l, end);
    if (e != ERR_OK)
        return errmsg_set(msg, e, "%s: cannot be written: %s", path, err_text(e));
    m = mem_alloc(sizeof(*m));
    m->fd = fd;
    fd = -1;
    *ret_mirror = m;
    return ERR_OK;
}

void mirror_close(struct mirror **mirror)
{
    struct mirror *m = TAKE(*mirror);

    if (m == NULL)
        return;
    fd_close(&m->fd);
    free(m);
}

enum err mirror_append(struct mirror *m, const void *bytes, size_t len, uint64_t at,
                       bool *ret_unknown)
{
    enum err e = FAULT_FAILS("mirror.write") ? ERR_IO : vault__file_write(m->fd, bytes, len, at);

    *ret_unknown = false;
    if (e == ERR_OK) {
        e = vault__file_sync(m->fd);
        if (e == ERR_OK)
            return e;
        *ret_unknown = true;
    }
    *ret_unknown = mirror_cut(m, at) != ERR_OK || *ret_unknown;
    return e;
}

enum err mirror_cut(struct mirror *m, uint64_t at)
{
    return ftruncate(m->fd, (off_t)at) == 0 ? ERR_OK : ERR_IO;
}
