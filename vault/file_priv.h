/* SPDX-License-Identifier: Apache-2.0 */
/* Whole reads and writes at an offset, and making them durable: what the slab, the ledger and the
 * root key's file share. */
#pragma once

#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/err.h"

/* Write all of it at `at`, through interruptions and short writes. NO_SPACE when the medium, a
 * quota or a limit is full; IO otherwise. Part of it may have been written then. Blocks. */
enum err vault__file_write(int fd, const void *bytes, size_t len, uint64_t at) MUST_CHECK;
/* Read up to len bytes at `at`; *ret_got is less only at the end of the file. Blocks. */
enum err vault__file_read(int fd, void *bytes, size_t len, uint64_t at, size_t *ret_got) MUST_CHECK;
/* fdatasync. After a failure the kernel forgets what it could not write, so that a later success
 * means nothing: the caller must stop using the file for writing. Blocks. */
enum err vault__file_sync(int fd) MUST_CHECK;
/* Make the names in the folder of `path` durable: after creating or renaming a file. Blocks. */
enum err vault__folder_sync(const char *path) MUST_CHECK;

/* Overwrite what the file holds with zeroes, make that durable, then remove its name. OK when there is
 * no such file; on an error the name stays. Blocks. */
enum err vault__file_wipe(const char *path) MUST_CHECK;

/* Numbers of up to 8 bytes as they stand in files: little-endian. */
static inline void put_le(uint8_t *to, uint64_t n, size_t bytes)
{
    n = htole64(n);
    memcpy(to, &n, bytes);
}

static inline uint64_t get_le(const uint8_t *from, size_t bytes)
{
    uint64_t n = 0;

    memcpy(&n, from, bytes);
    return le64toh(n);
}
