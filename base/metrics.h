/* SPDX-License-Identifier: Apache-2.0 */
/* Figures for monitoring: counters that cost a thread nothing but an addition, and the text that
 * Prometheus reads (exposition format 0.0.4). Names and labels come from our code and from the
 * configuration, never from a request. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"

/* ---- counting ---- */

/* Written by the one thread that owns it, read by any. */
struct counter {
    _Atomic uint64_t n;
};

static inline uint64_t counter_read(const struct counter *c)
{
    return atomic_load_explicit(&c->n, memory_order_relaxed);
}

/* The owner. No lock, no bus: a load, an addition and a store. */
static inline void counter_add(struct counter *c, uint64_t n)
{
    atomic_store_explicit(&c->n, counter_read(c) + n, memory_order_relaxed);
}

static inline void counter_set(struct counter *c, uint64_t n)
{
    atomic_store_explicit(&c->n, n, memory_order_relaxed);
}

enum { HISTOGRAM_BOUNDS_MAX = 16 };

/* Bounds of a histogram, ascending; `unit` is what one of their steps is in the unit of its name. */
struct histogram_scale {
    size_t count;
    uint64_t bounds[HISTOGRAM_BOUNDS_MAX];
    double unit;
};

/* Microseconds from 50 to 10 s, written in seconds; and numbers of things from 1 to 2000. */
extern const struct histogram_scale histogram_durations;
extern const struct histogram_scale histogram_sizes;

/* Written by one thread, read by any. */
struct histogram {
    struct counter buckets[HISTOGRAM_BOUNDS_MAX + 1]; /* the last: above all bounds */
    struct counter sum;
};

void histogram_add(struct histogram *h, const struct histogram_scale *scale, uint64_t value);
/* Add what another has counted. */
void histogram_merge(struct histogram *into, const struct histogram *from);

/* ---- writing ---- */

struct metric_label {
    const char *name;
    struct span value;
};

/* The text under way. After an error nothing more is written; metrics_end() says so. */
struct metrics {
    struct buf *out;
    const char *name; /* of the family being written */
    enum err error;
};

void metrics_begin(struct metrics *m, struct buf *out);
/* Begin a family: "counter", "gauge", "histogram". Names and help texts are literals. */
void metrics_family(struct metrics *m, const char *name, const char *type, const char *help);
/* A value of the family; labels end with a NULL name, or NULL: none. Values of labels are escaped. */
void metrics_count(struct metrics *m, const struct metric_label *labels, uint64_t value);
void metrics_number(struct metrics *m, const struct metric_label *labels, double value);
/* All lines of a histogram family without labels. */
void metrics_histogram(struct metrics *m, const struct histogram_scale *scale,
                       const struct histogram *h);
/* A family of one value without labels. */
void metrics_one(struct metrics *m, const char *name, const char *type, const char *help,
                 double value);
enum err metrics_end(struct metrics *m) MUST_CHECK;

/* What the kernel says of this process: CPU, memory, descriptors, threads, begin; blocks shortly. */
void metrics_process(struct metrics *m);
