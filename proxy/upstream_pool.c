/* SPDX-License-Identifier: Apache-2.0 */
/* Upstream client: a loop's pool, and which address a call goes to.
 * Runs on: the pool's loop thread. Holds: a target for each of the group's addresses, and for those
 * that went as long as connections to them are open. Invariant: the list of targets changes under the
 * group's lock. Not here: connections (upstream_conn.c), calls (upstream.c). */
#include "proxy/upstream_priv.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

/* ---- targets ---- */

/* A bit for upstream_call.tried. Those of targets that are gone may be in use again: then a call that
 * tried the old one leaves out the new one, once. */
static unsigned take_slot(struct upstream_pool *pool)
{
    unsigned slot = 0;

    while (slot < UPSTREAM_ADDRESSES_MAX - 1 && (pool->slots >> slot & 1) != 0)
        slot++;
    pool->slots |= UINT64_C(1) << slot;
    return slot;
}

static struct pool_target *target_new(struct upstream_pool *pool, struct upstream_target *shared)
{
    struct pool_target *target = mem_alloc(sizeof(*target));

    target->pool = pool;
    target->shared = shared;
    target->slot = take_slot(pool);
    h2o_linklist_init_anchor(&target->idle);
    if (pool->checks && !pool->draining)
        upstream__check_start(target);
    return target;
}

void upstream__pool_forget(struct pool_target *target)
{
    if (!target->gone || target->busy > 0 || !h2o_linklist_is_empty(&target->idle))
        return;
    upstream__target_drop(target->pool->group, &target->shared);
    free(target);
}

static struct upstream_conn *first_idle(const struct pool_target *target)
{
    return H2O_STRUCT_FROM_MEMBER(struct upstream_conn, link, target->idle.next);
}

static void close_idle(struct pool_target *target)
{
    target->busy++; /* not to be freed meanwhile */
    while (!h2o_linklist_is_empty(&target->idle))
        upstream__conn_close(first_idle(target));
    target->busy--;
}

/* The address is no longer the upstream's, or the pool ends. */
static void let_go(struct pool_target *target)
{
    target->gone = true;
    target->busy++;
    upstream__check_stop(target);
    target->busy--;
    close_idle(target);
    upstream__pool_forget(target);
}

static struct pool_target *find(const struct upstream_pool *pool,
                                const struct upstream_target *shared)
{
    for (size_t i = 0; i < pool->target_count; i++)
        if (pool->targets[i]->shared == shared)
            return pool->targets[i];
    return NULL;
}

/* Put `next` in the place of the list; gives back what is no longer on it. */
static size_t exchange(struct upstream_pool *pool, struct pool_target *next[], size_t count,
                       struct pool_target *ret_gone[UPSTREAM_ADDRESSES_MAX])
{
    size_t gone = 0;

    (void)pthread_mutex_lock(&pool->group->lock);
    for (size_t i = 0; i < pool->target_count; i++) {
        struct pool_target *target = pool->targets[i];
        bool stays = false;

        for (size_t k = 0; k < count && !stays; k++)
            stays = next[k] == target;
        if (!stays)
            ret_gone[gone++] = target;
    }
    memcpy(pool->targets, next, count * sizeof(next[0]));
    pool->target_count = count;
    (void)pthread_mutex_unlock(&pool->group->lock);
    return gone;
}

void upstream__pool_adopt(struct upstream_pool *pool)
{
    struct upstream_target *shared[UPSTREAM_ADDRESSES_MAX];
    struct pool_target *next[UPSTREAM_ADDRESSES_MAX], *gone[UPSTREAM_ADDRESSES_MAX];
    size_t gone_count, count = upstream__group_take(pool->group, shared, &pool->generation);

    pool->slots = 0;
    for (size_t i = 0; i < count; i++) {
        next[i] = find(pool, shared[i]);
        if (next[i] != NULL) {
            pool->slots |= UINT64_C(1) << next[i]->slot;
            upstream__target_drop(pool->group, &shared[i]);
        }
    }
    for (size_t i = 0; i < count; i++)
        if (next[i] == NULL)
            next[i] = target_new(pool, shared[i]);
    gone_count = exchange(pool, next, count, gone);
    for (size_t i = 0; i < gone_count; i++)
        let_go(gone[i]);
}

/* ---- the choice ---- */

enum rank { RANK_WELL, RANK_AVOIDED, RANK_EJECTED, RANK_DOWN };

static enum rank rank_of(struct upstream_pool *pool, struct upstream_target *target)
{
    const int64_t avoid_until = atomic_load_explicit(&target->avoid_until, memory_order_relaxed);

    if (atomic_load_explicit(&target->down, memory_order_relaxed))
        return RANK_DOWN;
    if (atomic_load_explicit(&target->ejected_until, memory_order_relaxed) != 0 &&
        upstream__target_is_out(pool->group, target, clock_mono_ms()))
        return RANK_EJECTED;
    return avoid_until != 0 && avoid_until > clock_mono_ms() ? RANK_AVOIDED : RANK_WELL;
}

struct pool_target *upstream__pool_choose_of_many(struct upstream_pool *pool,
                                                  const struct upstream_call *call)
{
    const size_t count = pool->target_count;
    struct pool_target *best = NULL;
    enum rank best_rank = RANK_DOWN;
    size_t best_at = 0;

    for (size_t i = 0; i < count; i++) {
        const size_t at = pool->next + i < count ? pool->next + i : (pool->next + i) % count;
        struct pool_target *target = pool->targets[at];
        enum rank rank;

        if (upstream__pool_was_tried(call, target))
            continue;
        rank = rank_of(pool, target->shared);
        if (rank < best_rank || (rank == best_rank && best != NULL && target->busy < best->busy)) {
            best = target;
            best_rank = rank;
            best_at = at;
        }
    }
    pool->next = best_at + 1 < count ? best_at + 1 : 0;
    return best;
}

bool upstream__pool_close_one(struct upstream_pool *pool)
{
    struct upstream_conn *oldest = NULL;

    for (size_t i = 0; i < pool->target_count; i++) {
        struct pool_target *target = pool->targets[i];
        struct upstream_conn *last;

        if (h2o_linklist_is_empty(&target->idle))
            continue;
        last = H2O_STRUCT_FROM_MEMBER(struct upstream_conn, link, target->idle.prev);
        if (oldest == NULL || last->idle_since < oldest->idle_since)
            oldest = last;
    }
    if (oldest != NULL)
        upstream__conn_close(oldest);
    return oldest != NULL;
}

void upstream__pool_failed(struct upstream_conn *conn, const struct upstream_call *call,
                           enum err result)
{
    struct pool_target *target = conn->target;
    const bool unreachable = conn->state == CONN_CONNECTING || conn->state == CONN_HANDSHAKE;

    if (call->target != NULL)
        return;
    UPSTREAM_COUNT(target->failures, 1);
    if (result == ERR_TIMEOUT)
        UPSTREAM_COUNT(target->timeouts, 1);
    upstream__target_failed(conn->pool->group, target->shared, unreachable);
}

/* ---- life ---- */

/* One timeout for each length of time that is waited for. */
static void init_timeouts(struct upstream_pool *pool)
{
    const struct upstream_config *config = pool->config;
    const bool checks = config->health.path != NULL, queues = config->concurrency > 0;
    const int64_t ms[POOL_TIMEOUTS] = {
        [WAIT_NOT] = 0,
        [WAIT_CONNECT] = config->connect_ms,
        [WAIT_TLS] = config->tls_ms,
        [WAIT_WRITE] = config->write_ms,
        [WAIT_FIRST_BYTE] = config->first_byte_ms,
        [WAIT_IDLE] = config->idle_ms,
        [WAIT_RESPONSE] = config->response_ms,
        [WAIT_KEEP_ALIVE] = config->keep_alive_ms,
        [WAIT_TURN] = queues ? config->queue_ms : -1,
        [WAIT_CHECK] = checks ? config->health.interval_ms : -1,
        [WAIT_CHECK_DONE] = checks ? config->health.timeout_ms : -1,
    };

    for (size_t i = 0; i < COUNT_OF(ms); i++) {
        size_t same = 0;

        while (same < i && ms[same] != ms[i])
            same++;
        if (same < i || ms[i] < 0) {
            pool->wait[i] = ms[i] < 0 ? NULL : pool->wait[same];
            continue;
        }
        pool->wait[i] = &pool->timeouts[pool->timeout_count++];
        h2o_timeout_init(pool->loop, pool->wait[i], (uint64_t)ms[i]);
    }
}

static void on_turn(struct gate_door *door)
{
    upstream__take_turns(CONTAINER_OF(door, struct upstream_pool, door));
}

struct upstream_pool *upstream_pool_new(h2o_loop_t *loop, h2o_multithread_queue_t *queue,
                                        struct upstream_group *group, bool checks)
{
    struct upstream_pool *pool = mem_alloc(sizeof(*pool));

    REQUIRE(group->magic == UPSTREAM_GROUP_MAGIC);
    pool->magic = UPSTREAM_POOL_MAGIC;
    pool->loop = loop;
    pool->config = group->config;
    pool->group = group;
    pool->checks = checks && pool->config->health.path != NULL;
    h2o_linklist_init_anchor(&pool->busy);
    h2o_linklist_init_anchor(&pool->closed);
    h2o_linklist_init_anchor(&pool->calls);
    h2o_linklist_init_anchor(&pool->queue);
    h2o_linklist_init_anchor(&pool->due);
    pool->beginning.cb = upstream__begin_due;
    h2o_linklist_init_anchor(&pool->spare_calls);
    init_timeouts(pool);
    if (pool->config->tls != NULL)
        upstream__tls_watch(pool->config->tls);
    gate_open(&pool->door, &group->gate, queue, on_turn);
    upstream__pool_adopt(pool);
    (void)pthread_mutex_lock(&group->lock);
    h2o_linklist_insert(&group->pools, &pool->link);
    (void)pthread_mutex_unlock(&group->lock);
    return pool;
}

void upstream_pool_drain(struct upstream_pool *pool)
{
    pool->draining = true;
    for (size_t i = 0; i < pool->target_count; i++) {
        upstream__check_stop(pool->targets[i]);
        close_idle(pool->targets[i]);
    }
}

static struct upstream_conn *first_conn(const h2o_linklist_t *list)
{
    return H2O_STRUCT_FROM_MEMBER(struct upstream_conn, link, list->next);
}

static void drop_targets(struct upstream_pool *pool)
{
    struct pool_target *gone[UPSTREAM_ADDRESSES_MAX], *none[1] = {NULL};
    const size_t count = exchange(pool, none, 0, gone);

    for (size_t i = 0; i < count; i++)
        let_go(gone[i]);
}

void upstream_pool_free(struct upstream_pool **poolp)
{
    struct upstream_pool *pool = TAKE(*poolp);

    if (pool == NULL)
        return;
    REQUIRE(pool->magic == UPSTREAM_POOL_MAGIC);
    (void)pthread_mutex_lock(&pool->group->lock);
    h2o_linklist_unlink(&pool->link);
    (void)pthread_mutex_unlock(&pool->group->lock);
    pool->draining = true;
    while (!h2o_linklist_is_empty(&pool->busy))
        upstream__conn_close(first_conn(&pool->busy));
    drop_targets(pool);
    while (!h2o_linklist_is_empty(&pool->closed))
        upstream__conn_destroy(first_conn(&pool->closed));
    upstream__calls_destroy(pool);
    h2o_timeout_unlink(&pool->beginning);
    gate_close(&pool->door);
    for (size_t i = 0; i < pool->timeout_count; i++)
        h2o_timeout_dispose(pool->loop, &pool->timeouts[i]);
    explicit_bzero(pool->scratch, sizeof(pool->scratch)); /* bodies of whoever came last */
    pool->magic = 0;
    free(pool);
}
