/* SPDX-License-Identifier: Apache-2.0 */
#include "retention/report.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/secret.h"

#define HEAD                                                                                       \
    "{\"report\":\"retention\",\"as_of\":\"2026-01-10T12:00:00Z\",\"zone\":\"UTC\","               \
    "\"version\":\"1.2.3\",\"commit\":\"abc\",\"subjects\":2,\"classes\":["
#define FIGURES                                                                                    \
    "\"start\":\"created\",\"period\":\"P2Y\",\"items\":12,\"subjects\":null,"                     \
    "\"oldest\":\"2026-01-01\",\"due_7d\":1,\"due_30d\":2,\"due_90d\":3,\"overdue\":0,"            \
    "\"created\":14,\"purged_timer\":1,\"purged_erasure\":1,\"balanced\":true}"

/* The rendering as a C string; one at a time. */
static const char *render(const char *json, enum report_format format)
{
    static struct buf out;
    struct json *tree = NULL;

    buf_done(&out);
    buf_init(&out, 1 << 16);
    REQUIRE(json_parse(span_str(json), &tree) == ERR_OK);
    REQUIRE(report_write(tree, format, &out) == ERR_OK);
    REQUIRE(buf_append_byte(&out, 0) == ERR_OK);
    json_free(&tree);
    return (const char *)out.bytes;
}

TestSuite(report_write, .init = secret_start, .timeout = 20);

Test(report_write, formats_have_names)
{
    enum report_format format = REPORT_TABLE;

    cr_assert_eq(report_format_of(SPAN_LIT("csv"), &format), ERR_OK);
    cr_assert_eq(format, REPORT_CSV);
    cr_assert_eq(report_format_of(SPAN_LIT("json"), &format), ERR_OK);
    cr_assert_eq(format, REPORT_JSON);
    cr_assert_eq(report_format_of(SPAN_LIT("table"), &format), ERR_OK);
    cr_assert_eq(format, REPORT_TABLE);
    cr_assert_eq(report_format_of(SPAN_LIT("html"), &format), ERR_INVALID);
    cr_assert_eq(report_format_of(SPAN_LIT("CSV"), &format), ERR_INVALID);
}

Test(report_write, table_lines_up_whatever_the_labels_are)
{
    const char *text = render(HEAD "{\"class\":\"e-mail\",\"purposes\":[\"account\",\"support\"],"
                                   "\"basis\":\"6(1)(b)\"," FIGURES
                                   ",{\"class\":\"n\",\"purposes\":[\"s\xc3\xbc\xc3\x9f\"],"
                                   "\"basis\":\"6(1)(f)\"," FIGURES "]}",
                              REPORT_TABLE);

    cr_assert_str_eq(
        text,
        "Retention as of 2026-01-10T12:00:00Z (UTC), lethe 1.2.3 (abc), 2 subjects\n\n"
        "class   purposes         basis    start    period  items  subjects  oldest      due<=7d  "
        "<=30d  <=90d  overdue  created  by timer  by erasure  balanced\n"
        "e-mail  account support  6(1)(b)  created  P2Y        12       n/a  2026-01-01        1  "
        "    2      3        0       14         1           1  yes\n"
        "n       s\xc3\xbc\xc3\x9f              6(1)(f)  created  P2Y        12       n/a  "
        "2026-01-01        1      2      3        0       14         1           1  yes\n");
}

Test(report_write, table_lets_no_label_steer_the_terminal)
{
    const char *text = render(HEAD "{\"class\":\"a\\u001b[2Jb\\u007f\\u009bc\\nd\",\"purposes\":[],"
                                   "\"basis\":\"\"," FIGURES "]}",
                              REPORT_TABLE);

    cr_assert_not_null(strstr(text, "a?[2Jb???c?d"));
    cr_assert_null(strchr(text, '\x1b'));
}

Test(report_write, csv_is_rfc_4180_with_a_stable_header)
{
    const char *text = render(HEAD "{\"class\":\"e,m\\\"ail\",\"purposes\":[\"account\",\"x\"],"
                                   "\"basis\":\"6(1)(b)\"," FIGURES "]}",
                              REPORT_CSV);

    cr_assert_str_eq(text,
                     "as_of,class,purposes,basis,start,period,items,subjects,oldest,due_7d,"
                     "due_30d,due_90d,overdue,created,purged_timer,purged_erasure,balanced\r\n"
                     "2026-01-10T12:00:00Z,\"e,m\"\"ail\",account x,6(1)(b),created,P2Y,12,,"
                     "2026-01-01,1,2,3,0,14,1,1,yes\r\n");
}

Test(report_write, csv_lets_no_label_become_a_formula)
{
    static const char *const starts[] = {"=", "+", "-", "@", "\\t", "\\r", "\\u0000"};

    for (size_t i = 0; i < COUNT_OF(starts); i++) {
        char json[1024];
        const char *text, *row;

        (void)snprintf(json, sizeof(json),
                       HEAD "{\"class\":\"%sHYPERLINK(1)\",\"purposes\":[],\"basis\":\"\"," FIGURES
                            "]}",
                       starts[i]);
        text = render(json, REPORT_CSV);
        row = strstr(text, "\r\n") + 2;
        cr_assert_eq(strncmp(row, "2026-01-10T12:00:00Z,\"'", 23), 0, "%s: %s", starts[i], row);
    }
}

Test(report_write, json_is_the_tree_again)
{
    AUTO(json_free) struct json *tree = NULL;
    const char *text = render(HEAD "]}", REPORT_JSON);

    cr_assert_eq(json_parse(span_str(text), &tree), ERR_OK);
    cr_assert_eq(json_int_of(json_get(tree, "subjects"), -1), 2);
}

Test(report_write, refuses_what_is_no_report_and_a_buffer_that_ends)
{
    AUTO(json_free) struct json *tree = NULL;
    AUTO(json_free) struct json *whole = NULL;
    AUTO(buf_done) struct buf out;

    buf_init(&out, 64);
    cr_assert_eq(json_parse(SPAN_LIT("{\"classes\":3}"), &tree), ERR_OK);
    cr_assert_eq(report_write(tree, REPORT_TABLE, &out), ERR_INVALID);
    cr_assert_eq(json_parse(SPAN_LIT(HEAD "]}"), &whole), ERR_OK);
    cr_assert_eq(report_write(whole, REPORT_TABLE, &out), ERR_TOO_LARGE);
    buf_reset(&out);
    cr_assert_eq(report_write(whole, REPORT_CSV, &out), ERR_TOO_LARGE);
}
