/* SPDX-License-Identifier: Apache-2.0 */
/* What a thread that ran a libh2o event loop leaves behind. */
#pragma once

#include <h2o.h>

/* Free what a recycling allocator of this thread holds. */
void http_free_recycled(h2o_mem_recycle_t *allocator);
/* Free what libh2o keeps for this thread: the thread ends. */
void http_thread_end(void);
