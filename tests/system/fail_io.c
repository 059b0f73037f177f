/* SPDX-License-Identifier: Apache-2.0 */
/* A disk that fails on command, for programs that do not expect a test: preloaded, it makes writing
 * calls fail as long as a file says so. It works on any build, the release too.
 *
 *   FAIL_IO=FILE     FILE holds "sync" (fsync, fdatasync: EIO) or "space" (pwrite: ENOSPC);
 *                    no such file: everything works
 *
 * Runs on: any thread of the program. Holds: nothing. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static bool fails(const char *what)
{
    char text[16] = "";
    const char *path = getenv("FAIL_IO");
    int fd = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return false;
    if (read(fd, text, sizeof text - 1) < 0)
        text[0] = '\0';
    (void)close(fd);
    return strcmp(text, what) == 0;
}

int fsync(int fd)
{
    static int (*real)(int);

    if (fails("sync")) {
        errno = EIO;
        return -1;
    }
    if (real == NULL)
        real = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
    return real(fd);
}

int fdatasync(int fd)
{
    static int (*real)(int);

    if (fails("sync")) {
        errno = EIO;
        return -1;
    }
    if (real == NULL)
        real = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    return real(fd);
}

ssize_t pwrite64(int fd, const void *bytes, size_t len, off64_t at)
{
    static ssize_t (*real)(int, const void *, size_t, off64_t);

    if (fails("space")) {
        errno = ENOSPC;
        return -1;
    }
    if (real == NULL)
        real = (ssize_t(*)(int, const void *, size_t, off64_t))dlsym(RTLD_NEXT, "pwrite64");
    return real(fd, bytes, len, at);
}

ssize_t pwrite(int fd, const void *bytes, size_t len, off_t at)
{
    return pwrite64(fd, bytes, len, at);
}
