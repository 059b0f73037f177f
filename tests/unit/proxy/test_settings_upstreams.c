/* SPDX-License-Identifier: Apache-2.0 */
/* Reading `upstreams`: what is understood, and where mistakes are said to be. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/secret.h"
#include "proxy/settings_priv.h"

TestSuite(settings_upstreams, .init = secret_start, .timeout = 60);

struct reading {
    struct conf *conf;
    struct proxy_settings settings;
    struct errmsg msg;
};

/* Upstream `a` with these members, on line 1. */
static enum err read_members(struct reading *r, const char *members)
{
    char yaml[2048];
    enum err e;

    *r = (struct reading){.conf = NULL};
    (void)snprintf(yaml, sizeof(yaml), "upstreams: {a: {%s}}\n", members);
    e = conf_parse("/none/x.yaml", span_str(yaml), &r->conf, &r->msg);
    return e == ERR_OK ? settings_read_upstreams(conf_root(r->conf), &r->settings, &r->msg) : e;
}

static void done(struct reading *r)
{
    settings_free_upstreams(&r->settings);
    conf_free(&r->conf);
}

#define PLAIN "url: \"http://127.0.0.1:9\""
#define TLS   "url: \"https://127.0.0.1\""

static const struct upstream_config *read_good(struct reading *r, const char *members)
{
    cr_assert_eq(read_members(r, members), ERR_OK, "%s", r->msg.text);
    return &r->settings.upstreams[0].config;
}

Test(settings_upstreams, have_defaults_for_every_wait_and_number)
{
    struct reading r;
    const struct upstream_config *c = read_good(&r, PLAIN);

    cr_expect_eq(c->connect_ms, 3000);
    cr_expect_eq(c->tls_ms, 3000);
    cr_expect_eq(c->write_ms, 30000);
    cr_expect_eq(c->first_byte_ms, 30000);
    cr_expect_eq(c->idle_ms, 30000);
    cr_expect_eq(c->response_ms, 86400000);
    cr_expect_eq(c->keep_alive_ms, 20000);
    cr_expect_eq(c->queue_ms, 1000);
    cr_expect_eq(c->resolve_ms, 60000);
    cr_expect_eq(c->connections_max, 512);
    cr_expect_eq(c->concurrency, 0);
    cr_expect_null(c->health.path);
    cr_expect_eq(c->ejection.failures, 5);
    cr_expect_eq(c->ejection.base_ms, 10000);
    cr_expect_eq(c->ejection.max_ms, 300000);
    cr_expect_eq(c->ejection.share, 50);
    cr_expect_eq(c->server_count, 1);
    cr_expect_str_eq(c->servers[0].host, "127.0.0.1");
    cr_expect_str_eq(c->servers[0].port, "9");
    cr_expect_not(c->egress);
    done(&r);
}

Test(settings_upstreams, take_what_is_written)
{
    struct reading r;
    const struct upstream_config *c = read_good(
        &r, PLAIN ", connect_timeout: 1ms, tls_timeout: 2ms, write_timeout: 3ms,"
                  " first_byte_timeout: 4ms, idle_timeout: 5ms, response_timeout: 6ms,"
                  " keep_alive: 7ms, queue_timeout: 8ms, resolve: 9s, concurrency: 10, queue: 0,"
                  " eject: {failures: 1, time: 2ms, max_time: 3ms, share: 4},"
                  " health: {path: \"/h?x=1\", interval: 10ms, timeout: 12ms, rise: 13, fall: 14,"
                  " status: \"200-204\"}");

    cr_expect_eq(c->connect_ms, 1);
    cr_expect_eq(c->tls_ms, 2);
    cr_expect_eq(c->write_ms, 3);
    cr_expect_eq(c->first_byte_ms, 4);
    cr_expect_eq(c->idle_ms, 5);
    cr_expect_eq(c->response_ms, 6);
    cr_expect_eq(c->keep_alive_ms, 7);
    cr_expect_eq(c->queue_ms, 8);
    cr_expect_eq(c->resolve_ms, 9000);
    cr_expect_eq(c->concurrency, 10);
    cr_expect_eq(c->queue_max, 0);
    cr_expect_eq(c->ejection.failures, 1);
    cr_expect_eq(c->ejection.base_ms, 2);
    cr_expect_eq(c->ejection.max_ms, 3);
    cr_expect_eq(c->ejection.share, 4);
    cr_expect_str_eq(c->health.path, "/h?x=1");
    cr_expect_eq(c->health.interval_ms, 10);
    cr_expect_eq(c->health.timeout_ms, 12);
    cr_expect_eq(c->health.rise, 13);
    cr_expect_eq(c->health.fall, 14);
    cr_expect_eq(c->health.status_min, 200);
    cr_expect_eq(c->health.status_max, 204);
    done(&r);
}

Test(settings_upstreams, take_one_status_and_never_resolving_again)
{
    struct reading r;
    const struct upstream_config *c =
        read_good(&r, PLAIN ", resolve: 0, concurrency: 7, health: {path: /, status: 204}");

    cr_expect_eq(c->resolve_ms, 0);
    cr_expect_eq(c->queue_max, 7);
    cr_expect_eq(c->health.status_min, 204);
    cr_expect_eq(c->health.status_max, 204);
    done(&r);
}

Test(settings_upstreams, connect_to_servers_in_place_of_the_host)
{
    static const char *const wanted[] = {"127.0.0.1:80", "127.0.0.2:81", "[::1]:80", "[::1]:82"};
    struct reading r;
    const struct upstream_config *c =
        read_good(&r, "url: \"http://no.such.host.invalid/api\","
                      " servers: [127.0.0.1, \"127.0.0.2:81\", \"[::1]\", \"[::1]:82\"]");

    cr_assert_eq(c->address_count, COUNT_OF(wanted));
    for (size_t i = 0; i < COUNT_OF(wanted); i++) {
        char text[ENDPOINT_TEXT_MAX];

        endpoint_write(&c->addresses[i], text);
        cr_expect_str_eq(text, wanted[i]);
    }
    cr_expect_str_eq(c->authority, "no.such.host.invalid");
    cr_expect_str_eq(r.settings.upstreams[0].base_path, "/api");
    done(&r);
}

Test(settings_upstreams, verify_another_name_when_told_so)
{
    static const char *const names[] = {"crm.example.org", "10.0.0.7", "fd00::7"};

    for (size_t i = 0; i < COUNT_OF(names); i++) {
        char members[128];
        struct reading r;

        (void)snprintf(members, sizeof(members), TLS ", server_name: \"%s\"", names[i]);
        cr_expect_str_eq(read_good(&r, members)->host, names[i]);
        cr_expect_not_null(r.settings.upstreams[0].config.tls);
        done(&r);
    }
}

Test(settings_upstreams, let_an_egress_upstream_go_where_it_may)
{
    struct reading r;
    const struct upstream_config *c =
        read_good(&r, TLS ", egress: true, allow: [127.0.0.0/8, \"fd00::/8\"]");

    cr_expect(c->egress);
    cr_expect_eq(c->allowed_count, 2);
    done(&r);
    c = read_good(&r, PLAIN ", egress: true, insecure_plain: true, allow: [127.0.0.1]");
    cr_expect(c->egress);
    done(&r);
}

struct mistake {
    const char *members;
    const char *at; /* what stands at the place of the mistake; a space before it does not count */
    const char *words;
};

static void expect_mistakes(const struct mistake *mistakes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *at = strstr(mistakes[i].members, mistakes[i].at);
        char wanted[64];
        struct reading r;

        cr_assert_not_null(at, "%s", mistakes[i].members);
        at += *at == ' ';
        (void)snprintf(wanted, sizeof(wanted), "/none/x.yaml:1:%zu: ",
                       sizeof("upstreams: {a: {") + (size_t)(at - mistakes[i].members));
        cr_expect_eq(read_members(&r, mistakes[i].members), ERR_CONFIG, "%s", mistakes[i].members);
        cr_expect_eq(strncmp(r.msg.text, wanted, strlen(wanted)), 0, "at %s: %s\n%s",
                     mistakes[i].at, r.msg.text, mistakes[i].members);
        cr_expect_not_null(strstr(r.msg.text, mistakes[i].words), "\"%s\" not in: %s",
                           mistakes[i].words, r.msg.text);
        done(&r);
    }
}

Test(settings_upstreams, refuse_wrong_waits_and_numbers)
{
    static const struct mistake mistakes[] = {
        {PLAIN ", tls_timeout: 0", " 0", "tls_timeout"},
        {PLAIN ", response_timeout: 2d", "2d", "a day"},
        {PLAIN ", resolve: 500ms", "500ms", "at least a second"},
        {PLAIN ", concurrency: 0", " 0", "concurrency"},
        {PLAIN ", queue: 5", " 5", "without `concurrency`"},
        {PLAIN ", queue_timeout: 5", " 5", "without `concurrency`"},
        {PLAIN ", concurrency: 1, queue: -1", "-1", "queue"},
        {PLAIN ", eject: {failures: -1}", "-1", "failures"},
        {PLAIN ", eject: {share: 101}", "101", "share"},
        {PLAIN ", eject: {time: 10s, max_time: 5s}", "5s", "max_time"},
        {PLAIN ", eject: {often: 1}", "often", "often"},
        {PLAIN ", eject: 5", " 5", "map"},
        {PLAIN ", health: {interval: 1s}", "{interval", "path"},
        {PLAIN ", health: {path: health}", " health}", "'/'"},
        {PLAIN ", health: {path: \"/a b\"}", "\"/a b", "visible"},
        {PLAIN ", health: {path: /, interval: 1ms}", "1ms", "interval"},
        {PLAIN ", health: {path: /, rise: 0}", " 0}", "rise"},
        {PLAIN ", health: {path: /, status: 100}", "100", "status"},
        {PLAIN ", health: {path: /, status: \"300-200\"}", "\"300", "status"},
        {PLAIN ", health: {path: /, status: \"2xx-3xx\"}", "\"2xx", "status"},
        {PLAIN ", health: {path: /, status: [200]}", "[200]", "status"},
        {PLAIN ", health: {path: /, states: 200}", "states", "status"},
    };

    expect_mistakes(mistakes, COUNT_OF(mistakes));
}

Test(settings_upstreams, refuse_wrong_servers)
{
    static const struct mistake mistakes[] = {
        {PLAIN ", servers: []", "[]", "1 to 64"},
        {PLAIN ", servers: 127.0.0.1", " 127.0.0.1", "list"},
        {PLAIN ", servers: [\"http://127.0.0.1\"]", "\"http://127.0.0.1\"]", "HOST:PORT"},
        {PLAIN ", servers: [127.0.0.1, \"127.0.0.1:0\"]", "\"127.0.0.1:0", "HOST:PORT"},
        {PLAIN ", servers: [\"[::1\"]", "\"[::1", "HOST:PORT"},
        {PLAIN ", servers: [\"u@h\"]", "\"u@h", "HOST:PORT"},
        {PLAIN ", servers: [127.0.0.1, no.such.host.invalid]", "no.such", "resolved"},
    };

    expect_mistakes(mistakes, COUNT_OF(mistakes));
}

Test(settings_upstreams, refuse_wrong_TLS)
{
    static const struct mistake mistakes[] = {
        {PLAIN ", server_name: app", " app", "https"},
        {PLAIN ", certificate: a.crt, key: a.key", " a.crt", "https"},
        {TLS ", server_name: \"app:443\"", "\"app:443", "without a port"},
        {TLS ", server_name: \"\"", "\"\"", "host name"},
        {TLS ", certificate: a.crt", " a.crt", "stand together"},
        {TLS ", key: a.key", " a.key", "stand together"},
        {TLS ", certificate: a.crt, key: a.key", " a.crt", "a.crt"},
    };

    expect_mistakes(mistakes, COUNT_OF(mistakes));
}

Test(settings_upstreams, E74_refuse_an_egress_upstream_that_is_not_safe)
{
    static const struct mistake mistakes[] = {
        {PLAIN ", egress: true", "\"http", "https"},
        {PLAIN ", egress: true, insecure_plain: true", "\"http", "127.0.0.1:9"},
        {TLS ", egress: true", "\"http", "not public"},
        {TLS ", insecure_plain: true, egress: true", " true", "http URL"},
        {TLS ", insecure_plain: true", " true", "egress"},
        {PLAIN ", insecure_plain: true", " true", "egress"},
        {TLS ", allow: [127.0.0.0/8]", "[127", "egress"},
        {TLS ", egress: true, allow: [127.0.0.1/8]", "127.0.0.1/8", "prefix"},
        {TLS ", egress: true, allow: localhost", "localhost", "list"},
        {TLS ", egress: true, allow: [10.0.0.0/8]", "\"http", "not in `allow`"},
        {"url: \"https://[::ffff:169.254.169.254]\", egress: true", "\"http", "169.254.169.254"},
        {"url: \"https://[fd00:ec2::254]\", egress: true", "\"http", "not public"},
        {"url: \"https://1.1.1.1\", servers: [8.8.8.8, 169.254.169.254], egress: true",
         " 169.254.169.254", "169.254.169.254"},
    };

    expect_mistakes(mistakes, COUNT_OF(mistakes));
}
