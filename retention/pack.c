/* SPDX-License-Identifier: Apache-2.0 */
/* tar archives on libarchive.
 * Runs on: any thread; blocks. Holds: the file that is being written. Invariant: what is read is all that
 * is in the file: each header stands where the member before it ends, and the rest is zeroes. Not here:
 * what a pack says (evidence.c). */
#include "retention/pack.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/mem.h"

enum { BLOCK_BYTES = 512, RUN_BYTES = 64 << 10 };

/* ---- writing ---- */

struct pack {
    struct archive *archive;
    char *path;
    char *part; /* where it is written; NULL: that is in place */
    int fd;
    int64_t time_s;
};

void pack_free(struct pack **packp)
{
    struct pack *p = TAKE(*packp);

    if (p == NULL)
        return;
    if (p->archive != NULL)
        (void)archive_write_free(p->archive);
    fd_close(&p->fd);
    if (p->part != NULL)
        (void)unlink(p->part);
    free(p->part);
    free(p->path);
    free(p);
}

static enum err open_part(struct pack *p, struct errmsg *msg)
{
    struct stat st;

    if (lstat(p->path, &st) == 0)
        return errmsg_set(msg, ERR_CONFLICT, "%.300s: is there already", p->path);
    REQUIRE(asprintf(&p->part, "%s.XXXXXX", p->path) > 0);
    p->fd = mkostemp(p->part, O_CLOEXEC);
    if (p->fd >= 0)
        return ERR_OK;
    mem_free(&p->part);
    return errmsg_set(msg, ERR_IO, "%.300s: %s", p->path, strerror(errno));
}

enum err pack_new(const char *path, int64_t time_s, struct pack **ret_pack, struct errmsg *msg)
{
    AUTO(pack_free) struct pack *p = mem_alloc(sizeof(*p));
    enum err e;

    p->fd = -1;
    p->time_s = time_s;
    p->path = mem_strdup(path);
    e = open_part(p, msg);
    if (e != ERR_OK)
        return e;
    p->archive = archive_write_new();
    REQUIRE(p->archive != NULL);
    if (archive_write_set_format_ustar(p->archive) != ARCHIVE_OK ||
        archive_write_add_filter_none(p->archive) != ARCHIVE_OK ||
        archive_write_open_fd(p->archive, p->fd) != ARCHIVE_OK)
        return errmsg_set(msg, ERR_IO, "%.300s: cannot be written", path);
    *ret_pack = TAKE(p);
    return ERR_OK;
}

static enum err write_error(const struct pack *p)
{
    return archive_errno(p->archive) == ENOSPC ? ERR_NO_SPACE : ERR_IO;
}

static void entry_free(struct archive_entry **entry)
{
    archive_entry_free(*entry);
}

enum err pack_add(struct pack *p, const char *name, struct span bytes)
{
    AUTO(entry_free) struct archive_entry *entry = archive_entry_new();

    REQUIRE(entry != NULL && strlen(name) <= PACK_NAME_MAX);
    archive_entry_set_pathname(entry, name);
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0444);
    archive_entry_set_mtime(entry, (time_t)p->time_s, 0);
    archive_entry_set_size(entry, (la_int64_t)bytes.len);
    if (archive_write_header(p->archive, entry) != ARCHIVE_OK)
        return write_error(p);
    if (bytes.len > 0 &&
        archive_write_data(p->archive, bytes.at, bytes.len) != (la_ssize_t)bytes.len)
        return write_error(p);
    return archive_write_finish_entry(p->archive) == ARCHIVE_OK ? ERR_OK : write_error(p);
}

static enum err sync_folder(const char *path)
{
    AUTO(mem_free) char *folder = mem_strdup(path);
    char *slash = strrchr(folder, '/');
    const char *name = slash == NULL ? "." : slash == folder ? "/" : folder;
    enum err e;
    int fd;

    if (slash != NULL && slash != folder)
        *slash = '\0';
    fd = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    e = fd >= 0 && fsync(fd) == 0 ? ERR_OK : ERR_IO;
    fd_close(&fd);
    return e;
}

enum err pack_finish(struct pack **packp)
{
    AUTO(pack_free) struct pack *p = TAKE(*packp);

    if (archive_write_close(p->archive) != ARCHIVE_OK)
        return write_error(p);
    if (fsync(p->fd) != 0)
        return ERR_IO;
    if (link(p->part, p->path) != 0) /* unlike rename(): replaces nothing */
        return errno == EEXIST ? ERR_CONFLICT : ERR_IO;
    return sync_folder(p->path);
}

/* ---- reading ---- */

struct reading {
    struct archive *archive;
    int fd;
    int64_t at; /* where the next header must stand */
    size_t count;
    uint8_t *bytes;
};

static void reading_done(struct reading *r)
{
    if (r->archive != NULL)
        (void)archive_read_free(r->archive);
    fd_close(&r->fd);
    free(r->bytes);
}

static bool is_name(const char *name)
{
    const size_t len = name == NULL ? 0 : strlen(name);

    if (len == 0 || len > PACK_NAME_MAX || name[0] == '/' || strstr(name, "..") != NULL)
        return false;
    for (size_t i = 0; i < len; i++)
        if (strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-/", name[i]) ==
            NULL)
            return false;
    return true;
}

static enum err damaged(struct errmsg *msg, const char *what)
{
    return errmsg_set(msg, ERR_INVALID, "the archive is damaged: %s", what);
}

/* Are there zeroes from `from` to `to`, or to the end of the file? */
static enum err check_zeroes(const struct reading *r, int64_t from, int64_t to, struct errmsg *msg)
{
    AUTO(mem_free) uint8_t *run = mem_alloc(RUN_BYTES);

    while (from < to) {
        const size_t want = to - from < RUN_BYTES ? (size_t)(to - from) : RUN_BYTES;
        const ssize_t got = pread(r->fd, run, want, from);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return errmsg_set(msg, ERR_IO, "the archive cannot be read");
        if (got == 0)
            return ERR_OK;
        for (ssize_t i = 0; i < got; i++)
            if (run[i] != 0)
                return damaged(msg, "something stands where nothing belongs");
        from += got;
    }
    return ERR_OK;
}

static enum err open_archive(struct reading *r, const char *path, struct errmsg *msg)
{
    r->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (r->fd < 0)
        return errmsg_set(msg, ERR_IO, "%.300s: %s", path, strerror(errno));
    r->archive = archive_read_new();
    REQUIRE(r->archive != NULL);
    if (archive_read_support_format_tar(r->archive) != ARCHIVE_OK ||
        archive_read_open_fd(r->archive, r->fd, RUN_BYTES) != ARCHIVE_OK)
        return errmsg_set(msg, ERR_INVALID, "%.300s: is no tar archive", path);
    return ERR_OK;
}

static enum err read_bytes(struct reading *r, const char *name, size_t len, struct errmsg *msg)
{
    size_t have = 0;

    mem_free(&r->bytes);
    r->bytes = mem_try_bytes(len == 0 ? 1 : len);
    if (r->bytes == NULL)
        return errmsg_set(msg, ERR_NO_SPACE, "%s: too large for the memory there is", name);
    while (have < len) {
        const la_ssize_t got = archive_read_data(r->archive, r->bytes + have, len - have);

        if (got <= 0)
            return errmsg_set(msg, ERR_INVALID, "%s: the archive ends within it", name);
        have += (size_t)got;
    }
    return ERR_OK;
}

/* One member, and the zeroes behind it. */
static enum err read_member(struct reading *r, struct archive_entry *entry, const char **ret_name,
                            size_t *ret_len, struct errmsg *msg)
{
    const char *name = archive_entry_pathname(entry);
    const int64_t size = archive_entry_size(entry);
    int64_t end;
    enum err e;

    if (!is_name(name))
        return damaged(msg, "a member has a name that no member has");
    if (archive_entry_filetype(entry) != AE_IFREG || archive_entry_hardlink(entry) != NULL)
        return errmsg_set(msg, ERR_INVALID, "%s: is no plain file", name);
    if (archive_read_header_position(r->archive) != r->at)
        return errmsg_set(msg, ERR_INVALID, "%s: something is hidden in front of it", name);
    if (size < 0 || (uint64_t)size > LIMIT_PACK_MEMBER_MAX)
        return errmsg_set(msg, ERR_TOO_LARGE, "%s: larger than any member", name);
    if (++r->count > LIMIT_PACK_MEMBERS_MAX)
        return errmsg_set(msg, ERR_TOO_LARGE, "the archive has too many members");
    e = read_bytes(r, name, (size_t)size, msg);
    if (e != ERR_OK)
        return e;
    end = r->at + BLOCK_BYTES + size;
    r->at = (end + BLOCK_BYTES - 1) / BLOCK_BYTES * BLOCK_BYTES;
    *ret_name = name;
    *ret_len = (size_t)size;
    return check_zeroes(r, end, r->at, msg);
}

enum err pack_read(const char *path,
                   enum err (*fn)(const char *name, struct span bytes, void *context,
                                  struct errmsg *msg),
                   void *context, struct errmsg *msg)
{
    AUTO(reading_done) struct reading r = {.fd = -1};
    struct archive_entry *entry;
    enum err e = open_archive(&r, path, msg);
    int got = ARCHIVE_OK;

    while (e == ERR_OK && (got = archive_read_next_header(r.archive, &entry)) == ARCHIVE_OK) {
        const char *name = NULL;
        size_t len = 0;

        e = read_member(&r, entry, &name, &len, msg);
        if (e == ERR_OK)
            e = fn(name, span_of(r.bytes, len), context, msg);
    }
    if (e != ERR_OK)
        return e;
    if (got != ARCHIVE_EOF)
        return damaged(msg, "it cannot be read to its end");
    return check_zeroes(&r, r.at, INT64_MAX, msg);
}
