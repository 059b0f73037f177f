/* SPDX-License-Identifier: Apache-2.0 */
/* The operators' listener: the admin API (admin/api.h), one-time links of persons (admin/links.h), /metrics,
 * /healthz, /readyz. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "admin/api.h"
#include "base/conf.h"
#include "base/err.h"
#include "base/http_server.h"
#include "base/metrics.h"
#include "base/secret.h"
#include "vault/vault.h"

/* The section `admin` of a configuration; address NULL: there is none, and no listener. */
struct admin_http_settings {
    char *address; /* as it was written */
    char *host;
    char *port;
    struct ssl_ctx_st *tls; /* NULL: plain */
    bool is_bound;          /* ahead, admin_http_bind() */
    int bound;              /* the socket then */
    bool has_key;           /* /metrics wants one */
    uint8_t key_hash[SECRET_HASH_BYTES];
    bool four_eyes;            /* what destroys is proposed and approved by two people */
    int64_t approval_delay_ms; /* from the approval on */
    struct api_settings api;
};

/* CONFIG with FILE:LINE:COLUMN; also for an address that others can reach without `tls` and
 * `metrics_key`. Reads the files named there. */
enum err admin_http_read(struct conf_node root, struct admin_http_settings *ret, struct errmsg *msg)
    MUST_CHECK;
/* Bind ahead, as long as the process may: admin_http_start() takes the socket over. IO with a message. */
enum err admin_http_bind(struct admin_http_settings *settings, struct errmsg *msg) MUST_CHECK;
void admin_http_settings_done(struct admin_http_settings *settings);

struct admin_http;

struct admin_http_parts {
    struct admin_http_settings *settings; /* borrowed until the start has come back */
    struct vault *vault;
    const struct api *api; /* borrowed; NULL: no API is served, and no link */
    /* Pages beside the API. site: NULL, there are none. Several threads at once; may block. */
    bool (*site_has)(struct span path);
    void (*serve_site)(const struct http_request *request, struct http_answer *answer, void *site);
    void *site;
    /* Writes all metrics. The listener's thread; may block shortly. */
    void (*collect)(struct metrics *m, void *context);
    void *context;
};

/* Listen. IO with a message; nothing is left then. */
enum err admin_http_start(const struct admin_http_parts *parts, struct admin_http **ret_http,
                          struct errmsg *msg) MUST_CHECK;
const char *admin_http_address(const struct admin_http *http);
/* Take another certificate and key; the address stays. Any thread, one at a time. */
void admin_http_reload(struct admin_http *http, const struct admin_http_settings *settings);
/* /readyz says no from now on: a balancer shall look elsewhere. Any thread. */
void admin_http_drain(struct admin_http *http);
void admin_http_stop(struct admin_http **http);
