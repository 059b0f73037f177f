/* SPDX-License-Identifier: Apache-2.0 */
/* What a request may cost. */
#include "tests/unit/proxy/proxy_rig.h"

TestSuite(exchange_limits, .init = secret_start, .timeout = 120);

#define ROUTES "routes: [{path: \"/{all...}\", upstream: app}]\n"
#define GET    "GET /a HTTP/1.1\r\nHost: app.test\r\n\r\n"
#define KEYED  "GET /a HTTP/1.1\r\nHost: app.test\r\nLethe-Key: " DESK_KEY "\r\n\r\n"
#define TRUST  "trusted_proxies: [\"127.0.0.0/8\"]\n"

Test(exchange_limits, keeps_heads_short)
{
    const struct rig_options o = {.routes = "limits: {head: 1024, headers: 4}\n" ROUTES};
    static char big[2048] = "GET /a HTTP/1.1\r\nHost: a\r\nX: ";
    struct rig r;

    memset(big + strlen(big), 'x', 1024);
    memcpy(big + strlen(big), "\r\n\r\n", 5);
    rig_start(&r, &o);
    cr_expect_eq(rig_status(&r, "GET /a HTTP/1.1\r\nHost: a\r\nA: 1\r\nB: 2\r\nC: 3\r\n\r\n"), 200);
    cr_expect_eq(
        rig_status(&r, "GET /a HTTP/1.1\r\nHost: a\r\nA: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\n\r\n"), 431);
    cr_expect_eq(rig_status(&r, big), 431);
    cr_expect_eq(http_stub_requests(r.stub), 1);
    rig_stop(&r);
}

Test(exchange_limits, keeps_bodies_short)
{
    const struct rig_options o = {
        .routes =
            "limits: {body: 4}\ndefault: pass\ndefault_upstream: app\n"
            "routes: [{path: /three, upstream: app, body_max: 3}, {path: /four, upstream: app}]\n"};
    struct rig r;

    rig_start(&r, &o);
    cr_expect_eq(rig_status(&r, "POST /three HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n1234"),
                 413);
    cr_expect_eq(rig_status(&r, "POST /four HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n1234"),
                 200);
    cr_expect_eq(rig_status(&r, "POST /four HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n12345"),
                 413);
    cr_expect_eq(
        rig_status(&r, "POST /other HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n12345"), 413);
    rig_stop(&r);
}

#define DOCUMENT                                                                                   \
    "POST /a HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: "            \
    "%zu\r\n\r\n%s"

Test(exchange_limits, E83_keeps_documents_flat)
{
    const struct rig_options o = {.routes = "limits: {json_depth: 3, json_members: 64}\n"
                                            "routes: [{path: /a, upstream: app, subject: none,"
                                            " request: [{json: $.note, class: note}]}]\n"};
    static const struct {
        const char *body;
        int status;
    } cases[] = {{"{\"a\":[[1]]}", 200}, {"{\"a\":[[[1]]]}", 413}, {"{\"a\":{\"b\":{}}}", 200}};
    char request[4096], wide[2048] = "{";
    struct rig r;

    rig_start(&r, &o);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        (void)snprintf(request, sizeof(request), DOCUMENT, strlen(cases[i].body), cases[i].body);
        cr_expect_eq(rig_status(&r, request), cases[i].status, "%s", cases[i].body);
    }
    for (int i = 0; i < 65; i++) {
        size_t len = strlen(wide);

        (void)snprintf(wide + len, sizeof(wide) - len, "\"k%d\":1%s", i, i == 64 ? "}" : ",");
    }
    (void)snprintf(request, sizeof(request), DOCUMENT, strlen(wide), wide);
    cr_expect_eq(rig_status(&r, request), 413, "65 members");
    rig_stop(&r);
}

Test(exchange_limits, gives_each_client_its_rate)
{
    const struct rig_options o = {
        .routes = TRUST "limits: {client_rate: {requests: 1, per: 1h, burst: 2}}\n" ROUTES};
    static const char other[] = "GET /a HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 192.0.2.7\r\n\r\n";
    struct rig r;
    struct rig_answer a;
    long wait;

    rig_start(&r, &o);
    cr_expect_eq(rig_status(&r, GET), 200);
    cr_expect_eq(rig_status(&r, GET), 200);
    a = rig_ask(&r, GET);
    cr_expect_eq(a.status, 429);
    wait =
        rig_field(&a, "Retry-After") == NULL ? 0 : strtol(rig_field(&a, "Retry-After"), NULL, 10);
    cr_expect(wait > 3500 && wait <= 3600, "%ld", wait);
    cr_expect_not(rig_has(&a, "Connection: close"), "it may come again");
    rig_answer_done(&a);
    cr_expect_eq(rig_status(&r, other), 200, "another client behind the same proxy");
    cr_expect_eq(http_stub_requests(r.stub), 3);
    rig_stop(&r);
}

Test(exchange_limits, gives_each_caller_its_rate)
{
    const struct rig_options o = {.routes =
                                      "limits: {caller_rate: {requests: 1, per: 1h}}\n" ROUTES};
    static const char other[] =
        "GET /a HTTP/1.1\r\nHost: app.test\r\nLethe-Key: " CRM_KEY "\r\n\r\n";
    struct rig r;

    rig_start(&r, &o);
    cr_expect_eq(rig_status(&r, KEYED), 200);
    cr_expect_eq(rig_status(&r, KEYED), 429);
    cr_expect_eq(rig_status(&r, other), 200);
    cr_expect_eq(rig_status(&r, GET), 200, "who names no key is no caller");
    cr_expect_eq(rig_status(&r, GET), 200);
    rig_stop(&r);
}

Test(exchange_limits, E87_serves_so_many_at_once)
{
    static const struct stub_step silent_script[] = {{STUB_REQUEST, NULL, 0}, {STUB_HOLD, NULL, 0}};
    static const struct stub_step *const silent[] = {silent_script};
    const struct rig_options o = {
        .routes = "limits: {requests: 2}\n" ROUTES, .scripts = silent, .script_count = 1};
    struct rig r;
    struct rig_answer a;
    int fds[2];

    rig_start(&r, &o);
    for (size_t i = 0; i < 2; i++) {
        fds[i] = rig_connect(&r);
        rig_say(fds[i], GET, strlen(GET));
        cr_assert(http_stub_await_requests(r.stub, i + 1));
    }
    a = rig_ask(&r, GET);
    cr_expect_eq(a.status, 503);
    cr_expect(rig_has(&a, "Retry-After: 1"));
    rig_answer_done(&a);
    close(fds[0]);
    close(fds[1]);
    rig_stop(&r);
}
