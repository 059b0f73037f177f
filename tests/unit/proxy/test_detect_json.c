/* SPDX-License-Identifier: Apache-2.0 */
/* E16: looking through documents and forms for what is not declared. */
#include "proxy/detect.h"

#include "base/secret.h"
#include "tests/unit/proxy/json_rig.h"

TestSuite(detect_json, .init = secret_start);

/* With $.email and $.list[*] declared. */
static void expect(const char *document, enum detect_kind kind, const char *shape)
{
    static const struct rig_field list[] = {{"$.email", false}, {"$.list[*]", true}};
    AUTO(hits_done) struct hits hits = {0};
    struct detect_found found = {0};

    cr_assert_eq(rig_read(list, 2, span_str(document), &hits), ERR_OK, "%s", document);
    cr_assert_eq(detect_json(span_str(document), &hits, &found), ERR_OK, "%s", document);
    cr_expect_eq(found.kind, kind, "%s", document);
    cr_expect_str_eq(found.shape, shape, "%s: %s", document, found.shape);
}

Test(detect_json, passes_over_what_is_declared)
{
    expect("{\"email\":\"ada@example.org\",\"list\":[\"a@example.org\",{\"x\":4111111111111111}]}",
           DETECT_NOTHING, "");
    expect("{\"email\":\"ada@example.org\",\"mail\":\"ada@example.org\"}", DETECT_EMAIL, "$.*");
    expect("{\"mail\":\"a@example.org\",\"email\":\"ada@example.org\"}", DETECT_EMAIL, "$.*");
}

Test(detect_json, says_where_without_a_name)
{
    expect("\"ada@example.org\"", DETECT_EMAIL, "$");
    expect("[\"ada@example.org\"]", DETECT_EMAIL, "$[*]");
    expect("{\"a\":[1,{\"b\":{},\"c\":[[\"ada@example.org\"]]}]}", DETECT_EMAIL, "$.*[*].*[*][*]");
    expect("{\"ada@example.org\":1}", DETECT_EMAIL, "$.*~");
    expect("{\"x\":{\"y\":\"z\",\"ada@example.org\":1}}", DETECT_EMAIL, "$.*.*~");
    expect("{\"x\":[{\"ada@example.org\":1}]}", DETECT_EMAIL, "$.*[*].*~");
    expect("{\"x\":{},\"y\":\"ada@example.org\"}", DETECT_EMAIL, "$.*");
}

Test(detect_json, undoes_escapes)
{
    expect("[\"ada\\u0040example.org\"]", DETECT_EMAIL, "$[*]");
    expect("{\"ada\\u0040example.org\":null}", DETECT_EMAIL, "$.*~");
    expect("[\"\\\"],\",\"x\"]", DETECT_NOTHING, "");
}

Test(detect_json, looks_at_numbers)
{
    expect("[4111111111111111]", DETECT_CARD, "$[*]");
    expect("[-1,1e5,4111111111111112,1772357400000]", DETECT_NOTHING, "");
    expect("[44051401359]", DETECT_ID, "$[*]");
}

Test(detect_json, looks_one_level_into_strings)
{
    expect("[\"{\\\"a\\\":\\\"ada\\\\u0040example.org\\\"}\"]", DETECT_EMAIL, "$[*]");
    expect("[\"[4111111111111111]\"]", DETECT_CARD, "$[*]");
    expect("[\"{\\\"ada\\\\u0040example.org\\\":1}\"]", DETECT_EMAIL, "$[*]");
    expect("[\"{no json\"]", DETECT_NOTHING, "");
    expect("[\"YWRhQGV4YW1wbGUub3Jn\"]", DETECT_EMAIL, "$[*]");
    expect("[\"YWRhQGV4YW1wbGUub3JnLg==\"]", DETECT_EMAIL, "$[*]");
    expect("[\"eyJhIjoiYWRhQGV4YW1wbGUub3JnIn0\"]", DETECT_EMAIL, "$[*]");
    expect("[\"WVdSaFFHVjRZVzF3YkdVdWIzSm4=\"]", DETECT_NOTHING, ""); /* twice encoded */
    expect("[\"a longer text, no base64\"]", DETECT_NOTHING, "");
}

Test(detect_json, shortens_what_lies_deep)
{
    AUTO(buf_done) struct buf document;
    char shape[DETECT_SHAPE_MAX] = "$";

    buf_init(&document, 1 << 16);
    for (int i = 0; i < 64; i++)
        rig_put(&document, "{\"a\":");
    rig_put(&document, "\"ada@example.org\"");
    for (int i = 0; i < 64; i++)
        rig_put(&document, "}");
    REQUIRE(buf_append_byte(&document, '\0') == ERR_OK);
    for (int i = 0; i < 64; i++)
        (void)strncat(shape, ".*", 3);
    expect((const char *)document.bytes, DETECT_EMAIL, shape);
    buf_reset(&document);
    for (int i = 0; i < 64; i++)
        rig_put(&document, "[");
    rig_put(&document, "\"ada@example.org\"");
    for (int i = 0; i < 64; i++)
        rig_put(&document, "]");
    REQUIRE(buf_append_byte(&document, '\0') == ERR_OK);
    (void)snprintf(shape, sizeof(shape), "$");
    for (int i = 0; i < 64; i++)
        (void)strncat(shape, "[*]", 4);
    expect((const char *)document.bytes, DETECT_EMAIL, shape);
}

static void expect_pairs(const char *text, size_t declared, enum detect_kind kind)
{
    struct hit hit = {.start = declared};
    const struct hits hits = {.at = &hit, .count = declared == 0 ? 0 : 1};
    enum detect_kind found = DETECT_NOTHING;

    cr_assert_eq(detect_pairs(span_str(text), &hits, &found), ERR_OK, "%s", text);
    cr_expect_eq(found, kind, "%s", text);
}

Test(detect_json, looks_through_pairs)
{
    expect_pairs("", 0, DETECT_NOTHING);
    expect_pairs("a=1&b=2", 0, DETECT_NOTHING);
    expect_pairs("a=1&b=ada%40example.org", 0, DETECT_EMAIL);
    expect_pairs("a=1&b=ada%40example.org", 6, DETECT_NOTHING);
    expect_pairs("b=ada%40example.org&c=%2B442079460958", 2, DETECT_PHONE);
    expect_pairs("ada@example.org", 0, DETECT_EMAIL);
    expect_pairs("ada%40example.org=1", 0, DETECT_EMAIL);
    expect_pairs("a=DE89+3704+0044+0532+0130+00", 0, DETECT_IBAN);
    expect_pairs("a=%7B%22x%22%3A%22ada%5Cu0040example.org%22%7D", 0, DETECT_EMAIL);
}
