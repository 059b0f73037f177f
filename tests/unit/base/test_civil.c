/* SPDX-License-Identifier: Apache-2.0 */
#include "base/civil.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <time.h>

#include "base/mem.h"
#include "base/secret.h"

TestSuite(civil, .init = secret_start, .timeout = 60);

Test(civil, agrees_with_the_c_library_on_every_day)
{
    for (int64_t day = -200000; day < 900000; day += 7) {
        const time_t at = day * 86400;
        const struct civil d = civil_of(day);
        struct tm tm;

        cr_assert_not_null(gmtime_r(&at, &tm));
        cr_assert(d.year == tm.tm_year + 1900 && d.month == tm.tm_mon + 1 && d.day == tm.tm_mday,
                  "%" PRId64, day);
        cr_assert_eq(civil_days(d), day);
        cr_assert_eq(civil_weekday(d), (tm.tm_wday + 6) % 7);
    }
}

Test(civil, stays_within_its_years)
{
    struct civil d = civil_of(INT64_MIN / 2);

    cr_assert(d.year == 0 && d.month == 1 && d.day == 1);
    d = civil_of(INT64_MAX / 2);
    cr_assert(d.year == 9999 && d.month == 12 && d.day == 31);
    d = civil_add_months(d, 1);
    cr_assert(d.year == 10000 && d.month == 1 && d.day == 1);
    cr_assert_eq(civil_days(d), civil_days((struct civil){9999, 12, 31}) + 1);
    d = civil_add_months((struct civil){0, 1, 31}, -1);
    cr_assert(d.year == 0 && d.month == 1 && d.day == 1);
}

Test(civil, months_are_added_and_clamped)
{
    static const struct {
        struct civil from;
        int months;
        struct civil to;
    } sums[] = {
        {{2026, 1, 31}, 1, {2026, 2, 28}},  {{2028, 1, 31}, 1, {2028, 2, 29}},
        {{2026, 8, 31}, 1, {2026, 9, 30}},  {{2026, 11, 30}, 3, {2027, 2, 28}},
        {{2026, 3, 31}, -1, {2026, 2, 28}}, {{2026, 1, 15}, -1, {2025, 12, 15}},
        {{2028, 2, 29}, 12, {2029, 2, 28}}, {{2026, 3, 5}, 0, {2026, 3, 5}},
    };

    for (size_t i = 0; i < COUNT_OF(sums); i++)
        cr_expect_eq(civil_compare(civil_add_months(sums[i].from, sums[i].months), sums[i].to), 0,
                     "case %zu", i);
    cr_assert_eq(civil_compare((struct civil){2026, 1, 2}, (struct civil){2026, 1, 1}), 1);
    cr_assert_eq(civil_compare((struct civil){2025, 12, 31}, (struct civil){2026, 1, 1}), -1);
}

Test(civil, is_read_and_written_in_one_form)
{
    static const char *const wrong[] = {"",           "2027-02-29", "2027-13-01", "2027-00-01",
                                        "2027-01-00", "2027-1-1",   "2027-01-32", "27-01-01",
                                        "2027/01/01", "2027-01-1 ", "+027-01-01", "2027-01-01T00"};
    struct civil d = {1, 2, 3};
    char text[CIVIL_TEXT_MAX];

    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        cr_expect_not(civil_parse(span_str(wrong[i]), &d), "%s", wrong[i]);
    cr_assert(d.year == 1 && d.month == 2 && d.day == 3, "untouched");
    cr_assert(civil_parse(SPAN_LIT("2028-02-29"), &d));
    civil_format(d, text);
    cr_assert_str_eq(text, "2028-02-29");
}
