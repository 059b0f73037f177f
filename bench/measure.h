/* SPDX-License-Identifier: Apache-2.0 */
/* What the vault's benchmarks share: clocks, quartiles, verdicts. */
#pragma once

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static inline double now(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* What the process has cost so far: on a busy machine the steadier figure. */
static inline double cpu(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static uint64_t rng = 1;

static inline uint64_t draw(uint64_t below)
{
    rng = rng * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (rng >> 24) % below;
}

static inline int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a;
    const double y = *(const double *)b;

    return x < y ? -1 : x > y;
}

static inline double median(double *values, size_t count)
{
    qsort(values, count, sizeof(values[0]), by_value);
    return values[count / 2];
}

/* Of latencies the lower quartile: the rest tells how busy disk and processors were otherwise. */
static inline double lower_quartile(double *values, size_t count)
{
    qsort(values, count, sizeof(values[0]), by_value);
    return values[count / 4];
}

static inline void verdict(const char *what, double ratio, double bar, bool at_least)
{
    (void)printf("  %-58s %6.2f   bar %s %.2f   %s\n", what, ratio, at_least ? ">=" : "<=", bar,
                 (at_least ? ratio >= bar : ratio <= bar) ? "ok" : "MISSED");
}

static inline void must(bool ok, const char *what)
{
    if (ok)
        return;
    (void)fprintf(stderr, "bench: %s failed\n", what);
    exit(1);
}
