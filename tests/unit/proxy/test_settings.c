/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the proxy's settings: what is understood, and where mistakes are said to be. */
#include <criterion/criterion.h>
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/limits.h"
#include "base/secret.h"
#include "base/conf_key.h"
#include "proxy/settings_priv.h"
#include "tests/support/scratch.h"

TestSuite(settings, .init = secret_start, .timeout = 30);

static char account[] = "account", support[] = "support", email_name[] = "email",
            note_name[] = "note";
static struct class_def class_defs[] = {
    {.name = email_name, .deterministic = true, .purposes = {account, support}, .purpose_count = 2},
    {.name = note_name, .purposes = {support}, .purpose_count = 1},
};
static const struct classes classes = {class_defs, 2};
static char default_name[] = "default", crm_name[] = "crm";
static char *domain_names[] = {default_name, crm_name};
static const struct domains domains = {domain_names, 2};

struct reading {
    struct scratch scratch;
    struct conf *conf;
    struct proxy_settings *settings;
    struct errmsg msg;
};

/* Read a text as DIR/lethe.yaml, with two good key files beside it. */
static enum err read_text(struct reading *r, const char *yaml)
{
    char name[64];
    enum err e;

    *r = (struct reading){.scratch = scratch_new()};
    scratch_write(scratch_path(&r->scratch, "a.key"), 0, "key-key-key-key-a\n", 18);
    scratch_write(scratch_path(&r->scratch, "b.key"), 0, "key-key-key-key-b", 17);
    (void)snprintf(name, sizeof(name), "%s/lethe.yaml", r->scratch.dir);
    e = conf_parse(name, span_str(yaml), &r->conf, &r->msg);
    return e == ERR_OK
               ? proxy_settings_read(conf_root(r->conf), &classes, &domains, &r->settings, &r->msg)
               : e;
}

static void done(struct reading *r)
{
    proxy_settings_free(&r->settings);
    conf_free(&r->conf);
    scratch_remove(&r->scratch);
}

#define LISTEN    "listen: [{address: \"127.0.0.1:0\"}]\n"
#define UPSTREAMS "upstreams: {app: {url: \"http://127.0.0.1:9000\"}}\n"
#define SMALLEST  LISTEN UPSTREAMS

/* A text that must be refused at this place with these words. */
static void expect_refused(const char *yaml, const char *place, const char *words)
{
    struct reading r;
    enum err e = read_text(&r, yaml);
    char wanted[96];

    (void)snprintf(wanted, sizeof(wanted), "%s/lethe.yaml:%s: ", r.scratch.dir, place);
    cr_expect_eq(e, ERR_CONFIG, "%s was accepted", yaml);
    cr_expect_null(r.settings);
    cr_expect_eq(strncmp(r.msg.text, wanted, strlen(wanted)), 0, "at %s: %s\n%s", place, r.msg.text,
                 yaml);
    cr_expect_not_null(strstr(r.msg.text, words), "\"%s\" not in: %s", words, r.msg.text);
    done(&r);
}

Test(settings, of_a_whole_proxy_are_understood)
{
    static const char yaml[] =
        "listen: [{address: \"127.0.0.1:0\"}, {address: \"[::1]:8080\"}]\n"
        "threads: 3\n"
        "upstreams:\n"
        "  app: {url: \"http://127.0.0.1:9000/base/\", connect_timeout: 250ms,\n"
        "        first_byte_timeout: 5, idle_timeout: 1m, keep_alive: 2s, connections: 7}\n"
        "  other: {url: \"http://[::1]\"}\n"
        "callers:\n"
        "  desk: {key: file:a.key, purposes: [support], reveal: {email: mask, note: value}}\n"
        "  clerk: {key: file:b.key, purposes: [account, support]}\n"
        "routes:\n"
        "  - {path: \"/users/{id}\", methods: [GET, PUT], upstream: other, subject: path.id,\n"
        "     request: [{json: \"$.email\", class: email}, {json: \"$.x\", class: note, deep: "
        "true},\n"
        "               {query: mail, class: email, mode: lookup}],\n"
        "     response: [{json: \"$..email\", class: email}], host: API.test, body_max: 1000}\n"
        "  - {path: /free, upstream: app}\n"
        "default: pass\n"
        "default_upstream: app\n";
    struct reading r;
    const struct proxy_settings *s;
    uint8_t hash[SECRET_HASH_BYTES];

    cr_assert_eq(read_text(&r, yaml), ERR_OK, "%s", r.msg.text);
    s = r.settings;
    cr_expect_eq(s->listen_count, 2);
    cr_expect_str_eq(s->listens[1].host, "::1");
    cr_expect_str_eq(s->listens[1].port, "8080");
    cr_expect_eq(s->threads, 3);
    cr_expect_eq(s->upstream_count, 2);
    cr_expect_str_eq(s->upstreams[0].config.name, "app");
    cr_expect_str_eq(s->upstreams[0].config.authority, "127.0.0.1:9000");
    cr_expect_str_eq(s->upstreams[0].base_path, "/base");
    cr_expect_eq(s->upstreams[0].config.connect_ms, 250);
    cr_expect_eq(s->upstreams[0].config.first_byte_ms, 5000);
    cr_expect_eq(s->upstreams[0].config.idle_ms, 60000);
    cr_expect_eq(s->upstreams[0].config.keep_alive_ms, 2000);
    cr_expect_eq(s->upstreams[0].config.connections_max, 7);
    cr_expect_eq(s->upstreams[0].config.idle_max, 7);
    cr_expect_str_eq(s->upstreams[1].config.authority, "[::1]");
    cr_expect_str_eq(s->upstreams[1].config.host, "::1");
    cr_expect_str_eq(s->upstreams[1].base_path, "");
    cr_expect_eq(s->caller_count, 2);
    secret_hash("key-key-key-key-a", 17, hash);
    cr_expect_arr_eq(s->callers[0].key_hash, hash, sizeof(hash), "without the newline");
    cr_expect_eq(s->callers[0].reveal[0], REVEAL_MASK);
    cr_expect_eq(s->callers[0].reveal[1], REVEAL_VALUE);
    cr_expect_eq(s->callers[1].reveal[0], REVEAL_TOKEN);
    cr_expect_eq(s->callers[1].purpose_count, 2);
    cr_expect_eq(s->route_count, 2);
    cr_expect_eq(s->route_defs[0].methods, METHOD_GET | METHOD_HEAD | METHOD_PUT);
    cr_expect_eq(s->route_defs[0].upstream, 1);
    cr_expect_eq(s->route_defs[0].subject_from, SUBJECT_PATH);
    cr_expect_eq(s->route_defs[0].request_count, 3);
    cr_expect(s->route_defs[0].request[1].deep);
    cr_expect_eq(s->route_defs[0].request[2].place, PLACE_QUERY);
    cr_expect_eq(s->route_defs[0].request[2].mode, FIELD_LOOKUP);
    cr_expect_eq(s->route_defs[0].response_count, 1);
    cr_expect_str_eq(s->route_defs[0].host, "api.test");
    cr_expect_eq(s->route_defs[0].body_max, 1000);
    cr_expect_eq(s->route_defs[1].methods, METHODS_ALL);
    cr_expect_eq(s->route_defs[1].body_max, LIMIT_REQUEST_BODY_MAX);
    cr_expect(s->pass_undeclared);
    cr_expect_eq(s->default_upstream, 0);
    done(&r);
}

Test(settings, have_defaults)
{
    struct reading r;

    cr_assert_eq(read_text(&r, SMALLEST), ERR_OK, "%s", r.msg.text);
    cr_expect_geq(r.settings->threads, 1);
    cr_expect_not(r.settings->pass_undeclared);
    cr_expect_eq(r.settings->upstreams[0].config.connect_ms, 3000);
    cr_expect_eq(r.settings->upstreams[0].config.first_byte_ms, 30000);
    cr_expect_eq(r.settings->upstreams[0].config.connections_max, 512);
    cr_expect_eq(r.settings->upstreams[0].config.idle_max, 64);
    done(&r);
}

Test(settings, resolve_upstreams_to_addresses_with_ports)
{
    struct reading r;
    const struct sockaddr_in *in;

    cr_assert_eq(read_text(&r, LISTEN "upstreams: {a: {url: \"http://127.0.0.1:8123\"},"
                                      " b: {url: \"http://127.0.0.1\"}}\n"),
                 ERR_OK, "%s", r.msg.text);
    in = (const struct sockaddr_in *)&r.settings->upstreams[0].config.addresses[0].address;
    cr_expect_eq(ntohs(in->sin_port), 8123);
    cr_expect_eq(in->sin_addr.s_addr, htonl(INADDR_LOOPBACK));
    in = (const struct sockaddr_in *)&r.settings->upstreams[1].config.addresses[0].address;
    cr_expect_eq(ntohs(in->sin_port), 80);
    done(&r);
}

Test(settings, put_routes_and_callers_into_domains)
{
    static const char yaml[] =
        SMALLEST "callers:\n"
                 "  a: {key: file:a.key, purposes: [support], domains: [crm]}\n"
                 "  b: {key: file:b.key, purposes: [support]}\n"
                 "routes:\n"
                 "  - {path: /a, upstream: app, domain: crm}\n"
                 "  - {path: /b, upstream: app}\n"
                 "  - {path: /c, upstream: app, domain: default}\n";
    struct reading r;

    cr_assert_eq(read_text(&r, yaml), ERR_OK, "%s", r.msg.text);
    cr_expect_eq(r.settings->route_defs[0].domain, 1);
    cr_expect_eq(r.settings->route_defs[1].domain, 0);
    cr_expect_eq(r.settings->route_defs[2].domain, 0);
    cr_expect(r.settings->callers[0].some_domains);
    cr_expect(!r.settings->callers[0].domains[0] && r.settings->callers[0].domains[1]);
    cr_expect_not(r.settings->callers[1].some_domains);
    done(&r);
    expect_refused(SMALLEST "routes:\n  - {path: /a, upstream: app, domain: shop}\n", "4:39",
                   "there is no domain \"shop\" under `domains`");
    expect_refused(SMALLEST "routes:\n  - {path: /a, upstream: app, domain: [crm]}\n", "4:39",
                   "text");
}

Test(settings, name_each_kind_of_subject)
{
    static const char yaml[] =
        SMALLEST "routes:\n"
                 "  - {path: /a, upstream: app, subject: query.user, response: []}\n"
                 "  - {path: /b, upstream: app, subject: header.X-User}\n"
                 "  - {path: /c, upstream: app, subject: \"$.who.id\",\n"
                 "     request: [{json: \"$.email\", class: email}]}\n"
                 "  - {path: /d, upstream: app, subject: none,\n"
                 "     request: [{json: \"$.email\", class: email}]}\n";
    struct reading r;
    const struct route_def *routes;

    cr_assert_eq(read_text(&r, yaml), ERR_OK, "%s", r.msg.text);
    routes = r.settings->route_defs;
    cr_expect_eq(routes[0].subject_from, SUBJECT_QUERY);
    cr_expect_str_eq(routes[0].subject, "user");
    cr_expect_eq(routes[1].subject_from, SUBJECT_HEADER);
    cr_expect_str_eq(routes[1].subject, "x-user");
    cr_expect_eq(routes[2].subject_from, SUBJECT_BODY);
    cr_expect_str_eq(routes[2].subject, "$.who.id");
    cr_expect_eq(routes[3].subject_from, SUBJECT_NONE);
    done(&r);
}

struct mistake {
    const char *yaml, *place, *words;
};

static void expect_mistakes(const struct mistake *mistakes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        expect_refused(mistakes[i].yaml, mistakes[i].place, mistakes[i].words);
}

Test(settings, refuse_wrong_listeners)
{
    static const struct mistake mistakes[] = {
        {UPSTREAMS, "1:1", "listen"},
        {"listen: []\n" UPSTREAMS, "1:9", "at least one"},
        {"listen: 5\n" UPSTREAMS, "1:9", "list"},
        {"listen: [{}]\n" UPSTREAMS, "1:10", "address"},
        {"listen: [{address: \"127.0.0.1\"}]\n" UPSTREAMS, "1:20", "HOST:PORT"},
        {"listen: [{address: \"127.0.0.1:x\"}]\n" UPSTREAMS, "1:20", "HOST:PORT"},
        {"listen: [{address: \"127.0.0.1:65536\"}]\n" UPSTREAMS, "1:20", "HOST:PORT"},
        {"listen: [{address: \":80\"}]\n" UPSTREAMS, "1:20", "HOST:PORT"},
        {"listen: [{address: \"::1:80\"}]\n" UPSTREAMS, "1:20", "HOST:PORT"},
        {"listen: [{address: \"[::1\"}]\n" UPSTREAMS, "1:20", "HOST:PORT"},
        {"listen: [{address: \"[]:80\"}]\n" UPSTREAMS, "1:20", "HOST:PORT"},
        {"listen: [{adress: \"127.0.0.1:80\"}]\n" UPSTREAMS, "1:11", "address"},
        {"listen: [{address: \"a:1\", tls: {key: k}}]\n" UPSTREAMS, "1:32", "certificate"},
        {"listen: [{address: \"a:1\", tls: {certificate: c.crt, key: c.key}}]\n" UPSTREAMS, "1:32",
         "c.crt"},
        {"threads: 0\n" SMALLEST, "1:10", "threads"},
        {"threads: many\n" SMALLEST, "1:10", "threads"},
    };

    expect_mistakes(mistakes, COUNT_OF(mistakes));
}

Test(settings, refuse_wrong_upstreams)
{
    static const struct mistake mistakes[] = {
        {LISTEN, "1:1", "upstreams"},
        {LISTEN "upstreams: {}\n", "2:12", "at least one"},
        {LISTEN "upstreams: [a]\n", "2:12", "map"},
        {LISTEN "upstreams: {\"a b\": {url: \"http://127.0.0.1\"}}\n", "2:20",
         "name of an upstream"},
        {LISTEN "upstreams: {a: {}}\n", "2:16", "url"},
        {LISTEN "upstreams: {a: {url: \"ftp://x\"}}\n", "2:22", "http://"},
        {LISTEN "upstreams: {a: {url: \"http://\"}}\n", "2:22", "http://"},
        {LISTEN "upstreams: {a: {url: \"http://u:p@h\"}}\n", "2:22", "http://"},
        {LISTEN "upstreams: {a: {url: \"http://h:0\"}}\n", "2:22", "http://"},
        {LISTEN "upstreams: {a: {url: \"http://h:65536\"}}\n", "2:22", "http://"},
        {LISTEN "upstreams: {a: {url: \"http://h:\"}}\n", "2:22", "http://"},
        {LISTEN "upstreams: {a: {url: \"http://h/?q\"}}\n", "2:22", "http://"},
        {LISTEN "upstreams: {a: {url: \"http://h/../x\"}}\n", "2:22", "http://"},
        {LISTEN "upstreams: {a: {url: \"http://h//x\"}}\n", "2:22", "http://"},
        {LISTEN "upstreams: {a: {url: \"http://h/%41\"}}\n", "2:22", "http://"},
        {LISTEN "upstreams: {a: {url: \"http://[::1\"}}\n", "2:22", "http://"},
        {LISTEN "upstreams: {a: {url: \"http://no.such.host.invalid\"}}\n", "2:22", "resolved"},
        {LISTEN "upstreams: {a: {url: \"http://127.0.0.1\", connect_timeout: 0}}\n", "2:59",
         "connect_timeout"},
        {LISTEN "upstreams: {a: {url: \"http://127.0.0.1\", idle_timeout: soon}}\n", "2:56",
         "idle_timeout"},
        {LISTEN "upstreams: {a: {url: \"http://127.0.0.1\", connections: 0}}\n", "2:55",
         "connections"},
        {LISTEN "upstreams: {a: {url: \"http://127.0.0.1\", ca: ca.pem}}\n", "2:46", "https"},
        {LISTEN "upstreams: {a: {url: \"https://127.0.0.1\", ca: ca.pem}}\n", "2:47", "ca.pem"},
        {LISTEN "upstreams: {a: {url: \"http://127.0.0.1\", timeout: 5}}\n", "2:42", "timeout"},
    };

    expect_mistakes(mistakes, COUNT_OF(mistakes));
}

#define CALLER(members) SMALLEST "callers: {c: {" members "}}\n"

Test(settings, refuse_wrong_callers)
{
    static const struct mistake mistakes[] = {
        {SMALLEST "callers: []\n", "3:10", "map"},
        {CALLER("purposes: [support]"), "3:14", "key"},
        {CALLER("key: hunter2, purposes: [support]"), "3:20", "file:PATH"},
        {CALLER("key: \"file:\", purposes: [support]"), "3:20", "file:PATH"},
        {CALLER("key: file:none.key, purposes: [support]"), "3:20", "none.key"},
        {CALLER("key: file:., purposes: [support]"), "3:20", "regular"},
        {CALLER("key: file:a.key"), "3:14", "purposes"},
        {CALLER("key: file:a.key, purposes: []"), "3:42", "at least one"},
        {CALLER("key: file:a.key, purposes: [marketing]"), "3:43", "marketing"},
        {CALLER("key: file:a.key, purposes: [support, support]"), "3:52", "twice"},
        {CALLER("key: file:a.key, purposes: [support], reveal: [email]"), "3:61", "map"},
        {CALLER("key: file:a.key, purposes: [support], reveal: {mail: value}"), "3:68", "mail"},
        {CALLER("key: file:a.key, purposes: [support], reveal: {email: all}"), "3:69", "mask"},
        {CALLER("key: file:a.key, purposes: [support], reveals: {}"), "3:53", "reveal"},
        {CALLER("key: file:a.key, purposes: [support], domains: crm"), "3:62", "list"},
        {CALLER("key: file:a.key, purposes: [support], domains: []"), "3:62", "at least one"},
        {CALLER("key: file:a.key, purposes: [support], domains: [crm, shop]"), "3:68", "\"shop\""},
        {CALLER("key: file:a.key, purposes: [support], domains: [crm, crm]"), "3:68", "twice"},
        {CALLER("key: file:a.key, purposes: [support], domains: [7]"), "3:63", "text"},
        {SMALLEST "callers: {a: {key: file:a.key, purposes: [support]},\n"
                  "          b: {key: file:a.key, purposes: [account]}}\n",
         "4:20", "same key"},
        {SMALLEST "callers: {a: {key: file:a.key, purposes: [support]},\n"
                  "          b: {key: file:b.key, next_key: file:a.key, purposes: [account]}}\n",
         "4:42", "same key"},
        {SMALLEST "callers: {a: {key: file:a.key, next_key: file:b.key, purposes: [support]},\n"
                  "          b: {key: file:b.key, purposes: [account]}}\n",
         "4:20", "same key"},
        {CALLER("key: file:a.key, next_key: file:a.key, purposes: [support]"), "3:42", "the same"},
        {CALLER("certificate: {subject: CN=x}, next_key: file:a.key, purposes: [support]"), "3:55",
         "beside"},
        {CALLER("key: file:a.key, next_key: hunter2, purposes: [support]"), "3:42", "file:PATH"},
    };

    expect_mistakes(mistakes, COUNT_OF(mistakes));
}

struct key_file {
    const char *text;
    mode_t mode;
    bool good;
    const char *words;
};

/* E73 */
Test(settings, take_keys_only_from_closed_files_of_a_certain_length)
{
    static const struct key_file files[] = {
        {"0123456789abcdef\n", 0400, true, ""},
        {"0123456789abcdef\r\n", 0600, true, ""},
        {"0123456789abcdef", 0440, false, "open to others"},
        {"0123456789abcdef", 0604, false, "open to others"},
        {"0123456789abcde\n", 0400, false, "16 to 256"},
        {"", 0400, false, "16 to 256"},
        {"0123456789 abcdef", 0400, false, "visible ASCII"},
        {"0123456789\nabcdef", 0400, false, "visible ASCII"},
        {"0123456789\xc3\xa4"
         "bcdef",
         0400, false, "visible ASCII"},
    };

    for (size_t i = 0; i < COUNT_OF(files); i++) {
        struct reading r = {.scratch = scratch_new()};
        const char *path = scratch_path(&r.scratch, "c.key");
        char yaml[512];
        enum err e;

        scratch_write(path, 0, files[i].text, strlen(files[i].text));
        cr_assert_eq(chmod(path, files[i].mode), 0);
        (void)snprintf(yaml, sizeof(yaml),
                       SMALLEST "callers: {c: {key: \"file:%s\", purposes: [support]}}\n", path);
        cr_assert_eq(conf_parse("f.yaml", span_str(yaml), &r.conf, &r.msg), ERR_OK);
        e = proxy_settings_read(conf_root(r.conf), &classes, &domains, &r.settings, &r.msg);
        cr_expect_eq(e, files[i].good ? ERR_OK : ERR_CONFIG, "%zu: %s", i, r.msg.text);
        cr_expect_not_null(strstr(r.msg.text, files[i].words), "%zu: %s", i, r.msg.text);
        cr_expect_null(strstr(r.msg.text, "0123456789"), "a key never stands in a message");
        done(&r);
    }
}

Test(settings, refuse_a_key_that_is_too_long)
{
    struct reading r = {.scratch = scratch_new()};
    const char *path = scratch_path(&r.scratch, "c.key");
    char text[CONF_KEY_MAX + 1], yaml[512];

    memset(text, 'k', sizeof(text));
    scratch_write(path, 0, text, sizeof(text));
    (void)snprintf(yaml, sizeof(yaml),
                   SMALLEST "callers: {c: {key: \"file:%s\", purposes: [support]}}\n", path);
    cr_assert_eq(conf_parse("f.yaml", span_str(yaml), &r.conf, &r.msg), ERR_OK);
    cr_expect_eq(proxy_settings_read(conf_root(r.conf), &classes, &domains, &r.settings, &r.msg),
                 ERR_CONFIG);
    done(&r);
}

#define ROUTE(members) SMALLEST "routes: [{" members "}]\n"

Test(settings, refuse_wrong_routes)
{
    static const struct mistake mistakes[] = {
        {SMALLEST "routes: {}\n", "3:9", "list"},
        {ROUTE("upstream: app"), "3:10", "path"},
        {ROUTE("path: /a"), "3:10", "upstream"},
        {ROUTE("path: a, upstream: app"), "3:17", "'/'"},
        {ROUTE("path: \"/a/{\", upstream: app"), "3:17", "segment"},
        {ROUTE("path: /a, upstream: crm"), "3:31", "crm"},
        {ROUTE("path: /a, upstream: app, methods: []"), "3:45", "at least one"},
        {ROUTE("path: /a, upstream: app, methods: [FETCH]"), "3:46", "FETCH"},
        {ROUTE("path: /a, upstream: app, methods: [get]"), "3:46", "get"},
        {ROUTE("path: /a, upstream: app, body_max: -1"), "3:46", "body_max"},
        {ROUTE("path: /a, upstream: app, body_max: 999999999"), "3:46", "body_max"},
        {ROUTE("path: /a, upstream: app, host: \"a b\""), "3:42", "host"},
        {ROUTE("path: /a, upstream: app, method: [GET]"), "3:36", "methods"},
        {ROUTE("path: /a, upstream: app, request: [{json: \"$.a\", class: email}]"), "3:10",
         "subject"},
        {ROUTE("path: /a, upstream: app, undeclared: refuse"), "3:48", "block"},
        {ROUTE("path: /a, upstream: app, undeclared: block"), "3:48", "`request`"},
        {ROUTE("path: /a, upstream: app, near_names: yes"), "3:48", "refuse"},
        {ROUTE("path: /a, upstream: app, near_names: deny"), "3:48", "refuse"},
        {ROUTE("path: /a, upstream: app, subject: me"), "3:45", "path.NAME"},
        {ROUTE("path: /a, upstream: app, subject: jwt.sub"), "3:45", "needs a caller"},
        {ROUTE("path: /a, upstream: app, subject: \"query.\""), "3:45", "path.NAME"},
        {ROUTE("path: \"/a/{x}\", upstream: app, subject: path.y"), "3:51", "{y}"},
        {ROUTE("path: /a, upstream: app, subject: \"header.x y\""), "3:45", "header"},
        {ROUTE("path: /a, upstream: app, subject: header.Lethe-Key"), "3:45", "header"},
        {ROUTE("path: /a, upstream: app, subject: \"$.id\""), "3:45", "request"},
        {SMALLEST "routes:\n  - {path: \"/a/{x}\", upstream: app}\n"
                  "  - {path: \"/a/{y}\", upstream: app, methods: [POST]}\n",
         "5:12", "/a/{x}"},
    };

    expect_mistakes(mistakes, COUNT_OF(mistakes));
}

#define REQUEST(entry)  ROUTE("path: /a, upstream: app, subject: none, request: [{" entry "}]")
#define RESPONSE(entry) ROUTE("path: /a, upstream: app, response: [{" entry "}]")

Test(settings, refuse_wrong_fields)
{
    static const struct mistake mistakes[] = {
        {REQUEST("json: \"$.a\""), "3:61", "class"},
        {REQUEST("class: email"), "3:61", "json"},
        {REQUEST("json: \"a.b\", class: email"), "3:68", "$"},
        {REQUEST("json: \"$.a[?(@.b)]\", class: email"), "3:68", ""},
        {REQUEST("json: \"$.a\", class: mail"), "3:82", "mail"},
        {REQUEST("json: \"$.a\", class: email, deep: 1"), "3:95", "deep"},
        {REQUEST("json: \"$.a\", class: email, mode: guess"), "3:95", "lookup"},
        {REQUEST("json: \"$.a\", query: a, class: email"), "3:82", "not both"},
        {REQUEST("query: a, class: email, deep: true"), "3:92", "deep"},
        {REQUEST("path: nobody, class: email"), "3:68", "nobody"},
        {REQUEST("header: Content-Type, class: email"), "3:70", "header"},
        {REQUEST("header: \"a b\", class: email"), "3:70", "header"},
        {REQUEST("json: \"$.a\", class: email}, {json: \"$.a\", class: note"), "3:97", "twice"},
        {REQUEST("query: q, class: email, mode: store"), "3:92", "lookup"},
        {REQUEST("query: q, class: note, mode: lookup"), "3:79", "deterministic"},
        {REQUEST("query: \"\", class: email, mode: lookup"), "3:69", "name"},
        {REQUEST("query: q, class: email, mode: lookup}, {query: q, class: email, mode: lookup"),
         "3:109", "twice"},
        {RESPONSE("json: \"$.a\", class: mail"), "3:68", "mail"},
        {RESPONSE("query: q, class: email"), "3:48", "query"},
        {RESPONSE("json: \"$.a\", class: email, mode: lookup"), "3:75", "mode"},
        {RESPONSE("text: \"x\""), "3:54", "\"*\""},
        {RESPONSE("text: \"*\", scan: false"), "3:65", "always"},
        {RESPONSE("text: \"*\", deep: true"), "3:65", "deep"},
        {RESPONSE("text: \"*\"}, {text: \"*\""), "3:67", "twice"},
        {REQUEST("text: \"*\", class: email"), "3:62", "text"},
        {SMALLEST "routes: [{path: /a, upstream: app, response: 5}]\n", "3:46", "list"},
    };

    expect_mistakes(mistakes, COUNT_OF(mistakes));
}

Test(settings, refuse_a_wrong_default)
{
    static const struct mistake mistakes[] = {
        {SMALLEST "default: maybe\n", "3:10", "refuse"},
        {SMALLEST "default: pass\n", "1:1", "default_upstream"},
        {SMALLEST "default: pass\ndefault_upstream: crm\n", "4:19", "crm"},
        {SMALLEST "default_upstream: app\n", "3:19", "pass"},
    };

    expect_mistakes(mistakes, COUNT_OF(mistakes));
}
