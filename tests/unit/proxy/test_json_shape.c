/* SPDX-License-Identifier: Apache-2.0 */
/* Documents of another shape than the declared paths expect: what would have been found there was
 * not, and may stand in clear. */
#include "tests/unit/proxy/json_rig.h"

#include "base/secret.h"

TestSuite(json_shape, .init = secret_start);

static bool misplaced(const char *path, const char *document)
{
    AUTO(hits_done) struct hits hits = {0};
    const struct rig_field field = {path, false};

    cr_assert_eq(rig_read(&field, 1, span_str(document), &hits), ERR_OK, "%s in %s", path,
                 document);
    return hits.misplaced;
}

static const struct {
    const char *path, *document;
    bool misplaced;
} cases[] = {
    {"$.phones[*]", "{\"phones\":[\"1\",\"2\"]}", false},
    {"$.phones[*]", "{\"phones\":\"1\"}", true},
    {"$.phones[*]", "{\"phones\":1}", true},
    {"$.phones[*]", "{\"phones\":true}", true},
    {"$.phones[*]", "{\"phones\":null}", false},
    {"$.phones[*]", "{\"phones\":{\"home\":\"1\"}}", false}, /* RFC 9535 2.3.2: members as well */
    {"$.phones[0]", "{\"phones\":{\"0\":\"1\"}}", true},
    {"$.phones[1]", "{\"phones\":[\"1\"]}", false},
    {"$.address.city", "{\"address\":{\"city\":\"Bonn\"}}", false},
    {"$.address.city", "{\"address\":{\"town\":\"Bonn\"}}", false},
    {"$.address.city", "{\"address\":\"Hauptstr. 1, Bonn\"}", true},
    {"$.address.city", "{\"address\":[{\"city\":\"Bonn\"}]}", true},
    {"$.address.city", "{\"other\":\"x\",\"deep\":{\"address\":\"x\"}}", false},
    {"$.email", "[{\"email\":\"a@b\"}]", true},
    {"$.email", "[]", true},
    {"$.email", "\"text\"", false}, /* a body whose root is a scalar is a body */
    {"$.email", "7", false},
    {"$[*].email", "[{\"email\":\"a@b\"}]", false},
    {"$[*].email", "[\"a@b\"]", true},
    {"$..email", "{\"a\":\"x\",\"b\":[1,{\"email\":\"a@b\"}]}", false},
    {"$..list[*]", "{\"list\":\"x\"}", true},
    {"$..a.b", "[{\"a\":{\"b\":1}},\"x\"]", false},
    {"$..a.b", "[{\"a\":\"x\"}]", true},
};

Test(json_shape, is_judged_where_a_path_wants_to_go_on)
{
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        cr_assert_eq(misplaced(cases[i].path, cases[i].document), cases[i].misplaced, "%s in %s",
                     cases[i].path, cases[i].document);
}

Test(json_shape, fits_when_one_of_several_paths_fits)
{
    const struct rig_field fields[] = {
        {"$.a.b", false}, {"$.a[0]", false}, {"$.c", false}, {"$.c.d", false}};
    AUTO(hits_done) struct hits hits = {0};

    cr_assert_eq(rig_read(fields, 4, SPAN_LIT("{\"a\":[\"x\"],\"c\":\"y\"}"), &hits), ERR_OK);
    cr_assert_not(hits.misplaced);
    cr_assert_eq(hits.count, 2);
}
