/* SPDX-License-Identifier: Apache-2.0 */
#include "retention/report_write.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/secret.h"

#define HEAD                                                                                       \
    "{\"report\":\"retention\",\"title\":\"Retention\",\"as_of\":\"2026-01-10T12:00:00Z\","        \
    "\"zone\":\"UTC\",\"period\":{\"from\":null,\"to\":null},\"version\":\"1.2.3\","               \
    "\"commit\":\"abc\",\"clock\":\"right\",\"summary\":{\"subjects\":2},\"rows\":["
#define FIGURES                                                                                    \
    "\"start\":\"created\",\"period\":\"P2Y\",\"items\":12,\"synthetic\":0,\"subjects\":null,"     \
    "\"oldest\":\"2026-01-01\",\"due_7d\":1,\"due_30d\":2,\"due_90d\":3,\"overdue\":0,"            \
    "\"opening\":-1,\"created\":14,\"purged_timer\":1,\"purged_erasure\":1,\"closing\":12,"        \
    "\"created_ever\":14,\"purged_ever\":2,\"balanced\":true,\"attention\":[]}"

/* The rendering as a C string; one at a time. */
static const char *render(const char *json, struct report_style style)
{
    static struct buf out;
    struct json *tree = NULL;

    buf_done(&out);
    buf_init(&out, 1 << 16);
    REQUIRE(json_parse(span_str(json), &tree) == ERR_OK);
    REQUIRE(report_write(tree, &style, &out) == ERR_OK);
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
    cr_assert_eq(report_format_of(SPAN_LIT("csv-excel"), &format), ERR_OK);
    cr_assert_eq(format, REPORT_CSV_EXCEL);
    cr_assert_eq(report_format_of(SPAN_LIT("json"), &format), ERR_OK);
    cr_assert_eq(format, REPORT_JSON);
    cr_assert_eq(report_format_of(SPAN_LIT("table"), &format), ERR_OK);
    cr_assert_eq(format, REPORT_TABLE);
    cr_assert_eq(report_format_of(SPAN_LIT("xlsx"), &format), ERR_INVALID);
    cr_assert_eq(report_format_of(SPAN_LIT("CSV"), &format), ERR_INVALID);
}

/* ---- tables ---- */

#define TWO_ROWS                                                                                   \
    HEAD "{\"class\":\"e-mail\",\"purposes\":[\"account\",\"support\"],\"basis\":\"6(1)(b)"        \
         "\"," FIGURES                                                                             \
         ",{\"class\":\"n\",\"purposes\":[\"s\xc3\xbc\xc3\x9f\"],\"basis\":\"6(1)(f)\"," FIGURES   \
         "]}"

Test(report_write, table_lines_up_and_leaves_out_what_is_seldom_needed)
{
    cr_assert_str_eq(
        render(TWO_ROWS, (struct report_style){.format = REPORT_TABLE}),
        "Retention as of 2026-01-10T12:00:00Z (UTC), since ever, lethe 1.2.3 (abc)\n"
        "Subjects: 2\n\n"
        "Class   Period  Items  Oldest      Due 7 d  Overdue  Opening  + Created  - By timer  "
        "- By request  = Closing  Balanced  Attention\n"
        "e-mail  P2Y        12  2026-01-01        1        0       -1         14           1  "
        "           1         12  yes       -\n"
        "n       P2Y        12  2026-01-01        1        0       -1         14           1  "
        "           1         12  yes       -\n");
}

Test(report_write, wide_table_has_all_columns_and_lines_up_whatever_the_labels_are)
{
    const char *text =
        render(TWO_ROWS, (struct report_style){.format = REPORT_TABLE, .wide = true});

    cr_assert_not_null(strstr(text, "\nClass   Purposes          Legal basis  Starts   Period"));
    cr_assert_not_null(strstr(text, "\ne-mail  account, support  6(1)(b)      created  P2Y"));
    cr_assert_not_null(
        strstr(text, "\nn       s\xc3\xbc\xc3\x9f               6(1)(f)      created  P2Y"));
}

Test(report_write, table_goes_on_below_where_the_terminal_ends)
{
    cr_assert_str_eq(render(TWO_ROWS, (struct report_style){.format = REPORT_TABLE, .width = 60}),
                     "Retention as of 2026-01-10T12:00:00Z (UTC), since ever, lethe 1.2.3 (abc)\n"
                     "Subjects: 2\n\n"
                     "Class   Period  Items  Oldest      Due 7 d  Overdue  Opening\n"
                     "e-mail  P2Y        12  2026-01-01        1        0       -1\n"
                     "n       P2Y        12  2026-01-01        1        0       -1\n"
                     "\n"
                     "Class   + Created  - By timer  - By request  = Closing\n"
                     "e-mail         14           1             1         12\n"
                     "n              14           1             1         12\n"
                     "\n"
                     "Class   Balanced  Attention\n"
                     "e-mail  yes       -\n"
                     "n       yes       -\n");
}

Test(report_write, table_narrower_than_any_column_still_shows_each)
{
    const char *text = render(TWO_ROWS, (struct report_style){.format = REPORT_TABLE, .width = 1});

    cr_assert_not_null(strstr(text, "Class\ne-mail\nn\n\nClass   Period\ne-mail  P2Y\n"));
    cr_assert_not_null(strstr(text, "Class   Attention\n"));
}

Test(report_write, table_lets_no_label_steer_the_terminal)
{
    const char *text = render(HEAD "{\"class\":\"a\\u001b[2Jb\\u007f\\u009bc\\nd\",\"purposes\":[],"
                                   "\"basis\":\"\"," FIGURES "]}",
                              (struct report_style){.format = REPORT_TABLE});

    cr_assert_not_null(strstr(text, "a?[2Jb???c?d"));
    cr_assert_null(strchr(text, '\x1b'));
}

Test(report_write, table_of_nothing_says_so)
{
    cr_assert_not_null(strstr(render(HEAD "]}", (struct report_style){.format = REPORT_TABLE}),
                              "Nothing to report.\n"));
}

Test(report_write, table_says_the_period_and_a_clock_that_is_not_believed)
{
    const char *text =
        render("{\"report\":\"retention\",\"period\":{\"from\":\"2026-01-01\",\"to\":"
               "\"2026-02-01\"},\"clock\":\"ahead\",\"rows\":[]}",
               (struct report_style){.format = REPORT_TABLE});

    cr_assert_not_null(strstr(text, ", from 2026-01-01, before 2026-02-01, "));
    cr_assert_not_null(strstr(text, "clock is not believed: ahead\n"));
}

/* ---- CSV ---- */

static const char awkward[] =
    HEAD "{\"class\":\"e,m\\\"ail\",\"purposes\":[\"account\",\"x\"],\"basis\":\"6(1)(b)\"," FIGURES
         "]}";

Test(report_write, csv_is_rfc_4180_with_a_stable_header)
{
    cr_assert_str_eq(render(awkward, (struct report_style){.format = REPORT_CSV}),
                     "as_of,class,purposes,basis,start,period,items,synthetic,subjects,oldest,"
                     "due_7d,due_30d,due_90d,overdue,opening,created,purged_timer,purged_erasure,"
                     "closing,created_ever,purged_ever,balanced,tokens_capacity,tokens_used,"
                     "shapes_used_up,attention\r\n"
                     "2026-01-10T12:00:00Z,\"e,m\"\"ail\",\"account; x\",6(1)(b),created,P2Y,12,0,,"
                     "2026-01-01,1,2,3,0,-1,14,1,1,12,14,2,yes,,,,\r\n");
}

Test(report_write, csv_for_spreadsheets_has_a_byte_order_mark_and_semicolons)
{
    const char *text = render(awkward, (struct report_style){.format = REPORT_CSV_EXCEL});

    cr_assert_eq(strncmp(text,
                         "\xef\xbb\xbf"
                         "as_of;class;purposes;",
                         22),
                 0);
    cr_assert_not_null(
        strstr(text, "\r\n2026-01-10T12:00:00Z;\"e,m\"\"ail\";\"account; x\";6(1)(b);"));
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
        text = render(json, (struct report_style){.format = REPORT_CSV});
        row = strstr(text, "\r\n") + 2;
        cr_assert_eq(strncmp(row, "2026-01-10T12:00:00Z,\"'", 23), 0, "%s: %s", starts[i], row);
    }
}

/* ---- all ---- */

Test(report_write, json_is_the_tree_again)
{
    AUTO(json_free) struct json *tree = NULL;
    const char *text = render(HEAD "]}", (struct report_style){.format = REPORT_JSON});

    cr_assert_eq(json_parse(span_str(text), &tree), ERR_OK);
    cr_assert_eq(json_int_of(json_get(json_get(tree, "summary"), "subjects"), -1), 2);
}

Test(report_write, refuses_what_is_no_report_and_a_buffer_that_ends)
{
    static const char *const none[] = {"{\"report\":\"retention\",\"rows\":3}",
                                       "{\"report\":\"nonsense\",\"rows\":[]}", "{\"rows\":[]}",
                                       "[]"};

    for (int format = REPORT_TABLE; format <= REPORT_CSV_EXCEL; format++) {
        const struct report_style style = {.format = (enum report_format)format};
        AUTO(json_free) struct json *whole = NULL;
        AUTO(buf_done) struct buf out;

        buf_init(&out, 64);
        for (size_t i = 0; i < COUNT_OF(none); i++) {
            AUTO(json_free) struct json *tree = NULL;

            cr_assert_eq(json_parse(span_str(none[i]), &tree), ERR_OK);
            cr_assert_eq(report_write(tree, &style, &out), ERR_INVALID);
        }
        cr_assert_eq(json_parse(SPAN_LIT(TWO_ROWS), &whole), ERR_OK);
        cr_assert_eq(report_write(whole, &style, &out), ERR_TOO_LARGE);
    }
}
