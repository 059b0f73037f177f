/* SPDX-License-Identifier: Apache-2.0 */
/* A folder for one test, and its files read, written and damaged. Failures of the test's own
 * machinery abort it. */
#pragma once

#include <fcntl.h>
#include <ftw.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/mem.h"

struct scratch {
    char dir[32];
    char path[8][96]; /* what scratch_path() gave out last */
    unsigned next;
};

static inline struct scratch scratch_new(void)
{
    struct scratch s = {.dir = "/tmp/lethe-test-XXXXXX"};

    REQUIRE(mkdtemp(s.dir) != NULL);
    return s;
}

/* In memory where there is such a place: for tests that make thousands of files durable. */
static inline struct scratch scratch_new_fast(void)
{
    struct scratch s = {.dir = "/dev/shm/lethe-test-XXXXXX"};

    return mkdtemp(s.dir) != NULL ? s : scratch_new();
}

/* A path in the folder; good until eight more were asked for. */
static inline const char *scratch_path(struct scratch *s, const char *name)
{
    char *path = s->path[s->next++ % COUNT_OF(s->path)];

    REQUIRE(snprintf(path, sizeof(s->path[0]), "%s/%s", s->dir, name) < (int)sizeof(s->path[0]));
    return path;
}

static inline int scratch_unlink(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st;
    (void)flag;
    (void)ftw;
    return remove(path);
}

/* Also AUTO(scratch_remove). */
static inline void scratch_remove(struct scratch *s)
{
    (void)nftw(s->dir, scratch_unlink, 8, FTW_DEPTH | FTW_PHYS);
}

static inline size_t scratch_size(const char *path)
{
    struct stat st;

    REQUIRE(stat(path, &st) == 0);
    return (size_t)st.st_size;
}

/* Up to `len` bytes at `at`; how many there were. */
static inline size_t scratch_read(const char *path, size_t at, void *bytes, size_t len)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n;

    REQUIRE(fd >= 0);
    n = pread(fd, bytes, len, (off_t)at);
    REQUIRE(n >= 0);
    (void)close(fd);
    return (size_t)n;
}

/* Over what is there; the file is made 0600 when it is missing. */
static inline void scratch_write(const char *path, size_t at, const void *bytes, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    REQUIRE(fd >= 0);
    REQUIRE(pwrite(fd, bytes, len, (off_t)at) == (ssize_t)len);
    (void)close(fd);
}

static inline void scratch_flip(const char *path, size_t at, uint8_t mask)
{
    uint8_t byte;

    REQUIRE(scratch_read(path, at, &byte, 1) == 1);
    byte ^= mask;
    scratch_write(path, at, &byte, 1);
}

static inline void scratch_cut(const char *path, size_t len)
{
    REQUIRE(truncate(path, (off_t)len) == 0);
}

static inline void scratch_copy(const char *from, const char *to)
{
    uint8_t bytes[4096];
    size_t at = 0, n;

    while ((n = scratch_read(from, at, bytes, sizeof(bytes))) > 0) {
        scratch_write(to, at, bytes, n);
        at += n;
    }
}
