/* SPDX-License-Identifier: Apache-2.0 */
/* Several addresses: which is asked, what happens when some of them die, lie, or move, who waits for a
 * turn, and where an egress upstream never goes. */
#include <sys/socket.h>
#include <unistd.h>

#include "proxy/upstream_priv.h"
#include "tests/unit/proxy/upstream_rig.h"

TestSuite(upstream_choice, .init = secret_start, .timeout = 120);

#define OK    "HTTP/1.1 200 OK\r\n"
#define HELLO OK "Content-Length: 5\r\n\r\nhello"
#define SICK  "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"

static const struct stub_step keep_alive[] = {
    {STUB_REQUEST, NULL, 0}, {STUB_SEND, HELLO, 0}, {STUB_AGAIN, NULL, 0}};
static const struct stub_step sick[] = {
    {STUB_REQUEST, NULL, 0}, {STUB_SEND, SICK, 0}, {STUB_AGAIN, NULL, 0}};
static const struct stub_step silent[] = {{STUB_REQUEST, NULL, 0}, {STUB_HOLD, NULL, 0}};
static const struct stub_step drops[] = {{STUB_REQUEST, NULL, 0}, {STUB_END, NULL, 0}};
/* Ends its half of the connection after an answer, and never says so. */
static const struct stub_step one_answer[] = {
    {STUB_REQUEST, NULL, 0}, {STUB_SEND, HELLO, 0}, {STUB_END, NULL, 0}};
static const struct stub_step waits[] = {
    {STUB_REQUEST, NULL, 0}, {STUB_AWAIT, NULL, 0}, {STUB_SEND, HELLO, 0}, {STUB_AGAIN, NULL, 0}};

enum { STUBS = 3 };

struct many {
    struct rig rig; /* its stub is the first */
    struct http_stub *others[STUBS - 1];
    const struct stub_step *scripts[STUBS];
};

static struct http_stub *stub_of(struct many *m, size_t i)
{
    return i == 0 ? m->rig.stub : m->others[i - 1];
}

static void many_start(struct many *m, const struct stub_step *a, const struct stub_step *b,
                       const struct stub_step *c)
{
    *m = (struct many){.scripts = {a, b, c}};
    rig_start(&m->rig, &m->scripts[0], 1, NULL);
    for (size_t i = 1; i < STUBS; i++) {
        struct sockaddr_in address;

        m->others[i - 1] = http_stub_start(&m->scripts[i], 1, NULL);
        http_stub_address(m->others[i - 1], &address);
        memcpy(&m->rig.addresses[i].address, &address, sizeof(address));
        m->rig.addresses[i].len = sizeof(address);
    }
    m->rig.config.address_count = STUBS;
    m->rig.config.ejection =
        (struct upstream_ejection){.failures = 2, .base_ms = 60000, .max_ms = 60000, .share = 50};
}

static void many_stop(struct many *m)
{
    rig_stop(&m->rig);
    for (size_t i = 1; i < STUBS; i++)
        http_stub_stop(&m->others[i - 1]);
}

/* One of its addresses is dead: nobody listens there any more. */
static void kill_stub(struct many *m, size_t i)
{
    if (i == 0)
        http_stub_stop(&m->rig.stub);
    else
        http_stub_stop(&m->others[i - 1]);
}

static struct upstream_address_state state_of(struct many *m, size_t i)
{
    struct upstream_state state;

    upstream_group_read(m->rig.group, &state);
    return state.addresses[i];
}

static unsigned ask_often(struct many *m, const char *method, unsigned times, enum err wanted)
{
    unsigned other = 0;

    for (unsigned i = 0; i < times; i++)
        other += rig_ask(&m->rig, method, method[1] == 'O' ? "x" : NULL).result != wanted;
    return other;
}

/* ---- which ---- */

Test(upstream_choice, takes_equal_ones_in_turn)
{
    struct many m;

    many_start(&m, keep_alive, keep_alive, keep_alive);
    rig_pool(&m.rig);
    cr_expect_eq(ask_often(&m, "GET", 9, ERR_OK), 0);
    for (size_t i = 0; i < STUBS; i++) {
        cr_expect_eq(http_stub_requests(stub_of(&m, i)), 3);
        cr_expect_eq(http_stub_connections(stub_of(&m, i)), 1);
    }
    many_stop(&m);
}

Test(upstream_choice, goes_where_the_fewest_requests_are)
{
    struct told held[2] = {{.rig = NULL}};
    struct many m;

    many_start(&m, silent, keep_alive, silent);
    rig_pool(&m.rig);
    for (size_t i = 0; i < COUNT_OF(held); i++) { /* one each on the first and the last */
        held[i].rig = &m.rig;
        rig_send(&held[i], "GET", "/", NULL);
        if (i == 0)
            (void)rig_ask(&m.rig, "GET", NULL);
    }
    cr_expect_eq(ask_often(&m, "GET", 6, ERR_OK), 0);
    cr_expect_eq(http_stub_requests(stub_of(&m, 1)), 7);
    cr_expect_eq(http_stub_connections(stub_of(&m, 1)), 1);
    many_stop(&m);
}

Test(upstream_choice, closes_an_idle_connection_to_make_room)
{
    struct many m;

    many_start(&m, keep_alive, keep_alive, keep_alive);
    m.rig.config.connections_max = 2;
    rig_pool(&m.rig);
    cr_expect_eq(ask_often(&m, "GET", 6, ERR_OK), 0);
    cr_expect_leq(m.rig.pool->conn_count, 2);
    many_stop(&m);
}

/* ---- dead, dying, recovering ---- */

Test(upstream_choice, does_without_one_of_three_that_is_dead)
{
    static const char *const methods[] = {"GET", "POST"};

    for (size_t i = 0; i < COUNT_OF(methods); i++) {
        struct many m;

        many_start(&m, keep_alive, keep_alive, keep_alive);
        rig_pool(&m.rig);
        kill_stub(&m, 1);
        cr_expect_eq(ask_often(&m, methods[i], 12, ERR_OK), 0);
        cr_expect_eq(state_of(&m, 1).failures, 1, "it is asked last from then on");
        cr_expect_eq(http_stub_requests(stub_of(&m, 0)) + http_stub_requests(stub_of(&m, 2)), 12);
        many_stop(&m);
    }
}

Test(upstream_choice, tells_when_all_are_dead_and_finds_one_that_is_back)
{
    struct sockaddr_in address;
    int fd, on = 1;
    struct many m;

    many_start(&m, keep_alive, keep_alive, keep_alive);
    rig_pool(&m.rig);
    for (size_t i = 1; i < STUBS; i++)
        kill_stub(&m, i);
    http_stub_address(m.rig.stub, &address);
    http_stub_stop(&m.rig.stub);
    cr_expect_eq(ask_often(&m, "GET", 4, ERR_UPSTREAM), 0);
    fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    cr_assert(bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 && listen(fd, 8) == 0);
    {
        struct told t = {.rig = &m.rig};
        int peer;

        rig_send(&t, "POST", "/", "x");
        while (recv(fd, NULL, 0, MSG_DONTWAIT) >= 0)
            ;
        for (int i = 0; i < 5; i++)
            h2o_evloop_run(m.rig.loop, 10);
        peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
        cr_assert_geq(peer, 0);
        cr_assert_gt(send(peer, HELLO, strlen(HELLO), MSG_NOSIGNAL), 0);
        rig_run_until(&m.rig, &t.dones, 1);
        cr_expect_eq(t.result, ERR_OK);
        close(peer);
    }
    close(fd);
    many_stop(&m);
}

Test(upstream_choice, leaves_out_one_that_answers_but_is_sick)
{
    struct many m;

    many_start(&m, sick, keep_alive, keep_alive);
    rig_pool(&m.rig);
    (void)ask_often(&m, "GET", 12, ERR_OK);
    cr_expect_eq(http_stub_requests(stub_of(&m, 0)), 2);
    cr_expect(state_of(&m, 0).ejected);
    cr_expect_eq(state_of(&m, 0).failures, 2);
    cr_expect_gt(state_of(&m, 0).requests, 0);
    many_stop(&m);
}

Test(upstream_choice, leaves_out_one_that_is_too_slow)
{
    struct many m;

    many_start(&m, silent, keep_alive, keep_alive);
    m.rig.config.first_byte_ms = 1000; /* the other two may take their time, too */
    rig_pool(&m.rig);
    cr_expect_eq(ask_often(&m, "GET", 12, ERR_OK), 2);
    cr_expect_eq(state_of(&m, 0).timeouts, 2);
    cr_expect(state_of(&m, 0).ejected);
    many_stop(&m);
}

Test(upstream_choice, E12_sends_a_POST_that_was_dropped_nowhere_else)
{
    struct many m;

    many_start(&m, drops, drops, drops);
    rig_pool(&m.rig);
    cr_expect_eq(ask_often(&m, "POST", 1, ERR_UPSTREAM), 0);
    rig_turn(&m.rig);
    cr_expect_eq(http_stub_requests(stub_of(&m, 0)) + http_stub_requests(stub_of(&m, 1)) +
                     http_stub_requests(stub_of(&m, 2)),
                 1);
    many_stop(&m);
}

Test(upstream_choice, asks_again_elsewhere_what_a_reused_connection_lost)
{
    static const struct stub_step drops_second[] = {{STUB_REQUEST, NULL, 0},
                                                    {STUB_SEND, HELLO, 0},
                                                    {STUB_REQUEST, NULL, 0},
                                                    {STUB_END, NULL, 0}};
    struct many m;

    many_start(&m, drops_second, drops_second, drops_second);
    rig_pool(&m.rig);
    cr_expect_eq(ask_often(&m, "GET", 3, ERR_OK), 0);
    cr_expect_eq(state_of(&m, 0).idle, 1);
    (void)ask_often(&m, "GET", 1, ERR_OK);
    cr_expect_eq(state_of(&m, 0).failures, 0, "an idle connection that ends is nobody's failure");
    many_stop(&m);
}

Test(upstream_choice, is_not_deceived_by_connections_that_are_half_closed)
{
    struct many m;

    many_start(&m, one_answer, one_answer, one_answer);
    rig_pool(&m.rig);
    for (size_t i = 0; i < 9; i++) {
        cr_expect_eq(ask_often(&m, "POST", 1, ERR_OK), 0);
        cr_expect(http_stub_await_closed(stub_of(&m, i % STUBS), i / STUBS + 1));
    }
    for (size_t i = 0; i < STUBS; i++)
        cr_expect_eq(state_of(&m, i).failures, 0);
    many_stop(&m);
}

Test(upstream_choice, goes_on_with_one_that_flaps)
{
    static const struct stub_step good[] = {{STUB_REQUEST, NULL, 0},
                                            {STUB_SEND,
                                             OK "Connection: close\r\nContent-Length: 5"
                                                "\r\n\r\nhello",
                                             0},
                                            {STUB_END, NULL, 0}};
    const struct stub_step *flaps[] = {drops, good, drops, good, drops, good};
    struct many m;

    many_start(&m, keep_alive, keep_alive, keep_alive);
    http_stub_stop(&m.rig.stub);
    m.rig.stub = http_stub_start(flaps, COUNT_OF(flaps), NULL);
    http_stub_address(m.rig.stub, (struct sockaddr_in *)&m.rig.addresses[0].address);
    rig_pool(&m.rig);
    cr_expect_eq(ask_often(&m, "GET", 18, ERR_OK), 3);
    cr_expect_not(state_of(&m, 0).ejected, "never twice in a row");
    many_stop(&m);
}

/* ---- addresses that change ---- */

Test(upstream_choice, follows_the_list_and_lets_old_connections_go)
{
    struct many m;

    many_start(&m, keep_alive, keep_alive, keep_alive);
    m.rig.config.address_count = 1;
    rig_pool(&m.rig);
    cr_expect_eq(ask_often(&m, "GET", 2, ERR_OK), 0);
    cr_expect(upstream_group_publish(m.rig.group, &m.rig.addresses[1], 2));
    cr_expect_eq(ask_often(&m, "GET", 4, ERR_OK), 0);
    cr_expect(http_stub_await_closed(stub_of(&m, 0), 1));
    cr_expect_eq(http_stub_requests(stub_of(&m, 0)), 2);
    cr_expect_eq(http_stub_requests(stub_of(&m, 1)), 2);
    cr_expect_eq(http_stub_requests(stub_of(&m, 2)), 2);
    many_stop(&m);
}

Test(upstream_choice, finishes_what_is_under_way_at_an_address_that_went)
{
    struct told t = {0};
    struct many m;

    many_start(&m, waits, keep_alive, keep_alive);
    m.rig.config.address_count = 1;
    rig_pool(&m.rig);
    t.rig = &m.rig;
    rig_send(&t, "GET", "/", NULL);
    rig_turn(&m.rig); /* it leaves when this turn of the loop is over */
    cr_expect(upstream_group_publish(m.rig.group, &m.rig.addresses[1], 1));
    cr_expect_eq(ask_often(&m, "GET", 2, ERR_OK), 0);
    http_stub_go(m.rig.stub);
    rig_run_until(&m.rig, &t.dones, 1);
    cr_expect_eq(t.result, ERR_OK);
    cr_expect(http_stub_await_closed(m.rig.stub, 1), "and is not used again");
    many_stop(&m);
}

Test(upstream_choice, E74_connects_to_no_forbidden_address_whoever_put_it_on_the_list)
{
    struct many m;

    many_start(&m, keep_alive, keep_alive, keep_alive); /* at 127.0.0.1 */
    m.rig.config.egress = true;
    rig_pool(&m.rig);
    cr_expect_eq(ask_often(&m, "GET", 2, ERR_UPSTREAM), 0);
    for (size_t i = 0; i < STUBS; i++)
        cr_expect_eq(http_stub_connections(stub_of(&m, i)), 0);
    many_stop(&m);
}

Test(upstream_choice, connects_where_an_egress_upstream_is_allowed_to)
{
    struct network loopback;
    struct many m;

    many_start(&m, keep_alive, keep_alive, keep_alive);
    cr_assert_eq(network_parse(SPAN_LIT("127.0.0.0/8"), &loopback), ERR_OK);
    m.rig.config.egress = true;
    m.rig.config.allowed = &loopback;
    m.rig.config.allowed_count = 1;
    rig_pool(&m.rig);
    cr_expect_eq(ask_often(&m, "GET", 3, ERR_OK), 0);
    many_stop(&m);
}

/* ---- health checks ---- */

static void run_until_down(struct many *m, size_t i, bool down)
{
    for (int64_t end = clock_mono_ms() + RIG_PATIENCE_MS; state_of(m, i).down != down;) {
        cr_assert_lt(clock_mono_ms(), end);
        h2o_evloop_run(m->rig.loop, 10);
    }
}

Test(upstream_choice, asks_nobody_whom_health_checks_find_down_until_they_find_him_up)
{
    static const struct stub_step check[] = {
        {STUB_REQUEST, NULL, 0}, {STUB_SEND, SICK, 0}, {STUB_END, NULL, 0}};
    /* It recovers when it is told to, however long six requests to the others take. */
    static const struct stub_step told[] = {{STUB_AWAIT, NULL, 0},
                                            {STUB_REQUEST, NULL, 0},
                                            {STUB_SEND, HELLO, 0},
                                            {STUB_AGAIN, NULL, 0}};
    const struct stub_step *recovers[] = {check, check, told};
    char text[512];
    struct many m;

    many_start(&m, keep_alive, keep_alive, keep_alive);
    http_stub_stop(&m.rig.stub);
    m.rig.stub = http_stub_start(recovers, COUNT_OF(recovers), NULL);
    http_stub_address(m.rig.stub, (struct sockaddr_in *)&m.rig.addresses[0].address);
    m.rig.config.health.path = (char *)"/health?x=1";
    rig_pool(&m.rig);
    run_until_down(&m, 0, true);
    cr_expect_eq(ask_often(&m, "GET", 6, ERR_OK), 0);
    cr_expect_eq(state_of(&m, 0).requests, 0);
    http_stub_last_request(m.rig.stub, text, sizeof(text));
    cr_expect_str_eq(text, "GET /health?x=1 HTTP/1.1\r\nHost: app.test:81\r\n"
                           "User-Agent: lethe-health-check\r\n\r\n");
    for (int i = 0; i < 10000; i++)
        http_stub_go(m.rig.stub);
    run_until_down(&m, 0, false);
    cr_expect_eq(ask_often(&m, "GET", 6, ERR_OK), 0);
    cr_expect_gt(state_of(&m, 0).requests, 0);
    cr_expect_eq(state_of(&m, 0).failures, 0, "checks are not counted as requests");
    many_stop(&m);
}

Test(upstream_choice, says_at_once_when_everyone_is_down)
{
    struct many m;

    many_start(&m, silent, keep_alive, keep_alive);
    m.rig.config.address_count = 1;
    m.rig.config.health.path = (char *)"/";
    m.rig.config.health.timeout_ms = 10;
    rig_pool(&m.rig);
    run_until_down(&m, 0, true);
    cr_expect_eq(ask_often(&m, "GET", 1, ERR_UNAVAILABLE), 0);
    many_stop(&m);
}

Test(upstream_choice, ends_while_checks_are_under_way)
{
    struct many m;

    many_start(&m, silent, drops, sick);
    kill_stub(&m, 2);
    m.rig.config.health.path = (char *)"/";
    rig_pool(&m.rig);
    for (int i = 0; i < 20; i++)
        h2o_evloop_run(m.rig.loop, 5);
    upstream_pool_drain(m.rig.pool);
    cr_expect(http_stub_await_closed(m.rig.stub, 1), "nobody is checked while draining");
    many_stop(&m);
}

Test(upstream_choice, checks_addresses_that_are_new_and_no_others)
{
    size_t before;
    struct many m;

    many_start(&m, keep_alive, keep_alive, keep_alive);
    m.rig.config.address_count = 1;
    m.rig.config.health.path = (char *)"/";
    rig_pool(&m.rig);
    while (http_stub_requests(stub_of(&m, 0)) == 0)
        h2o_evloop_run(m.rig.loop, 10);
    cr_expect(upstream_group_publish(m.rig.group, &m.rig.addresses[1], 1));
    while (http_stub_requests(stub_of(&m, 1)) == 0)
        h2o_evloop_run(m.rig.loop, 10);
    before = http_stub_requests(stub_of(&m, 0));
    while (http_stub_requests(stub_of(&m, 1)) < 4)
        h2o_evloop_run(m.rig.loop, 10);
    cr_expect_eq(http_stub_requests(stub_of(&m, 0)), before);
    many_stop(&m);
}

/* ---- turns (E87) ---- */

static void send_many(struct rig *r, struct told *t, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        t[i] = (struct told){.rig = r};
        rig_send(&t[i], "GET", "/", NULL);
    }
}

Test(upstream_choice, E87_lets_some_in_some_wait_and_turns_the_rest_away)
{
    struct told t[6];
    struct upstream_state state;
    struct many m;

    many_start(&m, waits, waits, waits);
    m.rig.config.concurrency = 2;
    m.rig.config.queue_max = 2;
    rig_pool(&m.rig);
    send_many(&m.rig, t, COUNT_OF(t));
    rig_run_until(&m.rig, &t[5].dones, 1);
    cr_expect_eq(t[4].result, ERR_BUSY);
    cr_expect_eq(t[5].result, ERR_BUSY);
    cr_expect_eq(t[0].dones + t[1].dones + t[2].dones + t[3].dones, 0);
    upstream_group_read(m.rig.group, &state);
    cr_expect_eq(state.concurrent, 2);
    cr_expect_eq(state.queued, 2);
    cr_expect_eq(state.refused, 2);
    for (size_t i = 0; i < STUBS; i++)
        for (int n = 0; n < 2; n++)
            http_stub_go(stub_of(&m, i));
    for (size_t i = 0; i < 4; i++) {
        rig_run_until(&m.rig, &t[i].dones, 1);
        cr_expect_eq(t[i].result, ERR_OK);
    }
    upstream_group_read(m.rig.group, &state);
    cr_expect_eq(state.concurrent + state.queued, 0);
    many_stop(&m);
}

Test(upstream_choice, E87_waits_no_longer_than_it_may)
{
    struct told t[2];
    struct many m;

    many_start(&m, silent, silent, silent);
    m.rig.config.concurrency = 1;
    m.rig.config.queue_max = 1;
    m.rig.config.queue_ms = 20;
    rig_pool(&m.rig);
    send_many(&m.rig, t, 2);
    rig_run_until(&m.rig, &t[1].dones, 1);
    cr_expect_eq(t[1].result, ERR_BUSY);
    cr_expect_eq(t[0].dones, 0);
    many_stop(&m);
}

Test(upstream_choice, E87_gives_the_place_of_one_who_left_to_another)
{
    struct told t[4];
    struct many m;

    many_start(&m, waits, waits, waits);
    m.rig.config.concurrency = 1;
    m.rig.config.queue_max = 1;
    rig_pool(&m.rig);
    send_many(&m.rig, t, 2);
    upstream_detach(t[1].call); /* in the queue */
    send_many(&m.rig, &t[2], 2);
    rig_run_until(&m.rig, &t[3].dones, 1);
    cr_expect_eq(t[3].result, ERR_BUSY);
    upstream_detach(t[0].call); /* with the upstream */
    for (size_t i = 0; i < STUBS; i++)
        http_stub_go(stub_of(&m, i));
    rig_run_until(&m.rig, &t[2].dones, 1);
    cr_expect_eq(t[2].result, ERR_OK);
    cr_expect_eq(t[0].dones + t[1].dones, 0);
    many_stop(&m);
}

Test(upstream_choice, ends_while_some_wait_for_a_turn)
{
    struct told t[4];
    struct many m;

    many_start(&m, silent, silent, silent);
    m.rig.config.concurrency = 1;
    m.rig.config.queue_max = 4;
    rig_pool(&m.rig);
    send_many(&m.rig, t, COUNT_OF(t));
    h2o_evloop_run(m.rig.loop, 10);
    many_stop(&m);
    for (size_t i = 0; i < COUNT_OF(t); i++)
        cr_expect_eq(t[i].dones, 0);
}

/* ---- the whole time ---- */

Test(upstream_choice, waits_so_long_for_the_whole_answer)
{
    static const struct stub_step drips[] = {{STUB_REQUEST, NULL, 0},
                                             {STUB_SEND, OK "Content-Length: 9\r\n\r\nhello", 0},
                                             {STUB_HOLD, NULL, 0}};
    static const struct stub_step *const scripts[] = {silent, drips};

    for (size_t i = 0; i < COUNT_OF(scripts); i++) {
        struct told t;
        struct many m;

        many_start(&m, scripts[i], scripts[i], scripts[i]);
        m.rig.config.response_ms = 1000; /* in which the head comes */
        rig_pool(&m.rig);
        t = rig_ask(&m.rig, "GET", NULL);
        cr_expect_eq(t.result, ERR_TIMEOUT, "%s", err_name(t.result));
        cr_expect_eq(t.heads, i);
        cr_expect_eq(state_of(&m, 0).timeouts, 1 - i, "before the head only it is a failure");
        many_stop(&m);
    }
}
