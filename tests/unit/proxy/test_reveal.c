/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "base/secret.h"
#include "tests/unit/proxy/body_rig.h"

static struct body_rig b;

static void start(void)
{
    body_start(&b);
}

static void end(void)
{
    body_end(&b);
}

TestSuite(reveal, .init = start, .fini = end, .timeout = 60);

/* Ada's body as the upstream has it. */
static void store(const char *subject, const char *document, struct buf *out)
{
    body_subject(&b, subject);
    cr_assert_eq(body_send(&b, span_str(document), out), ERR_OK);
}

static void expect_revealed(const struct buf *stored, const char *subject, const char *wanted)
{
    AUTO(buf_done) struct buf out;

    cr_assert_eq(body_receive(&b, buf_span(stored), subject, &out), ERR_OK);
    body_expect(&out, wanted);
}

static void expect_counts(size_t values, size_t masks, size_t tokens, size_t foreign, size_t clear)
{
    cr_assert_eq(b.counts.values, values);
    cr_assert_eq(b.counts.masks, masks);
    cr_assert_eq(b.counts.tokens, tokens);
    cr_assert_eq(b.counts.foreign, foreign);
    cr_assert_eq(b.counts.clear, clear);
}

/* ---- what a caller sees ---- */

Test(reveal, gives_values_back_byte_for_byte)
{
    static const char *const documents[] = {
        " {\"id\" : 1.50e+1, \"email\":\"ada@example.org\",\"a\\u0062\":[ ],\"note\":\"x\" } ",
        "{\"note\":-0.10E+5,\"phone\":true,\"list\":[{\"note\":[false,\"\"]}]}",
        "{\"note\":\"quote \\\" backslash \\\\ \\n \\u0000 é 🙂\"}",
        "{}",
        "7",
    };

    body_allow(&b, REVEAL_VALUE);
    for (size_t i = 0; i < COUNT_OF(documents); i++) {
        AUTO(buf_done) struct buf stored;

        store("ada", documents[i], &stored);
        expect_revealed(&stored, i < 3 ? "ada" : NULL, documents[i]);
    }
}

Test(reveal, counts_what_the_caller_got)
{
    AUTO(buf_done) struct buf stored;

    store("ada", "{\"email\":\"ada@example.org\",\"phone\":\"1\",\"note\":\"x\",\"brief\":null}",
          &stored);
    body_allow(&b, REVEAL_VALUE);
    b.actions[b.f.phone] = REVEAL_MASK;
    b.actions[b.f.note] = REVEAL_TOKEN;
    {
        AUTO(buf_done) struct buf out;

        cr_assert_eq(body_receive(&b, buf_span(&stored), "ada", &out), ERR_OK);
        expect_counts(1, 1, 1, 0, 0);
        cr_assert_not_null(memmem(out.bytes, out.len, "ada@example.org", 15));
        cr_assert_not_null(memmem(out.bytes, out.len, "\"phone\":\"***\"", 13));
        cr_assert_not_null(memmem(out.bytes, out.len, "\"note\":\"lt_", 11));
    }
}

Test(reveal, masks_by_the_format_of_the_class)
{
    AUTO(buf_done) struct buf stored;

    store("ada",
          "{\"email\":\"ada@example.org\",\"phone\":\"+442079460958\",\"note\":1234567890,"
          "\"brief\":\"a@b.example\"}",
          &stored);
    body_allow(&b, REVEAL_MASK);
    expect_revealed(&stored, "ada",
                    "{\"email\":\"a***@example.org\",\"phone\":\"***58\",\"note\":\"***90\","
                    "\"brief\":\"***le\"}");
    expect_counts(0, 4, 0, 0, 0);
}

Test(reveal, escapes_masks_too)
{
    AUTO(buf_done) struct buf stored;

    store("ada", "{\"email\":\"\\\"@\\\"\\n\",\"note\":\"123456\\\"\\u0000\"}", &stored);
    body_allow(&b, REVEAL_MASK);
    expect_revealed(&stored, "ada", "{\"email\":\"\\\"***@\\\"\\n\",\"note\":\"***\\\"\\u0000\"}");
}

Test(reveal, leaves_tokens_where_only_they_may_be_seen)
{
    AUTO(buf_done) struct buf stored, out;

    store("ada", "{\"email\":\"ada@example.org\",\"note\":\"x\"}", &stored);
    body_allow(&b, REVEAL_TOKEN);
    cr_assert_eq(body_receive(&b, buf_span(&stored), "ada", &out), ERR_OK);
    cr_assert(span_equal(buf_span(&out), buf_span(&stored)));
    expect_counts(0, 0, 2, 0, 0);
}

/* E38 */
Test(reveal, keeps_hostile_values_inside_their_string)
{
    static const char document[] =
        "{\"note\":\"\\\",\\\"admin\\\":true,\\\"x\\\":\\\"\",\"email\":\"</script>\\u0001\"}";
    AUTO(buf_done) struct buf stored;

    store("ada", document, &stored);
    body_allow(&b, REVEAL_VALUE);
    expect_revealed(&stored, "ada", document);
}

/* ---- what stays ---- */

Test(reveal, leaves_dead_tokens_as_they_are)
{
    AUTO(buf_done) struct buf stored;
    struct vault_erasure erasure = {0};
    const int64_t now_ms = clock_now_ms();
    struct token_text unknown;
    char document[256];
    const enum reveal_action actions[] = {REVEAL_VALUE, REVEAL_MASK, REVEAL_TOKEN};

    store("ada", "{\"email\":\"ada@example.org\",\"note\":\"x\"}", &stored);
    cr_assert_eq(fixture_erase(&b.f, "ada", &erasure), ERR_OK);
    vault_erasure_done(&erasure);
    unknown = fixture_decoy(&b.f, b.f.note);
    for (size_t i = 0; i < COUNT_OF(actions); i++) {
        AUTO(buf_done) struct buf out, other;

        body_allow(&b, actions[i]);
        cr_assert_eq(body_receive(&b, buf_span(&stored), NULL, &out), ERR_OK);
        cr_assert(span_equal(buf_span(&out), buf_span(&stored)));
        expect_counts(0, 0, 2, 0, 0);
        (void)body_text(document, sizeof(document), "{\"note\":\"%.*s\"}", unknown.len,
                        unknown.bytes);
        cr_assert_eq(body_receive(&b, span_str(document), NULL, &other), ERR_OK);
        body_expect(&other, document);
        expect_counts(0, 0, 1, 0, 0);
    }
    buf_done(&stored);
    store("bob", "{\"brief\":\"x\"}", &stored);
    clock_test_set_ms(now_ms + 60 * 1000);
    body_allow(&b, REVEAL_VALUE);
    {
        AUTO(buf_done) struct buf out;

        cr_assert_eq(body_receive(&b, buf_span(&stored), "bob", &out), ERR_OK);
        cr_assert(span_equal(buf_span(&out), buf_span(&stored)));
    }
    clock_test_set_ms(-1);
}

/* E24, E39 */
Test(reveal, leaves_another_subject_s_tokens)
{
    AUTO(buf_done) struct buf adas, bobs, out;
    char document[512];

    store("ada", "{\"note\":\"of ada\"}", &adas);
    store("bob", "{\"note\":\"of bob\"}", &bobs);
    body_allow(&b, REVEAL_VALUE);
    (void)body_text(document, sizeof(document), "{\"list\":[%.*s,%.*s]}", (int)adas.len,
                    (char *)adas.bytes, (int)bobs.len, (char *)bobs.bytes);
    cr_assert_eq(body_receive(&b, span_str(document), "ada", &out), ERR_OK);
    cr_assert_not_null(memmem(out.bytes, out.len, "of ada", 6));
    cr_assert_null(memmem(out.bytes, out.len, "of bob", 6));
    expect_counts(1, 0, 0, 1, 0);
    buf_done(&out);
    cr_assert_eq(body_receive(&b, span_str(document), NULL, &out), ERR_OK);
    cr_assert_not_null(memmem(out.bytes, out.len, "of bob", 6));
    expect_counts(2, 0, 0, 0, 0);
}

Test(reveal, shows_a_shared_token_to_each_of_its_owners)
{
    AUTO(buf_done) struct buf adas, bobs;

    store("ada", "{\"phone\":\"+44 1\"}", &adas);
    store("bob", "{\"phone\":\"+44 1\"}", &bobs);
    cr_assert(span_equal(buf_span(&adas), buf_span(&bobs)));
    body_allow(&b, REVEAL_VALUE);
    expect_revealed(&adas, "ada", "{\"phone\":\"+44 1\"}");
    expect_revealed(&bobs, "bob", "{\"phone\":\"+44 1\"}");
}

/* A caller who may see e-mail addresses must not see a note because the upstream moved its token.
 */
Test(reveal, leaves_a_token_in_a_field_of_another_class)
{
    struct token_text note;
    char document[256];
    AUTO(buf_done) struct buf out;

    cr_assert_eq(fixture_tokenize(&b.f, b.f.note, "ada", "secret note", &note), ERR_OK);
    (void)body_text(document, sizeof(document), "{\"email\":\"%.*s\"}", note.len, note.bytes);
    body_allow(&b, REVEAL_VALUE);
    cr_assert_eq(body_receive(&b, span_str(document), "ada", &out), ERR_OK);
    body_expect(&out, document);
    expect_counts(0, 0, 1, 0, 0);
    buf_done(&out);
    b.actions[b.f.email] = REVEAL_MASK;
    cr_assert_eq(body_receive(&b, span_str(document), "ada", &out), ERR_OK);
    body_expect(&out, document);
}

Test(reveal, leaves_tokens_alone_outside_of_fields)
{
    AUTO(buf_done) struct buf out;
    struct token_text note;
    char document[256];

    cr_assert_eq(fixture_tokenize(&b.f, b.f.note, "ada", "x", &note), ERR_OK);
    (void)body_text(document, sizeof(document), "{\"other\":\"%.*s\",\"%.*s\":1,\"email\":null}",
                    note.len, note.bytes, note.len, note.bytes);
    body_allow(&b, REVEAL_VALUE);
    cr_assert_eq(body_receive(&b, span_str(document), "ada", &out), ERR_OK);
    body_expect(&out, document);
    expect_counts(0, 0, 0, 0, 0);
}

/* ---- values that are no tokens ---- */

Test(reveal, passes_clear_values_only_to_those_who_may_see_values)
{
    AUTO(buf_done) struct buf stored;

    buf_init(&stored, 1000);
    rig_put(&stored, "{\"email\":\"ada@example.org\",\"phone\":12345678,\"note\":[true,\"a "
                     "\\\"token\\\" lt_x\"]}");
    body_allow(&b, REVEAL_VALUE);
    expect_revealed(&stored, NULL,
                    "{\"email\":\"ada@example.org\",\"phone\":12345678,"
                    "\"note\":[true,\"a \\\"token\\\" lt_x\"]}");
    expect_counts(0, 0, 0, 0, 4);
    body_allow(&b, REVEAL_MASK);
    expect_revealed(&stored, NULL,
                    "{\"email\":\"***rg\",\"phone\":\"***78\",\"note\":[\"***\",\"***_x\"]}");
    expect_counts(0, 0, 0, 0, 4);
    body_allow(&b, REVEAL_TOKEN);
    expect_revealed(&stored, NULL, "{\"email\":null,\"phone\":null,\"note\":[null,null]}");
    expect_counts(0, 0, 0, 0, 4);
}

Test(reveal, does_not_take_a_longer_text_for_its_token)
{
    struct token_text note;
    char document[256];
    AUTO(buf_done) struct buf out;

    cr_assert_eq(fixture_tokenize(&b.f, b.f.note, "ada", "x", &note), ERR_OK);
    (void)body_text(document, sizeof(document), "{\"note\":\" %.*s\"}", note.len, note.bytes);
    body_allow(&b, REVEAL_VALUE);
    cr_assert_eq(body_receive(&b, span_str(document), "ada", &out), ERR_OK);
    body_expect(&out, document);
    expect_counts(0, 0, 0, 0, 1);
}

Test(reveal, knows_a_token_that_was_escaped)
{
    struct token_text note;
    char document[256];
    AUTO(buf_done) struct buf out;

    cr_assert_eq(fixture_tokenize(&b.f, b.f.note, "ada", "x", &note), ERR_OK);
    (void)body_text(document, sizeof(document), "{\"note\":\"\\u006c%.*s\"}", note.len - 1,
                    note.bytes + 1);
    body_allow(&b, REVEAL_VALUE);
    cr_assert_eq(body_receive(&b, span_str(document), "ada", &out), ERR_OK);
    body_expect(&out, "{\"note\":\"x\"}");
}

/* ---- errors, and many ---- */

Test(reveal, writes_nothing_when_the_body_is_not_as_declared)
{
    static const struct {
        const char *document;
        enum err wanted;
    } cases[] = {{"{\"email\":\"a\"", ERR_INVALID},
                 {"{\"email\":[]}", ERR_UNPROCESSABLE},
                 {"<html>", ERR_INVALID},
                 {"{\"a\":1,\"a\":2}", ERR_INVALID}};

    body_allow(&b, REVEAL_VALUE);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        AUTO(buf_done) struct buf out;

        b.counts.values = 99;
        cr_assert_eq(body_receive(&b, span_str(cases[i].document), NULL, &out), cases[i].wanted);
        cr_assert_eq(out.len, 0);
        cr_assert_eq(b.counts.values, 99);
    }
}

Test(reveal, writes_nothing_when_it_does_not_fit)
{
    AUTO(buf_done) struct buf stored, out;

    store("ada", "{\"note\":\"a value much longer than its token is, so that the body grows\"}",
          &stored);
    body_allow(&b, REVEAL_VALUE);
    buf_init_secret(&out, stored.len + 1);
    cr_assert_eq(body_reveal(&b, b.fields, buf_span(&stored), 0, &out), ERR_TOO_LARGE);
    cr_assert_eq(out.len, 0);
    /* The reader is free again. */
    cr_assert_eq(vault_read_begin(b.f.r), ERR_OK);
    vault_read_end(b.f.r);
}

Test(reveal, takes_as_many_tokens_as_a_body_may_have)
{
    AUTO(buf_done) struct buf document, stored, out;
    char element[64];

    buf_init(&document, 1 << 20);
    rig_put(&document, "{\"notes\":[null");
    for (int i = 0; i < LIMIT_FIELDS_MAX; i++) {
        (void)body_text(element, sizeof(element), ",\"value %d\"", i);
        rig_put(&document, element);
    }
    rig_put(&document, "]}");
    body_subject(&b, "ada");
    cr_assert_eq(body_send(&b, buf_span(&document), &stored), ERR_OK);
    body_allow(&b, REVEAL_VALUE);
    cr_assert_eq(body_receive(&b, buf_span(&stored), "ada", &out), ERR_OK);
    cr_assert(span_equal(buf_span(&out), buf_span(&document)));
    expect_counts(LIMIT_FIELDS_MAX, 0, 0, 0, 0);
}

Test(reveal, takes_one_token_many_times)
{
    AUTO(buf_done) struct buf document, out;
    struct token_text note;
    char element[64];

    cr_assert_eq(fixture_tokenize(&b.f, b.f.note, "ada", "x", &note), ERR_OK);
    (void)body_text(element, sizeof(element), ",\"%.*s\"", note.len, note.bytes);
    buf_init(&document, 1 << 20);
    rig_put(&document, "{\"notes\":[null");
    for (int i = 0; i < 5000; i++)
        rig_put(&document, element);
    rig_put(&document, "]}");
    body_allow(&b, REVEAL_VALUE);
    cr_assert_eq(body_receive(&b, buf_span(&document), "ada", &out), ERR_OK);
    cr_assert_eq(out.len, strlen("{\"notes\":[null]}") + 5000 * strlen(",\"x\""));
    expect_counts(5000, 0, 0, 0, 0);
}

/* Random documents there and back: what was declared comes back, all else never changed. */
Test(reveal, undoes_tokenizing)
{
    const struct field_def everything = {.path = "$", .class_id = b.f.note, .deep = true};
    struct rig_random r = {0xDA942042E4DD58B5U};
    AUTO(fields_free) struct fields *all = NULL;

    cr_assert_eq(fields_new(&everything, 1, &all, NULL), ERR_OK);
    body_allow(&b, REVEAL_VALUE);
    body_subject(&b, "ada");
    for (int round = 0; round < 300; round++) {
        AUTO(buf_done) struct buf document, stored, out, again;
        AUTO(tokenize_free) struct tokenize *t = NULL;
        AUTO(hits_done) struct hits hits = {0}, back = {0};

        buf_init(&document, 1 << 20);
        buf_init(&stored, 1 << 22);
        buf_init_secret(&out, 1 << 22);
        buf_init_secret(&again, 1 << 22);
        rig_document(&r, &document);
        cr_assert_eq(body_begin_with(&b, all, buf_span(&document), &t), ERR_OK);
        if (tokenize_op(t) != NULL)
            cr_assert_eq(vault_run(b.f.v, tokenize_op(t)), ERR_OK);
        cr_assert_eq(tokenize_write(t, 0, &stored), ERR_OK);
        cr_assert_eq(body_reveal(&b, all, buf_span(&stored), 0, &out), ERR_OK);
        cr_assert_eq(b.counts.values, tokenize_count(t));
        /* Escapes may be spelt otherwise now; read again, values and everything between are equal.
         */
        cr_assert_eq(json_read(all, buf_span(&document), &hits), ERR_OK);
        cr_assert_eq(json_read(all, buf_span(&out), &back), ERR_OK);
        cr_assert_eq(hits.count, back.count);
        for (size_t i = 0, from = 0, to = 0; i < hits.count; i++) {
            const struct hit *x = &hits.at[i], *y = &back.at[i];
            struct span between = span_of(document.bytes + from, x->start - from);

            cr_assert(span_equal(between, span_of(out.bytes + to, y->start - to)));
            cr_assert_eq(x->kind, y->kind);
            if (!x->escaped)
                cr_assert(span_equal(span_of(document.bytes + x->start, x->end - x->start),
                                     span_of(out.bytes + y->start, y->end - y->start)));
            from = x->end;
            to = y->end;
        }
    }
}
