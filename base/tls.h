/* SPDX-License-Identifier: Apache-2.0 */
/* TLS contexts: the one adapter around OpenSSL. */
#pragma once

#include <stdbool.h>

#include "base/err.h"

struct ssl_ctx_st; /* OpenSSL's SSL_CTX */

/* A server context from PEM files: TLS 1.2 and 1.3, ALPN "http/1.1" only, no compression, no
 * renegotiation, tickets off (a ticket key would be one more key to keep and rotate). CONFIG with a
 * message that names the file. Free with tls_free(). */
enum err tls_server_new(const char *certificate_path, const char *key_path,
                        struct ssl_ctx_st **ret_ctx, struct errmsg *msg) MUST_CHECK;
/* A client context that verifies the peer's chain against `ca_path` (PEM file; NULL: the system's)
 * and its name or address against `host`. libh2o 2.2.5 does not check names under TLS 1.3, so the
 * check lives in the context (X509_VERIFY_PARAM_set1_host, set1_ip_asc). CONFIG with a message: an
 * unreadable file, a host that is empty or begins with a dot. */
enum err tls_client_new(const char *ca_path, const char *host, struct ssl_ctx_st **ret_ctx,
                        struct errmsg *msg) MUST_CHECK;
/* Give a context that another library made (libcurl's) the settings that ours have: TLS 1.2 and later
 * with the same ciphers, no resumption. What was received is wiped from OpenSSL's buffers, and no
 * file that the environment names gets the connection's secrets. Chain and name stay that library's
 * duty. False when OpenSSL refuses. */
bool tls_guard(struct ssl_ctx_st *ctx) MUST_CHECK;
void tls_free(struct ssl_ctx_st **ctx);
