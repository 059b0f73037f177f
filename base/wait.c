/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting by the monotonic clock.
 * Runs on: any thread. Holds: nothing. */
#include "base/wait.h"

#include <errno.h>
#include <time.h>

#include "base/assert.h"

void wait_init(pthread_cond_t *cond)
{
    pthread_condattr_t monotonic;

    REQUIRE(pthread_condattr_init(&monotonic) == 0 &&
            pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC) == 0 &&
            pthread_cond_init(cond, &monotonic) == 0);
    (void)pthread_condattr_destroy(&monotonic);
}

bool wait_until_ms(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t at_ms)
{
    const struct timespec at = {.tv_sec = at_ms / 1000, .tv_nsec = at_ms % 1000 * 1000000};

    return pthread_cond_timedwait(cond, lock, &at) != ETIMEDOUT;
}
