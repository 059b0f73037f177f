/* SPDX-License-Identifier: Apache-2.0 */
/* E82: slow and lost clients. Deadlines are short here; what is asserted is that they come, for whom
 * they come, and that those who keep up are served however long it takes. */
#include "tests/unit/proxy/proxy_rig.h"

TestSuite(client_watch, .init = secret_start, .timeout = 120);

#define ROUTES "routes: [{path: \"/{all...}\", upstream: app}]\n"
#define GET    "GET /a HTTP/1.1\r\nHost: app.test\r\n\r\n"
#define HASTY                                                                                      \
    "limits: {head_timeout: 300ms, idle_timeout: 300ms, body_timeout: 300ms, write_timeout: "      \
    "300ms,"                                                                                       \
    " body_rate: 1000, write_rate: 100000}\n"

static const struct rig_options hasty = {.routes = HASTY ROUTES};

/* For who keeps up: one piece in a second, of all that come by then, is enough. */
#define PATIENT                                                                                    \
    "limits: {body_timeout: 900ms, write_timeout: 900ms, body_rate: 1000, write_rate: 100000}\n"

/* ---- sending ---- */

Test(client_watch, ends_who_says_nothing)
{
    struct rig r;
    struct rig_answer a;
    int fresh, used;

    rig_start(&r, &hasty);
    fresh = rig_connect(&r);
    used = rig_connect(&r);
    rig_say(used, GET, strlen(GET));
    a = rig_hear(used, false);
    cr_expect_eq(a.status, 200);
    rig_answer_done(&a);
    cr_expect(rig_is_closed(fresh));
    cr_expect(rig_is_closed(used));
    cr_expect_null(strstr(rig_log(&r), "too slow"), "that is how connections end");
    close(fresh);
    close(used);
    rig_stop(&r);
}

Test(client_watch, ends_who_does_not_end_its_head)
{
    const struct rig_options o = {.routes = "limits: {head_timeout: 300ms}\n" ROUTES};
    struct rig r;
    struct rig_answer a;
    int fd;

    rig_start(&r, &o);
    fd = rig_connect(&r);
    rig_say(fd, GET, strlen(GET) - 2);
    a = rig_hear(fd, false);
    cr_expect_eq(a.status, 408);
    cr_expect(rig_has(&a, "Connection: close"));
    cr_expect(rig_is_closed(fd));
    cr_expect_eq(http_stub_requests(r.stub), 0);
    rig_answer_done(&a);
    close(fd);
    rig_stop(&r);
}

/* A client on a thread of its own says `piece` again and again until it hears something. */
struct drip {
    int fd;
    const char *piece;
    int pause_ms;
    size_t pieces;
};

static void drip_until_heard(struct drip *drip)
{
    struct pollfd p = {.fd = drip->fd, .events = POLLIN};

    for (drip->pieces = 0; poll(&p, 1, drip->pause_ms) == 0; drip->pieces++)
        rig_say(drip->fd, drip->piece, strlen(drip->piece));
}

Test(client_watch, is_not_deceived_by_a_dripping_head)
{
    const struct rig_options o = {.routes = "limits: {head_timeout: 300ms}\n" ROUTES};
    struct rig r;
    struct rig_answer a;
    struct drip drip = {.piece = "X-More: 1\r\n", .pause_ms = 20};

    rig_start(&r, &o);
    drip.fd = rig_connect(&r);
    rig_say(drip.fd, GET, strlen(GET) - 2);
    drip_until_heard(&drip);
    a = rig_hear(drip.fd, false);
    cr_expect(a.status == 408 || a.status == 0, "%d", a.status);
    rig_answer_done(&a);
    close(drip.fd);
    rig_stop(&r);
}

#define UPLOAD(length) "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: " length "\r\n\r\n"

Test(client_watch, ends_who_stops_in_a_body)
{
    struct rig r;
    struct rig_answer a;
    int fd;

    rig_start(&r, &hasty);
    fd = rig_connect(&r);
    rig_say(fd, UPLOAD("10") "half", strlen(UPLOAD("10") "half"));
    a = rig_hear(fd, false);
    cr_expect_eq(a.status, 408);
    cr_expect(rig_is_closed(fd));
    cr_expect_eq(http_stub_requests(r.stub), 0);
    cr_expect_not_null(strstr(rig_log(&r), "too slow"));
    rig_answer_done(&a);
    close(fd);
    rig_stop(&r);
}

Test(client_watch, ends_who_drips_a_body)
{
    struct rig r;
    struct rig_answer a;
    struct drip drip = {.piece = "xxxxx", .pause_ms = 20}; /* 250 bytes a second, of 1000 */

    rig_start(&r, &hasty);
    drip.fd = rig_connect(&r);
    rig_say(drip.fd, UPLOAD("1000000"), strlen(UPLOAD("1000000")));
    drip_until_heard(&drip);
    a = rig_hear(drip.fd, false);
    cr_expect(a.status == 408 || a.status == 0, "%d", a.status);
    cr_expect_gt(drip.pieces, 5);
    rig_answer_done(&a);
    close(drip.fd);
    rig_stop(&r);
}

Test(client_watch, waits_for_who_keeps_up)
{
    const struct rig_options o = {.routes = PATIENT ROUTES};
    static const char head[] = "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    const int64_t start = clock_mono_ms();
    struct rig r;
    struct rig_answer a;
    char piece[5 + 1000 + 2] = "3e8\r\n";
    struct pollfd p;
    int fd;

    memset(piece + 5, 'x', 1000);
    memcpy(piece + 5 + 1000, "\r\n", 2);
    rig_start(&r, &o);
    fd = rig_connect(&r);
    p = (struct pollfd){.fd = fd, .events = POLLIN};
    rig_say(fd, head, strlen(head));
    while (clock_mono_ms() - start < 4500) { /* many times the timeout */
        cr_assert_eq(poll(&p, 1, 40), 0, "cut off");
        rig_say(fd, piece, sizeof(piece));
    }
    rig_say(fd, "0\r\n\r\n", 5);
    a = rig_hear(fd, false);
    cr_expect_eq(a.status, 200);
    rig_answer_done(&a);
    close(fd);
    rig_stop(&r);
}

/* ---- reading ---- */

static const struct stub_step big_script[] = {
    {STUB_REQUEST, NULL, 0},
    {STUB_SEND, "HTTP/1.1 200 OK\r\nContent-Length: 33554432\r\n\r\n", 0},
    {STUB_FILL, NULL, 33554432},
    {STUB_HOLD, NULL, 0}};
static const struct stub_step *const big[] = {big_script};

Test(client_watch, resets_who_does_not_read)
{
    const struct rig_options o = {.routes = HASTY ROUTES, .scripts = big, .script_count = 1};
    struct rig r;
    struct pollfd p;

    rig_start(&r, &o);
    p = (struct pollfd){.fd = rig_connect(&r), .events = POLLRDHUP};
    rig_say(p.fd, GET, strlen(GET));
    cr_expect_eq(poll(&p, 1, RIG_PATIENCE_MS), 1);
    cr_expect(p.revents & (POLLHUP | POLLERR), "a reset");
    cr_expect_not_null(strstr(rig_log(&r), "too slow"));
    close(p.fd);
    rig_stop(&r);
}

Test(client_watch, resets_who_reads_by_drops)
{
    const struct rig_options o = {.routes = HASTY ROUTES, .scripts = big, .script_count = 1};
    const int small = 4096;
    struct rig r;
    struct pollfd p;
    char drop[128];

    rig_start(&r, &o);
    p = (struct pollfd){.fd = rig_connect(&r), .events = POLLRDHUP};
    cr_assert_eq(setsockopt(p.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
    rig_say(p.fd, GET, strlen(GET));
    do /* some 12 kB a second, of 100 */
        (void)recv(p.fd, drop, sizeof(drop), MSG_DONTWAIT);
    while (poll(&p, 1, 10) == 0);
    cr_expect(p.revents & (POLLHUP | POLLERR), "a reset");
    close(p.fd);
    rig_stop(&r);
}

Test(client_watch, waits_for_who_reads_along)
{
    const struct rig_options o = {.routes = PATIENT ROUTES, .scripts = big, .script_count = 1};
    struct rig r;
    char piece[131072];
    size_t got = 0;
    struct pollfd p;
    int fd;

    rig_start(&r, &o);
    fd = rig_connect(&r);
    rig_say(fd, GET, strlen(GET));
    p = (struct pollfd){.fd = fd, .events = 0};
    for (ssize_t n = 1; n > 0 && got < 33554432; got += (size_t)n) { /* two seconds or more */
        n = recv(fd, piece, sizeof(piece), 0);
        cr_assert_gt(n, 0, "cut off after %zu bytes", got);
        (void)poll(&p, 1, 8);
    }
    close(fd);
    rig_stop(&r);
}

/* ---- leaving ---- */

static const struct stub_step silent_script[] = {{STUB_REQUEST, NULL, 0}, {STUB_HOLD, NULL, 0}};
static const struct stub_step *const silent[] = {silent_script};

Test(client_watch, E87_lets_go_of_the_upstream_when_the_client_leaves)
{
    const struct rig_options o = {.routes = ROUTES, .scripts = silent, .script_count = 1};
    struct rig r;

    rig_start(&r, &o);
    for (size_t i = 0; i < 3; i++) {
        int fd = rig_connect(&r);

        rig_say(fd, GET, strlen(GET));
        cr_assert(http_stub_await_requests(r.stub, i + 1));
        if (i == 1)
            rig_say(fd, GET, strlen(GET)); /* what it wants next does not hide that it leaves */
        if (i == 2)
            cr_assert_eq(shutdown(fd, SHUT_WR), 0);
        else
            close(fd);
        cr_expect(http_stub_await_closed(r.stub, i + 1), "%zu", i);
        if (i == 2)
            close(fd);
    }
    cr_expect_not_null(strstr(rig_log(&r), "CANCELED"));
    rig_stop(&r);
}

Test(client_watch, lets_go_of_a_half_sent_answer_too)
{
    static const struct stub_step half_script[] = {
        {STUB_REQUEST, NULL, 0},
        {STUB_SEND, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", 0},
        {STUB_HOLD, NULL, 0}};
    static const struct stub_step *const half[] = {half_script};
    const struct rig_options o = {.routes = ROUTES, .scripts = half, .script_count = 1};
    struct rig r;
    char head[16];
    int fd;

    rig_start(&r, &o);
    fd = rig_connect(&r);
    rig_say(fd, GET, strlen(GET));
    cr_expect_gt(recv(fd, head, sizeof(head), 0), 0);
    close(fd);
    cr_expect(http_stub_await_closed(r.stub, 1));
    rig_stop(&r);
}

Test(client_watch, E82_bounds_what_waits_for_slow_senders)
{
    enum { CLIENTS = 6, BYTES = 6 << 20 };
    const struct rig_options o = {.routes = "limits: {buffered: 16777216}\n" ROUTES};
    static const char head[] = UPLOAD("16000000");
    char *bytes = mem_alloc(BYTES);
    struct pollfd p[CLIENTS];
    size_t gone = 0;
    struct rig r;

    rig_start(&r, &o);
    for (size_t i = 0; i < CLIENTS; i++) { /* 36 MiB, and no end */
        p[i] = (struct pollfd){.fd = rig_connect(&r), .events = POLLIN | POLLRDHUP};
        rig_say(p[i].fd, head, strlen(head));
        rig_say(p[i].fd, bytes, BYTES);
    }
    while (gone == 0) {
        cr_assert_gt(poll(p, CLIENTS, RIG_PATIENCE_MS), 0, "nobody was cut off");
        for (size_t i = 0; i < CLIENTS; i++)
            gone += (p[i].revents & (POLLHUP | POLLERR)) != 0;
    }
    for (size_t i = 0; i < CLIENTS; i++)
        close(p[i].fd);
    while (rig_status(&r, GET) == 503) /* until the next look finds room */
        ;
    cr_expect_eq(rig_status(&r, GET), 200);
    free(bytes);
    rig_stop(&r);
}
