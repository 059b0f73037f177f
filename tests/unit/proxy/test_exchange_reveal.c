/* SPDX-License-Identifier: Apache-2.0 */
/* The way down, over real sockets: values for who may see them, tokens for everybody else. */
#include "tests/unit/proxy/person_rig.h"

TestSuite(exchange_reveal, .init = secret_start, .timeout = 60);

Test(exchange_reveal, reveals_by_caller_and_purpose)
{
    struct rig r;
    struct rig_answer a;
    char tokens[8192];

    rig_start(&r, &person_routes);
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

Test(exchange_reveal, gives_back_the_document_that_was_sent)
{
    struct rig r;
    struct rig_answer a;

    rig_start(&r, &person_routes);
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

Test(exchange_reveal, keeps_caches_away_from_what_it_revealed)
{
    struct rig r;
    struct rig_answer a;
    char seen[8192];

    rig_start(&r, &person_routes);
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

Test(exchange_reveal, reveals_what_came_in_chunks_and_error_answers_too)
{
    struct rig r;
    struct rig_answer a;
    char body[8192];

    rig_start(&r, &person_routes);
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

Test(exchange_reveal, passes_error_pages_that_are_no_json_and_answers_without_a_body)
{
    struct rig r;
    struct rig_answer a;

    rig_start(&r, &person_routes);
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

Test(exchange_reveal, tells_no_length_of_tokens_to_a_head_request)
{
    struct rig r;
    struct rig_answer a;

    rig_start(&r, &person_routes);
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

Test(exchange_reveal, refuses_answers_that_are_not_what_was_declared)
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

    rig_start(&r, &person_routes);
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

Test(exchange_reveal, shows_nobody_a_token_of_somebody_else)
{
    struct rig r;
    struct rig_answer a;
    char bobs[8192];

    rig_start(&r, &person_routes);
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

Test(exchange_reveal, shows_no_value_when_the_subject_of_a_route_is_not_named)
{
    struct rig r;
    struct rig_answer a;
    char tokens[8192];

    rig_start(&r, &person_routes);
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

Test(exchange_reveal, reveals_the_answer_to_the_request_that_stored)
{
    struct rig r;
    struct rig_answer a;
    int fd;

    rig_start(&r, &person_routes);
    store_erika(&r); /* the upstream now answers with her record, to POST as well */
    fd = rig_connect(&r);
    a = send_json(&r, "POST", "/users", DESK, ERIKA);
    cr_expect_eq(a.status, 200);
    cr_expect_not_null(strstr(a.body, "+49 30 1"), "%s", a.body);
    rig_answer_done(&a);
    close(fd);
    rig_stop(&r);
}

Test(exchange_reveal, reveals_lists_of_many_people)
{
    struct rig r;
    struct rig_answer a;
    char one[TOKEN_TEXT_MAX + 1], two[TOKEN_TEXT_MAX + 1], body[1024];

    rig_start(&r, &person_routes);
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

static void erase(struct rig *r, const char *name)
{
    struct vault_erasure erasure = {0};
    struct vault_erase op = {.op.kind = VAULT_ERASE,
                             .domain = VAULT_DOMAIN_DEFAULT,
                             .name = span_str(name),
                             .erasure = &erasure};

    cr_assert_eq(vault_run(r->vault, &op.op), ERR_OK);
    vault_erasure_done(&erasure);
}

Test(exchange_reveal, leaves_dead_tokens_as_they_are)
{
    struct rig r;
    struct rig_answer a;
    char tokens[8192];

    rig_start(&r, &person_routes);
    store_erika(&r);
    (void)snprintf(tokens, sizeof(tokens), "%s", body_seen(&r));
    erase(&r, "7");
    a = get(&r, "/users/7", DESK);
    cr_expect_eq(a.status, 200);
    cr_expect_str_eq(a.body, tokens);
    rig_answer_done(&a);
    cr_expect_eq(status_of(send_json(&r, "PUT", "/users/7", "", tokens)), 422);
    rig_stop(&r);
}

/* ---- whose ---- */

Test(exchange_reveal, takes_a_record_under_an_unknown_name_for_one_persons)
{
    struct rig r;
    struct rig_answer a;
    char erikas[TOKEN_TEXT_MAX + 1], email[TOKEN_TEXT_MAX + 1], bobs[TOKEN_TEXT_MAX + 1];
    char body[2048];

    rig_start(&r, &person_routes);
    answer_with(201, "application/json", "{}");
    cr_assert_eq(status_of(send_json(&r, "POST", "/users", "", ERIKA)), 201);
    token_seen(&r, "phone", erikas);
    token_seen(&r, "email", email);
    answer_with(200, "application/json", body_seen(&r));
    a = get(&r, "/users/1", DESK); /* the number that the application gave her */
    cr_expect_not_null(strstr(a.body, "\"phone\":\"+49 30 1\""), "%s", a.body);
    rig_answer_done(&a);
    answer_with(201, "application/json", "{}");
    cr_assert_eq(status_of(send_json(&r, "PUT", "/users/8", "", "{\"phone\":\"+49 bob\"}")), 201);
    token_seen(&r, "phone", bobs);
    (void)snprintf(body, sizeof(body), "{\"phone\":\"%s\",\"email\":\"%s\"}", bobs, email);
    answer_with(200, "application/json", body);
    a = get(&r, "/users/1", DESK);
    cr_expect_not_null(strstr(a.body, "e***@a.test"), "%s", a.body);
    cr_expect_not_null(strstr(a.body, bobs), "somebody else's token among hers stays one: %s",
                       a.body);
    rig_answer_done(&a);
    (void)snprintf(body, sizeof(body), "{\"email\":\"lt\\u002d%s\"}", email + 3);
    answer_with(200, "application/json", body);
    a = get(&r, "/users/1", DESK);
    cr_expect_null(strstr(a.body, "a.test"), "escapes are no way around it: %s", a.body);
    rig_answer_done(&a);
    rig_stop(&r);
}

/* E54 */
Test(exchange_reveal, shows_nothing_of_an_erased_person_that_another_shared)
{
    struct rig r;
    struct rig_answer a;
    char record[8192];

    rig_start(&r, &person_routes);
    answer_with(200, "application/json", "{}");
    for (int i = 1; i <= 2; i++) {
        cr_assert_eq(status_of(send_json(&r, "PUT", i == 1 ? "/users/1" : "/users/2", "",
                                         "{\"phone\":\"+49 both\"}")),
                     200);
        (void)snprintf(record, sizeof(record), "%s", body_seen(&r));
    }
    answer_with(200, "application/json", record);
    erase(&r, "1");
    a = get(&r, "/users/2", DESK);
    cr_expect_str_eq(a.body, "{\"phone\":\"+49 both\"}");
    rig_answer_done(&a);
    a = get(&r, "/users/1", DESK);
    cr_expect_str_eq(a.body, record);
    rig_answer_done(&a);
    rig_stop(&r);
}

Test(exchange_reveal, reads_an_answer_that_comes_in_many_pieces)
{
    static const struct stub_step trickling[] = {
        {STUB_REQUEST, NULL, 0}, {STUB_TRICKLE, answer, 0}, {STUB_AGAIN, NULL, 0}};
    static const struct stub_step *const one[] = {trickling};
    struct rig_options o = person_routes;
    struct rig r;
    struct rig_answer a;

    o.scripts = one;
    rig_start(&r, &o);
    store_erika(&r);
    a = get(&r, "/users/7", DESK);
    cr_expect_not_null(strstr(a.body, "+49 30 1"), "%s", a.body);
    rig_answer_done(&a);
    rig_stop(&r);
}

Test(exchange_reveal, sends_nothing_of_an_answer_that_breaks_off)
{
    static const struct stub_step breaking[] = {
        {STUB_REQUEST, NULL, 0}, {STUB_SEND, answer, 0}, {STUB_END, NULL, 0}};
    static const struct stub_step *const one[] = {breaking};
    struct rig_options o = person_routes;
    struct rig r;
    struct rig_answer a;

    o.scripts = one;
    rig_start(&r, &o);
    (void)snprintf(answer, sizeof(answer),
                   "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n"
                   "{\"plan\":\"half\"");
    a = get(&r, "/users/7", DESK);
    cr_expect_eq(a.status, 502);
    cr_expect_null(strstr(a.text, "half"));
    rig_answer_done(&a);
    rig_stop(&r);
}
