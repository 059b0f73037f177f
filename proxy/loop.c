/* SPDX-License-Identifier: Apache-2.0 */
/* A loop thread: its event loop, its drain, its end.
 * Runs on: its own thread, all of it, since libh2o keeps buffers per thread. Holds: the h2o
 * context, upstream pools, a vault reader. Invariant: a drained loop leaves only when every client
 * is gone and the vault has given every operation back. Not here: sockets that listen
 * (listener.c), requests (exchange.c). */
#include "proxy/client.h"

#include <limits.h>
#include <signal.h>
#include <sys/socket.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/http_thread.h"
#include "base/http_turn.h"
#include "proxy/exchange.h"

enum { DRAIN_POLL_MS = 20, LOOK_MS = 1000 };

/* ---- set-up and take-down ---- */

/* The control thread has another setup for this loop. */
static void on_orders(h2o_multithread_receiver_t *receiver, h2o_linklist_t *messages)
{
    struct proxy_loop *loop = CONTAINER_OF(receiver, struct proxy_loop, orders);
    struct proxy *proxy = loop->proxy;
    struct proxy_setup *setup;

    while (!h2o_linklist_is_empty(messages))
        h2o_linklist_unlink(messages->next);
    (void)pthread_mutex_lock(&proxy->lock);
    setup = TAKE(loop->ordered);
    (void)pthread_mutex_unlock(&proxy->lock);
    if (setup == NULL) /* only woken */
        return;
    loop_take_setup(loop, setup);
    listeners_apply(loop, setup);
    (void)pthread_mutex_lock(&proxy->lock);
    proxy->taken++;
    (void)pthread_cond_broadcast(&proxy->changed);
    (void)pthread_mutex_unlock(&proxy->lock);
}

/* How late is a timer? So much later than it could was everything of this loop. */
static void on_look(h2o_timeout_entry_t *entry)
{
    struct proxy_loop *loop = CONTAINER_OF(entry, struct proxy_loop, look);
    const int64_t now_us = clock_mono_us(), late_us = now_us - loop->look_us - LOOK_MS * 1000;

    histogram_add(&loop->figures.lag, &histogram_durations, (uint64_t)(late_us > 0 ? late_us : 0));
    loop->look_us = now_us;
    h2o_timeout_link(loop->evloop, &loop->second, &loop->look);
}

static void start_looking(struct proxy_loop *loop)
{
    h2o_timeout_init(loop->evloop, &loop->second, LOOK_MS);
    loop->look.cb = on_look;
    loop->look_us = clock_mono_us();
    h2o_timeout_link(loop->evloop, &loop->second, &loop->look);
}

static void stop_looking(struct proxy_loop *loop)
{
    h2o_timeout_unlink(&loop->look);
    h2o_timeout_dispose(loop->evloop, &loop->second);
}

static enum err set_up(struct proxy_loop *loop)
{
    enum err e = vault_reader_open(loop->proxy->vault, &loop->reader);

    if (e != ERR_OK)
        return e;
    mem_keep(true);
    h2o_linklist_init_anchor(&loop->setups);
    h2o_linklist_init_anchor(&loop->listeners);
    h2o_linklist_init_anchor(&loop->clients);
    h2o_linklist_init_anchor(&loop->exchanges);
    loop->evloop = h2o_evloop_create();
    h2o_context_init(&loop->context, loop->evloop, &loop->proxy->config);
    h2o_multithread_register_receiver(loop->context.queue, &loop->stored, exchange_on_stored);
    h2o_multithread_register_receiver(loop->context.queue, &loop->orders, on_orders);
    exchange_records_init(loop);
    clients_watch_init(loop);
    start_looking(loop);
    setup_hold(loop->proxy->setup);
    loop_take_setup(loop, loop->proxy->setup);
    return ERR_OK;
}

static void take_down(struct proxy_loop *loop)
{
    h2o_multithread_queue_t *queue = loop->context.queue;

    stop_looking(loop);
    loop_drop_setups(loop);
    listeners_free(loop);
    exchange_records_done(loop);
    h2o_multithread_unregister_receiver(loop->context.queue, &loop->orders);
    h2o_multithread_unregister_receiver(loop->context.queue, &loop->stored);
    clients_watch_done(loop);
    h2o_context_dispose(&loop->context);
    (void)h2o_evloop_run(loop->evloop, 0); /* frees the sockets that were just closed */
    h2o_evloop_destroy(loop->evloop);
    free(queue); /* the library forgets to, on this event loop */
    vault_reader_close(&loop->reader);
    exchange_buffers_free();
    exchanges_free_spare();
    mem_keep(false);
    http_thread_end();
}

/* ---- draining ---- */

/* A connection on which no request has begun reads an end of file and closes itself; one whose
 * request is already on its way is still served. */
static int close_if_idle(h2o_req_t *req, void *context UNUSED)
{
    if (req->version == 0)
        (void)shutdown(h2o_socket_get_fd(req->conn->callbacks->get_socket(req->conn)), SHUT_RD);
    return 0;
}

static void begin_drain(struct proxy_loop *loop)
{
    loop->state = LOOP_DRAINING;
    listeners_stop(loop);
    /* All that h2o_context_request_shutdown() does beside this is start a timer for HTTP/2, which
     * would outlive the context. */
    loop->context.shutdown_requested = 1;
    for (size_t i = 0; i < loop->setup->settings->upstream_count; i++)
        upstream_pool_drain(loop->setup->pools[i]);
}

static void abort_clients(struct proxy_loop *loop)
{
    h2o_linklist_t *node;

    loop->state = LOOP_ABORTING;
    exchanges_abort(loop);
    for (node = loop->clients.next; node != &loop->clients; node = node->next) {
        const struct client *client = CONTAINER_OF(node, struct client, link);

        (void)shutdown(h2o_socket_get_fd(client->socket), SHUT_RDWR);
    }
}

static void drain(struct proxy_loop *loop, int64_t stop_at_ms)
{
    if (loop->state == LOOP_SERVING)
        begin_drain(loop);
    if (loop->state == LOOP_DRAINING && clock_mono_ms() >= stop_at_ms)
        abort_clients(loop);
    /* Each time: a connection may have become idle since. */
    (void)loop->proxy->config.http1.callbacks.foreach_request(&loop->context, close_if_idle, NULL);
}

static bool is_empty(const struct proxy_loop *loop)
{
    return loop->jobs == 0 && loop->clients.next == &loop->clients;
}

/* ---- the thread ---- */

static void report(struct proxy_loop *loop, enum err e)
{
    struct proxy *proxy = loop->proxy;

    (void)pthread_mutex_lock(&proxy->lock);
    proxy->started++;
    loop->up = e == ERR_OK;
    if (proxy->failure == ERR_OK)
        proxy->failure = e;
    (void)pthread_cond_broadcast(&proxy->changed);
    (void)pthread_mutex_unlock(&proxy->lock);
}

/* Others may still be about to wake this loop, or be inside its queue: the writer thread with the
 * last operation, the control thread with the word to stop. */
static void wait_to_leave(struct proxy_loop *loop)
{
    struct proxy *proxy = loop->proxy;

    (void)pthread_mutex_lock(&proxy->lock);
    while (!proxy->may_leave)
        (void)pthread_cond_wait(&proxy->changed, &proxy->lock);
    (void)pthread_mutex_unlock(&proxy->lock);
    (void)pthread_mutex_lock(&loop->storing);
    (void)pthread_mutex_unlock(&loop->storing);
}

void *loop_main(void *argument)
{
    struct proxy_loop *loop = argument;
    int64_t stop_at_ms = 0;
    enum err e = set_up(loop);

    report(loop, e);
    if (e != ERR_OK)
        return NULL;
    listeners_apply(loop, loop->setup->shared);
    while (stop_at_ms == 0 || !is_empty(loop)) {
        http_turn(loop->evloop, stop_at_ms == 0 ? INT32_MAX : DRAIN_POLL_MS);
        stop_at_ms = atomic_load(&loop->proxy->stop_at_ms);
        if (stop_at_ms != 0)
            drain(loop, stop_at_ms);
    }
    wait_to_leave(loop);
    take_down(loop);
    return NULL;
}
