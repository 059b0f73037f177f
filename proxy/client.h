/* SPDX-License-Identifier: Apache-2.0 */
/* One accepted connection: where it is from, and how far it has come. */
#pragma once

#include "proxy/edge.h"
#include "base/meter.h"
#include "proxy/proxy_priv.h"

struct exchange;

enum client_phase {
    CLIENT_IDLE,  /* nothing of a request has come */
    CLIENT_HEAD,  /* the beginning of one */
    CLIENT_BODY,  /* its head, and the beginning of its body */
    CLIENT_SERVED /* all of it; it is being worked on or answered */
};

/* What was seen of it at the loop's last look. */
struct client_watch {
    enum client_phase phase;
    bool seen;         /* once, in this phase of this request */
    bool told;         /* that it was too slow; its connection ends */
    uint32_t request;  /* client->requests then */
    int64_t since_ms;  /* it has been in the phase */
    int64_t credit_ms; /* left for standing still */
    uint64_t bytes;    /* had come, or gone, in the phase */
};

/* Freed when its socket is closed. */
struct client {
    h2o_linklist_t link; /* loop->clients */
    struct proxy_loop *loop;
    h2o_socket_t *socket;
    struct proxy_listener *listener;
    bool tls;
    bool leaving; /* its listening point is gone: no further request after this one */
    bool counted; /* under `meter` */
    struct meter_key meter;
    h2o_timeout_entry_t greeting; /* while a PROXY line is awaited */
    struct address direct;        /* who connected, or whom its PROXY line names */
    bool trusted;                 /* may say whose request it brings; of the request being served */
    struct edge_client edge; /* the client, as far as it is known; of the request being served */
    struct tls_peer *certificate; /* verified; NULL: it showed none */
    uint8_t peer_len;
    char peer[ADDRESS_TEXT_MAX]; /* the text of edge.address, once it was asked for */
    struct exchange *exchange;   /* the request being served; NULL between two */
    uint32_t requests;           /* that were served, with this one */
    struct client_watch watch;
    h2o_socket_cb resume; /* libh2o's reader, while it is told that it was too slow */
};

/* ---- client.c ---- */

/* A connection has come: count it and let it in, or turn it away. */
void client_arrive(struct proxy_listener *listener, h2o_socket_t *socket);
/* The client of a request, and the text of its address. */
struct client *client_of(h2o_req_t *req);
struct span client_peer(struct client *client);
/* What the proxies in front say of the request's client, if they are trusted. INVALID: nonsense. */
enum err client_read_edge(struct client *client, const struct edge_trust *trust,
                          const h2o_headers_t *headers) MUST_CHECK;

/* ---- client_watch.c ---- */

/* With the loop. */
void clients_watch_init(struct proxy_loop *loop);
void clients_watch_done(struct proxy_loop *loop);
/* Look at the loop's clients from time to time, as long as there are any. */
void clients_watch(struct proxy_loop *loop);
