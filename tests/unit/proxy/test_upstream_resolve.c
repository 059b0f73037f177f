/* SPDX-License-Identifier: Apache-2.0 */
/* Names of upstreams: where they lead at start, what is followed later, and what is not (E74). The name
 * server is a table that tests change. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/secret.h"
#include "proxy/upstream_resolve.h"

TestSuite(resolve, .init = secret_start, .timeout = 60);

/* ---- a name server ---- */

enum { PATIENCE_MS = 20000 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static char answers[2][256]; /* by the last letter of the name: a, b; addresses, "" fails */
static unsigned asked[2];
static bool stuck; /* it does not answer before this ends */

static size_t index_of(const struct upstream_server *server)
{
    return (size_t)(server->host[strlen(server->host) - 1] - 'a');
}

/* Addresses with a space between them. */
static size_t read_list(const char *text, const char *port, struct upstream_address *ret,
                        size_t max)
{
    const struct addrinfo numeric = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST};
    size_t count = 0, len;

    for (const char *at = text; *at != '\0' && count < max; at += len + strspn(at + len, " ")) {
        struct addrinfo *one = NULL;
        char host[64];

        len = strcspn(at, " ");
        (void)snprintf(host, sizeof(host), "%.*s", (int)len, at);
        cr_assert_eq(getaddrinfo(host, port, &numeric, &one), 0, "%s", host);
        memcpy(&ret[count].address, one->ai_addr, one->ai_addrlen);
        ret[count++].len = one->ai_addrlen;
        freeaddrinfo(one);
    }
    return count;
}

static int ask(const struct upstream_server *server, struct upstream_address *ret, size_t max,
               size_t *ret_count)
{
    size_t i = index_of(server);
    char text[256];

    pthread_mutex_lock(&lock);
    asked[i]++;
    pthread_cond_broadcast(&changed);
    while (stuck)
        pthread_cond_wait(&changed, &lock);
    memcpy(text, answers[i], sizeof(text));
    pthread_mutex_unlock(&lock);
    if (text[0] == '\0')
        return EAI_NONAME;
    *ret_count = read_list(text, server->port, ret, max);
    return 0;
}

static void set_answer(size_t i, const char *text)
{
    pthread_mutex_lock(&lock);
    (void)snprintf(answers[i], sizeof(answers[i]), "%s", text);
    pthread_mutex_unlock(&lock);
}

/* It was asked twice more: what it answered last before that is in force. */
static void wait_for_rounds(void)
{
    unsigned from;

    pthread_mutex_lock(&lock);
    from = asked[1];
    while (asked[1] < from + 2)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
}

/* ---- an upstream ---- */

struct rig {
    struct upstream_server servers[2];
    struct network allowed[2];
    struct upstream_config config;
    struct upstream_resolver *resolver;
    struct upstream_resolver_job *job;
    struct upstream_group *group;
    int log;
    struct errmsg msg;
};

static enum err start(struct rig *r, bool egress)
{
    char path[] = "/tmp/lethe-test-log-XXXXXX";
    size_t server;
    enum err e;

    *r = (struct rig){.log = mkstemp(path)};
    (void)unlink(path);
    log_set_fd(r->log);
    r->servers[0] = (struct upstream_server){(char *)"app-a", (char *)"8080"};
    r->servers[1] = (struct upstream_server){(char *)"app-b", (char *)"443"};
    cr_assert_eq(network_parse(SPAN_LIT("10.1.0.0/16"), &r->allowed[0]), ERR_OK);
    cr_assert_eq(network_parse(SPAN_LIT("fd12::/16"), &r->allowed[1]), ERR_OK);
    r->config = (struct upstream_config){.name = (char *)"app",
                                         .servers = r->servers,
                                         .server_count = 2,
                                         .egress = egress,
                                         .allowed = r->allowed,
                                         .allowed_count = egress ? 2 : 0,
                                         .resolve_ms = 1};
    r->resolver = upstream_resolver_new(ask);
    e = upstream_resolve_config(&r->config, ask, &server, &r->msg);
    if (e == ERR_OK)
        r->group = upstream_group_new(&r->config);
    return e;
}

static void follow(struct rig *r)
{
    r->job = upstream_resolver_add(r->resolver, &r->config, r->group);
    cr_assert_not_null(r->job);
}

static void stop(struct rig *r)
{
    upstream_resolver_remove(&r->job);
    cr_expect_null(r->job);
    upstream_resolver_free(&r->resolver);
    upstream_group_free(&r->group);
    free(r->config.addresses);
    log_set_fd(2);
    close(r->log);
}

static void expect_addresses(struct rig *r, const char *wanted)
{
    struct upstream_state state;
    char got[1024] = "";

    upstream_group_read(r->group, &state);
    for (size_t i = 0; i < state.address_count; i++) {
        size_t at = strlen(got);

        (void)snprintf(got + at, sizeof(got) - at, "%s%s", i > 0 ? " " : "",
                       state.addresses[i].address);
    }
    cr_expect_str_eq(got, wanted);
}

static size_t logged(const struct rig *r, const char *event)
{
    char text[16384], name[64];
    ssize_t n = pread(r->log, text, sizeof(text) - 1, 0);
    size_t count = 0;

    text[n < 0 ? 0 : n] = '\0';
    (void)snprintf(name, sizeof(name), "\"%s\"", event);
    for (const char *at = text; (at = strstr(at, name)) != NULL; at++)
        count++;
    return count;
}

/* ---- at start ---- */

Test(resolve, takes_every_address_of_every_server)
{
    struct rig r;

    set_answer(0, "10.0.0.1 10.0.0.2");
    set_answer(1, "fd00::1 127.0.0.1");
    cr_assert_eq(start(&r, false), ERR_OK, "%s", r.msg.text);
    expect_addresses(&r, "10.0.0.1:8080 10.0.0.2:8080 [fd00::1]:443 127.0.0.1:443");
    cr_expect_eq(r.config.addresses[1].server, 0);
    cr_expect_eq(r.config.addresses[2].server, 1);
    stop(&r);
}

Test(resolve, tells_which_server_has_no_address)
{
    struct rig r;

    set_answer(0, "10.0.0.1");
    set_answer(1, "");
    cr_expect_eq(start(&r, false), ERR_CONFIG);
    cr_expect_not_null(strstr(r.msg.text, "\"app-b\" cannot be resolved"), "%s", r.msg.text);
    stop(&r);
}

Test(resolve, E74_refuses_an_egress_upstream_that_leads_inside)
{
    static const char *const inside[] = {"127.0.0.1",     "169.254.169.254",        "10.2.0.1",
                                         "fd00:ec2::254", "::ffff:169.254.169.254", "0.0.0.0"};

    for (size_t i = 0; i < COUNT_OF(inside); i++) {
        struct rig r;

        set_answer(0, "1.1.1.1");
        set_answer(1, inside[i]);
        cr_expect_eq(start(&r, true), ERR_CONFIG, "%s", inside[i]);
        cr_expect_not_null(strstr(r.msg.text, "egress"), "%s", r.msg.text);
        stop(&r);
    }
}

Test(resolve, leaves_out_what_an_egress_upstream_may_not_reach)
{
    struct rig r;

    set_answer(0, "127.0.0.1 1.1.1.1 10.2.0.1 10.1.2.3");
    set_answer(1, "fd12::7 fd13::7");
    cr_assert_eq(start(&r, true), ERR_OK, "%s", r.msg.text);
    expect_addresses(&r, "1.1.1.1:8080 10.1.2.3:8080 [fd12::7]:443");
    stop(&r);
}

Test(resolve, uses_the_systems_resolver)
{
    const struct upstream_server here = {(char *)"127.0.0.1", (char *)"8123"},
                                 nowhere = {(char *)"no.such.host.invalid", (char *)"80"};
    struct upstream_address list[4];
    char text[ENDPOINT_TEXT_MAX];
    size_t count = 0;

    cr_assert_eq(upstream_resolve_system(&here, list, COUNT_OF(list), &count), 0);
    cr_assert_eq(count, 1);
    endpoint_write(&list[0], text);
    cr_expect_str_eq(text, "127.0.0.1:8123");
    cr_expect_neq(upstream_resolve_system(&nowhere, list, COUNT_OF(list), &count), 0);
}

/* ---- later ---- */

Test(resolve, follows_names_that_move)
{
    struct rig r;

    set_answer(0, "10.0.0.1");
    set_answer(1, "10.0.0.5");
    cr_assert_eq(start(&r, false), ERR_OK);
    follow(&r);
    wait_for_rounds();
    cr_expect_eq(logged(&r, "upstream_moved"), 0);
    set_answer(0, "10.0.0.2 10.0.0.3");
    wait_for_rounds();
    expect_addresses(&r, "10.0.0.2:8080 10.0.0.3:8080 10.0.0.5:443");
    cr_expect_eq(logged(&r, "upstream_moved"), 1);
    stop(&r);
}

Test(resolve, keeps_the_addresses_of_a_name_that_fails)
{
    struct rig r;

    set_answer(0, "10.0.0.1");
    set_answer(1, "10.0.0.5");
    cr_assert_eq(start(&r, false), ERR_OK);
    follow(&r);
    set_answer(0, "");
    set_answer(1, "10.0.0.6");
    wait_for_rounds();
    wait_for_rounds();
    expect_addresses(&r, "10.0.0.1:8080 10.0.0.6:443");
    cr_expect_eq(logged(&r, "upstream_unresolved"), 1);
    set_answer(0, "10.0.0.1");
    wait_for_rounds();
    wait_for_rounds();
    cr_expect_eq(logged(&r, "upstream_resolved"), 1);
    stop(&r);
}

Test(resolve, E74_does_not_follow_a_name_that_is_rebound_to_the_inside)
{
    static const char *const inside[] = {"169.254.169.254", "127.0.0.1", "::1", "fe80::1",
                                         "::ffff:10.1.0.1"};

    for (size_t i = 0; i < COUNT_OF(inside); i++) {
        struct rig r;

        set_answer(0, "1.1.1.1");
        set_answer(1, "8.8.8.8");
        cr_assert_eq(start(&r, true), ERR_OK);
        follow(&r);
        set_answer(1, inside[i]);
        wait_for_rounds();
        wait_for_rounds();
        expect_addresses(&r, "1.1.1.1:8080 8.8.8.8:443");
        cr_expect_eq(logged(&r, "egress_refused"), 1, "%s", inside[i]);
        set_answer(1, "9.9.9.9 127.0.0.1");
        wait_for_rounds();
        expect_addresses(&r, "1.1.1.1:8080 9.9.9.9:443");
        stop(&r);
    }
}

Test(resolve, does_nothing_where_nothing_can_change)
{
    struct rig r;

    set_answer(0, "10.0.0.1");
    set_answer(1, "10.0.0.5");
    cr_assert_eq(start(&r, false), ERR_OK);
    r.config.resolve_ms = 0;
    cr_expect_null(upstream_resolver_add(r.resolver, &r.config, r.group));
    r.config.resolve_ms = 1;
    r.servers[0].host = (char *)"10.0.0.1";
    r.servers[1].host = (char *)"::1";
    cr_expect_null(upstream_resolver_add(r.resolver, &r.config, r.group));
    stop(&r);
}

/* A name server that does not answer holds nobody up: the settings go, and the process may end. */
Test(resolve, waits_for_no_name_server_at_the_end)
{
    int64_t start_ms;
    unsigned from;
    struct rig r;

    set_answer(0, "10.0.0.1");
    set_answer(1, "10.0.0.5");
    cr_assert_eq(start(&r, false), ERR_OK);
    pthread_mutex_lock(&lock);
    stuck = true;
    from = asked[0] + asked[1];
    pthread_mutex_unlock(&lock);
    follow(&r);
    pthread_mutex_lock(&lock);
    while (asked[0] + asked[1] == from)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
    start_ms = clock_mono_ms();
    stop(&r);
    cr_expect_lt(clock_mono_ms() - start_ms, PATIENCE_MS / 2);
    pthread_mutex_lock(&lock);
    stuck = false; /* the thread ends by itself */
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}
