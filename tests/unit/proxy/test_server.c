/* SPDX-License-Identifier: Apache-2.0 */
/* Listeners, threads, and how a proxy ends. */
#include "tests/unit/proxy/proxy_rig.h"

#include <netinet/tcp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <sys/resource.h>

TestSuite(server, .init = secret_start, .timeout = 120);

#define ROUTES "routes: [{path: \"/{all...}\", upstream: app}]\n"
#define GET    "GET /a HTTP/1.1\r\nHost: app.test\r\n\r\n"

static const struct rig_options plain = {.routes = ROUTES};

/* ---- starting ---- */

Test(server, serves_on_the_port_it_names)
{
    struct rig r;
    struct rig_answer a;

    rig_start(&r, &plain);
    cr_expect_eq(strncmp(proxy_address(r.proxy, 0), "127.0.0.1:", 10), 0);
    cr_expect_neq(r.port, 0);
    a = rig_ask(&r, GET);
    cr_expect_eq(a.status, 200);
    cr_expect_str_eq(a.body, "ok");
    rig_answer_done(&a);
    rig_stop(&r);
}

Test(server, refuses_a_port_that_somebody_has)
{
    struct rig r, second = {.port = 0};
    struct proxy *proxy = NULL;
    char yaml[256];

    rig_start(&r, &plain);
    (void)snprintf(yaml, sizeof(yaml),
                   "listen: [{address: \"127.0.0.1:0\"}, {address: \"127.0.0.1:%u\"}]\n"
                   "threads: 2\nupstreams: {app: {url: \"http://127.0.0.1:1\"}}\n",
                   r.port);
    rig_must(&second, conf_parse("f.yaml", span_str(yaml), &second.conf, &second.msg));
    rig_must(&second, proxy_settings_read(conf_root(second.conf), &r.classes, &r.domains,
                                          &second.settings, &second.msg));
    cr_expect_eq(proxy_start(second.settings, r.vault, &proxy, &second.msg), ERR_IO);
    cr_expect_null(proxy);
    cr_expect_not_null(strstr(second.msg.text, proxy_address(r.proxy, 0)), "%s", second.msg.text);
    proxy_settings_free(&second.settings);
    conf_free(&second.conf);
    cr_expect_eq(rig_status(&r, GET), 200, "the first is unharmed");
    rig_stop(&r);
}

Test(server, answers_on_every_thread)
{
    struct rig_options o = plain;
    struct rig r;

    o.threads = 4;
    rig_start(&r, &o);
    for (int i = 0; i < 40; i++) /* the kernel spreads connections over the threads */
        cr_assert_eq(rig_status(&r, GET), 200);
    rig_stop(&r);
}

Test(server, keeps_connections_and_takes_pipelined_requests_in_order)
{
    static const char two[] = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n"
                              "POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx"
                              "GET /nowhere/%%2F HTTP/1.1\r\nHost: a\r\n\r\n";
    struct rig r;
    int fd;

    rig_start(&r, &plain);
    fd = rig_connect(&r);
    rig_say(fd, two, strlen(two));
    for (int i = 0; i < 3; i++) {
        struct rig_answer a = {.text = mem_alloc(4096)};
        char *end;

        /* One at a time: what stands behind it is the next one's. */
        a.body = a.text;
        do {
            cr_assert_eq(recv(fd, a.text + a.len, 1, 0), 1);
            a.len++;
            end = strstr(a.text, "\r\n\r\n");
        } while (end == NULL || !rig_is_whole(&a, false));
        cr_expect_eq(a.status, i < 2 ? 200 : 400);
        rig_answer_done(&a);
    }
    cr_expect_eq(http_stub_requests(r.stub), 2);
    close(fd);
    rig_stop(&r);
}

static int64_t cpu_ms(void)
{
    struct rusage usage;

    cr_assert_eq(getrusage(RUSAGE_SELF, &usage), 0);
    return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000 +
           (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1000;
}

Test(server, waits_quietly_when_no_descriptor_is_left)
{
    enum { MORE = 4, WAITING = 8, WAIT_MS = 400 };
    struct rlimit before, tight;
    struct rig r;
    struct rig_answer a;
    int fds[WAITING], spare;
    int64_t cpu;

    rig_start(&r, &plain);
    cr_assert_eq(rig_status(&r, GET), 200);
    for (size_t i = 0; i < WAITING; i++) /* sockets first, connected only when the limit is set */
        fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    spare = dup(0);
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    tight = before;
    tight.rlim_cur = (rlim_t)spare + MORE;
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &tight), 0);
    for (size_t i = 0; i < WAITING; i++) {
        const struct sockaddr_in in = {.sin_family = AF_INET,
                                       .sin_port = htons(r.port),
                                       .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

        cr_assert_eq(connect(fds[i], (const struct sockaddr *)&in, sizeof(in)), 0);
    }
    cpu = cpu_ms();
    (void)poll(NULL, 0, WAIT_MS);
    cr_expect_lt(cpu_ms() - cpu, WAIT_MS / 2, "it does not spin");
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
    rig_say(fds[WAITING - 1], GET, strlen(GET));
    a = rig_hear(fds[WAITING - 1], false);
    cr_expect_eq(a.status, 200, "who waited is served once there is room");
    rig_answer_done(&a);
    for (size_t i = 0; i < WAITING; i++)
        close(fds[i]);
    close(spare);
    rig_stop(&r);
}

/* ---- TLS ---- */

static void add_extension(X509 *to, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509_EXTENSION *e;

    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, to, to, NULL, NULL, 0);
    e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    cr_assert_eq(X509_add_ext(to, e, -1), 1);
    X509_EXTENSION_free(e);
}

/* A self-signed certificate for localhost in DIR/t.crt and DIR/t.key. */
static void write_certificate(const char *dir)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *crt = X509_new();
    X509_NAME *name = X509_get_subject_name(crt);
    char path[64];
    FILE *f;

    cr_assert_eq(X509_set_version(crt, 2), 1);
    cr_assert_eq(ASN1_INTEGER_set(X509_get_serialNumber(crt), 1), 1);
    cr_assert_not_null(X509_gmtime_adj(X509_getm_notBefore(crt), -3600));
    cr_assert_not_null(X509_gmtime_adj(X509_getm_notAfter(crt), 86400));
    cr_assert_eq(X509_set_pubkey(crt, key), 1);
    cr_assert_eq(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                                            (const unsigned char *)"localhost", -1, -1, 0),
                 1);
    cr_assert_eq(X509_set_issuer_name(crt, name), 1);
    add_extension(crt, NID_subject_alt_name, "DNS:localhost");
    cr_assert_gt(X509_sign(crt, key, EVP_sha256()), 0);
    (void)snprintf(path, sizeof(path), "%s/t.crt", dir);
    f = fopen(path, "w");
    cr_assert_eq(PEM_write_X509(f, crt), 1);
    (void)fclose(f);
    (void)snprintf(path, sizeof(path), "%s/t.key", dir);
    f = fopen(path, "w");
    cr_assert_eq(PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL), 1);
    (void)fclose(f);
    cr_assert_eq(chmod(path, 0400), 0);
    X509_free(crt);
    EVP_PKEY_free(key);
}

struct tls_client {
    SSL_CTX *ctx;
    SSL *ssl;
    int fd;
};

static struct tls_client tls_connect(const struct rig *r)
{
    static const unsigned char alpn[] = "\x02h2\x08http/1.1";
    struct tls_client c = {.ctx = SSL_CTX_new(TLS_client_method()), .fd = rig_connect(r)};

    cr_assert_eq(SSL_CTX_set_alpn_protos(c.ctx, alpn, sizeof(alpn) - 1), 0);
    c.ssl = SSL_new(c.ctx);
    cr_assert_eq(SSL_set_fd(c.ssl, c.fd), 1);
    cr_assert_eq(SSL_connect(c.ssl), 1);
    return c;
}

static void tls_close(struct tls_client *c)
{
    SSL_free(c->ssl);
    SSL_CTX_free(c->ctx);
    close(c->fd);
}

/* Read until this text has come; its whole length so far. */
static void tls_hear(struct tls_client *c, const char *until)
{
    char text[8192] = "";
    size_t len = 0;

    while (strstr(text, until) == NULL) {
        int n = SSL_read(c->ssl, text + len, (int)(sizeof(text) - 1 - len));

        cr_assert_gt(n, 0, "ended before \"%s\": %s", until, text);
        len += (size_t)n;
        text[len] = '\0';
    }
}

static void start_tls(struct rig *r, const struct stub_step *const *scripts,
                      struct scratch *certificates)
{
    char listen_yaml[160];
    struct rig_options o = {.routes = ROUTES, .scripts = scripts, .script_count = 1};

    *certificates = scratch_new();
    write_certificate(certificates->dir);
    (void)snprintf(listen_yaml, sizeof(listen_yaml),
                   ", tls: {certificate: \"%s/t.crt\", key: \"%s/t.key\"}", certificates->dir,
                   certificates->dir);
    o.listen = listen_yaml;
    rig_start(r, &o);
}

/* E84 */
Test(server, speaks_http_1_under_tls)
{
    struct scratch certificates;
    struct rig r;
    struct tls_client c;
    const unsigned char *protocol;
    unsigned protocol_len;
    char seen[4096];

    start_tls(&r, NULL, &certificates);
    c = tls_connect(&r);
    SSL_get0_alpn_selected(c.ssl, &protocol, &protocol_len);
    cr_expect(span_equal(span_of(protocol, protocol_len), SPAN_LIT("http/1.1")));
    for (int i = 0; i < 3; i++) {
        cr_assert_gt(SSL_write(c.ssl, GET, (int)strlen(GET)), 0);
        tls_hear(&c, "\r\n\r\nok");
    }
    http_stub_last_request(r.stub, seen, sizeof(seen));
    cr_expect_not_null(strstr(seen, "X-Forwarded-Proto: https\r\n"));
    tls_close(&c);
    rig_stop(&r);
    scratch_remove(&certificates);
}

Test(server, survives_a_corrupt_record_while_it_writes)
{
    static const struct stub_step large[] = {
        {STUB_REQUEST, NULL, 0},
        {STUB_SEND, "HTTP/1.1 200 OK\r\nContent-Length: 33554432\r\n\r\n", 0},
        {STUB_FILL, NULL, 33554432},
        {STUB_AGAIN, NULL, 0}};
    static const struct stub_step *const scripts[] = {large};
    static const char garbage[] = "\x17\x03\x03\x00\x20garbage-garbage-garbage-garbage-";
    struct scratch certificates;
    struct rig r;

    start_tls(&r, scripts, &certificates);
    for (int i = 0; i < 5; i++) {
        struct tls_client c = tls_connect(&r);

        cr_assert_gt(SSL_write(c.ssl, GET, (int)strlen(GET)), 0);
        tls_hear(&c, "HTTP/1.1 200 OK"); /* and then stop reading: its write hangs */
        rig_say(c.fd, garbage, sizeof(garbage) - 1);
        tls_close(&c);
    }
    { /* and somebody who says no TLS at all */
        int fd = rig_connect(&r);

        rig_say(fd, GET, strlen(GET));
        cr_expect(recv(fd, &(char){0}, 1, 0) >= 0);
        close(fd);
    }
    {
        struct tls_client c = tls_connect(&r);

        cr_assert_gt(SSL_write(c.ssl, GET, (int)strlen(GET)), 0);
        tls_hear(&c, "HTTP/1.1 200 OK");
        tls_close(&c);
    }
    rig_stop(&r);
    scratch_remove(&certificates);
}

/* ---- ending ---- */

struct stopping {
    struct rig *rig;
    int64_t deadline_ms;
    pthread_t thread;
};

static void *stop_in_thread(void *argument)
{
    struct stopping *s = argument;

    proxy_stop(&s->rig->proxy, s->deadline_ms);
    return NULL;
}

static void begin_stop(struct stopping *s)
{
    cr_assert_eq(pthread_create(&s->thread, NULL, stop_in_thread, s), 0);
}

static void await_stop(struct stopping *s)
{
    cr_assert_eq(pthread_join(s->thread, NULL), 0);
    cr_expect_null(s->rig->proxy);
}

/* New connections are refused once it drains. */
static void await_refusal(const struct rig *r)
{
    const struct sockaddr_in in = {.sin_family = AF_INET,
                                   .sin_port = htons(r->port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    for (;;) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        int status = connect(fd, (const struct sockaddr *)&in, sizeof(in));

        close(fd);
        if (status != 0)
            return;
    }
}

static const struct stub_step waiting_script[] = {
    {STUB_REQUEST, NULL, 0},
    {STUB_AWAIT, NULL, 0},
    {STUB_SEND, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate", 0},
    {STUB_AGAIN, NULL, 0}};
static const struct stub_step *const waiting[] = {waiting_script};

Test(server, finishes_a_request_in_flight_before_it_ends)
{
    const struct rig_options o = {.routes = ROUTES, .scripts = waiting, .script_count = 1};
    struct rig r;
    struct stopping s = {.rig = &r, .deadline_ms = RIG_PATIENCE_MS};
    struct rig_answer a;
    int fd;

    rig_start(&r, &o);
    fd = rig_connect(&r);
    rig_say(fd, GET, strlen(GET));
    cr_assert(http_stub_await_requests(r.stub, 1));
    begin_stop(&s);
    await_refusal(&r);
    http_stub_go(r.stub);
    a = rig_hear(fd, false);
    cr_expect_eq(a.status, 200);
    cr_expect_str_eq(a.body, "late");
    cr_expect(rig_has(&a, "Connection: close"));
    cr_expect(rig_is_closed(fd));
    await_stop(&s);
    rig_answer_done(&a);
    close(fd);
    rig_stop(&r);
}

Test(server, closes_idle_connections_when_it_ends)
{
    struct rig r;
    struct rig_answer a;
    int64_t before;
    int fresh, used, half;

    rig_start(&r, &plain);
    fresh = rig_connect(&r);
    used = rig_connect(&r);
    rig_say(used, GET, strlen(GET));
    a = rig_hear(used, false);
    half = rig_connect(&r);
    rig_say(half, "GET /a HT", 9);
    before = clock_mono_ms();
    proxy_stop(&r.proxy, RIG_PATIENCE_MS);
    cr_expect_lt(clock_mono_ms() - before, RIG_PATIENCE_MS / 2, "nobody was waited for");
    cr_expect(rig_is_closed(fresh));
    cr_expect(rig_is_closed(used));
    cr_expect(rig_is_closed(half));
    rig_answer_done(&a);
    close(fresh);
    close(used);
    close(half);
    rig_stop(&r);
}

Test(server, ends_at_the_deadline_whoever_still_waits)
{
    static const struct stub_step endless_script[] = {
        {STUB_REQUEST, NULL, 0},
        {STUB_SEND, "HTTP/1.1 200 OK\r\nContent-Length: 33554432\r\n\r\n", 0},
        {STUB_FILL, NULL, 33554432},
        {STUB_HOLD, NULL, 0}};
    static const struct stub_step silent_script[] = {{STUB_REQUEST, NULL, 0}, {STUB_HOLD, NULL, 0}};
    static const struct stub_step partial_script[] = {
        {STUB_REQUEST, NULL, 0},
        {STUB_SEND, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\npart", 0},
        {STUB_HOLD, NULL, 0}};
    static const struct stub_step *const scripts[] = {silent_script, partial_script,
                                                      endless_script};
    const struct rig_options o = {.routes = ROUTES, .scripts = scripts, .script_count = 3};
    static const char upload[] = "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf";
    struct rig r;
    struct rig_answer a;
    int fds[3], uploading;
    int64_t before;

    rig_start(&r, &o);
    for (size_t i = 0; i < COUNT_OF(fds); i++) { /* one waits, one reads, one does not read */
        fds[i] = rig_connect(&r);
        rig_say(fds[i], GET, strlen(GET));
        cr_assert(http_stub_await_requests(r.stub, i + 1));
    }
    uploading = rig_connect(&r);
    rig_say(uploading, upload, strlen(upload));
    before = clock_mono_ms();
    proxy_stop(&r.proxy, 200);
    cr_expect_geq(clock_mono_ms() - before, 190);
    cr_expect_lt(clock_mono_ms() - before, RIG_PATIENCE_MS / 2);
    a = rig_hear(fds[0], false);
    cr_expect(a.status == 503 || a.status == 0, "never something that looks like an answer");
    rig_answer_done(&a);
    a = rig_hear(fds[1], false);
    cr_expect_not(a.whole, "half an answer does not look whole");
    rig_answer_done(&a);
    for (size_t i = 0; i < COUNT_OF(fds); i++)
        close(fds[i]);
    close(uploading);
    rig_stop(&r);
}

Test(server, may_be_stopped_twice)
{
    struct rig r;

    rig_start(&r, &plain);
    proxy_stop(&r.proxy, 0);
    cr_assert_null(r.proxy);
    proxy_stop(&r.proxy, 0);
    rig_stop(&r);
}
