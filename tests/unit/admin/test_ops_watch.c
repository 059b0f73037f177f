/* SPDX-License-Identifier: Apache-2.0 */
/* Operations on honeytokens, incidents and suspended callers. */
#include <criterion/criterion.h>

#include "admin/ops.h"
#include "base/log.h"
#include "tests/support/vault_rig.h"
#include "vault/watch.h"

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

    cr_assert_eq(json_parse(span_str(request_text), &request), ERR_OK);
    return ops_run(&b->admin, request, ret, &b->msg);
}

static void expect(struct bench *b, const char *request, enum err wanted)
{
    AUTO(json_free) struct json *response = NULL;

    cr_expect_eq(run(b, request, &response), wanted, "%s: %s", request, b->msg.text);
}

TestSuite(ops_watch, .init = secret_start, .timeout = 60);

Test(ops_watch, a_honeytoken_is_a_canary_with_a_token)
{
    AUTO(bench_stop) struct bench b;
    AUTO(json_free) struct json *made = NULL;
    AUTO(json_free) struct json *list = NULL;
    const struct json *entry;

    bench_start(&b);
    cr_assert_eq(run(&b,
                     "{\"op\":\"honeytoken.create\",\"class\":\"note\",\"value\":\"bait\","
                     "\"subject\":\"nobody\",\"domain\":\"crm\"}",
                     &made),
                 ERR_OK, "%s", b.msg.text);
    cr_expect(token_is(json_text_of(json_get(made, "token"))));
    cr_expect_eq(vault_canary_count(b.rig.vault), 1);
    cr_assert_eq(run(&b, "{\"op\":\"honeytoken.list\"}", &list), ERR_OK);
    entry = json_at(json_get(list, "honeytokens"), 0);
    cr_expect_str_eq(json_str_of(json_get(entry, "domain")), "crm");
    cr_expect_str_eq(json_str_of(json_get(entry, "subject")),
                     json_str_of(json_get(made, "subject")));
    expect(&b, "{\"op\":\"subject.erase\",\"subject\":\"nobody\",\"domain\":\"crm\"}", ERR_OK);
    json_free(&list);
    cr_assert_eq(run(&b, "{\"op\":\"honeytoken.list\"}", &list), ERR_OK);
    cr_expect_eq(json_count(json_get(list, "honeytokens")), 0, "it was erased");
}

Test(ops_watch, nobody_who_is_real_becomes_a_honeytoken)
{
    AUTO(bench_stop) struct bench b;

    bench_start(&b);
    expect(
        &b,
        "{\"op\":\"tokenize\",\"class\":\"mail\",\"subject\":\"ada\",\"values\":[\"ada@x.org\"]}",
        ERR_OK);
    expect(&b,
           "{\"op\":\"honeytoken.create\",\"class\":\"note\",\"value\":\"x\",\"subject\":\"ada\"}",
           ERR_CONFLICT);
    expect(&b, "{\"op\":\"honeytoken.create\",\"class\":\"mail\",\"value\":\"ada@x.org\"}",
           ERR_CONFLICT);
    expect(&b, "{\"op\":\"honeytoken.create\",\"class\":\"mail\",\"value\":\"\"}", ERR_INVALID);
    expect(&b, "{\"op\":\"honeytoken.create\",\"class\":\"male\",\"value\":\"x\"}", ERR_NOT_FOUND);
    expect(&b, "{\"op\":\"honeytoken.create\",\"class\":\"note\"}", ERR_INVALID);
    expect(&b, "{\"op\":\"honeytoken.create\",\"value\":\"x\"}", ERR_INVALID);
    cr_expect_eq(vault_canary_count(b.rig.vault), 0);
    expect(&b, "{\"op\":\"honeytoken.create\",\"class\":\"mail\",\"value\":\"eve@x.org\"}", ERR_OK);
    expect(&b, "{\"op\":\"honeytoken.create\",\"class\":\"mail\",\"value\":\"eve@x.org\"}",
           ERR_CONFLICT);
}

static struct json *two_callers(void *context)
{
    struct json *list = NULL;

    if (context == NULL)
        return NULL;
    cr_assert_eq(json_parse(SPAN_LIT("[{\"caller\":\"desk\",\"suspended\":false,\"quotas\":[]},"
                                     "{\"caller\":\"app\",\"suspended\":false,\"quotas\":[]}]"),
                            &list),
                 ERR_OK);
    return list;
}

static void expect_callers(struct bench *b, const char *request, const char *wanted)
{
    AUTO(json_free) struct json *response = NULL;
    AUTO(buf_done) struct buf text = {.max = 4096};

    cr_assert_eq(run(b, request, &response), ERR_OK, "%s", b->msg.text);
    cr_assert_eq(json_write(response, &text), ERR_OK);
    cr_assert_eq(buf_append_byte(&text, '\0'), ERR_OK);
    cr_expect_str_eq((const char *)text.bytes, wanted);
}

#define NONE "\"quotas\":[]"
#define WHY  "\"incident\":{\"kind\":\"honeytoken\",\"since\":\"1970-01-01T00:00:01.000Z\"}"

Test(ops_watch, callers_are_listed_with_why_they_are_suspended)
{
    AUTO(bench_stop) struct bench b;
    struct vault_incident of_desk = {.at_ms = 1000, .kind = "honeytoken", .caller = "desk"},
                          of_one_that_went = {
                              .at_ms = 1000, .kind = "honeytoken", .caller = "gone"};
    struct vault_watch op = {.op = {.kind = VAULT_WATCH}, .incident = &of_desk};

    bench_start(&b);
    expect_callers(&b, "{\"op\":\"caller.list\"}", "{\"more\":false,\"next\":null,\"callers\":[]}");
    b.admin.callers = two_callers;
    expect_callers(&b, "{\"op\":\"caller.list\"}", "{\"more\":false,\"next\":null,\"callers\":[]}");
    b.admin.callers_context = &b;
    cr_assert_eq(vault_run(b.rig.vault, &op.op), ERR_OK);
    op.incident = &of_one_that_went;
    cr_assert_eq(vault_run(b.rig.vault, &op.op), ERR_OK);
    expect_callers(&b, "{\"op\":\"caller.list\",\"limit\":2}",
                   "{\"more\":true,\"next\":2,\"callers\":["
                   "{\"caller\":\"desk\",\"suspended\":true," NONE "," WHY ",\"number\":1},"
                   "{\"caller\":\"app\",\"suspended\":false," NONE
                   ",\"number\":2,\"incident\":null}]}");
    expect_callers(&b, "{\"op\":\"caller.list\",\"after\":2}",
                   "{\"more\":false,\"next\":null,\"callers\":["
                   "{\"caller\":\"gone\"," NONE "," WHY ",\"suspended\":true,\"number\":3}]}");
}

Test(ops_watch, a_suspended_caller_is_listed_and_restored)
{
    AUTO(bench_stop) struct bench b;
    AUTO(json_free) struct json *list = NULL;
    struct vault_incident incident = {.at_ms = 1000, .kind = "honeytoken", .caller = "desk"};
    struct vault_watch op = {.op = {.kind = VAULT_WATCH}, .incident = &incident};
    const struct json *entry;

    bench_start(&b);
    expect(&b, "{\"op\":\"caller.restore\",\"caller\":\"desk\"}", ERR_NOT_FOUND);
    cr_assert_eq(vault_run(b.rig.vault, &op.op), ERR_OK);
    cr_assert_eq(run(&b, "{\"op\":\"incident.list\"}", &list), ERR_OK);
    entry = json_at(json_get(list, "incidents"), 0);
    cr_expect_str_eq(json_str_of(json_get(entry, "caller")), "desk");
    cr_expect_str_eq(json_str_of(json_get(entry, "state")), "open");
    cr_expect_not(json_bool_of(json_get(list, "more"), true));
    expect(&b, "{\"op\":\"caller.restore\",\"caller\":\"\"}", ERR_INVALID);
    expect(&b, "{\"op\":\"caller.restore\",\"caller\":\"desk\"}", ERR_OK);
    cr_expect_not(vault_caller_is_suspended(vault_caller(b.rig.vault, "desk")));
    json_free(&list);
    cr_assert_eq(run(&b, "{\"op\":\"incident.list\",\"after\":1}", &list), ERR_OK);
    cr_expect_eq(json_count(json_get(list, "incidents")), 0);
}
