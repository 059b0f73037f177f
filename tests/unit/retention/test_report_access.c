/* SPDX-License-Identifier: Apache-2.0 */
/* The access and the breach report against what was recorded. */
#include "retention/report.h"

#include "base/secret.h"
#include "tests/unit/retention/report_rig.h"
#include "vault/audit.h"

TestSuite(report_access, .init = secret_start);

enum { TODAY = 20463 }; /* RIG_NOW_S in days */

static struct rig r;

static struct json *make(const char *kind, const struct report_context *about, enum err expected)
{
    struct json *tree = NULL;

    cr_assert_eq(rig_report_about(&r, kind, *about, &tree), expected);
    return tree;
}

/* Of one record: `people` people, `each` values of each. */
static void record(const char *who, const char *purpose, const char *class_name, unsigned first,
                   unsigned people, unsigned each)
{
    struct audit_entry entries[64];
    struct audit_record rec = {.action = AUDIT_REVEAL,
                               .outcome = AUDIT_DONE,
                               .role = AUDIT_CALLER,
                               .who = span_str(who),
                               .purpose = span_str(purpose),
                               .entries = entries,
                               .entry_count = people};

    for (unsigned i = 0; i < people; i++)
        entries[i] = (struct audit_entry){.tag = {(uint8_t)(first + i), 1, 2, 3, 4, 5, 6, 7, 8},
                                          .class_id = rig_class(&r, class_name),
                                          .values = (uint16_t)each};
    cr_assert_eq(audit_write(vault_audit(r.vault), &rec), ERR_OK);
}

static void refuse(const char *who, uint64_t more)
{
    const struct audit_record rec = {.action = AUDIT_REVEAL,
                                     .outcome = AUDIT_REFUSED,
                                     .role = AUDIT_CALLER,
                                     .who = span_str(who),
                                     .error = SPAN_LIT("DENIED"),
                                     .more = more};

    cr_assert_eq(audit_write(vault_audit(r.vault), &rec), ERR_OK);
}

static void on_day(int64_t day)
{
    struct vault_clock_accept accept = {.op = {.kind = VAULT_CLOCK_ACCEPT}};

    rig_clock(day * RIG_DAY_S + 3600);
    REQUIRE(vault_run(r.vault, &accept.op) == ERR_OK);
}

static const struct json *row(const struct json *tree, const char *who, const char *class_name)
{
    const struct json *rows = json_get(tree, "rows");

    for (size_t i = 0; i < json_count(rows); i++) {
        const struct json *at = json_at(rows, i);
        const char *caller = json_str_of(json_get(at, "caller"));
        const char *class = json_str_of(json_get(at, "class"));

        if ((who == NULL || (caller != NULL && strcmp(caller, who) == 0)) &&
            (class == NULL ? class_name == NULL
                           : class_name != NULL && strcmp(class, class_name) == 0))
            return at;
    }
    return NULL;
}

static int64_t figure(const struct json *map, const char *name)
{
    return json_int_of(json_get(map, name), -1);
}

Test(report_access, counts_values_requests_and_each_person_once)
{
    AUTO(json_free) struct json *tree = NULL;
    const struct report_context always = {.from_day = INT64_MIN, .to_day = INT64_MAX};

    rig_init(&r);
    record("desk", "support", "note", 1, 3, 2);
    record("desk", "support", "note", 2, 3, 1); /* two of them again */
    record("desk", "support", "mail", 1, 1, 1);
    record("crm", "account", "mail", 1, 1, 5);
    refuse("crm", 9);
    tree = make("access", &always, ERR_OK);
    cr_assert_eq(figure(row(tree, "desk", "note"), "requests"), 2);
    cr_assert_eq(figure(row(tree, "desk", "note"), "values"), 9);
    cr_assert_eq(figure(row(tree, "desk", "note"), "people"), 4);
    cr_assert_eq(figure(row(tree, "desk", "mail"), "people"), 1);
    cr_assert_eq(figure(row(tree, "crm", NULL), "refused"), 10);
    cr_assert_eq(figure(json_get(tree, "summary"), "people"), 4);
    cr_assert_eq(figure(json_get(tree, "summary"), "values"), 15);
    rig_done(&r);
}

Test(report_access, names_that_cannot_be_printed_are_one_row)
{
    AUTO(json_free) struct json *tree = NULL;
    const struct report_context always = {.from_day = INT64_MIN, .to_day = INT64_MAX};

    rig_init(&r);
    record("de\tsk", "support", "note", 1, 3, 2);
    record("de\nsk", "support", "note", 2, 3, 1);
    record("desk", "support", "note", 3, 1, 1);
    tree = make("access", &always, ERR_OK);
    cr_assert_eq(json_count(json_get(tree, "rows")), 2);
    cr_assert_eq(figure(row(tree, "de?sk", "note"), "requests"), 2);
    cr_assert_eq(figure(row(tree, "desk", "note"), "requests"), 1);
    rig_done(&r);
}

Test(report_access, compares_with_the_period_before)
{
    AUTO(json_free) struct json *tree = NULL;
    const struct report_context two = {.from_day = TODAY + 2, .to_day = TODAY + 4};

    rig_init(&r);
    on_day(TODAY);
    record("desk", "support", "note", 1, 10, 4);
    on_day(TODAY + 2);
    for (unsigned i = 0; i < 4; i++)
        record("desk", "support", "note", 1, 10, 10);
    on_day(TODAY + 4);
    record("desk", "support", "note", 1, 60, 9); /* after it */
    tree = make("access", &two, ERR_OK);
    cr_assert_eq(figure(row(tree, "desk", "note"), "values"), 400);
    cr_assert_eq(figure(row(tree, "desk", "note"), "before"), 40);
    cr_assert_eq(figure(row(tree, "desk", "note"), "growth"), 900);
    cr_assert(report_needs_attention(tree));
    rig_done(&r);
}

Test(report_access, many_people_are_counted_right)
{
    AUTO(json_free) struct json *tree = NULL;
    const struct report_context always = {.from_day = INT64_MIN, .to_day = INT64_MAX};
    struct audit_entry *entries = mem_try_alloc(AUDIT_ENTRIES_MAX, sizeof(*entries));
    struct audit_record rec = {.action = AUDIT_REVEAL,
                               .outcome = AUDIT_DONE,
                               .role = AUDIT_CALLER,
                               .who = SPAN_LIT("desk"),
                               .entries = entries,
                               .entry_count = AUDIT_ENTRIES_MAX};

    rig_init(&r);
    for (size_t i = 0; i < AUDIT_ENTRIES_MAX; i++) {
        entries[i].class_id = rig_class(&r, "note");
        entries[i].values = 1;
        secret_random(entries[i].tag, AUDIT_TAG_BYTES);
    }
    cr_assert_eq(audit_write(vault_audit(r.vault), &rec), ERR_OK);
    cr_assert_eq(audit_write(vault_audit(r.vault), &rec), ERR_OK);
    tree = make("access", &always, ERR_OK);
    cr_assert_eq(figure(row(tree, "desk", "note"), "people"), AUDIT_ENTRIES_MAX);
    cr_assert_eq(figure(row(tree, "desk", "note"), "values"), 2 * AUDIT_ENTRIES_MAX);
    free(entries);
    rig_done(&r);
}

/* ---- breach ---- */

Test(report_access, a_breach_is_one_callers_and_says_what_was_seen)
{
    AUTO(json_free) struct json *tree = NULL;
    const struct report_context about = {.from_day = TODAY,
                                         .to_day = TODAY + 2,
                                         .caller = SPAN_LIT("stolen"),
                                         .aware_s = TODAY * INT64_C(86400) + 54000};
    const struct json *summary;

    rig_init(&r);
    on_day(TODAY - 1);
    record("stolen", "support", "note", 50, 3, 1); /* before */
    on_day(TODAY);
    record("stolen", "support", "note", 1, 4, 2);
    record("stolen", "account", "note", 3, 4, 1); /* for another purpose */
    record("stolen", "account", "mail", 1, 1, 1);
    record("honest", "account", "mail", 9, 5, 1);
    refuse("stolen", 0);
    tree = make("breach", &about, ERR_OK);
    summary = json_get(tree, "summary");
    cr_assert_eq(figure(row(tree, NULL, "note"), "values"), 12);
    cr_assert_eq(figure(row(tree, NULL, "note"), "people"), 6);
    cr_assert_eq(figure(row(tree, NULL, "mail"), "people"), 1);
    cr_assert_eq(figure(summary, "people"), 6);
    cr_assert_eq(figure(summary, "values"), 13);
    cr_assert_eq(figure(summary, "refused"), 1);
    cr_assert_not(json_bool_of(json_get(summary, "tokens_only"), true));
    cr_assert_not(json_bool_of(json_get(summary, "suspended"), true));
    rig_done(&r);
}

/* Aware on Friday, 2026-03-27 at 15:00 UTC; on the Sunday between the clocks change in Europe. */
Test(report_access, a_breach_has_72_hours_whatever_the_calendar_says)
{
    AUTO(json_free) struct json *tree = NULL, *late = NULL;
    const struct report_context about = {.from_day = INT64_MIN,
                                         .to_day = INT64_MAX,
                                         .caller = SPAN_LIT("stolen"),
                                         .aware_s = 1774623600};

    rig_init(&r);
    record("stolen", "support", "note", 1, 1, 1);
    rig_clock(1774623600 + 3600);
    tree = make("breach", &about, ERR_OK);
    cr_assert_str_eq(json_str_of(json_get(json_get(tree, "summary"), "notify_by")),
                     "2026-03-30T15:00:00Z");
    cr_assert_eq(figure(json_get(tree, "summary"), "hours_left"), 71);
    cr_assert(report_needs_attention(tree));
    rig_clock(1774623600 + 80 * 3600);
    late = make("breach", &about, ERR_OK);
    cr_assert_lt(figure(json_get(late, "summary"), "hours_left"), 0);
    rig_done(&r);
}

Test(report_access, a_breach_without_a_caller_is_refused_and_one_without_values_says_so)
{
    AUTO(json_free) struct json *tree = NULL;
    const struct report_context nobody = {.from_day = INT64_MIN, .to_day = INT64_MAX};
    const struct report_context quiet = {
        .from_day = INT64_MIN, .to_day = INT64_MAX, .caller = SPAN_LIT("quiet")};

    rig_init(&r);
    cr_assert_null(make("breach", &nobody, ERR_INVALID));
    tree = make("breach", &quiet, ERR_OK);
    cr_assert(json_bool_of(json_get(json_get(tree, "summary"), "tokens_only"), false));
    rig_done(&r);
}
