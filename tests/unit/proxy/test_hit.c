/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/hit.h"

#include "base/limits.h"
#include "base/secret.h"
#include "tests/unit/proxy/hits_rig.h"

TestSuite(hit, .init = secret_start);
TestSuite(hits, .init = secret_start);

/* The first bytes of a multipart body, for what may not stand in one. */
static const char body[] = "--B\r\n";

/* ---- reading ---- */

struct reading {
    enum hit_coding coding;
    bool escaped;
    const char *text;
    const char *value; /* NULL: INVALID */
};

static void expect_readings(const struct reading *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        AUTO(buf_done) struct buf scratch = {.max = HITS_RIG_MAX, .secret = true};
        const struct span text = hits_rig_exact(span_str(cases[i].text));
        const struct hit hit = {.end = text.len,
                                .kind = VALUE_STRING,
                                .coding = cases[i].coding,
                                .escaped = cases[i].escaped};
        struct span value = SPAN_NONE;
        const enum err e = hit_read(text, &hit, &scratch, &value);

        if (cases[i].value == NULL)
            cr_expect_eq(e, ERR_INVALID, "%s gave %s", cases[i].text, err_name(e));
        else if (e != ERR_OK)
            cr_expect_fail("%s gave %s", cases[i].text, err_name(e));
        else
            cr_expect(span_equal(value, span_str(cases[i].value)), "%s", cases[i].text);
        free((char *)text.at);
    }
}

Test(hit, reads_plain_text_in_place)
{
    static const enum hit_coding all[] = {HIT_FORM, HIT_SEGMENT, HIT_HEADER,   HIT_COOKIE,
                                          HIT_PART, HIT_QUOTED,  HIT_XML_TEXT, HIT_XML_VALUE};

    for (size_t i = 0; i < COUNT_OF(all); i++) {
        const struct reading cases[] = {{all[i], false, "caf\xc3\xa9", "caf\xc3\xa9"},
                                        {all[i], false, "caf\xc3", NULL},
                                        {all[i], false, "\xff", NULL},
                                        {all[i], false, "\xed\xa0\x80", NULL},
                                        {all[i], false, "\xc0\xaf", NULL}};

        expect_readings(cases, COUNT_OF(cases));
    }
}

Test(hit, undoes_the_escapes_of_each_place)
{
    static const struct reading cases[] = {
        {HIT_JSON, true, "\"a\\u00e9\\n\"", "a\xc3\xa9\n"},
        {HIT_FORM, true, "a+b%2B%c3%A9", "a b+\xc3\xa9"},
        {HIT_FORM, true, "a%2", NULL},
        {HIT_FORM, true, "a;b", NULL},
        {HIT_FORM, true, "%ff", NULL},
        {HIT_SEGMENT, true, "a+b%20c", "a+b c"},
        {HIT_SEGMENT, true, "%zz", NULL},
        {HIT_QUOTED, true, "%22%0d%0A%41%", "\"\r\n%41%"},
        {HIT_QUOTED, true, "%2", "%2"},
    };

    expect_readings(cases, COUNT_OF(cases));
}

Test(hit, undoes_what_xml_has_for_text)
{
    static const struct reading cases[] = {
        {HIT_XML_TEXT, true, "&lt;&gt;&amp;&quot;&apos;", "<>&\"'"},
        {HIT_XML_TEXT, true, "&#65;&#x42;&#x0043;&#000068;", "ABCD"},
        {HIT_XML_TEXT, true, "&#233;&#x20ac;&#x1F642;", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x99\x82"},
        {HIT_XML_TEXT, true, "&#9;&#10;&#13;", "\t\n\r"},
        {HIT_XML_TEXT, true, "a\r\nb\rc\nd\r", "a\nb\nc\nd\n"},
        {HIT_XML_TEXT, true, "a<![CDATA[&lt;<b>\r\n]] >]]>c<![CDATA[]]>", "a&lt;<b>\n]] >c"},
        {HIT_XML_TEXT, true, "<![CDATA[]]]]>", "]]"},
        {HIT_XML_TEXT, true, "&amp;lt;", "&lt;"},
        {HIT_XML_TEXT, true, "&#1114111;", "\xf4\x8f\xbf\xbf"},
        {HIT_XML_TEXT, true, "&nbsp;", NULL},
        {HIT_XML_TEXT, true, "&LT;", NULL},
        {HIT_XML_TEXT, true, "&lt", NULL},
        {HIT_XML_TEXT, true, "&", NULL},
        {HIT_XML_TEXT, true, "&#;", NULL},
        {HIT_XML_TEXT, true, "&#x;", NULL},
        {HIT_XML_TEXT, true, "&#X41;", NULL},
        {HIT_XML_TEXT, true, "&#a;", NULL},
        {HIT_XML_TEXT, true, "&#65", NULL},
        {HIT_XML_TEXT, true, "&#0;", NULL},
        {HIT_XML_TEXT, true, "&#8;", NULL},
        {HIT_XML_TEXT, true, "&#xd800;", NULL},
        {HIT_XML_TEXT, true, "&#xfffe;", NULL},
        {HIT_XML_TEXT, true, "&#x110000;", NULL},
        {HIT_XML_TEXT, true, "&#4294967361;", NULL}, /* 2^32 + 65 */
        {HIT_XML_TEXT, true, "&#x100000041;", NULL},
        {HIT_XML_TEXT, true, "<b>", NULL},
        {HIT_XML_TEXT, true, "<!-- -->", NULL},
        {HIT_XML_TEXT, true, "<![CDATA[", NULL},
        {HIT_XML_TEXT, true, "<![CDATA[]]", NULL},
        {HIT_XML_TEXT, true, "<![CDATA[\xff]]>", NULL},
        {HIT_XML_VALUE, true, "a\t\r\n\n\rb&#9;&#10;", "a    b\t\n"},
        {HIT_XML_VALUE, true, "&quot;'>", "\"'>"},
        {HIT_XML_VALUE, true, "<", NULL},
        {HIT_XML_VALUE, true, "&x;", NULL},
    };

    expect_readings(cases, COUNT_OF(cases));
}

/* ---- writing ---- */

struct writing {
    enum hit_coding coding;
    const char *value;
    const char *text; /* NULL: UNPROCESSABLE */
};

Test(hit, writes_what_can_stand_in_the_place_and_nothing_else)
{
    static const struct writing cases[] = {
        {HIT_JSON, "a\"b", "\"a\\\"b\""},
        {HIT_JSON, "", "\"\""},
        {HIT_FORM, "a b&c=d+e;\xc3\xa9", "a%20b%26c%3Dd%2Be%3B%C3%A9"},
        {HIT_FORM, "", ""},
        {HIT_SEGMENT, "a b?#;", "a%20b%3F%23%3B"},
        {HIT_SEGMENT, ".", NULL},
        {HIT_SEGMENT, "..", NULL},
        {HIT_SEGMENT, "...", "..."},
        {HIT_SEGMENT, "a/b", NULL},
        {HIT_SEGMENT, "a\\b", NULL},
        {HIT_SEGMENT, "a\nb", NULL},
        {HIT_SEGMENT, "", NULL},
        {HIT_HEADER, "a, b; \"c\"\td\xc3\xa9", "a, b; \"c\"\td\xc3\xa9"},
        {HIT_HEADER, "x\r\nSet-Cookie: a", NULL},
        {HIT_HEADER, "x\ny", NULL},
        {HIT_HEADER, "x\ry", NULL},
        {HIT_HEADER, "x\x7f", NULL},
        {HIT_HEADER, " x", NULL},
        {HIT_HEADER, "x\t", NULL},
        {HIT_HEADER, "", ""},
        {HIT_COOKIE, "a=b!#$%&'()*+-./:<>?@[]^_`{|}~", "a=b!#$%&'()*+-./:<>?@[]^_`{|}~"},
        {HIT_COOKIE, "a;b", NULL},
        {HIT_COOKIE, "a,b", NULL},
        {HIT_COOKIE, "a b", NULL},
        {HIT_COOKIE, "\"a\"", NULL},
        {HIT_COOKIE, "a\\b", NULL},
        {HIT_COOKIE, "caf\xc3\xa9", NULL},
        {HIT_COOKIE, "a\nb", NULL},
        {HIT_PART, "a\r\n\x01\"--", "a\r\n\x01\"--"},
        {HIT_PART, "a--B", NULL},
        {HIT_QUOTED, "a\"\r\n%b;", "a%22%0D%0A%b;"},
        {HIT_QUOTED, "a\\b", NULL},
        {HIT_QUOTED, "50%22", NULL},
        {HIT_QUOTED, "%0d", NULL},
        {HIT_QUOTED, "a\tb", NULL},
        {HIT_QUOTED, "--B", NULL},
        {HIT_XML_TEXT, "<a>&]]>\"'\t\n\r", "&lt;a&gt;&amp;]]&gt;&quot;&apos;\t\n&#13;"},
        {HIT_XML_TEXT, "\x01", NULL},
        {HIT_XML_TEXT, "\xef\xbf\xbf", NULL},
        {HIT_XML_TEXT, "a\xef\xbf\xbe", NULL},
        {HIT_XML_TEXT, "\xef\xbf\xbd", "\xef\xbf\xbd"},
        {HIT_XML_TEXT, "\xf0\x9f\xbf\xbf", "\xf0\x9f\xbf\xbf"},
        {HIT_XML_VALUE, "\"<>'&\t\n\r", "&quot;&lt;&gt;&apos;&amp;&#9;&#10;&#13;"},
        {HIT_XML_VALUE, "\x1f", NULL},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        AUTO(buf_done) struct buf out = {.max = HITS_RIG_MAX};
        const struct hit hit = {.kind = VALUE_STRING, .coding = cases[i].coding};
        enum err e;

        cr_assert_eq(buf_append_str(&out, "("), ERR_OK);
        e = hit_write(span_str(body), &hit, VALUE_STRING, span_str(cases[i].value), &out);
        if (cases[i].text == NULL) {
            cr_expect_eq(e, ERR_UNPROCESSABLE, "%s gave %s", cases[i].value, err_name(e));
            cr_expect_eq(out.len, 1, "half a value was left: %s", cases[i].value);
        } else {
            cr_expect_eq(e, ERR_OK, "%s gave %s", cases[i].value, err_name(e));
            cr_expect(span_equal(span_of(out.bytes + 1, out.len - 1), span_str(cases[i].text)),
                      "%.*s", (int)out.len, (char *)out.bytes);
        }
    }
}

Test(hit, writes_nothing_that_is_not_utf8)
{
    static const char *const bad[] = {"\xff", "a\xc3", "\xed\xa0\x80", "\xc0\x80"};

    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        for (enum hit_coding coding = HIT_JSON; coding <= HIT_XML_VALUE; coding++) {
            AUTO(buf_done) struct buf out = {.max = HITS_RIG_MAX};
            const struct hit hit = {.kind = VALUE_STRING, .coding = coding};
            const enum err e =
                hit_write(span_str(body), &hit, VALUE_STRING, span_str(bad[i]), &out);

            cr_expect_eq(e, ERR_UNPROCESSABLE, "%d: %s", (int)coding, err_name(e));
            cr_expect_eq(out.len, 0);
        }
    }
}

Test(hit, keeps_numbers_of_json_without_quotes)
{
    AUTO(buf_done) struct buf out = {.max = HITS_RIG_MAX};
    const struct hit hit = {.kind = VALUE_NUMBER, .coding = HIT_JSON};

    cr_assert_eq(hit_write(SPAN_LIT(""), &hit, VALUE_NUMBER, SPAN_LIT("12"), &out), ERR_OK);
    cr_assert(span_equal(buf_span(&out), SPAN_LIT("12")));
}

/* ---- both ways ---- */

/* A place as a text around a hit, for values that are read as they were written (E37, E38). */
static enum err read_back(enum hit_coding coding, struct span value)
{
    AUTO(buf_done) struct buf out = {.max = HITS_RIG_MAX};
    AUTO(buf_done) struct buf scratch = {.max = HITS_RIG_MAX, .secret = true};
    struct hit hit = {.kind = VALUE_STRING, .coding = coding};
    struct span found;
    enum err e = hit_write(span_str(body), &hit, VALUE_STRING, value, &out);

    if (e != ERR_OK)
        return e;
    hit.end = out.len;
    hit.escaped = coding != HIT_HEADER && coding != HIT_COOKIE && coding != HIT_PART &&
                  coding != HIT_TEXT && coding != HIT_EVENT;
    cr_assert_eq(hit_read(buf_span(&out), &hit, &scratch, &found), ERR_OK, "%d: %.*s", (int)coding,
                 (int)out.len, (char *)out.bytes);
    if (coding != HIT_EVENT) /* its lines are those of an event now (test_event_stream.c) */
        cr_assert(span_equal(found, value), "%d: %.*s", (int)coding, (int)out.len,
                  (char *)out.bytes);
    return ERR_OK;
}

Test(hit, e38_reads_what_it_wrote)
{
    for (size_t i = 0; i < COUNT_OF(hits_rig_hostile); i++) {
        for (enum hit_coding coding = HIT_JSON; coding <= HIT_XML_VALUE; coding++) {
            const enum err e = read_back(coding, span_str(hits_rig_hostile[i]));

            cr_assert(e == ERR_OK || e == ERR_UNPROCESSABLE);
            cr_assert(i >= 3 || e == ERR_OK, "%s", hits_rig_hostile[i]); /* tokens and addresses */
        }
    }
}

Test(hit, e37_reads_what_it_wrote_for_every_character)
{
    for (unsigned byte = 1; byte < 0x80; byte++) {
        const char text[] = {'a', (char)byte, 'b'};

        for (enum hit_coding coding = HIT_JSON; coding <= HIT_XML_VALUE; coding++) {
            const enum err e = read_back(coding, span_of(text, 3));

            cr_assert(e == ERR_OK || e == ERR_UNPROCESSABLE, "%d: %u", (int)coding, byte);
            if (byte == '\r' || byte == '\n')
                cr_assert(e == ERR_UNPROCESSABLE || (coding != HIT_HEADER && coding != HIT_COOKIE &&
                                                     coding != HIT_SEGMENT),
                          "%d", (int)coding);
        }
    }
}

/* ---- lists ---- */

Test(hits, end_at_the_limit)
{
    AUTO(hits_done) struct hits hits = {0};
    struct hit hit = {.coding = HIT_FORM};

    for (size_t i = 0; i < LIMIT_FIELDS_MAX; i++) {
        hit.start = i;
        cr_assert_eq(hits_add(&hits, &hit), ERR_OK);
    }
    cr_assert_eq(hits_add(&hits, &hit), ERR_TOO_LARGE);
    cr_assert_eq(hits.count, LIMIT_FIELDS_MAX);
    for (size_t i = 0; i < LIMIT_FIELDS_MAX; i++)
        cr_assert_eq(hits.at[i].start, i);
    hits_done(&hits);
    cr_assert_null(hits.at);
    hits_done(&hits);
}
