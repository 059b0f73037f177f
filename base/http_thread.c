/* SPDX-License-Identifier: Apache-2.0 */
/* What a thread that ran a libh2o event loop leaves behind.
 * Runs on: the thread that ends. Holds: nothing. Not here: the loop itself. */
#include "base/http_thread.h"

#include <stdlib.h>

void http_free_recycled(h2o_mem_recycle_t *allocator)
{
    while (allocator->cnt > 0)
        free(h2o_mem_alloc_recycle(allocator, 1));
}

/* libh2o keeps used memory in lists of the thread and forgets those when the thread ends. That of
 * its pools is out of reach, but for a pool: fill one from the list, and free its chunks. */
static void free_recycled_chunks(void)
{
    enum { KEPT_AT_MOST = 16, CHUNK_BYTES = 4096, PIECE_BYTES = 512 };
    struct chunk {
        struct chunk *next;
    } * chunk, *next;
    h2o_mem_pool_t pool;

    h2o_mem_init_pool(&pool);
    for (int i = 0; i < KEPT_AT_MOST * CHUNK_BYTES / PIECE_BYTES; i++)
        (void)h2o_mem_alloc_pool(&pool, PIECE_BYTES);
    for (chunk = (struct chunk *)pool.chunks; chunk != NULL; chunk = next) {
        next = chunk->next;
        free(chunk);
    }
}

void http_thread_end(void)
{
    http_free_recycled(&h2o_socket_buffer_prototype.allocator);
    free_recycled_chunks();
}
