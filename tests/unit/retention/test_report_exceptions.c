/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"
#include "retention/erasure.h"
#include "tests/unit/retention/report_rig.h"
#include "vault/holds.h"
#include "vault/part.h"

static void start(void)
{
    secret_start();
    log_set_level(LOG_ERROR + 1);
}

TestSuite(report_exceptions, .init = start, .timeout = 60);

/* Everything of a person goes but one class, for so many days. */
static void erase_but(struct rig *r, const char *name, const char *class_name, int days)
{
    const struct vault_exception x = {.class_id = rig_class(r, class_name),
                                      .code = 'b',
                                      .law = "HGB 257",
                                      .until_s = RIG_NOW_S + (int64_t)days * RIG_DAY_S};
    const struct erasure_request request = {.slot = rig_slot(r, name),
                                            .exceptions = &x,
                                            .exception_count = 1,
                                            .newer_than_s = INT64_MAX};
    struct erasures *e = erasures_new(r->vault, NULL);
    struct receipt receipt;

    cr_assert_eq(erasure_run_request(e, &request, &receipt), ERR_OK);
    erasures_free(&e);
}

static struct json *report(struct rig *r)
{
    return rig_report(r, "exceptions");
}

static const struct json *row(const struct json *tree, size_t at)
{
    return json_at(json_get(tree, "rows"), at);
}

static int64_t number(const struct json *map, const char *name)
{
    return json_int_of(json_get(map, name), -1);
}

static const char *text(const struct json *map, const char *name)
{
    const char *found = json_str_of(json_get(map, name));

    return found == NULL ? "" : found;
}

static int64_t total(const struct json *tree, const char *name)
{
    return number(json_get(tree, "summary"), name);
}

Test(report_exceptions, is_empty_while_nothing_is_kept)
{
    AUTO(json_free) struct json *tree = NULL;
    AUTO(rig_done) struct rig r;

    rig_init(&r);
    (void)rig_store(&r, "mail", "ada", "a@one.example");
    tree = report(&r);
    cr_expect_null(row(tree, 0));
    cr_expect_eq(total(tree, "exceptions"), 0);
    cr_expect_not(report_needs_attention(tree));
}

Test(report_exceptions, says_what_is_kept_why_and_until_when)
{
    AUTO(json_free) struct json *tree = NULL;
    AUTO(rig_done) struct rig r;

    rig_init(&r);
    (void)rig_store(&r, "mail", "ada", "a@one.example");
    (void)rig_store(&r, "mail", "ada", "a@two.example");
    (void)rig_store(&r, "brief", "ada", "0151");
    erase_but(&r, "ada", "mail", 30);
    rig_clock(RIG_NOW_S + RIG_DAY_S);
    (void)rig_store(&r, "mail", "ada", "a@three.example");
    tree = report(&r);
    cr_assert_not_null(row(tree, 0));
    cr_expect_null(row(tree, 1));
    cr_expect_str_eq(text(row(tree, 0), "state"), "in force");
    cr_expect_str_eq(text(row(tree, 0), "class"), "mail");
    cr_expect_str_eq(text(row(tree, 0), "code"), "17(3)(b)");
    cr_expect_str_eq(text(row(tree, 0), "law"), "HGB 257");
    cr_expect_not(json_bool_of(json_get(row(tree, 0), "statutory"), true));
    cr_expect_eq(number(row(tree, 0), "days_left"), 29);
    cr_expect_eq(number(row(tree, 0), "kept"), 2);
    cr_expect_eq(number(row(tree, 0), "values"), 2, "not what came later");
    cr_expect_eq(total(tree, "exceptions"), 1);
    cr_expect_eq(total(tree, "subjects"), 1);
    cr_expect_eq(total(tree, "values"), 2);
    cr_expect_not(report_needs_attention(tree));
}

static void hold_on(struct rig *r, uint64_t slot)
{
    struct vault_hold hold = {.slot = slot,
                              .ground = "case",
                              .owner = "legal",
                              .set_by = "test",
                              .review_s = RIG_NOW_S + 90 * (int64_t)RIG_DAY_S};
    struct vault_holds op = {.op = {.kind = VAULT_HOLDS}, .act = VAULT_HOLD_SET, .hold = &hold};

    cr_assert_eq(vault_run(r->vault, &op.op), ERR_OK);
}

Test(report_exceptions, one_that_should_have_ended_needs_attention_but_for_a_hold)
{
    static const struct {
        int days;
        const char *state;
        bool attention;
    } at[] = {{29, "in force", false}, {30, "ending", false}, {31, "overdue", true}};
    AUTO(rig_done) struct rig r;
    struct json *tree;

    rig_init(&r);
    (void)rig_store(&r, "mail", "ada", "a@one.example");
    (void)rig_store(&r, "brief", "ada", "0151");
    erase_but(&r, "ada", "mail", 30);
    for (size_t i = 0; i < COUNT_OF(at); i++) {
        rig_clock(RIG_NOW_S + at[i].days * (int64_t)RIG_DAY_S);
        tree = report(&r);
        cr_expect_str_eq(text(row(tree, 0), "state"), at[i].state);
        cr_expect_eq(report_needs_attention(tree), at[i].attention);
        cr_expect_eq(total(tree, "overdue"), at[i].attention);
        json_free(&tree);
    }
    hold_on(&r, rig_slot(&r, "ada"));
    tree = report(&r);
    cr_expect_str_eq(text(row(tree, 0), "state"), "on hold");
    cr_expect_not(report_needs_attention(tree));
    json_free(&tree);
}
