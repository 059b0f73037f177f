/* SPDX-License-Identifier: Apache-2.0 */
/* The timer of the notices.
 * Runs on: the control loop; passes run in libuv's worker pool. Holds: one timer, one work request. Invariant: there
 * is never more than one pass at a time. Not here: what a pass does (retention/notice_send.c). */
#include "cli/courier.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/log.h"
#include "base/mem.h"

/* A look whether anything is due costs less than a millisecond. */
enum { COURIER_MAGIC = 0x6c636f75, EVERY_MS = 2000 };

struct courier {
    uint32_t magic;
    uv_loop_t *loop;
    struct notices *notices;
    uv_timer_t timer;
    uv_work_t work;
    bool working;
    bool timer_open;
    atomic_bool stop;
    courier_stopped_fn stopped;
    void *context;
};

static void free_when_done(struct courier *c)
{
    if (c->timer_open || c->working)
        return;
    c->stopped(c->context);
    c->magic = 0;
    free(c);
}

/* Worker thread. */
static void on_work(uv_work_t *work)
{
    struct courier *c = CONTAINER_OF(work, struct courier, work);
    enum err e = notices_pass(c->notices, &c->stop);

    if (e != ERR_OK && e != ERR_CANCELED && e != ERR_SEALED)
        log_event(EV_NOTICE_FAILED, F_LIT("why", err_name(e)));
}

static void on_timer(uv_timer_t *timer);

static void on_worked(uv_work_t *work, int status UNUSED)
{
    struct courier *c = CONTAINER_OF(work, struct courier, work);

    REQUIRE(c->magic == COURIER_MAGIC);
    c->working = false;
    if (atomic_load(&c->stop))
        free_when_done(c);
    else
        REQUIRE(uv_timer_start(&c->timer, on_timer, EVERY_MS, 0) == 0);
}

static void on_timer(uv_timer_t *timer)
{
    struct courier *c = timer->data;

    REQUIRE(c->magic == COURIER_MAGIC && !c->working);
    c->working = true;
    REQUIRE(uv_queue_work(c->loop, &c->work, on_work, on_worked) == 0);
}

struct courier *courier_start(uv_loop_t *loop, struct notices *notices)
{
    struct courier *c = mem_alloc(sizeof(*c));

    c->magic = COURIER_MAGIC;
    c->loop = loop;
    c->notices = notices;
    c->timer_open = true;
    REQUIRE(uv_timer_init(loop, &c->timer) == 0);
    c->timer.data = c;
    REQUIRE(uv_timer_start(&c->timer, on_timer, 0, 0) == 0);
    return c;
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct courier *c = handle->data;

    REQUIRE(c->magic == COURIER_MAGIC);
    c->timer_open = false;
    free_when_done(c);
}

void courier_stop(struct courier **courier, courier_stopped_fn stopped, void *context)
{
    struct courier *c = TAKE(*courier);

    if (c == NULL)
        return;
    atomic_store(&c->stop, true);
    c->stopped = stopped;
    c->context = context;
    uv_close((uv_handle_t *)&c->timer, on_timer_closed);
}
