/* SPDX-License-Identifier: Apache-2.0 */
/* What the loops share of one upstream.
 * Runs on: any thread; loops take the lock only when something changes. Holds: targets, each freed
 * when the list and all pools have let go of it. Invariant: an ejection leaves at least one address
 * that is neither ejected nor down; each change of a state is logged once. Not here: connections
 * (upstream_pool.c), who asks for health (upstream_check.c), names (upstream_resolve.c). */
#include "proxy/upstream_group_priv.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "proxy/upstream_priv.h"

enum { AVOID_MS = 5000 };

static void log_target(enum log_event event, const struct upstream_group *group,
                       const struct upstream_target *target)
{
    log_event(event, F_TEXT("upstream", span_str(group->config->name)),
              F_TEXT("address", span_str(target->text)));
}

/* ---- the list ---- */

static struct upstream_target *target_new(const struct upstream_address *address)
{
    struct upstream_target *target = mem_alloc(sizeof(*target));

    target->address = *address;
    target->refs = 1;
    endpoint_write(address, target->text);
    return target;
}

static struct upstream_target *find(struct upstream_target *const targets[], size_t count,
                                    const struct upstream_address *address)
{
    for (size_t i = 0; i < count; i++)
        if (endpoint_equal(&targets[i]->address, address))
            return targets[i];
    return NULL;
}

static void unref(struct upstream_target *target)
{
    if (--target->refs == 0)
        free(target);
}

struct upstream_group *upstream_group_new(const struct upstream_config *config)
{
    struct upstream_group *group = mem_alloc(sizeof(*group));

    REQUIRE(config->address_count > 0);
    group->magic = UPSTREAM_GROUP_MAGIC;
    group->config = config;
    (void)pthread_mutex_init(&group->lock, NULL);
    h2o_linklist_init_anchor(&group->pools);
    gate_init(&group->gate, config->concurrency, config->queue_max);
    (void)upstream_group_publish(group, config->addresses, config->address_count);
    return group;
}

void upstream_group_free(struct upstream_group **groupp)
{
    struct upstream_group *group = TAKE(*groupp);

    if (group == NULL)
        return;
    REQUIRE(group->magic == UPSTREAM_GROUP_MAGIC && h2o_linklist_is_empty(&group->pools));
    for (size_t i = 0; i < group->count; i++)
        unref(group->targets[i]);
    gate_done(&group->gate);
    (void)pthread_mutex_destroy(&group->lock);
    group->magic = 0;
    free(group);
}

bool upstream_group_publish(struct upstream_group *group, const struct upstream_address *addresses,
                            size_t count)
{
    struct upstream_target *next[UPSTREAM_ADDRESSES_MAX];
    size_t kept = 0, total = 0;
    bool changed;

    if (count == 0)
        return false;
    (void)pthread_mutex_lock(&group->lock);
    for (size_t i = 0; i < count && total < COUNT_OF(next); i++) {
        struct upstream_target *old = find(group->targets, group->count, &addresses[i]);

        if (find(next, total, &addresses[i]) != NULL)
            continue; /* two names for one address */
        if (old != NULL) {
            old->refs++;
            kept++;
        }
        next[total++] = old != NULL ? old : target_new(&addresses[i]);
    }
    changed = kept != total || total != group->count;
    for (size_t i = 0; i < group->count; i++)
        unref(group->targets[i]);
    memcpy(group->targets, next, total * sizeof(next[0]));
    group->count = total;
    if (changed) /* another order alone is none of the pools' business */
        (void)atomic_fetch_add_explicit(&group->generation, 1, memory_order_release);
    (void)pthread_mutex_unlock(&group->lock);
    return changed;
}

size_t upstream__group_take(struct upstream_group *group,
                            struct upstream_target *ret[UPSTREAM_ADDRESSES_MAX],
                            uint64_t *ret_generation)
{
    size_t count;

    (void)pthread_mutex_lock(&group->lock);
    count = group->count;
    for (size_t i = 0; i < count; i++) {
        ret[i] = group->targets[i];
        ret[i]->refs++;
    }
    *ret_generation = atomic_load_explicit(&group->generation, memory_order_relaxed);
    (void)pthread_mutex_unlock(&group->lock);
    return count;
}

void upstream__target_drop(struct upstream_group *group, struct upstream_target **targetp)
{
    struct upstream_target *target = TAKE(*targetp);

    (void)pthread_mutex_lock(&group->lock);
    unref(target);
    (void)pthread_mutex_unlock(&group->lock);
}

/* ---- ejection ---- */

static bool is_ejected(struct upstream_target *target)
{
    return atomic_load_explicit(&target->ejected_until, memory_order_relaxed) != 0;
}

/* May one more be left out? Under the lock. */
static bool may_eject(const struct upstream_group *group, const struct upstream_target *target)
{
    size_t ejected = 0, in = 0;

    for (size_t i = 0; i < group->count; i++) {
        struct upstream_target *other = group->targets[i];

        ejected += is_ejected(other);
        in += other != target && !is_ejected(other) && !atomic_load(&other->down);
    }
    return in > 0 && (ejected + 1) * 100 <= group->config->ejection.share * group->count;
}

void upstream_group_inherit(struct upstream_group *group, struct upstream_group *before)
{
    (void)pthread_mutex_lock(&before->lock);
    for (size_t i = 0; i < group->count; i++) { /* of the new one nobody else knows yet */
        struct upstream_target *target = group->targets[i];
        struct upstream_target *old = find(before->targets, before->count, &target->address);

        if (old == NULL)
            continue;
        if (group->config->health.path != NULL)
            atomic_store(&target->down, atomic_load(&old->down));
        target->ejections = old->ejections;
        target->returned_at = old->returned_at;
        if (group->config->ejection.failures > 0 && may_eject(group, target))
            atomic_store(&target->ejected_until, atomic_load(&old->ejected_until));
    }
    (void)pthread_mutex_unlock(&before->lock);
}

static int64_t ejection_ms(const struct upstream_ejection *how, uint32_t times)
{
    int64_t ms = how->base_ms;

    for (uint32_t i = 1; i < times && ms < how->max_ms; i++)
        ms *= 2;
    return ms < how->max_ms ? ms : how->max_ms;
}

static void eject(struct upstream_group *group, struct upstream_target *target)
{
    const struct upstream_ejection *how = &group->config->ejection;
    const int64_t now_ms = clock_mono_ms();
    bool done = false;

    (void)pthread_mutex_lock(&group->lock);
    if (!is_ejected(target) && may_eject(group, target)) {
        if (now_ms - target->returned_at > how->max_ms)
            target->ejections = 0;
        target->ejections++;
        atomic_store(&target->ejected_until, now_ms + ejection_ms(how, target->ejections));
        done = true;
    }
    (void)pthread_mutex_unlock(&group->lock);
    if (done)
        log_target(EV_UPSTREAM_EJECTED, group, target);
}

void upstream__target_failed(struct upstream_group *group, struct upstream_target *target,
                             bool unreachable)
{
    const uint32_t limit = group->config->ejection.failures;

    if (unreachable)
        atomic_store_explicit(&target->avoid_until, clock_mono_ms() + AVOID_MS,
                              memory_order_relaxed);
    if (atomic_fetch_add_explicit(&target->failures, 1, memory_order_relaxed) + 1 >= limit &&
        limit > 0)
        eject(group, target);
}

bool upstream__target_is_out(struct upstream_group *group, struct upstream_target *target,
                             int64_t now_ms)
{
    int64_t until = atomic_load_explicit(&target->ejected_until, memory_order_relaxed);
    bool ended;

    if (until == 0)
        return false;
    if (now_ms < until)
        return true;
    (void)pthread_mutex_lock(&group->lock);
    ended = atomic_compare_exchange_strong(&target->ejected_until, &until, 0);
    if (ended) {
        target->returned_at = now_ms;
        /* on trial: the next failure leaves it out again, and one good answer clears it */
        atomic_store(&target->failures, group->config->ejection.failures - 1);
    }
    (void)pthread_mutex_unlock(&group->lock);
    if (ended)
        log_target(EV_UPSTREAM_RETURNED, group, target);
    return false;
}

/* ---- health ---- */

void upstream__target_checked(struct upstream_group *group, struct upstream_target *target,
                              bool good)
{
    const struct upstream_health *health = &group->config->health;
    const bool was_down = atomic_load(&target->down);

    target->good = good ? target->good + 1 : 0;
    target->bad = good ? 0 : target->bad + 1;
    if (!was_down && target->bad >= health->fall) {
        atomic_store(&target->down, true);
        log_target(EV_UPSTREAM_DOWN, group, target);
    } else if (was_down && target->good >= health->rise) {
        atomic_store(&target->down, false);
        atomic_store(&target->avoid_until, 0);
        log_target(EV_UPSTREAM_UP, group, target);
    }
}

/* ---- to be shown ---- */

/* What one pool counted for an address. Under the lock: pools change their lists under it. */
static void add_pool(struct upstream_pool *pool, const struct upstream_target *target,
                     struct upstream_address_state *to)
{
    for (size_t i = 0; i < pool->target_count; i++) {
        struct pool_target *t = pool->targets[i];

        if (t->shared != target)
            continue;
        to->open += atomic_load_explicit(&t->open, memory_order_relaxed);
        to->idle += atomic_load_explicit(&t->idle_count, memory_order_relaxed);
        to->requests += atomic_load_explicit(&t->requests, memory_order_relaxed);
        to->failures += atomic_load_explicit(&t->failures, memory_order_relaxed);
        to->timeouts += atomic_load_explicit(&t->timeouts, memory_order_relaxed);
    }
}

void upstream_group_read(struct upstream_group *group, struct upstream_state *ret)
{
    *ret = (struct upstream_state){.name = group->config->name};
    (void)pthread_mutex_lock(&group->gate.lock);
    ret->concurrent = group->gate.inside;
    ret->queued = group->gate.queued;
    ret->refused = group->gate.refused;
    (void)pthread_mutex_unlock(&group->gate.lock);
    (void)pthread_mutex_lock(&group->lock);
    ret->address_count = group->count;
    for (size_t i = 0; i < group->count; i++) {
        struct upstream_target *target = group->targets[i];
        struct upstream_address_state *to = &ret->addresses[i];

        memcpy(to->address, target->text, sizeof(to->address));
        to->down = atomic_load(&target->down);
        to->ejected = is_ejected(target);
        for (h2o_linklist_t *n = group->pools.next; n != &group->pools; n = n->next)
            add_pool(CONTAINER_OF(n, struct upstream_pool, link), target, to);
    }
    (void)pthread_mutex_unlock(&group->lock);
}
