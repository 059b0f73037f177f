/* SPDX-License-Identifier: Apache-2.0 */
/* Wall and monotonic clocks.
 * Runs on: any thread. Holds: the time tests have set. */
#include "base/clock.h"

#include <time.h>

#ifdef LETHE_FAULTS
#include <stdatomic.h>

static _Atomic int64_t stopped_at_ms = -1;

void clock_test_set_ms(int64_t now_ms)
{
    atomic_store(&stopped_at_ms, now_ms);
}
#endif

static int64_t read_ms(clockid_t id)
{
    struct timespec t = {0, 0};

    (void)clock_gettime(id, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t clock_now_ms(void)
{
#ifdef LETHE_FAULTS
    int64_t stopped = atomic_load(&stopped_at_ms);

    if (stopped >= 0)
        return stopped;
#endif
    return read_ms(CLOCK_REALTIME);
}

int64_t clock_now_s(void)
{
    return clock_now_ms() / 1000;
}

int64_t clock_mono_ms(void)
{
    return read_ms(CLOCK_MONOTONIC);
}

int64_t clock_mono_us(void)
{
    struct timespec t = {0, 0};

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t clock_boot_ms(void)
{
    return read_ms(CLOCK_BOOTTIME);
}

bool clock_is_stopped(void)
{
#ifdef LETHE_FAULTS
    return atomic_load(&stopped_at_ms) >= 0;
#else
    return false;
#endif
}
