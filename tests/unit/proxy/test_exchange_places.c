/* SPDX-License-Identifier: Apache-2.0 */
/* Values outside bodies, over real sockets: queries, paths, header fields. */
#include "tests/unit/proxy/person_rig.h"

TestSuite(exchange_places, .init = secret_start, .timeout = 60);

static const struct rig_options routes = {
    .scripts = scripts,
    .script_count = 1,
    .routes =
        "routes:\n"
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
        "     binding: strict, response: [{header: X-Note, class: note}]}\n"
        "  - {path: \"/jar/{user}\", methods: [GET, POST], upstream: app, subject: path.user,\n"
        "     request: [{cookie: mail, class: email}],\n"
        "     response: [{cookie: mail, class: email}, {location: \"*\"},\n"
        "                {header: X-Text, scan: true},\n"
        "                {json: \"$.text\", scan: true, gone: \"(gone)\"},\n"
        "                {json: \"$.notes\", deep: true, scan: true, class: note}]}\n"};

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

/* Erika's phone and note, known to the jar's routes by her name. */
static void store_value(struct rig *r, const char *class, const char *value, struct token_text *ret)
{
    struct vault_item item = {.kind = VALUE_STRING, .value = span_str(value)};
    struct vault_tokenize op = {.op = {.kind = VAULT_TOKENIZE},
                                .domain = VAULT_DOMAIN_DEFAULT,
                                .names = {SPAN_LIT("erika")},
                                .name_count = 1,
                                .items = &item,
                                .count = 1};

    item.class_id = vault_class_id(r->vault, classes_find(&r->classes, span_str(class)));
    cr_assert_eq(vault_run(r->vault, &op.op), ERR_OK);
    *ret = item.token;
}

Test(exchange_places, cookies_become_tokens_and_come_back)
{
    struct rig r;
    struct rig_answer a;
    struct span token;

    rig_start(&r, &routes);
    cr_expect_eq(status_of(get(&r, "/jar/erika", "Cookie: a=\"x\"; mail=erika@a.test; b=2\r\n")),
                 204);
    token = token_after(&r, "Cookie: a=\"x\"; mail=", ";");
    cr_expect(token_is(token), "%.*s", (int)token.len, token.at);
    cr_expect_eq(strncmp(token.at + token.len, "; b=2\r", 6), 0);
    (void)snprintf(answer, sizeof(answer),
                   "HTTP/1.1 200 OK\r\nSet-Cookie: x=1\r\nSet-Cookie: mail=%.*s; Path=/; Secure\r\n"
                   "Content-Length: 0\r\n\r\n",
                   (int)token.len, token.at);
    a = get(&r, "/jar/erika", DESK);
    cr_expect(rig_has(&a, "Set-Cookie: x=1"), "%s", a.text);
    cr_expect(rig_has(&a, "Set-Cookie: mail=e***@a.test; Path=/; Secure"), "%s", a.text);
    rig_answer_done(&a);
    cr_expect_eq(status_of(get(&r, "/jar/erika", "Cookie: mail=a@b\r\nCookie: mail=c@d\r\n")), 400,
                 "two fields");
    cr_expect_eq(status_of(get(&r, "/jar/erika", "Cookie: mail=a@b; mail=c@d\r\n")), 400);
    rig_stop(&r);
}

Test(exchange_places, tokens_in_a_location_become_values)
{
    struct rig r;
    struct rig_answer a;
    struct token_text mail, phone;

    rig_start(&r, &routes);
    store_value(&r, "email", "erika@a.test", &mail);
    store_value(&r, "phone", "+49 30/1?&", &phone);
    (void)snprintf(
        answer, sizeof(answer),
        "HTTP/1.1 303 See Other\r\nLocation: https://a.test/x/%.*s/y%%20z?m=%.*s%%40tok.invalid"
        "&q=1#lt_f\r\nContent-Length: 0\r\n\r\n",
        phone.len, phone.bytes, 37, mail.bytes);
    a = get(&r, "/jar/erika", DESK);
    cr_expect(rig_has(&a,
                      "Location: https://a.test/x/%2B49%2030%2F1%3F%26/y%20z?m=e%2A%2A%2A%40a.test"
                      "&q=1#lt_f") ||
                  strstr(a.text, "m=e%2A%2A%2A%40a.test&q=1#lt_f") != NULL,
              "%s", a.text);
    rig_answer_done(&a);
    rig_stop(&r);
}

Test(exchange_places, tokens_inside_texts_become_values)
{
    struct rig r;
    struct rig_answer a;
    struct token_text phone, note;
    char body[1024];

    rig_start(&r, &routes);
    store_value(&r, "phone", "\"+49\"", &phone);
    store_value(&r, "note", "tea", &note);
    (void)snprintf(body, sizeof(body),
                   "{\"text\":\"call \\u00e9 %.*s, or %.*s! lt_002HwEx0XlgFHs9gd01bnod6jDhFL\","
                   "\"notes\":[1,{\"x\":\"<%.*s> %.*s\"}]}",
                   phone.len, phone.bytes, note.len, note.bytes, note.len, note.bytes, phone.len,
                   phone.bytes);
    (void)snprintf(answer, sizeof(answer),
                   "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Text: a %.*s b\r\n"
                   "Content-Length: %zu\r\n\r\n%s",
                   note.len, note.bytes, strlen(body), body);
    a = get(&r, "/jar/erika", DESK);
    (void)snprintf(body, sizeof(body),
                   "{\"text\":\"call \\u00e9 \\\"+49\\\", or tea! (gone)\","
                   "\"notes\":[1,{\"x\":\"<tea> %.*s\"}]}",
                   phone.len, phone.bytes);
    cr_expect_str_eq(a.body, body, "%s", a.body);
    cr_expect(rig_has(&a, "X-Text: a tea b"), "%s", a.text);
    rig_answer_done(&a);
    a = get(&r, "/jar/erika", "");
    cr_expect_null(strstr(a.text, "tea"), "%s", a.text);
    rig_answer_done(&a);
    rig_stop(&r);
}
