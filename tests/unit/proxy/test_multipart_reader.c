/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/multipart_reader.h"

#include "base/limits.h"
#include "base/secret.h"
#include "tests/unit/proxy/hits_rig.h"

TestSuite(multipart_reader, .init = secret_start, .timeout = 30);

#define PART(head, content) "--B\r\n" head "\r\n\r\n" content "\r\n"
#define NAMED(name)         "Content-Disposition: form-data; name=\"" name "\""
#define FILED(name, file)   NAMED(name) "; filename=\"" file "\""
#define END                 "--B--\r\n"

static const struct named_def defs[] = {
    {"email", 7, false, false},
    {"phone[]", 8, true, false},
    {"photo", 9, false, true},
    {"a\"b", 10, false, false},
};

static enum err read_with(const char *boundary, struct span body, struct hits *ret_hits)
{
    AUTO(named_fields_free) struct named_fields *fields = NULL;

    cr_assert_eq(named_fields_new(defs, COUNT_OF(defs), &fields, NULL), ERR_OK);
    return multipart_read(fields, span_str(boundary), body, ret_hits);
}

/* context: the boundary, or NULL for "B". */
static enum err read_multipart(const void *context, struct span body, struct hits *ret_hits)
{
    return read_with(context != NULL ? context : "B", body, ret_hits);
}

static void expect(const struct hits_case *cases, size_t count)
{
    hits_rig_expect(read_multipart, NULL, cases, count);
}

/* Each of these, in front of a good part with a value, is refused. */
static void expect_refused(enum err e, const char *const *parts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char body[2048];
        const struct hits_case refused = {body, NULL, e};

        (void)snprintf(body, sizeof(body), "%s%s%s", parts[i], PART(NAMED("phone[]"), "5"), END);
        expect(&refused, 1);
    }
}

Test(multipart_reader, finds_values_and_names_of_files)
{
    static const struct hits_case cases[] = {
        {END, "", ERR_OK},
        {"--B--", "", ERR_OK},
        {PART(NAMED("x"), "1") END, "", ERR_OK},
        {PART(NAMED("email"), "alice@example.org") END, "0=alice@example.org", ERR_OK},
        {PART(NAMED("email"), "alice@example.org") "--B--", "0=alice@example.org", ERR_OK},
        {PART(NAMED("email"), "a\r\nb\n\r") END, "0=a\r\nb\n\r", ERR_OK},
        {PART(NAMED("email"), "\r\n") END, "0=\r\n", ERR_OK},
        {PART(NAMED("email"), "caf\xc3\xa9 %22 +;&") END, "0=caf\xc3\xa9 %22 +;&", ERR_OK},
        {PART(FILED("photo", "alice.png") "\r\nContent-Type: image/png", "\xff\xd8\r\n") END,
         "2=alice.png", ERR_OK},
        {PART(FILED("photo", "%22a%0d%0A%zz%41.png"), "") END, "2=\"a\r\n%zz%41.png", ERR_OK},
        {PART(NAMED("a%22b"), "1") END, "3=1", ERR_OK},
        {PART(NAMED("phone[]"), "1") PART(NAMED("x"), "") PART(NAMED("phone[]"), "2") END,
         "1=1\n1=2", ERR_OK},
        {PART("content-disposition:Form-Data ;NAME=\"email\" ", "1") END, "0=1", ERR_OK},
        {PART("Content-Type: text/plain; charset=UTF-8\r\n" NAMED("email"), "1") END, "0=1",
         ERR_OK},
        {PART(NAMED("email") "\r\nContent-Transfer-Encoding: 8bit", "1") END, "0=1", ERR_OK},
        {PART(FILED("photo", "a.txt") "\r\nContent-Length: 3", "abc") END, "2=a.txt", ERR_OK},
        {PART(NAMED("x") "\r\nContent-Type: text/plain; charset=latin1\r\nX-Y: z", "\xe9") END, "",
         ERR_OK},
        {PART(NAMED("_charset_"), "UTF-8") END, "", ERR_OK},
    };

    expect(cases, COUNT_OF(cases));
}

Test(multipart_reader, says_how_each_is_written)
{
    AUTO(hits_done) struct hits hits = {0};

    cr_assert_eq(
        read_with("B", SPAN_LIT(PART(FILED("photo", "a%22"), "x") PART(NAMED("email"), "%22") END),
                  &hits),
        ERR_OK);
    cr_assert_eq(hits.count, 2);
    cr_assert_eq(hits.at[0].coding, HIT_QUOTED);
    cr_assert_eq(hits.at[0].class_id, 9);
    cr_assert(hits.at[0].escaped);
    cr_assert_eq(hits.at[1].coding, HIT_PART);
    cr_assert_eq(hits.at[1].class_id, 7);
    cr_assert_not(hits.at[1].escaped);
}

Test(multipart_reader, sees_no_value_where_there_is_none)
{
    static const struct hits_case cases[] = {
        {PART(NAMED("email"), "") END, "", ERR_OK},
        {PART(FILED("photo", ""), "") END, "", ERR_OK},
        {PART(NAMED("photo"), "text") END, "", ERR_OK},
        {PART(FILED("x", "email"), "email") END, "", ERR_OK},
        {PART(NAMED("Email"), "1") PART(NAMED("email "), "2") PART(NAMED(""), "3") END, "", ERR_OK},
    };

    expect(cases, COUNT_OF(cases));
}

Test(multipart_reader, e20_wants_the_delimiters_where_everybody_sees_them)
{
    static const struct hits_case cases[] = {
        {"", NULL, ERR_INVALID},
        {"--", NULL, ERR_INVALID},
        {"--B", NULL, ERR_INVALID},
        {"--B\r\n", NULL, ERR_INVALID},
        {"--B-", NULL, ERR_INVALID},
        {"--B\r\n" END, NULL, ERR_INVALID},
        {"\r\n" END, NULL, ERR_INVALID},
        {"preamble\r\n" END, NULL, ERR_INVALID},
        {"--A\r\n" NAMED("email") "\r\n\r\n1\r\n--A--\r\n", NULL, ERR_INVALID},
        {"--b\r\n" NAMED("email") "\r\n\r\n1\r\n--b--\r\n", NULL, ERR_INVALID},
        {"--B \r\n" NAMED("email") "\r\n\r\n1\r\n" END, NULL, ERR_INVALID},
        {"--B\n" NAMED("email") "\n\n1\n--B--\n", NULL, ERR_INVALID},
        {"--B\r\n" NAMED("email") "\r\n\r\n1\n" END, NULL, ERR_INVALID},
        {"--B\r\n" NAMED("email") "\r\n\r\n1\r" END, NULL, ERR_INVALID},
        {"--B\r\n" NAMED("email") "\r\n\r\n1" END, NULL, ERR_INVALID},
        {"--B\r\n" NAMED("email") "\r\n\r\n" END, NULL, ERR_INVALID},
        {"--B\r\n" NAMED("email") "\r\n" END, NULL, ERR_INVALID},
        {"--B\r\n" NAMED("email") "\n\n1\r\n" END, NULL, ERR_INVALID},
        {PART(NAMED("email"), "1"), NULL, ERR_INVALID},
        {PART(NAMED("email"), "1") "--B", NULL, ERR_INVALID},
        {PART(NAMED("email"), "1") "--B-\r\n", NULL, ERR_INVALID},
        {PART(NAMED("email"), "1") "--BB--\r\n", NULL, ERR_INVALID},
        {PART(NAMED("email"), "1") "--B--\n", NULL, ERR_INVALID},
        {PART(NAMED("email"), "1") END "epilogue", NULL, ERR_INVALID},
        {PART(NAMED("email"), "1") END "\r\n", NULL, ERR_INVALID},
        {PART(NAMED("email"), "1") END END, NULL, ERR_INVALID},
        {PART(NAMED("email"), "1") "--B-- \r\n", NULL, ERR_INVALID},
        {PART(NAMED("x"), "a\n--B\n" NAMED("email") "\n\nalice\n") END, NULL, ERR_INVALID},
        {PART(NAMED("x"), "a\r--B--") END, NULL, ERR_INVALID},
        {PART(NAMED("x"), "a --B\r\n") END, NULL, ERR_INVALID},
        {PART(NAMED("x"), "a\r\n--Bx") END, NULL, ERR_INVALID},
        {PART(NAMED("x"), "-") PART(NAMED("email"), "---A--") END, "0=---A--", ERR_OK},
    };

    expect(cases, COUNT_OF(cases));
}

Test(multipart_reader, e20_refuses_heads_that_two_servers_read_differently)
{
    static const char *const bad[] = {
        PART("", "1"),
        PART("X: y", "1"),
        PART("Content-Disposition: form-data", "1"),
        PART("Content-Disposition: attachment; name=\"email\"", "1"),
        PART("Content-Disposition: form-data; name=email", "1"),
        PART("Content-Disposition: form-data; name='email'", "1"),
        PART("Content-Disposition: form-data; name=\"email", "1"),
        PART("Content-Disposition: form-data; name=\"em\\ail\"", "1"),
        PART("Content-Disposition: form-data; name=\"a\\\"; name=\"email\"", "1"),
        PART("Content-Disposition: form-data; name =\"email\"", "1"),
        PART("Content-Disposition: form-data; name= \"email\"", "1"),
        PART("Content-Disposition: form-data; name=\"email\"x", "1"),
        PART("Content-Disposition: form-data; name=\"email\" filename=\"x\"", "1"),
        PART("Content-Disposition: form-data, name=\"email\"", "1"),
        PART("Content-Disposition: form-data; name=\"email\";", "1"),
        PART("Content-Disposition: form-data;; name=\"email\"", "1"),
        PART("Content-Disposition: form-data name=\"email\"", "1"),
        PART(NAMED("a") "; name=\"email\"", "1"),
        PART(NAMED("a") "; NAME=\"a\"", "1"),
        PART(NAMED("a") "; name*=utf-8''email", "1"),
        PART(NAMED("a") "; x=\"y\"", "1"),
        PART(FILED("photo", "a") "; filename=\"b\"", "1"),
        PART(FILED("photo", "a") "; filename*=utf-8''b", "1"),
        PART(FILED("photo", "C:\\alice.png"), "1"),
        PART(NAMED("photo") "; filename*=utf-8''alice.png", "1"),
        PART(NAMED("photo") "; filename*0=\"alice.png\"", "1"),
        PART(NAMED("photo") "; filename=alice.png", "1"),
        PART(NAMED("a") "\r\n" NAMED("email"), "1"),
        PART(NAMED("a") "\r\ncontent-disposition: form-data; name=\"email\"", "1"),
        PART(NAMED("a") "\n" NAMED("email"), "1"),
        PART(NAMED("a") "\r" NAMED("email"), "1"),
        PART(NAMED("a") "\r\n ; name=\"email\"", "1"),
        PART("Content-Disposition:\r\n form-data; name=\"email\"", "1"),
        PART("Content-Disposition : form-data; name=\"email\"", "1"),
        PART(" Content-Disposition: form-data; name=\"email\"", "1"),
        PART(NAMED("a") "\r\nno colon", "1"),
        PART(NAMED("a") "\r\n: no name", "1"),
        PART(NAMED("em\x01"), "1"),
        PART(NAMED("em\x7f"), "1"),
        PART(NAMED("\xff"), "1"),
        PART(FILED("photo", "\xe9.png"), "1"),
        PART(NAMED("a") "\r\nX-Y: \xff", "1"),
        PART(NAMED("a") "\r\nContent-Type: multipart/mixed; boundary=C", "1"),
        PART(NAMED("a") "\r\nContent-Type: Multipart/form-data", "1"),
        PART(NAMED("a") "\r\nContent-Type: text", "1"),
        PART(NAMED("a") "\r\nContent-Type:", "1"),
        PART(NAMED("a") "\r\nContent-Type: text/plain\r\nContent-Type: text/plain", "1"),
        PART(NAMED("a") "\r\nContent-Transfer-Encoding: base64", "1"),
        PART(NAMED("a") "\r\nContent-Transfer-Encoding: quoted-printable", "1"),
        PART(NAMED("a") "\r\nContent-Transfer-Encoding:", "1"),
        PART(NAMED("a") "\r\nContent-Transfer-Encoding: 7bit\r\ncontent-transfer-encoding: 7bit",
             "1"),
        PART(NAMED("a") "\r\nContent-Length: 2", "1"),
        PART(NAMED("a") "\r\nContent-Length: 01", "1"),
        PART(NAMED("a") "\r\nContent-Length: +1", "1"),
        PART(NAMED("a") "\r\nContent-Length:", "1"),
        PART(NAMED("a") "\r\nContent-Length: 1\r\nContent-Length: 1", "1"),
        PART(NAMED("_charset_"), "utf-16"),
        PART(NAMED("_charset_"), ""),
        PART(NAMED("email"), "1") PART(NAMED("email"), "2"),
        PART(NAMED("email"), "") PART(NAMED("email"), "2"),
        PART(NAMED("a%22b"), "1") PART(NAMED("a%22b"), "2"),
        PART(FILED("photo", "a"), "1") PART(NAMED("photo"), "2"),
        PART(NAMED("email"), "\xff"),
        PART(NAMED("email"), "\xed\xa0\x80"),
    };

    expect_refused(ERR_INVALID, bad, COUNT_OF(bad));
}

Test(multipart_reader, refuses_what_does_not_fit_its_declaration)
{
    static const char *const bad[] = {
        PART(FILED("email", "a.txt"), "1"),
        PART(FILED("email", ""), "1"),
        PART(NAMED("email") "\r\nContent-Type: text/plain; charset=utf-16", "1"),
        PART(NAMED("email") "\r\nContent-Type: application/json", "1"),
        PART(NAMED("email") "\r\nContent-Type: text/html", "1"),
        PART(NAMED("email") "\r\nX-Original-Value: alice", "1"),
        PART(NAMED("email") "\r\nContent-Length: 1", "1"),
        PART(FILED("photo", "a.png") "\r\nContent-Location: alice.png", "1"),
    };

    expect_refused(ERR_UNPROCESSABLE, bad, COUNT_OF(bad));
}

Test(multipart_reader, e20_knows_no_other_boundary_in_the_body)
{
    AUTO(hits_done) struct hits hits = {0};
    static const char boundary[] =
        "0123456789012345678901234567890123456789012345678901234567890123456789";
    char body[400];

    (void)snprintf(body, sizeof(body), "--%s\r\n" NAMED("email") "\r\n\r\n1\r\n--%s--\r\n",
                   boundary, boundary);
    cr_assert_eq(read_with(boundary, span_str(body), &hits), ERR_OK);
    cr_assert_eq(hits.count, 1);
    hits_done(&hits);
    cr_assert_eq(read_with("0", span_str(body), &hits), ERR_INVALID);
    cr_assert_eq(read_with("", span_str(body), &hits), ERR_INVALID);
    cr_assert_eq(
        read_with("--B", SPAN_LIT("----B\r\n" NAMED("email") "\r\n\r\n1\r\n----B--"), &hits),
        ERR_OK);
    hits_done(&hits);
    cr_assert_eq(read_with("-", SPAN_LIT("---\r\n" NAMED("email") "\r\n\r\n1\r\n-----\r\n"), &hits),
                 ERR_OK);
}

Test(multipart_reader, e38_gives_hostile_values_back_as_one_value_each)
{
    hits_rig_travel_all(read_multipart, NULL, PART(NAMED("email"), "x") END);
    hits_rig_travel_all(read_multipart, NULL, PART(FILED("photo", "x.png"), "\xff\n--C") END);
    hits_rig_travel_all(read_multipart, NULL,
                        PART(NAMED("x"), "\xff\n--C") PART(FILED("photo", "%22.png"), "")
                            PART(NAMED("phone[]"), "1") PART(NAMED("email"), "2") "--B--");
}

Test(multipart_reader, refuses_to_write_its_delimiter_wherever_it_stands)
{
    static const char *const bad[] = {"--B", "a--B", "a\r\n--Bc", "----B--", "a\n--B"};
    static const char body[] = PART(NAMED("email"), "x") END;
    AUTO(hits_done) struct hits hits = {0};
    AUTO(buf_done) struct buf out = {.max = HITS_RIG_MAX};

    cr_assert_eq(read_with("B", span_str(body), &hits), ERR_OK);
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        cr_assert_eq(hit_write(span_str(body), &hits.at[0], VALUE_STRING, span_str(bad[i]), &out),
                     ERR_UNPROCESSABLE);
    cr_assert_eq(out.len, 0);
    cr_assert_eq(
        hit_write(span_str(body), &hits.at[0], VALUE_STRING, SPAN_LIT("\r\n-- \r\n-B--"), &out),
        ERR_OK);
}

Test(multipart_reader, ends_at_its_limits)
{
    AUTO(buf_done) struct buf body = {.max = HITS_RIG_MAX};
    AUTO(hits_done) struct hits hits = {0};
    const size_t line = sizeof(NAMED("x") "\r\nX: \r\n") - 1;
    static char fill[LIMIT_PART_HEAD_MAX];

    for (size_t i = 0; i < LIMIT_PARTS_MAX; i++)
        cr_assert_eq(buf_append_str(&body, PART(NAMED("phone[]"), "1")), ERR_OK);
    cr_assert_eq(buf_append_str(&body, END), ERR_OK);
    cr_assert_eq(read_with("B", buf_span(&body), &hits), ERR_OK);
    cr_assert_eq(hits.count, LIMIT_PARTS_MAX);
    hits_done(&hits);
    body.len -= sizeof(END) - 1;
    cr_assert_eq(buf_append_str(&body, PART(NAMED("x"), "1") END), ERR_OK);
    cr_assert_eq(read_with("B", buf_span(&body), &hits), ERR_TOO_LARGE);

    memset(fill, 'a', sizeof(fill));
    for (size_t more = 0; more < 2; more++) { /* the empty line counts */
        const size_t len = LIMIT_PART_HEAD_MAX - line - 2 + more;

        buf_reset(&body);
        cr_assert_eq(buf_append_str(&body, "--B\r\n" NAMED("x") "\r\nX: "), ERR_OK);
        cr_assert_eq(buf_append(&body, fill, len), ERR_OK);
        cr_assert_eq(buf_append_str(&body, "\r\n\r\n1\r\n" END), ERR_OK);
        cr_assert_eq(read_with("B", buf_span(&body), &hits), more ? ERR_TOO_LARGE : ERR_OK);
    }
}
