/* SPDX-License-Identifier: Apache-2.0 */
/* `limits`: defaults, bounds, and where mistakes are said to be. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "proxy/settings_priv.h"

TestSuite(settings_limits, .timeout = 30);

struct reading {
    struct conf *conf;
    struct proxy_settings settings;
    struct errmsg msg;
};

static enum err read_limits(struct reading *r, const char *yaml)
{
    enum err e;

    memset(r, 0, sizeof(*r));
    e = conf_parse("f.yaml", span_str(yaml), &r->conf, &r->msg);
    cr_assert_eq(e, ERR_OK, "%s", r->msg.text);
    e = settings_read_limits(conf_root(r->conf), &r->settings, &r->msg);
    conf_free(&r->conf);
    return e;
}

Test(settings_limits, has_a_value_for_each)
{
    static const char *const texts[] = {"listen: []\n", "limits: {}\n"};

    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct reading r;

        cr_assert_eq(read_limits(&r, texts[i]), ERR_OK, "%s", r.msg.text);
        cr_expect_eq(r.settings.limits.head, LIMIT_REQUEST_HEAD_MAX);
        cr_expect_eq(r.settings.limits.headers, LIMIT_HEADERS_MAX);
        cr_expect_eq(r.settings.limits.body, LIMIT_REQUEST_BODY_MAX);
        cr_expect_eq(r.settings.limits.json_depth, LIMIT_JSON_DEPTH_MAX);
        cr_expect_eq(r.settings.limits.json_members, LIMIT_JSON_MEMBERS_MAX);
        cr_expect_eq(r.settings.limits.connections, 16384);
        cr_expect_eq(r.settings.limits.connections_per_client, 1024);
        cr_expect_eq(r.settings.limits.requests, 4096);
        cr_expect_eq(r.settings.limits.buffered, 512 << 20);
        cr_expect_eq(r.settings.limits.head_ms, 10000);
        cr_expect_eq(r.settings.limits.idle_ms, 60000);
        cr_expect_eq(r.settings.limits.body_ms, 20000);
        cr_expect_eq(r.settings.limits.body_rate, 500);
        cr_expect_eq(r.settings.limits.write_ms, 30000);
        cr_expect_eq(r.settings.limits.write_rate, 500);
        cr_expect_eq(r.settings.limits.client_rate.requests, 0, "none");
        cr_expect_eq(r.settings.limits.caller_rate.requests, 0, "none");
    }
}

Test(settings_limits, are_read)
{
    struct reading r;
    const struct limit_settings *l = &r.settings.limits;

    cr_assert_eq(read_limits(&r, "limits: {head: 2048, headers: 20, body: 0, connections: 5,\n"
                                 "  json_depth: 7, json_members: 65,\n"
                                 "  connections_per_client: 2, requests: 3, buffered: 20000000,\n"
                                 "  head_timeout: 1s, idle_timeout: 2s, body_timeout: 3s,\n"
                                 "  body_rate: 4, write_timeout: 5s, write_rate: 6,\n"
                                 "  client_rate: {requests: 7, per: 1m, burst: 9},\n"
                                 "  caller_rate: {requests: 8}}\n"),
                 ERR_OK, "%s", r.msg.text);
    cr_expect_eq(l->head, 2048);
    cr_expect_eq(l->headers, 20);
    cr_expect_eq(l->body, 0);
    cr_expect_eq(l->json_depth, 7);
    cr_expect_eq(l->json_members, 65);
    cr_expect_eq(l->connections, 5);
    cr_expect_eq(l->connections_per_client, 2);
    cr_expect_eq(l->requests, 3);
    cr_expect_eq(l->buffered, 20000000);
    cr_expect_eq(l->head_ms, 1000);
    cr_expect_eq(l->idle_ms, 2000);
    cr_expect_eq(l->body_ms, 3000);
    cr_expect_eq(l->body_rate, 4);
    cr_expect_eq(l->write_ms, 5000);
    cr_expect_eq(l->write_rate, 6);
    cr_expect_eq(l->client_rate.requests, 7);
    cr_expect_eq(l->client_rate.per_ms, 60000);
    cr_expect_eq(l->client_rate.burst, 9);
    cr_expect_eq(l->caller_rate.requests, 8);
    cr_expect_eq(l->caller_rate.per_ms, 1000);
    cr_expect_eq(l->caller_rate.burst, 8, "as many as in a second");
}

Test(settings_limits, says_where_a_mistake_is)
{
    static const struct {
        const char *yaml, *says;
    } cases[] = {
        {"limits: 7\n", "f.yaml:1:9: "},
        {"limits: {heads: 2048}\n", "did you mean \"head\""},
        {"limits: {head: 100}\n", "f.yaml:1:16: "},
        {"limits: {head: 32769}\n", "f.yaml:1:16: "},
        {"limits: {headers: 101}\n", "f.yaml:1:19: "},
        {"limits: {body: 16777217}\n", "f.yaml:1:16: "},
        {"limits: {json_depth: 65}\n", "f.yaml:1:22: "},
        {"limits: {json_members: 63}\n", "f.yaml:1:24: "},
        {"limits: {connections: 0}\n", "f.yaml:1:23: "},
        {"limits: {buffered: 1}\n", "f.yaml:1:20: "},
        {"limits: {head_timeout: 10ms}\n", "at least 100 ms"},
        {"limits: {idle_timeout: 25h}\n", "at most a day"},
        {"limits: {write_rate: 0}\n", "f.yaml:1:22: "},
        {"limits: {client_rate: 7}\n", "f.yaml:1:23: "},
        {"limits: {client_rate: {}}\n", "requests"},
        {"limits: {client_rate: {requests: 0}}\n", "f.yaml:1:34: "},
        {"limits: {client_rate: {requests: 1, per: 10ms}}\n", "at least 1000 ms"},
        {"limits: {caller_rate: {requests: 1, brust: 2}}\n", "did you mean \"burst\""},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct reading r;

        cr_expect_eq(read_limits(&r, cases[i].yaml), ERR_CONFIG, "%s", cases[i].yaml);
        cr_expect_not_null(strstr(r.msg.text, cases[i].says), "%s: %s", cases[i].yaml, r.msg.text);
    }
}
