/* SPDX-License-Identifier: Apache-2.0 */
/* Upstream client: health checks.
 * Runs on: the loop thread of the one pool that checks. Holds: for each target a timer or a call.
 * Invariant: one check of an address at a time, each over a connection of its own, with no turn at the
 * gate and no part in counting requests. Not here: what a check changes (upstream_group.c). */
#include "proxy/upstream_priv.h"

/* The next one, an interval after this one's end. */
static void check_later(struct pool_target *target)
{
    target->check = NULL;
    h2o_timeout_link(target->pool->loop, target->pool->wait[WAIT_CHECK], &target->check_timer);
}

static void conclude(struct pool_target *target, bool good)
{
    struct upstream_pool *pool = target->pool;

    check_later(target);
    upstream__target_checked(pool->group, target->shared, good);
}

/* The status is all that counts; the rest need not come. */
static void on_head(struct upstream_call *call, const struct upstream_head *head, void *context)
{
    struct pool_target *target = context;
    const struct upstream_health *health = &target->pool->config->health;
    const bool good = head->status >= health->status_min && head->status <= health->status_max;

    upstream_detach(call);
    conclude(target, good);
}

static void on_body(struct upstream_call *call UNUSED, struct span bytes UNUSED,
                    void *context UNUSED)
{
}

static void on_done(struct upstream_call *call UNUSED, enum err result UNUSED, void *context)
{
    conclude(context, false);
}

static const struct upstream_events events = {
    .on_head = on_head, .on_body = on_body, .on_done = on_done};

static void check(struct pool_target *target)
{
    static const struct upstream_header agent = {SPAN_LIT("User-Agent"),
                                                 SPAN_LIT("lethe-health-check")};
    struct upstream_pool *pool = target->pool;
    const struct upstream_request request = {.method = SPAN_LIT("GET"),
                                             .target = span_str(pool->config->health.path),
                                             .headers = &agent,
                                             .header_count = 1};
    struct upstream_call *call = upstream__call_new(pool);
    enum err e;

    target->check = call;
    call->events = events;
    call->context = target;
    call->target = target;
    call->sending = true;
    upstream__call_limit(call, WAIT_CHECK_DONE);
    e = upstream__request_head(pool, &request, &call->head);
    if (e == ERR_OK)
        upstream__conn_open(call, target);
    else
        upstream__call_end(call, e);
    call->sending = false;
}

static void on_timer(h2o_timeout_entry_t *entry)
{
    struct pool_target *target = H2O_STRUCT_FROM_MEMBER(struct pool_target, check_timer, entry);
    struct upstream_pool *pool = target->pool;

    target->busy++; /* it may be one of those that went */
    upstream__pool_refresh(pool);
    target->busy--;
    if (target->gone)
        upstream__pool_forget(target);
    else
        check(target);
}

void upstream__check_start(struct pool_target *target)
{
    target->check_timer.cb = on_timer;
    h2o_timeout_link(target->pool->loop, target->pool->wait[WAIT_NOT], &target->check_timer);
}

void upstream__check_stop(struct pool_target *target)
{
    struct upstream_call *call = TAKE(target->check);

    h2o_timeout_unlink(&target->check_timer);
    if (call != NULL)
        upstream_detach(call);
}
