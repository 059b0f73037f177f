/* SPDX-License-Identifier: Apache-2.0 */
/* Makes the n-th call of one kind fail, in this process: the C library's writing calls (SQLite's
 * included), SQLite's allocations, and mem_try_alloc(). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum fail_kind {
    FAIL_NOTHING,
    FAIL_WRITE_IO,    /* pwrite: EIO */
    FAIL_WRITE_SPACE, /* pwrite: ENOSPC */
    FAIL_WRITE_SHORT, /* pwrite writes the first half, to a sector's end, then ENOSPC */
    FAIL_SYNC,        /* fsync, fdatasync: EIO; what was to be synced is there, as Linux has it */
    FAIL_TRUNCATE,    /* ftruncate: EIO */
    FAIL_SQL_MEMORY,  /* an allocation of SQLite */
    FAIL_MEMORY,      /* mem_try_alloc(): by the fault point mem.try, not from here */
    FAIL_KIND_COUNT
};

/* Before the first use of SQLite: its allocations go through us. */
void fail_calls_start(void);
/* From now on: the n-th call (from 1) of this kind fails, and `times` - 1 more after it. */
void fail_calls_set(enum fail_kind kind, uint64_t n, uint64_t times);
/* Has it come to the n-th call? */
bool fail_calls_fired(void);
const char *fail_kind_name(enum fail_kind kind);
