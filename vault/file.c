/* SPDX-License-Identifier: Apache-2.0 */
/* Whole reads and writes at an offset, fdatasync, and folders made durable.
 * Runs on: any thread; blocks. Holds: nothing. Invariant: a success means all bytes.
 * Not here: what the bytes mean. */
#include "vault/file_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/mem.h"

enum err vault__file_write(int fd, const void *bytes, size_t len, uint64_t at)
{
    const uint8_t *from = bytes;

    if (FAULT_FAILS("file.write"))
        return ERR_IO;
    if (FAULT_FAILS("file.full"))
        return ERR_NO_SPACE;
    while (len > 0) {
        ssize_t n = pwrite(fd, from, len, (off_t)at);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == ENOSPC || errno == EDQUOT || errno == EFBIG ? ERR_NO_SPACE : ERR_IO;
        from += n;
        at += (uint64_t)n;
        len -= (size_t)n;
    }
    return ERR_OK;
}

enum err vault__file_read(int fd, void *bytes, size_t len, uint64_t at, size_t *ret_got)
{
    uint8_t *to = bytes;
    size_t got = 0;

    while (got < len) {
        ssize_t n = pread(fd, to + got, len - got, (off_t)(at + got));

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return ERR_IO;
        if (n == 0)
            break;
        got += (size_t)n;
    }
    *ret_got = got;
    return ERR_OK;
}

enum err vault__file_sync(int fd)
{
    if (FAULT_FAILS("file.sync"))
        return ERR_IO;
    return fdatasync(fd) == 0 ? ERR_OK : ERR_IO;
}

enum err vault__folder_sync(const char *path)
{
    AUTO(mem_free) char *copy = mem_strdup(path); /* dirname() writes into its argument */
    AUTO(fd_close) int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0 || fsync(fd) != 0)
        return ERR_IO;
    return ERR_OK;
}

static enum err overwrite(int fd)
{
    static const uint8_t zeroes[65536];
    struct stat st;
    enum err e = fstat(fd, &st) == 0 ? ERR_OK : ERR_IO;

    for (uint64_t at = 0; e == ERR_OK && at < (uint64_t)st.st_size; at += sizeof(zeroes)) {
        uint64_t left = (uint64_t)st.st_size - at;

        e = vault__file_write(fd, zeroes, left < sizeof(zeroes) ? (size_t)left : sizeof(zeroes),
                              at);
    }
    return e == ERR_OK ? vault__file_sync(fd) : e;
}

enum err vault__file_wipe(const char *path)
{
    AUTO(fd_close) int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    enum err e;

    if (fd < 0)
        return errno == ENOENT ? ERR_OK : ERR_IO;
    e = overwrite(fd);
    if (e == ERR_OK && unlink(path) != 0)
        e = ERR_IO;
    return e;
}
