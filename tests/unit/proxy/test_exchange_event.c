/* SPDX-License-Identifier: Apache-2.0 */
/* Events that answers post, over real sockets. */
#include "tests/unit/proxy/person_rig.h"

#include "base/fault.h"
#include "vault/audit_read.h"
#include "vault/events.h"

TestSuite(exchange_event, .init = secret_start, .timeout = 60);

#define CASE                                                                                       \
    "  case: {format: opaque, purposes: [support], basis: \"6(1)(b)\","                            \
    " retain: {period: P90D, from: \"event:closed\", backstop: P2Y}}\n"

static const struct rig_options routes = {
    .scripts = scripts,
    .script_count = 1,
    .classes = CASE,
    .reveal = ", case: value",
    .routes =
        "events: {closed: {callers: [desk]}}\n"
        "routes:\n"
        "  - {path: \"/users/{id}\", methods: [PUT, GET], upstream: app, subject: path.id,\n"
        "     request: [{json: \"$.case\", class: case}, {json: \"$.email\", class: email}],\n"
        "     response: [{json: \"$.case\", class: case}]}\n"
        "  - {path: \"/users/{id}/closed\", upstream: app, subject: path.id,\n"
        "     event: {name: closed}}\n"
        "  - {path: \"/users/{id}/case\", upstream: app, subject: path.id,\n"
        "     request: [{json: \"$.case\", class: case}],\n"
        "     response: [{json: \"$.case\", class: case}, {text: \"*\"}],\n"
        "     event: {name: closed, when: \"2xx\"}}\n"
        "  - {path: \"/users/{id}/gone\", upstream: app, subject: path.id,\n"
        "     event: {name: closed, when: [404, 410]}}\n"};

static void store_ada(struct rig *r)
{
    answer_with(201, "application/json", "{}");
    cr_assert_eq(status_of(send_json(r, "PUT", "/users/7", "", "{\"case\":\"a case\"}")), 201);
    answer_with(200, "application/json", body_seen(r));
}

/* When the event of this person that counts happened; 0: none is known. */
static int64_t event_of(const struct rig *r, const char *person)
{
    struct vault_event_known known = {.at_s = 0};
    struct vault_reader *reader = NULL;
    uint64_t slot;

    cr_assert_eq(vault_reader_open(r->vault, &reader), ERR_OK);
    cr_assert_eq(vault_read_begin(reader), ERR_OK);
    if (vault_read_subject(reader, VAULT_DOMAIN_DEFAULT, span_str(person), &slot) == ERR_OK &&
        vault_read_event(reader, slot, "", &known) == ERR_OK)
        cr_assert_str_eq(known.name, "closed");
    vault_read_end(reader);
    vault_reader_close(&reader);
    return known.at_s;
}

Test(exchange_event, is_kept_before_the_answer_passes)
{
    struct rig r;

    rig_start(&r, &routes);
    store_ada(&r);
    cr_assert_eq(event_of(&r, "7"), 0);
    cr_assert_eq(status_of(get(&r, "/users/7/closed", DESK)), 200);
    cr_assert_geq(event_of(&r, "7"), clock_now_s() - 60);
    rig_stop(&r);
}

/* The answer is shown, streamed or passed: in each case whole, and after the event. */
Test(exchange_event, leaves_answers_of_all_kinds_as_they_are)
{
    struct rig_answer a;
    struct rig r;

    rig_start(&r, &routes);
    store_ada(&r);
    a = get(&r, "/users/7/case", DESK);
    cr_assert_eq(a.status, 200);
    cr_assert_str_eq(a.body, "{\"case\":\"a case\"}");
    rig_answer_done(&a);
    cr_assert_neq(event_of(&r, "7"), 0);
    answer_with(200, "text/plain", "a text");
    a = get(&r, "/users/7/case", DESK);
    cr_assert(a.whole);
    cr_assert_str_eq(a.body, "a text");
    rig_answer_done(&a);
    (void)snprintf(answer, sizeof(answer), "HTTP/1.1 204 No Content\r\n\r\n");
    cr_assert_eq(status_of(get(&r, "/users/7/case", DESK)), 204);
    cr_assert_eq(status_of(get(&r, "/users/7/closed", DESK)), 204);
    rig_stop(&r);
}

/* More than the upstream is read ahead for. */
Test(exchange_event, passes_a_long_answer_on)
{
    static char body[60000];
    struct rig_answer a;
    struct rig r;

    memset(body, 'x', sizeof(body) - 1);
    rig_start(&r, &routes);
    store_ada(&r);
    answer_with(200, "text/html", body);
    a = get(&r, "/users/7/closed", DESK);
    cr_assert_eq(a.status, 200);
    cr_assert_eq(a.body_len, sizeof(body) - 1);
    rig_answer_done(&a);
    cr_assert_neq(event_of(&r, "7"), 0);
    rig_stop(&r);
}

Test(exchange_event, is_of_whom_the_same_request_makes_known)
{
    struct rig r;

    rig_start(&r, &routes);
    answer_with(200, "application/json", "{}");
    cr_assert_eq(status_of(send_json(&r, "POST", "/users/8/case", DESK, "{\"case\":\"new\"}")),
                 200);
    cr_assert_neq(event_of(&r, "8"), 0);
    rig_stop(&r);
}

Test(exchange_event, is_posted_for_the_statuses_that_the_route_names)
{
    static const struct {
        int status;
        const char *target;
        bool posts;
    } cases[] = {{500, "/users/7/closed", false}, {304, "/users/7/closed", false},
                 {404, "/users/7/closed", false}, {500, "/users/7/case", false},
                 {200, "/users/7/gone", false},   {410, "/users/7/gone", true}};
    struct rig r;

    rig_start(&r, &routes);
    store_ada(&r);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        answer_with(cases[i].status, "application/json", "");
        cr_expect_eq(status_of(get(&r, cases[i].target, DESK)), cases[i].status);
        cr_expect_eq(event_of(&r, "7") != 0, cases[i].posts, "%d %s", cases[i].status,
                     cases[i].target);
    }
    rig_stop(&r);
}

Test(exchange_event, is_for_callers_that_are_listed)
{
    struct rig r;
    size_t before;

    rig_start(&r, &routes);
    store_ada(&r);
    before = http_stub_requests(r.stub);
    cr_assert_eq(status_of(get(&r, "/users/7/closed", CLERK)), 403);
    cr_assert_eq(status_of(get(&r, "/users/7/closed", "")), 403);
    cr_assert_eq(http_stub_requests(r.stub), before, "it went up");
    cr_assert_eq(event_of(&r, "7"), 0);
    rig_stop(&r);
}

Test(exchange_event, of_somebody_unknown_is_none_and_the_answer_passes)
{
    struct rig r;

    rig_start(&r, &routes);
    answer_with(200, "application/json", "{}");
    cr_assert_eq(status_of(get(&r, "/users/nobody/closed", DESK)), 200);
    cr_assert_not_null(strstr(rig_log(&r), "no such person"));
    cr_assert_null(strstr(rig_log(&r), "nobody/"));
    rig_stop(&r);
}

Test(exchange_event, that_cannot_be_kept_keeps_the_answer_back)
{
    struct rig r;
    struct rig_answer a;
    static const char *const targets[] = {"/users/7/closed", "/users/7/case"};

    rig_start(&r, &routes);
    store_ada(&r);
    for (size_t i = 0; i < COUNT_OF(targets); i++) {
        if (i > 0) /* shows nothing, so that it waits for no record */
            answer_with(200, "application/json", "{}");
        fault_test_set("commit.fail!", NULL);
        a = get(&r, targets[i], DESK);
        fault_test_set(NULL, NULL);
        cr_expect_eq(a.status, 503, "%s: %d", targets[i], a.status);
        cr_expect_null(strstr(a.text, "ETag"), "%s", a.text);
        cr_expect_null(strstr(a.text, "a case"), "%s", a.text);
        rig_answer_done(&a);
    }
    cr_expect_eq(event_of(&r, "7"), 0);
    cr_expect_eq(status_of(get(&r, "/users/7/closed", DESK)), 200, "the retry");
    cr_expect_neq(event_of(&r, "7"), 0);
    rig_stop(&r);
}

static enum err count_event(const struct audit_record *record, void *context)
{
    size_t *counts = context;

    if (record->action == AUDIT_EVENT) {
        cr_assert(span_equal(record->who, SPAN_LIT("desk")));
        cr_assert(span_equal(record->object, SPAN_LIT("closed")));
        cr_assert_eq(record->entry_count, 1);
        counts[record->outcome]++;
    }
    return ERR_OK;
}

Test(exchange_event, is_recorded)
{
    static const struct audit_filter all = {.after = 0};
    size_t counts[AUDIT_FAILED + 1] = {0};
    struct rig r;

    rig_start(&r, &routes);
    store_ada(&r);
    cr_assert_eq(status_of(get(&r, "/users/7/closed", DESK)), 200);
    store_ada(&r); /* a record that is waited for comes behind those that are not */
    cr_assert_eq(audit_each(vault_dir(r.vault), &all, count_event, counts), ERR_OK);
    cr_assert_eq(counts[AUDIT_BEGUN], 1);
    cr_assert_eq(counts[AUDIT_DONE], 1);
    rig_stop(&r);
}
