/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/time_priv.h"

#include <criterion/criterion.h>

#include "base/clock.h"

static const int64_t DAY_MS = INT64_C(86400) * 1000;
static const int64_t START_MS = INT64_C(1800000000000);

/* A store that was last seen at START_MS, opened when the machine had run for 5 s. */
static struct vault_time opened(void)
{
    struct vault_time t;

    vault__time_init(&t);
    t.mark_ms = START_MS;
    t.boot_ms = 5000;
    return t;
}

static int64_t at(struct vault_time *t, int64_t wall_after_ms, int64_t passed_ms)
{
    return vault__time_at(t, START_MS + wall_after_ms, 5000 + passed_ms) - START_MS;
}

Test(time, is_the_wall_clocks_while_that_can_be_believed)
{
    struct vault_time t = opened();

    cr_assert_eq(at(&t, 3000, 0), 3000, "down for three seconds");
    cr_assert_eq(at(&t, 4000, 1000), 4000);
    cr_assert_eq(at(&t, 3500, 1200), 4200, "a small step back: it does not go back");
    cr_assert_eq(at(&t, 9000, 2000), 9000, "a small step forward");
    cr_assert_eq(t.state, VAULT_CLOCK_RIGHT);
    vault__time_done(&t);
}

Test(time, of_a_store_never_opened_is_the_wall_clocks)
{
    struct vault_time t;

    vault__time_init(&t);
    cr_assert_eq(vault__time_at(&t, START_MS, 17), START_MS);
    cr_assert_eq(t.state, VAULT_CLOCK_RIGHT);
    vault__time_done(&t);
}

/* E48 */
Test(time, goes_on_when_the_clock_is_set_back)
{
    struct vault_time t = opened();

    cr_assert_eq(at(&t, 0, 0), 0);
    cr_assert_eq(at(&t, -365 * DAY_MS, 10000), 10000);
    cr_assert_eq(t.state, VAULT_CLOCK_BEHIND);
    cr_assert_eq(at(&t, -365 * DAY_MS + 5 * DAY_MS, 5 * DAY_MS), 5 * DAY_MS, "days pass");
    cr_assert_eq(at(&t, 5 * DAY_MS + 1000, 5 * DAY_MS + 1000), 5 * DAY_MS + 1000, "put right");
    cr_assert_eq(t.state, VAULT_CLOCK_RIGHT);
    vault__time_done(&t);
}

Test(time, goes_on_when_a_restart_finds_the_clock_set_back)
{
    struct vault_time t = opened();

    cr_assert_eq(at(&t, -365 * DAY_MS, 0), 0);
    cr_assert_eq(t.state, VAULT_CLOCK_BEHIND);
    cr_assert_eq(at(&t, 2 * DAY_MS, 1000), 2 * DAY_MS,
                 "the machine had lost the time; now it has it");
    cr_assert_eq(t.state, VAULT_CLOCK_RIGHT);
    vault__time_done(&t);
}

/* E49 */
Test(time, does_not_leap_with_a_clock_that_is_set_ahead)
{
    struct vault_time t = opened();

    cr_assert_eq(at(&t, 0, 0), 0);
    cr_assert_eq(at(&t, DAY_MS, 0), DAY_MS, "a day is believed");
    cr_assert_eq(at(&t, 2 * DAY_MS + 1, 0), DAY_MS, "more is not");
    cr_assert_eq(t.state, VAULT_CLOCK_AHEAD);
    cr_assert_eq(at(&t, 3650 * DAY_MS, 60000), DAY_MS + 60000);
    vault__time_done(&t);
}

Test(time, believes_a_month_of_standing_still_and_no_more)
{
    struct vault_time t = opened(), longer = opened();

    cr_assert_eq(at(&t, 30 * DAY_MS, 0), 30 * DAY_MS);
    cr_assert_eq(t.state, VAULT_CLOCK_RIGHT);
    cr_assert_eq(at(&longer, 30 * DAY_MS + 1, 0), 0);
    cr_assert_eq(longer.state, VAULT_CLOCK_AHEAD);
    vault__time_done(&t);
    vault__time_done(&longer);
}

Test(time, is_what_an_operator_accepts_in_either_direction)
{
    struct vault_time t = opened();

    cr_assert_eq(at(&t, 400 * DAY_MS, 0), 0);
    vault__time_accept(&t, START_MS + 400 * DAY_MS, 5000);
    cr_assert_eq(at(&t, 400 * DAY_MS + 1, 1), 400 * DAY_MS + 1);
    cr_assert_eq(t.state, VAULT_CLOCK_RIGHT);
    vault__time_accept(&t, START_MS - 400 * DAY_MS, 6000);
    cr_assert_eq(at(&t, -400 * DAY_MS + 2, 1000), -400 * DAY_MS + 2);
    cr_assert_eq(t.state, VAULT_CLOCK_RIGHT);
    vault__time_done(&t);
}

Test(time, is_told_again_while_the_wall_clock_says_the_same)
{
    struct vault_time t = opened();
    int64_t now_ms = 0;

    cr_assert_not(vault__time_again(&t, 0, &now_ms), "nobody has asked yet");
    cr_assert_eq(at(&t, 1000, 1000), 1000);
    cr_assert(vault__time_again(&t, START_MS + 1000, &now_ms));
    cr_assert_eq(now_ms, START_MS + 1000);
    cr_assert_not(vault__time_again(&t, START_MS + 1001, &now_ms));
    cr_assert_not(vault__time_again(&t, START_MS + 999, &now_ms));
    vault__time_done(&t);
}

Test(time, is_told_again_as_it_was_decided_and_not_as_the_wall_clock_has_it)
{
    struct vault_time t = opened();
    int64_t now_ms = 0;

    cr_assert_eq(at(&t, 400 * DAY_MS, 1000), 1000, "set ahead: not believed");
    cr_assert(vault__time_again(&t, START_MS + 400 * DAY_MS, &now_ms));
    cr_assert_eq(now_ms, START_MS + 1000);
    vault__time_accept(&t, START_MS + 400 * DAY_MS, 6000);
    cr_assert_not(vault__time_again(&t, START_MS + 400 * DAY_MS, &now_ms), "an operator spoke");
    vault__time_done(&t);
}
