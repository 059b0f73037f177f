/* SPDX-License-Identifier: Apache-2.0 */
/* Operations on legal holds, restrictions and objections. */
#include <criterion/criterion.h>
#include <string.h>

#include "admin/access.h"
#include "admin/ops.h"
#include "base/log.h"
#include "retention/report.h"
#include "tests/support/vault_rig.h"

struct bench {
    struct rig rig;
    struct admin admin;
    struct errmsg msg;
};

static void bench_start(struct bench *b)
{
    *b = (struct bench){.msg = {""}};
    log_set_level(LOG_ERROR + 1);
    rig_init(&b->rig);
    b->admin = (struct admin){.vault = b->rig.vault,
                              .classes = &b->rig.classes,
                              .erasures = erasures_new(b->rig.vault, NULL)};
}

static void bench_stop(struct bench *b)
{
    erasures_free(&b->admin.erasures);
    rig_done(&b->rig);
}

/* The result is the caller's. */
static enum err run(struct bench *b, const char *request_text, struct json **ret)
{
    AUTO(json_free) struct json *request = NULL;

    cr_assert_eq(json_parse(span_str(request_text), &request), ERR_OK, "%s", request_text);
    return ops_run(&b->admin, request, ret, &b->msg);
}

static void expect(struct bench *b, const char *request, enum err wanted)
{
    AUTO(json_free) struct json *response = NULL;

    cr_expect_eq(run(b, request, &response), wanted, "%s: %s", request, b->msg.text);
}

static struct json *must(struct bench *b, const char *request)
{
    struct json *response = NULL;

    cr_assert_eq(run(b, request, &response), ERR_OK, "%s: %s", request, b->msg.text);
    return response;
}

#define HOLD(scope)                                                                                \
    "{\"op\":\"hold.add\"," scope ",\"ground\":\"17(3)(b): audit\",\"owner\":\"finance\","         \
    "\"review\":\"2026-06-30\"}"

TestSuite(ops_holds, .init = secret_start, .timeout = 60);

Test(ops_holds, a_hold_says_what_it_keeps_and_why)
{
    AUTO(bench_stop) struct bench b;
    AUTO(json_free) struct json *added = NULL;
    AUTO(json_free) struct json *shown = NULL;

    bench_start(&b);
    (void)rig_store(&b.rig, "note", "anna", "tea");
    (void)rig_store(&b.rig, "brief", "anna", "x");
    added = must(&b, HOLD("\"subject\":\"anna\",\"of_class\":\"note\""));
    cr_expect_eq(json_int_of(json_get(added, "number"), 0), 1);
    shown = must(&b, "{\"op\":\"hold.show\",\"number\":1}");
    cr_expect_str_eq(json_str_of(json_get(shown, "code")), "17(3)(b)");
    cr_expect_str_eq(json_str_of(json_get(shown, "class")), "note");
    cr_expect_str_eq(json_str_of(json_get(shown, "owner")), "finance");
    cr_expect_str_eq(json_str_of(json_get(shown, "review")), "2026-06-30");
    cr_expect_str_eq(json_str_of(json_get(shown, "set_by")), "cli");
    cr_expect_str_eq(json_str_of(json_get(shown, "state")), "in force");
    cr_expect_eq(json_int_of(json_get(shown, "items"), -1), 1);
    cr_expect_eq(json_int_of(json_get(shown, "due"), -1), 0);
}

Test(ops_holds, what_is_missing_or_names_the_person_is_refused)
{
    AUTO(bench_stop) struct bench b;

    bench_start(&b);
    (void)rig_store(&b.rig, "note", "anna", "tea");
    expect(&b, HOLD("\"of_class\":\"nothing\""), ERR_NOT_FOUND);
    expect(&b, HOLD("\"subject\":\"nobody\""), ERR_NOT_FOUND);
    expect(&b, HOLD("\"domain\":\"default\""), ERR_INVALID);
    expect(&b, "{\"op\":\"hold.add\",\"subject\":\"anna\",\"ground\":\"x\",\"owner\":\"y\"}",
           ERR_INVALID);
    expect(&b,
           "{\"op\":\"hold.add\",\"subject\":\"anna\",\"ground\":\"x\",\"owner\":\"y\","
           "\"review\":\"2028-01-01\"}",
           ERR_INVALID);
    expect(&b,
           "{\"op\":\"hold.add\",\"subject\":\"anna\",\"ground\":\"about Anna\",\"owner\":\"y\","
           "\"review\":\"2026-06-30\"}",
           ERR_INVALID);
    expect(&b,
           "{\"op\":\"hold.add\",\"subject\":\"anna\",\"ground\":\"two\\nlines\",\"owner\":\"y\","
           "\"review\":\"2026-06-30\"}",
           ERR_INVALID);
    expect(&b, "{\"op\":\"hold.show\",\"number\":1}", ERR_NOT_FOUND);
    expect(&b, "{\"op\":\"hold.show\"}", ERR_INVALID);
    expect(&b, "{\"op\":\"hold.lift\",\"number\":1,\"reason\":\"x\"}", ERR_NOT_FOUND);
}

Test(ops_holds, an_overdue_review_wants_attention)
{
    AUTO(bench_stop) struct bench b;
    AUTO(json_free) struct json *added = NULL;
    AUTO(json_free) struct json *list = NULL;
    AUTO(json_free) struct json *report = NULL;
    AUTO(json_free) struct json *before = NULL;
    const struct json *row;

    bench_start(&b);
    added = must(&b, HOLD("\"of_class\":\"note\""));
    before = must(&b, "{\"op\":\"report\",\"report\":\"holds\"}");
    cr_expect_not(report_needs_attention(before));
    rig_clock(RIG_NOW_S + 180 * RIG_DAY_S);
    expect(&b, "{\"op\":\"clock.accept\"}", ERR_OK);
    list = must(&b, "{\"op\":\"hold.list\"}");
    cr_expect(json_bool_of(json_get(list, "attention"), false));
    cr_expect_str_eq(json_str_of(json_get(json_at(json_get(list, "holds"), 0), "state")),
                     "review overdue");
    report = must(&b, "{\"op\":\"report\",\"report\":\"holds\"}");
    cr_expect(report_needs_attention(report));
    row = json_at(json_get(report, "rows"), 0);
    cr_expect_eq(json_int_of(json_get(row, "age_days"), 0), 180);
    cr_expect_str_eq(json_str_of(json_get(row, "scope")), "class");
    cr_expect_eq(json_int_of(json_get(json_get(report, "summary"), "in_force"), 0), 1);
}

Test(ops_holds, an_erasure_that_is_held_says_so_and_is_carried_out_by_the_lifting)
{
    AUTO(bench_stop) struct bench b;
    AUTO(json_free) struct json *added = NULL;
    AUTO(json_free) struct json *held = NULL;
    AUTO(json_free) struct json *shown = NULL;
    AUTO(json_free) struct json *report = NULL;
    AUTO(json_free) struct json *lifted = NULL;
    char value[256];
    struct token_text token;

    bench_start(&b);
    token = rig_store(&b.rig, "note", "anna", "tea");
    added = must(&b, HOLD("\"subject\":\"anna\""));
    held = must(&b, "{\"op\":\"subject.erase\",\"subject\":\"anna\",\"reason\":\"asked\"}");
    cr_expect_str_eq(json_str_of(json_get(held, "state")), "held");
    cr_expect_eq(json_int_of(json_at(json_get(held, "holds"), 0), 0), 1);
    cr_expect_eq(rig_reveal(&b.rig, &token, value), ERR_RESTRICTED);
    shown = must(&b, "{\"op\":\"subject.show\",\"subject\":\"anna\"}");
    cr_expect(json_bool_of(json_get(shown, "restricted"), false));
    cr_expect_str_eq(json_str_of(json_get(shown, "erasure_waiting")),
                     json_str_of(json_get(held, "number")));
    report = must(&b, "{\"op\":\"report\",\"report\":\"holds\"}");
    cr_expect_eq(json_int_of(json_get(json_at(json_get(report, "rows"), 0), "erasures_waiting"), 0),
                 1);
    lifted = must(&b, "{\"op\":\"hold.lift\",\"number\":1,\"reason\":\"settled\"}");
    cr_expect_eq(json_int_of(json_get(lifted, "erasures"), 0), 1);
    cr_expect_eq(rig_reveal(&b.rig, &token, value), ERR_NOT_FOUND);
    expect(&b, "{\"op\":\"hold.lift\",\"number\":1,\"reason\":\"settled\"}", ERR_CONFLICT);
}

Test(ops_holds, values_on_hold_are_revealed_with_the_number_of_their_hold_only)
{
    AUTO(bench_stop) struct bench b;
    AUTO(json_free) struct json *added = NULL;
    struct access_who who = {.number = 1, .name = "ada"};
    struct token_text token;
    char request[256];
    static const struct {
        const char *hold;
        const char *value; /* NULL: none */
        int held;
    } cases[] = {{"", NULL, 1}, {",\"hold\":1", "tea", 0}};

    bench_start(&b);
    token = rig_store(&b.rig, "note", "anna", "tea");
    added = must(&b, HOLD("\"subject\":\"anna\""));
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        AUTO(json_free) struct json *got = NULL;
        const char *value;

        (void)snprintf(request, sizeof(request), "{\"op\":\"reveal\",\"tokens\":[\"%.*s\"]%s}",
                       (int)token.len, token.bytes, cases[i].hold);
        got = must(&b, request);
        value = json_str_of(json_at(json_get(got, "values"), 0));
        cr_expect_eq(value == NULL, cases[i].value == NULL);
        cr_expect(value == NULL || strcmp(value, cases[i].value) == 0);
        cr_expect_eq(json_int_of(json_get(got, "held"), -1), cases[i].held);
    }
    expect(&b, "{\"op\":\"reveal\",\"tokens\":[\"x\"],\"hold\":2}", ERR_NOT_FOUND);
    expect(&b, "{\"op\":\"reveal\",\"tokens\":[\"x\"],\"hold\":0}", ERR_INVALID);
    b.admin.who = &who;
    expect(&b, "{\"op\":\"reveal\",\"tokens\":[\"x\"],\"hold\":1}", ERR_DENIED);
}

Test(ops_holds, a_restriction_ends_with_a_notice_and_an_objection_when_it_is_withdrawn)
{
    AUTO(bench_stop) struct bench b;

    bench_start(&b);
    (void)rig_store(&b.rig, "note", "anna", "tea");
    expect(&b, "{\"op\":\"subject.restrict\",\"subject\":\"anna\"}", ERR_INVALID);
    expect(&b, "{\"op\":\"subject.restrict\",\"subject\":\"anna\",\"ground\":\"e\"}", ERR_INVALID);
    expect(&b, "{\"op\":\"subject.restrict\",\"subject\":\"anna\",\"ground\":\"18(1)(b)\"}",
           ERR_OK);
    expect(&b, "{\"op\":\"subject.restrict\",\"subject\":\"anna\",\"ground\":\"b\"}", ERR_CONFLICT);
    expect(&b, "{\"op\":\"subject.unrestrict\",\"subject\":\"anna\"}", ERR_INVALID);
    expect(&b,
           "{\"op\":\"subject.unrestrict\",\"subject\":\"anna\",\"notice_sent\":\"2026-01-11\"}",
           ERR_INVALID);
    expect(&b,
           "{\"op\":\"subject.unrestrict\",\"subject\":\"anna\",\"notice_sent\":\"2026-01-09\"}",
           ERR_OK);
    expect(&b,
           "{\"op\":\"subject.unrestrict\",\"subject\":\"anna\",\"notice_sent\":\"2026-01-09\"}",
           ERR_CONFLICT);
    expect(&b, "{\"op\":\"subject.object\",\"subject\":\"anna\",\"purpose\":\"nothing\"}",
           ERR_NOT_FOUND);
    expect(&b, "{\"op\":\"subject.object\",\"subject\":\"anna\",\"purpose\":\"support\"}", ERR_OK);
    expect(&b, "{\"op\":\"subject.object\",\"subject\":\"anna\",\"purpose\":\"support\"}",
           ERR_CONFLICT);
    expect(&b,
           "{\"op\":\"subject.object\",\"subject\":\"anna\",\"purpose\":\"support\","
           "\"withdraw\":true}",
           ERR_OK);
}

static int64_t number_of(struct bench *b, const char *request)
{
    AUTO(json_free) struct json *response = must(b, request);

    return json_int_of(json_get(response, "number"), 0);
}

Test(ops_holds, an_objection_that_is_withdrawn_is_told_by_its_number)
{
    AUTO(bench_stop) struct bench b;
    int64_t set, withdrawn;

    bench_start(&b);
    (void)rig_store(&b.rig, "note", "anna", "tea");
    (void)rig_store(&b.rig, "note", "bert", "tea");
    (void)number_of(&b, "{\"op\":\"subject.object\",\"subject\":\"bert\",\"purpose\":\"support\"}");
    set = number_of(&b, "{\"op\":\"subject.object\",\"subject\":\"anna\",\"purpose\":\"support\"}");
    withdrawn = number_of(&b, "{\"op\":\"subject.object\",\"subject\":\"anna\",\"purpose\":"
                              "\"support\",\"withdraw\":true}");
    cr_assert_eq(set, 2);
    cr_assert_eq(withdrawn, set);
}
