/* SPDX-License-Identifier: Apache-2.0 */
#include "retention/report.h"

#include "base/log.h"
#include "base/secret.h"
#include "tests/unit/retention/report_rig.h"

static void start(void)
{
    secret_start();
    log_set_level(LOG_ERROR);
}

TestSuite(report_changes, .init = start, .timeout = 60);

static struct json *report_over(struct rig *r, int64_t from_day, int64_t to_day)
{
    return rig_report_over(r, "changes", from_day, to_day);
}

/* The store with another configuration. */
static void reconfigure(struct rig *r, const char *classes)
{
    struct errmsg msg;

    vault_close(&r->vault);
    classes_done(&r->classes);
    conf_free(&r->conf);
    REQUIRE(conf_parse("rig.yaml", span_str(classes), &r->conf, &msg) == ERR_OK);
    REQUIRE(classes_read(conf_root(r->conf), &r->classes, &msg) == ERR_OK);
    rig_open(r);
}

static bool has(const struct json *row, const char *name, const char *text)
{
    const struct json *list = json_get(row, name);

    for (size_t i = 0; i < json_count(list); i++)
        if (strcmp(json_str_of(json_at(list, i)), text) == 0)
            return true;
    return false;
}

Test(report_changes, shows_each_version_with_before_and_after)
{
    AUTO(rig_done) struct rig r;
    AUTO(json_free) struct json *tree = NULL;
    const int64_t today = RIG_NOW_S / RIG_DAY_S;
    const struct json *rows;

    rig_init_with(&r, "note: {purposes: [support], basis: \"6(1)(f)\", retain: {period: P10D}}\n"
                      "mail: {purposes: [account], basis: \"6(1)(b)\", retain: {period: P2Y}}\n");
    rig_clock(RIG_NOW_S + 3 * (int64_t)RIG_DAY_S);
    reconfigure(&r,
                "note: {purposes: [support, quality], basis: \"6(1)(f)\", retain: {period: P20D}}\n"
                "mail: {purposes: [account], basis: \"6(1)(b)\", retain: {period: P2Y}}\n");
    tree = report_over(&r, INT64_MIN, INT64_MAX);
    cr_assert_eq(json_count(json_get(tree, "rows")), 3, "two classes, one of which changed");
    json_free(&tree);
    tree = report_over(&r, today + 3, today + 4);
    rows = json_get(tree, "rows");
    cr_assert_eq(json_count(rows), 1);
    cr_assert_str_eq(json_str_of(json_get(json_at(rows, 0), "class")), "note");
    cr_assert_eq(json_int_of(json_get(json_at(rows, 0), "version"), 0), 2);
    cr_assert_str_eq(json_str_of(json_get(json_at(rows, 0), "change")), "changed");
    cr_assert_str_eq(json_str_of(json_get(json_at(rows, 0), "since")), "2026-01-13T12:00:00Z");
    cr_assert(has(json_at(rows, 0), "before", "retain.period: P10D"));
    cr_assert(has(json_at(rows, 0), "after", "retain.period: P20D"));
    cr_assert(has(json_at(rows, 0), "after", "purposes: quality"));
    cr_assert_eq(json_count(json_get(json_at(rows, 0), "before")), 1, "and nothing that stayed");
    cr_assert_not(report_needs_attention(tree));
}

Test(report_changes, of_a_period_without_any_is_empty)
{
    AUTO(rig_done) struct rig r;
    AUTO(json_free) struct json *tree = NULL;

    rig_init(&r);
    tree = report_over(&r, 0, 1);
    cr_assert_eq(json_count(json_get(tree, "rows")), 0);
}
