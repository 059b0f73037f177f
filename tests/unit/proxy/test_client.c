/* SPDX-License-Identifier: Apache-2.0 */
/* Who is let in, and where they are from. */
#include "tests/unit/proxy/proxy_rig.h"

#include <netinet/tcp.h>

TestSuite(client, .init = secret_start, .timeout = 120);

#define ROUTES "routes: [{path: \"/{all...}\", upstream: app}]\n"
#define GET    "GET /a HTTP/1.1\r\nHost: app.test\r\n\r\n"
#define TRUST  "trusted_proxies: [\"127.0.0.0/8\"]\n"

/* The last request that the upstream got. */
static const char *got(struct rig *r)
{
    static char text[4096];

    http_stub_last_request(r->stub, text, sizeof(text));
    return text;
}

static void expect_upstream_got(struct rig *r, const char *line)
{
    cr_expect_not_null(strstr(got(r), line), "no %s in\n%s", line, got(r));
}

static void expect_upstream_got_no(struct rig *r, const char *text)
{
    cr_expect_null(strstr(got(r), text), "%s in\n%s", text, got(r));
}

/* ---- counting ---- */

Test(client, E82_is_told_when_there_are_too_many)
{
    const struct rig_options o = {.routes = "limits: {connections: 3}\n" ROUTES};
    struct rig r;
    struct rig_answer a;
    int fds[3];

    rig_start(&r, &o);
    for (size_t i = 0; i < COUNT_OF(fds); i++) {
        fds[i] = rig_connect(&r);
        rig_say(fds[i], GET, strlen(GET));
        a = rig_hear(fds[i], false);
        cr_expect_eq(a.status, 200);
        rig_answer_done(&a);
    }
    a = rig_ask(&r, "");
    cr_expect_eq(a.status, 503);
    cr_expect(rig_has(&a, "Retry-After: 1"));
    cr_expect(rig_has(&a, "Connection: close"));
    rig_answer_done(&a);
    /* Idle ones make room while there is little. */
    for (size_t i = 0; i < COUNT_OF(fds); i++)
        cr_expect(rig_is_closed(fds[i]));
    cr_expect_eq(rig_status(&r, GET), 200);
    cr_expect_not_null(strstr(rig_log(&r), "turned away"));
    for (size_t i = 0; i < COUNT_OF(fds); i++)
        close(fds[i]);
    rig_stop(&r);
}

Test(client, E82_has_a_share_of_the_connections)
{
    const struct rig_options o = {.routes = "limits: {connections_per_client: 2}\n" ROUTES};
    struct rig r;
    int first, second;

    rig_start(&r, &o);
    first = rig_connect(&r);
    rig_say(first, GET, strlen(GET));
    second = rig_connect(&r);
    rig_say(second, GET, strlen(GET));
    cr_expect_eq(rig_status(&r, ""), 503);
    close(first);
    while (rig_status(&r, GET) != 200) /* until it is noticed that the first has gone */
        ;
    close(second);
    rig_stop(&r);
}

Test(client, that_is_a_trusted_proxy_has_no_share)
{
    const struct rig_options o = {.routes = TRUST "limits: {connections_per_client: 1}\n" ROUTES};
    struct rig r;
    int fd;

    rig_start(&r, &o);
    fd = rig_connect(&r);
    rig_say(fd, GET, strlen(GET));
    cr_expect_eq(rig_status(&r, GET), 200);
    close(fd);
    rig_stop(&r);
}

/* ---- X-Forwarded-For ---- */

#define FORWARDED                                                                                  \
    "GET /a HTTP/1.1\r\nHost: app.test\r\nX-Forwarded-For: 203.0.113.9, 192.0.2.7\r\n"             \
    "X-Forwarded-Proto: https\r\nForwarded: for=203.0.113.66\r\nX-Cert: C\r\n"

Test(client, E07_is_not_what_it_says_it_is)
{
    const struct rig_options o = {
        .routes =
            "trusted_proxies: [\"192.0.2.0/24\"]\nclient_certificate_header: X-Cert\n" ROUTES};
    struct rig r;

    rig_start(&r, &o);
    cr_expect_eq(rig_status(&r, FORWARDED "x_cert: D\r\n\r\n"), 200);
    expect_upstream_got(&r, "\r\nX-Forwarded-For: 127.0.0.1\r\n");
    expect_upstream_got(&r, "\r\nX-Forwarded-Proto: http\r\n");
    expect_upstream_got_no(&r, "192.0.2.7");
    expect_upstream_got_no(&r, "203.0.113");
    expect_upstream_got_no(&r, ": C\r"); /* nobody trusted said so */
    expect_upstream_got_no(&r, ": D\r"); /* in whatever spelling */
    rig_stop(&r);
}

Test(client, is_what_a_trusted_proxy_says)
{
    const struct rig_options o = {.routes = TRUST "client_certificate_header: X-Cert\n" ROUTES};
    struct rig r;

    rig_start(&r, &o);
    cr_expect_eq(rig_status(&r, FORWARDED "\r\n"), 200);
    expect_upstream_got(&r, "\r\nX-Forwarded-For: 192.0.2.7\r\n");
    expect_upstream_got(&r, "\r\nX-Forwarded-Proto: https\r\n");
    expect_upstream_got(&r, "\r\nX-Cert: C\r\n");
    rig_stop(&r);
}

Test(client, differs_from_request_to_request)
{
    static const char first[] = "GET /1 HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n",
                      second[] = "GET /2 HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 192.0.2.2\r\n\r\n";
    const struct rig_options o = {.routes = TRUST ROUTES};
    struct rig r;
    struct rig_answer a;
    int fd;

    rig_start(&r, &o);
    fd = rig_connect(&r);
    rig_say(fd, first, strlen(first));
    a = rig_hear(fd, false);
    rig_answer_done(&a);
    expect_upstream_got(&r, "\r\nX-Forwarded-For: 192.0.2.1\r\n");
    rig_say(fd, second, strlen(second));
    a = rig_hear(fd, false);
    rig_answer_done(&a);
    expect_upstream_got(&r, "\r\nX-Forwarded-For: 192.0.2.2\r\n");
    rig_say(fd, GET, strlen(GET));
    a = rig_hear(fd, false);
    rig_answer_done(&a);
    expect_upstream_got(&r, "\r\nX-Forwarded-For: 127.0.0.1\r\n");
    close(fd);
    rig_stop(&r);
}

Test(client, with_a_nonsensical_proxy_is_refused)
{
    const struct rig_options o = {.routes = TRUST ROUTES};
    struct rig r;

    rig_start(&r, &o);
    cr_expect_eq(rig_status(&r, "GET /a HTTP/1.1\r\nHost: a\r\nX-Forwarded-Proto: gopher\r\n\r\n"),
                 400);
    cr_expect_eq(rig_status(&r, FORWARDED "X-Forwarded-Proto: https\r\n\r\n"), 400);
    rig_stop(&r);
}

/* ---- the PROXY protocol ---- */

static const struct rig_options proxied = {.listen = ", proxy_protocol: true",
                                           .routes = TRUST ROUTES};

Test(client, is_whom_a_proxy_line_names)
{
    static const char v2[] =
        "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x09\x7f\0\0\x01\x12\x34\0\x50" GET;
    struct rig r;
    struct rig_answer a;
    int fd;

    rig_start(&r, &proxied);
    cr_expect_eq(rig_status(&r, "PROXY TCP4 192.0.2.7 127.0.0.1 4711 80\r\n" GET), 200);
    expect_upstream_got(&r, "\r\nX-Forwarded-For: 192.0.2.7\r\n");
    fd = rig_connect(&r);
    rig_say(fd, v2, sizeof(v2) - 1);
    a = rig_hear(fd, false);
    cr_expect_eq(a.status, 200);
    expect_upstream_got(&r, "\r\nX-Forwarded-For: 192.0.2.9\r\n");
    rig_answer_done(&a);
    close(fd);
    cr_expect_eq(rig_status(&r, "PROXY UNKNOWN\r\n" GET), 200, "a proxy's own request");
    expect_upstream_got(&r, "\r\nX-Forwarded-For: 127.0.0.1\r\n");
    rig_stop(&r);
}

Test(client, named_by_a_proxy_line_is_not_trusted_for_it)
{
    struct rig r;

    rig_start(&r, &proxied);
    cr_expect_eq(rig_status(&r, "PROXY TCP4 192.0.2.7 127.0.0.1 4711 80\r\n" FORWARDED "\r\n"),
                 200);
    expect_upstream_got(&r, "\r\nX-Forwarded-For: 192.0.2.7\r\n");
    expect_upstream_got(&r, "\r\nX-Forwarded-Proto: http\r\n");
    rig_stop(&r);
}

Test(client, may_come_in_pieces)
{
    static const char line[] = "PROXY TCP4 192.0.2.7 127.0.0.1 4711 80\r\n" GET;
    const int on = 1;
    struct rig r;
    struct rig_answer a;
    int fd;

    rig_start(&r, &proxied);
    fd = rig_connect(&r);
    cr_assert_eq(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)), 0);
    for (size_t i = 0; i < sizeof(line) - 1; i++)
        rig_say(fd, &line[i], 1);
    a = rig_hear(fd, false);
    cr_expect_eq(a.status, 200);
    rig_answer_done(&a);
    close(fd);
    rig_stop(&r);
}

Test(client, without_its_proxy_line_is_nobody)
{
    static const char without_address[] = "PROXY TCP4 192.0.2.7 127.0.0.1 4711\r\n" GET;
    static const char *const bad[] = {GET, without_address, "\r\n\r\nGET"};
    struct rig r;

    rig_start(&r, &proxied);
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        cr_expect_eq(rig_status(&r, bad[i]), 0, "%s", bad[i]);
    cr_expect_eq(http_stub_requests(r.stub), 0);
    rig_stop(&r);
}

Test(client, must_be_trusted_for_a_proxy_line)
{
    const struct rig_options o = {.listen = ", proxy_protocol: true",
                                  .routes = "trusted_proxies: [\"192.0.2.0/24\"]\n" ROUTES};
    struct rig r;

    rig_start(&r, &o);
    cr_expect_eq(rig_status(&r, "PROXY TCP4 192.0.2.7 127.0.0.1 4711 80\r\n" GET), 0);
    cr_expect_eq(http_stub_requests(r.stub), 0);
    rig_stop(&r);
}

Test(client, E82_may_not_wait_with_its_proxy_line)
{
    const struct rig_options o = {.listen = ", proxy_protocol: true",
                                  .routes = TRUST "limits: {head_timeout: 200ms}\n" ROUTES};
    struct rig r;
    int silent, half;

    rig_start(&r, &o);
    silent = rig_connect(&r);
    half = rig_connect(&r);
    rig_say(half, "PROXY TCP4 ", 11);
    cr_expect(rig_is_closed(silent));
    cr_expect(rig_is_closed(half));
    close(silent);
    close(half);
    rig_stop(&r);
}
