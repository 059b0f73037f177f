/* SPDX-License-Identifier: Apache-2.0 */
/* A route's `event`, and who may be listed in `events`. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/secret.h"
#include "proxy/settings_priv.h"
#include "tests/support/scratch.h"

TestSuite(settings_events, .init = secret_start, .timeout = 30);

struct reading {
    struct scratch scratch;
    struct conf *conf;
    struct classes classes;
    struct domains domains;
    struct proxy_settings *settings;
    struct errmsg msg;
};

static const char head[] = "listen: [{address: \"127.0.0.1:0\"}]\n"
                           "upstreams: {app: {url: \"http://127.0.0.1:9000\"}}\n"
                           "classes:\n"
                           "  note: {purposes: [support], basis: \"6(1)(b)\","
                           " retain: {period: P90D, from: \"event:closed\", backstop: P2Y}}\n"
                           "  mail: {purposes: [support], basis: \"6(1)(b)\","
                           " retain: {period: P90D, from: \"event:ended\", backstop: P2Y}}\n"
                           "callers: {a: {key: file:a.key, purposes: [support]}}\n"; /* 6 lines */

#define EVENTS "events: {closed: {callers: [a]}, ended: {back_dating: P1D}}\n"

static enum err read_text(struct reading *r, const char *rest)
{
    char name[64], yaml[4096];
    struct conf_node root;
    enum err e;

    *r = (struct reading){.scratch = scratch_new()};
    scratch_write(scratch_path(&r->scratch, "a.key"), 0, "key-key-key-key-a", 17);
    (void)snprintf(name, sizeof(name), "%s/lethe.yaml", r->scratch.dir);
    (void)snprintf(yaml, sizeof(yaml), "%s%s", head, rest);
    e = conf_parse(name, span_str(yaml), &r->conf, &r->msg);
    cr_assert_eq(e, ERR_OK, "%s", r->msg.text);
    root = conf_root(r->conf);
    cr_assert_eq(classes_read(conf_get(root, "classes"), &r->classes, &r->msg), ERR_OK, "%s",
                 r->msg.text);
    cr_assert_eq(classes_read_events(conf_get(root, "events"), &r->classes, &r->msg), ERR_OK, "%s",
                 r->msg.text);
    cr_assert_eq(domains_read(conf_get(root, "domains"), &r->domains, &r->msg), ERR_OK);
    return proxy_settings_read(root, &r->classes, &r->domains, &r->settings, &r->msg);
}

static void done(struct reading *r)
{
    proxy_settings_free(&r->settings);
    classes_done(&r->classes);
    domains_done(&r->domains);
    conf_free(&r->conf);
    scratch_remove(&r->scratch);
}

static void expect_refused(const char *rest, const char *place, const char *words)
{
    struct reading r;
    char wanted[96];

    cr_expect_eq(read_text(&r, rest), ERR_CONFIG, "%s was accepted", rest);
    (void)snprintf(wanted, sizeof(wanted), "%s/lethe.yaml:%s: ", r.scratch.dir, place);
    cr_expect_eq(strncmp(r.msg.text, wanted, strlen(wanted)), 0, "at %s: %s\n%s", place, r.msg.text,
                 rest);
    cr_expect_not_null(strstr(r.msg.text, words), "\"%s\" not in: %s", words, r.msg.text);
    done(&r);
}

Test(settings_events, of_a_route_are_understood)
{
    const struct route_def *defs;
    struct reading r;
    enum err e = read_text(&r, EVENTS "routes:\n"
                                      "  - {path: \"/a/{id}\", upstream: app, subject: path.id,\n"
                                      "     event: {name: closed}}\n"
                                      "  - {path: \"/b/{id}\", upstream: app, subject: path.id,\n"
                                      "     event: {name: closed, when: \"2xx\"}}\n"
                                      "  - {path: \"/c/{id}\", upstream: app, subject: path.id,\n"
                                      "     event: {name: closed, when: [200, 404]}}\n"
                                      "  - {path: /d, upstream: app}\n");

    cr_assert_eq(e, ERR_OK, "%s", r.msg.text);
    defs = r.settings->route_defs;
    cr_assert_str_eq(defs[0].event.name, "closed");
    cr_assert_null(defs[0].event.statuses);
    cr_assert_null(defs[1].event.statuses);
    cr_assert_eq(defs[2].event.status_count, 2);
    cr_assert_eq(defs[2].event.statuses[1], 404);
    cr_assert_null(defs[3].event.name);
    done(&r);
}

#define ROUTE(subject, event)                                                                      \
    EVENTS "routes:\n"                                                                             \
           "  - path: \"/a/{id}\"\n"                                                               \
           "    upstream: app\n"                                                                   \
           "    subject: " subject "\n"                                                            \
           "    event: " event "\n"

Test(settings_events, of_a_route_are_refused_where_they_mean_nothing)
{
    expect_refused(ROUTE("none", "{name: closed}"), "12:12", "subject");
    expect_refused(ROUTE("path.id", "{name: opened}"), "12:19", "no class has");
    expect_refused(ROUTE("path.id", "{name: ended}"), "12:19", "nobody may send");
    expect_refused(ROUTE("path.id", "{when: \"2xx\"}"), "12:12", "name");
    expect_refused(ROUTE("path.id", "{name: closed, at: now}"), "12:27", "at");
    expect_refused(ROUTE("path.id", "{name: closed, when: \"3xx\"}"), "12:33", "2xx");
    expect_refused(ROUTE("path.id", "{name: closed, when: 200}"), "12:33", "2xx");
    expect_refused(ROUTE("path.id", "{name: closed, when: []}"), "12:33", "2xx");
    expect_refused(ROUTE("path.id", "{name: closed, when: [200, 101]}"), "12:39", "200");
    expect_refused(ROUTE("path.id", "{name: closed}\n    websocket: pass"), "12:12", "WebSocket");
    expect_refused(EVENTS "routes:\n"
                          "  - path: /a\n"
                          "    upstream: app\n"
                          "    subject: \"@.id\"\n"
                          "    request: [{json: \"$[*].n\", class: note}]\n"
                          "    event: {name: closed}\n",
                   "13:12", "subject");
}

Test(settings_events, are_sent_by_callers_only)
{
    expect_refused("events: {closed: {callers: [a, b]}}\n", "7:32", "no caller \"b\"");
    expect_refused("events: {closed: {callers: [\"-\"]}}\n", "7:29", "no caller \"-\"");
}
