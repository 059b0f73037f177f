/* SPDX-License-Identifier: Apache-2.0 */
/* Where a form may come from, and how often somebody may try. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/secret.h"
#include "ui/ui_priv.h"

TestSuite(guard, .init = secret_start, .timeout = 30);

#define FORM "application/x-www-form-urlencoded"

/* E66 */
Test(guard, a_form_comes_from_our_own_pages)
{
    static const struct {
        const char *origin, *site, *type;
        enum err wanted;
    } cases[] = {
        {"https://dpo.example:8444", "same-origin", FORM, ERR_OK},
        {"http://dpo.example:8444", NULL, FORM, ERR_OK},
        {NULL, "same-origin", FORM ";charset=UTF-8", ERR_OK},
        {"https://DPO.example:8444", "same-origin", FORM, ERR_OK},
        {NULL, NULL, FORM, ERR_DENIED},
        {"null", "same-origin", FORM, ERR_DENIED},
        {"https://dpo.example", "same-origin", FORM, ERR_DENIED},
        {"https://dpo.example:84440", NULL, FORM, ERR_DENIED},
        {"https://", NULL, FORM, ERR_DENIED},
        {"ftp://dpo.example:8444", NULL, FORM, ERR_DENIED},
        {"https://dpo.example:8444", "cross-site", FORM, ERR_DENIED},
        {"https://dpo.example:8444", "same-site", FORM, ERR_DENIED},
        {"https://dpo.example:8444", "none", FORM, ERR_DENIED},
        {"https://dpo.example:8444", "same-origin", "text/plain", ERR_UNSUPPORTED},
        {"https://dpo.example:8444", "same-origin", FORM "; x", ERR_UNSUPPORTED},
        {"https://dpo.example:8444", "same-origin", NULL, ERR_UNSUPPORTED},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct http_request request = {.host = SPAN_LIT("dpo.example:8444")};

        if (cases[i].origin != NULL)
            request.fields[HTTP_ORIGIN] = span_str(cases[i].origin);
        if (cases[i].site != NULL)
            request.fields[HTTP_FETCH_SITE] = span_str(cases[i].site);
        if (cases[i].type != NULL)
            request.fields[HTTP_CONTENT_TYPE] = span_str(cases[i].type);
        cr_expect_eq(guard__check_post(&request), cases[i].wanted, "%zu", i);
    }
}

Test(guard, the_policy_fits_into_its_field)
{
    struct http_answer *answer = mem_alloc(sizeof(*answer));

    guard__protect(answer);
    cr_expect_eq(answer->field_count, 7);
    cr_expect_not_null(strstr(answer->fields[0].value, "trusted-types 'none'"));
    guard__set_cookie(answer, "0123");
    cr_expect_str_eq(answer->fields[7].value,
                     "__Host-lethe=0123; Path=/; Secure; HttpOnly; SameSite=Strict");
    free(answer);
}

Test(throttle, tires_of_one_and_rests_after_a_minute)
{
    AUTO(throttle_free) struct throttle *t = throttle_new();
    const struct span one = SPAN_LIT("10.0.0.1"), other = SPAN_LIT("10.0.0.2");

    for (int i = 0; i < 5; i++) {
        cr_expect_not(throttle_is_tired(t, one, 5, 1000 + i));
        throttle_count(t, one, 1000 + i);
    }
    cr_expect(throttle_is_tired(t, one, 5, 2000));
    cr_expect_not(throttle_is_tired(t, one, 6, 2000));
    cr_expect_not(throttle_is_tired(t, other, 5, 2000));
    cr_expect(throttle_is_tired(t, one, 5, 60999));
    cr_expect_not(throttle_is_tired(t, one, 5, 61000));
    throttle_count(t, one, 62000);
    cr_expect_not(throttle_is_tired(t, one, 2, 62000), "a new minute");
}
