/* SPDX-License-Identifier: Apache-2.0 */
/* Allocation that never returns surprises.
 * Runs on: any thread. Holds: blocks that were given back, a thread's own. Invariant: a block has the size of its
 * list, whoever took it. Not here: secret memory (base/secret.c). */
#include "base/mem.h"

#include <sys/mman.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/fault.h"

/* What malloc() has in quick lists; calloc() never looks into them, and would leave them full. */
enum { QUICK_MAX = 1024 };

static void *zeroed(size_t size)
{
    void *p;

    if (size > QUICK_MAX)
        return calloc(1, size);
    p = malloc(size);
    __asm__ volatile("" : "+r"(p)); /* or the compiler makes calloc() of the two */
    return p == NULL ? NULL : memset(p, 0, size);
}

void *mem_alloc(size_t size)
{
    void *p = zeroed(size);

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
    size_t all;

    if (FAULT_FAILS("mem.try") || __builtin_mul_overflow(count, size, &all))
        return NULL;
    return zeroed(all);
}

void *mem_try_bytes(size_t size)
{
    return FAULT_FAILS("mem.try") ? NULL : malloc(size);
}

/* ---- what is taken and given back ---- */

#ifdef __SANITIZE_ADDRESS__
enum { KEEPS = 0 }; /* it sees who uses one that was given back */
#else
enum { KEEPS = 1 };
#endif
enum {
    KEPT_MAX = 64,
    BLOCK_MIN_BITS = 6,
    BLOCK_MAX_BITS = 12,
    BLOCK_SIZES = BLOCK_MAX_BITS - BLOCK_MIN_BITS + 1
};

struct block {
    struct block *next;
};

static __thread struct {
    struct block *first[BLOCK_SIZES];
    unsigned count[BLOCK_SIZES];
    bool on;
} kept;

/* Its list: of the power of two that it fits into. */
static unsigned list_of(size_t size)
{
    return size <= (1U << BLOCK_MIN_BITS)
               ? 0
               : 64 - (unsigned)__builtin_clzll(size - 1) - BLOCK_MIN_BITS;
}

/* One that is kept; NULL: none is. */
static void *unkeep(unsigned list)
{
    struct block *block = kept.first[list];

    if (block != NULL) {
        kept.first[list] = block->next;
        kept.count[list]--;
    }
    return block;
}

void *mem_take(size_t size)
{
    unsigned list;
    void *block;

    if (FAULT_FAILS("mem.try"))
        return NULL;
    if (size > 1U << BLOCK_MAX_BITS)
        return malloc(size);
    list = list_of(size);
    block = unkeep(list);
    return block != NULL ? block : malloc((size_t)1 << (list + BLOCK_MIN_BITS));
}

void mem_give(void *pointer, size_t size)
{
    const unsigned list = size > 1U << BLOCK_MAX_BITS ? 0 : list_of(size);
    struct block *block = pointer;

    if (pointer == NULL || !kept.on || size > 1U << BLOCK_MAX_BITS ||
        kept.count[list] >= KEPT_MAX) {
        free(pointer);
        return;
    }
    block->next = kept.first[list];
    kept.first[list] = block;
    kept.count[list]++;
}

void mem_keep(bool keep)
{
    kept.on = keep && KEEPS;
    for (unsigned list = 0; !keep && list < BLOCK_SIZES; list++) {
        while (kept.first[list] != NULL)
            free(unkeep(list));
    }
}

/* ---- the rest ---- */

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

void fd_close(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}
