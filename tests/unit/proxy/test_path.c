/* SPDX-License-Identifier: Apache-2.0 */
/* Normal forms of paths, and queries. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/secret.h"
#include "proxy/path.h"

TestSuite(path, .init = secret_start, .timeout = 30);
TestSuite(query, .init = secret_start, .timeout = 30);

/* Normalise a target into text; the error otherwise. */
static enum err normal(const char *target, char *out, size_t size)
{
    struct buf work;
    struct path p;
    enum err e;

    buf_init(&work, LIMIT_REQUEST_HEAD_MAX);
    e = path_normalise(span_str(target), &work, &p);
    if (e == ERR_OK)
        snprintf(out, size, "%.*s%s%.*s", (int)p.path.len, p.path.at, p.query.at ? "?" : "",
                 (int)p.query.len, p.query.at ? p.query.at : "");
    buf_done(&work);
    return e;
}

struct form {
    const char *target;
    const char *normal; /* NULL: refused */
};

static void expect_forms(const struct form *forms, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char out[256];
        enum err e = normal(forms[i].target, out, sizeof(out));

        if (forms[i].normal == NULL) {
            cr_expect_eq(e, ERR_INVALID, "%s gave %s", forms[i].target, err_name(e));
            continue;
        }
        cr_expect_eq(e, ERR_OK, "%s gave %s", forms[i].target, err_name(e));
        if (e == ERR_OK)
            cr_expect_str_eq(out, forms[i].normal, "%s became %s", forms[i].target, out);
    }
}

Test(path, has_one_normal_form)
{
    static const struct form forms[] = {
        {"/", "/"},
        {"/users/42", "/users/42"},
        {"/users/", "/users/"},
        {"/%75sers/%34%32", "/users/42"},
        {"/a%7eb%2Dc%2ed%5F", "/a~b-c.d_"},
        {"/a%2a%3ab", "/a%2A%3Ab"},
        {"/a:b@c!$&'()*+,=d", "/a:b@c!$&'()*+,=d"},
        {"/a%20b", "/a%20b"},
        {"/caf%c3%a9", "/caf%C3%A9"},
        {"/%f0%9f%98%80", "/%F0%9F%98%80"},
        {"/a%252fb", "/a%252fb"}, /* decoded once, and only once */
        {"/x%3by", "/x%3By"},
        {"/a[0]|b^c`{d}", "/a%5B0%5D%7Cb%5Ec%60%7Bd%7D"},
        {"/...", "/..."},
        {"/.a/b.", "/.a/b."},
        {"/a?b=c&d=%zz", NULL},
        {"/a?b=c%2fd&e=//..;x[0]={1}?", "/a?b=c%2fd&e=//..;x[0]={1}?"}, /* byte by byte */
        {"/a?", "/a?"},
        {"/%61?%61", "/a?%61"},
    };

    expect_forms(forms, COUNT_OF(forms));
}

Test(path, that_two_servers_read_differently_is_refused)
{
    static const struct form forms[] = {
        {"", NULL},
        {"*", NULL},
        {"users", NULL},
        {"http://a/b", NULL},
        {"//a", NULL},
        {"/a//b", NULL},
        {"/a//", NULL},
        {"/./a", NULL},
        {"/a/.", NULL},
        {"/a/..", NULL},
        {"/a/../b", NULL},
        {"/a/..?x", NULL},
        {"/%2e%2e/b", NULL},
        {"/a/%2E", NULL},
        {"/a/.%2e", NULL},
        {"/a%2fb", NULL},
        {"/a%2Fb", NULL},
        {"/a%5cb", NULL},
        {"/a\\b", NULL},
        {"/a%00", NULL},
        {"/a%0d%0aX", NULL},
        {"/a%1f", NULL},
        {"/a%7f", NULL},
        {"/a;v=1", NULL},
        {"/..;/b", NULL},
        {"/a#b", NULL},
        {"/a?b#c", NULL},
        {"/a b", NULL},
        {"/a\tb", NULL},
        {"/a?b c", NULL},
        {"/a?b\"c", NULL},
        {"/a<b>", NULL},
        {"/%", NULL},
        {"/%4", NULL},
        {"/%4g", NULL},
        {"/%%341", NULL},
        {"/a?%", NULL},
        {"/a?%a", NULL},
        {"/\xc3\xa9", NULL},
        {"/a?\xc3\xa9", NULL},
        {"/%ff", NULL},
        {"/%c0%af", NULL},       /* '/' in too many bytes */
        {"/%e0%80%af", NULL},    /* again */
        {"/%ed%a0%80", NULL},    /* a surrogate */
        {"/%f4%90%80%80", NULL}, /* past the last character */
        {"/%c3", NULL},          /* cut short */
        {"/%c3/a", NULL},
    };

    expect_forms(forms, COUNT_OF(forms));
}

/* A path of random segments without dot segments. */
static void make_path(char *out, unsigned *seed)
{
    static const char letters[] = "abzAZ059-._~:@!$&'()*+,=";
    char *to = out;

    for (int segments = 1 + rand_r(seed) % 4; segments > 0; segments--) {
        *to++ = '/';
        *to++ = 's'; /* never "." or ".." */
        for (int n = rand_r(seed) % 6; n > 0; n--)
            *to++ = letters[(size_t)rand_r(seed) % (sizeof(letters) - 1)];
    }
    *to = '\0';
}

static bool is_unreserved(char c)
{
    return strchr("-._~", c) != NULL || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
           (c >= 'A' && c <= 'Z');
}

Test(path, every_spelling_has_the_normal_form_of_the_plain_one)
{
    unsigned seed = 7;

    for (int round = 0; round < 20000; round++) {
        char plain[64], spelt[256], out[256], again[256], *to = spelt;

        make_path(plain, &seed);
        for (const char *c = plain; *c != '\0'; c++) {
            if (is_unreserved(*c) && rand_r(&seed) % 3 == 0)
                to += snprintf(to, 4, rand_r(&seed) % 2 ? "%%%02x" : "%%%02X", (unsigned char)*c);
            else
                *to++ = *c;
        }
        *to = '\0';
        cr_assert_eq(normal(spelt, out, sizeof(out)), ERR_OK, "%s", spelt);
        cr_assert_str_eq(out, plain);
        cr_assert_eq(normal(out, again, sizeof(again)), ERR_OK);
        cr_assert_str_eq(again, out);
    }
}

Test(path, normal_forms_of_anything_accepted_are_fixed_points)
{
    static const char pieces[][5] = {"/",   "a",   ".",   "%2e", "%2F", "%41", "%c3", "%a9",
                                     "%3b", "[",   "?",   "%",   "{",   "=",   "%7C", "%25",
                                     "..",  "%00", "%20", "|",   ";",   "^",   "b",   "/c"};
    unsigned seed = 11;
    int accepted = 0;

    for (int round = 0; round < 50000; round++) {
        char target[128] = "/", once[256], twice[256];

        for (int n = rand_r(&seed) % 7; n > 0; n--)
            strncat(target, pieces[(size_t)rand_r(&seed) % COUNT_OF(pieces)], 4);
        if (normal(target, once, sizeof(once)) != ERR_OK)
            continue;
        accepted++;
        cr_assert_eq(normal(once, twice, sizeof(twice)), ERR_OK, "%s", once);
        cr_assert_str_eq(twice, once);
    }
    cr_assert_gt(accepted, 5000);
}

Test(path, that_is_normal_is_not_copied)
{
    static const char *const targets[] = {"/users/42?x=1", "/a%20b"};

    for (size_t i = 0; i < COUNT_OF(targets); i++) {
        struct span target = span_str(targets[i]);
        struct buf work;
        struct path p;

        buf_init(&work, 64);
        cr_assert_eq(path_normalise(target, &work, &p), ERR_OK);
        cr_assert_eq(p.path.at, target.at);
        cr_assert_eq(work.len, 0);
        buf_done(&work);
    }
}

Test(path, that_does_not_fit_says_so)
{
    struct buf work;
    struct path p;

    buf_init(&work, 4);
    cr_assert_eq(path_normalise(SPAN_LIT("/a%41bcdef"), &work, &p), ERR_TOO_LARGE);
    buf_done(&work);
}

Test(path, is_walked_by_segments)
{
    static const struct {
        const char *path;
        const char *segments; /* joined by spaces */
    } cases[] = {{"/", ""}, {"/a", "a "}, {"/a/", "a "}, {"/a/b%20c/d", "a b%20c d "}};

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct span rest = span_str(cases[i].path), segment;
        char joined[64] = "";

        while (path_next_segment(&rest, &segment)) {
            size_t at = strlen(joined);

            snprintf(joined + at, sizeof(joined) - at, "%.*s ", (int)segment.len, segment.at);
        }
        cr_expect_str_eq(joined, cases[i].segments);
    }
}

Test(path, segments_equal_what_they_decode_to)
{
    cr_expect(path_segment_equal(SPAN_LIT("users"), SPAN_LIT("users")));
    cr_expect(path_segment_equal(SPAN_LIT("users%3Aall"), SPAN_LIT("users:all")));
    cr_expect(path_segment_equal(SPAN_LIT("users:all"), SPAN_LIT("users:all")));
    cr_expect(path_segment_equal(SPAN_LIT("%C3%A9"), SPAN_LIT("\xc3\xa9")));
    cr_expect(path_segment_equal(SPAN_LIT(""), SPAN_LIT("")));
    cr_expect_not(path_segment_equal(SPAN_LIT("users"), SPAN_LIT("user")));
    cr_expect_not(path_segment_equal(SPAN_LIT("user"), SPAN_LIT("users")));
    cr_expect_not(path_segment_equal(SPAN_LIT("Users"), SPAN_LIT("users")));
    cr_expect_not(path_segment_equal(SPAN_LIT("a%"), SPAN_LIT("a%")));
}

Test(path, escapes_are_undone_and_made)
{
    static const char all[] = "a.-_~Z0 /?&=+%;\xc3\xa9\"";
    struct buf encoded, decoded;

    buf_init(&encoded, 256);
    buf_init(&decoded, 256);
    cr_assert_eq(percent_encode(span_of(all, sizeof(all)), &encoded), ERR_OK); /* NUL too */
    cr_assert(
        span_equal(buf_span(&encoded), SPAN_LIT("a.-_~Z0%20%2F%3F%26%3D%2B%25%3B%C3%A9%22%00")));
    cr_assert_eq(percent_decode(buf_span(&encoded), &decoded), ERR_OK);
    cr_assert(span_equal(buf_span(&decoded), span_of(all, sizeof(all))));
    buf_reset(&decoded);
    cr_assert_eq(percent_decode(SPAN_LIT("a+b%2"), &decoded), ERR_INVALID);
    buf_done(&encoded);
    buf_done(&decoded);
}

/* ---- queries ---- */

enum { PAIRS_SIZE = 256 };

/* Writes "name=value@value_start-value_end;" for each pair. */
static enum err note(const struct query_item *item, void *context)
{
    char *out = context;
    size_t at = strlen(out);

    snprintf(out + at, PAIRS_SIZE - at, "%.*s%s%.*s@%zu,%zu-%zu;", (int)item->name.len,
             item->name.at, item->has_equals ? "=" : "", (int)item->value.len, item->value.at,
             item->name_start, item->value_start, item->value_end);
    return ERR_OK;
}

Test(query, gives_its_pairs_decoded_with_their_places)
{
    static const struct {
        const char *query;
        const char *pairs;
        enum err result;
    } cases[] = {
        {"", "", ERR_OK},
        {"a=1", "a=1@0,2-3;", ERR_OK},
        {"a=1&b=2", "a=1@0,2-3;b=2@4,6-7;", ERR_OK},
        {"a&b=&=c&&d", "a@0,1-1;b=@2,4-4;=c@5,6-7;d@9,10-10;", ERR_OK},
        {"e=a%40b.c+d%2B", "e=a@b.c d+@0,2-14;", ERR_OK},
        {"%65%6d=x=y", "em=x=y@0,7-10;", ERR_OK},
        {"a=1&a=2", "a=1@0,2-3;a=2@4,6-7;", ERR_OK},
        {"a=1;b=2", "", ERR_INVALID},
        {"a=%zz", "", ERR_INVALID},
        {"a=1&b%=2", "a=1@0,2-3;", ERR_INVALID},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char out[PAIRS_SIZE] = "";
        struct buf scratch;

        buf_init_secret(&scratch, 256);
        cr_expect_eq(query_each(span_str(cases[i].query), &scratch, note, out), cases[i].result);
        cr_expect_str_eq(out, cases[i].pairs, "%s gave %s", cases[i].query, out);
        buf_done(&scratch);
    }
}

static enum err stop_at_second(const struct query_item *item, void *context)
{
    int *count = context;

    (void)item;
    return ++*count == 2 ? ERR_LIMIT : ERR_OK;
}

Test(query, walks_end_when_told)
{
    struct buf scratch;
    int count = 0;

    buf_init_secret(&scratch, 64);
    cr_assert_eq(query_each(SPAN_LIT("a&b&c"), &scratch, stop_at_second, &count), ERR_LIMIT);
    cr_assert_eq(count, 2);
    buf_done(&scratch);
}

Test(query, finds_the_one_pair_of_a_name)
{
    static const struct {
        const char *query;
        enum err result;
        const char *value;
        size_t start;
    } cases[] = {
        {"email=a%40b.c", ERR_OK, "a@b.c", 6},
        {"x=1&%65mail=a+b&y", ERR_OK, "a b", 12},
        {"email", ERR_OK, "", 5},
        {"x=email", ERR_NOT_FOUND, NULL, 0},
        {"", ERR_NOT_FOUND, NULL, 0},
        {"Email=1", ERR_NOT_FOUND, NULL, 0},
        {"email=1&x=2&email=1", ERR_INVALID, NULL, 0},
        {"email=1&e%6dail=2", ERR_INVALID, NULL, 0},
        {"email=%ff", ERR_INVALID, NULL, 0},
        {"email=1;x=2", ERR_INVALID, NULL, 0},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct query_item item;
        struct buf scratch;
        enum err e;

        buf_init_secret(&scratch, 256);
        e = query_find(span_str(cases[i].query), SPAN_LIT("email"), &scratch, &item);
        cr_expect_eq(e, cases[i].result, "%s gave %s", cases[i].query, err_name(e));
        if (e == ERR_OK) {
            cr_expect(span_equal(item.value, span_str(cases[i].value)), "%s", cases[i].query);
            cr_expect_eq(item.value_start, cases[i].start);
        }
        buf_done(&scratch);
    }
}
