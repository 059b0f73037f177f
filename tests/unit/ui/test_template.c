/* SPDX-License-Identifier: Apache-2.0 */
/* Templates: what they may hold, what they make of a model, and that nothing in a model becomes markup. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/secret.h"
#include "ui/template.h"

TestSuite(template, .init = secret_start, .timeout = 30);

static const char english[] =
    "{\"pattern.date\":\"{d} {m} {y}\",\"pattern.instant\":\"{d}, {t} UTC\",\"month.4\":\"April\","
    "\"period.Y.other\":\"years\",\"hi\":\"Hello <b>\",\"with\":\"{count} of {a.b}\","
    "\"kind.x\":\"an X\",\"n.one\":\"one\",\"n.other\":\"many: {n}\",\"open\":\"a {brace\"}";

struct rig {
    struct words *words;
    struct template_set *set;
    struct json *model;
    struct buf out;
    struct errmsg msg;
};

static void rig_start(struct rig *r)
{
    const struct span catalogues[WORDS_LANG_COUNT] = {span_str(english), span_str(english)};

    *r = (struct rig){.words = NULL};
    cr_assert_eq(words_new(catalogues, &r->words, &r->msg), ERR_OK, "%s", r->msg.text);
    buf_init(&r->out, TEMPLATE_OUTPUT_MAX);
}

static void rig_end(struct rig *r)
{
    template_set_free(&r->set);
    words_free(&r->words);
    json_free(&r->model);
    buf_done(&r->out);
}

static enum err parse(struct rig *r, const char *text)
{
    const struct template_source source = {"t", span_str(text)};

    template_set_free(&r->set);
    (void)errmsg_set(&r->msg, ERR_OK, "%s", "");
    return template_set_new(&source, 1, &r->set, &r->msg);
}

static enum err render(struct rig *r, const char *model)
{
    struct template_view view = {.words = r->words, .lang = WORDS_EN};

    json_free(&r->model);
    cr_assert_eq(json_parse(span_str(model), &r->model), ERR_OK, "%s", model);
    view.model = r->model;
    buf_reset(&r->out);
    return template_render(r->set, "t", &view, &r->out, &r->msg);
}

/* One template, one model, what comes of it. */
static void gives(const char *text, const char *model, const char *wanted)
{
    struct rig r;
    char got[4096];

    rig_start(&r);
    cr_assert_eq(parse(&r, text), ERR_OK, "%s: %s", text, r.msg.text);
    cr_assert_eq(render(&r, model), ERR_OK, "%s: %s", text, r.msg.text);
    (void)snprintf(got, sizeof(got), "%.*s", (int)r.out.len, (const char *)r.out.bytes);
    cr_expect_str_eq(got, wanted, "%s with %s: %s", text, model, got);
    rig_end(&r);
}

Test(template, shows_names_numbers_and_flags)
{
    gives("<p>{{a}} {{b.c}} {{n}} {{f}}</p>",
          "{\"a\":\"x\",\"b\":{\"c\":\"y\"},\"n\":-7,\"f\":true}", "<p>x y -7 true</p>");
    gives("{{a}}", "{\"a\":null}", "\xe2\x80\x93");
    gives("{{a?}}|{{ a }}", "{\"a\":\"x\"}", "x|x");
    gives("{{! nothing }}{{b?}}", "{}", "");
}

/* E67 */
Test(template, escapes_whatever_a_model_holds)
{
    gives("<p>{{a}}</p>", "{\"a\":\"<script>alert(1)</script> & \\\"'\"}",
          "<p>&lt;script&gt;alert(1)&lt;/script&gt; &amp; &quot;&#39;</p>");
    gives("<p title=\"{{a}}\">x</p>", "{\"a\":\"\\\" onload=\\\"x\"}",
          "<p title=\"&quot; onload=&quot;x\">x</p>");
    gives("<a href=\"/ui/x/{{a}}\">x</a>", "{\"a\":\"../j?a=b&c=d\\\"#\"}",
          "<a href=\"/ui/x/..%2Fj%3Fa%3Db%26c%3Dd%22%23\">x</a>");
    gives("<a href=\"?q={{a}}\">x</a>", "{\"a\":\"\xc3\xa9 1\"}",
          "<a href=\"?q=%C3%A9%201\">x</a>");
    gives("{{a}}", "{\"a\":\"a\\u0007b\\u202ec\\u2066d\\n\"}",
          "a\xef\xbf\xbd"
          "b\xef\xbf\xbd"
          "c\xef\xbf\xbd"
          "d\n");
    gives("{{#l}}{{.}}{{/l}}", "{\"l\":[\"<\",\">\"]}", "&lt;&gt;");
    gives("{{date a}} {{count a}} {{period a}} {{instant a}}", "{\"a\":\"<\"}",
          "&lt; &lt; &lt; &lt;");
}

Test(template, repeats_and_leaves_out)
{
    gives("{{#l}}[{{x}}{{y}}]{{/l}}{{^l}}none{{/l}}",
          "{\"y\":0,\"l\":[{\"x\":1},{\"x\":2,\"y\":3}]}", "[10][23]");
    gives("{{#l}}x{{/l}}{{^l}}none{{/l}}", "{\"l\":[]}", "none");
    gives("{{#a}}{{b}}{{/a}}", "{\"a\":{\"b\":\"in\"},\"b\":\"out\"}", "in");
    gives("{{#a}}{{b}}{{/a}}", "{\"a\":true,\"b\":\"out\"}", "out");
    gives("{{#a}}x{{/a}}{{#b}}x{{/b}}{{#c}}x{{/c}}{{#d}}x{{/d}}{{#e?}}x{{/e}}",
          "{\"a\":\"\",\"b\":0,\"c\":null,\"d\":false}", "");
    gives("<input id=\"x\"{{#a}} required{{/a}}{{#a}} checked{{/a}}>", "{\"a\":true}",
          "<input id=\"x\" required checked>");
    gives("{{#a}}1{{/a}}{{#b}}2{{/b}}{{^c?}}3{{/c}}", "{\"a\":\"x\",\"b\":5}", "123");
    gives("<li id=\"x\"{{#a}} class=\"now\"{{/a}}>", "{\"a\":true}", "<li id=\"x\" class=\"now\">");
}

Test(template, writes_dates_and_counts_as_readers_do)
{
    gives("{{date a}}", "{\"a\":\"2026-04-05\"}",
          "<time datetime=\"2026-04-05\">5 April 2026</time>");
    gives("<p title=\"{{date a}}\">", "{\"a\":\"2026-04-05\"}", "<p title=\"5 April 2026\">");
    gives("{{instant a}}", "{\"a\":\"2026-04-05T09:30:00.004Z\"}",
          "<time datetime=\"2026-04-05T09:30:00.004Z\">5 April 2026, 09:30 UTC</time>");
    gives("{{count a}} {{count b}} {{count c}}", "{\"a\":1234567,\"b\":12,\"c\":null}",
          "1,234,567 12 \xe2\x80\x93");
    gives("{{period a}}", "{\"a\":\"P2Y\"}", "2\xc2\xa0years");
}

Test(template, takes_words_from_the_catalogue)
{
    gives("{{t hi}}", "{}", "Hello &lt;b&gt;");
    gives("{{t with}}", "{\"count\":1000,\"a\":{\"b\":\"<2026>\"}}", "1,000 of &lt;2026&gt;");
    gives("{{t with}}", "{\"count\":\"2026-04-05\",\"a\":{\"b\":null}}",
          "5 April 2026 of \xe2\x80\x93");
    gives("{{t kind.* k}}", "{\"k\":\"x\"}", "an X");
    gives("{{t kind.* k}}", "{\"k\":\"<new>\"}", "&lt;new&gt;");
    gives("{{t kind.* k}}", "{\"k\":null}", "\xe2\x80\x93");
    gives("{{t kind.* k?}}", "{}", "");
    gives("{{n n n}}", "{\"n\":1}", "one");
    gives("{{n n n}}", "{\"n\":2000}", "many: 2,000");
}

Test(template, fails_by_name_rather_than_show_half_of_something)
{
    static const struct {
        const char *text, *model, *said;
        enum err e;
    } bad[] = {
        {"{{a}}", "{}", "t: there is no such name: a", ERR_NOT_FOUND},
        {"{{#a}}{{/a}}", "{}", "no such name: a", ERR_NOT_FOUND},
        {"{{a.b}}", "{\"a\":1}", "no such name: a.b", ERR_NOT_FOUND},
        {"{{a}}", "{\"a\":[1]}", "cannot be shown: a", ERR_INVALID},
        {"{{t no}}", "{}", "no such words: no", ERR_NOT_FOUND},
        {"{{t with}}", "{\"count\":1}", "no such name: a.b", ERR_NOT_FOUND},
        {"{{t open}}", "{}", "open brace", ERR_INVALID},
    };
    struct rig r;

    rig_start(&r);
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        cr_assert_eq(parse(&r, bad[i].text), ERR_OK, "%s", r.msg.text);
        cr_expect_eq(render(&r, bad[i].model), bad[i].e, "%s", bad[i].text);
        cr_expect_not_null(strstr(r.msg.text, bad[i].said), "%s: %s", bad[i].text, r.msg.text);
    }
    rig_end(&r);
}

/* E67 */
Test(template, refuses_markup_in_which_a_value_could_do_harm)
{
    static const struct {
        const char *text, *said;
    } bad[] = {
        {"<p {{a}}>", "in a tag"},
        {"<p title={{a}}>", "in no quotes"},
        {"<p title='{{a}}'>", "not in double quotes"},
        {"<p onclick=\"{{a}}\">", "no place"},
        {"<p onclick=\"x\">", "no place"},
        {"<p style=\"color:red\">", "no place"},
        {"<style>{{a}}</style>", "no place"},
        {"<script>{{a}}</script>", "in no quotes"},
        {"<script>alert(1)</script>", "text of its own"},
        {"<script src=\"/ui/x\"><b></script>", "text of its own"},
        {"<!-- {{a}} -->", "no place"},
        {"<iframe src=\"/ui/\"></iframe>", "no place"},
        {"<a href=\"{{a}}\">", "must begin with"},
        {"<a href=\"/{{a}}\">", "must begin with"},
        {"<a href=\"https://x/{{a}}\">", "must begin with"},
        {"<form action=\"{{a}}\">", "must begin with"},
        {"<{{a}}>", "in a tag"},
        {"<p", "ends inside"},
        {"<p {{#a}}title=\"{{/a}}x\">", "different places"},
        {"{{#a}}<p {{/a}}x=\"y\">", "different places"},
        {"<li{{#a}} x=\"y\"{{/a}}>", "different places"},
        {"<p on{{#a}}{{/a}}click=\"x\">", "different places"},
        {"<p {{#a}}on{{/a}}click=\"x\">", "goes on behind"},
        {"<p {{#a}}x{{/a}}=\"y\">", "goes on behind"},
        {"<a href=\"{{#a}}/ui/{{/a}}{{b}}\">", "different places"},
        {"<p \"x\">", "none belongs"},
        {"<p title=\"x\" {{>t}}>", "inside of a tag"},
    };
    struct rig r;

    rig_start(&r);
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        cr_expect_eq(parse(&r, bad[i].text), ERR_INVALID, "%s", bad[i].text);
        cr_expect_not_null(strstr(r.msg.text, bad[i].said), "%s: %s", bad[i].text, r.msg.text);
    }
    rig_end(&r);
}

Test(template, refuses_tags_that_mean_nothing_and_names_the_line)
{
    static const struct {
        const char *text, *said;
    } bad[] = {
        {"a\nb\n{{", "t:3: a tag has no end"},
        {"{{}}", "empty"},
        {"\n{{#a}}", "no end"},
        {"{{/a}}", "not opened"},
        {"{{#a}}{{/b}}", "another name"},
        {"{{a b}}", "means nothing"},
        {"{{t}} {{#t}}", "no end"},
        {"{{t a.*}}", "too many or too few"},
        {"{{t a b}}", "too many or too few"},
        {"{{n a}}", "means nothing"},
        {"{{>no}}", "no partial no"},
        {"{{a$}}", "no name"},
        {"{{.a}}", "no name"},
    };
    struct rig r;

    rig_start(&r);
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        cr_expect_neq(parse(&r, bad[i].text), ERR_OK, "%s", bad[i].text);
        cr_expect(strstr(r.msg.text, bad[i].said) != NULL || strcmp(bad[i].text, "{{n a}}") == 0,
                  "%s: %s", bad[i].text, r.msg.text);
    }
    rig_end(&r);
}

Test(template, ends_where_it_would_not_end_by_itself)
{
    struct rig r;
    char deep[TEMPLATE_DEPTH_MAX * 8 + 64] = "";

    rig_start(&r);
    cr_assert_eq(parse(&r, "x{{>t}}"), ERR_OK, "%s", r.msg.text);
    cr_expect_eq(render(&r, "{}"), ERR_TOO_LARGE);
    for (size_t i = 0; i <= TEMPLATE_DEPTH_MAX; i++)
        (void)snprintf(deep + 6 * i, 8, "{{#a}}");
    cr_expect_eq(parse(&r, deep), ERR_INVALID);
    cr_assert_eq(
        parse(&r, "{{#l}}{{#l}}{{#l}}{{#l}}{{#l}}{{#l}}x{{/l}}{{/l}}{{/l}}{{/l}}{{/l}}{{/l}}"),
        ERR_OK);
    cr_expect_eq(render(&r, "{\"l\":[1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,0]}"), ERR_TOO_LARGE);
    buf_done(&r.out);
    buf_init(&r.out, 16);
    cr_assert_eq(parse(&r, "{{a}}{{a}}"), ERR_OK);
    cr_expect_eq(render(&r, "{\"a\":\"0123456789\"}"), ERR_TOO_LARGE);
    rig_end(&r);
}

static void count_key(struct span key, const char *suffix, void *context)
{
    char *text = context;

    (void)snprintf(text + strlen(text), 64, "%.*s%s ", (int)key.len, key.at, suffix);
}

Test(template, tells_which_words_it_needs)
{
    struct rig r;
    char text[256] = "";

    rig_start(&r);
    cr_assert_eq(parse(&r, "{{t hi}}{{#a}}{{n n n}}{{/a}}{{t kind.* k}}{{a}}"), ERR_OK);
    template_each_key(r.set, count_key, text);
    cr_expect_str_eq(text, "hi n.one kind.* ");
    rig_end(&r);
}
