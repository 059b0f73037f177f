/* SPDX-License-Identifier: Apache-2.0 */
/* Settings exchanged while requests are under way. */
#include "tests/unit/proxy/proxy_rig.h"

#include <stdatomic.h>

TestSuite(setup, .init = secret_start, .timeout = 120);

#define GET  "GET /a HTTP/1.1\r\nHost: app.test\r\n\r\n"
#define KEEP "routes: [{path: \"/a\", upstream: app}]\n"

static const struct rig_options plain = {.routes = KEEP, .threads = 2};

/* Another configuration for a rig's store and listener: same classes, its own upstream. */
struct change {
    struct conf *conf;
    struct proxy_settings *settings;
    struct errmsg msg;
};

static void read_change(struct change *c, struct rig *r, const char *listen, uint16_t upstream,
                        const char *routes)
{
    char yaml[2048];

    *c = (struct change){.conf = NULL};
    (void)snprintf(yaml, sizeof(yaml),
                   "listen: [%s]\nthreads: 2\n"
                   "upstreams: {app: {url: \"http://127.0.0.1:%u\"}}\n%s",
                   listen, upstream, routes);
    cr_assert_eq(conf_parse("new.yaml", span_str(yaml), &c->conf, &c->msg), ERR_OK, "%s",
                 c->msg.text);
    cr_assert_eq(
        proxy_settings_read(conf_root(c->conf), &r->classes, &r->domains, &c->settings, &c->msg),
        ERR_OK, "%s", c->msg.text);
}

static void change_done(struct change *c)
{
    proxy_settings_free(&c->settings);
    conf_free(&c->conf);
}

static uint16_t port_of(const struct http_stub *stub)
{
    struct sockaddr_in in;

    http_stub_address(stub, &in);
    return ntohs(in.sin_port);
}

static atomic_int released;

static void on_released(const struct proxy_settings *settings UNUSED, void *context UNUSED)
{
    atomic_fetch_add(&released, 1);
}

static void wait_for_released(int count)
{
    const int64_t until_ms = clock_mono_ms() + RIG_PATIENCE_MS;

    while (atomic_load(&released) < count && clock_mono_ms() < until_ms)
        (void)poll(NULL, 0, 1);
    cr_expect_eq(atomic_load(&released), count);
}

Test(setup, gives_new_requests_the_new_routes_on_the_connection_they_came_by)
{
    struct rig r;
    struct change c;
    struct rig_answer a;
    int fd;

    rig_start(&r, &plain);
    proxy_on_released(r.proxy, on_released, NULL);
    fd = rig_connect(&r);
    rig_say(fd, GET, strlen(GET));
    a = rig_hear(fd, false);
    cr_assert_eq(a.status, 200);
    rig_answer_done(&a);
    read_change(&c, &r, "{address: \"127.0.0.1:0\"}", port_of(r.stub),
                "routes: [{path: \"/b\", upstream: app}]\n");
    cr_assert_eq(proxy_reload(r.proxy, c.settings, &c.msg), ERR_OK, "%s", c.msg.text);
    rig_say(fd, GET, strlen(GET));
    a = rig_hear(fd, false);
    cr_expect_eq(a.status, 404, "the route is gone, the connection is not");
    rig_answer_done(&a);
    cr_expect_eq(rig_status(&r, "GET /b HTTP/1.1\r\nHost: a\r\n\r\n"), 200);
    wait_for_released(1);
    close(fd);
    proxy_stop(&r.proxy, RIG_PATIENCE_MS);
    cr_expect_eq(atomic_load(&released), 2, "both were given back");
    change_done(&c);
    rig_stop(&r);
}

static const struct stub_step slow[] = {
    {STUB_REQUEST, NULL, 0},
    {STUB_AWAIT, NULL, 0},
    {STUB_SEND, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nold", 0},
    {STUB_AGAIN, NULL, 0}};
static const struct stub_step *const slow_script[] = {slow};

Test(setup, lets_a_request_end_under_the_settings_it_began_under)
{
    const struct rig_options o = {
        .routes = KEEP, .threads = 2, .scripts = slow_script, .script_count = 1};
    struct rig r;
    struct change c;
    struct rig_answer a;
    int fd;

    rig_start(&r, &o);
    proxy_on_released(r.proxy, on_released, NULL);
    read_change(&c, &r, "{address: \"127.0.0.1:0\"}", rig_dead_port(), KEEP);
    fd = rig_connect(&r);
    rig_say(fd, GET, strlen(GET));
    while (http_stub_requests(r.stub) == 0)
        (void)poll(NULL, 0, 1);
    cr_assert_eq(proxy_reload(r.proxy, c.settings, &c.msg), ERR_OK, "%s", c.msg.text);
    cr_expect_eq(atomic_load(&released), 0, "a request is under way");
    cr_expect_eq(rig_status(&r, GET), 502, "new ones go to the new upstream, which is not there");
    http_stub_go(r.stub);
    a = rig_hear(fd, false);
    cr_expect_eq(a.status, 200);
    cr_expect_str_eq(a.body, "old");
    rig_answer_done(&a);
    wait_for_released(1);
    close(fd);
    proxy_stop(&r.proxy, RIG_PATIENCE_MS);
    change_done(&c);
    rig_stop(&r);
}

Test(setup, opens_new_listeners_and_closes_those_that_went)
{
    struct rig r;
    struct change c;
    struct rig_answer a;
    uint16_t port = rig_dead_port();
    char listen[64];
    int idle, fd;

    rig_start(&r, &plain);
    idle = rig_connect(&r);
    rig_say(idle, GET, strlen(GET));
    a = rig_hear(idle, false);
    rig_answer_done(&a);
    (void)snprintf(listen, sizeof(listen), "{address: \"127.0.0.1:%u\"}", port);
    read_change(&c, &r, listen, port_of(r.stub), KEEP);
    cr_assert_eq(proxy_reload(r.proxy, c.settings, &c.msg), ERR_OK, "%s", c.msg.text);
    cr_expect(rig_is_closed(idle), "its listener is gone");
    close(idle);
    fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_expect_neq(connect(fd,
                          (const struct sockaddr *)&(struct sockaddr_in){
                              .sin_family = AF_INET,
                              .sin_port = htons(r.port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK)},
                          sizeof(struct sockaddr_in)),
                  0);
    close(fd);
    r.port = port;
    cr_expect_eq(rig_status(&r, GET), 200);
    cr_expect_not_null(strstr(rig_log(&r), "listening on another address"));
    proxy_stop(&r.proxy, RIG_PATIENCE_MS);
    change_done(&c);
    rig_stop(&r);
}

Test(setup, keeps_the_old_settings_when_an_address_is_taken)
{
    struct rig r, other;
    struct change c;
    char listen[128];

    rig_start(&r, &plain);
    rig_start(&other, &plain);
    (void)snprintf(listen, sizeof(listen),
                   "{address: \"127.0.0.1:0\"}, {address: \"127.0.0.1:%u\"}", other.port);
    read_change(&c, &r, listen, port_of(r.stub), "routes: [{path: \"/b\", upstream: app}]\n");
    cr_expect_eq(proxy_reload(r.proxy, c.settings, &c.msg), ERR_IO);
    cr_expect_not_null(strstr(c.msg.text, "cannot listen on"), "%s", c.msg.text);
    cr_expect_eq(rig_status(&r, GET), 200);
    change_done(&c);
    rig_stop(&other);
    rig_stop(&r);
}

static struct upstream_state seen;

static void on_upstream(const struct upstream_state *state, void *context)
{
    seen = *state;
    ++*(unsigned *)context;
}

Test(setup, tells_how_its_upstreams_are_doing_and_begins_anew_with_other_settings)
{
    unsigned count = 0;
    struct rig r;
    struct change c;

    rig_start(&r, &plain);
    cr_expect_eq(rig_status(&r, GET), 200);
    proxy_read_upstreams(r.proxy, on_upstream, &count);
    cr_expect_eq(count, 1);
    cr_expect_str_eq(seen.name, "app");
    cr_assert_eq(seen.address_count, 1);
    cr_expect_eq(seen.addresses[0].requests, 1);
    cr_expect_eq(seen.addresses[0].open, 1);
    cr_expect_not(seen.addresses[0].down || seen.addresses[0].ejected);
    read_change(&c, &r, "{address: \"127.0.0.1:0\"}", rig_dead_port(), KEEP);
    cr_assert_eq(proxy_reload(r.proxy, c.settings, &c.msg), ERR_OK, "%s", c.msg.text);
    proxy_read_upstreams(r.proxy, on_upstream, &count);
    cr_expect_eq(seen.addresses[0].requests, 0);
    cr_expect_eq(seen.addresses[0].failures, 0);
    proxy_stop(&r.proxy, RIG_PATIENCE_MS);
    change_done(&c);
    rig_stop(&r);
}
