/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include "base/secret.h"
#include "proxy/xml_reader.h"

TestSuite(xml_fields, .init = secret_start);

static enum err compile(const char *path, struct errmsg *msg)
{
    AUTO(xml_fields_free) struct xml_fields *fields = NULL;
    const struct xml_def def = {path, 1};

    return xml_fields_new(&def, 1, &fields, msg);
}

Test(xml_fields, are_named_by_paths_of_elements_and_attributes)
{
    static const char *const good[] = {
        "/a",      "/a/b",  "//a",     "/a//b",   "/a/@b", "//@b",     "/*",         "/a/*/b",
        "//*/@id", "/a/@*", "/p:a/@q", "/a/@p:q", "/_-",   "/a.b-c_9", "/\xc3\x9fx", "//p:a//*"};

    for (size_t i = 0; i < COUNT_OF(good); i++) {
        struct errmsg msg = {""};

        cr_expect_eq(compile(good[i], &msg), ERR_OK, "%s: %s", good[i], msg.text);
    }
}

Test(xml_fields, say_where_a_path_is_wrong)
{
    static const struct {
        const char *path;
        const char *why;
    } bad[] = {
        {"", "character 1"},
        {"a", "character 1"},
        {"/", "character 2"},
        {"//", "character 3"},
        {"/a/", "character 4"},
        {"/a///b", "character 5"},
        {"/9", "character 2"},
        {"/-a", "character 2"},
        {"/a[1]", "character 3"},
        {"/a/text()", "character 8"},
        {"/a/..", "character 4"},
        {"/a b", "character 3"},
        {"/@", "character 3"},
        {"/a/@b/c", "an attribute ends a path"},
        {"/@*/b", "an attribute ends a path"},
        {"/p:", "character 2"},
        {"/:a", "character 2"},
        {"/a:b:c", "character 2"},
        {"/p:*", "character 2"},
        {"/a\xff", "character 2"},
        {"/a'b", "character 3"},
        {"/a\\", "character 3"},
        {"/a|/b", "character 3"},
    };

    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct errmsg msg = {""};

        cr_expect_eq(compile(bad[i].path, &msg), ERR_CONFIG, "%s", bad[i].path);
        cr_expect_not_null(strstr(msg.text, bad[i].why), "%s: %s", bad[i].path, msg.text);
    }
}

Test(xml_fields, refuse_names_and_paths_without_end)
{
    char path[601];
    struct errmsg msg = {""};

    for (size_t i = 0; i < sizeof(path) - 1; i += 2)
        memcpy(path + i, "/a", 2);
    path[sizeof(path) - 1] = '\0';
    cr_assert_eq(compile(path, &msg), ERR_CONFIG);
    cr_assert_not_null(strstr(msg.text, "more than"), "%s", msg.text);
    memset(path + 1, 'a', 256);
    path[257] = '\0';
    cr_assert_eq(compile(path, &msg), ERR_CONFIG);
    path[256] = '\0';
    cr_assert_eq(compile(path, &msg), ERR_OK, "%s", msg.text);
}
