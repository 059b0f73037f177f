/* SPDX-License-Identifier: Apache-2.0 */
/* Requests of a small server and their answers; its connections are http_server.c's. */
#pragma once

#include <h2o.h>

#include "base/http_server.h"
#include "base/work_pool.h"

struct http_service {
    const struct http_server_options *options; /* borrowed */
    struct work_pool *pool;                    /* NULL: nothing is slow */
    h2o_multithread_receiver_t done;           /* jobs that the pool has carried out */
};

/* The SHA-256 of the certificate that a client of this connection has shown; at is NULL: none. http_server.c */
struct span http_service_certificate(const h2o_socket_t *socket);
/* IO when a thread cannot be started. */
enum err http_service_start(struct http_service *service, const struct http_server_options *options)
    MUST_CHECK;
/* Put it in charge of all requests of a host. */
void http_service_attach(struct http_service *service, h2o_hostconf_t *host);
/* Server thread: hear from the pool through this queue, and no more. */
void http_service_listen(struct http_service *service, h2o_multithread_queue_t *queue);
void http_service_deafen(struct http_service *service, h2o_multithread_queue_t *queue);
/* Let slow handlers finish; further requests for them are refused. While the server's thread still runs, but
 * not on it. */
void http_service_end(struct http_service *service);
void http_service_done(struct http_service *service);
