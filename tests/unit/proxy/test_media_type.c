/* SPDX-License-Identifier: Apache-2.0 */
/* What a body says it is: accepted, and not. */
#include <criterion/criterion.h>

#include "base/mem.h"
#include "base/secret.h"
#include "proxy/media_type.h"

TestSuite(media_type, .init = secret_start, .timeout = 30);

Test(media_type, is_json_in_one_charset_only)
{
    static const char *const json[] = {
        "application/json",
        "Application/JSON",
        "application/json;charset=utf-8",
        "application/json; charset=\"UTF-8\"",
        "application/json ; charset=utf-8 ",
        "application/vnd.api+json",
        "application/problem+json; profile=x",
        "text/x+json",
        "application/json;",
        "application/json;; charset=utf-8;",
    };
    static const char *const other[] = {
        "",
        "json",
        "application",
        "application/",
        "application/jsonp",
        "application/x-json",
        "application/+json",
        "text/json",
        "text/plain",
        "application/json, text/plain",
        "application/json; charset=utf-16",
        "application/json; charset=latin1",
        "application/json; charset=utf-8; charset=utf-8",
        "application/json; charset=utf-8; charset=utf-16",
        "application/json; charset",
        "application/json; charset=",
        "application/json; charset=\"utf-8",
        "application/json; charset=\"utf\\-8\"",
        "application/json; =utf-8",
        "application/json; ; charset=utf-16",
        "application/json charset=utf-8",
        "application/json/x",
        "application /json",
    };

    for (size_t i = 0; i < COUNT_OF(json); i++)
        cr_expect(media_type_is_json(span_str(json[i])), "%s", json[i]);
    for (size_t i = 0; i < COUNT_OF(other); i++)
        cr_expect_not(media_type_is_json(span_str(other[i])), "%s", other[i]);
}
