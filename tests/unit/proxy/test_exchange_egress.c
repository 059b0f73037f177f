/* SPDX-License-Identifier: Apache-2.0 */
/* Requests of an application to a third party, over real sockets. */
#include "tests/unit/proxy/person_rig.h"

TestSuite(exchange_egress, .init = secret_start, .timeout = 60);

static const struct rig_options routes = {
    .scripts = scripts,
    .script_count = 1,
    .upstream = ", egress: true, insecure_plain: true, allow: [127.0.0.0/8]",
    .routes = "routes:\n"
              "  - {path: \"/pay/{user}\", methods: [POST], upstream: app, subject: path.user,\n"
              "     direction: egress,\n"
              "     request: [{json: \"$.phone\", class: phone}, {query: note, class: note},\n"
              "               {json: \"$.text\", scan: true}, {header: X-Note, class: note}],\n"
              "     response: [{json: \"$.phone\", class: phone}, {json: \"$.notes[*]\", class: "
              "note}]}\n"};

static void store_value(struct rig *r, const char *name, const char *class, const char *value,
                        struct token_text *ret)
{
    struct vault_item item = {.kind = VALUE_STRING, .value = span_str(value)};
    struct vault_tokenize op = {.op = {.kind = VAULT_TOKENIZE},
                                .domain = VAULT_DOMAIN_DEFAULT,
                                .names = {span_str(name)},
                                .name_count = 1,
                                .items = &item,
                                .count = 1};

    item.class_id = vault_class_id(r->vault, classes_find(&r->classes, span_str(class)));
    cr_assert_eq(vault_run(r->vault, &op.op), ERR_OK);
    *ret = item.token;
}

Test(exchange_egress, a_third_party_gets_values_and_its_answer_becomes_tokens)
{
    struct rig r;
    struct rig_answer a;
    struct token_text phone, note;
    char target[512], body[1024], fields[512], seen[8192];

    rig_start(&r, &routes);
    store_value(&r, "erika", "phone", "+49 30 1", &phone);
    store_value(&r, "erika", "note", "likes tea", &note);
    answer_with(201, "application/json", "{\"phone\":\"+49 30 1\",\"notes\":[\"new\"],\"ok\":1}");
    (void)snprintf(target, sizeof(target), "/pay/erika?note=%.*s", note.len, note.bytes);
    (void)snprintf(fields, sizeof(fields), "%sX-Note: %.*s\r\n", DESK, note.len, note.bytes);
    (void)snprintf(body, sizeof(body), "{\"phone\":\"%.*s\",\"amount\": 1.50,\"text\":\"<%.*s>\"}",
                   phone.len, phone.bytes, note.len, note.bytes);
    a = send_json(&r, "POST", target, fields, body);
    cr_assert_eq(a.status, 201, "%s", a.text);
    http_stub_last_request(r.stub, seen, sizeof(seen));
    cr_expect_not_null(strstr(seen, "POST /pay/erika?note=likes%20tea HTTP"), "%s", seen);
    cr_expect_not_null(strstr(seen, "X-Note: likes tea\r\n"), "%s", seen);
    cr_expect_str_eq(body_seen(&r),
                     "{\"phone\":\"+49 30 1\",\"amount\": 1.50,\"text\":\"<likes tea>\"}");
    (void)snprintf(body, sizeof(body), "{\"phone\":\"%.*s\",\"notes\":[\"lt_", phone.len,
                   phone.bytes);
    cr_expect_eq(strncmp(a.body, body, strlen(body)), 0, "%s", a.body);
    cr_expect_not_null(strstr(a.body, "\"],\"ok\":1}"));
    rig_answer_done(&a);
    rig_stop(&r);
}

Test(exchange_egress, what_cannot_become_a_value_is_not_sent)
{
    struct rig r;
    struct token_text phone, others;
    char body[1024];

    rig_start(&r, &routes);
    store_value(&r, "erika", "phone", "+49 30 1", &phone);
    store_value(&r, "otto", "phone", "+49 30 2", &others);
    (void)snprintf(body, sizeof(body), "{\"phone\":\"%.*s\"}", others.len, others.bytes);
    cr_expect_eq(status_of(send_json(&r, "POST", "/pay/erika", DESK, body)), 422, "another's");
    (void)snprintf(body, sizeof(body), "{\"phone\":\"%.*s\"}", phone.len, phone.bytes);
    cr_expect_eq(status_of(send_json(&r, "POST", "/pay/erika", "", body)), 422,
                 "a caller who may not see it");
    cr_expect_eq(status_of(send_json(&r, "POST", "/pay/erika", DESK,
                                     "{\"phone\":\"lt_002HwEx0XlgFHs9gd01bnod6jDhFL\"}")),
                 422, "dead");
    cr_expect_eq(http_stub_requests(r.stub), 0);
    cr_expect_not_null(strstr(rig_log(&r), "cannot become a value"));
    cr_expect_eq(status_of(send_json(&r, "POST", "/pay/erika", DESK, "{\"phone\":\"+49 clear\"}")),
                 204, "what was clear is the application's own matter");
    rig_stop(&r);
}

Test(exchange_egress, an_answer_that_cannot_be_read_is_a_bad_gateway)
{
    struct rig r;

    rig_start(&r, &routes);
    answer_with(200, "text/html", "<p>+49 30 1</p>");
    cr_expect_eq(status_of(send_json(&r, "POST", "/pay/erika", DESK, "{}")), 502);
    answer_with(500, "text/html", "<p>+49 30 1</p>");
    cr_expect_eq(status_of(send_json(&r, "POST", "/pay/erika", DESK, "{}")), 502, "nor an error");
    answer_with(200, "application/json", "{\"phone\":[1]}");
    cr_expect_eq(status_of(send_json(&r, "POST", "/pay/erika", DESK, "{}")), 502);
    answer_with(200, "application/json", "{\"phone\":\"lt_002HwEx0XlgFHs9gd01bnod6jDhFL\"}");
    cr_expect_eq(status_of(send_json(&r, "POST", "/pay/erika", DESK, "{}")), 502,
                 "a token out of nowhere");
    answer_with(404, "application/problem+json", "{\"detail\":\"no\",\"phone\":\"+49 30 1\"}");
    {
        struct rig_answer a = send_json(&r, "POST", "/pay/erika", DESK, "{}");

        cr_expect_eq(a.status, 404);
        cr_expect_null(strstr(a.body, "+49"), "%s", a.body);
        rig_answer_done(&a);
    }
    rig_stop(&r);
}

Test(exchange_egress, an_answer_with_a_name_that_comes_near_is_a_bad_gateway)
{
    struct rig r;

    rig_start(&r, &routes);
    answer_with(200, "application/json", "{\"phone\":\"+49 30 1\",\"Phone\":\"+49 30 2\"}");
    cr_expect_eq(status_of(send_json(&r, "POST", "/pay/erika", DESK, "{}")), 502);
    answer_with(200, "application/json", "{\"phone\":\"+49 30 1\",\"telephone\":1}");
    cr_expect_eq(status_of(send_json(&r, "POST", "/pay/erika", DESK, "{}")), 200, "another name");
    cr_expect_not_null(strstr(rig_log(&r), "\"near_name\""), "%s", rig_log(&r));
    rig_stop(&r);
}

Test(exchange_egress, no_token_leaves_in_another_shape)
{
    struct rig r;
    struct token_text phone;
    char body[1024];

    rig_start(&r, &routes);
    store_value(&r, "erika", "phone", "+49 30 1", &phone);
    (void)snprintf(body, sizeof(body), "[{\"phone\":\"%.*s\"}]", phone.len, phone.bytes);
    cr_expect_eq(status_of(send_json(&r, "POST", "/pay/erika", DESK, body)), 422);
    cr_expect_eq(http_stub_requests(r.stub), 0);
    rig_stop(&r);
}
