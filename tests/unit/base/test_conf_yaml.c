/* SPDX-License-Identifier: Apache-2.0 */
#include "base/conf.h"

#include <criterion/criterion.h>

#include "base/limits.h"
#include "base/secret.h"

TestSuite(conf_yaml, .init = secret_start);

static struct conf *parsed(const char *yaml)
{
    struct errmsg msg = {""};
    struct conf *c = NULL;

    cr_assert_eq(conf_parse("f.yaml", span_str(yaml), &c, &msg), ERR_OK, "%s", msg.text);
    return c;
}

/* The tree as JSON, in a static buffer. */
static const char *json_of(const struct conf *c)
{
    static char text[2000];
    AUTO(buf_done) struct buf b;

    buf_init(&b, sizeof(text) - 1);
    cr_assert_eq(json_write(conf_root(c).value, &b), ERR_OK);
    memcpy(text, b.bytes, b.len);
    text[b.len] = '\0';
    return text;
}

Test(conf_yaml, turns_yaml_into_a_tree)
{
    static const struct {
        const char *yaml, *json;
    } cases[] = {
        {"a: 1\nb: [x, \"y\"]\n", "{\"a\":1,\"b\":[\"x\",\"y\"]}"},
        {"%YAML 1.1\n---\na: {b: {c: -5}}\n...\n", "{\"a\":{\"b\":{\"c\":-5}}}"},
        {"- 1\n- - 2\n  - 3\n", "[1,[2,3]]"},
        {"a: true\nb: false\nc: null\nd: ~\ne:\nf: ''\n",
         "{\"a\":true,\"b\":false,\"c\":null,\"d\":null,\"e\":null,\"f\":\"\"}"},
        {"a: \"true\"\nb: 'false'\nc: \"null\"\nd: \"~\"\ne: \"12\"\n",
         "{\"a\":\"true\",\"b\":\"false\",\"c\":\"null\",\"d\":\"~\",\"e\":\"12\"}"},
        {"a: yes\nb: off\nc: True\nd: NULL\ne: 6(1)(b)\nf: P2Y\n",
         "{\"a\":\"yes\",\"b\":\"off\",\"c\":\"True\",\"d\":\"NULL\",\"e\":\"6(1)(b)\",\"f\":"
         "\"P2Y\"}"},
        {"a: 0\nb: -0\nc: 010\nd: 0x10\ne: 1_000\nf: +5\ng: 1.5\nh: 12a\ni:\n - \n",
         "{\"a\":0,\"b\":\"-0\",\"c\":\"010\",\"d\":\"0x10\",\"e\":\"1_000\",\"f\":\"+5\",\"g\":"
         "\"1.5\","
         "\"h\":\"12a\",\"i\":[null]}"},
        {"a: 9223372036854775807\nb: -9223372036854775808\nc: 9223372036854775808\n",
         "{\"a\":9223372036854775807,\"b\":-9223372036854775808,\"c\":\"9223372036854775808\"}"},
        {"a: |\n  two\n  lines\nb: >\n  12\n", "{\"a\":\"two\\nlines\\n\",\"b\":\"12\\n\"}"},
        {"\"1\": x\n\"true\": y\n", "{\"1\":\"x\",\"true\":\"y\"}"},
        {"\xef\xbb\xbf"
         "a: \xc3\xa4\r\nb: 2\r\n",
         "{\"a\":\"\xc3\xa4\",\"b\":2}"},
        {"# nothing\n", "null"},
        {"", "null"},
        {"text", "\"text\""},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        AUTO(conf_free) struct conf *c = parsed(cases[i].yaml);

        cr_expect_str_eq(json_of(c), cases[i].json, "%s -> %s", cases[i].yaml, json_of(c));
    }
}

Test(conf_yaml, refuses_yaml_that_readers_understand_differently)
{
    static const struct {
        const char *yaml, *message;
    } cases[] = {
        {"a: &x 1\n", "f.yaml:1:4: anchors are not supported"},
        {"a: &x [1]\n", "f.yaml:1:4: anchors are not supported"},
        {"a: *x\n", "f.yaml:1:4: aliases are not supported"},
        {"*x : 1\n", "f.yaml:1:1: aliases are not supported"},
        {"a: !!int \"1\"\n", "f.yaml:1:4: tags are not supported"},
        {"a: !x {b: 1}\n", "f.yaml:1:4: tags are not supported"},
        {"a: ! b\n", "f.yaml:1:4: tags are not supported"},
        {"!!str a: 1\n", "f.yaml:1:1: tags are not supported"},
        {"&x a: 1\n", "f.yaml:1:1: anchors are not supported"},
        {"a: 1\n---\nb: 2\n", "f.yaml:2:1: a second document is not supported"},
        {"a: 1\nb: 2\n\na: 3\n", "f.yaml:4:1: duplicate key \"a\", first on line 1"},
        {"x: {a: 1}\ny: {b: 1, b: 1}\n", "f.yaml:2:11: duplicate key \"b\", first on line 2"},
        {"\"a\": 1\n'a': 2\n", "f.yaml:2:1: duplicate key \"a\", first on line 1"},
        {"1: x\n", "f.yaml:1:1: a key must be text, put it in quotes"},
        {"true: x\n", "f.yaml:1:1: a key must be text, put it in quotes"},
        {"null: x\n", "f.yaml:1:1: a key must be text, put it in quotes"},
        {"? \n: x\n", "f.yaml:1:2: a key must be text, put it in quotes"},
        {"[a]: x\n", "f.yaml:1:1: a key must be text"},
        {"? {a: b}\n: x\n", "f.yaml:1:3: a key must be text"},
        {"a:\n\tb: 1\n", "f.yaml:2:1: a tab cannot indent, use spaces"},
        {"a: [1\n", "f.yaml:2:1: did not find expected ',' or ']', while parsing a flow sequence"},
        {"a: b: c\n", "f.yaml:1:5: mapping values are not allowed in this context"},
        {"a: \"x\n", "f.yaml:2:1: found unexpected end of stream, while scanning a quoted scalar"},
        {"a: \"x\\0y\"\n", "f.yaml:1:4: a NUL character is not allowed"},
        {"\"a\\0\": 1\n", "f.yaml:1:1: a NUL character is not allowed"},
        {"ab: 1\nc: \xff\n", "f.yaml:2:4: invalid leading UTF-8 octet"},
        {"a: \x01\n", "f.yaml:1:4: control characters are not allowed"},
        {"%YAML 2.0\n---\na: 1\n", "f.yaml:1:1: found incompatible YAML document"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct conf *c = (struct conf *)1;
        struct errmsg msg = {""};

        cr_expect_eq(conf_parse("f.yaml", span_str(cases[i].yaml), &c, &msg), ERR_CONFIG, "%s",
                     cases[i].yaml);
        cr_expect_str_eq(msg.text, cases[i].message, "%s -> %s", cases[i].yaml, msg.text);
        cr_assert_eq(c, (struct conf *)1, "untouched");
    }
}

Test(conf_yaml, refuses_nesting_beyond_its_limit)
{
    char yaml[LIMIT_JSON_DEPTH_MAX + 2];
    AUTO(conf_free) struct conf *c = NULL;
    struct errmsg msg;

    memset(yaml, '[', sizeof(yaml));
    cr_assert_eq(conf_parse("f", span_of(yaml, LIMIT_JSON_DEPTH_MAX + 1), &c, &msg), ERR_CONFIG);
    cr_assert_str_eq(msg.text, "f:1:65: nested too deeply");
}
