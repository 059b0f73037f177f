/* SPDX-License-Identifier: Apache-2.0 */
/* Ownership helpers and allocation. Small fixed sizes abort when memory is gone; every size that
 * comes from outside goes through mem_try_alloc() with a limit from base/limits.def. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define MUST_CHECK __attribute__((warn_unused_result))
#define UNUSED     __attribute__((unused))

/* Variable is released by fn(&variable) when it leaves its scope; initialise it where declared. */
#define AUTO(fn) __attribute__((cleanup(fn)))

/* Hand a pointer over: the value of p, and p becomes NULL. */
#define TAKE(p)                                                                                    \
    ({                                                                                             \
        __typeof__(p) taken_ = (p);                                                                \
        (p) = NULL;                                                                                \
        taken_;                                                                                    \
    })

#define CONTAINER_OF(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))
#define COUNT_OF(array)                 (sizeof(array) / sizeof((array)[0]))

/* Zeroed memory of a small fixed size; never NULL (aborts). Free with free(). */
void *mem_alloc(size_t size);
/* The same of a few MiB, for a table that is looked into here and there: on large pages where the system has them, so
 * that a look costs no walk through page tables. Aligned to a page; free with free(). */
void *mem_alloc_table(size_t size);
/* Zeroed memory of a size that came from outside; NULL when there is none. Free with free(). */
void *mem_try_alloc(size_t count, size_t size) MUST_CHECK;
/* The same, but not zeroed: for what is written before it is read. */
void *mem_try_bytes(size_t size) MUST_CHECK;
/* Memory that is wanted often and for a short time, not zeroed; NULL when there is none. Give it back with the same
 * size, on any thread. */
void *mem_take(size_t size) MUST_CHECK;
void mem_give(void *block, size_t size); /* NULL is fine */
/* Whether this thread keeps some of what is given back to it for those who take next. An event loop ends many requests
 * in one turn, and begins as many: more than malloc() has room for in its quick lists. Say false before it ends. */
void mem_keep(bool keep);
/* A NUL-terminated copy; never NULL (aborts). For names and paths, not for bodies. */
char *mem_strdup(const char *text);
/* For libraries that take an allocator and put secrets into its memory: remembers its size, so that all of it is wiped
 * when it is freed. NULL when there is none. Free with mem_wiped_free(). */
void *mem_wiped_alloc(size_t size) MUST_CHECK;
void mem_wiped_free(void *bytes);
/* Of memory from mem_wiped_alloc(). */
size_t mem_wiped_size(const void *bytes);
/* free() that takes the address and leaves NULL: the cleanup for AUTO(mem_free). */
void mem_free(void *pointer_address);
/* close() of a descriptor that there may be: the cleanup for AUTO(fd_close). For one that was only read from, or that
 * has been synced: its errors say nothing then. */
void fd_close(int *fd);
