/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include "base/secret.h"
#include "proxy/part.h"
#include "tests/unit/proxy/json_rig.h"

TestSuite(pick, .init = secret_start);

static enum err pick_by(const struct fields *fields, struct span document, struct buf *out)
{
    struct part part = {.text = document};
    enum err e = json_read(fields, document, &part.hits);

    if (e == ERR_OK)
        e = part_pick(&part, out);
    parts_done(&part, 1);
    return e;
}

static enum err pick(const char *path, const char *document, struct buf *out)
{
    const struct rig_field one = {path, false};
    AUTO(fields_free) struct fields *fields = rig_fields(&one, 1);

    buf_init_secret(out, 1000);
    return pick_by(fields, span_str(document), out);
}

static void expect_picked(const char *path, const char *document, struct span wanted)
{
    AUTO(buf_done) struct buf out;

    cr_assert_eq(pick(path, document, &out), ERR_OK);
    cr_assert(span_equal(buf_span(&out), wanted), "%.*s", (int)out.len, (char *)out.bytes);
}

static void expect_error(const char *path, const char *document, enum err wanted)
{
    AUTO(buf_done) struct buf out;

    cr_assert_eq(pick(path, document, &out), wanted, "%s in %s", path, document);
    cr_assert_eq(out.len, 0);
}

Test(pick, gives_the_one_value_as_it_reads)
{
    expect_picked("$.id", "{\"id\":\"ada\"}", SPAN_LIT("ada"));
    expect_picked("$.id", "{\"id\":\"a\\u0064a\\n\"}", SPAN_LIT("ada\n"));
    expect_picked("$.id", "{\"id\":4711}", SPAN_LIT("4711"));
    expect_picked("$.id", "{\"id\":1e2}", SPAN_LIT("1e2"));
    expect_picked("$.id", "{\"id\":true}", SPAN_LIT("true"));
    expect_picked("$.id", "{\"id\":\"\"}", SPAN_LIT(""));
    expect_picked("$[*].id", "[{\"id\":null},{\"id\":1},{}]", SPAN_LIT("1"));
}

Test(pick, finds_nothing_where_nothing_is)
{
    expect_error("$.id", "{}", ERR_NOT_FOUND);
    expect_error("$.id", "{\"id\":null}", ERR_NOT_FOUND);
    expect_error("$.id", "[1]", ERR_NOT_FOUND);
}

Test(pick, refuses_to_choose)
{
    expect_error("$[*]", "[1,2]", ERR_UNPROCESSABLE);
    expect_error("$..id", "{\"id\":1,\"a\":{\"id\":1}}", ERR_UNPROCESSABLE);
}

Test(pick, refuses_what_is_no_scalar)
{
    expect_error("$.id", "{\"id\":[1]}", ERR_UNPROCESSABLE);
    expect_error("$.id", "{\"id\":{}}", ERR_UNPROCESSABLE);
}

Test(pick, refuses_what_is_not_json)
{
    expect_error("$.id", "{\"id\":1,}", ERR_INVALID);
    expect_error("$.id", "{\"id\":1,\"\\u0069d\":2}", ERR_INVALID);
}

Test(pick, appends)
{
    const struct rig_field one = {"$.id", false};
    AUTO(fields_free) struct fields *fields = rig_fields(&one, 1);
    AUTO(buf_done) struct buf out;

    buf_init_secret(&out, 9);
    cr_assert_eq(buf_append_str(&out, "user:"), ERR_OK);
    cr_assert_eq(pick_by(fields, SPAN_LIT("{\"id\":\"4711\"}"), &out), ERR_OK);
    cr_assert(span_equal(buf_span(&out), SPAN_LIT("user:4711")));
    cr_assert_eq(pick_by(fields, SPAN_LIT("{\"id\":\"1\"}"), &out), ERR_TOO_LARGE);
}
