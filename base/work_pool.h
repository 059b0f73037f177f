/* SPDX-License-Identifier: Apache-2.0 */
/* A few threads that carry out what may block, for a thread that may not. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/mem.h"

struct work_pool;

/* First member of whatever is to be done; the owner keeps it alive until it has run. */
struct work {
    void (*run)(struct work *work); /* on a thread of the pool */
    struct work *next;              /* the pool's */
};

/* IO when a thread cannot be started; nothing is left then. */
enum err work_pool_start(size_t threads, struct work_pool **ret_pool) MUST_CHECK;
/* In the order of adding, as soon as a thread is free. False, and it will not run, when the pool has ended.
 * Any thread; does not block. */
bool work_pool_add(struct work_pool *pool, struct work *work) MUST_CHECK;
/* Wait until everything that was added has run, and end the threads. Idempotent. */
void work_pool_end(struct work_pool *pool);
/* End, and free: nobody adds any more. */
void work_pool_free(struct work_pool **pool);
