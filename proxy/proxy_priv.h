/* SPDX-License-Identifier: Apache-2.0 */
/* A running proxy: what all loops share, and one loop. */
#pragma once

#include <h2o.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proxy/caller.h"
#include "proxy/fields.h"
#include "proxy/proxy.h"
#include "proxy/settings_priv.h"
#include "proxy/upstream.h"
#include "vault/vault.h"

/* A declared route with its fields compiled for this vault's class numbers. */
struct proxy_route {
    const struct route_def *def;
    uint16_t domain_id;      /* the vault's number */
    struct fields *request;  /* NULL: bodies are not read */
    struct fields *response; /* NULL: answers are not read */
    struct fields *subject;  /* SUBJECT_JSON only */
    uint16_t *lookup_ids;    /* class ids, as def->lookups */
};

/* What the loops share; nothing of it changes while they run. */
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

enum loop_state { LOOP_SERVING, LOOP_DRAINING, LOOP_ABORTING };

struct proxy_listener {
    struct proxy_loop *loop;
    h2o_socket_t *socket;
    h2o_accept_ctx_t accept;
    h2o_timeout_entry_t retry; /* when no file descriptor is left */
};

/* One event-loop thread. Everything here belongs to that thread. */
struct proxy_loop {
    struct proxy *proxy;
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
    struct upstream_pool **pools; /* as settings->upstreams */
    int *listen_fds;              /* as settings->listens; taken over by listeners */
    struct proxy_listener *listeners;
    h2o_linklist_t clients;   /* struct client */
    h2o_linklist_t exchanges; /* struct exchange */
};

/* One accepted connection; freed when its socket is closed. */
struct client {
    h2o_linklist_t link;
    h2o_socket_t *socket;
    bool tls;
    uint8_t peer_len;
    char peer[46]; /* the address, once it was asked for */
};

struct proxy {
    const struct proxy_settings *settings;
    struct vault *vault;
    struct proxy_policy policy;
    h2o_globalconf_t config;
    struct proxy_loop *loops;
    size_t loop_count;
    char **addresses;
    size_t address_count;
    _Atomic int64_t stop_at_ms; /* monotonic; 0: serving */
    pthread_mutex_t lock;       /* of what follows */
    pthread_cond_t changed;
    size_t started;   /* loops that are up, or have failed */
    enum err failure; /* the first loop's that could not come up */
    bool may_leave;   /* all loops have been told to stop: queues may go */
};

/* The loop a request runs on. */
static inline struct proxy_loop *loop_of(h2o_req_t *req)
{
    return CONTAINER_OF(req->conn->ctx, struct proxy_loop, context);
}

/* A loop thread's life: set up, serve, drain, take down. */
void *loop_main(void *loop);
/* Free what a recycling allocator of this thread holds. */
void loop_free_recycled(h2o_mem_recycle_t *allocator);
/* Bind every listener once for each loop. IO with a message that names the address. */
enum err listeners_bind(struct proxy *proxy, struct errmsg *msg) MUST_CHECK;
/* Start and stop accepting on a loop. Loop thread. */
void listeners_start(struct proxy_loop *loop);
void listeners_stop(struct proxy_loop *loop);
/* The client of a request, and the text of its address. */
struct client *client_of(h2o_req_t *req);
struct span client_peer(struct client *client);
