/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies of lines, each a document of its own. */
#include "tests/unit/proxy/json_rig.h"

#include "base/limits.h"
#include "base/secret.h"

TestSuite(json_lines, .init = secret_start);

static enum err read_with(const struct rig_field *list, size_t count, struct span body,
                          struct hits *ret_hits)
{
    AUTO(fields_free) struct fields *fields = rig_fields(list, count);

    return json_lines_read(fields, body, ret_hits);
}

/* What `$.a` finds, as "line:text line:text ...". */
static void expect(const char *body, const char *wanted)
{
    const struct rig_field one = {"$.a", false};
    AUTO(hits_done) struct hits hits = {0};
    char found[256] = "";

    cr_assert_eq(read_with(&one, 1, span_str(body), &hits), ERR_OK, "%s", body);
    for (size_t i = 0; i < hits.count; i++) {
        const struct hit *hit = &hits.at[i];
        const size_t len = strlen(found);

        (void)snprintf(found + len, sizeof(found) - len, "%s%u:%.*s", i == 0 ? "" : " ", hit->line,
                       (int)(hit->end - hit->start), body + hit->start);
    }
    cr_assert_str_eq(found, wanted, "%s", body);
}

static void expect_error(struct span body, enum err wanted)
{
    const struct rig_field one = {"$.a", false};
    AUTO(hits_done) struct hits hits = {0};

    cr_assert_eq(read_with(&one, 1, body, &hits), wanted, "%.*s", (int)body.len, body.at);
    cr_assert_null(hits.at);
}

Test(json_lines, are_documents_one_by_one)
{
    expect("{\"a\":1}", "1:1");
    expect("{\"a\":1}\n", "1:1");
    expect("{\"a\":1}\n{\"b\":2}\n{\"a\":\"x\"}", "1:1 3:\"x\"");
    expect("{\"a\":1}\r\n{\"a\":2}\r\n", "1:1 2:2");
    expect("{\"a\":1}\r\n{\"a\":2}\r", "1:1 2:2");
    expect(" {\"a\":1}\t\n 7 \nnull\n[]\n{\"a\":2}\n", "1:1 5:2");
    expect("{\"a\":1}\n{\"a\":1}\n", "1:1 2:1");
}

Test(json_lines, can_be_none)
{
    expect("", "");
}

Test(json_lines, must_each_be_one_document)
{
    expect_error(SPAN_LIT("\n"), ERR_INVALID);
    expect_error(SPAN_LIT("\r\n"), ERR_INVALID);
    expect_error(SPAN_LIT("{\"a\":1}\n\n"), ERR_INVALID);
    expect_error(SPAN_LIT("{\"a\":1}\n\n{\"a\":2}\n"), ERR_INVALID);
    expect_error(SPAN_LIT("{\"a\":1}\n \n{\"a\":2}\n"), ERR_INVALID);
    expect_error(SPAN_LIT("{\"a\":1}{\"a\":2}\n"), ERR_INVALID);
    expect_error(SPAN_LIT("{\"a\":\n1}\n"), ERR_INVALID);
    expect_error(SPAN_LIT("{\"a\":1}\n{\"a\":2"), ERR_INVALID);
    expect_error(SPAN_LIT("{\"a\":1}\n{\"a\":2,\"a\":3}"), ERR_INVALID);
    expect_error(SPAN_LIT("{\"a\":1}\n{\"a\":[2]}"), ERR_UNPROCESSABLE);
    expect_error(SPAN_LIT("\xEF\xBB\xBF{\"a\":1}\n"), ERR_INVALID);
    expect_error(SPAN_LIT("{\"a\":1}\n\xEF\xBB\xBF{\"a\":1}\n"), ERR_INVALID);
    expect_error(SPAN_LIT("{\"a\":1}\n\0"), ERR_INVALID);
    expect_error(SPAN_LIT("\x1E{\"a\":1}\n"), ERR_INVALID); /* RFC 7464 has that */
}

Test(json_lines, end_with_a_line_feed_whatever_others_think)
{
    expect_error(SPAN_LIT("{\"a\":1}\r{\"a\":2}"), ERR_INVALID);
    expect_error(SPAN_LIT("{\"a\":\r1}\n"), ERR_INVALID);
    expect_error(SPAN_LIT("{\"a\":1}\r\r\n"), ERR_INVALID);
    expect_error(SPAN_LIT("{\"a\":1}\xE2\x80\xA8{\"a\":2}"), ERR_INVALID); /* U+2028 */
}

/* A line is read as if nothing stood behind it: a string cannot go on in the next. */
Test(json_lines, do_not_see_each_other)
{
    expect_error(SPAN_LIT("{\"a\":\"x\n\"}"), ERR_INVALID);
    expect_error(SPAN_LIT("{\"a\n\":1}"), ERR_INVALID);
    expect_error(SPAN_LIT("{\"a\":1\n2}"), ERR_INVALID);
    expect_error(SPAN_LIT("[1\n,2]"), ERR_INVALID);
    expect_error(SPAN_LIT("tru\ne"), ERR_INVALID);
}

Test(json_lines, count_elements_of_their_own_arrays)
{
    const struct rig_field one = {"$[-1]", false};
    AUTO(hits_done) struct hits hits = {0};

    cr_assert_eq(read_with(&one, 1, SPAN_LIT("[1,2]\n[3]\n[]\n[[4],5]\n"), &hits), ERR_OK);
    cr_assert_eq(hits.count, 3);
    cr_assert_eq(hits.at[0].start, 3);
    cr_assert_eq(hits.at[1].start, 7);
    cr_assert_eq(hits.at[2].start, 18);
}

Test(json_lines, have_the_limits_of_a_document_each)
{
    AUTO(buf_done) struct buf body;
    const struct rig_field one = {"$.a", false};
    AUTO(hits_done) struct hits hits = {0};

    buf_init(&body, 1 << 24);
    for (int line = 0; line < 3; line++) {
        for (int i = 0; i < LIMIT_JSON_DEPTH_MAX; i++)
            rig_put(&body, "[");
        for (int i = 0; i < LIMIT_JSON_DEPTH_MAX; i++)
            rig_put(&body, "]");
        rig_put(&body, "\n");
    }
    cr_assert_eq(read_with(&one, 1, buf_span(&body), &hits), ERR_OK);
    buf_reset(&body);
    for (int line = 0; line < LIMIT_FIELDS_MAX; line++)
        rig_put(&body, "{\"a\":1}\n");
    cr_assert_eq(read_with(&one, 1, buf_span(&body), &hits), ERR_OK);
    cr_assert_eq(hits.count, LIMIT_FIELDS_MAX);
    cr_assert_eq(hits.at[hits.count - 1].line, LIMIT_FIELDS_MAX);
    rig_put(&body, "{\"a\":1}\n");
    expect_error(buf_span(&body), ERR_TOO_LARGE);
}
