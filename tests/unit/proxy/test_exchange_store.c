/* SPDX-License-Identifier: Apache-2.0 */
/* The main job over real sockets: tokens go up, values come back to who may see them. */
#include "tests/unit/proxy/proxy_rig.h"

#include "base/fault.h"
#include "base/json.h"
#include "vault/token.h"

TestSuite(exchange_store, .init = secret_start, .timeout = 60);

/* The upstream's next answer; a test writes it before it asks. */
static char answer[65536] = "HTTP/1.1 204 No Content\r\n\r\n";
static const struct stub_step script[] = {
    {STUB_REQUEST, NULL, 0}, {STUB_SEND, answer, 0}, {STUB_AGAIN, NULL, 0}};
static const struct stub_step *const scripts[] = {script};

#define FIELDS                                                                                     \
    "[{json: \"$.email\", class: email}, {json: \"$.phone\", class: phone},"                       \
    " {json: \"$.notes[*]\", class: note}]"

static const struct rig_options plain = {
    .scripts = scripts,
    .script_count = 1,
    .routes = "routes:\n"
              "  - {path: \"/users/{id}\", methods: [GET, PUT, DELETE], upstream: app,\n"
              "     subject: path.id, request: " FIELDS ", response: " FIELDS "}\n"
              "  - {path: /users, methods: [POST], upstream: app, subject: \"$.email\",\n"
              "     request: " FIELDS ", response: " FIELDS "}\n"
              "  - {path: /users, methods: [GET], upstream: app,\n"
              "     request: [{query: email, class: email, mode: lookup}],\n"
              "     response: [{json: \"$[*].email\", class: email}]}\n"
              "  - {path: /by-header, methods: [PUT], upstream: app, subject: header.X-User,\n"
              "     request: " FIELDS "}\n"
              "  - {path: /by-query, methods: [PUT, GET], upstream: app, subject: query.user,\n"
              "     request: " FIELDS ", response: " FIELDS "}\n"
              "  - {path: /anonymous, methods: [POST], upstream: app, subject: none,\n"
              "     request: " FIELDS "}\n"};

static void answer_with(int status, const char *type, const char *body)
{
    (void)snprintf(
        answer, sizeof(answer),
        "HTTP/1.1 %d X\r\nContent-Type: %s\r\nETag: \"1\"\r\nContent-Length: %zu\r\n\r\n%s", status,
        type, strlen(body), body);
}

static struct rig_answer send_json(const struct rig *r, const char *method, const char *target,
                                   const char *fields, const char *body)
{
    char request[16384];

    (void)snprintf(request, sizeof(request),
                   "%s %s HTTP/1.1\r\nHost: a\r\n%s%sContent-Length: %zu\r\n\r\n%s", method, target,
                   fields, "Content-Type: application/json\r\n", strlen(body), body);
    return rig_ask(r, request);
}

static struct rig_answer get(const struct rig *r, const char *target, const char *fields)
{
    char request[1024];

    (void)snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: a\r\n%s\r\n", target,
                   fields);
    return rig_ask(r, request);
}

static int status_of(struct rig_answer a)
{
    rig_answer_done(&a);
    return a.status;
}

/* What the upstream got as a body last; static. */
static const char *body_seen(struct rig *r)
{
    static char seen[8192];
    char *body;

    http_stub_last_request(r->stub, seen, sizeof(seen));
    body = strstr(seen, "\r\n\r\n");
    return body == NULL ? "" : body + 4;
}

/* A member of the body seen last, which must be a token; static. */
static const char *token_seen(struct rig *r, const char *name, char out[TOKEN_TEXT_MAX + 1])
{
    AUTO(json_free) struct json *tree = NULL;
    const char *text;

    cr_assert_eq(json_parse(span_str(body_seen(r)), &tree), ERR_OK, "%s", body_seen(r));
    text = json_str_of(json_get(tree, name));
    cr_assert_not_null(text, "%s in %s", name, body_seen(r));
    cr_assert(token_is(span_str(text)), "%s is no token", text);
    (void)snprintf(out, TOKEN_TEXT_MAX + 1, "%s", text);
    return out;
}

#define DESK  "Lethe-Key: " DESK_KEY "\r\n"
#define CLERK "Lethe-Key: " CLERK_KEY "\r\nLethe-Purpose: account\r\n"
#define ERIKA                                                                                      \
    "{ \"email\" : \"erika@a.test\", \"phone\":\"+49 30 1\",\"plan\":1.50 , \"notes\":[ \"x\\n\" " \
    "] }"

/* Store Erika under /users/7 and have the upstream answer with what it got. */
static void store_erika(struct rig *r)
{
    answer_with(201, "application/json", "{}");
    cr_assert_eq(status_of(send_json(r, "PUT", "/users/7", "", ERIKA)), 201);
    answer_with(200, "application/json", body_seen(r));
}

/* ---- up ---- */

Test(exchange_store, shows_the_upstream_tokens_and_every_other_byte_as_it_was)
{
    struct rig r;
    char email[TOKEN_TEXT_MAX + 1], phone[TOKEN_TEXT_MAX + 1], wanted[1024];
    const char *seen;

    rig_start(&r, &plain);
    store_erika(&r);
    seen = body_seen(&r);
    cr_expect_null(strstr(seen, "erika"));
    cr_expect_null(strstr(seen, "+49"));
    cr_expect_null(strstr(seen, "x\\n"));
    token_seen(&r, "email", email);
    token_seen(&r, "phone", phone);
    cr_expect_not_null(strstr(email, "@tok.invalid"));
    (void)snprintf(wanted, sizeof(wanted),
                   "{ \"email\" : \"%s\", \"phone\":\"%s\",\"plan\":1.50 , \"notes\":[ \"lt_",
                   email, phone);
    cr_expect_eq(strncmp(seen, wanted, strlen(wanted)), 0, "%s", seen);
    rig_stop(&r);
}

Test(exchange_store, drops_digests_of_the_body_that_was)
{
    struct rig r;
    char seen[8192];

    rig_start(&r, &plain);
    cr_expect_eq(
        status_of(send_json(&r, "PUT", "/users/7", "Content-MD5: abc\r\nDigest: x\r\n", ERIKA)),
        204);
    http_stub_last_request(r.stub, seen, sizeof(seen));
    cr_expect_null(strcasestr(seen, "md5"));
    cr_expect_null(strcasestr(seen, "digest"));
    rig_stop(&r);
}

Test(exchange_store, gives_equal_values_of_one_person_equal_tokens)
{
    struct rig r;
    char first[TOKEN_TEXT_MAX + 1], second[TOKEN_TEXT_MAX + 1];

    rig_start(&r, &plain);
    store_erika(&r);
    token_seen(&r, "email", first);
    store_erika(&r);
    token_seen(&r, "email", second);
    cr_expect_str_eq(first, second);
    rig_stop(&r);
}

Test(exchange_store, takes_a_persons_own_tokens_back)
{
    struct rig r;
    char before[8192];

    rig_start(&r, &plain);
    store_erika(&r);
    (void)snprintf(before, sizeof(before), "%s", body_seen(&r));
    cr_expect_eq(status_of(send_json(&r, "PUT", "/users/7", "", before)), 200);
    cr_expect_str_eq(body_seen(&r), before);
    rig_stop(&r);
}

Test(exchange_store, sends_a_body_without_declared_fields_as_it_came)
{
    struct rig r;

    rig_start(&r, &plain);
    cr_expect_eq(status_of(send_json(&r, "PUT", "/users/7", "", "{ \"a\" : [1e5, null] }")), 204);
    cr_expect_str_eq(body_seen(&r), "{ \"a\" : [1e5, null] }");
    cr_expect_eq(status_of(send_json(&r, "POST", "/users", "", "{\"plan\":1}")), 204,
                 "a missing subject of nothing is no matter");
    rig_stop(&r);
}

Test(exchange_store, finds_the_subject_where_the_route_says)
{
    static const struct {
        const char *method, *target, *fields;
    } asks[] = {{"PUT", "/users/ren%C3%A9e", ""},
                {"PUT", "/by-header",
                 "X-User: ren\xc3\xa9"
                 "e\r\n"},
                {"PUT", "/by-query?user=ren%C3%A9e", ""}};
    struct rig r;
    char first[TOKEN_TEXT_MAX + 1], token[TOKEN_TEXT_MAX + 1];

    rig_start(&r, &plain);
    for (size_t i = 0; i < COUNT_OF(asks); i++) {
        cr_assert_eq(status_of(send_json(&r, asks[i].method, asks[i].target, asks[i].fields,
                                         "{\"phone\":\"1\"}")),
                     204, "%s", asks[i].target);
        token_seen(&r, "phone", i == 0 ? first : token);
        if (i > 0) /* equal tokens of this class are one person's */
            cr_expect_str_eq(token, first, "%s", asks[i].target);
    }
    rig_stop(&r);
}

Test(exchange_store, stores_nothing_for_a_subject_that_is_not_named)
{
    static const char body[] = "{\"phone\":\"1\"}";
    struct rig r;
    int count;

    rig_start(&r, &plain);
    cr_expect_eq(status_of(send_json(&r, "PUT", "/by-header", "", body)), 422);
    cr_expect_eq(status_of(send_json(&r, "PUT", "/by-header", "X-User: \r\n", body)), 422);
    cr_expect_eq(status_of(send_json(&r, "PUT", "/by-header", "X-User: a\r\nX-User: b\r\n", body)),
                 400);
    cr_expect_eq(status_of(send_json(&r, "PUT", "/by-query", "", body)), 422);
    cr_expect_eq(status_of(send_json(&r, "PUT", "/by-query?user=", "", body)), 422);
    cr_expect_eq(status_of(send_json(&r, "PUT", "/by-query?user=a&user=b", "", body)), 400);
    cr_expect_eq(status_of(send_json(&r, "POST", "/users", "", body)), 422);
    cr_expect_eq(status_of(send_json(&r, "POST", "/users", "", "{\"email\":null,\"phone\":\"1\"}")),
                 422);
    count = (int)http_stub_requests(r.stub);
    cr_expect_eq(count, 0, "the upstream saw nothing");
    cr_expect_eq(status_of(send_json(&r, "POST", "/anonymous", "", body)), 204,
                 "but for values that belong to nobody known");
    rig_stop(&r);
}

Test(exchange_store, refuses_bodies_that_do_not_fit_and_sends_nothing)
{
    static const struct {
        const char *body;
        int status;
    } cases[] = {{"{\"email\":", 400},
                 {"", 400},
                 {"{\"email\":\"a\",\"\\u0065mail\":\"b\"}", 400},
                 {"{\"email\":\"\\ud800\"}", 400},
                 {"\xef\xbb\xbf{\"email\":\"a\"}", 400},
                 {"{\"email\":\"a\"} {}", 400},
                 {"{\"email\":{\"a\":1}}", 422},
                 {"{\"email\":[\"a\"]}", 422},
                 {"{\"email\":\"lt-00000000000000000000000000000000000@tok.invalid\"}", 204}};
    struct rig r;
    size_t good = 0;

    rig_start(&r, &plain);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int status = status_of(send_json(&r, "PUT", "/users/7", "", cases[i].body));

        cr_expect_eq(status, cases[i].status, "%d: %s", status, cases[i].body);
        good += status == 204;
        cr_expect_eq(http_stub_requests(r.stub), good, "%s", cases[i].body);
    }
    rig_stop(&r);
}

Test(exchange_store, forwards_nothing_when_the_vault_cannot_write)
{
    struct rig r;

    rig_start(&r, &plain);
    fault_test_set("commit.fail!", NULL);
    cr_expect_eq(status_of(send_json(&r, "PUT", "/users/7", "", ERIKA)), 503);
    cr_expect_eq(http_stub_requests(r.stub), 0);
    cr_expect_not_null(strstr(rig_log(&r), "store_failed"));
    cr_expect_null(strstr(rig_log(&r), "erika"));
    fault_test_set(NULL, NULL);
    cr_expect_eq(status_of(send_json(&r, "PUT", "/users/7", "", ERIKA)), 204);
    rig_stop(&r);
}

Test(exchange_store, stores_nothing_twice_for_many_at_once)
{
    enum { CLIENTS = 40 };
    struct rig_options o = plain;
    struct rig r;
    int fds[CLIENTS];
    char request[512];

    o.threads = 2;
    rig_start(&r, &o);
    for (int i = 0; i < CLIENTS; i++) { /* all in flight before the first is heard */
        int len = snprintf(request, sizeof(request),
                           "PUT /users/%d HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
                           "Content-Length: 18\r\n\r\n{\"phone\":\"+49 %02d\"}",
                           i, i);

        fds[i] = rig_connect(&r);
        rig_say(fds[i], request, (size_t)len);
    }
    for (int i = 0; i < CLIENTS; i++) {
        struct rig_answer a = rig_hear(fds[i], false);

        cr_expect_eq(a.status, 204, "%s", a.text);
        rig_answer_done(&a);
        close(fds[i]);
    }
    cr_expect_eq(http_stub_requests(r.stub), CLIENTS);
    rig_stop(&r);
}

Test(exchange_store, survives_clients_that_leave_while_the_writer_works)
{
    static const char request[] =
        "PUT /users/7 HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
        "Content-Length: 29\r\n\r\n{\"notes\":[\"abcdefghijklmnop\"]}";
    const struct linger at_once = {.l_onoff = 1};
    struct rig r;

    rig_start(&r, &plain);
    for (int i = 0; i < 200; i++) {
        int fd = rig_connect(&r);

        rig_say(fd, request, strlen(request));
        if (i % 2 == 0)
            cr_assert_eq(setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)), 0);
        close(fd);
    }
    proxy_stop(&r.proxy, 0); /* at once: what the writer still has comes back to nobody */
    rig_stop(&r);
}

/* ---- down ---- */

Test(exchange_store, reveals_by_caller_and_purpose)
{
    struct rig r;
    struct rig_answer a;
    char tokens[8192];

    rig_start(&r, &plain);
    store_erika(&r);
    (void)snprintf(tokens, sizeof(tokens), "%s", body_seen(&r));
    a = get(&r, "/users/7", "");
    cr_expect_str_eq(a.body, tokens, "who names no key sees tokens");
    rig_answer_done(&a);
    a = get(&r, "/users/7", DESK);
    cr_expect_not_null(
        strstr(a.body, "\"phone\":\"+49 30 1\",\"plan\":1.50 , \"notes\":[ \"x\\n\" ] }"), "%s",
        a.body);
    cr_expect_not_null(strstr(a.body, "\"email\" : \"e***@a.test\""), "a mask: %s", a.body);
    rig_answer_done(&a);
    a = get(&r, "/users/7", CLERK);
    cr_expect_not_null(strstr(a.body, "\"email\" : \"erika@a.test\""), "%s", a.body);
    cr_expect_null(strstr(a.body, "+49"), "%s", a.body);
    rig_answer_done(&a);
    rig_stop(&r);
}

Test(exchange_store, gives_back_the_document_that_was_sent)
{
    struct rig r;
    struct rig_answer a;

    rig_start(&r, &plain);
    answer_with(201, "application/json", "{}");
    cr_assert_eq(
        status_of(send_json(&r, "PUT", "/users/9", "", "{\"phone\":\"\xc3\xa4\\u00e4\\\"\"}")),
        201);
    answer_with(200, "application/json; charset=utf-8", body_seen(&r));
    a = get(&r, "/users/9", DESK);
    cr_expect_str_eq(a.body, "{\"phone\":\"\xc3\xa4\xc3\xa4\\\"\"}");
    cr_expect(a.whole);
    rig_answer_done(&a);
    rig_stop(&r);
}

Test(exchange_store, keeps_caches_away_from_what_it_revealed)
{
    struct rig r;
    struct rig_answer a;
    char seen[8192];

    rig_start(&r, &plain);
    store_erika(&r);
    a = get(&r, "/users/7",
            DESK "Accept-Encoding: gzip\r\nRange: bytes=0-1\r\n"
                 "If-None-Match: \"1\"\r\n");
    cr_expect(rig_has(&a, "Cache-Control: no-store"));
    cr_expect_null(rig_field(&a, "ETag"));
    rig_answer_done(&a);
    http_stub_last_request(r.stub, seen, sizeof(seen));
    cr_expect_null(strcasestr(seen, "accept-encoding"));
    cr_expect_null(strcasestr(seen, "range"));
    cr_expect_null(strcasestr(seen, "if-none-match"));
    rig_stop(&r);
}

Test(exchange_store, reveals_what_came_in_chunks_and_error_answers_too)
{
    struct rig r;
    struct rig_answer a;
    char body[8192];

    rig_start(&r, &plain);
    store_erika(&r);
    (void)snprintf(body, sizeof(body), "%s", body_seen(&r));
    (void)snprintf(answer, sizeof(answer),
                   "HTTP/1.1 409 Conflict\r\nContent-Type: application/problem+json\r\n"
                   "Transfer-Encoding: chunked\r\n\r\n5\r\n%.5s\r\n%zx\r\n%s\r\n0\r\n\r\n",
                   body, strlen(body) - 5, body + 5);
    a = get(&r, "/users/7", DESK);
    cr_expect_eq(a.status, 409);
    cr_expect_not_null(strstr(a.body, "+49 30 1"), "%s", a.body);
    rig_answer_done(&a);
    rig_stop(&r);
}

Test(exchange_store, passes_error_pages_that_are_no_json_and_answers_without_a_body)
{
    struct rig r;
    struct rig_answer a;

    rig_start(&r, &plain);
    answer_with(500, "text/html", "<h1>no</h1>");
    a = get(&r, "/users/7", DESK);
    cr_expect_eq(a.status, 500);
    cr_expect_str_eq(a.body, "<h1>no</h1>");
    rig_answer_done(&a);
    answer_with(201, "text/plain", "");
    a = get(&r, "/users/7", DESK);
    cr_expect_eq(a.status, 201);
    cr_expect(a.whole && a.body_len == 0);
    rig_answer_done(&a);
    (void)snprintf(answer, sizeof(answer), "HTTP/1.1 204 No Content\r\n\r\n");
    cr_expect_eq(status_of(rig_ask(&r, "DELETE /users/7 HTTP/1.1\r\nHost: a\r\n\r\n")), 204);
    rig_stop(&r);
}

Test(exchange_store, tells_no_length_of_tokens_to_a_head_request)
{
    struct rig r;
    struct rig_answer a;

    rig_start(&r, &plain);
    (void)snprintf(
        answer, sizeof(answer),
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n");
    a = rig_ask(&r, "HEAD /users/7 HTTP/1.1\r\nHost: a\r\n" DESK "\r\n");
    cr_expect_eq(a.status, 200);
    cr_expect_null(rig_field(&a, "Content-Length"));
    cr_expect(rig_has(&a, "Cache-Control: no-store"));
    rig_answer_done(&a);
    rig_stop(&r);
}

Test(exchange_store, refuses_answers_that_are_not_what_was_declared)
{
    static const struct {
        const char *type, *body;
    } cases[] = {{"text/html", "<p>"},
                 {"text/plain", "{\"email\":\"a\"}"},
                 {"application/json; charset=latin1", "{}"},
                 {"application/json\r\nContent-Encoding: gzip", "{}"},
                 {"application/json\r\nContent-Type: text/html", "{}"},
                 {"application/json", "{\"email\":"},
                 {"application/json", "{\"email\":{}}"},
                 {"application/json", "{\"email\":\"a\",\"email\":\"b\"}"},
                 {"application/json", "{} {}"}};
    struct rig r;

    rig_start(&r, &plain);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct rig_answer a;

        answer_with(200, cases[i].type, cases[i].body);
        a = get(&r, "/users/7", DESK);
        cr_expect_eq(a.status, 502, "%s %s: %s", cases[i].type, cases[i].body, a.text);
        cr_expect_null(strstr(a.body, cases[i].body));
        rig_answer_done(&a);
    }
    rig_stop(&r);
}

Test(exchange_store, shows_nobody_a_token_of_somebody_else)
{
    struct rig r;
    struct rig_answer a;
    char bobs[8192];

    rig_start(&r, &plain);
    store_erika(&r);
    answer_with(201, "application/json", "{}");
    cr_assert_eq(status_of(send_json(&r, "PUT", "/users/8", "", "{\"phone\":\"+49 bob\"}")), 201);
    (void)snprintf(bobs, sizeof(bobs), "%s", body_seen(&r));
    answer_with(200, "application/json", bobs);
    a = get(&r, "/users/7", DESK);
    cr_expect_str_eq(a.body, bobs, "Bob's token in Erika's record stays one");
    cr_expect_not_null(strstr(rig_log(&r), "foreign_token"));
    rig_answer_done(&a);
    a = get(&r, "/users/8", DESK);
    cr_expect_str_eq(a.body, "{\"phone\":\"+49 bob\"}");
    rig_answer_done(&a);
    cr_expect_eq(status_of(send_json(&r, "PUT", "/users/7", "", bobs)), 422,
                 "and cannot be put there");
    rig_stop(&r);
}

Test(exchange_store, shows_no_value_when_the_subject_of_a_route_is_not_named)
{
    struct rig r;
    struct rig_answer a;
    char tokens[8192];

    rig_start(&r, &plain);
    answer_with(200, "application/json", "{}");
    cr_assert_eq(status_of(send_json(&r, "PUT", "/by-query?user=7", "", ERIKA)), 200);
    (void)snprintf(tokens, sizeof(tokens), "%s", body_seen(&r));
    answer_with(200, "application/json", tokens);
    a = get(&r, "/by-query?user=7", DESK);
    cr_expect_not_null(strstr(a.body, "+49"));
    rig_answer_done(&a);
    a = get(&r, "/by-query", DESK);
    cr_expect_str_eq(a.body, tokens);
    rig_answer_done(&a);
    rig_stop(&r);
}

Test(exchange_store, reveals_the_answer_to_the_request_that_stored)
{
    struct rig r;
    struct rig_answer a;
    int fd;

    rig_start(&r, &plain);
    store_erika(&r); /* the upstream now answers with her record, to POST as well */
    fd = rig_connect(&r);
    a = send_json(&r, "POST", "/users", DESK, ERIKA);
    cr_expect_eq(a.status, 200);
    cr_expect_not_null(strstr(a.body, "+49 30 1"), "%s", a.body);
    rig_answer_done(&a);
    close(fd);
    rig_stop(&r);
}

/* ---- look-ups ---- */

/* The target of the request seen last; static. */
static const char *target_seen(struct rig *r)
{
    static char seen[8192];
    char *end;

    http_stub_last_request(r->stub, seen, sizeof(seen));
    end = strstr(seen, " HTTP/1.1");
    cr_assert_not_null(end);
    *end = '\0';
    return strchr(seen, ' ') + 1;
}

Test(exchange_store, looks_values_up_by_their_tokens)
{
    struct rig r;
    char token[TOKEN_TEXT_MAX + 1], wanted[512];
    const char *at;

    rig_start(&r, &plain);
    store_erika(&r);
    token_seen(&r, "email", token);
    answer_with(200, "application/json", "[]");
    cr_assert_eq(status_of(get(&r, "/users?a=1&email=erika%40a.test&b=%20", "")), 200);
    at = strchr(token, '@');
    (void)snprintf(wanted, sizeof(wanted), "/users?a=1&email=%.*s%%40tok.invalid&b=%%20",
                   (int)(at - token), token);
    cr_expect_str_eq(target_seen(&r), wanted);
    rig_stop(&r);
}

Test(exchange_store, looks_unknown_values_up_by_tokens_that_match_nothing)
{
    struct rig r;
    char first[512];

    rig_start(&r, &plain);
    answer_with(200, "application/json", "[]");
    cr_assert_eq(status_of(get(&r, "/users?email=nobody@a.test", "")), 200);
    (void)snprintf(first, sizeof(first), "%s", target_seen(&r));
    cr_expect_eq(strncmp(first, "/users?email=lt-", 16), 0, "%s", first);
    cr_expect_null(strstr(first, "nobody"));
    {
        uint64_t subjects = 99;
        struct vault_reader *reader = NULL;

        cr_assert_eq(vault_reader_open(r.vault, &reader), ERR_OK);
        cr_assert_eq(vault_read_begin(reader), ERR_OK);
        cr_assert_eq(vault_read_subject_count(reader, &subjects), ERR_OK);
        vault_read_end(reader);
        vault_reader_close(&reader);
        cr_expect_eq(subjects, 0, "looking stores nothing");
    }
    rig_stop(&r);
}

Test(exchange_store, leaves_other_parameters_and_tokens_in_a_query_alone)
{
    struct rig r;
    char token[TOKEN_TEXT_MAX + 1], target[512];

    rig_start(&r, &plain);
    store_erika(&r);
    token_seen(&r, "email", token);
    answer_with(200, "application/json", "[]");
    (void)snprintf(target, sizeof(target), "/users?email=%s&email=&mail=x@y&email", token);
    cr_assert_eq(status_of(get(&r, target, "")), 200);
    cr_expect_str_eq(target_seen(&r), target);
    cr_expect_eq(status_of(get(&r, "/users?email=%zz", "")), 400);
    rig_stop(&r);
}

Test(exchange_store, reveals_lists_of_many_people)
{
    struct rig r;
    struct rig_answer a;
    char one[TOKEN_TEXT_MAX + 1], two[TOKEN_TEXT_MAX + 1], body[1024];

    rig_start(&r, &plain);
    store_erika(&r);
    token_seen(&r, "email", one);
    answer_with(201, "application/json", "{}");
    cr_assert_eq(status_of(send_json(&r, "PUT", "/users/8", "", "{\"email\":\"bob@b.test\"}")),
                 201);
    token_seen(&r, "email", two);
    (void)snprintf(body, sizeof(body), "[{\"email\":\"%s\"},{\"email\":\"%s\"}]", one, two);
    answer_with(200, "application/json", body);
    a = get(&r, "/users?email=x", CLERK);
    cr_expect_str_eq(a.body, "[{\"email\":\"erika@a.test\"},{\"email\":\"bob@b.test\"}]");
    rig_answer_done(&a);
    rig_stop(&r);
}

/* ---- after the end ---- */

Test(exchange_store, leaves_dead_tokens_as_they_are)
{
    struct rig r;
    struct rig_answer a;
    char tokens[8192];
    struct vault_erasure erasure = {0};
    struct vault_erase op = {.op.kind = VAULT_ERASE,
                             .domain = VAULT_DOMAIN_DEFAULT,
                             .name = SPAN_LIT("7"),
                             .erasure = &erasure};

    rig_start(&r, &plain);
    store_erika(&r);
    (void)snprintf(tokens, sizeof(tokens), "%s", body_seen(&r));
    cr_assert_eq(vault_run(r.vault, &op.op), ERR_OK);
    vault_erasure_done(&erasure);
    a = get(&r, "/users/7", DESK);
    cr_expect_eq(a.status, 200);
    cr_expect_str_eq(a.body, tokens);
    rig_answer_done(&a);
    cr_expect_eq(status_of(send_json(&r, "PUT", "/users/7", "", tokens)), 422);
    rig_stop(&r);
}
