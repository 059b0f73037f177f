/* SPDX-License-Identifier: Apache-2.0 */
/* Streams cut anywhere: what is shown, and when. What is found stands in brackets here. */
#include "proxy/reveal_stream.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"
#include "base/mem.h"
#include "tests/support/vault_fixture.h"

enum { OUT_MAX = 8 << 20 };

static struct vault_fixture f;
static struct places *both, *texts, *json;
static char opaque[TOKEN_OPAQUE_LEN + 1], address[TOKEN_TEXT_MAX + 1];
static const char *value; /* what is written for each hit; NULL: itself in brackets */
static size_t shows;

static struct places *compile(const struct field_decl *decls, size_t count)
{
    const struct places_def def = {.decls = decls, .count = count, .template = SPAN_LIT("/")};
    struct places *places = NULL;

    cr_assert_eq(places_new(&def, f.v, &places, &f.msg), ERR_OK, "%s", f.msg.text);
    return places;
}

static void start(void)
{
    struct field_decl decls[] = {
        {.place = PLACE_JSON, .name = (char *)(uintptr_t) "$.note", .class = &f.defs[0]},
        {.place = PLACE_TEXT, .name = (char *)(uintptr_t) "*", .mode = FIELD_SCAN}};
    struct token_text token;

    fixture_start(&f);
    json = compile(decls, 1);
    texts = compile(decls + 1, 1);
    both = compile(decls, 2);
    cr_assert_eq(fixture_tokenize(&f, f.note, "ada", "x", &token), ERR_OK);
    (void)snprintf(opaque, sizeof(opaque), "%.*s", (int)token.len, token.bytes);
    cr_assert_eq(fixture_tokenize(&f, f.email, "ada", "ada@example.org", &token), ERR_OK);
    (void)snprintf(address, sizeof(address), "%.*s", (int)token.len, token.bytes);
}

static void stop(void)
{
    places_free(&both);
    places_free(&texts);
    places_free(&json);
    fixture_end(&f);
}

TestSuite(reveal_stream, .init = start, .fini = stop, .timeout = 120);

static enum err show(void *context, struct part *part, struct buf *out)
{
    AUTO(buf_done) struct buf scratch = {.max = OUT_MAX, .secret = true};
    size_t at = 0;

    cr_assert_null(context);
    shows++;
    for (size_t i = 0; i < part->hits.count; i++) {
        const struct hit *hit = &part->hits.at[i];
        char text[256];
        struct span found;
        enum err e;

        cr_assert_eq(hit_read(part->text, hit, &scratch, &found), ERR_OK);
        (void)snprintf(text, sizeof(text), "[%.*s]", (int)found.len, found.at);
        cr_assert_eq(buf_append(out, part->text.at + at, hit->start - at), ERR_OK);
        e = hit_write(part->text, hit, VALUE_STRING, span_str(value == NULL ? text : value), out);
        if (e != ERR_OK)
            return e;
        at = hit->end;
    }
    return buf_append(out, part->text.at + at, part->text.len - at);
}

/* A pattern's text: O is an opaque token, E an e-mail token. */
static void expand(const char *pattern, struct buf *out)
{
    for (; *pattern != '\0'; pattern++) {
        if (*pattern == 'O')
            cr_assert_eq(buf_append_str(out, opaque), ERR_OK);
        else if (*pattern == 'E')
            cr_assert_eq(buf_append_str(out, address), ERR_OK);
        else
            cr_assert_eq(buf_append_byte(out, (uint8_t)*pattern), ERR_OK);
    }
}

/* Feed it in pieces; each comes from memory of exactly its size. */
static enum err feed(struct reveal_stream *s, struct span text, size_t size, struct buf *out)
{
    enum err e = ERR_OK;

    while (e == ERR_OK && text.len > 0) {
        const size_t len = text.len < size ? text.len : size;
        char *piece = mem_alloc(len);

        memcpy(piece, text.at, len);
        e = reveal_stream_feed(s, span_of(piece, len), out);
        free(piece);
        text = span_of(text.at + len, text.len - len);
    }
    return e;
}

static void expect(const struct places *places, enum media_kind kind, const char *pattern,
                   const char *shown)
{
    AUTO(buf_done) struct buf text = {.max = OUT_MAX}, wanted = {.max = OUT_MAX};

    expand(pattern, &text);
    expand(shown, &wanted);
    for (size_t first = 0; first <= text.len; first++) {
        for (size_t size = 1; size <= text.len + 1; size += size > 6 ? text.len : 1) {
            AUTO(buf_done) struct buf out = {.max = OUT_MAX, .secret = true};
            AUTO(reveal_stream_free)
            struct reveal_stream *s = reveal_stream_new(places, kind, show, NULL);

            cr_assert_eq(feed(s, span_of(text.bytes, first), first, &out), ERR_OK);
            cr_assert_eq(feed(s, span_of(text.bytes + first, text.len - first), size, &out),
                         ERR_OK);
            cr_assert_eq(reveal_stream_finish(s, &out), ERR_OK);
            cr_assert(span_equal(buf_span(&out), buf_span(&wanted)),
                      "%s cut at %zu, then by %zu:\n%.*s", pattern, first, size, (int)out.len,
                      (char *)out.bytes);
        }
    }
}

/* ---- texts ---- */

Test(reveal_stream, finds_tokens_wherever_a_text_is_cut)
{
    expect(texts, MEDIA_TEXT, "", "");
    expect(texts, MEDIA_TEXT, "nothing l lt lt_ lt-", "nothing l lt lt_ lt-");
    expect(texts, MEDIA_TEXT, "O", "[O]");
    expect(texts, MEDIA_TEXT, "Dear O,\nwrite to <E>.", "Dear [O],\nwrite to <[E]>.");
    expect(texts, MEDIA_TEXT, "OOxE", "[O][O]x[E]");
    expect(texts, MEDIA_TEXT, "caf\xc3\xa9 O \xf0\x9f\x99\x82 lt_",
           "caf\xc3\xa9 [O] \xf0\x9f\x99\x82 lt_");
    expect(texts, MEDIA_TEXT, "\xff O \xc3", "\xff [O] \xc3");
}

Test(reveal_stream, holds_no_more_of_a_text_than_a_token_may_need)
{
    AUTO(reveal_stream_free)
    struct reveal_stream *s = reveal_stream_new(texts, MEDIA_TEXT, show, NULL);
    AUTO(buf_done) struct buf out = {.max = OUT_MAX, .secret = true};
    char *large = mem_alloc(OUT_MAX / 4);

    cr_assert_eq(feed(s, SPAN_LIT("at once\nlt"), 100, &out), ERR_OK);
    cr_expect(span_equal(buf_span(&out), SPAN_LIT("at once\n")));
    cr_assert_eq(feed(s, SPAN_LIT("d"), 100, &out), ERR_OK);
    cr_expect(span_equal(buf_span(&out), SPAN_LIT("at once\nltd")));
    memset(large, 'l', OUT_MAX / 4); /* one piece, far larger than what is shown at a time */
    cr_assert_eq(feed(s, span_of(large, OUT_MAX / 4), OUT_MAX, &out), ERR_OK);
    cr_expect_geq(out.len + TOKEN_TEXT_MAX, OUT_MAX / 4);
    cr_expect_eq(shows, 0, "what has no token needs nobody");
    free(large);
}

/* ---- events ---- */

Test(reveal_stream, reads_the_data_of_each_event_as_json)
{
    expect(json, MEDIA_EVENTS, "data: {\"note\":\"O\"}\n\n", "data: {\"note\":\"[O]\"}\n\n");
    expect(json, MEDIA_EVENTS,
           ": c\nid: 7\nevent: e\r\ndata:{\"note\" : \r\ndata: \"O\"}\nretry: 1\n\n",
           ": c\nid: 7\nevent: e\r\ndata:{\"note\" : \r\ndata: \"[O]\"}\nretry: 1\n\n");
    expect(json, MEDIA_EVENTS, "data: {\"note\":\"O\"}\r\rdata: {\"note\":1}\r\n\r\n:\n\n",
           "data: {\"note\":\"[O]\"}\r\rdata: {\"note\":\"[1]\"}\r\n\r\n:\n\n");
    expect(json, MEDIA_EVENTS, "data: O\n\ndata: [DONE]\n\ndata\n\ndata: \"O\"\n\n",
           "data: O\n\ndata: [DONE]\n\ndata\n\ndata: \"O\"\n\n");
    expect(json, MEDIA_EVENTS,
           "\xef\xbb\xbf"
           "data: {\"note\":1}\n\n:\n\xef\xbb\xbf"
           "data: {\"note\":1}\ndata: {\"note\":1}\n\n",
           "\xef\xbb\xbf"
           "data: {\"note\":\"[1]\"}\n\n:\n\xef\xbb\xbf"
           "data: {\"note\":1}\ndata: {\"note\":\"[1]\"}\n\n");
    expect(json, MEDIA_EVENTS, "data: {\"note\":\"O\"}\n", "data: {\"note\":\"O\"}\n");
}

Test(reveal_stream, finds_tokens_in_data_that_are_text)
{
    expect(texts, MEDIA_EVENTS, "data: Dear O,\ndata: write to E\nid: O\n\n",
           "data: Dear [O],\ndata: write to [E]\nid: O\n\n");
    expect(both, MEDIA_EVENTS, "data: {\"note\":\"O\",\"x\":\"O\"}\n\ndata: O\n\ndata: [O]\n\n",
           "data: {\"note\":\"[O]\",\"x\":\"O\"}\n\ndata: [O]\n\ndata: [[O]]\n\n");
    expect(texts, MEDIA_EVENTS, "data: <b>O</b>\n\ndata: O", "data: <b>O</b>\n\ndata: O");
}

Test(reveal_stream, e37_a_value_stays_inside_the_data)
{
    value = "a\",\n\nid: 1\n";
    expect(texts, MEDIA_EVENTS, "data: O!\n\n", "data: a\",\ndata: \ndata: id: 1\ndata: !\n\n");
    expect(texts, MEDIA_EVENTS, "data: {\"x\":\"O\"}\n\n",
           "data: {\"x\":\"a\\\",\\n\\nid: 1\\n\"}\n\n");
    expect(json, MEDIA_EVENTS, "data: {\"note\":\"O\"}\n\n",
           "data: {\"note\":\"a\\\",\\n\\nid: 1\\n\"}\n\n");
    value = NULL;
}

static enum err outcome(const struct places *places, const char *text)
{
    AUTO(reveal_stream_free)
    struct reveal_stream *s = reveal_stream_new(places, MEDIA_EVENTS, show, NULL);
    AUTO(buf_done) struct buf out = {.max = OUT_MAX, .secret = true};

    return feed(s, span_str(text), 3, &out);
}

Test(reveal_stream, breaks_off_where_declared_fields_cannot_be_told)
{
    cr_expect_eq(outcome(json, "data: {\"note\":1,\"note\":2}\n\n"), ERR_INVALID);
    cr_expect_eq(outcome(json, "data: [ {\"note\":}]\n\n"), ERR_INVALID);
    cr_expect_eq(outcome(both, "data: {\"note\":\"x\"\n\n"), ERR_INVALID);
    cr_expect_eq(outcome(json, "data: {\"note\":{}}\n\n"), ERR_UNPROCESSABLE);
    cr_expect_eq(outcome(texts, "data: {\"note\":\n\n"), ERR_OK, "nothing of JSON is declared");
}

Test(reveal_stream, shows_an_event_with_its_last_byte)
{
    AUTO(reveal_stream_free)
    struct reveal_stream *s = reveal_stream_new(json, MEDIA_EVENTS, show, NULL);
    AUTO(buf_done) struct buf out = {.max = OUT_MAX, .secret = true};

    cr_assert_eq(feed(s, SPAN_LIT(": still here\n"), 1, &out), ERR_OK);
    cr_expect(span_equal(buf_span(&out), SPAN_LIT(": still here\n")), "a comment does not wait");
    buf_reset(&out);
    cr_assert_eq(feed(s, SPAN_LIT("data: {}\n"), 1, &out), ERR_OK);
    cr_expect_eq(out.len, 0);
    cr_assert_eq(feed(s, SPAN_LIT("\n"), 1, &out), ERR_OK);
    cr_expect(span_equal(buf_span(&out), SPAN_LIT("data: {}\n\n")));
}

Test(reveal_stream, has_no_room_for_events_without_an_end)
{
    AUTO(reveal_stream_free)
    struct reveal_stream *s = reveal_stream_new(json, MEDIA_EVENTS, show, NULL);
    AUTO(buf_done) struct buf out = {.max = OUT_MAX, .secret = true};
    char *line = mem_alloc(LIMIT_EVENT_MAX + 1);

    memset(line, 'x', LIMIT_EVENT_MAX + 1);
    memcpy(line, "data: ", 6);
    line[LIMIT_EVENT_MAX - 2] = line[LIMIT_EVENT_MAX - 1] = '\n';
    cr_assert_eq(feed(s, span_of(line, LIMIT_EVENT_MAX), 4096, &out), ERR_OK);
    cr_assert_eq(feed(s, span_of(line, LIMIT_EVENT_MAX), OUT_MAX, &out), ERR_OK);
    cr_assert_eq(out.len, 2 * LIMIT_EVENT_MAX);
    line[LIMIT_EVENT_MAX - 2] = 'x';
    line[LIMIT_EVENT_MAX] = '\n';
    cr_expect_eq(feed(s, span_of(line, LIMIT_EVENT_MAX + 1), OUT_MAX, &out), ERR_TOO_LARGE);
    cr_expect_eq(feed(s, span_of(line, LIMIT_EVENT_MAX + 1), 4096, &out), ERR_TOO_LARGE);
    free(line);
}

/* ---- anything ---- */

static void make_up(unsigned *seed, struct buf *out)
{
    static const char *const pieces[] = {"O",        "E",      "\n",    "\n\n", "\r",
                                         "\r\n",     "data: ", "data:", "lt_",  "lt",
                                         ":",        " ",      "id:",   "x",    "{\"note\":\"O\"}",
                                         "\xc3\xa9", "lt-",    "\"O\"", "[",    "<",
                                         "7"};
    const int count = rand_r(seed) % 40;

    for (int i = 0; i < count; i++)
        expand(pieces[(size_t)rand_r(seed) % COUNT_OF(pieces)], out);
}

static void run(const struct places *places, enum media_kind kind, struct span text, unsigned *seed,
                struct buf *out, enum err *ret)
{
    AUTO(reveal_stream_free) struct reveal_stream *s = reveal_stream_new(places, kind, show, NULL);
    enum err e = ERR_OK;

    while (e == ERR_OK && text.len > 0) {
        const size_t most = seed == NULL ? text.len : (size_t)rand_r(seed) % 50 + 1;
        const size_t len = most < text.len ? most : text.len;

        e = feed(s, span_of(text.at, len), len, out);
        text = span_of(text.at + len, text.len - len);
    }
    *ret = e == ERR_OK ? reveal_stream_finish(s, out) : e;
}

Test(reveal_stream, is_the_same_however_it_is_cut)
{
    const struct places *all[] = {both, texts, json};
    unsigned seed = 20261129;

    for (int i = 0; i < 3000; i++) {
        AUTO(buf_done) struct buf text = {.max = OUT_MAX};
        AUTO(buf_done) struct buf whole = {.max = OUT_MAX, .secret = true};
        AUTO(buf_done) struct buf cut = {.max = OUT_MAX, .secret = true};
        const enum media_kind kind = i % 3 == 1 && i % 2 == 0 ? MEDIA_TEXT : MEDIA_EVENTS;
        enum err first, second;

        make_up(&seed, &text);
        run(all[i % 3], kind, buf_span(&text), NULL, &whole, &first);
        run(all[i % 3], kind, buf_span(&text), &seed, &cut, &second);
        cr_assert_eq(first, second);
        cr_assert(first != ERR_OK || span_equal(buf_span(&whole), buf_span(&cut)),
                  "%.*s\nwhole:\n%.*s\ncut:\n%.*s", (int)text.len, (char *)text.bytes,
                  (int)whole.len, (char *)whole.bytes, (int)cut.len, (char *)cut.bytes);
    }
}
