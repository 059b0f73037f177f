/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/api_call.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

TestSuite(api_call, .timeout = 20);

static struct json *parse(const char *text)
{
    struct json *tree = NULL;

    cr_assert_eq(json_parse(span_str(text), &tree), ERR_OK, "%s", text);
    return tree;
}

/* An operation is asked for in this way; body NULL: without one. */
static void expect(const char *request_text, const char *method, const char *target,
                   const char *body)
{
    AUTO(json_free) struct json *request = parse(request_text);
    AUTO(api_call_done) struct api_call call = {.method = NULL};
    AUTO(buf_done) struct buf text = {.max = 4096};
    struct errmsg msg = {""};

    cr_assert_eq(api_call_make(request, &call, &msg), ERR_OK, "%s: %s", request_text, msg.text);
    cr_assert_not(call.needs_person, "%s", request_text);
    cr_expect_str_eq(call.method, method);
    cr_expect_str_eq(call.target, target);
    cr_assert_eq(call.body == NULL, body == NULL, "%s", request_text);
    if (body == NULL)
        return;
    cr_assert_eq(json_write(call.body, &text), ERR_OK);
    cr_expect(span_equal(buf_span(&text), span_str(body)), "%s: %.*s", request_text, (int)text.len,
              (const char *)text.bytes);
}

static void expect_refusal(const char *request_text, enum err e, const char *word)
{
    AUTO(json_free) struct json *request = parse(request_text);
    AUTO(api_call_done) struct api_call call = {.method = NULL};
    struct errmsg msg = {""};

    cr_assert_eq(api_call_make(request, &call, &msg), e, "%s", request_text);
    cr_expect_not_null(strstr(msg.text, word), "%s: %s", request_text, msg.text);
}

Test(api_call, puts_members_where_the_table_says)
{
    expect("{\"op\":\"ping\"}", "GET", "/v1/version", NULL);
    expect("{\"op\":\"tokenize\",\"class\":\"email\",\"subject\":\"ada\",\"values\":[\"a\"]}",
           "POST", "/v1/tokens", "{\"class\":\"email\",\"subject\":\"ada\",\"values\":[\"a\"]}");
    expect("{\"op\":\"hold.lift\",\"number\":7,\"reason\":\"over\"}", "POST", "/v1/holds/7/lift",
           "{\"reason\":\"over\"}");
    expect("{\"op\":\"hold.list\",\"after\":0}", "GET", "/v1/holds?after=0", NULL);
    expect("{\"op\":\"audit.list\",\"to\":\"2027-01-31\",\"after\":5,\"action\":\"reveal\"}", "GET",
           "/v1/audit?after=5&to=2027-01-31&action=reveal", NULL);
    expect("{\"op\":\"clock.accept\"}", "POST", "/v1/clock/accept", NULL);
    expect("{\"op\":\"receipt.show\",\"number\":\"0aff\"}", "GET", "/v1/erasures/0aff/receipt",
           NULL);
}

Test(api_call, takes_the_path_that_says_the_action)
{
    expect("{\"op\":\"request.act\",\"action\":\"approve\",\"number\":3,\"with\":{\"by\":\"B\"}}",
           "POST", "/v1/requests/3/approve", "{\"with\":{\"by\":\"B\"}}");
    expect("{\"op\":\"request.act\",\"action\":\"acknowledge\",\"number\":3}", "POST",
           "/v1/requests/3/acknowledge", NULL);
}

Test(api_call, encodes_what_paths_and_queries_cannot_hold)
{
    expect("{\"op\":\"caller.restore\",\"caller\":\"desk/1 ?&\\u00e9\"}", "POST",
           "/v1/callers/desk%2F1%20%3F%26%C3%A9/restore", NULL);
    expect("{\"op\":\"retention.versions\",\"class\":\"a&b=c\"}", "GET",
           "/v1/retention/versions?class=a%26b%3Dc", NULL);
}

Test(api_call, never_puts_what_names_a_person_in_a_path_or_query)
{
    static const char *const requests[] = {
        "{\"op\":\"subject.restrict\",\"subject\":\"ada-4711\",\"ground\":\"a\"}",
        "{\"op\":\"subject.unrestrict\",\"token\":\"ada-4711\",\"notice_sent\":\"2027-01-31\"}",
        "{\"op\":\"subject.object\",\"subject\":\"ada-4711\",\"domain\":\"d\",\"purpose\":\"x\"}",
        "{\"op\":\"audit.list\",\"subject\":\"ada-4711\",\"after\":1}",
        "{\"op\":\"subject.export\",\"subject\":\"ada-4711\",\"format\":\"json\"}"};

    for (size_t i = 0; i < COUNT_OF(requests); i++) {
        AUTO(json_free) struct json *request = parse(requests[i]);
        AUTO(json_free) struct json *find = NULL;
        AUTO(json_free) struct json *by_id = NULL;
        AUTO(api_call_done) struct api_call call = {.method = NULL};
        AUTO(api_call_done) struct api_call second = {.method = NULL};

        cr_assert_eq(api_call_make(request, &call, NULL), ERR_OK, "%s", requests[i]);
        cr_assert(call.needs_person && call.method == NULL, "%s", requests[i]);
        find = api_call_find_person(request);
        cr_assert_eq(api_call_make(find, &call, NULL), ERR_OK);
        cr_expect_str_eq(call.target, "/v1/subjects/find");
        cr_expect_not_null(call.body);
        by_id = api_call_use_person(request, "12.abcd");
        cr_assert_eq(api_call_make(by_id, &second, NULL), ERR_OK, "%s", requests[i]);
        cr_expect_not_null(strstr(second.target, "12.abcd"), "%s", second.target);
        cr_expect_null(strstr(second.target, "ada-4711"), "%s", second.target);
    }
}

Test(api_call, erases_by_identifier_in_one_request)
{
    expect("{\"op\":\"subject.erase\",\"subject\":\"ada\",\"ground\":\"b\"}", "POST",
           "/v1/erasures", "{\"subject\":\"ada\",\"ground\":\"b\"}");
}

Test(api_call, tells_an_event_of_whom_an_application_knows)
{
    expect("{\"op\":\"subject.event\",\"subject\":\"ada\",\"event\":\"paid\"}", "POST",
           "/v1/events", "{\"subject\":\"ada\",\"event\":\"paid\"}");
    expect("{\"op\":\"subject.event\",\"person\":\"1.a\",\"event\":\"paid\"}", "POST",
           "/v1/subjects/1.a/events", "{\"event\":\"paid\"}");
}

Test(api_call, says_what_takes_a_key_and_what_is_a_file)
{
    static const struct {
        const char *request;
        bool takes_key, is_download;
    } cases[] = {
        {"{\"op\":\"key.rotate\"}", true, false},
        {"{\"op\":\"key.status\"}", false, false},
        {"{\"op\":\"reveal\",\"tokens\":[]}", false, false},
        {"{\"op\":\"evidence\"}", false, true},
        {"{\"op\":\"bulk.finish\",\"job\":\"ab\"}", false, false},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        AUTO(json_free) struct json *request = parse(cases[i].request);
        AUTO(api_call_done) struct api_call call = {.method = NULL};

        cr_assert_eq(api_call_make(request, &call, NULL), ERR_OK, "%s", cases[i].request);
        cr_expect_eq(call.takes_key, cases[i].takes_key, "%s", cases[i].request);
        cr_expect_eq(call.is_download, cases[i].is_download, "%s", cases[i].request);
    }
}

Test(api_call, refuses_what_there_is_no_place_for)
{
    expect_refusal("{\"op\":\"backup\",\"data\":\"/d\",\"keys\":\"/k\"}", ERR_UNSUPPORTED,
                   "does not offer this");
    expect_refusal("{\"op\":\"access.draft\",\"name\":\"x\"}", ERR_UNSUPPORTED,
                   "does not offer this");
    expect_refusal("{\"op\":\"retention.status\",\"class\":\"x\"}", ERR_UNSUPPORTED,
                   "all of these options");
    expect_refusal("{\"op\":\"hold.lift\",\"reason\":\"no number\"}", ERR_UNSUPPORTED,
                   "all of these options");
    expect_refusal("{\"op\":\"caller.restore\",\"caller\":\"a\\u0000b\"}", ERR_UNSUPPORTED,
                   "all of these options");
    expect_refusal("{\"op\":\"no.such\"}", ERR_UNSUPPORTED, "does not offer this");
    expect_refusal("{}", ERR_UNSUPPORTED, "does not offer this");
}

Test(api_call, keeps_paths_within_bounds)
{
    char text[2 * API_TARGET_MAX], name[API_TARGET_MAX + 1];

    memset(name, 'x', API_TARGET_MAX);
    name[API_TARGET_MAX] = '\0';
    (void)snprintf(text, sizeof(text), "{\"op\":\"caller.restore\",\"caller\":\"%s\"}", name);
    expect_refusal(text, ERR_TOO_LARGE, "too long");
}
