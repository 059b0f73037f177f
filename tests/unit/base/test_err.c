/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include <criterion/criterion.h>
#include <ctype.h>
#include <stdio.h>

#include "base/secret.h"

TestSuite(err, .init = secret_start);

enum {
    COUNT = 0
#define X(name, status, text) +1
    ERR_TABLE(X)
#undef X
};

Test(err, has_a_status_a_name_and_a_text_for_every_code)
{
    for (int i = 0; i < COUNT; i++) {
        enum err e = (enum err)i;

        cr_expect(err_status(e) >= 200 && err_status(e) < 600, "%s", err_name(e));
        cr_expect_gt(strlen(err_text(e)), 0);
        for (const char *c = err_name(e); *c != '\0'; c++)
            cr_expect(isupper((unsigned char)*c) || *c == '_', "%s", err_name(e));
    }
}

Test(err, answers_known_codes_as_rfc_9110_does)
{
    cr_assert_eq(ERR_OK, 0, "callers test for zero");
    cr_assert_eq(err_status(ERR_OK), 200);
    cr_assert_eq(err_status(ERR_TOO_LARGE), 413);
    cr_assert_eq(err_status(ERR_NOT_FOUND), 404);
    cr_assert_eq(err_status(ERR_SEALED), 503);
    cr_assert_str_eq(err_name(ERR_NOT_FOUND), "NOT_FOUND");
    cr_assert_str_eq(err_text(ERR_NOT_FOUND), "not found");
}

Test(err, gives_every_code_its_own_name)
{
    for (int i = 0; i < COUNT; i++)
        for (int j = 0; j < i; j++)
            cr_expect_str_neq(err_name((enum err)i), err_name((enum err)j));
}

Test(errmsg, formats_and_gives_the_code_back)
{
    struct errmsg msg;

    cr_assert_eq(errmsg_set(&msg, ERR_CONFIG, "%s:%d", "file", 3), ERR_CONFIG);
    cr_assert_str_eq(msg.text, "file:3");
}

Test(errmsg, is_cut_when_it_is_too_long)
{
    struct errmsg msg;

    cr_assert_eq(errmsg_set(&msg, ERR_IO, "%0600d", 1), ERR_IO);
    cr_assert_eq(strlen(msg.text), sizeof(msg.text) - 1);
}

Test(errmsg, may_be_absent)
{
    cr_assert_eq(errmsg_set(NULL, ERR_IO, "nobody reads this"), ERR_IO);
}
