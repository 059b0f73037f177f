/* SPDX-License-Identifier: Apache-2.0 */
/* A running proxy: what all loops share, and one loop. */
#pragma once

#include <h2o.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proxy/access_log.h"
#include "proxy/caller.h"
#include "proxy/fields.h"
#include "proxy/figures.h"
#include "proxy/places.h"
#include "proxy/proxy.h"
#include "proxy/settings_priv.h"
#include "proxy/upstream.h"
#include "proxy/upstream_resolve.h"
#include "vault/audit.h"
#include "vault/vault.h"

/* A declared route with its fields compiled for this vault's class numbers. */
struct proxy_route {
    const struct route_def *def;
    uint16_t domain_id;      /* the vault's number */
    struct places *request;  /* NULL: nothing is declared */
    struct places *response; /* NULL: nothing is declared */
    struct places *subject;  /* SUBJECT_BODY only */
    uint16_t subject_class;  /* of the field that the subject is as well; 0: of none */
    const struct route_figures *figures;
};

/* The settings, compiled; nothing of it changes while anybody uses it. */
struct proxy_policy {
    struct proxy_route *routes; /* as settings->route_defs */
    size_t route_count;
    struct callers *callers;
};

/* Compile the settings for a vault. INTERNAL with a message for a class or domain the vault does not
 * know. */
enum err policy_init(const struct proxy_settings *settings, const struct vault *vault,
                     struct proxy_policy *ret, struct errmsg *msg) MUST_CHECK;
void policy_done(struct proxy_policy *policy);

/* ---- setup.c ---- */

struct proxy_loop;

/* What the loops share of one upstream. */
struct setup_upstream {
    struct upstream_group *group;
    struct upstream_resolver_job *job; /* NULL: its addresses do not change */
};

/* One configuration, in force or still in use by requests that began under it. Shared by the loops,
 * read only; freed when the last of them has let go. */
struct proxy_setup {
    struct proxy *proxy;
    const struct proxy_settings *settings;
    struct proxy_policy policy;
    struct setup_upstream *upstreams; /* as settings->upstreams */
    uint32_t *points;                 /* as settings->listens: the listening points' numbers */
    int *fds; /* of new points, one a loop: [listen * loop_count + loop]; -1: none */
    _Atomic size_t holders;
};

/* The same on one loop, with what a loop has of its own. Loop thread. */
struct loop_setup {
    struct proxy_setup *shared;
    const struct proxy_settings *settings;
    const struct proxy_policy *policy;
    struct upstream_pool **pools; /* as settings->upstreams */
    struct jwt_cache *tokens;     /* NULL: no caller has one */
    struct caller_memo keys;
    size_t users;        /* exchanges */
    bool retired;        /* another one is in force */
    h2o_linklist_t link; /* loop->setups */
};

/* Compile settings and bind the listening points that `before` (NULL: none) does not have. One holder;
 * errors with a message, and nothing is left behind. Control thread. */
enum err setup_new(struct proxy *proxy, const struct proxy_settings *settings,
                   const struct proxy_setup *before, struct proxy_setup **ret_setup,
                   struct errmsg *msg) MUST_CHECK;
/* Undo setup_new(): nobody has used it, and its settings stay the caller's. */
void setup_discard(struct proxy_setup **setup);
/* Any thread. Drop: the last holder frees it, and its settings are given back. */
void setup_hold(struct proxy_setup *setup);
void setup_drop(struct proxy_setup **setup);

/* Put a setup in force on a loop, which holds it from now on (the hold is the caller's gift). */
void loop_take_setup(struct proxy_loop *loop, struct proxy_setup *setup);
/* An exchange uses what is in force now, until it leaves it. */
struct loop_setup *loop_use_setup(struct proxy_loop *loop);
void loop_leave_setup(struct proxy_loop *loop, struct loop_setup *setup);
/* Free all of them: no exchange is left. */
void loop_drop_setups(struct proxy_loop *loop);

/* ---- loop.c, listener.c ---- */

enum loop_state { LOOP_SERVING, LOOP_DRAINING, LOOP_ABORTING };

/* A listening point on one loop. It outlives its socket while clients are left that came by it. */
struct proxy_listener {
    struct proxy_loop *loop;
    uint32_t point;
    h2o_socket_t *socket; /* NULL: closed */
    h2o_accept_ctx_t accept;
    h2o_timeout_entry_t retry; /* when no file descriptor is left */
    bool proxy_protocol;
    size_t clients;
    h2o_linklist_t link; /* loop->listeners */
};

/* One event-loop thread. Everything here belongs to that thread. */
struct proxy_loop {
    struct proxy *proxy;
    size_t index;
    pthread_t thread;
    bool created; /* the thread is there to be joined */
    bool up;      /* under the proxy's lock: it came up, and can be woken */
    enum loop_state state;
    h2o_evloop_t *evloop;
    h2o_context_t context;
    h2o_multithread_receiver_t stored; /* vault operations that are done */
    pthread_mutex_t storing;           /* held by the writer thread while it sends to `stored` */
    size_t jobs;                       /* operations the vault has not given back */
    struct vault_reader *reader;
    struct audit_waiter *audit;
    h2o_linklist_t recording;               /* struct exchange, by ticket */
    h2o_timeout_entry_t flush;              /* of records, when this turn of the loop is over */
    h2o_multithread_receiver_t records;     /* `told_message`: records are settled */
    h2o_multithread_message_t told_message; /* under way while `told` */
    atomic_bool told;
    int64_t refusals_s; /* in this second, by the monotonic clock, ... */
    unsigned refusals;  /* so many were recorded */
    uint64_t refusals_more;
    h2o_multithread_receiver_t orders; /* `order`, when there is a new setup */
    h2o_multithread_message_t order;
    struct proxy_setup *ordered; /* under the proxy's lock; its hold is the loop's */
    struct loop_setup *setup;    /* in force */
    h2o_linklist_t setups;       /* struct loop_setup */
    h2o_timeout_entry_t cleanup; /* of retired setups that nobody uses, at the loop's next turn */
    h2o_linklist_t listeners;    /* struct proxy_listener */
    h2o_linklist_t clients;      /* struct client */
    h2o_linklist_t exchanges;    /* struct exchange */
    size_t serving;              /* exchanges */
    h2o_timeout_t watch_timeout;
    h2o_timeout_entry_t watch; /* of clients (client_watch.c) */
    bool full;                 /* requests hold more memory than they may */
    size_t turned_away;        /* clients, since that was last logged */
    size_t cut;                /* the same, for being slow */
    h2o_timeout_t second;      /* for looking at the loop's lag */
    h2o_timeout_entry_t look;
    int64_t look_us; /* when it was last set */
    struct loop_figures figures;
};

struct proxy {
    struct vault *vault;
    struct upstream_resolver *resolver;
    struct proxy_setup *setup; /* in force; the control thread's hold */
    uint32_t last_point;
    struct access_log *access_log;
    struct route_figures *route_figures_list; /* a list that grows at its head, under the lock */
    const struct route_figures *undeclared;   /* of requests that fit no route */
    bool drained;                             /* the threads have ended */
    proxy_released_fn released;
    void *released_context;
    h2o_globalconf_t config;
    struct meters *meters;      /* of clients and callers */
    struct quotas *quotas;      /* of callers */
    _Atomic size_t connections; /* open ones of clients */
    struct proxy_loop *loops;
    size_t loop_count;
    char **addresses;
    size_t address_count;
    _Atomic int64_t stop_at_ms; /* monotonic; 0: serving */
    pthread_mutex_t lock;       /* of what follows */
    pthread_cond_t changed;
    size_t started;   /* loops that are up, or have failed */
    size_t taken;     /* loops that have put the ordered setup in force */
    enum err failure; /* the first loop's that could not come up */
    bool may_leave;   /* all loops have been told to stop: queues may go */
};

/* ---- figures.c ---- */

/* The figures of a route, made when there is none yet. host NULL: any. Control thread. */
struct route_figures *proxy_route_figures(struct proxy *proxy, const char *pattern,
                                          const char *host);
void proxy_free_figures(struct proxy *proxy);

/* The loop a request runs on. */
static inline struct proxy_loop *loop_of(h2o_req_t *req)
{
    return CONTAINER_OF(req->conn->ctx, struct proxy_loop, context);
}

/* A loop thread's life: set up, serve, drain, take down. */
void *loop_main(void *loop);
/* Raise RLIMIT_NOFILE as far as the settings need and the hard limit lets; warn when that is less. */
void descriptors_raise(const struct proxy_settings *settings);
/* Make a loop listen on the points of a setup and no others: sockets of points that stay stay, with
 * the setup's TLS; clients of those that went may end what they have begun. Loop thread. */
void listeners_apply(struct proxy_loop *loop, struct proxy_setup *setup);
/* Stop accepting. Loop thread. */
void listeners_stop(struct proxy_loop *loop);
/* Free what listeners_stop() left: no client is there any more. */
void listeners_free(struct proxy_loop *loop);
