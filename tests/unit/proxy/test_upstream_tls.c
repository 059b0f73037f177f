/* SPDX-License-Identifier: Apache-2.0 */
/* The upstream client over TLS: who it talks to, and whether an end is the end. */
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/tls.h"
#include "tests/unit/proxy/upstream_rig.h"

#define OK    "HTTP/1.1 200 OK\r\n"
#define HELLO OK "Content-Length: 5\r\n\r\nhello"

static const struct stub_step keep_alive[] = {
    {STUB_REQUEST, NULL, 0}, {STUB_SEND, HELLO, 0}, {STUB_AGAIN, NULL, 0}};

/* A certificate that signs itself, for one name ("DNS:app.test", "IP:127.0.0.1"). */
struct identity {
    char cert_path[64], key_path[64];
};

static void add_extension(X509 *cert, int nid, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

    cr_assert_eq(X509_add_ext(cert, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

static void save(const struct identity *id, X509 *cert, EVP_PKEY *key)
{
    FILE *f = fopen(id->cert_path, "w");

    cr_assert_eq(PEM_write_X509(f, cert), 1);
    fclose(f);
    f = fopen(id->key_path, "w");
    cr_assert_eq(PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL), 1);
    fclose(f);
}

static struct identity identity_new(const char *name)
{
    struct identity id = {.cert_path = "/tmp/lethe-test-cert-XXXXXX",
                          .key_path = "/tmp/lethe-test-key-XXXXXX"};
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();

    close(mkstemp(id.cert_path));
    close(mkstemp(id.key_path));
    cr_assert(key != NULL && cert != NULL);
    X509_set_version(cert, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
    X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
                               (const unsigned char *)"test", -1, -1, 0);
    X509_set_issuer_name(cert, X509_get_subject_name(cert));
    X509_set_pubkey(cert, key);
    add_extension(cert, NID_basic_constraints, "critical,CA:TRUE");
    add_extension(cert, NID_subject_alt_name, name);
    cr_assert_gt(X509_sign(cert, key, EVP_sha256()), 0);
    save(&id, cert, key);
    X509_free(cert);
    EVP_PKEY_free(key);
    return id;
}

static void identity_free(struct identity *id)
{
    unlink(id->cert_path);
    unlink(id->key_path);
}

TestSuite(upstream_tls, .init = secret_start, .timeout = 120);

struct tls_rig {
    struct rig rig;
    struct identity id;
    struct ssl_ctx_st *server, *client;
};

/* The upstream's certificate is for `name`; the client wants `host`. version: the only one spoken.
 */
static void tls_start(struct tls_rig *r, const char *name, const char *host, int version,
                      const struct stub_step *const *script)
{
    struct errmsg msg;

    r->id = identity_new(name);
    cr_assert_eq(tls_server_new(r->id.cert_path, r->id.key_path, &r->server, &msg), ERR_OK, "%s",
                 msg.text);
    cr_assert_eq(tls_client_new(r->id.cert_path, host, &r->client, &msg), ERR_OK, "%s", msg.text);
    SSL_CTX_set_min_proto_version(r->server, version);
    SSL_CTX_set_max_proto_version(r->server, version);
    rig_start(&r->rig, script, 1, r->server);
    r->rig.config.tls = r->client;
    r->rig.config.host = (char *)host;
    rig_pool(&r->rig);
}

static void tls_stop(struct tls_rig *r)
{
    rig_stop(&r->rig);
    tls_free(&r->client);
    tls_free(&r->server);
    identity_free(&r->id);
}

/* Sends from inside the loop, as the proxy does: libh2o tells that all is written before it polls
 * again, so no answer looks early. */
struct soon {
    h2o_timeout_t now;
    h2o_timeout_entry_t entry;
    struct told told;
    const char *body;
};

static void on_soon(h2o_timeout_entry_t *entry)
{
    struct soon *s = CONTAINER_OF(entry, struct soon, entry);

    rig_send(&s->told, s->body != NULL ? "POST" : "GET", "/", s->body);
}

static struct told ask_in_loop(struct rig *r, const char *body)
{
    struct soon s = {.entry = {.cb = on_soon}, .told = {.rig = r}, .body = body};

    h2o_timeout_init(r->loop, &s.now, 0);
    h2o_timeout_link(r->loop, &s.now, &s.entry);
    rig_run_until(r, &s.told.dones, 1);
    h2o_timeout_dispose(r->loop, &s.now);
    return s.told;
}

Test(upstream_tls, delivers_and_uses_the_connection_again)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

    for (size_t i = 0; i < COUNT_OF(versions); i++) {
        const struct stub_step *script = keep_alive;
        struct tls_rig r;

        tls_start(&r, "DNS:app.test", "app.test", versions[i], &script);
        for (int n = 0; n < 3; n++) {
            struct told t = ask_in_loop(&r.rig, n == 1 ? "x" : NULL);

            cr_expect_eq(t.result, ERR_OK, "%s", err_name(t.result));
            cr_expect_str_eq(t.body, "hello");
        }
        cr_expect_eq(http_stub_connections(r.rig.stub), 1);
        tls_stop(&r);
    }
}

Test(upstream_tls, talks_to_nobody_of_another_name)
{
    static const struct {
        const char *name, *host;
        int version;
    } cases[] = {
        {"DNS:other.test", "app.test", TLS1_3_VERSION},
        {"DNS:other.test", "app.test", TLS1_2_VERSION},
        {"DNS:app.test", "127.0.0.1", TLS1_3_VERSION},
        {"DNS:app.test", "127.0.0.1", TLS1_2_VERSION},
        {"IP:127.0.0.2", "127.0.0.1", TLS1_3_VERSION},
        {"IP:127.0.0.2", "127.0.0.1", TLS1_2_VERSION},
        {"DNS:127.0.0.1", "127.0.0.1", TLS1_2_VERSION},
        {"DNS:app.test", "app.test", TLS1_1_VERSION},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct stub_step *script = keep_alive;
        struct tls_rig r;
        struct told t;

        tls_start(&r, cases[i].name, cases[i].host, cases[i].version, &script);
        t = rig_ask(&r.rig, "GET", NULL);
        cr_expect_eq(t.result, ERR_UPSTREAM, "%s for %s", cases[i].name, cases[i].host);
        rig_turn(&r.rig);
        cr_expect_eq(http_stub_requests(r.rig.stub), 0, "not a byte of the request went out");
        tls_stop(&r);
    }
}

/* libh2o looks for names only, and under TLS 1.2. */
Test(upstream_tls, talks_to_addresses_and_names_under_every_version)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    static const struct {
        const char *name, *host;
    } cases[] = {{"IP:127.0.0.1", "127.0.0.1"},
                 {"IP:::1", "::1"},
                 {"DNS:*.app.test", "one.app.test"},
                 {"DNS:other.test,DNS:app.test", "app.test"}};

    for (size_t i = 0; i < COUNT_OF(cases) * COUNT_OF(versions); i++) {
        const struct stub_step *script = keep_alive;
        struct tls_rig r;

        tls_start(&r, cases[i / 2].name, cases[i / 2].host, versions[i % 2], &script);
        for (int n = 0; n < 2; n++)
            cr_expect_eq(ask_in_loop(&r.rig, NULL).result, ERR_OK, "%s", cases[i / 2].name);
        cr_expect_eq(http_stub_connections(r.rig.stub), 1);
        tls_stop(&r);
    }
}

/* ---- who we are ---- */

Test(upstream_tls, shows_its_certificate_to_whoever_asks)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

    for (size_t i = 0; i < 2 * COUNT_OF(versions); i++) {
        const struct stub_step *script = keep_alive;
        struct identity lethe = identity_new("DNS:lethe.test");
        const bool shows = i < COUNT_OF(versions);
        struct errmsg msg;
        struct tls_rig r;

        tls_start(&r, "DNS:app.test", "app.test", versions[i % 2], &script);
        cr_assert_eq(SSL_CTX_load_verify_file(r.server, lethe.cert_path), 1);
        SSL_CTX_set_verify(r.server, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
        if (shows)
            cr_assert_eq(tls_client_identify(r.client, lethe.cert_path, lethe.key_path, &msg),
                         ERR_OK, "%s", msg.text);
        cr_expect_eq(ask_in_loop(&r.rig, "x").result, shows ? ERR_OK : ERR_UPSTREAM);
        cr_expect_eq(http_stub_requests(r.rig.stub), shows ? 1 : 0);
        tls_stop(&r);
        identity_free(&lethe);
    }
}

/* In the stub's thread; read after the request is answered. */
static char asked_name[64];

static int note_name(SSL *ssl, UNUSED int *alert, UNUSED void *arg)
{
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

    snprintf(asked_name, sizeof(asked_name), "%s", name != NULL ? name : "none");
    return SSL_TLSEXT_ERR_OK;
}

Test(upstream_tls, asks_for_the_name_or_for_none_at_an_address)
{
    static const struct {
        const char *name, *host, *asked;
    } cases[] = {{"DNS:app.test", "app.test", "app.test"}, {"IP:127.0.0.1", "127.0.0.1", "none"}};

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct stub_step *script = keep_alive;
        struct tls_rig r;
        struct told t;

        tls_start(&r, cases[i].name, cases[i].host, TLS1_3_VERSION, &script);
        SSL_CTX_set_tlsext_servername_callback(r.server, note_name);
        t = rig_ask(&r.rig, "GET", NULL);
        cr_expect_eq(t.result, ERR_OK, "%s", err_name(t.result));
        cr_expect_str_eq(asked_name, cases[i].asked);
        tls_stop(&r);
    }
}

Test(upstream_tls, talks_to_nobody_whose_certificate_is_not_trusted)
{
    const struct stub_step *script = keep_alive;
    struct identity stranger = identity_new("DNS:app.test");
    struct errmsg msg;
    struct tls_rig r;
    struct told t;

    tls_start(&r, "DNS:app.test", "app.test", TLS1_3_VERSION, &script);
    rig_pool_free(&r.rig);
    tls_free(&r.client);
    cr_assert_eq(tls_client_new(stranger.cert_path, "app.test", &r.client, &msg), ERR_OK);
    r.rig.config.tls = r.client;
    rig_pool(&r.rig);
    t = rig_ask(&r.rig, "GET", NULL);
    cr_expect_eq(t.result, ERR_UPSTREAM);
    cr_expect_eq(http_stub_requests(r.rig.stub), 0);
    tls_stop(&r);
    identity_free(&stranger);
}

Test(upstream_tls, takes_an_end_for_the_end_only_when_the_peer_said_so)
{
    static const struct {
        enum stub_step_kind end;
        enum err result;
    } cases[] = {{STUB_END, ERR_OK}, {STUB_CUT, ERR_UPSTREAM}};
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

    for (size_t i = 0; i < COUNT_OF(cases) * COUNT_OF(versions); i++) {
        const struct stub_step steps[] = {{STUB_REQUEST, NULL, 0},
                                          {STUB_SEND, OK "\r\nuntil the end", 0},
                                          {cases[i / 2].end, NULL, 0}};
        const struct stub_step *script = steps;
        struct tls_rig r;
        struct told t;

        tls_start(&r, "DNS:app.test", "app.test", versions[i % 2], &script);
        t = rig_ask(&r.rig, "GET", NULL);
        cr_expect_eq(t.result, cases[i / 2].result, "%s", err_name(t.result));
        tls_stop(&r);
    }
}

Test(upstream_tls, moves_large_bodies_both_ways)
{
    enum { SIZE = 4 << 20 };
    static char head[128];
    static const struct stub_step big[] = {{STUB_REQUEST, NULL, 0},
                                           {STUB_SEND, head, 0},
                                           {STUB_FILL, NULL, SIZE},
                                           {STUB_AGAIN, NULL, 0}};
    const struct stub_step *script = big;
    size_t size = 900 << 10;
    char *body = malloc(size + 1);
    struct tls_rig r;

    memset(body, 'b', size);
    body[size] = '\0';
    snprintf(head, sizeof(head), OK "Content-Length: %d\r\n\r\n", SIZE);
    tls_start(&r, "DNS:app.test", "app.test", TLS1_3_VERSION, &script);
    for (int i = 0; i < 2; i++) {
        struct told t = ask_in_loop(&r.rig, body);

        cr_expect_eq(t.result, ERR_OK, "%s", err_name(t.result));
        cr_expect_eq(t.body_len, SIZE);
    }
    cr_expect_eq(http_stub_connections(r.rig.stub), 1);
    tls_stop(&r);
    free(body);
}

Test(upstream_tls, resumes_a_paused_body)
{
    enum { SIZE = 4 << 20 };
    static char head[128];
    static const struct stub_step big[] = {{STUB_REQUEST, NULL, 0},
                                           {STUB_SEND, head, 0},
                                           {STUB_FILL, NULL, SIZE},
                                           {STUB_HOLD, NULL, 0}};
    const struct stub_step *script = big;
    struct told t = {.pause_always = true};
    struct tls_rig r;

    snprintf(head, sizeof(head), OK "Content-Length: %d\r\n\r\n", SIZE);
    tls_start(&r, "DNS:app.test", "app.test", TLS1_3_VERSION, &script);
    t.rig = &r.rig;
    rig_send(&t, "GET", "/", NULL);
    rig_run_until(&r.rig, &t.heads, 1);
    while (t.dones == 0) {
        size_t had = t.body_len;

        h2o_evloop_run(r.rig.loop, 0);
        h2o_evloop_run(r.rig.loop, 0);
        cr_assert_eq(t.body_len, had, "nothing comes while paused");
        upstream_resume(t.call);
        while (t.body_len == had && t.dones == 0)
            cr_assert_eq(h2o_evloop_run(r.rig.loop, 100), 0);
    }
    cr_expect_eq(t.result, ERR_OK);
    cr_expect_eq(t.body_len, SIZE);
    tls_stop(&r);
}

Test(upstream_tls, waits_so_long_for_a_handshake)
{
    static const struct stub_step deaf[] = {{STUB_HOLD, NULL, 0}};
    const struct stub_step *script = deaf;
    int64_t start_ms;
    struct tls_rig r;
    struct told t;

    tls_start(&r, "DNS:app.test", "app.test", TLS1_3_VERSION, &script);
    rig_pool_free(&r.rig);
    http_stub_stop(&r.rig.stub);
    r.rig.stub = http_stub_start(&script, 1, NULL); /* accepts, and says nothing */
    http_stub_address(r.rig.stub, (struct sockaddr_in *)&r.rig.addresses[0].address);
    r.rig.config.tls_ms = 30;
    rig_pool(&r.rig);
    start_ms = clock_mono_ms();
    t = rig_ask(&r.rig, "GET", NULL);
    cr_expect_eq(t.result, ERR_TIMEOUT);
    cr_expect_lt(clock_mono_ms() - start_ms, RIG_PATIENCE_MS / 2);
    tls_stop(&r);
}

Test(upstream_tls, refuses_an_upstream_that_speaks_something_else)
{
    static const struct stub_step plain[] = {{STUB_SEND, HELLO, 0}, {STUB_HOLD, NULL, 0}};
    const struct stub_step *script = plain;
    struct tls_rig r;
    struct told t;

    tls_start(&r, "DNS:app.test", "app.test", TLS1_3_VERSION, &script);
    rig_pool_free(&r.rig);
    http_stub_stop(&r.rig.stub);
    r.rig.stub = http_stub_start(&script, 1, NULL);
    http_stub_address(r.rig.stub, (struct sockaddr_in *)&r.rig.addresses[0].address);
    rig_pool(&r.rig);
    t = rig_ask(&r.rig, "GET", NULL);
    cr_expect_eq(t.result, ERR_UPSTREAM);
    tls_stop(&r);
}
