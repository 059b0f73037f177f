/* SPDX-License-Identifier: Apache-2.0 */
#include "retention/report.h"

#include "base/log.h"
#include "base/secret.h"
#include "tests/unit/retention/report_rig.h"

#define CLASSES                                                                                    \
    "invoice: {purposes: [tax], basis: \"6(1)(c)\", law: \"AO 147\", subjects: customers, "        \
    "retain: "                                                                                     \
    "{period: P8Y}}\n"                                                                             \
    "health: {purposes: [care, tax], basis: \"6(1)(a)\", special: \"9(2)(a)\", retain: {period: "  \
    "P1Y}}\n"                                                                                      \
    "note: {purposes: [support], basis: \"6(1)(f)\", retain: {period: P10D}}\n"
#define SAID                                                                                       \
    "{\"controller\":{\"name\":\"Example GmbH\",\"contact\":\"privacy\"},\"activities\":{"         \
    "\"billing\":{\"purposes\":[\"tax\"],\"recipients\":[\"adviser\"],\"measures\":[\"safe\"]},"   \
    "\"hosting\":{\"purposes\":[\"care\"],\"role\":\"processor\",\"on_behalf_of\":\"Clinic\","     \
    "\"transfers\":[\"US\"]}}}"

static void start(void)
{
    secret_start();
    log_set_level(LOG_ERROR);
}

TestSuite(report_ropa, .init = start, .timeout = 60);

static struct json *report(struct rig *r, const char *said)
{
    AUTO(json_free) struct json *parsed = NULL;
    struct json *tree = NULL;

    if (said != NULL)
        REQUIRE(json_parse(span_str(said), &parsed) == ERR_OK);
    cr_assert_eq(rig_report_said(r, "ropa", parsed, INT64_MIN, &tree), ERR_OK);
    return tree;
}

static const struct json *row(const struct json *tree, const char *activity)
{
    const struct json *rows = json_get(tree, "rows");

    for (size_t i = 0; i < json_count(rows); i++)
        if (strcmp(json_str_of(json_get(json_at(rows, i), "activity")), activity) == 0)
            return json_at(rows, i);
    return NULL;
}

static bool has(const struct json *map, const char *name, const char *text)
{
    const struct json *list = json_get(map, name);

    for (size_t i = 0; i < json_count(list); i++)
        if (strcmp(json_str_of(json_at(list, i)), text) == 0)
            return true;
    return false;
}

Test(report_ropa, has_a_row_for_each_activity_with_what_its_classes_say)
{
    AUTO(rig_done) struct rig r;
    AUTO(json_free) struct json *tree = NULL;
    const struct json *billing;

    rig_init_with(&r, CLASSES);
    (void)rig_store(&r, "invoice", "ada", "one");
    (void)rig_store(&r, "health", "ada", "two");
    tree = report(&r, SAID);
    billing = row(tree, "billing");
    cr_assert_not_null(billing);
    cr_assert_str_eq(json_str_of(json_get(billing, "controller")), "Example GmbH");
    cr_assert_str_eq(json_str_of(json_get(billing, "role")), "controller");
    cr_assert(has(billing, "classes", "invoice") && has(billing, "classes", "health"));
    cr_assert_not(has(billing, "classes", "note"));
    cr_assert(has(billing, "bases", "6(1)(c) AO 147"));
    cr_assert(has(billing, "subject_categories", "customers"));
    cr_assert(has(billing, "special", "health: 9(2)(a)"));
    cr_assert(has(billing, "time_limits", "invoice: P8Y from created"));
    cr_assert(has(billing, "recipients", "adviser"));
    cr_assert(has(billing, "measures", "safe") && json_count(json_get(billing, "measures")) > 1);
    cr_assert_eq(json_int_of(json_get(billing, "items"), 0), 2);
    cr_assert_eq(json_count(json_get(billing, "attention")), 0);
}

Test(report_ropa, names_on_whose_behalf_a_processor_works_and_what_is_missing)
{
    AUTO(rig_done) struct rig r;
    AUTO(json_free) struct json *tree = NULL;
    const struct json *hosting;

    rig_init_with(&r, CLASSES);
    tree = report(&r, SAID);
    hosting = row(tree, "hosting");
    cr_assert_str_eq(json_str_of(json_get(hosting, "role")), "processor");
    cr_assert_str_eq(json_str_of(json_get(hosting, "controller")), "Clinic");
    cr_assert(has(hosting, "attention", "no_safeguards"));
    cr_assert(report_needs_attention(tree));
}

/* Every class in use appears (Art. 30(1)(c)). */
Test(report_ropa, has_a_row_for_a_purpose_that_nobody_claims)
{
    AUTO(rig_done) struct rig r;
    struct json *tree;

    rig_init_with(&r, CLASSES);
    tree = report(&r, SAID);
    cr_assert_eq(json_count(json_get(tree, "rows")), 3);
    cr_assert(has(row(tree, "support"), "classes", "note"));
    json_free(&tree);
    tree = report(&r, NULL);
    cr_assert_eq(json_count(json_get(tree, "rows")), 3, "tax, care, support");
    cr_assert(has(row(tree, "tax"), "classes", "health"));
    cr_assert(has(row(tree, "tax"), "attention", "no_controller"));
    json_free(&tree);
}
