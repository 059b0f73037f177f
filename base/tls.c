/* SPDX-License-Identifier: Apache-2.0 */
/* TLS contexts on OpenSSL.
 * Runs on: any thread; blocks on the files it reads. Holds: nothing. Invariant: a client context
 * that exists verifies chain and name; OpenSSL's error queue is empty on return, since what is left
 * there would be taken for a connection's error later. Not here: connections (libh2o makes them).
 */
#include "base/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"

/* Forward secrecy and AEAD only (RFC 9325 4.2); TLS 1.3 has nothing else. */
static const char TLS12_CIPHERS[] = "ECDHE+AESGCM:ECDHE+CHACHA20";

static const unsigned char HTTP_1_1[] = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};

/* CONFIG with what OpenSSL said last about a file. */
static enum err fail_file(struct errmsg *msg, const char *path, const char *what)
{
    unsigned long code = ERR_peek_last_error();
    const char *reason = ERR_reason_error_string(code);

    if (access(path, R_OK) != 0)
        reason = strerror(errno);
    ERR_clear_error();
    if (reason == NULL)
        return errmsg_set(msg, ERR_CONFIG, "%s: %s", path, what);
    return errmsg_set(msg, ERR_CONFIG, "%s: %s (%s)", path, what, reason);
}

static enum err fail_library(struct errmsg *msg)
{
    ERR_clear_error();
    return errmsg_set(msg, ERR_CONFIG, "TLS cannot be set up");
}

/* What both sides have in common. */
static bool set_common(SSL_CTX *ctx)
{
    (void)SSL_CTX_set_options(ctx,
                              SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET);
    (void)SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
    /* no session is resumed: one of another listener could be (CVE-2023-41337) */
    (void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    return SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1 &&
           SSL_CTX_set_cipher_list(ctx, TLS12_CIPHERS) == 1 && SSL_CTX_set_num_tickets(ctx, 0) == 1;
}

/* A peer that offers protocols but not ours is refused (RFC 7301 3.2). */
static int choose_protocol(UNUSED SSL *ssl, const unsigned char **ret, unsigned char *ret_len,
                           const unsigned char *offered, unsigned offered_len, UNUSED void *arg)
{
    unsigned char *chosen = NULL;

    if (SSL_select_next_proto(&chosen, ret_len, HTTP_1_1, sizeof(HTTP_1_1), offered, offered_len) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *ret = chosen;
    return SSL_TLSEXT_ERR_OK;
}

/* OpenSSL's own would ask on the terminal. */
static int no_passphrase(UNUSED char *out, UNUSED int size, UNUSED int writing, UNUSED void *arg)
{
    return -1;
}

/* The certificate and key of this side. */
static enum err identify(SSL_CTX *ctx, const char *certificate_path, const char *key_path,
                         struct errmsg *msg)
{
    SSL_CTX_set_default_passwd_cb(ctx, no_passphrase);
    if (SSL_CTX_use_certificate_chain_file(ctx, certificate_path) != 1)
        return fail_file(msg, certificate_path, "no certificate in PEM form can be read from it");
    if (SSL_CTX_use_PrivateKey_file(ctx, key_path, SSL_FILETYPE_PEM) != 1)
        return fail_file(
            msg, key_path,
            "no key of this certificate, unencrypted and in PEM form, can be read from it");
    if (SSL_CTX_check_private_key(ctx) != 1)
        return fail_file(msg, key_path, "not the key of this certificate");
    return ERR_OK;
}

enum err tls_server_new(const char *certificate_path, const char *key_path, SSL_CTX **ret_ctx,
                        struct errmsg *msg)
{
    AUTO(tls_free) SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    enum err e;

    if (ctx == NULL || !set_common(ctx))
        return fail_library(msg);
    SSL_CTX_set_alpn_select_cb(ctx, choose_protocol, NULL);
    e = identify(ctx, certificate_path, key_path, msg);
    if (e == ERR_OK)
        *ret_ctx = TAKE(ctx);
    return e;
}

/* ---- clients' certificates ---- */

void tls_peer_free(struct tls_peer **peerp)
{
    struct tls_peer *peer = TAKE(*peerp);

    if (peer == NULL)
        return;
    for (size_t i = 0; i < peer->name_count; i++)
        free(peer->names[i]);
    free(peer->subject);
    free(peer);
}

static char *subject_of(const X509 *certificate)
{
    BIO *text = BIO_new(BIO_s_mem());
    char *bytes = NULL, *subject = NULL;
    long len;

    if (text == NULL)
        return NULL;
    if (X509_NAME_print_ex(text, X509_get_subject_name(certificate), 0,
                           XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB) >= 0) {
        len = BIO_get_mem_data(text, &bytes);
        if (len >= 0 && (len == 0 || memchr(bytes, '\0', (size_t)len) == NULL))
            subject = len == 0 ? mem_strdup("") : strndup(bytes, (size_t)len);
    }
    BIO_free(text);
    return subject;
}

static void fold_case(char *text)
{
    for (; *text != '\0'; text++)
        if (*text >= 'A' && *text <= 'Z')
            *text = (char)(*text | 0x20);
}

/* One alternative name; false for one that hides something behind a NUL or is not ASCII. Other kinds
 * (addresses, directory names) name no caller and are passed over. */
static bool add_name(struct tls_peer *peer, const GENERAL_NAME *name)
{
    const char *kind = name->type == GEN_DNS     ? "dns"
                       : name->type == GEN_URI   ? "uri"
                       : name->type == GEN_EMAIL ? "email"
                                                 : NULL;
    const unsigned char *bytes;
    size_t len;

    if (kind == NULL)
        return true;
    bytes = ASN1_STRING_get0_data(name->d.ia5);
    len = (size_t)ASN1_STRING_length(name->d.ia5);
    if (peer->name_count == TLS_PEER_NAMES_MAX)
        return false;
    for (size_t i = 0; i < len; i++)
        if (bytes[i] <= ' ' || bytes[i] > '~')
            return false;
    if (asprintf(&peer->names[peer->name_count], "%s:%.*s", kind, (int)len, (const char *)bytes) <
        0)
        return false;
    if (name->type == GEN_DNS)
        fold_case(peer->names[peer->name_count]);
    peer->name_count++;
    return true;
}

static bool add_names(struct tls_peer *peer, const X509 *certificate)
{
    int critical = 0;
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, &critical, NULL);
    bool ok = names != NULL || critical == -1; /* -1: there are none; -2: twice */

    for (int i = 0; ok && i < sk_GENERAL_NAME_num(names); i++)
        ok = add_name(peer, sk_GENERAL_NAME_value(names, i));
    GENERAL_NAMES_free(names);
    return ok;
}

static bool read_end(struct tls_peer *peer, const X509 *certificate)
{
    struct tm end;

    if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &end) != 1)
        return false;
    peer->not_after_s = timegm(&end);
    return true;
}

/* NULL when the certificate cannot be read without doubt. */
static struct tls_peer *peer_of(const X509 *certificate)
{
    AUTO(tls_peer_free) struct tls_peer *peer = mem_alloc(sizeof(*peer));

    peer->subject = subject_of(certificate);
    if (peer->subject == NULL || !add_names(peer, certificate) || !read_end(peer, certificate) ||
        X509_digest(certificate, EVP_sha256(), peer->fingerprint, NULL) != 1)
        return NULL;
    return TAKE(peer);
}

/* The last word on a chain that is sound otherwise. */
static int judge_client(int sound, X509_STORE_CTX *chain)
{
    struct tls_peer *peer;

    if (sound != 1 || X509_STORE_CTX_get_error_depth(chain) > 0)
        return sound;
    peer = peer_of(X509_STORE_CTX_get_current_cert(chain));
    if (peer == NULL)
        X509_STORE_CTX_set_error(chain, X509_V_ERR_UNSUPPORTED_NAME_SYNTAX);
    tls_peer_free(&peer);
    ERR_clear_error();
    return X509_STORE_CTX_get_error(chain) == X509_V_OK;
}

/* Of each context its receiver: a pointer to a function is no pointer to an object, so it is kept in one. */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static int receiver_index;

static void free_receiver(void *parent UNUSED, void *receiver, CRYPTO_EX_DATA *data UNUSED,
                          int index UNUSED, long arg UNUSED, void *context UNUSED)
{
    free(receiver);
}

static void make_index(void)
{
    receiver_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, free_receiver);
    REQUIRE(receiver_index >= 0);
}

static bool set_receiver(SSL_CTX *ctx, tls_peer_fn told)
{
    tls_peer_fn *receiver = mem_alloc(sizeof(*receiver));

    REQUIRE(pthread_once(&once, make_index) == 0);
    *receiver = told;
    free(SSL_CTX_get_ex_data(ctx, receiver_index));
    if (SSL_CTX_set_ex_data(ctx, receiver_index, receiver) == 1)
        return true;
    free(receiver);
    return false;
}

static void on_progress(const SSL *ssl, int where, UNUSED int value)
{
    struct tls_peer *peer;
    const X509 *certificate;

    if ((where & SSL_CB_HANDSHAKE_DONE) == 0)
        return;
    certificate = SSL_get0_peer_certificate(ssl);
    if (certificate == NULL || SSL_get_verify_result(ssl) != X509_V_OK)
        return;
    peer = peer_of(certificate);
    ERR_clear_error();
    if (peer != NULL)
        (*(tls_peer_fn *)SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), receiver_index))(
            BIO_get_data(SSL_get_rbio(ssl)), peer);
}

enum err tls_server_ask_clients(SSL_CTX *ctx, const char *ca_path, bool required, tls_peer_fn told,
                                struct errmsg *msg)
{
    STACK_OF(X509_NAME) * names;

    if (SSL_CTX_load_verify_file(ctx, ca_path) != 1)
        return fail_file(msg, ca_path, "no certificate in PEM form can be read from it");
    names = SSL_load_client_CA_file(ca_path);
    if (names == NULL)
        return fail_library(msg);
    if (!set_receiver(ctx, told)) {
        sk_X509_NAME_pop_free(names, X509_NAME_free);
        return fail_library(msg);
    }
    SSL_CTX_set_client_CA_list(ctx, names);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | (required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
                       judge_client);
    SSL_CTX_set_info_callback(ctx, on_progress);
    ERR_clear_error();
    return ERR_OK;
}

/* ---- the client's side ---- */

static bool is_address(const char *host)
{
    unsigned char bytes[sizeof(struct in6_addr)];

    return inet_pton(AF_INET, host, bytes) == 1 || inet_pton(AF_INET6, host, bytes) == 1;
}

/* The name check as part of chain verification, so that no caller can leave it out. */
static bool require_host(SSL_CTX *ctx, const char *host)
{
    X509_VERIFY_PARAM *param = SSL_CTX_get0_param(ctx);

    if (is_address(host))
        return X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1;
    /* names in the subject are no host names any more (RFC 9525 6.3) */
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
                                               X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    return X509_VERIFY_PARAM_set1_host(param, host, strlen(host)) == 1;
}

enum err tls_client_new(const char *ca_path, const char *host, SSL_CTX **ret_ctx,
                        struct errmsg *msg)
{
    AUTO(tls_free) SSL_CTX *ctx = NULL;

    /* to OpenSSL "" would mean any name, ".example.org" any below that one */
    if (host == NULL || host[0] == '\0' || host[0] == '.')
        return errmsg_set(msg, ERR_CONFIG, "a TLS upstream needs a host name");
    ctx = SSL_CTX_new(TLS_client_method());
    if (ctx == NULL || !set_common(ctx))
        return fail_library(msg);
    if (ca_path != NULL && SSL_CTX_load_verify_file(ctx, ca_path) != 1)
        return fail_file(msg, ca_path, "no certificate in PEM form can be read from it");
    if (ca_path == NULL && SSL_CTX_set_default_verify_paths(ctx) != 1)
        return fail_library(msg);
    if (SSL_CTX_set_alpn_protos(ctx, HTTP_1_1, sizeof(HTTP_1_1)) != 0 || !require_host(ctx, host))
        return fail_library(msg);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    *ret_ctx = TAKE(ctx);
    return ERR_OK;
}

enum err tls_client_identify(SSL_CTX *ctx, const char *certificate_path, const char *key_path,
                             struct errmsg *msg)
{
    return identify(ctx, certificate_path, key_path, msg);
}

enum err tls_certificate_end(const char *path, int64_t *ret_s, struct errmsg *msg)
{
    BIO *file = BIO_new_file(path, "r");
    X509 *certificate = file == NULL ? NULL : PEM_read_bio_X509(file, NULL, no_passphrase, NULL);
    struct tm end;
    enum err e = ERR_OK;

    if (certificate == NULL || ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &end) != 1)
        e = fail_file(msg, path, "no certificate in PEM form can be read from it");
    else
        *ret_s = timegm(&end);
    X509_free(certificate);
    (void)BIO_free(file);
    return e;
}

bool tls_guard(SSL_CTX *ctx)
{
    (void)SSL_CTX_set_options(ctx, SSL_OP_CLEANSE_PLAINTEXT);
    SSL_CTX_set_keylog_callback(ctx, NULL); /* libcurl heeds SSLKEYLOGFILE */
    return set_common(ctx);
}

void tls_free(SSL_CTX **ctx)
{
    SSL_CTX_free(TAKE(*ctx));
}

SSL_CTX *tls_share(SSL_CTX *ctx)
{
    if (ctx != NULL)
        (void)SSL_CTX_up_ref(ctx);
    return ctx;
}
