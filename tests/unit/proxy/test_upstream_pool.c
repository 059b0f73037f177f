/* SPDX-License-Identifier: Apache-2.0 */
/* The upstream client's connections: reuse, retries, time limits, addresses, and the end. */
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/proxy/upstream_rig.h"

TestSuite(upstream_pool, .init = secret_start, .timeout = 120);

#define OK    "HTTP/1.1 200 OK\r\n"
#define HELLO OK "Content-Length: 5\r\n\r\nhello"

static const struct stub_step keep_alive[] = {
    {STUB_REQUEST, NULL, 0}, {STUB_SEND, HELLO, 0}, {STUB_AGAIN, NULL, 0}};
/* Answers once, then closes without having said so. */
static const struct stub_step one_answer[] = {
    {STUB_REQUEST, NULL, 0}, {STUB_SEND, HELLO, 0}, {STUB_END, NULL, 0}};
/* Answers once, then reads the next request and hangs up. */
static const struct stub_step drops_second[] = {
    {STUB_REQUEST, NULL, 0}, {STUB_SEND, HELLO, 0}, {STUB_REQUEST, NULL, 0}, {STUB_END, NULL, 0}};
static const struct stub_step silent[] = {{STUB_REQUEST, NULL, 0}, {STUB_HOLD, NULL, 0}};

/* ---- reuse ---- */

Test(upstream_pool, keeps_as_many_idle_connections_as_it_may)
{
    enum { CALLS = 6, KEPT = 2 };
    const struct stub_step *script = keep_alive;
    struct told t[CALLS], more[CALLS];
    struct rig r;

    rig_start(&r, &script, 1, NULL);
    r.config.idle_max = KEPT;
    rig_pool(&r);
    for (int i = 0; i < CALLS; i++) {
        t[i] = (struct told){.rig = &r};
        rig_send(&t[i], "GET", "/", NULL);
    }
    for (int i = 0; i < CALLS; i++)
        rig_run_until(&r, &t[i].dones, 1);
    cr_expect_eq(http_stub_connections(r.stub), CALLS);
    cr_expect(http_stub_await_closed(r.stub, CALLS - KEPT));
    for (int i = 0; i < CALLS; i++) {
        more[i] = (struct told){.rig = &r};
        rig_send(&more[i], "GET", "/", NULL);
    }
    for (int i = 0; i < CALLS; i++)
        rig_run_until(&r, &more[i].dones, 1);
    cr_expect_eq(http_stub_connections(r.stub), 2 * CALLS - KEPT);
    rig_stop(&r);
}

Test(upstream_pool, closes_idle_connections_of_a_certain_age)
{
    const struct stub_step *script = keep_alive;
    struct rig r;
    struct told t;

    rig_start(&r, &script, 1, NULL);
    r.config.keep_alive_ms = 20;
    rig_pool(&r);
    t = rig_ask(&r, "GET", NULL);
    cr_expect_eq(t.result, ERR_OK);
    for (int64_t end = clock_mono_ms() + 200; clock_mono_ms() < end;)
        h2o_evloop_run(r.loop, 10);
    cr_expect(http_stub_await_closed(r.stub, 1));
    rig_stop(&r);
}

Test(upstream_pool, notices_that_an_idle_connection_was_closed)
{
    const struct stub_step *script = one_answer;
    struct rig r;
    struct told t;

    rig_serve(&r, &script);
    for (size_t i = 1; i <= 3; i++) {
        t = rig_ask(&r, "POST", "x");
        cr_expect_eq(t.result, ERR_OK);
        cr_expect(http_stub_await_closed(r.stub, i));
        rig_turn(&r);
    }
    cr_expect_eq(http_stub_requests(r.stub), 3);
    rig_stop(&r);
}

/* The loop had no turn between the close and the next request: nothing was written, so even a POST
 * goes out again, on a new connection. */
Test(upstream_pool, replaces_a_connection_that_died_unnoticed)
{
    const struct stub_step *script = one_answer;
    struct rig r;
    struct told t;

    rig_serve(&r, &script);
    for (size_t i = 1; i <= 3; i++) {
        t = rig_ask(&r, "POST", "x");
        cr_expect_eq(t.result, ERR_OK, "%s", err_name(t.result));
        cr_expect(http_stub_await_closed(r.stub, i));
    }
    cr_expect_eq(http_stub_requests(r.stub), 3);
    rig_stop(&r);
}

Test(upstream_pool, takes_no_bytes_that_nobody_asked_for)
{
    static const struct stub_step splits[] = {
        {STUB_REQUEST, NULL, 0},
        {STUB_SEND, HELLO, 0},
        {STUB_AWAIT, NULL, 0},
        {STUB_SEND, OK "Content-Length: 4\r\n\r\nevil", 0},
        {STUB_REQUEST, NULL, 0}, /* would answer it, had it been sent here */
        {STUB_SEND, OK "Content-Length: 4\r\n\r\nevil", 0},
        {STUB_HOLD, NULL, 0},
    };

    for (int turn = 0; turn < 2; turn++) {
        const struct stub_step *scripts[] = {splits, keep_alive};
        struct rig r;
        struct told t;

        rig_start(&r, scripts, 2, NULL);
        rig_pool(&r);
        t = rig_ask(&r, "GET", NULL);
        cr_expect_str_eq(t.body, "hello");
        http_stub_go(r.stub);
        cr_expect(http_stub_await_sent(r.stub, 2));
        if (turn) { /* the watcher sees them; else only the look before the next request does */
            rig_turn(&r);
            cr_expect(http_stub_await_closed(r.stub, 1));
        }
        t = rig_ask(&r, turn ? "GET" : "POST", NULL);
        cr_expect_str_eq(t.body, "hello");
        rig_stop(&r);
    }
}

/* ---- retries (E12) ---- */

Test(upstream_pool, E12_never_sends_a_POST_twice)
{
    static const struct stub_step drops[] = {{STUB_REQUEST, NULL, 0}, {STUB_END, NULL, 0}},
                                  resets[] = {{STUB_REQUEST, NULL, 0}, {STUB_RESET, NULL, 0}},
                                  part_head[] = {{STUB_HEAD, NULL, 0}, {STUB_END, NULL, 0}};
    static const struct {
        const struct stub_step *first;
        bool warm; /* on a connection that served before */
    } cases[] = {{drops, false}, {resets, false}, {part_head, false}, {drops_second, true}};
    static const char *const methods[] = {"POST", "PATCH", "DELETEX"};

    for (size_t i = 0; i < COUNT_OF(cases) * COUNT_OF(methods); i++) {
        const char *method = methods[i % COUNT_OF(methods)];
        size_t c = i / COUNT_OF(methods);
        const struct stub_step *scripts[] = {cases[c].first, keep_alive};
        struct rig r;
        struct told t;

        rig_start(&r, scripts, 2, NULL);
        rig_pool(&r);
        if (cases[c].warm)
            (void)rig_ask(&r, "GET", NULL);
        t = rig_ask(&r, method, "x");
        cr_expect_eq(t.result, ERR_UPSTREAM);
        rig_turn(&r);
        cr_expect_eq(http_stub_requests(r.stub), cases[c].warm ? 2 : 1);
        cr_expect_eq(http_stub_connections(r.stub), 1);
        rig_stop(&r);
    }
}

Test(upstream_pool, sends_an_idempotent_request_again_when_a_reused_connection_dies)
{
    static const char *const methods[] = {"GET", "HEAD", "OPTIONS", "PUT", "DELETE"};

    for (size_t i = 0; i < COUNT_OF(methods); i++) {
        const struct stub_step head_answer[] = {{STUB_REQUEST, NULL, 0},
                                                {STUB_SEND, OK "Content-Length: 5\r\n\r\n", 0},
                                                {STUB_HOLD, NULL, 0}};
        bool head = strcmp(methods[i], "HEAD") == 0;
        const struct stub_step *scripts[] = {drops_second, head ? head_answer : keep_alive};
        struct rig r;
        struct told t;

        rig_start(&r, scripts, 2, NULL);
        rig_pool(&r);
        (void)rig_ask(&r, "GET", NULL);
        t = rig_ask(&r, methods[i], i > 2 ? "x" : NULL);
        cr_expect_eq(t.result, ERR_OK, "%s: %s", methods[i], err_name(t.result));
        cr_expect_eq(http_stub_requests(r.stub), 3);
        cr_expect_eq(http_stub_connections(r.stub), 2);
        rig_stop(&r);
    }
}

Test(upstream_pool, sends_an_idempotent_request_again_only_once_and_only_without_an_answer)
{
    static const struct stub_step drops[] = {{STUB_REQUEST, NULL, 0}, {STUB_END, NULL, 0}};
    static const struct stub_step part_answer[] = {{STUB_REQUEST, NULL, 0},
                                                   {STUB_SEND, HELLO, 0},
                                                   {STUB_REQUEST, NULL, 0},
                                                   {STUB_SEND, "H", 0},
                                                   {STUB_END, NULL, 0}};
    static const struct {
        const struct stub_step *first, *second;
        size_t requests;
    } cases[] = {
        {drops_second, drops, 3}, /* the second try fails as well */
        {part_answer, keep_alive, 2},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct stub_step *scripts[] = {cases[i].first, cases[i].second};
        struct rig r;
        struct told t;

        rig_start(&r, scripts, 2, NULL);
        rig_pool(&r);
        (void)rig_ask(&r, "GET", NULL);
        t = rig_ask(&r, "GET", NULL);
        cr_expect_eq(t.result, ERR_UPSTREAM);
        rig_turn(&r);
        cr_expect_eq(http_stub_requests(r.stub), cases[i].requests);
        rig_stop(&r);
    }
}

Test(upstream_pool, does_not_send_again_what_a_new_connection_lost)
{
    static const struct stub_step drops[] = {{STUB_REQUEST, NULL, 0}, {STUB_END, NULL, 0}};
    const struct stub_step *script = drops;
    struct rig r;
    struct told t;

    rig_serve(&r, &script);
    t = rig_ask(&r, "GET", NULL);
    cr_expect_eq(t.result, ERR_UPSTREAM);
    rig_turn(&r);
    cr_expect_eq(http_stub_requests(r.stub), 1);
    rig_stop(&r);
}

/* ---- time limits ---- */

enum { SHORT_MS = 30 };

/* Send once; the result, and that it came in about the short time. */
static void expect_timeout(struct rig *r, const char *method, const char *body, unsigned heads)
{
    int64_t start;
    struct told t;

    h2o_evloop_run(r->loop, 0); /* timers count from the loop's last look at the clock */
    start = clock_mono_ms();
    t = rig_ask(r, method, body);
    cr_expect_eq(t.result, ERR_TIMEOUT, "%s", err_name(t.result));
    cr_expect_eq(t.heads, heads);
    cr_expect_geq(clock_mono_ms() - start, SHORT_MS - 1);
    cr_expect_lt(clock_mono_ms() - start, RIG_PATIENCE_MS / 2);
}

Test(upstream_pool, waits_so_long_for_the_first_byte)
{
    static const struct stub_step part_head[] = {{STUB_REQUEST, NULL, 0},
                                                 {STUB_SEND, "HTTP/1.1 200 OK\r\nContent-", 0},
                                                 {STUB_HOLD, NULL, 0}};
    static const struct stub_step interim[] = {{STUB_REQUEST, NULL, 0},
                                               {STUB_SEND, "HTTP/1.1 100 Continue\r\n\r\n", 0},
                                               {STUB_HOLD, NULL, 0}};
    static const struct stub_step *const scripts[] = {silent, part_head, interim};

    for (size_t i = 0; i < COUNT_OF(scripts); i++) {
        struct rig r;

        rig_start(&r, &scripts[i], 1, NULL);
        r.config.first_byte_ms = SHORT_MS;
        rig_pool(&r);
        expect_timeout(&r, "GET", NULL, 0);
        cr_expect(http_stub_await_closed(r.stub, 1));
        rig_stop(&r);
    }
}

Test(upstream_pool, waits_so_long_between_the_bytes_of_a_body)
{
    static const struct stub_step part_body[] = {
        {STUB_REQUEST, NULL, 0},
        {STUB_SEND, OK "Content-Length: 9\r\n\r\nhello", 0},
        {STUB_HOLD, NULL, 0}};
    const struct stub_step *script = part_body;
    struct rig r;

    rig_start(&r, &script, 1, NULL);
    r.config.idle_ms = SHORT_MS;
    rig_pool(&r);
    expect_timeout(&r, "GET", NULL, 1);
    rig_stop(&r);
}

Test(upstream_pool, waits_so_long_for_the_upstream_to_read)
{
    static const struct stub_step reads_not[] = {
        {STUB_HEAD, NULL, 0}, {STUB_AWAIT, NULL, 0}, {STUB_END, NULL, 0}};
    const struct stub_step *script = reads_not;
    size_t size = 32 << 20;
    char *body = malloc(size + 1);
    struct rig r;

    memset(body, 'b', size);
    body[size] = '\0';
    rig_start(&r, &script, 1, NULL);
    r.config.write_ms = SHORT_MS;
    rig_pool(&r);
    expect_timeout(&r, "PUT", body, 0);
    http_stub_go(r.stub);
    rig_stop(&r);
    free(body);
}

Test(upstream_pool, does_not_count_the_time_while_paused)
{
    static const struct stub_step steps[] = {{STUB_REQUEST, NULL, 0},
                                             {STUB_SEND, OK "Content-Length: 10\r\n\r\nhello", 0},
                                             {STUB_AWAIT, NULL, 0},
                                             {STUB_SEND, "world", 0},
                                             {STUB_HOLD, NULL, 0}};
    const struct stub_step *script = steps;
    struct told t = {.pause_once = true};
    struct rig r;

    rig_start(&r, &script, 1, NULL);
    r.config.idle_ms = 50 * SHORT_MS; /* the rest may come late after the pause, too */
    rig_pool(&r);
    t.rig = &r;
    rig_send(&t, "GET", "/", NULL);
    rig_run_until(&r, &t.heads, 1);
    for (int64_t end = clock_mono_ms() + 70 * SHORT_MS; clock_mono_ms() < end;)
        h2o_evloop_run(r.loop, 10);
    cr_expect_eq(t.dones, 0);
    http_stub_go(r.stub);
    upstream_resume(t.call);
    rig_run_until(&r, &t.dones, 1);
    cr_expect_eq(t.result, ERR_OK);
    cr_expect_str_eq(t.body, "helloworld");
    rig_stop(&r);
}

/* The owner pauses between callbacks, as one does whose client reads slowly. */
Test(upstream_pool, reads_nothing_between_a_pause_and_a_resume)
{
    static const struct stub_step steps[] = {{STUB_REQUEST, NULL, 0},
                                             {STUB_SEND, OK "Content-Length: 99\r\n\r\nhello", 0},
                                             {STUB_AWAIT, NULL, 0},
                                             {STUB_SEND, "world", 0},
                                             {STUB_HOLD, NULL, 0}};
    const struct stub_step *script = steps;
    struct told t = {0};
    struct rig r;

    rig_start(&r, &script, 1, NULL);
    r.config.idle_ms = SHORT_MS;
    rig_pool(&r);
    t.rig = &r;
    rig_send(&t, "GET", "/", NULL);
    rig_run_until(&r, &t.heads, 1);
    upstream_pause(t.call);
    http_stub_go(r.stub);
    cr_assert(http_stub_await_sent(r.stub, 2));
    for (int64_t end = clock_mono_ms() + 4 * SHORT_MS; clock_mono_ms() < end;)
        h2o_evloop_run(r.loop, 10);
    cr_expect_eq(t.body_len, 5);
    cr_expect_eq(t.dones, 0);
    upstream_resume(t.call);
    rig_run_until(&r, &t.dones, 1);
    cr_expect_str_eq(t.body, "helloworld");
    cr_expect_eq(t.result, ERR_TIMEOUT, "the time counts again");
    rig_stop(&r);
}

Test(upstream_pool, waits_again_once_resumed)
{
    static const struct stub_step steps[] = {{STUB_REQUEST, NULL, 0},
                                             {STUB_SEND, OK "Content-Length: 9\r\n\r\nhello", 0},
                                             {STUB_HOLD, NULL, 0}};
    const struct stub_step *script = steps;
    struct told t = {.pause_once = true};
    struct rig r;

    rig_start(&r, &script, 1, NULL);
    r.config.idle_ms = SHORT_MS;
    rig_pool(&r);
    t.rig = &r;
    rig_send(&t, "GET", "/", NULL);
    rig_run_until(&r, &t.heads, 1);
    upstream_resume(t.call); /* and no byte ever comes */
    rig_run_until(&r, &t.dones, 1);
    cr_expect_eq(t.result, ERR_TIMEOUT);
    rig_stop(&r);
}

/* A listener whose queue is full: connecting to it neither succeeds nor fails. */
static int deaf_listener(struct sockaddr_in *address, int *fillers, size_t count)
{
    socklen_t len = sizeof(*address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    *address = (struct sockaddr_in){.sin_family = AF_INET};
    address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    cr_assert(bind(fd, (struct sockaddr *)address, len) == 0 && listen(fd, 0) == 0);
    cr_assert_eq(getsockname(fd, (struct sockaddr *)address, &len), 0);
    for (size_t i = 0; i < count; i++) {
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        (void)connect(fillers[i], (struct sockaddr *)address, len);
    }
    return fd;
}

Test(upstream_pool, waits_so_long_for_a_connection)
{
    const struct stub_step *script = keep_alive;
    struct sockaddr_in address;
    int fillers[4], fd = deaf_listener(&address, fillers, COUNT_OF(fillers));
    struct rig r;

    rig_start(&r, &script, 1, NULL);
    memcpy(&r.addresses[0].address, &address, sizeof(address));
    r.config.connect_ms = SHORT_MS;
    rig_pool(&r);
    expect_timeout(&r, "GET", NULL, 0);
    rig_stop(&r);
    for (size_t i = 0; i < COUNT_OF(fillers); i++)
        close(fillers[i]);
    close(fd);
}

/* ---- how many, and where ---- */

Test(upstream_pool, opens_no_more_connections_than_it_may)
{
    const struct stub_step *script = silent;
    struct told t[3];
    struct rig r;

    rig_start(&r, &script, 1, NULL);
    r.config.connections_max = 2;
    rig_pool(&r);
    for (int i = 0; i < 3; i++) {
        t[i] = (struct told){.rig = &r};
        rig_send(&t[i], "GET", "/", NULL);
    }
    rig_run_until(&r, &t[2].dones, 1);
    cr_expect_eq(t[2].result, ERR_BUSY);
    cr_expect_eq(t[0].dones + t[1].dones, 0);
    upstream_detach(t[0].call);
    t[2] = (struct told){.rig = &r};
    rig_send(&t[2], "GET", "/", NULL);
    for (int i = 0; i < 10; i++)
        h2o_evloop_run(r.loop, 10);
    cr_expect_eq(t[2].dones, 0, "there was room again");
    rig_stop(&r);
}

/* An address where nobody listens. */
static void dead_address(struct upstream_address *ret)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    cr_assert_eq(bind(fd, (struct sockaddr *)&address, len), 0);
    cr_assert_eq(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    close(fd);
    memcpy(&ret->address, &address, sizeof(address));
    ret->len = len;
}

Test(upstream_pool, tells_when_nobody_listens)
{
    const struct stub_step *script = keep_alive;
    struct rig r;
    struct told t;

    rig_start(&r, &script, 1, NULL);
    dead_address(&r.addresses[0]);
    dead_address(&r.addresses[1]);
    r.config.address_count = 2;
    rig_pool(&r);
    t = rig_ask(&r, "GET", NULL);
    cr_expect_eq(t.result, ERR_UPSTREAM);
    rig_stop(&r);
}

Test(upstream_pool, tells_when_an_address_is_of_no_use_at_once)
{
    const struct stub_step *script = keep_alive;
    struct rig r;
    struct told t;

    rig_start(&r, &script, 1, NULL);
    r.addresses[0].address.ss_family = AF_UNIX; /* socket() succeeds, connect() does not */
    rig_pool(&r);
    t = rig_ask(&r, "GET", NULL);
    cr_expect_eq(t.result, ERR_UPSTREAM);
    rig_stop(&r);
}

Test(upstream_pool, goes_on_with_the_next_address_even_for_a_POST)
{
    const struct stub_step *script = keep_alive;
    struct rig r;

    rig_start(&r, &script, 1, NULL);
    r.addresses[2] = r.addresses[0];
    dead_address(&r.addresses[0]);
    dead_address(&r.addresses[1]);
    r.config.address_count = 3;
    r.config.idle_max = 0;
    rig_pool(&r);
    for (int i = 0; i < 5; i++) {
        struct told t = rig_ask(&r, "POST", "x");

        cr_expect_eq(t.result, ERR_OK);
    }
    cr_expect_eq(http_stub_requests(r.stub), 5);
    rig_stop(&r);
}

Test(upstream_pool, asks_an_address_that_failed_last)
{
    const struct stub_step *script = keep_alive;
    struct sockaddr_in address;
    int fillers[4], fd = deaf_listener(&address, fillers, COUNT_OF(fillers));
    int64_t start;
    struct rig r;

    rig_start(&r, &script, 1, NULL);
    r.addresses[1] = r.addresses[0];
    memcpy(&r.addresses[0].address, &address, sizeof(address));
    r.config.address_count = 2;
    r.config.connect_ms = 3000;
    r.config.idle_max = 0;
    rig_pool(&r);
    cr_expect_eq(rig_ask(&r, "GET", NULL).result, ERR_OK); /* after 3 s at the deaf one */
    start = clock_mono_ms();
    for (int i = 0; i < 4; i++)
        cr_expect_eq(rig_ask(&r, "GET", NULL).result, ERR_OK);
    cr_expect_lt(clock_mono_ms() - start, 3000);
    rig_stop(&r);
    for (size_t i = 0; i < COUNT_OF(fillers); i++)
        close(fillers[i]);
    close(fd);
}

Test(upstream_pool, takes_addresses_in_turn)
{
    const struct stub_step *script = keep_alive;
    struct http_stub *other = http_stub_start(&script, 1, NULL);
    struct sockaddr_in address;
    struct rig r;

    rig_start(&r, &script, 1, NULL);
    http_stub_address(other, &address);
    memcpy(&r.addresses[1].address, &address, sizeof(address));
    r.addresses[1].len = sizeof(address);
    r.config.address_count = 2;
    r.config.idle_max = 0;
    rig_pool(&r);
    for (int i = 0; i < 6; i++)
        cr_expect_eq(rig_ask(&r, "GET", NULL).result, ERR_OK);
    cr_expect_eq(http_stub_requests(r.stub), 3);
    cr_expect_eq(http_stub_requests(other), 3);
    rig_stop(&r);
    http_stub_stop(&other);
}

/* ---- the end ---- */

Test(upstream_pool, drains)
{
    static const struct stub_step steps[] = {{STUB_REQUEST, NULL, 0}, {STUB_SEND, HELLO, 0},
                                             {STUB_REQUEST, NULL, 0}, {STUB_AWAIT, NULL, 0},
                                             {STUB_SEND, HELLO, 0},   {STUB_HOLD, NULL, 0}};
    const struct stub_step *script = steps;
    struct told t = {0};
    struct rig r;

    rig_serve(&r, &script);
    (void)rig_ask(&r, "GET", NULL);
    t.rig = &r;
    rig_send(&t, "GET", "/", NULL);
    upstream_pool_drain(r.pool);
    http_stub_go(r.stub);
    rig_run_until(&r, &t.dones, 1);
    cr_expect_eq(t.result, ERR_OK, "what is under way is finished");
    cr_expect(http_stub_await_closed(r.stub, 1), "and nothing is kept");
    rig_stop(&r);
}

Test(upstream_pool, drops_idle_connections_when_draining)
{
    const struct stub_step *script = keep_alive;
    struct rig r;

    rig_serve(&r, &script);
    (void)rig_ask(&r, "GET", NULL);
    upstream_pool_drain(r.pool);
    cr_expect(http_stub_await_closed(r.stub, 1));
    rig_stop(&r);
}

Test(upstream_pool, ends_with_calls_in_every_state)
{
    static const struct stub_step part_body[] = {
        {STUB_REQUEST, NULL, 0},
        {STUB_SEND, OK "Content-Length: 9\r\n\r\nhello", 0},
        {STUB_HOLD, NULL, 0}};
    const struct stub_step *scripts[] = {keep_alive, part_body, silent};
    struct told t[5];
    struct rig r;

    rig_start(&r, scripts, 3, NULL);
    r.config.connections_max = 3;
    rig_pool(&r);
    (void)rig_ask(&r, "GET", NULL);
    for (int i = 0; i < 5; i++)
        t[i] = (struct told){.rig = &r};
    rig_send(&t[0], "GET", "/", NULL); /* takes the idle one, which will be idle again */
    rig_send(&t[1], "GET", "/", NULL);
    rig_run_until(&r, &t[1].heads, 1);
    rig_run_until(&r, &t[0].dones, 1);
    rig_send(&t[2], "GET", "/", NULL); /* the idle one again */
    rig_send(&t[4], "GET", "/", NULL); /* connecting */
    rig_send(&t[3], "GET", "/", NULL); /* waits to be told BUSY */
    rig_stop(&r);
    cr_expect_eq(t[1].dones + t[2].dones + t[3].dones + t[4].dones, 0);
    upstream_pool_free(&r.pool); /* NULL inside is fine */
}
