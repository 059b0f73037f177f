/* SPDX-License-Identifier: Apache-2.0 */
#include "retention/report_write_priv.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/digest.h"
#include "base/mem.h"
#include "base/secret.h"

static const struct report_column columns[] = {
    {"class", "Class", REPORT_TEXT, false},   {"purposes", "Purposes", REPORT_LIST, true},
    {"basis", "Basis", REPORT_TEXT, true},    {"items", "Items", REPORT_COUNT, false},
    {"share", "Share", REPORT_SHARE, false},  {"oldest", "Oldest", REPORT_DATE, false},
    {"balanced", "Even", REPORT_FLAG, false},
};
static const struct report_column summary[] = {{"subjects", "Subjects", REPORT_COUNT, false}};
static const struct report_kind kind = {.name = "some",
                                        .title = "Some <kind>",
                                        .columns = columns,
                                        .column_count = COUNT_OF(columns),
                                        .summary = summary,
                                        .summary_count = COUNT_OF(summary)};

#define HEAD                                                                                       \
    "{\"report\":\"some\",\"as_of\":\"2026-01-10T12:00:00Z\",\"zone\":\"UTC\",\"period\":"         \
    "{\"from\":null,\"to\":null},\"version\":\"1.2.3\",\"commit\":\"abc\",\"clock\":\"right\","    \
    "\"summary\":{\"subjects\":2},\"attention\":false,\"rows\":["
#define REST                                                                                       \
    ",\"items\":-12,\"share\":7,\"oldest\":\"2026-01-01\",\"balanced\":true,\"attention\":[]}"
#define TWO_ROWS                                                                                   \
    HEAD "{\"class\":\"e-mail\",\"purposes\":[\"account\",\"support\"],\"basis\":\"6(1)(b)\"" REST \
         ",{\"class\":\"n\",\"purposes\":[\"s\xc3\xbc\xc3\x9f\"],\"basis\":null,\"items\":3,"      \
         "\"balanced\":false,\"attention\":[\"overdue\",\"unbalanced\"]}]}"

/* The rendering as a C string; one at a time. */
static const char *render(const char *json, struct report_style style)
{
    static struct buf out;
    struct json *tree = NULL;
    enum err e;

    buf_done(&out);
    buf_init(&out, 1 << 16);
    REQUIRE(json_parse(span_str(json), &tree) == ERR_OK);
    e = style.format == REPORT_TABLE  ? report__write_table(&kind, tree, &style, &out)
        : style.format == REPORT_HTML ? report__write_html(&kind, tree, &out)
                                      : report__write_csv(&kind, tree, &style, &out);
    REQUIRE(e == ERR_OK && buf_append_byte(&out, 0) == ERR_OK);
    json_free(&tree);
    return (const char *)out.bytes;
}

static const char *table(const char *json)
{
    return render(json, (struct report_style){.format = REPORT_TABLE});
}

static const char *html(const char *json)
{
    return render(json, (struct report_style){.format = REPORT_HTML});
}

static size_t count_of(const char *text, const char *word)
{
    size_t count = 0;

    for (const char *at = text; (at = strstr(at, word)) != NULL; at += strlen(word))
        count++;
    return count;
}

TestSuite(report_write, .init = secret_start, .timeout = 20);

Test(report_write, formats_have_names)
{
    static const char *const names[] = {"table", "json", "csv", "csv-excel", "html", "xlsx"};
    enum report_format format = REPORT_TABLE;

    for (size_t i = 0; i < COUNT_OF(names); i++) {
        cr_assert_eq(report_format_of(span_str(names[i]), &format), ERR_OK);
        cr_assert_eq(format, i);
    }
    cr_assert_eq(report_format_of(SPAN_LIT("pdf"), &format), ERR_INVALID);
    cr_assert_eq(report_format_of(SPAN_LIT("CSV"), &format), ERR_INVALID);
}

/* ---- tables ---- */

Test(report_write, table_lines_up_and_leaves_out_what_is_seldom_needed)
{
    cr_assert_str_eq(table(TWO_ROWS),
                     "Some <kind> as of 2026-01-10T12:00:00Z (UTC), since ever, lethe 1.2.3 (abc)\n"
                     "Subjects: 2\n\n"
                     "Class   Items  Share  Oldest      Even  Attention\n"
                     "e-mail    -12      7  2026-01-01  yes   -\n"
                     "n           3      -  -           no    overdue, unbalanced\n");
}

Test(report_write, wide_table_has_all_columns_and_lines_up_whatever_the_labels_are)
{
    const char *text =
        render(TWO_ROWS, (struct report_style){.format = REPORT_TABLE, .wide = true});

    cr_assert_not_null(strstr(text, "\nClass   Purposes          Basis    Items"));
    cr_assert_not_null(strstr(text, "\ne-mail  account, support  6(1)(b)    -12"));
    cr_assert_not_null(strstr(text, "\nn       s\xc3\xbc\xc3\x9f               -            3"));
}

Test(report_write, table_goes_on_below_where_the_terminal_ends)
{
    const char *text = render(TWO_ROWS, (struct report_style){.format = REPORT_TABLE, .width = 32});

    cr_assert_not_null(strstr(text, "\n\nClass   Items  Share  Oldest\n"
                                    "e-mail    -12      7  2026-01-01\n"
                                    "n           3      -  -\n"
                                    "\n"
                                    "Class   Even\n"
                                    "e-mail  yes\n"
                                    "n       no\n"
                                    "\n"
                                    "Class   Attention\n"
                                    "e-mail  -\n"
                                    "n       overdue, unbalanced\n"));
}

Test(report_write, table_narrower_than_any_column_still_shows_each)
{
    const char *text = render(TWO_ROWS, (struct report_style){.format = REPORT_TABLE, .width = 1});

    cr_assert_not_null(strstr(text, "Class\ne-mail\nn\n\nClass   Items\ne-mail    -12\n"));
    cr_assert_not_null(strstr(text, "Class   Attention\n"));
}

/* E67 */
Test(report_write, table_lets_no_label_steer_the_terminal)
{
    const char *text = table(HEAD "{\"class\":\"a\\u001b[2Jb\\u007f\\u009bc\\nd\",\"purposes\":[],"
                                  "\"basis\":\"\"" REST "]}");

    cr_assert_not_null(strstr(text, "a?[2Jb???c?d"));
    cr_assert_null(strchr(text, '\x1b'));
}

Test(report_write, table_of_nothing_says_so)
{
    cr_assert_not_null(strstr(table(HEAD "]}"), "Nothing to report.\n"));
}

Test(report_write, table_says_the_period_and_a_clock_that_is_not_believed)
{
    static const struct {
        const char *from, *to, *said;
    } periods[] = {
        {"null", "null", "since ever"},
        {"\"2026-01-01\"", "null", "from 2026-01-01"},
        {"null", "\"2026-02-01\"", "before 2026-02-01"},
        {"\"2026-01-01\"", "\"2026-02-01\"", "from 2026-01-01, before 2026-02-01"},
    };

    for (size_t i = 0; i < COUNT_OF(periods); i++) {
        char json[256], said[96];
        const char *text;

        (void)snprintf(json, sizeof(json),
                       "{\"period\":{\"from\":%s,\"to\":%s},\"clock\":\"ahead\",\"rows\":[]}",
                       periods[i].from, periods[i].to);
        (void)snprintf(said, sizeof(said), ", %s, ", periods[i].said);
        text = table(json);
        cr_assert_not_null(strstr(text, said), "%s", text);
        cr_assert_not_null(strstr(text, "clock is not believed: ahead\n"));
    }
}

/* ---- CSV ---- */

static const char awkward[] = HEAD
    "{\"class\":\"e,m\\\"ail\",\"purposes\":[\"account\",\"x\"],\"basis\":\"6(1)(b)\"" REST "]}";

Test(report_write, csv_is_rfc_4180_with_the_members_as_header)
{
    cr_assert_str_eq(
        render(awkward, (struct report_style){.format = REPORT_CSV}),
        "as_of,class,purposes,basis,items,share,oldest,balanced,attention\r\n"
        "2026-01-10T12:00:00Z,\"e,m\"\"ail\",\"account; x\",6(1)(b),-12,7,2026-01-01,yes,\r\n");
}

Test(report_write, csv_for_spreadsheets_has_a_byte_order_mark_and_semicolons)
{
    cr_assert_str_eq(
        render(awkward, (struct report_style){.format = REPORT_CSV_EXCEL}),
        "\xef\xbb\xbf"
        "as_of;class;purposes;basis;items;share;oldest;balanced;attention\r\n"
        "2026-01-10T12:00:00Z;\"e,m\"\"ail\";\"account; x\";6(1)(b);-12;7;2026-01-01;yes;\r\n");
}

Test(report_write, csv_doubles_each_quote_wherever_it_stands)
{
    static const struct {
        const char *label, *field;
    } fields[] = {
        {"\\\"", ",\"\"\"\","}, {"\\\"\\\"a\\\"b\\\"", ",\"\"\"\"\"a\"\"b\"\"\","},
        {"a;b", ",\"a;b\","},   {"a\\nb", ",\"a\nb\","},
        {"a b", ",a b,"},
    };

    for (size_t i = 0; i < COUNT_OF(fields); i++) {
        char json[1024];

        (void)snprintf(json, sizeof(json),
                       HEAD "{\"class\":\"%s\",\"purposes\":[],\"basis\":\"\"" REST "]}",
                       fields[i].label);
        cr_expect_not_null(
            strstr(render(json, (struct report_style){.format = REPORT_CSV}), fields[i].field),
            "%s", fields[i].label);
    }
}

/* E67 */
Test(report_write, csv_lets_no_label_become_a_formula)
{
    static const char *const starts[] = {"=", "+", "-", "@", "\\t", "\\r", "\\u0000"};
    static const enum report_format formats[] = {REPORT_CSV, REPORT_CSV_EXCEL};

    for (size_t i = 0; i < COUNT_OF(starts) * COUNT_OF(formats); i++) {
        const char *text, *row;
        char json[1024];

        (void)snprintf(json, sizeof(json),
                       HEAD "{\"class\":\"%sHYPERLINK(1)\",\"purposes\":[],\"basis\":\"\"" REST
                            "]}",
                       starts[i / COUNT_OF(formats)]);
        text = render(json, (struct report_style){.format = formats[i % COUNT_OF(formats)]});
        row = strstr(text, "\r\n") + 2;
        cr_assert_eq(strncmp(row + 21, "\"'", 2), 0, "%s", row);
    }
}

Test(report_write, csv_lets_no_list_become_a_formula_and_leaves_numbers_alone)
{
    const char *text =
        render(HEAD "{\"class\":\"a\",\"purposes\":[\"=1\"],\"basis\":\"\"" REST "]}",
               (struct report_style){.format = REPORT_CSV});

    cr_assert_not_null(strstr(text, ",a,\"'=1\",,-12,"), "%s", text);
}

/* ---- HTML ---- */

Test(report_write, html_is_one_page_that_needs_nothing)
{
    const char *text = html(TWO_ROWS);

    cr_assert_eq(strncmp(text, "<!doctype html>\n<html lang=\"en\">", 32), 0);
    cr_assert_not_null(strstr(text, "default-src 'none'"));
    cr_assert_not_null(strstr(text, "size:A4 landscape"));
    cr_assert_not_null(strstr(text, "counter(page)"));
    cr_assert_null(strstr(text, "<script"));
    cr_assert_null(strstr(text, "http://"));
    cr_assert_null(strstr(text, "https://"));
    cr_assert_null(strstr(text, "url("));
    cr_assert_eq(count_of(text, "<h1>"), 1);
}

Test(report_write, html_has_tables_with_captions_and_scopes)
{
    const char *text = html(TWO_ROWS);

    cr_assert_eq(count_of(text, "<table>"), 2, "what is needed most, and the rest");
    cr_assert_eq(count_of(text, "<caption>"), 2);
    cr_assert_eq(count_of(text, "<th scope=\"row\">e-mail</th>"), 2);
    cr_assert_eq(count_of(text, "<th scope=\"col\">Class</th>"), 2);
    cr_assert_eq(count_of(text, "scope=\"col\""), COUNT_OF(columns) + 2);
    cr_assert_eq(count_of(text, "<td class=\"n\">-12</td>"), 1);
    cr_assert_not_null(strstr(text, "<td>account, support</td>"));
    cr_assert_not_null(strstr(text, "<tr class=\"act\"><th scope=\"row\">n</th>"));
    cr_assert_not_null(strstr(text, "<td>overdue, unbalanced</td>"), "said in words");
    cr_assert_not_null(strstr(text, "<dt>Subjects</dt><dd>2</dd>"));
}

/* E67 */
Test(report_write, html_lets_no_label_be_more_than_text)
{
    const char *text =
        html(HEAD "{\"class\":\"<script>alert(1)</script>\",\"purposes\":"
                  "[\"a&b\",\"\\\"><b '\",\"x\\u0000\\u001b\"],\"basis\":\"\"" REST "]}");

    cr_assert_null(strstr(text, "<script"));
    cr_assert_not_null(strstr(text, "&lt;script&gt;alert(1)&lt;/script&gt;"));
    cr_assert_not_null(strstr(text, "a&amp;b, &quot;&gt;&lt;b &#39;, x\xef\xbf\xbd\xef\xbf\xbd"));
    cr_assert_not_null(strstr(text, "<h1>Some &lt;kind&gt;</h1>"));
}

Test(report_write, html_names_the_json_by_its_hash)
{
    AUTO(json_free) struct json *tree = NULL;
    AUTO(buf_done) struct buf json = {.max = 0};
    char hash[DIGEST_HEX_BYTES];

    buf_init(&json, 1 << 16);
    cr_assert_eq(json_parse(SPAN_LIT(TWO_ROWS), &tree), ERR_OK);
    cr_assert_eq(json_write_pretty(tree, &json), ERR_OK);
    digest_hex(buf_span(&json), hash);
    cr_assert_eq(count_of(html(TWO_ROWS), hash), 2, "in the foot, and on each page in print");
}

Test(report_write, html_of_nothing_says_so)
{
    const char *text = html(HEAD "]}");

    cr_assert_not_null(strstr(text, "<p>Nothing to report.</p>"));
    cr_assert_null(strstr(text, "<table"));
}

/* ---- all ---- */

#define OF_RETENTION                                                                               \
    "{\"report\":\"retention\",\"as_of\":\"2026-01-10T12:00:00Z\",\"summary\":{\"subjects\":2},"   \
    "\"rows\":[{\"class\":\"mail\",\"attention\":[]}]}"

Test(report_write, takes_the_kind_from_the_tree)
{
    static const char *const beginnings[] = {"Retention as of ", "{", "as_of,class,",
                                             ("\xef\xbb\xbf"
                                              "as_of;class;"),
                                             "<!doctype html>"};

    for (size_t i = 0; i < COUNT_OF(beginnings); i++) {
        const struct report_style style = {.format = (enum report_format)i};
        AUTO(json_free) struct json *tree = NULL;
        AUTO(buf_done) struct buf out = {.max = 1 << 16};

        cr_assert_eq(json_parse(SPAN_LIT(OF_RETENTION), &tree), ERR_OK);
        cr_assert_eq(report_write(tree, &style, &out), ERR_OK);
        cr_assert_eq(strncmp((char *)out.bytes, beginnings[i], strlen(beginnings[i])), 0);
    }
}

Test(report_write, refuses_what_is_no_report_and_a_buffer_that_ends)
{
    static const char *const none[] = {"{\"report\":\"retention\",\"rows\":3}",
                                       "{\"report\":\"nonsense\",\"rows\":[]}", "{\"rows\":[]}",
                                       "[]"};

    for (int format = REPORT_TABLE; format <= REPORT_HTML; format++) {
        const struct report_style style = {.format = (enum report_format)format};
        AUTO(json_free) struct json *whole = NULL;
        AUTO(buf_done) struct buf out = {.max = 64};

        for (size_t i = 0; i < COUNT_OF(none); i++) {
            AUTO(json_free) struct json *tree = NULL;

            cr_assert_eq(json_parse(span_str(none[i]), &tree), ERR_OK);
            cr_assert_eq(report_write(tree, &style, &out), ERR_INVALID);
        }
        cr_assert_eq(json_parse(SPAN_LIT(OF_RETENTION), &whole), ERR_OK);
        cr_assert_eq(report_write(whole, &style, &out), ERR_TOO_LARGE);
    }
}

/* ---- xlsx ---- */

/* What is in a workbook is looked at in tests/system/test_reports.py. */
Test(report_write, xlsx_is_an_archive_and_the_same_report_is_as_long_again)
{
    AUTO(json_free) struct json *tree = NULL;
    AUTO(buf_done) struct buf first = {.max = 1 << 20}, second = {.max = 1 << 20};

    cr_assert_eq(json_parse(span_str(TWO_ROWS), &tree), ERR_OK);
    cr_assert_eq(report__write_xlsx(&kind, tree, &first), ERR_OK);
    cr_assert_gt(first.len, 1000);
    cr_assert_eq(memcmp(first.bytes, "PK", 2), 0);
    cr_assert_eq(report__write_xlsx(&kind, tree, &second), ERR_OK);
    cr_expect_eq(first.len, second.len);
}

Test(report_write, xlsx_that_is_longer_than_the_buffer_is_refused)
{
    AUTO(json_free) struct json *tree = NULL;
    AUTO(buf_done) struct buf out = {.max = 1000};

    cr_assert_eq(json_parse(span_str(TWO_ROWS), &tree), ERR_OK);
    cr_expect_eq(report__write_xlsx(&kind, tree, &out), ERR_TOO_LARGE);
}

Test(report_write, xlsx_cuts_a_label_that_no_cell_holds)
{
    AUTO(mem_free) char *text = mem_alloc(60000);
    AUTO(json_free) struct json *tree = NULL;
    AUTO(buf_done) struct buf out = {.max = 1 << 20};
    size_t used;

    used = (size_t)snprintf(text, 60000, "%s{\"class\":\"x", HEAD);
    for (int i = 0; i < 20000; i++, used += 2)
        memcpy(text + used, "\xc3\xbc", 2); /* cut in the middle of one it would be no UTF-8 */
    (void)snprintf(text + used, 60000 - used, "\"" REST "]}");
    cr_assert_eq(json_parse(span_str(text), &tree), ERR_OK);
    cr_expect_eq(report__write_xlsx(&kind, tree, &out), ERR_OK);
}

/* ---- the digest ---- */

#define CHANGES(as_of, class_name)                                                                 \
    "{\"report\":\"changes\",\"as_of\":\"" as_of "\",\"rows\":[{\"class\":\"" class_name           \
    "\",\"version\":1,\"before\":[\"a, \\\"b\\\"\",\"=c\"],\"attention\":[]},{\"class\":\"z\"}]}"

static void digest_of(const char *json, char ret[DIGEST_HEX_BYTES])
{
    AUTO(json_free) struct json *tree = NULL;

    REQUIRE(json_parse(span_str(json), &tree) == ERR_OK);
    cr_assert_eq(report_digest(tree, ret), ERR_OK);
}

/* What is behind the first comma of each line, as `cut -d, -f2-` prints it. */
static void digest_by_hand(const char *json, char ret[DIGEST_HEX_BYTES])
{
    AUTO(json_free) struct json *tree = NULL;
    AUTO(buf_done) struct buf csv = {.max = 0}, cut = {.max = 0};
    const char *at, *end;

    buf_init(&csv, 1 << 16);
    buf_init(&cut, 1 << 16);
    REQUIRE(json_parse(span_str(json), &tree) == ERR_OK);
    cr_assert_eq(report_write(tree, &(struct report_style){.format = REPORT_CSV}, &csv), ERR_OK);
    REQUIRE(buf_append_byte(&csv, '\0') == ERR_OK);
    for (at = (const char *)csv.bytes; *at != '\0'; at = end) {
        at = strchr(at, ',') + 1;
        end = strchr(at, '\n') + 1;
        REQUIRE(buf_append(&cut, at, (size_t)(end - at)) == ERR_OK);
    }
    digest_hex(buf_span(&cut), ret);
}

Test(report_write, digest_is_that_of_the_csv_without_the_instant)
{
    char one[DIGEST_HEX_BYTES], other[DIGEST_HEX_BYTES];

    digest_of(CHANGES("2026-01-10T12:00:00Z", "mail"), one);
    digest_by_hand(CHANGES("2026-01-10T12:00:00Z", "mail"), other);
    cr_assert_str_eq(one, other);
    digest_of(CHANGES("2027-02-20T22:00:00Z", "mail"), other);
    cr_assert_str_eq(one, other, "whenever it was made");
    digest_of(CHANGES("2026-01-10T12:00:00Z", "male"), other);
    cr_assert_str_neq(one, other);
}

Test(report_write, digest_of_what_is_no_report_is_refused)
{
    AUTO(json_free) struct json *tree = json_new_map();
    char hex[DIGEST_HEX_BYTES];

    json_set_str(tree, "report", "changes");
    cr_assert_eq(report_digest(tree, hex), ERR_INVALID);
}
