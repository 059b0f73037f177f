/* SPDX-License-Identifier: Apache-2.0 */
#include "retention/canonical.h"

#include <criterion/criterion.h>

#include "base/assert.h"
#include "base/mem.h"

static struct buf text;

static void setup(void)
{
    buf_init(&text, 1 << 20);
}

static void teardown(void)
{
    buf_done(&text);
}

TestSuite(canonical, .init = setup, .fini = teardown, .timeout = 60);

static enum err write(const char *json)
{
    AUTO(json_free) struct json *tree = NULL;

    buf_reset(&text);
    REQUIRE(json_parse(span_str(json), &tree) == ERR_OK);
    return canonical_write(tree, &text);
}

static void becomes(const char *json, const char *expected)
{
    cr_assert_eq(write(json), ERR_OK);
    cr_assert_eq(buf_append_byte(&text, 0), ERR_OK);
    cr_assert_str_eq((const char *)text.bytes, expected);
}

Test(canonical, sorts_members_and_drops_white_space)
{
    becomes(" { \"b\" : [ 1 , { \"d\":null, \"c\":true } ] , \"a\" : false, \"B\":\"x\" } ",
            "{\"B\":\"x\",\"a\":false,\"b\":[1,{\"c\":true,\"d\":null}]}");
    becomes("{\"a\":1,\"\":2,\"ab\":3,\"a-\":4}", "{\"\":2,\"a\":1,\"a-\":4,\"ab\":3}");
    becomes("[]", "[]");
    becomes("{}", "{}");
}

/* RFC 8785 3.2.2.2 */
Test(canonical, escapes_what_must_be_and_nothing_else)
{
    becomes("\"\\u0000\\u001f\\u0008\\t\\n\\f\\r\\\"\\\\\\/\\u007f\\u00e9\\u20ac\\ud83d\\ude00\"",
            "\"\\u0000\\u001f\\b\\t\\n\\f\\r\\\"\\\\/\x7f\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"");
}

Test(canonical, writes_integers_that_every_reader_can_hold)
{
    becomes("[0,-0,9007199254740991,-9007199254740991]",
            "[0,0,9007199254740991,-9007199254740991]");
    cr_assert_eq(write("9007199254740992"), ERR_UNSUPPORTED);
    cr_assert_eq(write("-9007199254740992"), ERR_UNSUPPORTED);
}

Test(canonical, refuses_what_has_no_spelling)
{
    char deep[64] = "";

    cr_assert_eq(write("1.0"), ERR_UNSUPPORTED);
    cr_assert_eq(write("{\"a\":[1e2]}"), ERR_UNSUPPORTED);
    cr_assert_eq(write("{\"\xc3\xa9\":1}"), ERR_UNSUPPORTED);
    cr_assert_eq(write("{\"\\u0001\":1}"), ERR_UNSUPPORTED);
    memset(deep, '[', CANONICAL_DEPTH_MAX + 1);
    memset(deep + CANONICAL_DEPTH_MAX + 1, ']', CANONICAL_DEPTH_MAX + 1);
    cr_assert_eq(write(deep), ERR_UNSUPPORTED);
}

Test(canonical, ends_when_the_buffer_does)
{
    buf_done(&text);
    buf_init(&text, 5);
    cr_assert_eq(write("[1,2]"), ERR_OK);
    cr_assert_eq(write("[1,22]"), ERR_TOO_LARGE);
}
