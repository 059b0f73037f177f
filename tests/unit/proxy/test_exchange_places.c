/* SPDX-License-Identifier: Apache-2.0 */
/* Values outside bodies, over real sockets: queries, paths, header fields. */
#include "tests/unit/proxy/person_rig.h"

TestSuite(exchange_places, .init = secret_start, .timeout = 60);

static const struct rig_options routes = {
    .scripts = scripts,
    .script_count = 1,
    .routes = "routes:\n"
              "  - {path: \"/find\", methods: [GET], upstream: app, subject: query.user,\n"
              "     request: [{query: phone, class: phone}, {query: note, class: note}]}\n"
              "  - {path: \"/mail/{to}/{page}\", methods: [GET], upstream: app, subject: path.to,\n"
              "     request: [{path: to, class: email}],\n"
              "     response: [{json: \"$.email\", class: email}, {header: X-Mail, class: email},\n"
              "                {json: \"$.phone\", class: phone, gone: \"(erased)\"},\n"
              "                {json: \"$.note\", class: note, gone: \"null\"}]}\n"
              "  - {path: /head, methods: [GET], upstream: app, subject: header.X-User,\n"
              "     request: [{header: X-Note, class: note}],\n"
              "     response: [{header: X-Note, class: note}]}\n"
              "  - {path: /strict, methods: [GET], upstream: app, subject: header.X-User,\n"
              "     binding: strict, response: [{header: X-Note, class: note}]}\n"};

/* The request line and head that the upstream got last; static. */
static const char *head_seen(struct rig *r)
{
    static char seen[8192];
    char *end;

    http_stub_last_request(r->stub, seen, sizeof(seen));
    end = strstr(seen, "\r\n\r\n");
    cr_assert_not_null(end);
    end[2] = '\0';
    return seen;
}

/* The token between `before` and the next of `ends` in the head seen last. */
static struct span token_after(struct rig *r, const char *before, const char *ends)
{
    const char *at = strstr(head_seen(r), before);

    cr_assert_not_null(at, "%s in %s", before, head_seen(r));
    at += strlen(before);
    return span_of(at, strcspn(at, ends));
}

Test(exchange_places, query_parameters_become_tokens)
{
    struct rig r;
    struct span token;

    rig_start(&r, &routes);
    cr_expect_eq(status_of(get(&r, "/find?a=%41&phone=%2B49+30&user=erika&note=&b", "")), 204);
    token = token_after(&r, "GET /find?a=%41&phone=", "&");
    cr_expect(token_is(token), "%.*s", (int)token.len, token.at);
    cr_expect_eq(strncmp(token.at + token.len, "&user=erika&note=&b HTTP", 24), 0,
                 "everything else is as it was: %s", token.at);
    rig_stop(&r);
}

Test(exchange_places, a_query_that_cannot_be_read_reaches_nobody)
{
    struct rig r;

    rig_start(&r, &routes);
    cr_expect_eq(status_of(get(&r, "/find?phone=%ff&user=erika", "")), 400, "not UTF-8");
    cr_expect_eq(status_of(get(&r, "/find?phone=1;x=2&user=erika", "")), 400);
    cr_expect_eq(status_of(get(&r, "/find?phone=1", "")), 422, "whose is it?");
    cr_expect_eq(http_stub_requests(r.stub), 0);
    rig_stop(&r);
}

Test(exchange_places, a_path_segment_becomes_its_token_and_names_the_person)
{
    struct rig r;
    char target[512], token[TOKEN_TEXT_MAX + 1];
    struct span seen;

    rig_start(&r, &routes);
    cr_expect_eq(status_of(get(&r, "/mail/erika%40a.test/1", "")), 204);
    seen = token_after(&r, "GET /mail/", "/");
    cr_assert_lt(seen.len, sizeof(token));
    (void)snprintf(token, sizeof(token), "%.*s", (int)seen.len, seen.at);
    cr_expect_null(strstr(token, "erika"));
    cr_expect_not_null(strstr(token, "%40tok.invalid"));
    cr_expect_eq(strncmp(seen.at + seen.len, "/1 HTTP", 7), 0);
    /* The application names her by her token; so may the caller. */
    (void)snprintf(target, sizeof(target), "/mail/%s/2", token);
    cr_expect_eq(status_of(get(&r, target, "")), 204);
    cr_expect_not_null(strstr(head_seen(&r), target), "%s", head_seen(&r));
    cr_expect_eq(status_of(get(&r, "/mail/erika%40a.test/3", "")), 204);
    cr_expect_not_null(strstr(head_seen(&r), token));
    rig_stop(&r);
}

Test(exchange_places, a_dead_token_in_a_path_is_refused)
{
    struct rig r;

    rig_start(&r, &routes);
    cr_expect_eq(
        status_of(get(&r, "/mail/lt-00013nzpyxs6qqst6j5zpj7sp8m9qq8t2x%40tok.invalid/1", "")), 422);
    cr_expect_eq(http_stub_requests(r.stub), 0);
    rig_stop(&r);
}

Test(exchange_places, header_fields_become_tokens_and_come_back)
{
    struct rig r;
    struct rig_answer a;
    struct span token;

    rig_start(&r, &routes);
    cr_expect_eq(status_of(get(&r, "/head", "X-User: erika\r\nX-Note: likes tea\r\n")), 204);
    token = token_after(&r, "X-Note: ", "\r");
    cr_assert(token_is(token), "%.*s", (int)token.len, token.at);
    (void)snprintf(answer, sizeof(answer),
                   "HTTP/1.1 302 Found\r\nX-Note: %.*s\r\nContent-Length: 0\r\n\r\n",
                   (int)token.len, token.at);
    a = rig_ask(&r, "GET /head HTTP/1.1\r\nHost: a\r\nX-User: erika\r\n" DESK "\r\n");
    cr_expect_eq(a.status, 302);
    cr_expect(rig_has(&a, "X-Note: likes tea"), "%s", a.text);
    rig_answer_done(&a);
    a = rig_ask(&r, "GET /head HTTP/1.1\r\nHost: a\r\nX-User: unknown\r\n" DESK "\r\n");
    cr_expect(rig_has(&a, "X-Note: likes tea"), "the answer says whose it is: %s", a.text);
    rig_answer_done(&a);
    a = rig_ask(&r, "GET /strict HTTP/1.1\r\nHost: a\r\nX-User: unknown\r\n" DESK "\r\n");
    cr_expect(!rig_has(&a, "X-Note: likes tea"), "%s", a.text);
    rig_answer_done(&a);
    cr_assert_eq(status_of(get(&r, "/head", "X-User: otto\r\nX-Note: coffee\r\n")), 302);
    a = rig_ask(&r, "GET /head HTTP/1.1\r\nHost: a\r\nX-User: otto\r\n" DESK "\r\n");
    cr_expect(!rig_has(&a, "X-Note: likes tea"), "%s", a.text);
    rig_answer_done(&a);
    rig_stop(&r);
}

Test(exchange_places, e37_a_line_end_never_reaches_a_header)
{
    struct vault_item item = {.kind = VALUE_STRING, .value = SPAN_LIT("x\r\nSet-Cookie: a=1")};
    struct vault_tokenize op = {.op = {.kind = VAULT_TOKENIZE}, .items = &item, .count = 1};
    struct rig r;
    struct rig_answer a;

    rig_start(&r, &routes);
    op.domain = VAULT_DOMAIN_DEFAULT;
    op.names[op.name_count++] = SPAN_LIT("erika");
    item.class_id = vault_class_id(r.vault, classes_find(&r.classes, SPAN_LIT("note")));
    cr_assert_eq(vault_run(r.vault, &op.op), ERR_OK);
    (void)snprintf(answer, sizeof(answer),
                   "HTTP/1.1 200 OK\r\nX-Note: %.*s\r\nContent-Length: 0\r\n\r\n",
                   (int)item.token.len, item.token.bytes);
    a = rig_ask(&r, "GET /head HTTP/1.1\r\nHost: a\r\nX-User: erika\r\n" DESK "\r\n");
    cr_expect_eq(a.status, 200);
    cr_expect_null(strstr(a.text, "Set-Cookie"));
    cr_expect_not_null(strstr(a.text, "X-Note: lt_"), "the token stays: %s", a.text);
    cr_expect_not_null(strstr(rig_log(&r), "cannot hold"));
    rig_answer_done(&a);
    rig_stop(&r);
}

Test(exchange_places, gone_says_what_stands_for_the_dead)
{
    struct rig r;
    struct rig_answer a;

    rig_start(&r, &routes);
    answer_with(200, "application/json",
                "{\"phone\":\"lt_002HwEx0XlgFHs9gd01bnod6jDhFL\","
                "\"note\":\"lt_003IhMK6jHLCaN6I04Maea9kdtAMI\"}");
    a = get(&r, "/mail/erika%40a.test/1", DESK);
    cr_expect_eq(a.status, 200);
    cr_expect_str_eq(a.body, "{\"phone\":\"(erased)\",\"note\":null}");
    rig_answer_done(&a);
    rig_stop(&r);
}
