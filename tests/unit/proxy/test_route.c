/* SPDX-License-Identifier: Apache-2.0 */
/* Path templates and which route a request is. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/secret.h"
#include "proxy/route.h"

TestSuite(route, .init = secret_start, .timeout = 30);

struct declared {
    const char *template;
    const char *host;
    uint32_t methods;
};

/* A tree of these, ids by position. */
static struct routes *tree(const struct declared *routes, size_t count)
{
    struct routes *t = routes_new();

    for (size_t i = 0; i < count; i++) {
        const struct route_key key = {.template = span_str(routes[i].template),
                                      .host = routes[i].host == NULL ? SPAN_NONE
                                                                     : span_str(routes[i].host),
                                      .methods = routes[i].methods,
                                      .id = i};
        struct errmsg msg = {""};
        size_t other;

        cr_assert_eq(routes_add(t, &key, &other, &msg), ERR_OK, "%s: %s", routes[i].template,
                     msg.text);
    }
    return t;
}

static enum err find(const struct routes *t, const char *method, const char *path,
                     struct route_match *ret)
{
    uint32_t allowed;

    return routes_find(t, span_str(path), SPAN_LIT("app.test"), method_bit(span_str(method)), ret,
                       &allowed);
}

Test(route, fills_parameters_in_the_order_of_the_template)
{
    static const struct declared routes[] = {{"/a/{x}/b/{y}", NULL, METHOD_GET}};
    AUTO(routes_free) struct routes *t = tree(routes, 1);
    struct route_match m;

    cr_assert_eq(find(t, "GET", "/a/one/b/t%C3%A4w", &m), ERR_OK);
    cr_expect_eq(m.id, 0);
    cr_expect_eq(m.param_count, 2);
    cr_expect(span_equal(m.params[0], SPAN_LIT("one")));
    cr_expect(span_equal(m.params[1], SPAN_LIT("t%C3%A4w")), "escapes stay");
}

Test(route, prefers_literals_then_parameters_then_the_rest)
{
    static const struct declared routes[] = {{"/u/{id}", NULL, METHOD_GET},
                                             {"/u/me", NULL, METHOD_GET},
                                             {"/u/{all...}", NULL, METHOD_GET},
                                             {"/u/me/{x}/end", NULL, METHOD_GET}};
    AUTO(routes_free) struct routes *t = tree(routes, COUNT_OF(routes));
    static const struct {
        const char *path;
        size_t id;
    } cases[] = {{"/u/7", 0}, {"/u/me", 1}, {"/u/7/8", 2}, {"/u/me/8/end", 3}, {"/u/me/8/9", 2}};
    struct route_match m;

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        cr_assert_eq(find(t, "GET", cases[i].path, &m), ERR_OK, "%s", cases[i].path);
        cr_expect_eq(m.id, cases[i].id, "%s is route %zu, not %zu", cases[i].path, cases[i].id,
                     m.id);
    }
}

Test(route, leaves_no_parameters_of_a_branch_it_gave_up)
{
    static const struct declared routes[] = {{"/{a}/{b}/x", NULL, METHOD_GET},
                                             {"/{c}/{rest...}", NULL, METHOD_GET}};
    AUTO(routes_free) struct routes *t = tree(routes, COUNT_OF(routes));
    struct route_match m;

    cr_assert_eq(find(t, "GET", "/1/2/y", &m), ERR_OK);
    cr_expect_eq(m.id, 1);
    cr_expect_eq(m.param_count, 2);
    cr_expect(span_equal(m.params[1], SPAN_LIT("2/y")));
}

Test(route, does_not_match_less_or_more_than_the_template)
{
    static const struct declared routes[] = {{"/a/{x}", NULL, METHOD_GET},
                                             {"/f/{all...}", NULL, METHOD_GET}};
    static const char *const paths[] = {"/", "/a", "/a/1/2", "/A/1", "/f", "/b/1", "/a1/1"};
    AUTO(routes_free) struct routes *t = tree(routes, COUNT_OF(routes));
    struct route_match m;

    for (size_t i = 0; i < COUNT_OF(paths); i++)
        cr_expect_eq(find(t, "GET", paths[i], &m), ERR_NOT_FOUND, "%s", paths[i]);
}

Test(route, takes_the_root_and_a_slash_at_the_end)
{
    static const struct declared routes[] = {{"/", NULL, METHOD_GET}, {"/a", NULL, METHOD_GET}};
    AUTO(routes_free) struct routes *t = tree(routes, COUNT_OF(routes));
    struct route_match m;

    cr_assert_eq(find(t, "GET", "/", &m), ERR_OK);
    cr_expect_eq(m.id, 0);
    cr_assert_eq(find(t, "GET", "/a/", &m), ERR_OK);
    cr_expect_eq(m.id, 1);
}

Test(route, sees_through_escapes_of_a_literal)
{
    static const struct declared routes[] = {{"/a:b", NULL, METHOD_GET},
                                             {"/{x}", NULL, METHOD_PUT}};
    AUTO(routes_free) struct routes *t = tree(routes, COUNT_OF(routes));
    struct route_match m;

    cr_assert_eq(find(t, "GET", "/a%3Ab", &m), ERR_OK, "what the upstream decodes is the same");
    cr_expect_eq(m.id, 0);
}

Test(route, tells_a_wrong_method_from_a_wrong_path)
{
    static const struct declared routes[] = {{"/u/{id}", NULL, METHOD_GET | METHOD_HEAD},
                                             {"/u/{name}", NULL, METHOD_PUT},
                                             {"/u/me", NULL, METHOD_DELETE}};
    AUTO(routes_free) struct routes *t = tree(routes, COUNT_OF(routes));
    struct route_match m;
    uint32_t allowed = 0;
    char text[METHODS_TEXT_MAX];

    cr_expect_eq(routes_find(t, SPAN_LIT("/u/7"), SPAN_NONE, METHOD_POST, &m, &allowed),
                 ERR_METHOD);
    methods_write(allowed, text);
    cr_expect_str_eq(text, "GET, HEAD, PUT");
    cr_expect_eq(routes_find(t, SPAN_LIT("/u/me"), SPAN_NONE, METHOD_POST, &m, &allowed),
                 ERR_METHOD);
    methods_write(allowed, text);
    cr_expect_str_eq(text, "GET, HEAD, PUT, DELETE", "every template that fits counts");
    cr_expect_eq(routes_find(t, SPAN_LIT("/u/me"), SPAN_NONE, METHOD_PUT, &m, &allowed), ERR_OK);
    cr_expect_eq(m.id, 1, "a literal without the method does not hide a parameter with it");
    cr_expect_eq(routes_find(t, SPAN_LIT("/u/7"), SPAN_NONE, 0, &m, &allowed), ERR_METHOD,
                 "a method nobody knows is allowed nowhere");
}

Test(route, prefers_the_host_that_was_named)
{
    static const struct declared routes[] = {{"/x", NULL, METHOD_GET},
                                             {"/x", "api.test", METHOD_GET},
                                             {"/x", "[::1]", METHOD_GET},
                                             {"/y", "api.test", METHOD_GET}};
    static const struct {
        const char *host, *path;
        enum err result;
        size_t id;
    } cases[] = {{"api.test", "/x", ERR_OK, 1},   {"API.test:8443", "/x", ERR_OK, 1},
                 {"other.test", "/x", ERR_OK, 0}, {"[::1]:80", "/x", ERR_OK, 2},
                 {"[::1]", "/x", ERR_OK, 2},      {"", "/x", ERR_OK, 0},
                 {"api.test", "/y", ERR_OK, 3},   {"other.test", "/y", ERR_NOT_FOUND, 0},
                 {"api.test.", "/x", ERR_OK, 1},  {"api.test.:80", "/x", ERR_OK, 1},
                 {"api.test..", "/x", ERR_OK, 0}, {".", "/x", ERR_OK, 0},
                 {"api.test.b", "/x", ERR_OK, 0}, {"xapi.test", "/y", ERR_NOT_FOUND, 0}};
    AUTO(routes_free) struct routes *t = tree(routes, COUNT_OF(routes));
    struct route_match m = {.id = 99};
    uint32_t allowed;

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        enum err e = routes_find(t, span_str(cases[i].path), span_str(cases[i].host), METHOD_GET,
                                 &m, &allowed);

        cr_assert_eq(e, cases[i].result, "%s %s", cases[i].host, cases[i].path);
        if (e == ERR_OK)
            cr_expect_eq(m.id, cases[i].id, "%s %s is %zu", cases[i].host, cases[i].path, m.id);
    }
}

Test(route, refuses_malformed_templates)
{
    static const char *const bad[] = {
        "",           "a",
        "/a b",       "/{",
        "/{}",        "/{a",
        "/a}",        "/x{a}",
        "/{a}x",      "/{a b}",
        "/{a...}/b",  "/{...}",
        "/..",        "/a/./b",
        "/a%20b",     "/a;b",
        "/{x}/b/{x}", "/a?b",
        "/a#b",       "/\xc3\xa4",
        "/a\\b",      "/{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}/{i}",
    };

    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        AUTO(routes_free) struct routes *t = routes_new();
        const struct route_key key = {.template = span_str(bad[i]), .methods = METHOD_GET};
        struct errmsg msg = {""};
        size_t other;

        cr_expect_eq(routes_add(t, &key, &other, &msg), ERR_CONFIG, "%s", bad[i]);
        cr_expect_neq(msg.text[0], '\0', "%s has a message", bad[i]);
    }
}

Test(route, refuses_a_second_route_of_the_same_shape)
{
    static const struct declared first = {"/u/{id}/x", NULL, METHOD_GET | METHOD_PUT};
    AUTO(routes_free) struct routes *t = tree(&first, 1);
    struct route_key key = {.template = SPAN_LIT("/u/{name}/x"), .methods = METHOD_PUT, .id = 1};
    size_t other = 99;

    cr_expect_eq(routes_add(t, &key, &other, NULL), ERR_CONFLICT);
    cr_expect_eq(other, 0);
    key.methods = METHOD_POST;
    cr_expect_eq(routes_add(t, &key, &other, NULL), ERR_OK, "other methods are another route");
    key.host = SPAN_LIT("api.test");
    key.methods = METHOD_PUT;
    cr_expect_eq(routes_add(t, &key, &other, NULL), ERR_OK, "another host is another route");
}

Test(route, finds_parameters_by_name)
{
    struct span template = SPAN_LIT("/a/{x}/b/{y}/{z...}");
    size_t index = 99;

    cr_expect_eq(route_param(template, SPAN_LIT("y"), &index), ERR_OK);
    cr_expect_eq(index, 1);
    cr_expect_eq(route_param(template, SPAN_LIT("z"), &index), ERR_OK);
    cr_expect_eq(index, 2);
    cr_expect_eq(route_param(template, SPAN_LIT("a"), &index), ERR_NOT_FOUND);
    cr_expect_eq(index, 2, "untouched");
}

Test(route, knows_methods_by_their_exact_name)
{
    cr_expect_eq(method_bit(SPAN_LIT("GET")), METHOD_GET);
    cr_expect_eq(method_bit(SPAN_LIT("OPTIONS")), METHOD_OPTIONS);
    cr_expect_eq(method_bit(SPAN_LIT("get")), 0);
    cr_expect_eq(method_bit(SPAN_LIT("GETS")), 0);
    cr_expect_eq(method_bit(SPAN_LIT("")), 0);
}

Test(route, writes_all_methods_within_the_room_it_asks_for)
{
    char text[METHODS_TEXT_MAX];

    methods_write(METHODS_ALL, text);
    cr_expect_str_eq(text, "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
    methods_write(0, text);
    cr_expect_str_eq(text, "");
}

Test(route, finds_its_way_among_thousands)
{
    enum { MANY = 2000 };
    AUTO(routes_free) struct routes *t = routes_new();
    static char templates[MANY][32];
    struct route_match m;

    for (size_t i = 0; i < MANY; i++) {
        struct route_key key = {.methods = METHOD_GET, .id = i};
        size_t other;

        (void)snprintf(templates[i], sizeof(templates[i]), "/r%zu/{id}/x", i);
        key.template = span_str(templates[i]);
        cr_assert_eq(routes_add(t, &key, &other, NULL), ERR_OK);
    }
    cr_assert_eq(find(t, "GET", "/r1999/5/x", &m), ERR_OK);
    cr_expect_eq(m.id, 1999);
}
