/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

#include <criterion/criterion.h>
#include <signal.h>

#include "base/limits.h"
#include "base/secret.h"

TestSuite(json, .init = secret_start);

/* Stands in for libc's: how often memory that held the marker was wiped. */
static const char MARKER[] = "canary-7f3a";
static int markers_wiped;

void explicit_bzero(void *at, size_t len)
{
    const void *volatile held = at; /* libc's prototype says that nobody reads it */

    if (memmem(held, len, MARKER, strlen(MARKER)) != NULL)
        markers_wiped++;
    memset(at, 0, len);
    __asm__ volatile("" ::"r"(at) : "memory");
}

static struct json *parsed(struct span text)
{
    struct json *tree = NULL;

    cr_assert_eq(json_parse(text, &tree), ERR_OK, "%.*s", (int)text.len, text.at);
    return tree;
}

/* `tree` in its compact form, in a static buffer. */
static const char *text_of(const struct json *tree)
{
    static char text[1000];
    AUTO(buf_done) struct buf b;

    buf_init(&b, sizeof(text) - 1);
    cr_assert_eq(json_write(tree, &b), ERR_OK);
    memcpy(text, b.bytes, b.len);
    text[b.len] = '\0';
    return text;
}

Test(json, accepts_what_rfc_8259_accepts_and_writes_it_back)
{
    static const char *const same[] = {
        "{}",
        "[]",
        "null",
        "true",
        "false",
        "0",
        "-1",
        "\"\"",
        "\"text\"",
        "1.5",
        "[1,[2,{\"a\":[]}]]",
        "{\"b\":1,\"a\":2}",
        "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"",
        "9223372036854775807",
        "-9223372036854775808",
        "\"[[[{{{\"",
        "\"\\\"[\"",
        "\"\\u0000\"",
    };

    for (size_t i = 0; i < COUNT_OF(same); i++) {
        AUTO(json_free) struct json *tree = parsed(span_str(same[i]));

        cr_expect_str_eq(text_of(tree), same[i]);
    }
}

Test(json, refuses_everything_else)
{
    static const char *const bad[] = {
        "",
        " ",
        "{",
        "}",
        "[1,]",
        "{\"a\":1,}",
        "{a:1}",
        "{'a':1}",
        "nul",
        "NaN",
        "01",
        "+1",
        "1.",
        ".5",
        "0x1",
        "[1] 2",
        "{} {}",
        "\"a",
        "\"\n\"",
        "\"\\x\"",
        "\"\\ud800\"",
        "\"\xff\"",
        "\"\xc0\x80\"",
        "{\"a\"}",
        "[1 2]",
        "/**/1",
        "9223372036854775808",
        "-9223372036854775809",
        "1e999",
        "{\"\\u0000\":1}",
        "\xef\xbb\xbf{}",
    };
    struct json *tree = (struct json *)1;

    for (size_t i = 0; i < COUNT_OF(bad); i++)
        cr_expect_eq(json_parse(span_str(bad[i]), &tree), ERR_INVALID, "%s", bad[i]);
    cr_expect_eq(json_parse(SPAN_NONE, &tree), ERR_INVALID);
    cr_expect_eq(json_parse(SPAN_LIT("1\0"), &tree), ERR_INVALID);
    cr_expect_eq(json_parse(SPAN_LIT("{}\0{\"a\":1}"), &tree), ERR_INVALID);
    cr_assert_eq(tree, (struct json *)1, "untouched");
}

Test(json, refuses_duplicate_names_at_any_depth_and_however_spelt)
{
    struct json *tree;

    cr_expect_eq(json_parse(SPAN_LIT("{\"a\":1,\"b\":2,\"a\":1}"), &tree), ERR_INVALID);
    cr_expect_eq(json_parse(SPAN_LIT("[{\"x\":{\"a\":1,\"a\":2}}]"), &tree), ERR_INVALID);
    cr_expect_eq(json_parse(SPAN_LIT("{\"a\":1,\"\\u0061\":2}"), &tree), ERR_INVALID);
    cr_expect_eq(json_parse(SPAN_LIT("{\"\":1,\"\":2}"), &tree), ERR_INVALID);
    cr_assert_eq(json_parse(SPAN_LIT("{\"a\":1,\"A\":2,\"b\":{\"a\":3}}"), &tree), ERR_OK);
    json_free(&tree);
}

static enum err parse_nested(size_t depth, struct json **ret)
{
    char text[2 * LIMIT_JSON_DEPTH_MAX + 10];

    memset(text, '[', depth);
    memset(text + depth, ']', depth);
    return json_parse(span_of(text, 2 * depth), ret);
}

Test(json, refuses_more_levels_than_its_limit)
{
    struct json *tree;

    cr_assert_eq(parse_nested(LIMIT_JSON_DEPTH_MAX, &tree), ERR_OK);
    json_free(&tree);
    cr_assert_eq(parse_nested(LIMIT_JSON_DEPTH_MAX + 1, &tree), ERR_INVALID);
}

Test(json, counts_levels_not_brackets)
{
    AUTO(buf_done) struct buf text;
    struct json *tree;

    buf_init(&text, 10000);
    cr_assert_eq(buf_append_str(&text, "[\"\\\\\""),
                 ERR_OK); /* a string that ends in a backslash */
    for (int i = 0; i < 2 * LIMIT_JSON_DEPTH_MAX; i++)
        cr_assert_eq(buf_append_str(&text, i % 2 == 0 ? ",{}" : ",\"\\\"[{\""), ERR_OK);
    cr_assert_eq(buf_append_str(&text, "]"), ERR_OK);
    cr_assert_eq(json_parse(buf_span(&text), &tree), ERR_OK);
    json_free(&tree);
}

Test(json, is_not_led_astray_by_closing_brackets_in_strings)
{
    AUTO(buf_done) struct buf text;
    struct json *tree;

    buf_init(&text, 10000);
    for (int i = 0; i < 2 * LIMIT_JSON_DEPTH_MAX; i++)
        cr_assert_eq(buf_append_str(&text, "[\"]\","), ERR_OK);
    for (int i = 0; i < 2 * LIMIT_JSON_DEPTH_MAX; i++)
        cr_assert_eq(buf_append_str(&text, i == 0 ? "1]" : "]"), ERR_OK);
    cr_assert_eq(json_parse(buf_span(&text), &tree), ERR_INVALID);
}

Test(json, tells_kinds_apart)
{
    AUTO(json_free) struct json *t = parsed(SPAN_LIT("[null,true,1,1.0,\"a\",[],{}]"));
    static const enum json_type kinds[] = {JSON_NIL,  JSON_BOOL, JSON_INT, JSON_FLOAT,
                                           JSON_TEXT, JSON_LIST, JSON_MAP};

    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        cr_expect_eq(json_kind(json_at(t, i)), kinds[i], "%zu", i);
    cr_expect_eq(json_kind(json_at(t, COUNT_OF(kinds))), JSON_ABSENT);
    cr_expect_eq(json_kind(NULL), JSON_ABSENT);
    cr_expect_eq(json_count(t), COUNT_OF(kinds));
}

Test(json, gives_the_fallback_for_absent_and_for_another_type)
{
    AUTO(json_free) struct json *t = parsed(SPAN_LIT("{\"n\":7,\"s\":\"x\",\"b\":true}"));

    cr_expect_eq(json_int_of(json_get(t, "n"), 9), 7);
    cr_expect_eq(json_int_of(json_get(t, "s"), 9), 9);
    cr_expect_eq(json_int_of(json_get(t, "zz"), 9), 9);
    cr_expect_eq(json_bool_of(json_get(t, "b"), false), true);
    cr_expect_eq(json_bool_of(json_get(t, "n"), false), false);
    cr_expect_eq(json_bool_of(NULL, true), true);
    cr_expect_str_eq(json_str_of(json_get(t, "s")), "x");
    cr_expect_null(json_str_of(json_get(t, "n")));
    cr_expect_null(json_text_of(NULL).at);
    cr_expect_null(json_get(json_get(t, "s"), "x"), "text has no members");
    cr_expect_null(json_at(t, 0), "a map has no elements");
    cr_expect_eq(json_count(json_get(t, "s")), 0);
}

Test(json, shows_text_with_a_nul_only_as_a_span)
{
    AUTO(json_free) struct json *t = parsed(SPAN_LIT("\"a\\u0000b\""));

    cr_assert(span_equal(json_text_of(t), SPAN_LIT("a\0b")));
    cr_assert_null(json_str_of(t));
}

Test(json, iterates_a_map_in_its_order)
{
    AUTO(json_free) struct json *t = parsed(SPAN_LIT("{\"z\":1,\"a\":2,\"m\":3}"));
    char seen[4] = "";
    const char *name;
    struct json *value;
    void *it = NULL;
    int64_t sum = 0;

    while (json_next(t, &it, &name, &value)) {
        strncat(seen, name, 1);
        sum = sum * 10 + json_int_of(value, 0);
    }
    cr_assert_str_eq(seen, "zam");
    cr_assert_eq(sum, 123);
    it = NULL;
    cr_assert_not(json_next(json_get(t, "z"), &it, &name, &value), "a number has no members");
    cr_assert_not(json_next(NULL, &it, &name, &value));
}

Test(json, builds_trees)
{
    AUTO(json_free) struct json *map = json_new_map();
    struct json *list = json_new_list();

    json_add(list, json_new_int(-5));
    json_add(list, json_new_bool(true));
    json_add(list, json_new_null());
    json_add(list, json_new_text(SPAN_LIT("\xe2\x82\xac\n\"")));
    json_add(list, json_new_text(SPAN_NONE));
    json_set(map, "list", list);
    json_set_str(map, "s", "t");
    json_set_int(map, "n", INT64_MIN);
    json_set_bool(map, "b", false);
    json_set_str(map, "s", "again");
    cr_assert_str_eq(text_of(map),
                     "{\"list\":[-5,true,null,\"\xe2\x82\xac\\n\\\"\",\"\"],\"s\":\"again\","
                     "\"n\":-9223372036854775808,\"b\":false}");
}

Test(json, makes_no_text_of_bytes_that_are_no_utf_8)
{
    cr_assert_null(json_new_text(SPAN_LIT("\xff")));
    cr_assert_null(json_new_text(SPAN_LIT("\xed\xa0\x80")), "a surrogate");
}

Test(json, setting_what_could_not_be_made_is_a_bug, .signal = SIGABRT)
{
    AUTO(json_free) struct json *map = json_new_map();

    json_set(map, "a", json_new_text(SPAN_LIT("\xff")));
}

Test(json, writes_pretty_with_two_spaces_and_a_newline)
{
    AUTO(json_free) struct json *t = parsed(SPAN_LIT("{\"a\":[1,{}]}"));
    AUTO(buf_done) struct buf b;

    buf_init(&b, 100);
    cr_assert_eq(json_write_pretty(t, &b), ERR_OK);
    cr_assert(span_equal(buf_span(&b), SPAN_LIT("{\n  \"a\": [\n    1,\n    {}\n  ]\n}\n")));
}

Test(json, writes_all_or_nothing)
{
    AUTO(json_free) struct json *t = parsed(SPAN_LIT("[1,2,3]"));

    for (size_t max = 2; max < 9; max++) {
        AUTO(buf_done) struct buf b;

        buf_init(&b, max);
        cr_assert_eq(buf_append_str(&b, "ab"), ERR_OK);
        cr_assert_eq(json_write(t, &b), ERR_TOO_LARGE);
        cr_assert_eq(json_write_pretty(t, &b), ERR_TOO_LARGE);
        cr_assert(span_equal(buf_span(&b), SPAN_LIT("ab")));
    }
}

Test(json, wipes_texts_when_the_tree_is_freed)
{
    struct json *tree = parsed(SPAN_LIT("{\"a\":[\"canary-7f3a\"]}"));

    markers_wiped = 0;
    json_free(&tree);
    cr_assert_null(tree);
    cr_assert_eq(markers_wiped, 1);
    json_free(&tree);
}

Test(json, wipes_what_a_refused_document_left_behind)
{
    struct json *tree;

    markers_wiped = 0;
    cr_assert_eq(json_parse(SPAN_LIT("[\"canary-7f3a\", oops"), &tree), ERR_INVALID);
    cr_assert_geq(markers_wiped, 1);
}
