/* SPDX-License-Identifier: Apache-2.0 */
/* Operations on the register of requests: people are found here, and go no further. */
#include <criterion/criterion.h>

#include "admin/ops.h"
#include "base/log.h"
#include "tests/unit/retention/request_rig.h"

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
                              .erasures = erasures_new(b->rig.vault, NULL),
                              .executed_by = "uid 1000"};
    b->admin.requests = requests_new(b->rig.vault, b->admin.erasures, NULL);
    configure_requests(b->admin.requests, "other: 1\n");
}

static void bench_stop(struct bench *b)
{
    requests_free(&b->admin.requests);
    erasures_free(&b->admin.erasures);
    rig_done(&b->rig);
}

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

/* A member of request 1 as text. */
static const char *get(struct bench *b, const char *name)
{
    static char text[128];
    AUTO(json_free) struct json *view = NULL;
    const char *value;

    cr_assert_eq(run(b, "{\"op\":\"request.show\",\"number\":1}", &view), ERR_OK, "%s",
                 b->msg.text);
    value = json_str_of(json_get(view, name));
    (void)snprintf(text, sizeof(text), "%s", value == NULL ? "" : value);
    return text;
}

TestSuite(ops_requests, .init = secret_start, .timeout = 60);

#define ADD(more)                                                                                  \
    "{\"op\":\"request.add\",\"with\":{\"rights\":[\"erasure\"],\"channel\":\"email\"}" more "}"
#define ACT(action, with, more)                                                                    \
    "{\"op\":\"request.act\",\"number\":1,\"action\":\"" action "\",\"with\":{" with "}" more "}"

Test(ops_requests, an_erasure_from_its_beginning_to_its_end)
{
    AUTO(bench_stop) struct bench b;
    struct token_text token;
    char value[256];

    bench_start(&b);
    token = rig_store(&b.rig, "note", "ada", "likes tea");
    expect(&b, ADD(",\"subject\":\"ada\""), ERR_OK);
    expect(&b, ACT("verify-identity", "\"method\":\"login\"", ""), ERR_OK);
    expect(&b, ACT("scope", "", ""), ERR_OK);
    expect(&b, ACT("approve", "\"by\":\"M. Roe\"", ""), ERR_OK);
    expect(&b, ACT("execute", "", ""), ERR_OK);
    cr_expect_str_eq(get(&b, "state"), "verified_done");
    cr_expect_eq(rig_reveal(&b.rig, &token, value), ERR_NOT_FOUND);
    expect(&b, ACT("answer", "\"channel\":\"letter\",\"template\":\"granted-en-1\"", ""), ERR_OK);
    expect(&b, ACT("close", "", ""), ERR_OK);
    cr_expect_str_eq(get(&b, "state"), "closed");
}

/* D12 */
Test(ops_requests, find_a_person_by_a_token_alone)
{
    AUTO(bench_stop) struct bench b;
    struct token_text token;
    char request[512];

    bench_start(&b);
    token = rig_store(&b.rig, "note", "ada", "likes tea");
    expect(&b, ADD(""), ERR_OK);
    (void)snprintf(request, sizeof(request),
                   ACT("verify-identity", "\"method\":\"portal\"", ",\"token\":\"%.*s\""),
                   (int)token.len, token.bytes);
    expect(&b, request, ERR_OK);
    cr_expect_str_eq(get(&b, "state"), "verified");
    cr_expect_eq(strlen(get(&b, "subject")), 32);
    cr_expect_str_eq(get(&b, "domain"), "default");
}

Test(ops_requests, note_that_nobody_was_found)
{
    AUTO(bench_stop) struct bench b;
    AUTO(json_free) struct json *view = NULL;

    bench_start(&b);
    expect(&b, ADD(",\"subject\":\"nobody\",\"domain\":\"crm\""), ERR_OK);
    expect(&b, ACT("verify-identity", "\"method\":\"login\"", ",\"token\":\"lt_nothing\""),
           ERR_NOT_FOUND);
    cr_assert_eq(run(&b, "{\"op\":\"request.show\",\"number\":1}", &view), ERR_OK);
    cr_assert_eq(json_count(json_get(view, "lookups")), 2);
    cr_expect_str_eq(json_str_of(json_get(json_at(json_get(view, "lookups"), 0), "domain")), "crm");
    cr_expect_str_eq(json_str_of(json_get(json_at(json_get(view, "lookups"), 1), "by")), "token");
    expect(&b, ACT("refuse", "\"reason\":\"not_identifiable\"", ""), ERR_OK);
    cr_expect_str_eq(get(&b, "state"), "not_identifiable");
}

/* The register's file never has the identifier. */
Test(ops_requests, no_text_names_the_person)
{
    static const char *const wrong[] = {
        "{\"op\":\"request.add\",\"with\":{\"rights\":[\"access\"],\"channel\":\"email\","
        "\"external\":\"mail from ADA@example.org\"},\"subject\":\"ada@example.org\"}",
        "{\"op\":\"request.add\",\"with\":{\"rights\":[\"access\",\"ada@example.org\"],"
        "\"channel\":\"email\"},\"subject\":\"ada@example.org\"}",
        "{\"op\":\"request.add\",\"with\":{\"a\":[{\"b\":\"ada@example.org\"}]},"
        "\"subject\":\"ada@example.org\"}",
    };
    AUTO(bench_stop) struct bench b;

    bench_start(&b);
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        expect(&b, wrong[i], ERR_INVALID);
        cr_expect_not_null(strstr(b.msg.text, "must name nobody"), "%s", b.msg.text);
    }
}

Test(ops_requests, that_make_no_sense_are_refused)
{
    static const struct {
        const char *request;
        enum err e;
    } wrong[] = {
        {"{\"op\":\"request.add\"}", ERR_INVALID},
        {"{\"op\":\"request.add\",\"with\":[]}", ERR_INVALID},
        {ADD(",\"domain\":\"crm\""), ERR_INVALID},
        {ADD(",\"subject\":\"ada\",\"domain\":\"none\""), ERR_NOT_FOUND},
        {ADD(",\"token\":\"x\",\"class\":\"none\""), ERR_NOT_FOUND},
        {ADD(",\"subject\":\"ada\",\"token\":\"x\""), ERR_INVALID},
        {"{\"op\":\"request.show\"}", ERR_INVALID},
        {"{\"op\":\"request.show\",\"number\":0}", ERR_INVALID},
        {"{\"op\":\"request.show\",\"number\":7}", ERR_NOT_FOUND},
        {"{\"op\":\"request.act\",\"number\":1,\"action\":\"scope\"}", ERR_INVALID},
        {ACT("succeed", "", ""), ERR_INVALID},
        {ACT("dance", "", ""), ERR_INVALID},
        {ACT("scope", "", ",\"subject\":\"ada\""), ERR_INVALID},
        {ACT("scope", "\"subject\":\"ada\"", ""), ERR_INVALID},
        {"{\"op\":\"request.list\",\"state\":\"lost\"}", ERR_INVALID},
        {"{\"op\":\"request.letter\",\"number\":1,\"lang\":\"xx\"}", ERR_INVALID},
        {"{\"op\":\"request.letter\"}", ERR_INVALID},
    };
    AUTO(bench_stop) struct bench b;

    bench_start(&b);
    expect(&b, ADD(""), ERR_OK);
    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        expect(&b, wrong[i].request, wrong[i].e);
    cr_expect_str_eq(get(&b, "state"), "received");
}

Test(ops_requests, are_listed_by_state_in_pages)
{
    AUTO(bench_stop) struct bench b;
    AUTO(json_free) struct json *all = NULL;
    AUTO(json_free) struct json *rest = NULL;
    AUTO(json_free) struct json *withdrawn = NULL;
    AUTO(json_free) struct json *open = NULL;
    const struct json *line;

    bench_start(&b);
    for (size_t i = 0; i <= OPS_VALUES_MAX; i++)
        expect(&b, ADD(""), ERR_OK);
    expect(&b, ACT("withdraw", "\"channel\":\"phone\"", ""), ERR_OK);
    cr_assert_eq(run(&b, "{\"op\":\"request.list\"}", &all), ERR_OK);
    cr_expect(json_bool_of(json_get(all, "more"), false));
    cr_expect_eq(json_count(json_get(all, "requests")), OPS_VALUES_MAX);
    cr_assert_eq(run(&b, "{\"op\":\"request.list\",\"after\":1000}", &rest), ERR_OK);
    cr_expect_not(json_bool_of(json_get(rest, "more"), true));
    cr_expect_eq(json_count(json_get(rest, "requests")), 1);
    cr_assert_eq(run(&b, "{\"op\":\"request.list\",\"state\":\"withdrawn\"}", &withdrawn), ERR_OK);
    cr_assert_eq(json_count(json_get(withdrawn, "requests")), 1);
    line = json_at(json_get(withdrawn, "requests"), 0);
    cr_expect_str_eq(json_str_of(json_get(line, "standing")), "ended");
    cr_expect_str_eq(json_str_of(json_at(json_get(line, "rights"), 0)), "erasure");
    cr_expect_eq(json_kind(json_get(line, "external")), JSON_NIL);
    cr_assert_eq(run(&b, "{\"op\":\"request.list\",\"state\":\"open\",\"after\":999}", &open),
                 ERR_OK);
    cr_expect_eq(json_count(json_get(open, "requests")), 2);
}

Test(ops_requests, have_letters_and_a_report)
{
    AUTO(bench_stop) struct bench b;
    AUTO(json_free) struct json *letter = NULL;
    AUTO(json_free) struct json *report = NULL;

    bench_start(&b);
    expect(&b, ADD(""), ERR_OK);
    cr_assert_eq(run(&b,
                     "{\"op\":\"request.letter\",\"number\":1,\"letter\":\"receipt\","
                     "\"lang\":\"de\"}",
                     &letter),
                 ERR_OK, "%s", b.msg.text);
    cr_expect_str_eq(json_str_of(json_get(letter, "template")), "receipt-de-1");
    cr_assert_eq(run(&b, "{\"op\":\"report\",\"report\":\"requests\"}", &report), ERR_OK, "%s",
                 b.msg.text);
    cr_expect_eq(json_count(json_get(report, "rows")), 1);
}
