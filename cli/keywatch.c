/* SPDX-License-Identifier: Apache-2.0 */
/* The timer of the key watch.
 * Runs on: the control loop; passes run in libuv's worker pool. Holds: one timer, one work request,
 * the watch. Invariant: there is never more than one pass at a time. Not here: what a pass does
 * (keys/watch.c). */
#include "cli/keywatch.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"

enum { KEYWATCH_MAGIC = 0x6c6b7774 };

struct keywatch {
    uint32_t magic;
    uv_loop_t *loop;
    struct watch *watch;
    uv_timer_t timer;
    uv_work_t work;
    int64_t again_ms; /* what the last pass said */
    bool working;
    bool timer_open;
    bool stopping;
    keywatch_stopped_fn stopped;
    void *context;
};

static void free_when_done(struct keywatch *k)
{
    if (k->timer_open || k->working)
        return;
    k->stopped(k->context);
    watch_free(&k->watch);
    k->magic = 0;
    free(k);
}

/* Worker thread. */
static void on_work(uv_work_t *work)
{
    struct keywatch *k = CONTAINER_OF(work, struct keywatch, work);

    k->again_ms = watch_pass(k->watch);
}

static void on_timer(uv_timer_t *timer);

static void on_worked(uv_work_t *work, int status UNUSED)
{
    struct keywatch *k = CONTAINER_OF(work, struct keywatch, work);

    REQUIRE(k->magic == KEYWATCH_MAGIC);
    k->working = false;
    if (k->stopping)
        free_when_done(k);
    else
        REQUIRE(uv_timer_start(&k->timer, on_timer, (uint64_t)k->again_ms, 0) == 0);
}

static void on_timer(uv_timer_t *timer)
{
    struct keywatch *k = timer->data;

    REQUIRE(k->magic == KEYWATCH_MAGIC && !k->working);
    k->working = true;
    REQUIRE(uv_queue_work(k->loop, &k->work, on_work, on_worked) == 0);
}

struct keywatch *keywatch_start(uv_loop_t *loop, struct watch *watch)
{
    struct keywatch *k = mem_alloc(sizeof(*k));

    k->magic = KEYWATCH_MAGIC;
    k->loop = loop;
    k->watch = watch;
    k->timer_open = true;
    REQUIRE(uv_timer_init(loop, &k->timer) == 0);
    k->timer.data = k;
    REQUIRE(uv_timer_start(&k->timer, on_timer, 0, 0) == 0);
    return k;
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct keywatch *k = handle->data;

    REQUIRE(k->magic == KEYWATCH_MAGIC);
    k->timer_open = false;
    free_when_done(k);
}

void keywatch_stop(struct keywatch **keywatch, keywatch_stopped_fn stopped, void *context)
{
    struct keywatch *k = TAKE(*keywatch);

    if (k == NULL)
        return;
    k->stopping = true;
    k->stopped = stopped;
    k->context = context;
    uv_close((uv_handle_t *)&k->timer, on_timer_closed);
}
