/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/xml_reader.h"

#include "base/limits.h"
#include "base/secret.h"
#include "tests/unit/proxy/hits_rig.h"

TestSuite(xml_reader, .init = secret_start, .timeout = 30);

/* context: paths with spaces between them; the n-th has class n + 1. */
static enum err read_xml(const void *context, struct span document, struct hits *ret_hits)
{
    AUTO(xml_fields_free) struct xml_fields *fields = NULL;
    char paths[256];
    struct xml_def defs[16];
    struct errmsg msg = {""};
    size_t count = 0;
    char *rest = paths, *path;

    (void)snprintf(paths, sizeof(paths), "%s", (const char *)context);
    while ((path = strsep(&rest, " ")) != NULL && *path != '\0') {
        defs[count] = (struct xml_def){path, (uint16_t)(count + 1)};
        count++;
    }
    cr_assert_eq(xml_fields_new(defs, count, &fields, &msg), ERR_OK, "%s", msg.text);
    return xml_read(fields, document, ret_hits);
}

static void expect(const char *paths, const struct hits_case *cases, size_t count)
{
    hits_rig_expect(read_xml, paths, cases, count);
}

/* ---- paths ---- */

#define PERSON                                                                                     \
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"                                                 \
    "<people xmlns=\"urn:x\" id=\"list\">\n"                                                       \
    "  <person id='1' x:id=\"2\"><email>a</email><phone>b</phone>\n"                               \
    "    <home><phone>c</phone></home></person>\n"                                                 \
    "  <x:person id=\"3\"><x:email>d</x:email><email/></x:person>\n"                               \
    "</people>\n"

Test(xml_reader, finds_what_paths_lead_to)
{
    static const struct {
        const char *paths;
        const char *found;
    } cases[] = {
        {"", ""},
        {"/people/person/email", "0=a\n0=d"},
        {"/people/x:person/email", "0=d"},
        {"/people/x:person/x:email", "0=d"},
        {"/people/y:person/email", ""},
        {"/people/person/phone", "0=b"},
        {"//phone", "0=b\n0=c"},
        {"/people//phone", "0=b\n0=c"},
        {"/people/*/email", "0=a\n0=d"},
        {"/*/*/home/*", "0=c"},
        {"//home//phone", "0=c"},
        {"//@id", "0=list\n0=1\n0=2\n0=3"},
        {"/people/@id", "0=list"},
        {"/people//@id", "0=list\n0=1\n0=2\n0=3"},
        {"//person/@x:id", "0=2"},
        {"//person/@*", "0=1\n0=2\n0=3"},
        {"/*/@id /people/person/@id", "0=list\n1=1\n1=2\n1=3"},
        {"//email //x:email /people/person/email", "0=a\n0=d"},
        {"//x:email //email", "1=a\n0=d"},
        {"/person /email /people/email //People //@Id //@xmlns //@x", ""},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct hits_case found = {PERSON, cases[i].found, ERR_OK};

        expect(cases[i].paths, &found, 1);
    }
}

Test(xml_reader, never_takes_the_name_of_a_namespace_for_a_value)
{
    static const struct hits_case cases[] = {
        {"<a xmlns:email=\"urn:x\" xmlns=\"urn:y\" email:b='1'/>", "", ERR_OK},
        {"<a email='2' xmlns:email=\"urn:x\"/>", "0=2", ERR_OK},
    };

    expect("//@email //@xmlns", cases, COUNT_OF(cases));
}

/* ---- values ---- */

Test(xml_reader, reads_text_and_attributes_as_xml_does)
{
    static const struct hits_case cases[] = {
        {"<a>x</a>", "0=x", ERR_OK},
        {"<a> \r\n\t x y\t</a>", "0=x y", ERR_OK},
        {"<a>&lt;&#233;\xc3\xa9&amp;amp;</a>", "0=<\xc3\xa9\xc3\xa9&amp;", ERR_OK},
        {"<a>x<![CDATA[<y>&amp;]]>z</a>", "0=x<y>&amp;z", ERR_OK},
        {"<a><![CDATA[ x ]]></a>", "0= x ", ERR_OK},
        {"<a>\n<![CDATA[x]]>\n</a>", "0=x", ERR_OK},
        {"<a>x\r\ny\rz</a>", "0=x\ny\nz", ERR_OK},
        {"<a>&#32;x&#32;</a>", "0= x ", ERR_OK},
        {"<a>\"'>]] ></a>", "0=\"'>]] >", ERR_OK},
        {"<a b=' x&quot;\ty>\" '/>", "1=x\" y>\"", ERR_OK},
        {"<a b = \"'\"\n>x</a >", "1='\n0=x", ERR_OK},
    };

    expect("/a /a/@b", cases, COUNT_OF(cases));
}

Test(xml_reader, sees_no_value_where_there_is_none)
{
    static const struct hits_case cases[] = {
        {"<a/>", "", ERR_OK},
        {"<a b=''/>", "", ERR_OK},
        {"<a b=\" \t\"></a>", "", ERR_OK},
        {"<a>\r\n </a>", "", ERR_OK},
        {"<a><![CDATA[]]></a>", "", ERR_OK},
        {"<a> <![CDATA[ ]]> </a>", "", ERR_OK},
    };

    expect("/a /a/@b", cases, COUNT_OF(cases));
}

Test(xml_reader, refuses_more_than_text_in_a_declared_element)
{
    static const struct hits_case cases[] = {
        {"<r><a>x<b/></a></r>", NULL, ERR_UNPROCESSABLE},
        {"<r><a><b>x</b></a></r>", NULL, ERR_UNPROCESSABLE},
        {"<r><a><a>x</a></a></r>", NULL, ERR_UNPROCESSABLE},
        {"<r><a>alice@example.org<!-- -->.evil.example</a></r>", NULL, ERR_UNPROCESSABLE},
        {"<r><a><!-- --></a></r>", NULL, ERR_UNPROCESSABLE},
        {"<r><a>x</a><b><!-- --><c/></b></r>", "0=x", ERR_OK},
    };

    expect("//a", cases, COUNT_OF(cases));
}

/* ---- well-formedness ---- */

static void expect_all(const char *const *documents, size_t count, enum err e)
{
    for (size_t i = 0; i < count; i++) {
        const struct hits_case plain = {documents[i], e == ERR_OK ? "" : NULL, e};

        expect("", &plain, 1);
        expect("//@nothing /no/thing", &plain, 1);
    }
}

Test(xml_reader, accepts_what_is_well_formed)
{
    static const char *const good[] = {
        "<a/>",
        "<a></a>",
        "<?xml version='1.0'?><a/>",
        "<?xml version=\"1.0\" encoding='utf-8' standalone='no' ?>\n<!-- x -->\n<a/>\n<!-- y -->\n",
        "<?xml\tversion = \"1.0\"?><a/>",
        "<a><b/>text<b x='1' y=\"2\"></b\n></a\t>",
        "<p:a xmlns:p='x' p:b='1' b='2'/>",
        "<\xc3\x9fx \xc3\xa9\xcc\x81='1'/>",
        "<_a.-9/>",
        "<a>\x7f\xc2\x85\xef\xbf\xbd\xf4\x8f\xbf\xbf</a>",
        "<a><!-- <b> & ' \" - \xe2\x82\xac --></a>",
        "<a><![CDATA[]]]]><![CDATA[> & < ]]]></a>",
        "<a b='>'>&#x10FFFF;&apos;</a>",
        " \r\n\t<a/> ",
    };

    expect_all(good, COUNT_OF(good), ERR_OK);
}

Test(xml_reader, refuses_what_is_not_well_formed)
{
    static const char *const bad[] = {
        "",
        " ",
        "<",
        "<a",
        "<a>",
        "<a/",
        "<a /",
        "a",
        "<a/>x",
        "x<a/>",
        "<a/><b/>",
        "<a></b>",
        "<a></A>",
        "<a></ab>",
        "<ab></a>",
        "<a><b></a></b>",
        "</a>",
        "<a/></a>",
        "<a></a",
        "<a></a b>",
        "< a/>",
        "<a></ a>",
        "<9/>",
        "<-/>",
        "<.a/>",
        "<a/ >",
        "<a / >",
        "<\xcc\x81/>",
        "<a\xc3\x97/>",
        "<a:/>",
        "<:a/>",
        "<a:b:c/>",
        "<a:9/>",
        "<>",
        "<a><></a>",
        "<a b/>",
        "<a b=/>",
        "<a b=1/>",
        "<a b='1/>",
        "<a b='1\"/>",
        "<a b='1'c='2'/>",
        "<a 'b'='1'/>",
        "<a b='1' b='1'/>",
        "<a b='1' c='2' b=\"3\"/>",
        "<a p:b='1' p:b='2'/>",
        "<a b='<'/>",
        "<a b='&'/>",
        "<a b='&lt'/>",
        "<a b='&x;'/>",
        "<a b='\x01'/>",
        "<a b='\xff'/>",
        "<a b='\xef\xbf\xbe'/>",
        "<a ='1'/>",
        "<a b=='1'/>",
        "<a>&</a>",
        "<a>&x;</a>",
        "<a>&#0;</a>",
        "<a>&#xD800;</a>",
        "<a>&#x110000;</a>",
        "<a>& amp;</a>",
        "<a>&nbsp;</a>",
        "<a>]]></a>",
        "<a>x]]>y</a>",
        "<a>]]]></a>",
        "<a>\x01</a>",
        "<a>\x0c</a>",
        "<a>\xff</a>",
        "<a>\xc3</a>",
        "<a>\xed\xa0\x80</a>",
        "<a>\xc0\xaf</a>",
        "<a>\xef\xbf\xbf</a>",
        "<a>\xf4\x90\x80\x80</a>",
        "<a><!-- -- --></a>",
        "<a><!-- ---></a>",
        "<a><!--></a>",
        "<a><!-- </a>",
        "<a><!- x --></a>",
        "<a><!-- \x01 --></a>",
        "<a><!-- \xff --></a>",
        "<!-- <a/>",
        "<![CDATA[x]]>",
        "<a/><![CDATA[x]]>",
        "<a><![CDATA[x]]</a>",
        "<a><![cdata[x]]></a>",
        "<a><![CDATA[\x02]]></a>",
        "<a><![CDATA[\xff]]></a>",
        "<a><![CDATA [x]]></a>",
        "&amp;",
        "<a/>&amp;",
    };

    expect_all(bad, COUNT_OF(bad), ERR_INVALID);
}

Test(xml_reader, refuses_document_types_entities_and_instructions)
{
    static const char *const bad[] = {
        "<!DOCTYPE a><a/>",
        "<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><a>&x;</a>",
        "<!DOCTYPE a [<!ENTITY x \"lol\"><!ENTITY y \"&x;&x;&x;&x;&x;&x;&x;&x;\">]><a>&y;</a>",
        "<!DOCTYPE a PUBLIC \"-//x\" \"http://localhost/x.dtd\"><a/>",
        "<!doctype a><a/>",
        "<?xml version='1.0'?><!DOCTYPE a><a/>",
        "<a><!DOCTYPE a></a>",
        "<a><!ENTITY x 'y'></a>",
        "<?php echo 1 ?><a/>",
        "<?xml-stylesheet href='x'?><a/>",
        "<a><?x?></a>",
        "<a/><?x?>",
        "<a><?xml version='1.0'?></a>",
    };

    expect_all(bad, COUNT_OF(bad), ERR_INVALID);
}

Test(xml_reader, e19_reads_utf8_and_nothing_else)
{
    static const char *const bad[] = {
        "\xef\xbb\xbf<a/>",
        "\xfe\xff",
        "\xff\xfe<",
        "<?xml version='1.0' encoding='utf-16'?><a/>",
        "<?xml version='1.0' encoding='UTF-7'?><a/>",
        "<?xml version='1.0' encoding='iso-8859-1'?><a/>",
        "<?xml version='1.0' encoding=''?><a/>",
        "<?xml version='1.1'?><a/>",
        "<?xml version='1.0\"?><a/>",
        "<?xml version=1.0?><a/>",
        "<?xml?><a/>",
        "<?xml ?><a/>",
        "<?xml encoding='utf-8'?><a/>",
        "<?xml version='1.0'encoding='utf-8'?><a/>",
        "<?xml version='1.0' standalone='yes' encoding='utf-8'?><a/>",
        "<?xml version='1.0' standalone='maybe'?><a/>",
        "<?xml version='1.0' x='y'?><a/>",
        "<?xml version='1.0'><a/>",
        "<?xml version='1.0'? ><a/>",
        "<?xml version='1.0",
        "<?xml version=",
        "<?XML version='1.0'?><a/>",
        " <?xml version='1.0'?><a/>",
        "<?xml version='1.0'?><?xml version='1.0'?><a/>",
    };

    expect_all(bad, COUNT_OF(bad), ERR_INVALID);
}

Test(xml_reader, refuses_every_document_that_is_cut_short)
{
    static const char whole[] = "<?xml version=\"1.0\"?><a b='&#65;'><!-- x --><c>\xc3\xa9&lt;"
                                "<![CDATA[y]]></c><d/></a>";

    for (size_t len = 0; len < sizeof(whole); len++) {
        AUTO(hits_done) struct hits hits = {0};
        const struct span text = hits_rig_exact(span_of(whole, len));

        cr_assert_eq(read_xml("//c //@b", text, &hits),
                     len == sizeof(whole) - 1 ? ERR_OK : ERR_INVALID, "%.*s", (int)len, whole);
        free((char *)text.at);
        if (len == sizeof(whole) - 1)
            break;
    }
}

/* ---- limits ---- */

static void repeat(struct buf *out, const char *text, size_t count)
{
    while (count-- > 0)
        cr_assert_eq(buf_append_str(out, text), ERR_OK);
}

Test(xml_reader, e83_ends_at_its_depth)
{
    for (size_t more = 0; more < 2; more++) {
        AUTO(buf_done) struct buf document = {.max = HITS_RIG_MAX};
        AUTO(hits_done) struct hits hits = {0};

        repeat(&document, "<a>", LIMIT_XML_DEPTH_MAX + more);
        repeat(&document, "</a>", LIMIT_XML_DEPTH_MAX + more);
        cr_assert_eq(read_xml("/x", buf_span(&document), &hits), more ? ERR_TOO_LARGE : ERR_OK);
    }
}

Test(xml_reader, e83_ends_at_its_attributes)
{
    for (size_t more = 0; more < 2; more++) {
        AUTO(buf_done) struct buf document = {.max = HITS_RIG_MAX};
        AUTO(hits_done) struct hits hits = {0};

        repeat(&document, "<a", 1);
        for (size_t i = 0; i < LIMIT_XML_ATTRIBUTES_MAX + more; i++) {
            char attribute[32];

            (void)snprintf(attribute, sizeof(attribute), " b%zu='%zu'", i, i);
            repeat(&document, attribute, 1);
        }
        repeat(&document, "/>", 1);
        cr_assert_eq(read_xml("//@b7", buf_span(&document), &hits), more ? ERR_TOO_LARGE : ERR_OK);
        cr_assert_eq(hits.count, 1 - more);
    }
}

Test(xml_reader, ends_at_the_limit_of_fields)
{
    AUTO(buf_done) struct buf document = {.max = HITS_RIG_MAX};
    AUTO(hits_done) struct hits hits = {0};

    repeat(&document, "<a>", 1);
    repeat(&document, "<b>1</b>", LIMIT_FIELDS_MAX + 1);
    repeat(&document, "</a>", 1);
    cr_assert_eq(read_xml("//b", buf_span(&document), &hits), ERR_TOO_LARGE);
}

/* ---- both ways ---- */

Test(xml_reader, e38_gives_hostile_values_back_as_one_value_each)
{
    hits_rig_travel_all(read_xml, "/a", "<a>x</a>");
    hits_rig_travel_all(read_xml, "/a/@b", "<a b='x' c=\"y\"/>");
    hits_rig_travel_all(read_xml, "/a/@b", "<a b=\"x\" c='y'/>");
    hits_rig_travel_all(read_xml, "//email //@id", PERSON);
    hits_rig_travel_all(read_xml, "//b //@c",
                        "<a>\n <b> &lt;<![CDATA[x]]> </b><b/><d>]]&gt;</d><b c=' y '>z</b></a>\n");
}
