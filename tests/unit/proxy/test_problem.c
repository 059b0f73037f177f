/* SPDX-License-Identifier: Apache-2.0 */
/* Problem documents: valid, generic, complete. How they are sent is tested in test_exchange.c. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/http_reason.h"
#include "base/json.h"
#include "base/secret.h"
#include "proxy/problem.h"

TestSuite(problem, .init = secret_start, .timeout = 30);

static const enum err all_errors[] = {
#define X(name, status, text) ERR_##name,
    ERR_TABLE(X)
#undef X
};

static struct json *document(enum err e)
{
    const struct problem problem = {.error = e, .request_id = SPAN_LIT("0123456789abcdef")};
    char text[PROBLEM_BODY_MAX];
    struct json *tree = NULL;
    size_t len = problem_write(&problem, text);

    cr_assert_eq(len, strlen(text));
    cr_assert_eq(json_parse(span_of(text, len), &tree), ERR_OK, "%s", text);
    return tree;
}

Test(problem, is_a_whole_document_for_every_error)
{
    for (size_t i = 1; i < COUNT_OF(all_errors); i++) { /* all but OK */
        AUTO(json_free) struct json *tree = document(all_errors[i]);
        int status = err_status(all_errors[i]);

        cr_expect_str_eq(json_str_of(json_get(tree, "type")), "about:blank");
        cr_expect_str_eq(json_str_of(json_get(tree, "title")), http_reason(status));
        cr_expect_str_eq(json_str_of(json_get(tree, "detail")), err_text(all_errors[i]));
        cr_expect_eq(json_int_of(json_get(tree, "status"), 0), status);
        cr_expect_str_eq(json_str_of(json_get(tree, "request_id")), "0123456789abcdef");
        cr_expect_eq(json_count(tree), 5, "and nothing else");
    }
}

Test(problem, has_a_reason_phrase_for_every_status_it_uses)
{
    for (size_t i = 0; i < COUNT_OF(all_errors); i++)
        cr_expect_str_neq(http_reason(err_status(all_errors[i])), "Unknown", "%d",
                          err_status(all_errors[i]));
}
