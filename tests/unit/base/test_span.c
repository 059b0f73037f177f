/* SPDX-License-Identifier: Apache-2.0 */
#include "base/span.h"

#include <criterion/criterion.h>

#include "base/limits.h"
#include "base/secret.h"

TestSuite(span, .init = secret_start);

Test(span, equals_by_length_and_bytes)
{
    cr_expect(span_equal(SPAN_LIT("abc"), span_str("abc")));
    cr_expect_not(span_equal(SPAN_LIT("abc"), SPAN_LIT("abd")));
    cr_expect_not(span_equal(SPAN_LIT("abc"), SPAN_LIT("ab")));
    cr_expect_not(span_equal(SPAN_LIT("abc"), SPAN_LIT("ABC")));
    cr_expect(span_equal(span_of("a\0b", 3), SPAN_LIT("a\0b")));
    cr_expect_not(span_equal(span_of("a\0b", 3), SPAN_LIT("a\0c")));
}

Test(span, of_nothing_equals_any_empty_one)
{
    cr_expect(span_equal(SPAN_NONE, SPAN_LIT("")));
    cr_expect_not(span_equal(SPAN_NONE, SPAN_LIT("a")));
}

Test(span, folds_only_ascii_letters)
{
    cr_expect(span_equal_nocase(SPAN_LIT("Content-Length"), SPAN_LIT("cONTENT-lENGTH")));
    cr_expect_not(span_equal_nocase(SPAN_LIT("a-b"), SPAN_LIT("a_b")));
    cr_expect_not(span_equal_nocase(SPAN_LIT("@"), SPAN_LIT("`")), "differ by 0x20, no letters");
    cr_expect_not(span_equal_nocase(SPAN_LIT("["), SPAN_LIT("{")));
    cr_expect_not(span_equal_nocase(SPAN_LIT("\xc3\x84"), SPAN_LIT("\xc3\xa4")));
    cr_expect_not(span_equal_nocase(SPAN_LIT("abc"), SPAN_LIT("ab")));
}

Test(limits, are_positive_numbers_with_a_reason)
{
#define LIMIT(name, value, reason)                                                                 \
    cr_expect_gt(LIMIT_##name, 0, #name);                                                          \
    cr_expect_gt(strlen(reason), 10, #name);
#include "base/limits.def"
#undef LIMIT
}
