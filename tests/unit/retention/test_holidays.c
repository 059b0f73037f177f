/* SPDX-License-Identifier: Apache-2.0 */
/* Days on which nobody works, and the name under which they are recorded. */
#include "retention/holidays.h"

#include <criterion/criterion.h>
#include <string.h>

#include "base/assert.h"
#include "base/mem.h"

static struct errmsg msg;

static enum err read(const char *yaml, struct holidays **ret)
{
    AUTO(conf_free) struct conf *conf = NULL;

    cr_assert_eq(conf_parse("t.yaml", span_str(yaml), &conf, &msg), ERR_OK, "%s", msg.text);
    return holidays_read(conf_get(conf_root(conf), "holidays"), ret, &msg);
}

static bool works(const struct holidays *h, int year, int month, int day)
{
    return holidays_is_working_day(h, (struct civil){year, month, day});
}

Test(holidays, without_any_are_weekends)
{
    struct holidays *h = NULL;

    cr_assert_eq(read("other: 1\n", &h), ERR_OK);
    cr_expect_null(h);
    cr_expect_str_eq(holidays_name(h), "none");
    cr_expect(works(NULL, 2026, 12, 25) && !works(NULL, 2026, 12, 26));
    cr_expect(!works(NULL, 2026, 11, 29) && works(NULL, 2026, 11, 30));
}

Test(holidays, of_germany_are_those_of_the_whole_country)
{
    AUTO(holidays_free) struct holidays *h = NULL;
    static const int free_days[][2] = {{1, 1},  {4, 3},  {4, 6},   {5, 1},  {5, 14},
                                       {5, 25}, {10, 3}, {12, 25}, {12, 26}};
    size_t count = 0;

    cr_assert_eq(read("holidays: {country: DE}\n", &h), ERR_OK, "%s", msg.text);
    cr_expect_str_eq(holidays_name(h), "DE-1");
    for (size_t i = 0; i < COUNT_OF(free_days); i++)
        cr_expect_not(works(h, 2026, free_days[i][0], free_days[i][1]), "%d-%d", free_days[i][0],
                      free_days[i][1]);
    for (int64_t day = civil_days((struct civil){2026, 1, 1});
         day < civil_days((struct civil){2027, 1, 1}); day++)
        count += civil_weekday(civil_of(day)) < 5 && !holidays_is_working_day(h, civil_of(day));
    cr_expect_eq(count, 7, "two of the nine are Saturdays");
    cr_expect(works(h, 2026, 6, 4), "Corpus Christi is not everywhere");
}

Test(holidays, of_a_list_are_named_by_what_is_in_it)
{
    AUTO(holidays_free) struct holidays *a = NULL;
    AUTO(holidays_free) struct holidays *b = NULL;
    AUTO(holidays_free) struct holidays *c = NULL;
    AUTO(holidays_free) struct holidays *both = NULL;

    cr_assert_eq(read("holidays: [2026-12-24, 2026-12-31]\n", &a), ERR_OK, "%s", msg.text);
    cr_assert_eq(read("holidays: {dates: [2026-12-31, 2026-12-24]}\n", &b), ERR_OK);
    cr_assert_eq(read("holidays: [2026-12-24]\n", &c), ERR_OK);
    cr_assert_eq(read("holidays: {country: DE, dates: [2026-12-24]}\n", &both), ERR_OK);
    cr_expect(!works(a, 2026, 12, 24) && !works(a, 2026, 12, 31) && works(a, 2026, 12, 25));
    cr_expect(!works(both, 2026, 12, 24) && !works(both, 2026, 12, 25));
    cr_expect(strncmp(holidays_name(a), "list-", 5) == 0 && strlen(holidays_name(a)) == 9);
    cr_expect_str_eq(holidays_name(a), holidays_name(b), "the order says nothing");
    cr_expect_str_neq(holidays_name(a), holidays_name(c));
    cr_expect(strncmp(holidays_name(both), "DE-1+", 5) == 0);
}

Test(holidays, that_cannot_be_are_refused_with_their_place)
{
    static const char *const wrong[][2] = {
        {"holidays: {country: XX}\n", "t.yaml:1:21: the holidays of this country"},
        {"holidays: {land: DE}\n", "land"},
        {"holidays: [2026-02-29]\n", "t.yaml:1:12: this is no date"},
        {"holidays: [24.12.2026]\n", "this is no date"},
        {"holidays: {dates: 2026-12-24}\n", "a list of dates"},
        {"holidays: DE\n", "holidays"},
    };

    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        struct holidays *h = NULL;

        cr_expect_eq(read(wrong[i][0], &h), ERR_CONFIG, "%s", wrong[i][0]);
        cr_expect_not_null(strstr(msg.text, wrong[i][1]), "%s: %s", wrong[i][0], msg.text);
        cr_expect_null(h);
    }
}

/* Gauss, with his two exceptions: another way to the same days. */
static struct civil gauss(int year)
{
    const int k = year / 100, m = 15 + (3 * k + 3) / 4 - (8 * k + 13) / 25, s = 2 - (3 * k + 3) / 4;
    const int a = year % 19, d = (19 * a + m) % 30;
    const int r = (d + a / 11) / 29, og = 21 + d - r, sz = 7 - (year + year / 4 + s) % 7;
    const int march = og + 7 - (og - sz) % 7;

    return civil_of(civil_days((struct civil){year, 3, 1}) + march - 1);
}

Test(holidays, easter_is_where_two_ways_lead)
{
    static const int known[][3] = {{2024, 3, 31}, {2025, 4, 20}, {2026, 4, 5},  {2027, 3, 28},
                                   {2028, 4, 16}, {2038, 4, 25}, {2285, 3, 22}, {1954, 4, 18}};

    for (size_t i = 0; i < COUNT_OF(known); i++)
        cr_expect_eq(civil_compare(holidays_easter(known[i][0]),
                                   (struct civil){known[i][0], known[i][1], known[i][2]}),
                     0, "%d", known[i][0]);
    for (int year = 1600; year < 4100; year++) {
        cr_assert_eq(civil_compare(holidays_easter(year), gauss(year)), 0, "%d", year);
        cr_assert_eq(civil_weekday(holidays_easter(year)), 6);
    }
}
