/* SPDX-License-Identifier: Apache-2.0 */
/* Counts of long work.
 * Runs on: any thread. Holds: the counts. Invariant: numbers only; what they count is nobody's. Not here: how they
 * are shown (cli/progress.c). */
#include "base/effort.h"

#include <stdatomic.h>

/* The two may be a step apart for whoever looks: they are shown, not reckoned with. */
static struct {
    _Atomic uint64_t done, total;
} efforts[EFFORTS];

void effort_set(enum effort kind, uint64_t done, uint64_t total)
{
    atomic_store_explicit(&efforts[kind].done, done, memory_order_relaxed);
    atomic_store_explicit(&efforts[kind].total, total, memory_order_relaxed);
}

void effort_get(enum effort kind, uint64_t *ret_done, uint64_t *ret_total)
{
    *ret_done = atomic_load_explicit(&efforts[kind].done, memory_order_relaxed);
    *ret_total = atomic_load_explicit(&efforts[kind].total, memory_order_relaxed);
}

const char *effort_name(enum effort kind)
{
    static const char *const names[EFFORTS] = {"backup", "recount", "restore", "examine",
                                               "simulate"};

    return names[kind];
}
