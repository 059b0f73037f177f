/* SPDX-License-Identifier: Apache-2.0 */
/* Listening addresses: as a configuration writes them, and bound. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/conf.h"
#include "base/err.h"
#include "base/tls.h"

struct ssl_ctx_st;

/* "host:port" or "[v6]:port" into its two halves; port 0 takes any free one. False for anything else.
 * The caller frees both. */
bool http_address_split(const char *address, char **ret_host, char **ret_port) MUST_CHECK;
/* `tls: {certificate: FILE, key: FILE, ...}`: a server context. keys (NULL-terminated): what may stand there, of
 * which the caller reads the others. CONFIG with its place. */
enum err http_tls_read_of(struct conf_node node, const char *const keys[],
                          struct ssl_ctx_st **ret_tls, struct errmsg *msg) MUST_CHECK;
/* Which clients show certificates, and who vouches for them: `client_ca: FILE` and `client_certificates:
 * optional | required` of the map `tls`. *ret_asks: they are asked. CONFIG with its place. */
enum err http_tls_read_clients(struct conf_node map, struct ssl_ctx_st *tls, tls_peer_fn told,
                               bool *ret_asks, struct errmsg *msg) MUST_CHECK;

struct http_address {
    const char *text; /* as it was written, for messages */
    const char *host;
    const char *port;
};

/* Bind and listen with so many sockets that share the address (SO_REUSEPORT), which must be free. IO with
 * a message that names the address; descriptors made by then are in `fds`. */
enum err http_listen(const struct http_address *address, int *fds, size_t count, struct errmsg *msg)
    MUST_CHECK;
/* What a socket is bound to ("127.0.0.1:8080"); caller frees. */
char *http_listen_address(int fd);
