/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <time.h>

#include "base/secret.h"

TestSuite(clock, .init = secret_start);

Test(clock, tells_the_time_of_the_system)
{
    int64_t before = (int64_t)time(NULL);
    int64_t now_ms = clock_now_ms(), now_s = clock_now_s();
    int64_t after = (int64_t)time(NULL);

    cr_assert(now_ms / 1000 >= before && now_ms / 1000 <= after + 1);
    cr_assert(now_s >= before && now_s <= after + 1);
}

Test(clock, stands_still_where_a_test_stops_it_and_runs_again)
{
    clock_test_set_ms(1234567);
    cr_assert_eq(clock_now_ms(), 1234567);
    cr_assert_eq(clock_now_s(), 1234);
    clock_test_set_ms(0);
    cr_assert_eq(clock_now_ms(), 0);
    clock_test_set_ms(-1);
    cr_assert_gt(clock_now_ms(), 1600000000000);
}

static void *read_clock(void *ret)
{
    *(int64_t *)ret = clock_now_ms();
    return NULL;
}

Test(clock, stops_for_all_threads)
{
    int64_t seen = 0;
    pthread_t thread;

    clock_test_set_ms(42);
    cr_assert_eq(pthread_create(&thread, NULL, read_clock, &seen), 0);
    cr_assert_eq(pthread_join(thread, NULL), 0);
    cr_assert_eq(seen, 42);
}

Test(clock, monotonic_goes_on_while_the_wall_clock_is_stopped)
{
    int64_t start = clock_mono_ms(), last = start;

    clock_test_set_ms(5);
    while (last < start + 2) { /* bounded: two milliseconds */
        int64_t now = clock_mono_ms();

        cr_assert_geq(now, last);
        last = now;
    }
}

Test(clock, milliseconds_and_microseconds_tell_one_time)
{
    const int64_t before_ms = clock_mono_ms();
    const int64_t us = clock_mono_us();

    cr_assert_geq(us / 1000, before_ms);
    cr_assert_leq(us / 1000, clock_mono_ms());
}
