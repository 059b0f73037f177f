/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of a group: the addresses of one upstream, and how each fares, over all loops. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "proxy/upstream.h"
#include "proxy/upstream_gate.h"

enum { UPSTREAM_GROUP_MAGIC = 0x4c756770 };

/* One address. What loops look at before each request is atomic, the rest changes under the group's
 * lock; `refs` as well, since pools hold targets that have left the group. */
struct upstream_target {
    struct upstream_address address;
    char text[ENDPOINT_TEXT_MAX];
    size_t refs;
    _Atomic bool down;         /* health checks say so */
    _Atomic uint32_t failures; /* in a row */
    _Atomic int64_t
        avoid_until; /* it could not be connected to: asked last until then; 0: not so */
    _Atomic int64_t ejected_until; /* 0: it is in */
    int64_t returned_at;           /* from its last ejection */
    uint32_t ejections;            /* since it was last well for long */
    uint32_t good, bad;            /* health checks in a row; of the one pool that checks */
};

struct upstream_group {
    uint32_t magic;
    const struct upstream_config *config;
    struct upstream_gate gate;
    pthread_mutex_t lock; /* of what follows */
    struct upstream_target *targets[UPSTREAM_ADDRESSES_MAX];
    size_t count;
    _Atomic uint64_t generation; /* of the list; read without the lock */
    h2o_linklist_t pools;
};

/* The targets of now, each held for the caller; returns how many. ret has room for all. */
size_t upstream__group_take(struct upstream_group *group,
                            struct upstream_target *ret[UPSTREAM_ADDRESSES_MAX],
                            uint64_t *ret_generation);
void upstream__target_drop(struct upstream_group *group, struct upstream_target **target);

/* A request went well there. Cheap. */
static inline void upstream__target_well(struct upstream_target *target)
{
    if (atomic_load_explicit(&target->failures, memory_order_relaxed) != 0)
        atomic_store_explicit(&target->failures, 0, memory_order_relaxed);
    if (atomic_load_explicit(&target->avoid_until, memory_order_relaxed) != 0)
        atomic_store_explicit(&target->avoid_until, 0, memory_order_relaxed);
}

/* A request failed there; it may have been the last straw. unreachable: it could not be connected to. */
void upstream__target_failed(struct upstream_group *group, struct upstream_target *target,
                             bool unreachable);
/* Is it out? Ends an ejection whose time is over. */
bool upstream__target_is_out(struct upstream_group *group, struct upstream_target *target,
                             int64_t now_ms);
/* The outcome of a health check. The pool that checks only. */
void upstream__target_checked(struct upstream_group *group, struct upstream_target *target,
                              bool good);
