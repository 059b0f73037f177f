/* SPDX-License-Identifier: Apache-2.0 */
/* Small files that hold keys.
 * Runs on: any thread, one at a time for a path; blocks. Holds: nothing. Invariant: at every moment
 * PATH is a whole file, the old one or the new one; old bytes are overwritten before their last
 * name goes. Not here: what stands in the files. */
#include "keys/keyfile_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/fault.h"
#include "base/mem.h"
#include "base/owner.h"
#include "base/secret.h"

/* ---- reading ---- */

struct source {
    const char *path;
    const char *what;
    mode_t closed; /* permission bits that must not be set */
};

static enum err check_owner(const struct source *f, int fd, struct errmsg *msg)
{
    const char *path = f->path, *what = f->what;
    struct stat st;

    if (fstat(fd, &st) != 0)
        return errmsg_set(msg, ERR_SEALED, "%s: cannot be examined: %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return errmsg_set(msg, ERR_SEALED, "%s: %s must be a regular file", path, what);
    if ((st.st_mode & f->closed) != 0)
        return errmsg_set(msg, ERR_SEALED,
                          "%s: %s is open to others (mode %04o); run: chmod 0400 %s", path, what,
                          (unsigned)st.st_mode & 07777, path);
    if (!owner_is_ours(st.st_uid))
        return errmsg_set(msg, ERR_SEALED,
                          "%s: %s belongs to another user (uid %u); run: chown %u %s", path, what,
                          (unsigned)st.st_uid, (unsigned)geteuid(), path);
    return ERR_OK;
}

/* Up to `len` bytes; false when the file cannot be read. */
static bool read_some(int fd, uint8_t *to, size_t len, size_t *ret_got)
{
    size_t got = 0;

    while (got < len) {
        ssize_t n = pread(fd, to + got, len - got, (off_t)got);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        if (n == 0)
            break;
        got += (size_t)n;
    }
    *ret_got = got;
    return true;
}

static enum err read_file(const struct source *f, size_t max, uint8_t **ret_bytes, size_t *ret_len,
                          struct errmsg *msg)
{
    /* Not blocking, so that a FIFO put there is refused instead of waited for. */
    AUTO(fd_close) int fd = open(f->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    AUTO(secret_free) uint8_t *bytes = NULL;
    size_t got = 0;
    enum err e;

    if (fd < 0)
        return errmsg_set(msg, errno == ENOENT ? ERR_NOT_FOUND : ERR_SEALED,
                          "%s: %s cannot be read: %s", f->path, f->what, strerror(errno));
    e = check_owner(f, fd, msg);
    if (e != ERR_OK)
        return e;
    bytes = secret_alloc(max + 1);
    if (!read_some(fd, bytes, max + 1, &got))
        return errmsg_set(msg, ERR_SEALED, "%s: %s cannot be read: %s", f->path, f->what,
                          strerror(errno));
    if (got > max)
        return errmsg_set(msg, ERR_SEALED, "%s: is longer than %s can be (%zu bytes)", f->path,
                          f->what, max);
    *ret_bytes = TAKE(bytes);
    *ret_len = got;
    return ERR_OK;
}

enum err keys_keyfile_read(const char *path, const char *what, size_t max, uint8_t **ret_bytes,
                           size_t *ret_len, struct errmsg *msg)
{
    return read_file(&(struct source){path, what, 077}, max, ret_bytes, ret_len, msg);
}

enum err keys__keyfile_read_credential(const char *path, const char *what, size_t max,
                                       uint8_t **ret_bytes, size_t *ret_len, struct errmsg *msg)
{
    return read_file(&(struct source){path, what, 037}, max, ret_bytes, ret_len, msg);
}

/* ---- writing ---- */

static enum err write_all(int fd, const uint8_t *bytes, size_t len)
{
    size_t at = 0;

    if (FAULT_FAILS("keyfile.write"))
        return ERR_IO;
    while (at < len) {
        ssize_t n = pwrite(fd, bytes + at, len - at, (off_t)at);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == ENOSPC || errno == EDQUOT || errno == EFBIG ? ERR_NO_SPACE : ERR_IO;
        at += (size_t)n;
    }
    return FAULT_FAILS("keyfile.sync") || fsync(fd) != 0 ? ERR_IO : ERR_OK;
}

static enum err sync_folder(const char *path)
{
    AUTO(mem_free) char *copy = mem_strdup(path); /* dirname() writes into its argument */
    AUTO(fd_close) int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return fd < 0 || fsync(fd) != 0 ? ERR_IO : ERR_OK;
}

/* Zeroes over all bytes of a file that goes. The mode may forbid even its owner to write: the
 * descriptor is opened while the owner may. */
static enum err overwrite(const char *path)
{
    AUTO(fd_close) int fd = -1;
    AUTO(mem_free) uint8_t *zeroes = NULL;
    struct stat st;

    if (chmod(path, 0600) != 0)
        return ERR_IO;
    fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        return ERR_IO;
    zeroes = mem_try_alloc(1, (size_t)st.st_size + 1);
    return zeroes == NULL ? ERR_NO_SPACE : write_all(fd, zeroes, (size_t)st.st_size);
}

static enum err remove_durably(const char *path)
{
    return unlink(path) == 0 ? sync_folder(path) : ERR_IO;
}

/* Overwrite and remove; OK when it is not there. */
static enum err shred(const char *path)
{
    struct stat st;
    enum err e;

    if (lstat(path, &st) != 0)
        return errno == ENOENT ? ERR_OK : ERR_IO;
    if (!S_ISREG(st.st_mode))
        return ERR_IO;
    e = overwrite(path);
    FAULT_POINT("keyfile.overwritten");
    return e == ERR_OK ? remove_durably(path) : e;
}

/* ---- a file and the two names beside it ---- */

struct names {
    char *path; /* where a link leads */
    char *fresh;
    char *old;
};

static void names_done(struct names *n)
{
    free(n->path);
    free(n->fresh);
    free(n->old);
}

static struct names names_of(const char *path)
{
    struct names n = {.path = realpath(path, NULL)};

    if (n.path == NULL)
        n.path = mem_strdup(path);
    REQUIRE(asprintf(&n.fresh, "%s.new", n.path) > 0);
    REQUIRE(asprintf(&n.old, "%s.old", n.path) > 0);
    return n;
}

static bool same_file(const char *a, const char *b)
{
    struct stat x, y;

    return lstat(a, &x) == 0 && lstat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* A second name of the file in force only goes; other contents are destroyed. */
static enum err settle_name(const struct names *n, const char *other)
{
    return same_file(n->path, other) ? remove_durably(other) : shred(other);
}

static enum err settle(const struct names *n)
{
    enum err e = settle_name(n, n->fresh);

    return e == ERR_OK ? settle_name(n, n->old) : e;
}

static enum err write_fresh(const struct names *n, const uint8_t *bytes, size_t len)
{
    AUTO(fd_close) int fd = open(n->fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0400);

    if (fd < 0)
        return errno == ENOSPC || errno == EDQUOT ? ERR_NO_SPACE : ERR_IO;
    if (fchmod(fd, 0400) != 0)
        return ERR_IO;
    return write_all(fd, bytes, len);
}

static enum err failed(const char *path, enum err e, struct errmsg *msg)
{
    return errmsg_set(
        msg, e,
        "%s: cannot be replaced (%s); it must belong to the user that runs lethe, in a "
        "folder where that user may write (mount the folder, not the file)",
        path, errno == 0 ? err_text(e) : strerror(errno));
}

/* Give the fresh file its name: instead of the old one, or as the first. */
static enum err put_in_place(const struct names *n, bool replaces)
{
    if (!replaces) {
        if (link(n->fresh, n->path) != 0)
            return errno == EEXIST ? ERR_CONFLICT : ERR_IO;
        FAULT_POINT("keyfile.named");
        return remove_durably(n->fresh);
    }
    if (link(n->path, n->old) != 0)
        return ERR_IO;
    FAULT_POINT("keyfile.linked");
    if (rename(n->fresh, n->path) != 0 || sync_folder(n->path) != ERR_OK)
        return ERR_IO;
    FAULT_POINT("keyfile.renamed");
    return shred(n->old);
}

static enum err change(const struct names *n, bool replaces, const uint8_t *bytes, size_t len,
                       struct errmsg *msg)
{
    enum err e;

    errno = 0;
    e = settle(n);
    if (e == ERR_OK)
        e = write_fresh(n, bytes, len);
    FAULT_POINT("keyfile.fresh");
    if (e == ERR_OK)
        e = put_in_place(n, replaces);
    if (e == ERR_OK)
        return e;
    if (e == ERR_CONFLICT)
        (void)errmsg_set(msg, e, "%s exists already; nothing was changed", n->path);
    else
        (void)failed(n->path, e, msg);
    (void)!settle_name(n, n->fresh); /* what remains is left to the next settle */
    return e;
}

enum err keys__keyfile_create(const char *path, const uint8_t *bytes, size_t len,
                              struct errmsg *msg)
{
    AUTO(names_done) struct names n = names_of(path);

    return change(&n, false, bytes, len, msg);
}

enum err keys__keyfile_replace(const char *path, const uint8_t *bytes, size_t len,
                               struct errmsg *msg)
{
    AUTO(names_done) struct names n = names_of(path);

    return change(&n, true, bytes, len, msg);
}

enum err keys__keyfile_destroy(const char *path, struct errmsg *msg)
{
    AUTO(names_done) struct names n = names_of(path);
    enum err e;

    errno = 0;
    e = settle(&n);
    /* Under another name first: a crash then leaves no file in force that is half zeroes. */
    if (e == ERR_OK && rename(n.path, n.old) != 0 && errno != ENOENT)
        e = ERR_IO;
    if (e == ERR_OK)
        e = sync_folder(n.path);
    FAULT_POINT("keyfile.unnamed");
    if (e == ERR_OK)
        e = shred(n.old);
    return e == ERR_OK ? e : failed(n.path, e, msg);
}

enum err keys__keyfile_settle(const char *path, struct errmsg *msg)
{
    AUTO(names_done) struct names n = names_of(path);
    enum err e;

    errno = 0;
    e = settle(&n);
    return e == ERR_OK ? e : failed(n.path, e, msg);
}
