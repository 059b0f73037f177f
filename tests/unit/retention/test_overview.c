/* SPDX-License-Identifier: Apache-2.0 */
/* The overview against the reports, and against what was done. */
#include "retention/overview.h"

#include <string.h>

#include "base/mem.h"
#include "base/secret.h"
#include "retention/audit_check.h"
#include "retention/runs.h"
#include "retention/sweeper.h"
#include "tests/unit/retention/request_rig.h"
#include "vault/audit.h"
#include "vault/holds.h"

static void start(void)
{
    secret_start();
    log_set_level(LOG_ERROR);
}

TestSuite(overview, .init = start, .timeout = 120);

static struct request_rig r;

static struct json *overview_of(const struct classes *classes, int64_t from_day, int64_t to_day)
{
    struct report_context c = {.vault = r.rig.vault,
                               .requests = r.requests,
                               .classes = classes,
                               .now_s = vault_now_s(r.rig.vault),
                               .from_day = from_day,
                               .to_day = to_day};
    struct json *tree = NULL;
    struct errmsg msg = {""};

    REQUIRE(vault_reader_open(r.rig.vault, &c.reader) == ERR_OK);
    cr_assert_eq(overview_make(&c, &tree, &msg), ERR_OK, "%s", msg.text);
    vault_reader_close(&c.reader);
    return tree;
}

static struct json *overview(void)
{
    return overview_of(&r.rig.classes, INT64_MIN, INT64_MAX);
}

static const struct json *at(const struct json *tree, const char *part, const char *name)
{
    return json_get(json_get(tree, part), name);
}

static int64_t number(const struct json *map, const char *name)
{
    return json_int_of(json_get(map, name), -1);
}

static bool attends(const struct json *tree, const char *part, const char *reason)
{
    const struct json *reasons = at(tree, part, "attention");

    for (size_t i = 0; i < json_count(reasons); i++)
        if (span_equal(json_text_of(json_at(reasons, i)), span_str(reason)))
            return true;
    return false;
}

static const struct json *clock_of(const struct json *tree, const char *name)
{
    const struct json *clocks = json_get(tree, "clocks");

    for (size_t i = 0; i < json_count(clocks); i++)
        if (span_equal(json_text_of(json_get(json_at(clocks, i), "clock")), span_str(name)))
            return json_at(clocks, i);
    return NULL;
}

static void after_days(int64_t days)
{
    rig_clock(RIG_NOW_S + days * RIG_DAY_S);
}

static void sweep(struct runs *runs)
{
    struct sweeper_options o = {.vault = r.rig.vault,
                                .classes = &r.rig.classes,
                                .now_s = vault_now_s(r.rig.vault),
                                .runs = runs};
    struct sweeper_counts counts;

    REQUIRE(sweeper_pass(&o, &counts) == ERR_OK);
}

Test(overview, of_an_empty_store_has_every_question_and_only_a_backup_is_missing)
{
    static const char *const parts[] = {"overdue", "held", "requests", "destroyed", "access"};
    AUTO(json_free) struct json *tree = NULL;

    request_rig_init(&r);
    tree = overview();
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        cr_assert_not_null(json_get(tree, parts[i]), "%s", parts[i]);
        cr_expect_eq(json_count(at(tree, parts[i], "attention")), 0, "%s", parts[i]);
    }
    cr_expect_str_eq(json_str_of(json_get(clock_of(tree, "backup_due"), "state")), "past");
    cr_expect(json_bool_of(json_get(tree, "attention"), false));
    cr_expect_str_eq(json_str_of(at(tree, "period", "from")), "2025-12-12");
    cr_expect_str_eq(json_str_of(at(tree, "period", "to")), "2026-01-11");
    request_rig_done(&r);
}

Test(overview, says_what_is_overdue_since_when_and_that_nobody_sweeps)
{
    AUTO(json_free) struct json *tree = NULL;
    const struct json *list;

    request_rig_init(&r);
    rig_store_many(&r.rig, "note", "ada", 3); /* ten days */
    after_days(1);
    rig_store_many(&r.rig, "note", "bob", 2);
    after_days(14);
    tree = overview();
    list = at(tree, "overdue", "classes");
    cr_expect(attends(tree, "overdue", "overdue"));
    cr_expect_eq(number(json_get(tree, "overdue"), "values"), 5);
    cr_expect_eq(number(json_get(tree, "overdue"), "days"), 4);
    cr_assert_eq(json_count(list), 1);
    cr_expect_str_eq(json_str_of(json_get(json_at(list, 0), "class")), "note");
    cr_expect_str_eq(json_str_of(json_get(json_at(list, 0), "since")), "2026-01-20");
    cr_expect_str_eq(json_str_of(json_get(json_at(list, 0), "reason")), "no_sweep");
    request_rig_done(&r);
}

Test(overview, says_that_the_next_sweep_takes_what_became_overdue_since_the_last)
{
    AUTO(json_free) struct json *tree = NULL;
    struct runs *runs;

    request_rig_init(&r);
    runs = runs_new(r.rig.vault);
    rig_store_many(&r.rig, "brief", "ada", 3); /* an hour */
    sweep(runs);
    after_days(1);
    tree = overview();
    cr_expect_str_eq(json_str_of(json_get(json_at(at(tree, "overdue", "classes"), 0), "reason")),
                     "next_sweep");
    runs_free(&runs);
    request_rig_done(&r);
}

Test(overview, shows_timers_that_have_not_started_and_what_bounds_them)
{
    static const char classes[] =
        "case: {purposes: [support], basis: \"6(1)(f)\", retain: {period: P90D, from: "
        "\"event:closed\", backstop: P2Y}}\n";
    AUTO(json_free) struct json *tree = NULL;
    const struct json *list;

    request_rig_init(&r);
    request_rig_close(&r);
    rig_done(&r.rig);
    rig_init_with(&r.rig, classes);
    request_rig_open(&r);
    rig_store_many(&r.rig, "case", "ada", 4);
    after_days(9);
    tree = overview();
    list = json_get(at(tree, "held", "not_started"), "classes");
    cr_expect_eq(number(at(tree, "held", "not_started"), "values"), 4);
    cr_assert_eq(json_count(list), 1);
    cr_expect_str_eq(json_str_of(json_get(json_at(list, 0), "start")), "event:closed");
    cr_expect_str_eq(json_str_of(json_get(json_at(list, 0), "backstop")), "P2Y");
    cr_expect_str_eq(json_str_of(json_get(json_at(list, 0), "oldest")), "2026-01-10");
    request_rig_done(&r);
}

Test(overview, counts_holds_and_attends_to_reviews_that_are_over)
{
    AUTO(json_free) struct json *before = NULL, *after = NULL;
    struct vault_hold hold = {.code = "17(3)(e)",
                              .ground = "a claim",
                              .owner = "<script>alert(1)</script>",
                              .set_by = "cli",
                              .review_s = RIG_NOW_S + 5 * RIG_DAY_S};
    struct vault_holds op = {.op = {.kind = VAULT_HOLDS}, .act = VAULT_HOLD_SET, .hold = &hold};
    const struct json *oldest;

    request_rig_init(&r);
    hold.class_id = rig_class(&r.rig, "note");
    cr_assert_eq(vault_run(r.rig.vault, &op.op), ERR_OK);
    before = overview();
    cr_expect_not(attends(before, "held", "hold_review_overdue"));
    cr_expect_str_eq(json_str_of(json_get(clock_of(before, "hold_review"), "state")), "soon");
    after_days(6);
    after = overview();
    cr_expect(attends(after, "held", "hold_review_overdue"));
    oldest = json_get(at(after, "held", "holds"), "oldest");
    cr_assert_eq(json_count(oldest), 1);
    cr_expect_eq(number(json_at(oldest, 0), "days"), 6);
    cr_expect_str_eq(json_str_of(json_get(json_at(oldest, 0), "owner")),
                     "<script>alert(1)</script>", "as it is: who shows it escapes it");
    request_rig_done(&r);
}

Test(overview, lists_requests_past_due_and_those_of_the_week_and_no_others)
{
    AUTO(json_free) struct json *tree = NULL, *a = NULL, *b = NULL, *c = NULL;
    const struct json *rows;

    request_rig_init(&r);
    (void)rig_store(&r.rig, "mail", "ada", "ada");
    cr_assert_eq(request_rig_add(&r, "{\"rights\":[\"erasure\"],\"channel\":\"email\"}", "ada", &a),
                 ERR_OK);
    cr_assert_eq(request_rig_add(
                     &r,
                     "{\"rights\":[\"access\"],\"channel\":\"letter\",\"received\":\"2025-12-01\"}",
                     "ada", &b),
                 ERR_OK);
    cr_assert_eq(request_rig_add(
                     &r,
                     "{\"rights\":[\"access\"],\"channel\":\"letter\",\"received\":\"2025-12-15\"}",
                     "ada", &c),
                 ERR_OK);
    tree = overview();
    rows = at(tree, "requests", "rows");
    cr_expect_eq(number(json_get(tree, "requests"), "open"), 3);
    cr_expect_eq(number(json_get(tree, "requests"), "past_due"), 1);
    cr_expect_eq(number(json_get(tree, "requests"), "this_week"), 1);
    cr_assert_eq(json_count(rows), 2);
    cr_expect_eq(number(json_at(rows, 0), "number"), 2);
    cr_expect_eq(number(json_at(rows, 1), "number"), 3);
    cr_expect(attends(tree, "requests", "past_due"));
    request_rig_done(&r);
}

Test(overview, shows_what_was_destroyed_with_its_receipts_and_the_balance)
{
    AUTO(mem_free) struct receipt *receipt = mem_alloc(sizeof(*receipt));
    AUTO(json_free) struct json *tree = NULL, *later = NULL;
    struct runs *runs;
    const struct json *receipts;

    request_rig_init(&r);
    runs = runs_new(r.rig.vault);
    rig_store_many(&r.rig, "note", "ada", 3);
    rig_store_many(&r.rig, "note", "bob", 4);
    cr_assert_eq(erasure_run(r.erasures, VAULT_DOMAIN_DEFAULT, SPAN_LIT("ada"), NULL, receipt),
                 ERR_OK);
    after_days(11);
    sweep(runs);
    tree = overview();
    receipts = at(tree, "destroyed", "receipts");
    cr_expect_eq(number(json_get(tree, "destroyed"), "timer"), 4);
    cr_expect_eq(number(json_get(tree, "destroyed"), "erasure"), 3);
    cr_expect_eq(number(receipts, "verified"), 1);
    cr_expect_eq(number(receipts, "open"), 0);
    cr_expect_eq(json_count(json_get(receipts, "last")), 1);
    cr_expect_eq(json_text_of(json_get(json_at(json_get(receipts, "last"), 0), "number")).len, 32);
    cr_expect_eq(number(at(tree, "destroyed", "runs"), "count"), 1);
    cr_expect(json_bool_of(json_get(at(tree, "destroyed", "balance"), "balanced"), false));
    after_days(200);
    later = overview();
    cr_expect_eq(number(at(later, "destroyed", "receipts"), "verified"), 0, "of these days only");
    runs_free(&runs);
    request_rig_done(&r);
}

Test(overview, says_when_the_trail_was_checked_and_what_came_of_it)
{
    AUTO(json_free) struct json *before = NULL, *after = NULL;
    const struct audit_record record = {.action = AUDIT_READ,
                                        .outcome = AUDIT_DONE,
                                        .role = AUDIT_OPERATOR,
                                        .who = SPAN_LIT("cli")};

    request_rig_init(&r);
    cr_assert_eq(audit_write(vault_audit(r.rig.vault), &record), ERR_OK);
    before = overview();
    cr_expect_eq(json_kind(json_get(at(before, "destroyed", "audit"), "verdict")), JSON_NIL);
    cr_assert_eq(audit_check_run(r.rig.vault, NULL), ERR_OK);
    after = overview();
    cr_expect_str_eq(json_str_of(json_get(at(after, "destroyed", "audit"), "verdict")), "whole");
    cr_expect_str_eq(json_str_of(json_get(at(after, "destroyed", "audit"), "verified")),
                     "2026-01-10T12:00:00Z");
    request_rig_done(&r);
}

static void show(const char *who, uint16_t values)
{
    const struct audit_entry entry = {
        .tag = {1}, .class_id = rig_class(&r.rig, "note"), .values = values};
    const struct audit_record record = {.action = AUDIT_REVEAL,
                                        .outcome = AUDIT_DONE,
                                        .role = AUDIT_CALLER,
                                        .who = span_str(who),
                                        .purpose = SPAN_LIT("support"),
                                        .entries = &entry,
                                        .entry_count = 1};

    cr_assert_eq(audit_write(vault_audit(r.rig.vault), &record), ERR_OK);
}

Test(overview, lists_who_saw_most_first_and_attends_to_growth)
{
    AUTO(json_free) struct json *tree = NULL;
    const struct json *callers;

    request_rig_init(&r);
    show("desk", 50);
    show("shop", 50);
    after_days(35);
    show("desk", 60);
    show("shop", 500);
    tree = overview();
    callers = at(tree, "access", "callers");
    cr_expect_eq(number(json_get(tree, "access"), "values"), 560);
    cr_assert_eq(json_count(callers), 2);
    cr_expect_str_eq(json_str_of(json_get(json_at(callers, 0), "caller")), "shop");
    cr_expect_eq(number(json_at(callers, 0), "growth"), 900);
    cr_expect_eq(number(json_at(callers, 1), "growth"), 20);
    cr_expect(attends(tree, "access", "growth"));
    request_rig_done(&r);
}

Test(overview, refuses_more_than_three_years)
{
    struct report_context c;
    struct json *tree = NULL;
    struct errmsg msg = {""};

    request_rig_init(&r);
    c = (struct report_context){.vault = r.rig.vault,
                                .classes = &r.rig.classes,
                                .now_s = RIG_NOW_S,
                                .from_day = 0,
                                .to_day = INT64_MAX};
    cr_expect_eq(overview_make(&c, &tree, &msg), ERR_INVALID);
    request_rig_done(&r);
}
