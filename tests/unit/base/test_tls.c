/* SPDX-License-Identifier: Apache-2.0 */
/* Real handshakes between a context of ours and one of OpenSSL's own, over a socketpair. */
#include "base/tls.h"

#include <criterion/criterion.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/secret.h"
#include "base/span.h"
#include "tls_rig.h"

static char folder[32];
static struct errmsg msg;

static void write_text(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");

    cr_assert(f != NULL && fputs(text, f) >= 0 && fclose(f) == 0);
}

enum { YEAR_S = 31536000 };

/* ca, other_ca, impostor (named like ca); server (localhost, *.example.org, 127.0.0.1, ::1),
 * nameless, late, stranger. */
static void start(void)
{
    struct pair ca, other_ca, impostor, server, nameless, late, stranger;

    secret_start();
    (void)snprintf(folder, sizeof(folder), "/tmp/lethe-tls-XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
    cr_assert_eq(chdir(folder), 0);
    ca = issue(NULL, "authority", YEAR_S);
    other_ca = issue(NULL, "other authority", YEAR_S);
    impostor = issue(NULL, "authority", YEAR_S);
    server = issue(&ca, "DNS:localhost,DNS:*.example.org,IP:127.0.0.1,IP:::1", YEAR_S);
    nameless = issue(&ca, NULL, YEAR_S);
    late = issue(&ca, "DNS:localhost", 3600);
    stranger = issue(&other_ca, "DNS:localhost", YEAR_S);
    save("ca", &ca);
    save("other_ca", &other_ca);
    save("impostor", &impostor);
    save("server", &server);
    save("nameless", &nameless);
    save("late", &late);
    save("stranger", &stranger);
    release(&ca);
    release(&other_ca);
    release(&impostor);
    release(&server);
    release(&nameless);
    release(&late);
    release(&stranger);
}

static void stop(void)
{
    static const char *const names[] = {"ca",       "other_ca", "impostor", "server",
                                        "nameless", "late",     "stranger"};
    char path[80];

    for (size_t i = 0; i < COUNT_OF(names); i++) {
        (void)snprintf(path, sizeof(path), "%s.crt", names[i]);
        (void)unlink(path);
        (void)snprintf(path, sizeof(path), "%s.key", names[i]);
        (void)unlink(path);
    }
    (void)unlink("bad.pem");
    (void)rmdir(folder);
}

TestSuite(tls, .init = start, .fini = stop);

static SSL_CTX *server_of(const char *name)
{
    char certificate[80], key[80];
    SSL_CTX *ctx = NULL;

    (void)snprintf(certificate, sizeof(certificate), "%s.crt", name);
    (void)snprintf(key, sizeof(key), "%s.key", name);
    cr_assert_eq(tls_server_new(certificate, key, &ctx, &msg), ERR_OK, "%s", msg.text);
    return ctx;
}

/* A client that trusts everybody, to look at the server with. */
static SSL_CTX *naive_client(int version)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

    SSL_CTX_set_security_level(ctx, 0);
    cr_assert(SSL_CTX_set_min_proto_version(ctx, version) == 1 &&
              SSL_CTX_set_max_proto_version(ctx, version) == 1);
    return ctx;
}

/* What our client, told to expect `host`, thinks of the server with that certificate. */
static long verdict(const char *server_name, const char *ca, const char *host, int version)
{
    AUTO(tls_free) SSL_CTX *server = server_of(server_name);
    AUTO(tls_free) SSL_CTX *client = NULL;
    struct link l;
    long result;
    bool done;

    cr_assert_eq(tls_client_new(ca, host, &client, &msg), ERR_OK, "%s", msg.text);
    cr_assert(SSL_CTX_set_min_proto_version(client, version) == 1 &&
              SSL_CTX_set_max_proto_version(client, version) == 1);
    connect_link(&l, server, client);
    done = shake_hands(&l);
    cr_expect(!done || SSL_version(l.client) == version);
    result = SSL_get_verify_result(l.client);
    cr_expect_eq(done, result == X509_V_OK, "a refused certificate ends the handshake");
    free_link(&l);
    ERR_clear_error();
    return result;
}

Test(tls, client_takes_only_the_name_it_expects)
{
    static const struct {
        const char *host;
        long verdict;
    } cases[] = {
        {"localhost", X509_V_OK},
        {"LOCALHOST", X509_V_OK},
        {"www.example.org", X509_V_OK},
        {"127.0.0.1", X509_V_OK},
        {"::1", X509_V_OK},
        {"localhost.example.com", X509_V_ERR_HOSTNAME_MISMATCH},
        {"other", X509_V_ERR_HOSTNAME_MISMATCH},
        {"example.org", X509_V_ERR_HOSTNAME_MISMATCH},
        {"a.b.example.org", X509_V_ERR_HOSTNAME_MISMATCH},
        {"127.0.0.2", X509_V_ERR_IP_ADDRESS_MISMATCH},
        {"::2", X509_V_ERR_IP_ADDRESS_MISMATCH},
    };
    static const int versions[] = {TLS1_3_VERSION, TLS1_2_VERSION};

    for (size_t v = 0; v < COUNT_OF(versions); v++)
        for (size_t i = 0; i < COUNT_OF(cases); i++)
            cr_expect_eq(verdict("server", "ca.crt", cases[i].host, versions[v]), cases[i].verdict,
                         "%s", cases[i].host);
}

Test(tls, client_takes_only_certificates_of_its_authority_and_time)
{
    cr_expect_eq(verdict("stranger", "ca.crt", "localhost", TLS1_3_VERSION),
                 X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY);
    cr_expect_eq(verdict("server", "impostor.crt", "localhost", TLS1_3_VERSION),
                 X509_V_ERR_CERT_SIGNATURE_FAILURE, "same name, another key");
    cr_expect_eq(verdict("server", NULL, "localhost", TLS1_3_VERSION),
                 X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
                 "the system knows no such authority");
    cr_expect_eq(verdict("late", "ca.crt", "localhost", TLS1_3_VERSION),
                 X509_V_ERR_CERT_HAS_EXPIRED);
    cr_expect_eq(verdict("nameless", "ca.crt", "localhost", TLS1_3_VERSION),
                 X509_V_ERR_HOSTNAME_MISMATCH, "a common name is no host name");
}

Test(tls, client_needs_a_host_and_a_readable_authority)
{
    SSL_CTX *ctx = NULL;

    cr_expect_eq(tls_client_new("ca.crt", "", &ctx, &msg), ERR_CONFIG);
    cr_expect_eq(tls_client_new("ca.crt", NULL, &ctx, &msg), ERR_CONFIG);
    cr_expect_eq(tls_client_new("ca.crt", ".example.org", &ctx, &msg), ERR_CONFIG);
    cr_expect_str_eq(msg.text, "a TLS upstream needs a host name");
    cr_expect_eq(tls_client_new("none.crt", "localhost", &ctx, &msg), ERR_CONFIG);
    cr_expect_str_eq(msg.text, "none.crt: no certificate in PEM form can be read from it (No such "
                               "file or directory)");
    write_text("bad.pem", "hunter2\n");
    cr_expect_eq(tls_client_new("bad.pem", "localhost", &ctx, &msg), ERR_CONFIG);
    cr_expect_eq(strncmp(msg.text, "bad.pem: no certificate in PEM form", 35), 0, "%s", msg.text);
    cr_expect_null(strstr(msg.text, "hunter2"));
    cr_expect_null(ctx);
    cr_expect_eq(ERR_peek_error(), 0);
}

Test(tls, server_needs_a_certificate_and_its_key)
{
    static const struct {
        const char *certificate, *key, *message;
    } cases[] = {
        {"none.crt", "server.key",
         "none.crt: no certificate in PEM form can be read from it (No such file or directory)"},
        {"server.crt", "none.key",
         "none.key: no key of this certificate, unencrypted and in PEM form, can be read from it "
         "(No "
         "such file or directory)"},
        {"server.key", "server.key", "server.key: no certificate in PEM form"},
        {"server.crt", "server.crt", "server.crt: no key of this certificate"},
        {"server.crt", "late.key", "late.key: no key of this certificate"},
        {"bad.pem", "server.key", "bad.pem: no certificate in PEM form"},
        {"server.crt", "bad.pem", "bad.pem: no key of this certificate"},
        {"server.crt", ".", ".: no key of this certificate"},
    };

    write_text("bad.pem", "hunter2\n");
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        SSL_CTX *ctx = NULL;

        cr_expect_eq(tls_server_new(cases[i].certificate, cases[i].key, &ctx, &msg), ERR_CONFIG);
        cr_expect_eq(strncmp(msg.text, cases[i].message, strlen(cases[i].message)), 0, "%s",
                     msg.text);
        cr_expect_null(strstr(msg.text, "hunter2"));
        cr_expect_null(ctx);
        cr_expect_eq(ERR_peek_error(), 0, "nothing is left for the next connection");
    }
}

Test(tls, server_refuses_an_encrypted_key_without_asking_for_its_passphrase)
{
    AUTO(tls_free) SSL_CTX *ctx = NULL;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    FILE *f = fopen("bad.pem", "w");

    cr_assert(f != NULL &&
              PEM_write_PrivateKey(f, key, EVP_aes_128_cbc(), (const unsigned char *)"hunter2", 7,
                                   NULL, NULL) == 1);
    cr_assert_eq(fclose(f), 0);
    EVP_PKEY_free(key);
    cr_assert_eq(tls_server_new("server.crt", "bad.pem", &ctx, &msg), ERR_CONFIG);
    cr_assert_not_null(strstr(msg.text, "unencrypted"), "%s", msg.text);
}

/* Whether our server and a client of that version, cipher and protocol list come together. */
static bool serves(int version, const char *ciphers, const char *alpn, char chosen[16])
{
    AUTO(tls_free) SSL_CTX *server = server_of("server");
    AUTO(tls_free) SSL_CTX *client = naive_client(version);
    const unsigned char *protocol = NULL;
    unsigned len = 0;
    struct link l;
    bool done;

    if (ciphers != NULL)
        cr_assert_eq(SSL_CTX_set_cipher_list(client, ciphers), 1);
    if (alpn != NULL)
        cr_assert_eq(
            SSL_CTX_set_alpn_protos(client, (const unsigned char *)alpn, (unsigned)strlen(alpn)),
            0);
    connect_link(&l, server, client);
    done = shake_hands(&l);
    SSL_get0_alpn_selected(l.client, &protocol, &len);
    (void)snprintf(chosen, 16, "%.*s", (int)len, protocol == NULL ? "" : (const char *)protocol);
    free_link(&l);
    ERR_clear_error();
    return done;
}

Test(tls, server_speaks_1_2_and_1_3_with_forward_secrecy_only)
{
    AUTO(tls_free) SSL_CTX *server = server_of("server");
    char chosen[16];

    cr_expect(serves(TLS1_3_VERSION, NULL, NULL, chosen));
    cr_expect_eq(SSL_CTX_get_min_proto_version(server), TLS1_2_VERSION);
    cr_expect(serves(TLS1_2_VERSION, NULL, NULL, chosen));
    cr_expect(serves(TLS1_2_VERSION, "ECDHE-ECDSA-AES128-GCM-SHA256", NULL, chosen));
    cr_expect_not(serves(TLS1_1_VERSION, NULL, NULL, chosen));
    cr_expect_not(serves(TLS1_VERSION, NULL, NULL, chosen));
    cr_expect_not(serves(TLS1_2_VERSION, "ECDHE-ECDSA-AES128-SHA", NULL, chosen), "CBC");
    cr_expect_not(serves(TLS1_2_VERSION, "AECDH-AES128-SHA", NULL, chosen), "anonymous");
}

/* E84 */
Test(tls, server_speaks_http_1_1_and_refuses_a_client_that_does_not)
{
    char chosen[16];

    cr_expect(serves(TLS1_3_VERSION, NULL, "\x08http/1.1", chosen));
    cr_expect_str_eq(chosen, "http/1.1");
    cr_expect(serves(TLS1_3_VERSION, NULL, "\x02h2\x08http/1.1", chosen));
    cr_expect_str_eq(chosen, "http/1.1");
    cr_expect(serves(TLS1_3_VERSION, NULL, NULL, chosen), "without the extension");
    cr_expect_str_eq(chosen, "");
    cr_expect_not(serves(TLS1_3_VERSION, NULL, "\x02h2", chosen));
}

Test(tls, client_offers_http_1_1_only)
{
    AUTO(tls_free) SSL_CTX *server = server_of("server");
    AUTO(tls_free) SSL_CTX *client = NULL;
    const unsigned char *protocol;
    unsigned len;
    struct link l;

    cr_assert_eq(tls_client_new("ca.crt", "localhost", &client, &msg), ERR_OK);
    connect_link(&l, server, client);
    cr_assert(shake_hands(&l));
    SSL_get0_alpn_selected(l.server, &protocol, &len);
    cr_assert(span_equal(span_of(protocol, len), SPAN_LIT("http/1.1")));
    free_link(&l);
}

/* Pass one byte each way, so that what a server sends after the handshake has arrived. */
static void exchange(struct link *l)
{
    char byte = 'x';

    cr_assert_eq(SSL_write(l->client, &byte, 1), 1);
    cr_assert_eq(SSL_read(l->server, &byte, 1), 1);
    cr_assert_eq(SSL_write(l->server, &byte, 1), 1);
    cr_assert_eq(SSL_read(l->client, &byte, 1), 1);
}

Test(tls, server_hands_out_no_session_that_can_be_resumed)
{
    static const int versions[] = {TLS1_3_VERSION, TLS1_2_VERSION};

    for (size_t i = 0; i < COUNT_OF(versions); i++) {
        AUTO(tls_free) SSL_CTX *server = server_of("server");
        AUTO(tls_free) SSL_CTX *client = naive_client(versions[i]);
        SSL_SESSION *session;
        struct link l;

        connect_link(&l, server, client);
        cr_assert(shake_hands(&l));
        exchange(&l);
        session = SSL_get1_session(l.client);
        cr_expect_eq(SSL_SESSION_has_ticket(session), 0);
        free_link(&l);
        connect_link(&l, server, client);
        cr_assert_eq(SSL_set_session(l.client, session), 1);
        cr_assert(shake_hands(&l));
        exchange(&l);
        cr_expect_eq(SSL_session_reused(l.client), 0);
        SSL_SESSION_free(session);
        free_link(&l);
    }
}

Test(tls, server_refuses_renegotiation)
{
    AUTO(tls_free) SSL_CTX *server = server_of("server");
    AUTO(tls_free) SSL_CTX *client = naive_client(TLS1_2_VERSION);
    struct link l;
    char byte;

    connect_link(&l, server, client);
    cr_assert(shake_hands(&l));
    exchange(&l);
    cr_assert_eq(SSL_renegotiate(l.client), 1);
    (void)SSL_do_handshake(l.client); /* sends the new hello */
    (void)SSL_read(l.server, &byte, 1);
    (void)SSL_do_handshake(l.client);
    cr_assert_eq(SSL_renegotiate_pending(l.server), 0);
    cr_assert_eq(ERR_GET_REASON(ERR_peek_last_error()), SSL_R_NO_RENEGOTIATION,
                 "the client is told");
    ERR_clear_error();
    free_link(&l);
}

Test(tls, client_refuses_renegotiation)
{
    AUTO(tls_free) SSL_CTX *server = server_of("server");
    AUTO(tls_free) SSL_CTX *client = NULL;
    struct link l;
    char byte;

    cr_assert_eq(tls_client_new("ca.crt", "localhost", &client, &msg), ERR_OK);
    (void)SSL_CTX_clear_options(server, SSL_OP_NO_RENEGOTIATION);
    cr_assert_eq(SSL_CTX_set_max_proto_version(server, TLS1_2_VERSION), 1);
    connect_link(&l, server, client);
    cr_assert(shake_hands(&l));
    exchange(&l);
    cr_assert_eq(SSL_renegotiate(l.server), 1);
    (void)SSL_do_handshake(l.server);   /* asks for it */
    (void)SSL_read(l.client, &byte, 1); /* sends the new hello, or an alert */
    ERR_clear_error();
    (void)SSL_read(l.server, &byte, 1);
    cr_assert_eq(ERR_GET_REASON(ERR_peek_last_error()), SSL_R_NO_RENEGOTIATION, "%s",
                 ERR_reason_error_string(ERR_peek_last_error()));
    ERR_clear_error();
    free_link(&l);
}

Test(tls, server_sends_the_whole_chain_of_its_file)
{
    AUTO(tls_free) SSL_CTX *ctx = NULL;
    STACK_OF(X509) *chain = NULL;

    cr_assert_eq(system("cat server.crt ca.crt > bad.pem"), 0);
    cr_assert_eq(tls_server_new("bad.pem", "server.key", &ctx, &msg), ERR_OK, "%s", msg.text);
    cr_assert_eq(SSL_CTX_get0_chain_certs(ctx, &chain), 1);
    cr_assert_eq(sk_X509_num(chain), 1);
}

Test(tls, free_takes_null)
{
    SSL_CTX *none = NULL;

    tls_free(&none);
    cr_assert_null(none);
}

Test(tls, client_shows_a_certificate_only_with_its_key)
{
    static const struct {
        const char *certificate, *key, *message;
    } cases[] = {
        {"none.crt", "server.key", "none.crt: no certificate in PEM form"},
        {"server.crt", "none.key", "none.key: no key of this certificate"},
        {"server.crt", "late.key", "late.key: no key of this certificate"},
    };
    AUTO(tls_free) SSL_CTX *client = NULL;

    cr_assert_eq(tls_client_new("ca.crt", "localhost", &client, &msg), ERR_OK);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        cr_expect_eq(tls_client_identify(client, cases[i].certificate, cases[i].key, &msg),
                     ERR_CONFIG);
        cr_expect_eq(strncmp(msg.text, cases[i].message, strlen(cases[i].message)), 0, "%s",
                     msg.text);
        cr_expect_eq(ERR_peek_error(), 0);
    }
    cr_expect_eq(tls_client_identify(client, "server.crt", "server.key", &msg), ERR_OK);
}

Test(tls, tells_when_a_certificate_ends)
{
    const int64_t now_s = (int64_t)time(NULL);
    int64_t end_s = -1;

    cr_assert_eq(tls_certificate_end("server.crt", &end_s, &msg), ERR_OK);
    cr_assert(llabs(end_s - (now_s + YEAR_S - 86400)) < 60);
    cr_assert_eq(tls_certificate_end("late.crt", &end_s, &msg), ERR_OK);
    cr_assert(end_s < now_s);
}

Test(tls, tells_of_no_end_where_there_is_no_certificate)
{
    int64_t end_s = -1;

    write_text("bad.pem", "no certificate");
    cr_assert_eq(tls_certificate_end("bad.pem", &end_s, &msg), ERR_CONFIG);
    cr_assert_not_null(strstr(msg.text, "bad.pem: no certificate"));
    cr_assert_eq(tls_certificate_end("server.key", &end_s, &msg), ERR_CONFIG);
    cr_assert_eq(tls_certificate_end("none.crt", &end_s, &msg), ERR_CONFIG);
    cr_assert_not_null(strstr(msg.text, "No such file"));
    cr_assert_eq(end_s, -1);
    cr_assert_eq(ERR_peek_error(), 0);
}
