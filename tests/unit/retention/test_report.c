/* SPDX-License-Identifier: Apache-2.0 */
#include "retention/report.h"

#include <criterion/criterion.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/secret.h"
#include "tests/support/vault_rig.h"

static void start(void)
{
    secret_start();
    log_set_level(LOG_ERROR);
}

TestSuite(report, .init = start, .timeout = 60);

static size_t rows_wanted;
static const char *reason; /* for attention to the last row */

static enum err build_some(const struct report_context *c UNUSED, struct report *report,
                           struct errmsg *msg UNUSED)
{
    enum err e = ERR_OK;

    json_set_int(report_summary(report), "rows", (int64_t)rows_wanted);
    for (size_t i = 0; i < rows_wanted && e == ERR_OK; i++) {
        struct json *row = NULL;

        e = report_row(report, &row);
        if (e != ERR_OK)
            break;
        json_set_int(row, "number", (int64_t)i);
        report_set_day(row, "day", 1);
        report_set_instant(row, "at", 1);
        if (reason != NULL && i + 1 == rows_wanted)
            report_attend(row, reason);
    }
    return e;
}

static enum err make(struct rig *r, const uint8_t *configuration, int64_t from_day, int64_t to_day,
                     struct json **ret_tree, struct errmsg *msg)
{
    static const struct report_column columns[] = {{"number", "Number", REPORT_COUNT, false}};
    const struct report_kind kind = {.name = "some",
                                     .title = "Some",
                                     .columns = columns,
                                     .column_count = 1,
                                     .build = build_some};
    const struct report_context context = {.vault = r->vault,
                                           .classes = &r->classes,
                                           .now_s = clock_now_s(),
                                           .from_day = from_day,
                                           .to_day = to_day,
                                           .configuration = configuration};

    return report_make(&kind, &context, ret_tree, msg);
}

static const char *text(const struct json *map, const char *name)
{
    const char *found = json_str_of(json_get(map, name));

    return found == NULL ? "" : found;
}

Test(report, says_of_what_and_as_of_when_it_speaks)
{
    static const uint8_t configuration[CONF_DIGEST_BYTES] = {0xab, 0xcd};
    AUTO(rig_done) struct rig r;
    AUTO(json_free) struct json *tree = NULL;
    struct errmsg msg;

    rig_init(&r);
    rows_wanted = 2;
    cr_assert_eq(make(&r, configuration, 0, 31, &tree, &msg), ERR_OK);
    cr_assert_str_eq(text(tree, "report"), "some");
    cr_assert_str_eq(text(tree, "title"), "Some");
    cr_assert_str_eq(text(tree, "as_of"), "2026-01-10T12:00:00Z");
    cr_assert_str_eq(text(tree, "zone"), "UTC");
    cr_assert_str_eq(text(json_get(tree, "period"), "from"), "1970-01-01");
    cr_assert_str_eq(text(json_get(tree, "period"), "to"), "1970-02-01");
    cr_assert_gt(strlen(text(tree, "version")), 0);
    cr_assert_gt(strlen(text(tree, "commit")), 0);
    cr_assert_eq(strncmp(text(tree, "configuration"), "abcd0000", 8), 0);
    cr_assert_eq(strlen(text(tree, "configuration")), 64);
    cr_assert_eq(strlen(text(tree, "store")), 32);
    cr_assert_eq(strlen(text(json_get(tree, "ledger"), "head")), 64);
    cr_assert_gt(json_int_of(json_get(json_get(tree, "ledger"), "entries"), 0), 0);
    cr_assert_str_eq(text(tree, "clock"), "right");
    cr_assert_eq(json_int_of(json_get(json_get(tree, "summary"), "rows"), 0), 2);
    cr_assert_eq(json_count(json_get(tree, "rows")), 2);
    cr_assert_str_eq(text(json_at(json_get(tree, "rows"), 1), "day"), "1970-01-02");
    cr_assert_str_eq(text(json_at(json_get(tree, "rows"), 1), "at"), "1970-01-01T00:00:01Z");
    cr_assert_not(report_needs_attention(tree));
}

Test(report, without_a_period_and_a_configuration_says_so)
{
    AUTO(rig_done) struct rig r;
    AUTO(json_free) struct json *tree = NULL;
    struct errmsg msg;

    rig_init(&r);
    cr_assert_eq(make(&r, NULL, INT64_MIN, INT64_MAX, &tree, &msg), ERR_OK);
    cr_assert_eq(json_kind(json_get(json_get(tree, "period"), "from")), JSON_NIL);
    cr_assert_eq(json_kind(json_get(json_get(tree, "period"), "to")), JSON_NIL);
    cr_assert_eq(json_kind(json_get(tree, "configuration")), JSON_NIL);
    cr_assert_eq(json_count(json_get(tree, "rows")), 0);
}

Test(report, needs_attention_when_one_of_its_rows_does)
{
    AUTO(rig_done) struct rig r;
    AUTO(json_free) struct json *tree = NULL;
    const struct json *rows;
    struct errmsg msg;

    rig_init(&r);
    rows_wanted = 3;
    reason = "overdue";
    cr_assert_eq(make(&r, NULL, INT64_MIN, INT64_MAX, &tree, &msg), ERR_OK);
    cr_assert(report_needs_attention(tree));
    rows = json_get(tree, "rows");
    cr_assert_eq(json_count(json_get(json_at(rows, 0), "attention")), 0);
    cr_assert_eq(json_count(json_get(json_at(rows, 2), "attention")), 1);
    cr_assert_str_eq(json_str_of(json_at(json_get(json_at(rows, 2), "attention"), 0)), "overdue");
}

Test(report, that_is_none_needs_attention)
{
    cr_assert(report_needs_attention(NULL));
}

Test(report, is_refused_over_a_period_that_ends_before_it_begins)
{
    AUTO(rig_done) struct rig r;
    AUTO(json_free) struct json *tree = NULL;
    struct errmsg msg = {""};

    rig_init(&r);
    cr_assert_eq(make(&r, NULL, 2, 1, &tree, &msg), ERR_INVALID);
    cr_assert_not_null(strstr(msg.text, "ends before"));
    cr_assert_null(tree);
}

/* E86 */
Test(report, of_too_many_rows_is_refused_and_never_cut_short)
{
    AUTO(rig_done) struct rig r;
    AUTO(json_free) struct json *tree = NULL;
    struct errmsg msg = {""};

    rig_init(&r);
    rows_wanted = LIMIT_REPORT_ROWS_MAX;
    cr_assert_eq(make(&r, NULL, INT64_MIN, INT64_MAX, &tree, &msg), ERR_OK);
    json_free(&tree);
    rows_wanted++;
    cr_assert_eq(make(&r, NULL, INT64_MIN, INT64_MAX, &tree, &msg), ERR_TOO_LARGE);
    cr_assert_not_null(strstr(msg.text, "10000"));
}

/* What the writers and the documents rely on. */
Test(report, kinds_have_names_and_columns_of_their_own)
{
    const struct report_kind *kind;

    for (size_t k = 0; (kind = report_kind_at(k)) != NULL; k++) {
        cr_assert_eq(report_kind_find(span_str(kind->name)), kind, "%s", kind->name);
        cr_assert_gt(kind->column_count, 0, "%s", kind->name);
        for (size_t i = 0; i < kind->column_count; i++) {
            cr_assert_str_neq(kind->columns[i].member, "attention", "%s", kind->name);
            for (size_t j = 0; j < i; j++)
                cr_assert_str_neq(kind->columns[i].member, kind->columns[j].member, "%s",
                                  kind->name);
        }
    }
    cr_assert_null(report_kind_find(SPAN_LIT("nonsense")));
}
