/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/event_stream.h"

#include "base/secret.h"
#include "proxy/json_reader.h"
#include "tests/unit/proxy/hits_rig.h"

TestSuite(event_stream, .init = secret_start, .timeout = 30);
TestSuite(event_data, .init = secret_start);

/* ---- cutting ---- */

/* The events of a stream that comes in pieces of `size`, a `|` behind each. */
static void cut(struct span text, size_t size, struct buf *out)
{
    struct event_stream stream = {0};
    size_t fed = 0;

    while (fed < text.len) {
        const size_t more = text.len - fed < size ? text.len - fed : size;
        struct span piece = span_of(text.at + fed, more);

        fed += more;
        while (piece.len > 0) {
            bool ended = true;
            const size_t len = event_stream_take(&stream, piece, &ended);

            cr_assert(len > 0 && len <= piece.len);
            cr_assert(ended || len == piece.len);
            cr_assert_eq(buf_append(out, piece.at, len), ERR_OK);
            if (ended)
                cr_assert_eq(buf_append_str(out, "|"), ERR_OK);
            piece = span_of(piece.at + len, piece.len - len);
        }
    }
}

/* The same without line feeds that follow a cut: they may come before it or behind it. */
static void normalise(struct buf *b)
{
    size_t to = 0;

    for (size_t i = 0; i < b->len; i++) {
        if (b->bytes[i] == '|' && i + 1 < b->len && b->bytes[i + 1] == '\n' && to > 0 &&
            b->bytes[to - 1] == '\r') {
            b->bytes[i] = '\n';
            b->bytes[i + 1] = '|';
        }
        b->bytes[to++] = b->bytes[i];
    }
    b->len = to;
}

Test(event_stream, is_cut_behind_empty_lines)
{
    static const struct {
        const char *text;
        const char *cut;
    } cases[] = {
        {"data: a\n\ndata: b\n\n", "data: a\n\n|data: b\n\n|"},
        {"data: a\r\n\r\ndata: b\r\n\r\n", "data: a\r\n\r\n|data: b\r\n\r\n|"},
        {"data: a\r\rdata: b\r\r", "data: a\r\r|data: b\r\r|"},
        {"data: a\n\r\ndata: b\r\n\n", "data: a\n\r\n|data: b\r\n\n|"},
        {"data: a\r\n\rdata: b\n\r", "data: a\r\n\r|data: b\n\r|"},
        {"a\nb\n\n\n\r\n\r\r", "a\nb\n\n|\n|\r\n|\r|\r|"},
        {"\n", "\n|"},
        {"\r\n", "\r\n|"},
        {"\r\n\n", "\r\n|\n|"},
        {": ping\n\ndata: unfinished\n", ": ping\n\n|data: unfinished\n"},
        {"data: unfinished", "data: unfinished"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        for (size_t size = 1; size < 40; size++) {
            AUTO(buf_done) struct buf out = {.max = 1 << 16};

            cut(span_str(cases[i].text), size, &out);
            normalise(&out);
            cr_assert(span_equal(buf_span(&out), span_str(cases[i].cut)), "%zu, %zu: %.*s", i, size,
                      (int)out.len, (char *)out.bytes);
        }
    }
}

/* ---- data ---- */

Test(event_data, is_what_clients_dispatch)
{
    static const struct {
        const char *event;
        const char *data;
    } cases[] = {
        {"data: a\n\n", "a"},
        {"data:a\n\n", "a"},
        {"data:  a \n\n", " a "},
        {"data: a\r\ndata:b\rdata: c\n\r\n", "a\nb\nc"},
        {"id: 1\nevent: x\ndata: a\nretry: 5\n:data: b\ndata: c\n\n", "a\nc"},
        {"data\n\n", ""},
        {"data\ndata\n\n", "\n"},
        {"data:\n\n", ""},
        {"data: \n\n", ""},
        {"id: 1\n\n", ""},
        {"Data: a\n data: b\ndatum: c\ndata : d\ndatax\n\n", ""},
        {"\ndata: a\r\r", "a"},
        {"\xef\xbb\xbf"
         "data: a\n\n",
         "a"},
        {"\n\xef\xbb\xbf"
         "data: a\n\n",
         "a"},
        {"data: a", "a"},
        {"", ""},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        AUTO(buf_done) struct buf scratch = {.max = 1 << 16, .secret = true};
        const struct span event = hits_rig_exact(span_str(cases[i].event));
        struct span data = SPAN_NONE;

        cr_assert_eq(event_data(event, &scratch, &data), ERR_OK);
        cr_expect(span_equal(data, span_str(cases[i].data)), "%s: %.*s", cases[i].event,
                  (int)data.len, data.at);
        free((char *)event.at);
    }
}

/* context: unused. */
static enum err read_event(const void *context, struct span event, struct hits *ret_hits)
{
    static const struct field_def defs[] = {{.path = "$..email", .class_id = 1},
                                            {.path = "$..age", .class_id = 2}};
    AUTO(fields_free) struct fields *fields = NULL;
    AUTO(buf_done) struct buf scratch = {.max = 1 << 16, .secret = true};
    AUTO(hits_done) struct hits hits = {0};
    struct span data;
    enum err e;

    (void)context;
    cr_assert_eq(fields_new(defs, 2, &fields, NULL), ERR_OK);
    cr_assert_eq(event_data(event, &scratch, &data), ERR_OK);
    e = json_read(fields, data, &hits);
    if (e == ERR_OK)
        e = event_place_hits(event, &hits);
    if (e == ERR_OK) {
        *ret_hits = hits;
        hits = (struct hits){0};
    }
    return e;
}

Test(event_data, has_its_values_where_the_event_has_them)
{
    static const struct hits_case cases[] = {
        {"data: {\"email\":\"a\"}\n\n", "0=a", ERR_OK},
        {"id: 7\ndata:[{\"email\":\"a\",\r\ndata: \"age\":\rdata:5},\n: x\ndata\nid: 8\ndata:  "
         "{\"email\":\"\\u00e9\"}]\n\n",
         "0=a\n1=5\n0=\xc3\xa9", ERR_OK},
        {"data: {\"x\":1}\n\n", "", ERR_OK},
        {"data: {\"email\":\"a\ndata: b\"}\n\n", NULL, ERR_INVALID},
        {"data: [DONE]\n\n", NULL, ERR_INVALID},
    };

    hits_rig_expect(read_event, NULL, cases, COUNT_OF(cases));
}

Test(event_data, e38_gives_hostile_values_back_as_one_value_each)
{
    hits_rig_travel_all(read_event, NULL, "event: x\ndata: {\"email\":\"a\"}\n\n");
    hits_rig_travel_all(read_event, NULL,
                        "data: [{\"email\":\"a\"},\r\ndata:{\"email\":\"b\"}\rdata: ]\r\n\r\n");
}

Test(event_data, has_no_hit_over_a_lines_end)
{
    static const char event[] = "data: abc\ndata: def\n\n";
    AUTO(hits_done) struct hits hits = {0};
    struct hit hit = {.start = 1, .end = 3};

    cr_assert_eq(hits_add(&hits, &hit), ERR_OK);
    hit = (struct hit){.start = 4, .end = 7};
    cr_assert_eq(hits_add(&hits, &hit), ERR_OK);
    cr_assert_eq(event_place_hits(span_str(event), &hits), ERR_OK);
    cr_assert_eq(hits.at[0].start, 7);
    cr_assert_eq(hits.at[0].end, 9);
    cr_assert_eq(hits.at[1].start, 16);
    cr_assert_eq(hits.at[1].end, 19);
    hits.at[0] = (struct hit){.start = 2, .end = 5};
    hits.count = 1;
    cr_assert_eq(event_place_hits(span_str(event), &hits), ERR_INVALID);
    hits.at[0] = (struct hit){.start = 7, .end = 8};
    cr_assert_eq(event_place_hits(span_str(event), &hits), ERR_INVALID);
}

Test(event_data, places_the_subjects_of_elements_too)
{
    static const char event[] = "data: abc\ndata: def\n\n";
    struct hit_element elements[] = {{.state = ELEMENT_NAMED, .subject = {.start = 5, .end = 6}},
                                     {.state = ELEMENT_NULL, .subject = {.start = 99}},
                                     {.state = ELEMENT_NAMED, .subject = {.start = 0, .end = 1}}};
    struct hits hits = {.elements = elements, .element_count = 3};

    cr_assert_eq(event_place_hits(span_str(event), &hits), ERR_OK);
    cr_assert_eq(elements[0].subject.start, 17);
    cr_assert_eq(elements[1].subject.start, 99);
    cr_assert_eq(elements[2].subject.start, 6);
}

Test(event_data, takes_text_that_begins_no_event_of_its_own)
{
    static const struct {
        const char *value;
        const char *text; /* NULL: refused */
    } cases[] = {
        {"a b", "a b"},
        {"a\nb\n\nc", "a\ndata: b\ndata: \ndata: c"},
        {"x\n\nevent: admin", "x\ndata: \ndata: event: admin"},
        {"a\rb", NULL},
        {"a\r\nb", NULL},
        {" a", NULL},
        {"", ""},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        AUTO(buf_done) struct buf out = {.max = 1 << 16};
        const enum err e = event_write_text(span_str(cases[i].value), &out);

        cr_expect_eq(e, cases[i].text == NULL ? ERR_UNPROCESSABLE : ERR_OK);
        if (cases[i].text != NULL)
            cr_expect(span_equal(buf_span(&out), span_str(cases[i].text)), "%.*s", (int)out.len,
                      (char *)out.bytes);
        else
            cr_expect_eq(out.len, 0);
    }
}
