/* SPDX-License-Identifier: Apache-2.0 */
/* Going over to WebSocket, over real sockets. */
#include "tests/unit/proxy/person_rig.h"

TestSuite(exchange_upgrade, .init = secret_start, .timeout = 60);

#define ROUTES                                                                                     \
    "routes:\n"                                                                                    \
    "  - {path: /socket, upstream: app, websocket: pass}\n"                                        \
    "  - {path: /other, upstream: app}\n"

#define ASK                                                                                        \
    " HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n"            \
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"                 \
    "Sec-WebSocket-Protocol: chat\r\n\r\n"

#define GRANTED                                                                                    \
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"            \
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"

/* Take `len` bytes, whatever reads they come in. */
static void hear(int fd, const char *wanted)
{
    char got[4096];
    size_t len = 0, all = strlen(wanted);

    while (len < all) {
        ssize_t n = recv(fd, got + len, all - len, 0);

        cr_assert_gt(n, 0, "after %.*s", (int)len, got);
        len += (size_t)n;
    }
    cr_assert_eq(memcmp(got, wanted, all), 0, "%.*s", (int)len, got);
}

static const struct stub_step granted[] = {{STUB_HEAD, NULL, 0},
                                           {STUB_SEND, GRANTED "first", 0},
                                           {STUB_AWAIT, NULL, 0},
                                           {STUB_SEND, " then", 0},
                                           {STUB_HOLD, NULL, 0}};
static const struct stub_step *const granted_scripts[] = {granted};

Test(exchange_upgrade, bytes_pass_both_ways_until_one_side_ends)
{
    const struct rig_options o = {.scripts = granted_scripts, .script_count = 1, .routes = ROUTES};
    struct rig r;
    struct rig_answer a;
    char seen[8192];
    int fd;

    rig_start(&r, &o);
    fd = rig_connect(&r);
    rig_say(fd, "GET /socket" ASK, strlen("GET /socket" ASK));
    a = rig_hear(fd, true);
    cr_assert_eq(a.status, 101, "%s", a.text);
    cr_expect(rig_has(&a, "Upgrade: websocket"), "%s", a.text);
    cr_expect(rig_has(&a, "Connection: upgrade"), "%s", a.text);
    cr_expect(rig_has(&a, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "%s", a.text);
    cr_expect_null(rig_field(&a, "content-length"));
    http_stub_last_request(r.stub, seen, sizeof(seen));
    cr_expect_not_null(strstr(seen, "Connection: Upgrade\r\nUpgrade: websocket\r\n"), "%s", seen);
    cr_expect_not_null(strstr(seen, "Sec-WebSocket-Protocol: chat\r\n"), "%s", seen);
    /* What came with the head of the answer may stand behind it already. */
    if (a.body_len < 5)
        hear(fd, &"first"[a.body_len]);
    http_stub_go(r.stub);
    hear(fd, " then");
    rig_say(fd, "ping", 4);
    close(fd);
    cr_expect(http_stub_await_closed(r.stub, 1), "the other side ends, too");
    rig_answer_done(&a);
    rig_stop(&r);
}

Test(exchange_upgrade, open_tunnels_do_not_hold_up_the_end)
{
    const struct rig_options o = {.scripts = granted_scripts, .script_count = 1, .routes = ROUTES};
    struct rig r;
    struct rig_answer a;
    int fd;

    rig_start(&r, &o);
    fd = rig_connect(&r);
    rig_say(fd, "GET /socket" ASK, strlen("GET /socket" ASK));
    a = rig_hear(fd, true);
    cr_assert_eq(a.status, 101);
    rig_answer_done(&a);
    proxy_stop(&r.proxy, 200);
    close(fd);
    rig_stop(&r);
}

Test(exchange_upgrade, what_is_no_websocket_is_an_ordinary_request)
{
    static const char *const asks[] = {
        "GET /other" ASK, "POST /socket" ASK,
        "GET /socket HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x\r\n\r\n",
        "GET /socket HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x\r\n\r\n",
        "GET /socket HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"};
    const struct rig_options o = {.routes = ROUTES};
    struct rig r;
    char seen[8192];

    rig_start(&r, &o);
    for (size_t i = 0; i < COUNT_OF(asks); i++) {
        cr_expect_eq(rig_status(&r, asks[i]), 200, "%s", asks[i]);
        http_stub_last_request(r.stub, seen, sizeof(seen));
        cr_expect_null(strcasestr(seen, "upgrade"), "%s", seen);
    }
    rig_stop(&r);
}

Test(exchange_upgrade, e09_a_101_that_was_not_asked_for_or_is_odd_is_a_bad_gateway)
{
    static const struct stub_step odd[] = {
        {STUB_HEAD, NULL, 0},
        {STUB_SEND,
         "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n", 0},
        {STUB_HOLD, NULL, 0}};
    static const struct stub_step *const scripts_of_odd[] = {granted, odd};
    const struct rig_options o = {.scripts = scripts_of_odd, .script_count = 2, .routes = ROUTES};
    struct rig r;

    rig_start(&r, &o);
    cr_expect_eq(rig_status(&r, "GET /other" ASK), 502);
    cr_expect_eq(rig_status(&r, "GET /socket" ASK), 502);
    rig_stop(&r);
}
