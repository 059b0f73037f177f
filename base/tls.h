/* SPDX-License-Identifier: Apache-2.0 */
/* TLS contexts: the one adapter around OpenSSL. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct ssl_ctx_st; /* OpenSSL's SSL_CTX */

/* A server context from PEM files: TLS 1.2 and 1.3, ALPN "http/1.1" only, no compression, no
 * renegotiation, tickets off (a ticket key would be one more key to keep and rotate). CONFIG with a
 * message that names the file. Free with tls_free(). */
enum err tls_server_new(const char *certificate_path, const char *key_path,
                        struct ssl_ctx_st **ret_ctx, struct errmsg *msg) MUST_CHECK;
/* Who a client says it is, in a certificate that was verified. */
enum { TLS_PEER_NAMES_MAX = 32, TLS_FINGERPRINT_BYTES = 32 };
struct tls_peer {
    char *subject;       /* as RFC 2253 writes it, UTF-8: "CN=batch,O=Example" */
    int64_t not_after_s; /* the certificate is good up to this second */
    uint8_t fingerprint[TLS_FINGERPRINT_BYTES]; /* its SHA-256 */
    size_t name_count;
    char *names[TLS_PEER_NAMES_MAX]; /* "dns:..." in lower case, "uri:...", "email:..." */
};
void tls_peer_free(struct tls_peer **peer);

/* Told of each client that showed a certificate, once the handshake is done and the chain verified, on the
 * thread that drives the connection. transport: what its BIO was given as data (libh2o: the socket). The
 * peer is the receiver's to free. */
typedef void (*tls_peer_fn)(void *transport, struct tls_peer *peer);

/* Make a server context ask its clients for certificates. They are verified against the authorities in
 * `ca_path` (PEM); one that does not verify, has no name that can be read, or more than
 * TLS_PEER_NAMES_MAX, ends the handshake. required: so does having none. CONFIG with a message. */
enum err tls_server_ask_clients(struct ssl_ctx_st *ctx, const char *ca_path, bool required,
                                tls_peer_fn told, struct errmsg *msg) MUST_CHECK;
/* A client context that verifies the peer's chain against `ca_path` (PEM file; NULL: the system's)
 * and its name or address against `host`. libh2o 2.2.5 does not check names under TLS 1.3, so the
 * check lives in the context (X509_VERIFY_PARAM_set1_host, set1_ip_asc). CONFIG with a message: an
 * unreadable file, a host that is empty or begins with a dot. */
enum err tls_client_new(const char *ca_path, const char *host, struct ssl_ctx_st **ret_ctx,
                        struct errmsg *msg) MUST_CHECK;
/* Give a client context a certificate to show, and its key, from PEM files. CONFIG with a message that
 * names the file. */
enum err tls_client_identify(struct ssl_ctx_st *ctx, const char *certificate_path,
                             const char *key_path, struct errmsg *msg) MUST_CHECK;
/* Give a context that another library made (libcurl's) the settings that ours have: TLS 1.2 and later
 * with the same ciphers, no resumption. What was received is wiped from OpenSSL's buffers, and no
 * file that the environment names gets the connection's secrets. Chain and name stay that library's
 * duty. False when OpenSSL refuses. */
bool tls_guard(struct ssl_ctx_st *ctx) MUST_CHECK;
/* The second up to which the certificate in a PEM file is good, the first one if there are several. CONFIG with
 * a message that names the file. Blocks. */
enum err tls_certificate_end(const char *path, int64_t *ret_s, struct errmsg *msg) MUST_CHECK;
void tls_free(struct ssl_ctx_st **ctx);
/* One more owner, who calls tls_free(), too. NULL is fine. */
struct ssl_ctx_st *tls_share(struct ssl_ctx_st *ctx);
