/* SPDX-License-Identifier: Apache-2.0 */
/* One turn of libh2o's event loop, on a clock that may be set.
 *
 * libh2o 2.2.5 tells its time by the wall clock. When that is set back, every timer that was
 * running would end only when the clock has caught up, and no timer linked to the same time-out
 * after it would end before: an hour set back is an hour without a deadline for slow clients. */
#pragma once

#include <h2o.h>
#include <stdint.h>

/* h2o_evloop_run() once, waiting `max_wait_ms` at most. Timers from before a clock that was set back
 * begin again with their full time. Runs on: the loop's thread; blocks. */
void http_turn(h2o_evloop_t *loop, int32_t max_wait_ms);
