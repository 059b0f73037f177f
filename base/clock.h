/* SPDX-License-Identifier: Apache-2.0 */
/* The time, in milliseconds. Tests set it; a build without fault points has no way to. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Wall clock, milliseconds since 1970-01-01T00:00Z. */
int64_t clock_now_ms(void);
/* Wall clock, whole seconds. */
int64_t clock_now_s(void);
/* Monotonic clock for durations; never set. */
int64_t clock_mono_ms(void);
/* The same in microseconds. */
int64_t clock_mono_us(void);
/* Milliseconds since the machine was started, sleep included; never set. */
int64_t clock_boot_ms(void);
/* Has a test stopped the wall clock? Never in a build without fault points. */
bool clock_is_stopped(void);

#ifdef LETHE_FAULTS
/* Stop the wall clock at `now_ms`, for all threads; a negative value lets it run again. */
void clock_test_set_ms(int64_t now_ms);
#endif
