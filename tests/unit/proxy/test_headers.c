/* SPDX-License-Identifier: Apache-2.0 */
/* Which header fields pass, in both directions. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/secret.h"
#include "proxy/headers.h"

TestSuite(headers, .init = secret_start, .timeout = 30);

/* Header fields as libh2o hands them over: names in lower case, known ones as tokens. */
struct received {
    h2o_mem_pool_t pool;
    h2o_headers_t fields;
};

static void receive(struct received *r, const char *const *lines)
{
    h2o_mem_init_pool(&r->pool);
    memset(&r->fields, 0, sizeof(r->fields));
    for (; *lines != NULL; lines++) {
        const char *colon = strchr(*lines, ':');
        size_t len = (size_t)(colon - *lines);
        h2o_iovec_t name = h2o_strdup(&r->pool, *lines, len);

        h2o_strtolower(name.base, name.len);
        const h2o_token_t *token = h2o_lookup_token(name.base, name.len);
        if (token != NULL)
            h2o_add_header(&r->pool, &r->fields, token, *lines, colon + 2, strlen(colon + 2));
        else
            h2o_add_header_by_str(&r->pool, &r->fields, name.base, name.len, 0, *lines, colon + 2,
                                  strlen(colon + 2));
    }
}

static void forget(struct received *r)
{
    h2o_mem_clear_pool(&r->pool);
}

/* ---- to the upstream ---- */

static const struct guard_facts no_facts = {.content_length = -1};

static struct forwarding plain(void)
{
    return (struct forwarding){.facts = &no_facts,
                               .peer = SPAN_LIT("192.0.2.7"),
                               .scheme = SPAN_LIT("https"),
                               .host = SPAN_LIT("app.test"),
                               .request_id = SPAN_LIT("ours"),
                               .has_request_id = true};
}

/* All fields that go up, a line each. */
static void forward(const char *const *lines, const struct forwarding *f, char *out, size_t size)
{
    struct upstream_header headers[FORWARD_HEADERS_MAX];
    struct received r;
    size_t count, at = 0;

    receive(&r, lines);
    count = headers_for_upstream(&r.fields, f, headers);
    for (size_t i = 0; i < count; i++)
        at += (size_t)snprintf(out + at, size - at, "%.*s: %.*s\n", (int)headers[i].name.len,
                               headers[i].name.at, (int)headers[i].value.len, headers[i].value.at);
    forget(&r);
}

#define OURS "X-Forwarded-For: 192.0.2.7\nX-Forwarded-Proto: https\nX-Forwarded-Host: app.test\n"

Test(headers, pass_up_with_their_spelling_and_order)
{
    static const char *const lines[] = {
        "Accept: text/html",       "X-Custom: a", "x-custom: b", "Cookie: c=1",
        "Cache-Control: no-cache", NULL};
    struct forwarding f = plain();
    char out[1024];

    forward(lines, &f, out, sizeof(out));
    cr_expect_str_eq(out, "Accept: text/html\nX-Custom: a\nx-custom: b\nCookie: c=1\n"
                          "Cache-Control: no-cache\n" OURS);
}

Test(headers, of_lethe_never_go_up)
{
    static const char *const lines[] = {"Lethe-Key: k", "LETHE-PURPOSE: p", "lethe_key: k",
                                        "Lethe-Anything: x", NULL};
    struct forwarding f = plain();
    char out[1024];

    forward(lines, &f, out, sizeof(out));
    cr_expect_str_eq(out, OURS);
}

Test(headers, that_say_who_the_client_is_are_only_ours)
{
    static const char *const lines[] = {"X-Forwarded-For: 10.0.0.1",   "Forwarded: for=10.0.0.1",
                                        "X-Forwarded-Host: evil.test", "X-Forwarded-Proto: http",
                                        "X-Forwarded-Port: 1",         "X-Real-IP: 10.0.0.1",
                                        "X_Forwarded_For: 10.0.0.1",   NULL};
    struct forwarding f = plain();
    char out[1024];

    forward(lines, &f, out, sizeof(out));
    cr_expect_str_eq(out, OURS);
}

/* Only the request line tells what is asked for. */
Test(headers, E08_that_name_another_target_do_not_go_up)
{
    static const char *const lines[] = {"X-Original-URL: /users/7", "X-Rewrite-URL: /users/7",
                                        "X_Original_URL: /users/7", "X-Original-Host: evil.test",
                                        "X-Original: stays",        NULL};
    struct forwarding f = plain();
    char out[1024];

    forward(lines, &f, out, sizeof(out));
    cr_expect_str_eq(out, "X-Original: stays\n" OURS);
}

Test(headers, about_one_connection_stay_on_it)
{
    static const char *const lines[] = {
        "Connection: close", "Keep-Alive: 5",     "Proxy-Connection: x",
        "TE: trailers",      "Trailer: X",        "X-Hop: 1",
        "X-Stays: 2",        "Content-Length: 5", NULL};
    struct guard_facts facts = {.connection = {SPAN_LIT("close, x-hop")}, .connection_count = 1};
    struct forwarding f = plain();
    char out[1024];

    f.facts = &facts;
    forward(lines, &f, out, sizeof(out));
    cr_expect_str_eq(out, "X-Stays: 2\n" OURS);
}

Test(headers, that_ask_for_codings_or_parts_stay_where_the_answer_is_read)
{
    static const char *const lines[] = {"Accept-Encoding: gzip",
                                        "Range: bytes=0-1",
                                        "If-None-Match: x",
                                        "If-Range: x",
                                        "If-Modified-Since: y",
                                        "Accept: */*",
                                        NULL};
    struct forwarding f = plain();
    char out[1024];

    forward(lines, &f, out, sizeof(out));
    cr_expect_not_null(strstr(out, "Accept-Encoding: gzip\nRange: bytes=0-1\nIf-None-Match: x\n"));
    f.reveals = true;
    forward(lines, &f, out, sizeof(out));
    cr_expect_str_eq(out, "Accept: */*\n" OURS);
}

Test(headers, that_are_digests_of_another_body_stay)
{
    static const char *const lines[] = {"Content-MD5: x", "Digest: y", "Content-Digest: z",
                                        "Repr-Digest: w", NULL};
    struct forwarding f = plain();
    char out[1024];

    forward(lines, &f, out, sizeof(out));
    cr_expect_str_eq(out, "Content-MD5: x\nDigest: y\nContent-Digest: z\nRepr-Digest: w\n" OURS);
    f.changed = true;
    forward(lines, &f, out, sizeof(out));
    cr_expect_str_eq(out, OURS);
}

Test(headers, name_the_request_when_the_client_did_not)
{
    static const char *const none[] = {NULL}, *const own[] = {"X-Request-Id: theirs", NULL};
    struct forwarding f = plain();
    char out[1024];

    f.has_request_id = false;
    f.host = SPAN_NONE; /* HTTP/1.0 */
    forward(none, &f, out, sizeof(out));
    cr_expect_str_eq(out,
                     "X-Forwarded-For: 192.0.2.7\nX-Forwarded-Proto: https\nX-Request-Id: ours\n");
    f.has_request_id = true;
    forward(own, &f, out, sizeof(out));
    cr_expect_not_null(strstr(out, "X-Request-Id: theirs\n"));
    cr_expect_null(strstr(out, "ours"));
}

/* ---- what came ---- */

Test(headers, that_decide_are_found)
{
    static const char *const lines[] = {
        "Content-Type: application/json", "Lethe-Key: secret", "Content-Encoding: gzip",
        "Lethe-Purpose: support",         "X-Request-ID: 7",   NULL};
    struct request_fields fields;
    struct received r;

    receive(&r, lines);
    cr_assert_eq(headers_scan(&r.fields, &fields), ERR_OK);
    cr_expect(span_equal(fields.key, SPAN_LIT("secret")));
    cr_expect(span_equal(fields.purpose, SPAN_LIT("support")));
    cr_expect(span_equal(fields.content_type, SPAN_LIT("application/json")));
    cr_expect(span_equal(fields.content_encoding, SPAN_LIT("gzip")));
    cr_expect(span_equal(fields.request_id, SPAN_LIT("7")));
    forget(&r);
}

Test(headers, that_decide_come_once)
{
    static const char *const twice[][3] = {
        {"Lethe-Key: a", "Lethe-Key: a", NULL},
        {"Lethe-Key: a", "lethe_key: a", NULL},
        {"Lethe-Purpose: a", "Lethe-Purpose: b", NULL},
        {"Content-Type: application/json", "Content-Type: text/plain", NULL},
        {"Content-Encoding: identity", "Content-Encoding: gzip", NULL},
    };
    struct request_fields fields;

    for (size_t i = 0; i < COUNT_OF(twice); i++) {
        struct received r;

        receive(&r, twice[i]);
        cr_expect_eq(headers_scan(&r.fields, &fields), ERR_INVALID, "%s", twice[i][1]);
        forget(&r);
    }
}

Test(headers, are_found_by_name_once)
{
    static const char *const lines[] = {"X-User: 7", "X-Twice: a", "x-twice: b", NULL};
    struct span value = SPAN_NONE;
    struct received r;

    receive(&r, lines);
    cr_expect_eq(headers_find(&r.fields, SPAN_LIT("x-user"), &value), ERR_OK);
    cr_expect(span_equal(value, SPAN_LIT("7")));
    cr_expect_eq(headers_find(&r.fields, SPAN_LIT("x-twice"), &value), ERR_INVALID);
    cr_expect_eq(headers_find(&r.fields, SPAN_LIT("x-none"), &value), ERR_NOT_FOUND);
    forget(&r);
}

Test(headers, of_an_answer_are_counted)
{
    const struct upstream_header fields[] = {{SPAN_LIT("Content-Type"), SPAN_LIT("a/b")},
                                             {SPAN_LIT("X"), SPAN_LIT("1")},
                                             {SPAN_LIT("content-type"), SPAN_LIT("c/d")}};
    const struct upstream_head head = {.headers = fields, .header_count = COUNT_OF(fields)};
    bool several;

    cr_expect(span_equal(headers_of_answer(&head, SPAN_LIT("x"), &several), SPAN_LIT("1")));
    cr_expect_not(several);
    (void)headers_of_answer(&head, SPAN_LIT("content-type"), &several);
    cr_expect(several);
    cr_expect_null(headers_of_answer(&head, SPAN_LIT("y"), &several).at);
    cr_expect_not(several);
}

/* ---- to the client ---- */

static void answer(bool changed, char *out, size_t size)
{
    const struct upstream_header fields[] = {
        {SPAN_LIT("Content-Type"), SPAN_LIT("application/json")},
        {SPAN_LIT("Content-Length"), SPAN_LIT("5")},
        {SPAN_LIT("Date"), SPAN_LIT("yesterday")},
        {SPAN_LIT("ETag"), SPAN_LIT("\"x\"")},
        {SPAN_LIT("Last-Modified"), SPAN_LIT("then")},
        {SPAN_LIT("Accept-Ranges"), SPAN_LIT("bytes")},
        {SPAN_LIT("Cache-Control"), SPAN_LIT("max-age=9")},
        {SPAN_LIT("Expires"), SPAN_LIT("later")},
        {SPAN_LIT("CDN-Cache-Control"), SPAN_LIT("max-age=9")},
        {SPAN_LIT("Surrogate-Control"), SPAN_LIT("max-age=9")},
        {SPAN_LIT("X-Accel-Expires"), SPAN_LIT("9")},
        {SPAN_LIT("Edge-Control"), SPAN_LIT("9")},
        {SPAN_LIT("Content-MD5"), SPAN_LIT("m")},
        {SPAN_LIT("Digest"), SPAN_LIT("d")},
        {SPAN_LIT("Vary"), SPAN_LIT("Accept")},
        {SPAN_LIT("Location"), SPAN_LIT("/users/7")},
        {SPAN_LIT("Set-Cookie"), SPAN_LIT("a=1")},
        {SPAN_LIT("Set-Cookie"), SPAN_LIT("b=2")},
        {SPAN_LIT("Lethe-Request-Id"), SPAN_LIT("forged")},
    };
    const struct upstream_head head = {.headers = fields, .header_count = COUNT_OF(fields)};
    h2o_req_t req;
    size_t at = 0;

    memset(&req, 0, sizeof(req));
    h2o_mem_init_pool(&req.pool);
    headers_for_client(&req, &head, changed ? ANSWER_CHANGED : ANSWER_SAME, SPAN_LIT("id"));
    for (size_t i = 0; i < req.res.headers.size; i++) {
        const h2o_header_t *h = &req.res.headers.entries[i];

        at += (size_t)snprintf(out + at, size - at, "%.*s: %.*s\n", (int)h->name->len,
                               h->name->base, (int)h->value.len, h->value.base);
    }
    h2o_mem_clear_pool(&req.pool);
}

Test(headers, leave_to_the_application_what_it_says_of_tls)
{
    h2o_req_t req;

    memset(&req, 0, sizeof(req));
    h2o_mem_init_pool(&req.pool);
    headers_add_hsts(&req, SPAN_LIT("max-age=300"));
    headers_add_hsts(&req, SPAN_LIT("max-age=600"));
    cr_assert_eq(req.res.headers.size, 1);
    cr_expect(h2o_memis(req.res.headers.entries[0].value.base, req.res.headers.entries[0].value.len,
                        H2O_STRLIT("max-age=300")));
    h2o_mem_clear_pool(&req.pool);
}

Test(headers, pass_down_but_for_framing_and_what_is_ours)
{
    char out[1024];

    answer(false, out, sizeof(out));
    cr_expect_str_eq(out, "Content-Type: application/json\nETag: \"x\"\nLast-Modified: then\n"
                          "Accept-Ranges: bytes\nCache-Control: max-age=9\nExpires: later\n"
                          "CDN-Cache-Control: max-age=9\nSurrogate-Control: max-age=9\n"
                          "X-Accel-Expires: 9\nEdge-Control: 9\n"
                          "Content-MD5: m\nDigest: d\nVary: Accept\nLocation: /users/7\n"
                          "Set-Cookie: a=1\nSet-Cookie: b=2\nLethe-Request-Id: id\n");
}

/* E40 */
Test(headers, of_a_changed_answer_keep_caches_away)
{
    char out[1024];

    answer(true, out, sizeof(out));
    cr_expect_str_eq(out, "Content-Type: application/json\nVary: Accept\nLocation: /users/7\n"
                          "Set-Cookie: a=1\nSet-Cookie: b=2\ncache-control: no-store\n"
                          "Lethe-Request-Id: id\n");
}
