/* SPDX-License-Identifier: Apache-2.0 */
/* Configurations in force, and those that requests still end under.
 * Runs on: made on the control thread, shared by the loops, freed by whoever lets go last. Holds:
 * compiled settings; on each loop their upstream pools. Invariant: a loop takes no lock for it: it
 * counts its own exchanges, and only its last one touches the shared count. Not here: the settings
 * (settings*.c), compiling them (policy.c), sockets (listener.c). */
#include "proxy/proxy_priv.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/http_listen.h"
#include "base/log.h"

/* ---- shared ---- */

static void free_upstreams(struct proxy_setup *setup)
{
    for (size_t i = 0; i < setup->settings->upstream_count; i++) {
        upstream_resolver_remove(&setup->upstreams[i].job);
        upstream_group_free(&setup->upstreams[i].group);
    }
    free(setup->upstreams);
}

static void setup_free(struct proxy_setup *setup)
{
    const struct proxy *proxy = setup->proxy;
    const size_t fd_count = setup->settings->listen_count * proxy->loop_count;

    for (size_t i = 0; i < fd_count; i++)
        if (setup->fds[i] >= 0)
            (void)close(setup->fds[i]);
    policy_done(&setup->policy);
    free_upstreams(setup);
    free(setup->fds);
    free(setup->points);
    free(setup);
}

void setup_discard(struct proxy_setup **setup)
{
    setup_free(TAKE(*setup));
}

void setup_hold(struct proxy_setup *setup)
{
    (void)atomic_fetch_add_explicit(&setup->holders, 1, memory_order_relaxed);
}

void setup_drop(struct proxy_setup **setupp)
{
    struct proxy_setup *setup = TAKE(*setupp);
    const struct proxy_settings *settings;
    const struct proxy *proxy;

    if (setup == NULL || atomic_fetch_sub(&setup->holders, 1) > 1)
        return;
    settings = setup->settings;
    proxy = setup->proxy;
    setup_free(setup);
    if (proxy->released != NULL)
        proxy->released(settings, proxy->released_context);
}

/* The point of the same address as it was written; a second listener of that address is the second
 * point. 0: there is none. */
static uint32_t find_point(const struct proxy_setup *before, const struct proxy_setup *setup,
                           size_t index)
{
    const char *address = setup->settings->listens[index].address;
    size_t to_pass = 0;

    for (size_t i = 0; i < index; i++)
        if (strcmp(setup->settings->listens[i].address, address) == 0)
            to_pass++;
    for (size_t i = 0; before != NULL && i < before->settings->listen_count; i++)
        if (strcmp(before->settings->listens[i].address, address) == 0 && to_pass-- == 0)
            return before->points[i];
    return 0;
}

/* The new points: on the ready line at start, in the log later. */
static void announce(struct proxy_setup *setup, bool at_start)
{
    struct proxy *proxy = setup->proxy;
    const size_t count = setup->settings->listen_count;

    if (at_start)
        proxy->addresses = mem_alloc(count * sizeof(*proxy->addresses));
    for (size_t i = 0; i < count; i++) {
        AUTO(mem_free) char *address = NULL;
        int fd = setup->fds[i * proxy->loop_count];

        if (fd < 0)
            continue;
        address = http_listen_address(fd);
        if (at_start)
            proxy->addresses[proxy->address_count++] = TAKE(address);
        else
            log_event(EV_LISTENING, F_TEXT("address", span_str(address)));
    }
}

/* Sockets that were bound while the process might. */
static void take_bound(const struct listen_def *def, int *fds, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        fds[i] = def->bound[i];
        def->bound[i] = -1;
    }
}

static enum err bind_new(struct proxy_setup *setup, const struct proxy_setup *before,
                         struct errmsg *msg)
{
    const size_t loops = setup->proxy->loop_count;

    for (size_t i = 0; i < setup->settings->listen_count; i++) {
        const struct listen_def *def = &setup->settings->listens[i];
        const struct http_address address = {def->address, def->host, def->port};
        enum err e = ERR_OK;

        setup->points[i] = find_point(before, setup, i);
        if (setup->points[i] == 0) {
            if (before == NULL && def->bound != NULL)
                take_bound(def, &setup->fds[i * loops], loops);
            else
                e = http_listen(&address, &setup->fds[i * loops], loops, msg);
            setup->points[i] = ++setup->proxy->last_point;
        }
        if (e != ERR_OK)
            return e;
    }
    announce(setup, before == NULL);
    return ERR_OK;
}

/* What is known about an upstream that stays goes on being known. */
static void inherit(struct upstream_group *group, const char *name,
                    const struct proxy_setup *before)
{
    for (size_t i = 0; i < before->settings->upstream_count; i++)
        if (strcmp(before->settings->upstreams[i].config.name, name) == 0)
            upstream_group_inherit(group, before->upstreams[i].group);
}

static void make_upstreams(struct proxy_setup *setup, const struct proxy_setup *before)
{
    const struct proxy_settings *settings = setup->settings;

    setup->upstreams = mem_alloc(settings->upstream_count * sizeof(*setup->upstreams));
    for (size_t i = 0; i < settings->upstream_count; i++) {
        const struct upstream_config *config = &settings->upstreams[i].config;
        struct setup_upstream *to = &setup->upstreams[i];

        to->group = upstream_group_new(config);
        if (before != NULL)
            inherit(to->group, config->name, before);
        to->job = upstream_resolver_add(setup->proxy->resolver, config, to->group);
    }
}

enum err setup_new(struct proxy *proxy, const struct proxy_settings *settings,
                   const struct proxy_setup *before, struct proxy_setup **ret_setup,
                   struct errmsg *msg)
{
    struct proxy_setup *setup = mem_alloc(sizeof(*setup));
    const size_t fd_count = settings->listen_count * proxy->loop_count;
    enum err e;

    setup->proxy = proxy;
    setup->settings = settings;
    setup->points = mem_alloc(settings->listen_count * sizeof(*setup->points));
    setup->fds = mem_alloc(fd_count * sizeof(*setup->fds));
    memset(setup->fds, 0xff, fd_count * sizeof(*setup->fds)); /* all -1 */
    atomic_init(&setup->holders, 1);
    make_upstreams(setup, before);
    e = policy_init(settings, proxy->vault, &setup->policy, msg);
    if (e == ERR_OK)
        callers_watch(setup->policy.callers, proxy->vault, proxy->quotas);
    if (e == ERR_OK)
        e = bind_new(setup, before, msg);
    for (size_t i = 0; i < setup->policy.route_count; i++) {
        struct proxy_route *route = &setup->policy.routes[i];

        route->figures = proxy_route_figures(proxy, route->def->pattern, route->def->host);
    }
    if (e != ERR_OK) {
        setup_free(setup);
        return e;
    }
    *ret_setup = setup;
    return ERR_OK;
}

/* ---- on a loop ---- */

static void free_loop_setup(struct loop_setup *setup)
{
    h2o_linklist_unlink(&setup->link);
    for (size_t i = 0; i < setup->settings->upstream_count; i++)
        upstream_pool_free(&setup->pools[i]);
    free(setup->pools);
    jwt_cache_free(&setup->tokens);
    setup_drop(&setup->shared);
    free(setup);
}

/* Never from inside a callback of a pool: at the loop's next turn. */
static void on_cleanup(h2o_timeout_entry_t *entry)
{
    struct proxy_loop *loop = CONTAINER_OF(entry, struct proxy_loop, cleanup);
    h2o_linklist_t *node = loop->setups.next, *next;

    for (; node != &loop->setups; node = next) {
        struct loop_setup *setup = CONTAINER_OF(node, struct loop_setup, link);

        next = node->next;
        if (setup->retired && setup->users == 0)
            free_loop_setup(setup);
    }
}

static void clean_up_soon(struct proxy_loop *loop)
{
    loop->cleanup.cb = on_cleanup;
    if (!h2o_timeout_is_linked(&loop->cleanup))
        h2o_timeout_link(loop->evloop, &loop->context.zero_timeout, &loop->cleanup);
}

static void retire(struct proxy_loop *loop, struct loop_setup *setup)
{
    setup->retired = true;
    for (size_t i = 0; i < setup->settings->upstream_count; i++)
        upstream_pool_drain(setup->pools[i]);
    if (setup->users == 0)
        clean_up_soon(loop);
}

void loop_take_setup(struct proxy_loop *loop, struct proxy_setup *shared)
{
    struct loop_setup *setup = mem_alloc(sizeof(*setup));
    const struct proxy_settings *settings = shared->settings;
    struct loop_setup *before = loop->setup;
    size_t token_fields;

    setup->shared = shared;
    setup->settings = settings;
    setup->policy = &shared->policy;
    setup->pools = mem_alloc(settings->upstream_count * sizeof(struct upstream_pool *));
    for (size_t i = 0; i < settings->upstream_count; i++)
        setup->pools[i] = upstream_pool_new(loop->evloop, loop->context.queue,
                                            shared->upstreams[i].group, loop->index == 0);
    (void)callers_fields(shared->policy.callers, &token_fields);
    if (token_fields > 0)
        setup->tokens = jwt_cache_new();
    caller_memo_init(&setup->keys);
    h2o_linklist_insert(&loop->setups, &setup->link);
    loop->setup = setup;
    if (before != NULL)
        retire(loop, before);
}

struct loop_setup *loop_use_setup(struct proxy_loop *loop)
{
    loop->setup->users++;
    return loop->setup;
}

void loop_leave_setup(struct proxy_loop *loop, struct loop_setup *setup)
{
    REQUIRE(setup->users > 0);
    if (--setup->users == 0 && setup->retired)
        clean_up_soon(loop);
}

void loop_drop_setups(struct proxy_loop *loop)
{
    h2o_timeout_unlink(&loop->cleanup);
    while (!h2o_linklist_is_empty(&loop->setups)) {
        struct loop_setup *setup = CONTAINER_OF(loop->setups.next, struct loop_setup, link);

        REQUIRE(setup->users == 0);
        free_loop_setup(setup);
    }
    loop->setup = NULL;
}
