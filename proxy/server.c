/* SPDX-License-Identifier: Apache-2.0 */
/* Starting and stopping the proxy.
 * Runs on: the control thread. Holds: what the loops share. Invariant: either every loop runs or
 * none. Not here: what a loop does (loop.c). */
#include "proxy/proxy_priv.h"

#include <signal.h>
#include <string.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/limits.h"
#include "proxy/exchange.h"
#include "base/http_overrides.h"

enum {
    NO_TIMER_MS = INT32_MAX, /* client_watch.c has better ones than libh2o */
    METERS = 65536           /* clients and callers known at once, beside the connected ones */
};

static void configure(h2o_globalconf_t *config, const struct limit_settings *limits)
{
    h2o_hostconf_t *host;
    h2o_handler_t *handler;

    http_overrides_check();
    /* Bodies of 32 MB and more would go to temporary files, in clear. */
    h2o_socket_buffer_mmap_settings.threshold = SIZE_MAX;
    h2o_config_init(config);
    config->server_name = h2o_iovec_init(NULL, 0);
    config->max_request_entity_size = LIMIT_REQUEST_BODY_MAX;
    config->http1.req_timeout = NO_TIMER_MS;
    config->handshake_timeout = (uint64_t)limits->head_ms;
    config->http1.upgrade_to_http2 = 0;
    host = h2o_config_register_host(config, h2o_iovec_init(H2O_STRLIT("default")), 65535);
    host->http2.push_preload = 0;
    host->fallback_path.error_log.emit_request_errors = 0; /* they print the path */
    handler = h2o_create_handler(&host->fallback_path, sizeof(*handler));
    handler->on_req = exchange_on_request;
}

/* ---- threads ---- */

/* Loop threads get no signals: those are the control thread's. Also no SIGPIPE, which a client that
 * left would raise. */
static enum err start_threads(struct proxy *proxy, struct errmsg *msg)
{
    sigset_t all, before;
    size_t created = 0;

    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_BLOCK, &all, &before);
    for (; created < proxy->loop_count; created++) {
        struct proxy_loop *loop = &proxy->loops[created];

        if (pthread_create(&loop->thread, NULL, loop_main, loop) != 0)
            break;
        loop->created = true;
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)pthread_mutex_lock(&proxy->lock);
    while (proxy->started < created)
        (void)pthread_cond_wait(&proxy->changed, &proxy->lock);
    (void)pthread_mutex_unlock(&proxy->lock);
    if (created < proxy->loop_count)
        return errmsg_set(msg, ERR_IO, "cannot start %zu threads", proxy->loop_count);
    if (proxy->failure != ERR_OK)
        return errmsg_set(msg, proxy->failure, "the store cannot be read: %s",
                          err_text(proxy->failure));
    return ERR_OK;
}

/* Tell every loop, then let them leave, then wait until they have. */
static void stop_threads(struct proxy *proxy, int64_t deadline_ms)
{
    atomic_store(&proxy->stop_at_ms, clock_mono_ms() + deadline_ms);
    for (size_t i = 0; i < proxy->loop_count; i++)
        if (proxy->loops[i].up)
            h2o_multithread_send_message(&proxy->loops[i].stored, NULL);
    (void)pthread_mutex_lock(&proxy->lock);
    proxy->may_leave = true;
    (void)pthread_cond_broadcast(&proxy->changed);
    (void)pthread_mutex_unlock(&proxy->lock);
    for (size_t i = 0; i < proxy->loop_count; i++)
        if (proxy->loops[i].created)
            (void)pthread_join(proxy->loops[i].thread, NULL);
}

/* ---- the proxy ---- */

static struct proxy *proxy_new(const struct proxy_settings *settings, struct vault *vault)
{
    struct proxy *proxy = mem_alloc(sizeof(*proxy));

    proxy->vault = vault;
    proxy->resolver = upstream_resolver_new(upstream_resolve_system);
    (void)pthread_mutex_init(&proxy->lock, NULL);
    (void)pthread_cond_init(&proxy->changed, NULL);
    proxy->loops = mem_alloc(settings->threads * sizeof(*proxy->loops));
    proxy->loop_count = settings->threads;
    for (size_t i = 0; i < proxy->loop_count; i++) {
        struct proxy_loop *loop = &proxy->loops[i];

        loop->proxy = proxy;
        loop->index = i;
        (void)pthread_mutex_init(&loop->storing, NULL);
    }
    proxy->access_log = access_log_new(proxy->loop_count);
    proxy->undeclared = proxy_route_figures(proxy, "-", NULL);
    configure(&proxy->config, &settings->limits);
    proxy->meters = meters_new(METERS + (size_t)settings->limits.connections);
    return proxy;
}

static void proxy_free(struct proxy *proxy)
{
    setup_drop(&proxy->setup);
    upstream_resolver_free(&proxy->resolver);
    quotas_free(&proxy->quotas);
    for (size_t i = 0; i < proxy->loop_count; i++)
        (void)pthread_mutex_destroy(&proxy->loops[i].storing);
    free(proxy->loops);
    for (size_t i = 0; i < proxy->address_count; i++)
        free(proxy->addresses[i]);
    free(proxy->addresses);
    h2o_config_dispose(&proxy->config);
    meters_free(&proxy->meters);
    access_log_free(&proxy->access_log);
    proxy_free_figures(proxy);
    (void)pthread_cond_destroy(&proxy->changed);
    (void)pthread_mutex_destroy(&proxy->lock);
    free(proxy);
}

enum err proxy_start(const struct proxy_settings *settings, struct vault *vault,
                     struct proxy **ret_proxy, struct errmsg *msg)
{
    struct proxy *proxy = proxy_new(settings, vault);
    enum err e = quotas_open(vault, &proxy->quotas);

    if (e != ERR_OK)
        (void)errmsg_set(msg, e, "the store cannot be read: %s", err_text(e));
    else
        e = setup_new(proxy, settings, NULL, &proxy->setup, msg);
    descriptors_raise(settings);
    if (e == ERR_OK)
        e = access_log_use(proxy->access_log, settings->access_log, msg);
    if (e == ERR_OK)
        e = start_threads(proxy, msg);
    if (e != ERR_OK) {
        stop_threads(proxy, 0);
        proxy_free(proxy);
        return e;
    }
    *ret_proxy = proxy;
    return ERR_OK;
}

void proxy_on_released(struct proxy *p, proxy_released_fn released, void *context)
{
    p->released = released;
    p->released_context = context;
}

/* Every loop takes it, and says so. */
static void order(struct proxy *p, struct proxy_setup *setup)
{
    (void)pthread_mutex_lock(&p->lock);
    p->taken = 0;
    for (size_t i = 0; i < p->loop_count; i++) {
        setup_hold(setup);
        p->loops[i].ordered = setup;
        h2o_multithread_send_message(&p->loops[i].orders, &p->loops[i].order);
    }
    while (p->taken < p->loop_count)
        (void)pthread_cond_wait(&p->changed, &p->lock);
    (void)pthread_mutex_unlock(&p->lock);
}

enum err proxy_reload(struct proxy *p, const struct proxy_settings *settings, struct errmsg *msg)
{
    struct proxy_setup *setup = NULL, *before;
    enum err e = setup_new(p, settings, p->setup, &setup, msg);

    if (e != ERR_OK)
        return e;
    e = access_log_use(p->access_log, settings->access_log, msg);
    if (e != ERR_OK) {
        setup_discard(&setup);
        return e;
    }
    order(p, setup);
    before = p->setup;
    (void)pthread_mutex_lock(&p->lock);
    p->setup = setup;
    (void)pthread_mutex_unlock(&p->lock);
    setup_drop(&before);
    return ERR_OK;
}

/* What is in force, held: a reload may come between. */
static struct proxy_setup *hold_setup(struct proxy *p)
{
    struct proxy_setup *setup;

    (void)pthread_mutex_lock(&p->lock);
    setup = p->setup;
    setup_hold(setup);
    (void)pthread_mutex_unlock(&p->lock);
    return setup;
}

void proxy_read_callers(struct proxy *p, caller_state_fn each, void *context)
{
    struct proxy_setup *setup = hold_setup(p);

    callers_read(setup->policy.callers, vault_now_s(p->vault), each, context);
    setup_drop(&setup);
}

void proxy_read_upstreams(struct proxy *p, proxy_upstream_fn each, void *context)
{
    struct proxy_setup *setup = hold_setup(p);
    struct upstream_state state;

    for (size_t i = 0; i < setup->settings->upstream_count; i++) {
        upstream_group_read(setup->upstreams[i].group, &state);
        each(&state, context);
    }
    setup_drop(&setup);
}

void proxy_reopen_logs(struct proxy *p)
{
    access_log_reopen(p->access_log);
}

size_t proxy_address_count(const struct proxy *p)
{
    return p->address_count;
}

const char *proxy_address(const struct proxy *p, size_t index)
{
    REQUIRE(index < p->address_count);
    return p->addresses[index];
}

void proxy_drain(struct proxy *p, int64_t deadline_ms)
{
    if (!p->drained)
        stop_threads(p, deadline_ms);
    p->drained = true;
}

void proxy_stop(struct proxy **proxyp, int64_t deadline_ms)
{
    struct proxy *proxy = TAKE(*proxyp);

    if (proxy == NULL)
        return;
    proxy_drain(proxy, deadline_ms);
    proxy_free(proxy);
}
