/* SPDX-License-Identifier: Apache-2.0 */
/* The register as a report. */
#include "retention/report.h"

#include "base/calendar.h"
#include "retention/report_write.h"
#include "tests/unit/retention/request_rig.h"

TestSuite(report_requests, .init = secret_start, .timeout = 60);

static struct json *report_of(struct request_rig *r, const char *kind, int64_t from_day,
                              int64_t to_day)
{
    struct report_context context = {.vault = r->rig.vault,
                                     .requests = r->requests,
                                     .classes = &r->rig.classes,
                                     .now_s = clock_now_s(),
                                     .from_day = from_day,
                                     .to_day = to_day};
    struct json *tree = NULL;
    struct errmsg msg = {""};

    cr_assert_eq(vault_reader_open(r->rig.vault, &context.reader), ERR_OK);
    cr_assert_eq(report_make(report_kind_find(span_str(kind)), &context, &tree, &msg), ERR_OK, "%s",
                 msg.text);
    vault_reader_close(&context.reader);
    return tree;
}

static struct json *report_over(struct request_rig *r, int64_t from_day, int64_t to_day)
{
    return report_of(r, "requests", from_day, to_day);
}

static struct json *report(struct request_rig *r)
{
    return report_over(r, INT64_MIN, INT64_MAX);
}

static int64_t figure(const struct json *tree, const char *name)
{
    return json_int_of(json_get(json_get(tree, "summary"), name), -1);
}

static void add(struct request_rig *r, const char *args)
{
    AUTO(json_free) struct json *view = NULL;

    cr_assert_eq(request_rig_add(r, args, NULL, &view), ERR_OK, "%s", r->msg.text);
}

#define ACCESS "{\"rights\": [\"access\"], \"channel\": \"email\""

Test(report_requests, says_what_is_past_due_and_that_somebody_must_act)
{
    AUTO(request_rig_done) struct request_rig r;
    AUTO(json_free) struct json *before = NULL;
    AUTO(json_free) struct json *after = NULL;
    const struct json *row;

    request_rig_init(&r);
    add(&r, ACCESS "}");
    add(&r, ACCESS ", \"regime\": \"ccpa\"}");
    before = report(&r);
    cr_expect_not(report_needs_attention(before));
    cr_expect(figure(before, "requests") == 2 && figure(before, "open") == 2);
    rig_clock(RIG_NOW_S + 33 * RIG_DAY_S);
    after = report(&r);
    cr_expect(report_needs_attention(after));
    cr_expect_eq(figure(after, "past_due"), 2);
    row = json_at(json_get(after, "rows"), 0);
    cr_expect_str_eq(json_str_of(json_get(row, "standing")), "past due");
    cr_expect_str_eq(json_str_of(json_at(json_get(row, "attention"), 0)), "past_due");
    cr_expect_eq(json_int_of(json_get(row, "days_left"), 0), -2);
    row = json_at(json_get(after, "rows"), 1);
    cr_expect_str_eq(json_str_of(json_get(row, "regime")), "ccpa");
    cr_expect_str_eq(json_str_of(json_get(row, "due")), "2026-01-23");
}

Test(report_requests, tells_the_whole_life_of_one)
{
    static const char *const wanted[][2] = {
        {"state", "answered"},        {"decision", "granted"},
        {"channel", "email"},         {"identity_method", "login"},
        {"legal_due", "2026-02-10"},  {"raw_due", "2026-02-10"},
        {"target_due", "2026-02-07"}, {"holidays", "DE-1"},
        {"executed", "2026-01-10"},   {"answered", "2026-01-12"},
        {"answer_channel", "letter"}, {"answer_template", "granted-en-1"},
        {"domain", "default"},
    };
    AUTO(request_rig_done) struct request_rig r;
    AUTO(json_free) struct json *tree = NULL;
    const struct json *row;
    uint64_t number;

    request_rig_init(&r);
    rig_store(&r.rig, "note", "ada", "likes tea");
    number = request_rig_approved(&r, "ada");
    cr_assert_eq(request_rig_act(&r, number, REQUEST_EXECUTE, "{}"), ERR_OK, "%s", r.msg.text);
    cr_assert_eq(
        request_rig_act(&r, number, REQUEST_NOTIFY, "{\"recipients\": 3, \"acknowledged\": 2}"),
        ERR_OK, "%s", r.msg.text);
    rig_clock(RIG_NOW_S + 2 * RIG_DAY_S);
    cr_assert_eq(request_rig_act(&r, number, REQUEST_ANSWER,
                                 "{\"channel\": \"letter\", \"template\": \"granted-en-1\"}"),
                 ERR_OK, "%s", r.msg.text);
    cr_expect_eq(request_rig_act(&r, number, REQUEST_CLOSE, "{}"), ERR_CONFLICT,
                 "a recipient has said nothing");
    tree = report(&r);
    row = json_at(json_get(tree, "rows"), 0);
    for (size_t i = 0; i < COUNT_OF(wanted); i++)
        cr_expect_str_eq(json_str_of(json_get(row, wanted[i][0])), wanted[i][1], "%s",
                         wanted[i][0]);
    cr_expect_eq(json_count(json_get(row, "certificates")), 1);
    cr_expect_str_eq(json_str_of(json_at(json_get(row, "approvers"), 0)), "M. Roe");
    cr_expect_eq(json_int_of(json_get(row, "to_notify"), 0), 3);
    cr_expect_eq(json_int_of(json_get(row, "notified"), 0), 2);
    cr_expect_eq(json_int_of(json_get(row, "days_used"), 0), 2);
    cr_expect(json_bool_of(json_get(row, "in_time"), false));
    cr_expect(figure(tree, "answered") == 1 && figure(tree, "answered_late") == 0);
    cr_expect(figure(tree, "days_mean") == 2 && figure(tree, "days_median") == 2);
    cr_expect_not(report_needs_attention(tree));
}

Test(report_requests, has_every_column_in_every_row)
{
    AUTO(request_rig_done) struct request_rig r;
    AUTO(json_free) struct json *tree = NULL;
    const struct report_kind *kind = report_kind_find(span_str("requests"));

    request_rig_init(&r);
    add(&r, ACCESS "}");
    tree = report(&r);
    for (size_t i = 0; i < kind->column_count; i++)
        cr_expect_neq(
            json_kind(json_get(json_at(json_get(tree, "rows"), 0), kind->columns[i].member)),
            JSON_ABSENT, "%s", kind->columns[i].member);
    for (size_t i = 0; i < kind->summary_count; i++)
        cr_expect_neq(json_kind(json_get(json_get(tree, "summary"), kind->summary[i].member)),
                      JSON_ABSENT, "%s", kind->summary[i].member);
}

Test(report_requests, of_a_period_are_those_that_came_in_it)
{
    AUTO(request_rig_done) struct request_rig r;
    AUTO(json_free) struct json *tree = NULL;
    const int64_t day = civil_days((struct civil){2026, 1, 9});

    request_rig_init(&r);
    add(&r, ACCESS ", \"received\": \"2026-01-08\"}");
    add(&r, ACCESS ", \"received\": \"2026-01-09\"}");
    add(&r, ACCESS ", \"received\": \"2026-01-10\"}");
    tree = report_over(&r, day, day + 1);
    cr_assert_eq(json_count(json_get(tree, "rows")), 1);
    cr_expect_eq(json_int_of(json_get(json_at(json_get(tree, "rows"), 0), "number"), 0), 2);
}

Test(report_requests, lists_closed_ones_when_a_period_is_asked_for)
{
    AUTO(request_rig_done) struct request_rig r;
    AUTO(json_free) struct json *without = NULL;
    AUTO(json_free) struct json *with = NULL;

    request_rig_init(&r);
    add(&r, ACCESS "}");
    add(&r, ACCESS "}");
    cr_assert_eq(request_rig_act(&r, 1, REQUEST_WITHDRAW, "{\"channel\": \"phone\"}"), ERR_OK);
    cr_assert_eq(request_rig_act(&r, 1, REQUEST_CLOSE, "{}"), ERR_OK);
    without = report(&r);
    with = report_over(&r, 0, INT64_MAX);
    cr_expect_eq(json_count(json_get(without, "rows")), 1);
    cr_expect_eq(figure(without, "requests"), 2, "it is counted");
    cr_expect_eq(json_count(json_get(with, "rows")), 2);
}

Test(report_requests, can_be_printed_in_each_format)
{
    AUTO(request_rig_done) struct request_rig r;
    AUTO(json_free) struct json *tree = NULL;

    request_rig_init(&r);
    add(&r, ACCESS ", \"owner\": \"=1+1\"}");
    tree = report(&r);
    for (int format = REPORT_TABLE; format <= REPORT_CSV_EXCEL; format++) {
        AUTO(buf_done) struct buf out = {.max = 0};
        const struct report_style style = {.format = (enum report_format)format, .wide = true};

        buf_init(&out, 1 << 20);
        cr_assert_eq(report_write(tree, &style, &out), ERR_OK, "%d", format);
        cr_assert_eq(buf_append_byte(&out, '\0'), ERR_OK);
        if (format == REPORT_CSV)
            cr_expect_not_null(strstr((char *)out.bytes, "'=1+1"), "%s", (char *)out.bytes);
    }
}

static void answer(struct request_rig *r, uint64_t number, int day)
{
    rig_clock(RIG_NOW_S + (int64_t)day * RIG_DAY_S);
    cr_assert_eq(request_rig_act(r, number, REQUEST_REFUSE,
                                 "{\"reason\": \"excessive\", \"by\": \"M\", "
                                 "\"reasoning\": \"file 12\"}"),
                 ERR_OK, "%s", r->msg.text);
    cr_assert_eq(request_rig_act(r, number, REQUEST_ANSWER,
                                 "{\"channel\": \"letter\", \"template\": \"refused-en-1\"}"),
                 ERR_OK, "%s", r->msg.text);
}

#define FIGURE(row, name) json_int_of(json_get((row), (name)), -1)

Test(report_requests, by_year_counts_each_right_of_each_law)
{
    AUTO(request_rig_done) struct request_rig r;
    AUTO(json_free) struct json *tree = NULL;
    const struct json *rows, *row;

    request_rig_init(&r);
    add(&r, ACCESS ", \"received\": \"2025-12-30\"}");
    add(&r, "{\"rights\": [\"access\", \"erasure\"], \"channel\": \"email\"}");
    for (int i = 0; i < 3; i++)
        add(&r, ACCESS ", \"regime\": \"ccpa\"}");
    answer(&r, 3, 2);
    answer(&r, 4, 3);
    answer(&r, 5, 60);
    tree = report_of(&r, "request-years", INT64_MIN, INT64_MAX);
    rows = json_get(tree, "rows");
    cr_assert_eq(json_count(rows), 4);
    row = json_at(rows, 0);
    cr_expect_str_eq(json_str_of(json_get(row, "regime")), "ccpa");
    cr_expect(FIGURE(row, "year") == 2026 && FIGURE(row, "received") == 3);
    cr_expect(FIGURE(row, "refused") == 3 && FIGURE(row, "open") == 0);
    cr_expect(FIGURE(row, "answered") == 3 && FIGURE(row, "answered_late") == 1);
    cr_expect(FIGURE(row, "days_mean") == 21 && FIGURE(row, "days_median") == 3);
    row = json_at(rows, 2);
    cr_expect_str_eq(json_str_of(json_get(row, "right")), "erasure");
    cr_expect(FIGURE(row, "received") == 1 && FIGURE(row, "open") == 1);
    cr_expect_eq(json_kind(json_get(row, "days_mean")), JSON_NIL);
    row = json_at(rows, 3);
    cr_expect(FIGURE(row, "year") == 2025 && FIGURE(row, "received") == 1);
}
