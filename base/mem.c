/* SPDX-License-Identifier: Apache-2.0 */
/* Allocation that never returns surprises.
 * Runs on: any thread. Holds: nothing. Not here: secret memory (base/secret.c). */
#include "base/mem.h"

#include <sys/mman.h>

#include "base/assert.h"
#include "base/fault.h"

void *mem_alloc(size_t size)
{
    void *p = calloc(1, size);

    REQUIRE(p != NULL);
    return p;
}

void *mem_alloc_table(size_t size)
{
    enum { PAGE = 4096, LARGE_PAGE = 2 << 20 };
    const size_t whole = (size + PAGE - 1) / PAGE * PAGE;
    void *p = NULL;

    REQUIRE(posix_memalign(&p, LARGE_PAGE, whole) ==
            0);                             /* aligned_alloc() wants whole large pages */
    (void)madvise(p, whole, MADV_HUGEPAGE); /* or not: it is a matter of speed */
    memset(p, 0, whole);
    return p;
}

void *mem_try_alloc(size_t count, size_t size)
{
    return FAULT_FAILS("mem.try") ? NULL : calloc(count, size);
}

void *mem_try_bytes(size_t size)
{
    return FAULT_FAILS("mem.try") ? NULL : malloc(size);
}

char *mem_strdup(const char *text)
{
    char *copy = strdup(text);

    REQUIRE(copy != NULL);
    return copy;
}

/* Its size stands in front of it. */
struct wiped {
    size_t size;
    max_align_t bytes[];
};

void *mem_wiped_alloc(size_t size)
{
    struct wiped *w = size > SIZE_MAX - sizeof(*w) ? NULL : malloc(sizeof(*w) + size);

    if (w == NULL)
        return NULL;
    w->size = size;
    return w->bytes;
}

size_t mem_wiped_size(const void *bytes)
{
    return CONTAINER_OF((const max_align_t *)bytes, const struct wiped, bytes)->size;
}

void mem_wiped_free(void *bytes)
{
    struct wiped *w;

    if (bytes == NULL)
        return;
    w = CONTAINER_OF(bytes, struct wiped, bytes);
    explicit_bzero(w->bytes, w->size);
    free(w);
}

void mem_free(void *pointer_address)
{
    void **p = pointer_address;

    free(*p);
    *p = NULL;
}
