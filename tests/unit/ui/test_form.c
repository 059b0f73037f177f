/* SPDX-License-Identifier: Apache-2.0 */
/* Forms, queries and cookies. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/mem.h"
#include "base/secret.h"
#include "ui/form.h"

TestSuite(form, .init = secret_start, .timeout = 30);

static bool holds(const struct form *form, const char *name, const char *value)
{
    return span_equal(form_value(form, name), span_str(value));
}

Test(form, reads_what_browsers_send)
{
    struct form form;

    cr_assert_eq(form_parse(SPAN_LIT("a=1&b=two+words&c=%C3%A9%26&d=&a=2&e"), &form), ERR_OK);
    cr_expect_eq(form.count, 6);
    cr_expect(holds(&form, "a", "1") && holds(&form, "b", "two words"));
    cr_expect(holds(&form, "c", "\xc3\xa9&") && holds(&form, "d", "") && holds(&form, "e", ""));
    cr_expect_null(form_value(&form, "f").at);
    form_done(&form);
    cr_assert_eq(form_parse(SPAN_NONE, &form), ERR_OK);
    cr_expect_eq(form.count, 0);
    form_done(&form);
}

Test(form, refuses_what_is_badly_written_or_too_much)
{
    static const char *const bad[] = {"a=%", "a=%4", "a=%zz", "a=%00", "a=%ff", "%c3=1", "a=\xff"};
    char many[FORM_FIELDS_MAX * 4 + 8] = "";
    struct form form;

    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        cr_expect_eq(form_parse(span_str(bad[i]), &form), ERR_INVALID, "%s", bad[i]);
        form_done(&form);
    }
    for (size_t i = 0; i <= FORM_FIELDS_MAX; i++)
        memcpy(many + 4 * i, "a=1&", 5);
    cr_expect_eq(form_parse(span_str(many), &form), ERR_TOO_LARGE);
    form_done(&form);
}

Test(form, finds_one_cookie_and_none_that_is_there_twice)
{
    cr_expect(span_equal(form_cookie(SPAN_LIT("x=1; __Host-lethe=ab; y=2"), "__Host-lethe"),
                         SPAN_LIT("ab")));
    cr_expect(span_equal(form_cookie(SPAN_LIT("__Host-lethe=ab"), "__Host-lethe"), SPAN_LIT("ab")));
    cr_expect_null(form_cookie(SPAN_LIT("__Host-lethe=ab; __Host-lethe=cd"), "__Host-lethe").at);
    cr_expect_null(form_cookie(SPAN_LIT("x__Host-lethe=ab"), "__Host-lethe").at);
    cr_expect_null(form_cookie(SPAN_LIT("__Host-leth"), "__Host-lethe").at);
    cr_expect_null(form_cookie(SPAN_NONE, "__Host-lethe").at);
}
