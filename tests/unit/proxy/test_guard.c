/* SPDX-License-Identifier: Apache-2.0 */
/* What the guard lets an answer show. */
#include "proxy/guard.h"

#include <criterion/criterion.h>

#include "base/clock.h"
#include "tests/support/vault_fixture.h"
#include "vault/watch.h"

static struct vault_fixture f;
static struct quotas *quotas;
static struct reveal_guard g;

static void start(void)
{
    fixture_start(&f);
    cr_assert_eq(quotas_open(f.v, &quotas), ERR_OK);
}

static void stop(void)
{
    guard_done(&g);
    quotas_free(&quotas);
    fixture_end(&f);
}

TestSuite(guard, .init = start, .fini = stop, .timeout = 60);

static enum reveal_action judge(uint64_t slot, enum reveal_action action)
{
    cr_expect_eq(guard_judge(&g, slot, &action), ERR_OK);
    return action;
}

static struct guard_rules hour(size_t limit, enum reveal_action then, bool masks)
{
    return (struct guard_rules){.quotas = quotas,
                                .list = {quotas_get(quotas, "hour", 3600, limit, true)},
                                .count = 1,
                                .then = then,
                                .masks = masks};
}

Test(guard, without_rules_caps_the_people_of_an_answer)
{
    const struct guard_rules none = {.quotas = NULL};

    guard_init(&g, f.v, &none, 500);
    for (int i = 0; i < 2; i++)
        for (uint64_t slot = 1; slot <= 500; slot++)
            cr_expect_eq(judge(slot, REVEAL_VALUE), REVEAL_VALUE, "%zu", (size_t)slot);
    cr_expect_eq(g.too_many, 0);
    cr_expect_eq(judge(501, REVEAL_VALUE), REVEAL_TOKEN);
    cr_expect_eq(judge(502, REVEAL_MASK), REVEAL_TOKEN);
    cr_expect_eq(judge(77, REVEAL_VALUE), REVEAL_VALUE);
    cr_expect_eq(judge(503, REVEAL_TOKEN), REVEAL_TOKEN);
    cr_expect_eq(g.too_many, 2);
}

/* E35 */
Test(guard, steps_down_for_new_people_once_a_quota_is_used_up)
{
    const struct guard_rules rules = hour(2, REVEAL_MASK, false);

    guard_init(&g, f.v, &rules, 0);
    cr_expect_eq(judge(1, REVEAL_MASK), REVEAL_MASK, "masks do not count");
    cr_expect_eq(judge(2, REVEAL_VALUE), REVEAL_VALUE);
    cr_expect_eq(judge(3, REVEAL_VALUE), REVEAL_VALUE);
    cr_expect_eq(judge(1, REVEAL_VALUE), REVEAL_MASK);
    cr_expect_eq(judge(4, REVEAL_MASK), REVEAL_MASK);
    cr_expect_eq(judge(2, REVEAL_VALUE), REVEAL_VALUE);
    cr_expect(g.crossed && g.stepped_down == 1);
    guard_init(&g, f.v, &rules, 0);
    cr_expect_eq(judge(3, REVEAL_VALUE), REVEAL_VALUE, "in the next answer, too");
    cr_expect_eq(judge(5, REVEAL_VALUE), REVEAL_MASK);
    cr_expect_not(g.crossed, "told once");
}

/* E41 */
Test(guard, counts_masks_where_told_and_shows_tokens_then)
{
    const struct guard_rules rules = hour(1, REVEAL_MASK, true);

    guard_init(&g, f.v, &rules, 0);
    cr_expect_eq(judge(1, REVEAL_MASK), REVEAL_MASK);
    cr_expect_eq(judge(2, REVEAL_MASK), REVEAL_TOKEN);
    cr_expect_eq(judge(3, REVEAL_VALUE), REVEAL_TOKEN);
    cr_expect_eq(judge(1, REVEAL_VALUE), REVEAL_VALUE);
}

/* E36 */
Test(guard, lets_nobody_see_a_canary)
{
    struct vault_watch op = {.op = {.kind = VAULT_WATCH}, .canary = 7};
    const struct guard_rules none = {.quotas = NULL};
    enum reveal_action action = REVEAL_VALUE;

    cr_assert_eq(vault_run(f.v, &op.op), ERR_OK);
    guard_init(&g, f.v, &none, 0);
    cr_expect_eq(judge(6, REVEAL_VALUE), REVEAL_VALUE);
    cr_expect_eq(judge(7, REVEAL_TOKEN), REVEAL_TOKEN, "a token gives nothing away");
    cr_expect_eq(guard_judge(&g, 7, &action), ERR_DENIED);
    action = REVEAL_MASK;
    cr_expect_eq(guard_judge(&g, 7, &action), ERR_DENIED);
    cr_expect_eq(g.canary, 7);
}

/* E22 */
Test(guard, closes_after_too_many_misses)
{
    struct guard_rules rules = {.quotas = quotas};

    rules.misses = quotas_get(quotas, "misses", 60, 10, false);
    guard_init(&g, f.v, &rules, 0);
    for (int i = 0; i < 10; i++)
        guard_miss(&g);
    cr_expect_not(g.missed);
    cr_expect_eq(judge(1, REVEAL_VALUE), REVEAL_VALUE, "this answer was judged before");
    guard_miss(&g);
    cr_expect(g.missed);
    guard_init(&g, f.v, &rules, 0);
    cr_expect_eq(judge(1, REVEAL_VALUE), REVEAL_TOKEN);
    cr_expect_eq(judge(1, REVEAL_MASK), REVEAL_TOKEN);
}

/* E25 */
Test(guard, refuses_one_look_up_too_many)
{
    struct guard_rules rules = {.quotas = quotas};

    rules.lookups = quotas_get(quotas, "lookups", 3600, 2, true);
    guard_init(&g, f.v, &rules, 0);
    for (int i = 0; i < 3; i++) {
        cr_expect_eq(guard_look_up(&g, 1, SPAN_LIT("ada")), ERR_OK);
        cr_expect_eq(guard_look_up(&g, 2, SPAN_LIT("ada")), ERR_OK, "of another class: another");
    }
    cr_expect_eq(guard_look_up(&g, 1, SPAN_LIT("bob")), ERR_LIMIT);
    cr_expect_eq(guard_look_up(&g, 1, SPAN_LIT("ada")), ERR_OK);
}

Test(guard, counts_whom_a_long_answer_shows_all_along)
{
    const struct guard_rules rules = hour(1, REVEAL_MASK, false);
    struct reveal_guard other = {.vault = NULL};
    const int64_t now_ms = clock_now_ms();
    enum reveal_action action = REVEAL_VALUE;

    guard_init(&g, f.v, &rules, 0);
    cr_expect_eq(judge(1, REVEAL_VALUE), REVEAL_VALUE);
    clock_test_set_ms(now_ms + 61 * 60 * 1000);
    guard_go_on(&g, f.v);
    cr_expect_eq(judge(1, REVEAL_VALUE), REVEAL_VALUE);
    clock_test_set_ms(now_ms + 70 * 60 * 1000);
    guard_init(&other, f.v, &rules, 0);
    cr_expect_eq(guard_judge(&other, 2, &action), ERR_OK);
    cr_expect_eq(action, REVEAL_MASK, "the other one is still seen");
    guard_done(&other);
    clock_test_set_ms(-1);
}
