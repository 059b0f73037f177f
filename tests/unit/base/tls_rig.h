/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates made on the spot, and TLS connections with both ends in one thread. */
#pragma once

#include <criterion/criterion.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

struct pair {
    EVP_PKEY *key;
    X509 *certificate;
};

static inline void add_extension(X509 *to, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509_EXTENSION *e;

    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, issuer, to, NULL, NULL, 0);
    e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    cr_assert_not_null(e);
    cr_assert_eq(X509_add_ext(to, e, -1), 1);
    X509_EXTENSION_free(e);
}

/* A key and a certificate for it. issuer NULL: self-signed authority; names NULL: only the common
 * name "localhost". lifetime_s from a day ago. */
static inline struct pair issue(const struct pair *issuer, const char *names, long lifetime_s)
{
    static long serial = 1;
    struct pair p = {EVP_EC_gen("P-256"), X509_new()};
    X509_NAME *name;

    cr_assert(p.key != NULL && p.certificate != NULL);
    cr_assert_eq(X509_set_version(p.certificate, 2), 1);
    cr_assert_eq(ASN1_INTEGER_set(X509_get_serialNumber(p.certificate), serial++), 1);
    cr_assert_not_null(X509_gmtime_adj(X509_getm_notBefore(p.certificate), -86400));
    cr_assert_not_null(X509_gmtime_adj(X509_getm_notAfter(p.certificate), lifetime_s - 86400));
    cr_assert_eq(X509_set_pubkey(p.certificate, p.key), 1);
    name = X509_get_subject_name(p.certificate);
    cr_assert_eq(X509_NAME_add_entry_by_txt(
                     name, "CN", MBSTRING_ASC,
                     (const unsigned char *)(issuer == NULL ? names : "localhost"), -1, -1, 0),
                 1);
    cr_assert_eq(
        X509_set_issuer_name(p.certificate,
                             issuer == NULL ? name : X509_get_subject_name(issuer->certificate)),
        1);
    add_extension(p.certificate, issuer == NULL ? p.certificate : issuer->certificate,
                  NID_basic_constraints, issuer == NULL ? "critical,CA:TRUE" : "critical,CA:FALSE");
    if (issuer != NULL && names != NULL)
        add_extension(p.certificate, issuer->certificate, NID_subject_alt_name, names);
    cr_assert_gt(X509_sign(p.certificate, issuer == NULL ? p.key : issuer->key, EVP_sha256()), 0);
    return p;
}

static inline void release(struct pair *p)
{
    EVP_PKEY_free(p->key);
    X509_free(p->certificate);
}

/* Write NAME.crt and NAME.key. */
static inline void save(const char *name, const struct pair *p)
{
    char path[80];
    FILE *f;

    (void)snprintf(path, sizeof(path), "%s.crt", name);
    f = fopen(path, "w");
    cr_assert(f != NULL && PEM_write_X509(f, p->certificate) == 1 && fclose(f) == 0);
    (void)snprintf(path, sizeof(path), "%s.key", name);
    f = fopen(path, "w");
    cr_assert(f != NULL && PEM_write_PrivateKey(f, p->key, NULL, NULL, 0, NULL, NULL) == 1 &&
              fclose(f) == 0);
}

/* A connection, both ends in this thread. */
struct link {
    SSL *server, *client;
    int ends[2];
};

static inline void connect_link(struct link *l, SSL_CTX *server, SSL_CTX *client)
{
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, l->ends), 0);
    l->server = SSL_new(server);
    l->client = SSL_new(client);
    cr_assert(SSL_set_fd(l->server, l->ends[0]) == 1 && SSL_set_fd(l->client, l->ends[1]) == 1);
    SSL_set_accept_state(l->server);
    SSL_set_connect_state(l->client);
}

static inline void free_link(struct link *l)
{
    (void)SSL_shutdown(l->client); /* a connection that just breaks takes its session along */
    (void)SSL_shutdown(l->server);
    SSL_free(l->server);
    SSL_free(l->client);
    (void)close(l->ends[0]);
    (void)close(l->ends[1]);
}

/* Whether both sides come to an end of the handshake; at most 50 steps each. */
static inline bool shake_hands(struct link *l)
{
    for (int i = 0; i < 50; i++) {
        int c = SSL_do_handshake(l->client), s = SSL_do_handshake(l->server);

        if (c == 1 && s == 1)
            return true;
        if ((c != 1 && SSL_get_error(l->client, c) == SSL_ERROR_SSL) ||
            (s != 1 && SSL_get_error(l->server, s) == SSL_ERROR_SSL))
            return false;
    }
    return false;
}
