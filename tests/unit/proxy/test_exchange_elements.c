/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of people: each element of a body says whose its values are. Over real sockets. */
#include "tests/unit/proxy/person_rig.h"

TestSuite(exchange_elements, .init = secret_start, .timeout = 60);

static const struct rig_options routes = {
    .scripts = scripts,
    .script_count = 1,
    .routes = "routes:\n"
              "  - {path: /people, methods: [GET, POST], upstream: app, subject: \"@.id\",\n"
              "     request: [{json: \"$[*].phone\", class: phone},\n"
              "               {json: \"$[*].notes[*]\", class: note}],\n"
              "     response: [{json: \"$[*].phone\", class: phone},\n"
              "                {json: \"$[*].notes[*]\", class: note}]}\n"
              "  - {path: \"/people/{id}\", methods: [PUT, GET], upstream: app, subject: path.id,\n"
              "     request: [{json: \"$.phone\", class: phone}],\n"
              "     response: [{json: \"$.phone\", class: phone}]}\n"};

#define PEOPLE                                                                                     \
    "[{\"id\":1,\"phone\":\"+49 1\",\"notes\":[\"a\",\"b\"]}, "                                    \
    "{\"phone\":\"+49 2\",\"id\":\"two\"},{\"id\":null},{\"id\":1,\"notes\":[\"c\"]}]"

static uint64_t slot_of(struct rig *r, const char *name)
{
    struct vault_reader *reader = NULL;
    uint64_t slot = 0;

    cr_assert_eq(vault_reader_open(r->vault, &reader), ERR_OK);
    cr_assert_eq(vault_read_begin(reader), ERR_OK);
    (void)!vault_read_subject(reader, VAULT_DOMAIN_DEFAULT, span_str(name), &slot);
    vault_read_end(reader);
    vault_reader_close(&reader);
    return slot;
}

static void erase(struct rig *r, const char *name)
{
    struct vault_erasure erasure = {0};
    struct vault_erase op = {.op = {.kind = VAULT_ERASE},
                             .domain = VAULT_DOMAIN_DEFAULT,
                             .name = span_str(name),
                             .erasure = &erasure};

    cr_assert_eq(vault_run(r->vault, &op.op), ERR_OK);
    vault_erasure_done(&erasure);
}

Test(exchange_elements, each_persons_values_are_that_persons)
{
    struct rig r;
    struct rig_answer a;
    char stored[8192];

    rig_start(&r, &routes);
    cr_assert_eq(status_of(send_json(&r, "POST", "/people", "", PEOPLE)), 204);
    (void)snprintf(stored, sizeof(stored), "%s", body_seen(&r));
    cr_expect_null(strstr(stored, "+49"), "%s", stored);
    cr_expect_neq(slot_of(&r, "1"), 0);
    cr_expect_neq(slot_of(&r, "two"), 0);
    cr_expect_neq(slot_of(&r, "1"), slot_of(&r, "two"));
    answer_with(200, "application/json", stored);
    a = get(&r, "/people", DESK);
    cr_expect_str_eq(a.body, PEOPLE);
    rig_answer_done(&a);
    erase(&r, "1");
    a = get(&r, "/people", DESK);
    cr_expect_null(strstr(a.body, "+49 1"), "%s", a.body);
    cr_expect_null(strstr(a.body, "\"c\""), "%s", a.body);
    cr_expect_not_null(strstr(a.body, "+49 2"), "%s", a.body);
    rig_answer_done(&a);
    rig_stop(&r);
}

Test(exchange_elements, e24_a_token_moved_to_another_element_stays_closed)
{
    struct rig r;
    struct rig_answer a;
    char first[TOKEN_TEXT_MAX + 1], body[4096];

    rig_start(&r, &routes);
    cr_assert_eq(status_of(send_json(&r, "PUT", "/people/1", "", "{\"phone\":\"+49 1\"}")), 204);
    (void)token_seen(&r, "phone", first);
    cr_assert_eq(status_of(send_json(&r, "PUT", "/people/two", "", "{\"phone\":\"+49 2\"}")), 204);
    (void)snprintf(body, sizeof(body),
                   "[{\"id\":\"two\",\"phone\":\"%s\"},{\"id\":\"1\",\"phone\":\"%s\"},"
                   "{\"id\":\"nobody\",\"phone\":\"%s\"},{\"phone\":\"%s\"}]",
                   first, first, first, first);
    answer_with(200, "application/json", body);
    a = get(&r, "/people", DESK);
    (void)snprintf(body, sizeof(body),
                   "[{\"id\":\"two\",\"phone\":\"%s\"},{\"id\":\"1\",\"phone\":\"+49 1\"},"
                   "{\"id\":\"nobody\",\"phone\":\"%s\"},{\"phone\":\"%s\"}]",
                   first, first, first);
    cr_expect_str_eq(a.body, body);
    rig_answer_done(&a);
    rig_stop(&r);
}

Test(exchange_elements, values_of_nobody_are_refused_and_none_is_stored)
{
    static const char *const bodies[] = {
        "[{\"id\":\"new\",\"phone\":\"1\"},{\"phone\":\"2\"}]",
        "[{\"id\":\"new\",\"phone\":\"1\"},{\"id\":null,\"phone\":\"2\"}]",
        "[{\"id\":\"new\",\"phone\":\"1\"},{\"id\":\"\",\"phone\":\"2\"}]",
        "[{\"id\":\"new\",\"phone\":\"1\"},{\"id\":{},\"phone\":\"2\"}]",
        "[{\"phone\":\"1\",\"id\":\"lt_002HwEx0XlgFHs9gd01bnod6jDhFL\"}]"};
    struct rig r;

    rig_start(&r, &routes);
    for (size_t i = 0; i < COUNT_OF(bodies); i++)
        cr_expect_eq(status_of(send_json(&r, "POST", "/people", "", bodies[i])), 422, "%s",
                     bodies[i]);
    cr_expect_eq(http_stub_requests(r.stub), 0);
    cr_expect_eq(slot_of(&r, "new"), 0);
    rig_stop(&r);
}
