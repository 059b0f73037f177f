/* SPDX-License-Identifier: Apache-2.0 */
#include "retention/breaker.h"

#include <criterion/criterion.h>
#include <string.h>

#include "base/span.h"

static bool trips(uint64_t items, uint64_t due, uint64_t forecast)
{
    const struct breaker breaker = BREAKER_DEFAULT;
    const struct vault_purge_outlook outlook = {
        .items = items, .due = due, .forecast = forecast, .is_known = true};

    return breaker_trips(&breaker, &outlook);
}

Test(breaker, lets_pass_what_was_foreseen_however_much)
{
    cr_assert_not(trips(1000000, 1000000, 1000000));
    cr_assert_not(trips(1000000, 500000, 1000000));
    cr_assert_not(trips(0, 0, 0));
}

/* E49 */
Test(breaker, trips_at_many_times_what_was_foreseen)
{
    cr_assert_not(trips(10000000, 10999, 10000), "some more than foreseen");
    cr_assert_not(trips(10000000, 100000, 10000), "ten times as much");
    cr_assert(trips(10000000, 100001, 10000));
    cr_assert(trips(10000000, 1000, 0), "nothing was foreseen");
}

Test(breaker, trips_at_a_part_of_what_is_kept)
{
    cr_assert_not(trips(1000000, 549999, 300000));
    cr_assert(trips(1000000, 550000, 300000), "a quarter that nobody foresaw");
}

Test(breaker, lets_pass_a_few_that_nobody_foresaw)
{
    cr_assert_not(trips(999, 999, 0));
    cr_assert_not(trips(2000, 1999, 1000));
    cr_assert(trips(2000, 2000, 1000));
}

Test(breaker, never_trips_before_anything_was_foreseen)
{
    const struct breaker breaker = BREAKER_DEFAULT;
    const struct vault_purge_outlook outlook = {.items = 1 << 30, .due = 1 << 30};

    cr_assert_not(breaker_trips(&breaker, &outlook));
}

static enum err read_text(const char *text, struct breaker *ret, struct errmsg *msg)
{
    AUTO(conf_free) struct conf *conf = NULL;

    cr_assert_eq(conf_parse("t.yaml", span_str(text), &conf, msg), ERR_OK);
    return breaker_read(conf_get(conf_root(conf), "breaker"), ret, msg);
}

Test(breaker, keeps_its_defaults_where_nothing_is_said)
{
    struct breaker breaker = BREAKER_DEFAULT;
    struct errmsg msg;

    cr_assert_eq(read_text("breaker: {factor: 3}", &breaker, &msg), ERR_OK);
    cr_assert_eq(breaker.factor, 3);
    cr_assert_eq(breaker.at_least, 1000);
    cr_assert_eq(breaker.percent, 25);
    cr_assert_eq(read_text("other: 1", &breaker, &msg), ERR_OK);
    cr_assert_eq(breaker.factor, 3);
}

Test(breaker, refuses_what_makes_no_sense_and_says_where)
{
    static const struct {
        const char *text;
        const char *said;
    } cases[] = {{"breaker: {factor: 1}", "t.yaml:1:"}, {"breaker: {percent: 101}", "percent"},
                 {"breaker: {percent: 0}", "percent"},  {"breaker: {at_least: 0}", "at_least"},
                 {"breaker: {at_lest: 5}", "at_least"}, {"breaker: off", "breaker"}};

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct breaker breaker = BREAKER_DEFAULT;
        struct errmsg msg;

        cr_assert_eq(read_text(cases[i].text, &breaker, &msg), ERR_CONFIG, "%s", cases[i].text);
        cr_assert_not_null(strstr(msg.text, cases[i].said), "%s: %s", cases[i].text, msg.text);
    }
}
