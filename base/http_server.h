/* SPDX-License-Identifier: Apache-2.0 */
/* A small HTTP/1.1 server on one thread of its own, for operators: few connections, short answers,
 * the same guards as the data path. Handlers may block for as long as all its clients can wait. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/http_listen.h"
#include "base/span.h"

struct http_server;

enum http_server_limits {
    HTTP_SERVER_CONNECTIONS = 64, /* further ones wait to be accepted */
    HTTP_ANSWER_MAX = 64 << 20
};

/* Borrowed for the time of the handler. */
struct http_request {
    struct span method;
    struct span path;          /* as it came, without the query */
    struct span query;         /* at is NULL: there is none */
    struct span authorization; /* the field's value; at is NULL without one, or with several */
};

struct http_answer {
    int status;
    const char *content_type; /* a literal; NULL: text/plain */
    const char *allow;        /* a literal, for 405 */
    const char *authenticate; /* a literal, for 401 */
    struct buf body;          /* empty, of HTTP_ANSWER_MAX; the server frees it */
};

/* Server thread. The answer's status is 404 and its body empty unless the handler says otherwise. */
typedef void (*http_handler_fn)(const struct http_request *request, struct http_answer *answer,
                                void *context);

struct http_server_options {
    struct http_address address; /* borrowed until the start has come back */
    struct ssl_ctx_st *tls;      /* NULL: plain; the server takes a reference of its own */
    http_handler_fn handler;
    void *context;
};

/* Bind, and serve. IO with a message that names the address; nothing is left then. */
enum err http_server_start(const struct http_server_options *options,
                           struct http_server **ret_server, struct errmsg *msg) MUST_CHECK;
/* What it is bound to; borrowed. */
const char *http_server_address(const struct http_server *server);
/* Connections from now on get this certificate; a reference is taken. NULL: nothing happens. Any thread but
 * its own, one at a time, not while it is being stopped; blocks until the handler under way is done. */
void http_server_use_tls(struct http_server *server, struct ssl_ctx_st *tls);
/* Close everything, answered or not, and free. Blocks shortly. */
void http_server_stop(struct http_server **server);
