/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
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

TestSuite(tokenize, .init = start, .fini = end, .timeout = 60);

/* The token that stands at "name":"..." in a body. */
static struct span token_at(const struct buf *body, const char *name)
{
    char needle[64];
    struct span text = body_text(needle, sizeof(needle), "\"%s\":\"", name);
    const char *from = memmem(body->bytes, body->len, text.at, text.len);

    cr_assert_not_null(from, "%s in %.*s", name, (int)body->len, (char *)body->bytes);
    from += text.len;
    return span_of(from, strcspn(from, "\""));
}

static void expect_value(struct span token, enum value_kind kind, const char *wanted)
{
    AUTO(buf_done) struct buf value;
    struct vault_value found;

    buf_init_secret(&value, 1 << 20);
    cr_assert(token_is(token), "%.*s", (int)token.len, token.at);
    cr_assert_eq(vault_read_begin(b.f.r), ERR_OK);
    cr_assert_eq(vault_reveal(b.f.r, 0, token, 0, &value, &found), ERR_OK);
    vault_read_end(b.f.r);
    cr_assert(span_equal(buf_span(&value), span_str(wanted)));
    cr_assert_eq(found.kind, kind);
}

static void expect_refused(struct span document, enum err wanted)
{
    struct tokenize *t = NULL;

    cr_assert_eq(body_begin(&b, document, &t), wanted, "%.*s", (int)document.len, document.at);
    cr_assert_null(t);
}

/* ---- what becomes of a body ---- */

Test(tokenize, replaces_declared_values_and_nothing_else)
{
    AUTO(buf_done) struct buf out;
    char wanted[512];
    struct span email, note;

    body_subject(&b, "ada");
    cr_assert_eq(
        body_send(&b,
                  SPAN_LIT(" {\"id\" : 1.50e+1, \"email\":\"ada@example.org\",\"a\\u0062\":[ ],\n"
                           "\"note\":\"x\\ny\" } "),
                  &out),
        ERR_OK);
    email = token_at(&out, "email");
    note = token_at(&out, "note");
    (void)body_text(
        wanted, sizeof(wanted),
        " {\"id\" : 1.50e+1, \"email\":\"%.*s\",\"a\\u0062\":[ ],\n\"note\":\"%.*s\" } ",
        (int)email.len, email.at, (int)note.len, note.at);
    body_expect(&out, wanted);
    expect_value(email, VALUE_STRING, "ada@example.org");
    expect_value(note, VALUE_STRING, "x\ny");
}

Test(tokenize, keeps_the_type_of_numbers_and_booleans)
{
    AUTO(buf_done) struct buf out;

    body_subject(&b, "ada");
    cr_assert_eq(body_send(&b, SPAN_LIT("{\"phone\":4420.50,\"note\":true}"), &out), ERR_OK);
    expect_value(token_at(&out, "phone"), VALUE_NUMBER, "4420.50");
    expect_value(token_at(&out, "note"), VALUE_BOOL, "true");
}

Test(tokenize, takes_all_scalars_below_a_deep_field)
{
    AUTO(buf_done) struct buf out;
    AUTO(tokenize_free) struct tokenize *t = NULL;
    struct span document = SPAN_LIT("{\"note\":{\"a\":[\"x\",{\"b\":2}],\"c\":null}}");

    body_subject(&b, "ada");
    cr_assert_eq(body_begin(&b, document, &t), ERR_OK);
    cr_assert_eq(tokenize_count(t), 2);
    cr_assert_eq(body_send(&b, document, &out), ERR_OK);
    expect_value(token_at(&out, "b"), VALUE_NUMBER, "2");
    cr_assert_null(memmem(out.bytes, out.len, "\"x\"", 3));
    cr_assert_not_null(memmem(out.bytes, out.len, "\"c\":null", 8));
}

Test(tokenize, has_nothing_to_do_where_nothing_is_declared)
{
    static const char *const documents[] = {"{\"id\":1,\"name\":\"x\"}", "7", "{\"email\":null}",
                                            " {\"list\":[{},null]} "};

    body_subject(&b, "ada");
    for (size_t i = 0; i < COUNT_OF(documents); i++) {
        AUTO(tokenize_free) struct tokenize *t = NULL;
        AUTO(buf_done) struct buf out;

        buf_init(&out, 1000);
        cr_assert_eq(body_begin(&b, span_str(documents[i]), &t), ERR_OK);
        cr_assert_null(tokenize_op(t));
        cr_assert_eq(tokenize_count(t), 0);
        cr_assert_eq(tokenize_write(t, 0, &out), ERR_OK);
        body_expect(&out, documents[i]);
    }
}

Test(tokenize, refuses_what_cannot_be_read_as_declared)
{
    AUTO(buf_done) struct buf large;

    expect_refused(SPAN_LIT("{\"email\":\"a\",}"), ERR_INVALID);
    expect_refused(SPAN_LIT("{\"email\":\"a\",\"\\u0065mail\":\"b\"}"), ERR_INVALID);
    expect_refused(SPAN_LIT("{\"email\":[\"a\"]}"), ERR_UNPROCESSABLE);
    expect_refused(SPAN_LIT("{\"email\":{\"address\":\"a\"}}"), ERR_UNPROCESSABLE);
    expect_refused(SPAN_LIT("{\"notes\":\"in clear\"}"), ERR_UNPROCESSABLE);
    expect_refused(SPAN_LIT("[{\"email\":\"a\"}]"), ERR_UNPROCESSABLE);
    expect_refused(SPAN_LIT(""), ERR_INVALID);
    buf_init(&large, 4 << 20);
    rig_put(&large, "{\"note\":\"");
    for (int i = 0; i < LIMIT_VALUE_MAX / 16; i++)
        rig_put(&large, "0123456789abcdef");
    rig_put(&large, "\"}");
    body_subject(&b, "ada");
    {
        AUTO(buf_done) struct buf out;

        cr_assert_eq(body_send(&b, buf_span(&large), &out), ERR_OK);
    }
    large.len -= 2;
    rig_put(&large, "x\"}");
    expect_refused(buf_span(&large), ERR_TOO_LARGE);
}

/* ---- what is settled by reading ---- */

Test(tokenize, asks_the_writer_once_for_a_deterministic_value)
{
    AUTO(buf_done) struct buf first, again;
    AUTO(tokenize_free) struct tokenize *t = NULL;
    const struct span document = SPAN_LIT("{\"email\":\"ada@example.org\",\"phone\":\"+44 1\"}");

    body_subject(&b, "ada");
    cr_assert_eq(body_send(&b, document, &first), ERR_OK);
    cr_assert_eq(body_begin(&b, document, &t), ERR_OK);
    cr_assert_null(tokenize_op(t));
    cr_assert_eq(tokenize_count(t), 2);
    buf_init(&again, 1000);
    cr_assert_eq(tokenize_write(t, 0, &again), ERR_OK);
    cr_assert(span_equal(buf_span(&first), buf_span(&again)));
}

/* Whom a body's values belonged to when they were settled. */
static uint64_t owner_of(struct span document)
{
    AUTO(tokenize_free) struct tokenize *t = NULL;

    cr_assert_eq(body_begin(&b, document, &t), ERR_OK);
    return tokenize_owner(t);
}

Test(tokenize, tells_the_owner_only_when_all_of_its_names_are_known)
{
    AUTO(buf_done) struct buf out;
    uint64_t slot = 0;

    body_subject(&b, "ada");
    cr_assert_eq(owner_of(SPAN_LIT("{\"note\":\"x\"}")), 0, "not stored yet");
    cr_assert_eq(body_send(&b, SPAN_LIT("{\"note\":\"x\"}"), &out), ERR_OK);
    cr_assert_eq(fixture_subject(&b.f, "ada", &slot), ERR_OK);
    cr_assert_eq(owner_of(SPAN_LIT("{\"note\":\"x\"}")), slot);
    cr_assert_eq(owner_of(SPAN_LIT("{\"email\":\"ada@example.org\"}")), 0, "a name is new");
    cr_assert_eq(owner_of(SPAN_LIT("{}")), 0, "nobody was asked for");
}

Test(tokenize, asks_for_what_is_missing_only)
{
    AUTO(buf_done) struct buf first, again;
    struct vault_class_stats email, note;

    body_subject(&b, "ada");
    cr_assert_eq(body_send(&b, SPAN_LIT("{\"email\":\"a@b.c\",\"note\":\"x\"}"), &first), ERR_OK);
    cr_assert_eq(body_send(&b, SPAN_LIT("{\"note\":\"x\",\"email\":\"a@b.c\"}"), &again), ERR_OK);
    cr_assert(span_equal(token_at(&first, "email"), token_at(&again, "email")));
    cr_assert(!span_equal(token_at(&first, "note"), token_at(&again, "note")));
    email = fixture_stats(&b.f, b.f.email);
    note = fixture_stats(&b.f, b.f.note);
    cr_assert_eq(email.created, 1);
    cr_assert_eq(note.created, 2);
}

Test(tokenize, gives_one_token_to_a_deterministic_value_that_comes_twice)
{
    AUTO(buf_done) struct buf out;
    struct span one, two;

    body_subject(&b, "ada");
    cr_assert_eq(body_send(&b, SPAN_LIT("{\"phone\":\"1\",\"list\":[{\"phone\":\"1\"}]}"), &out),
                 ERR_OK);
    one = token_at(&out, "phone");
    two = span_of(one.at + one.len, (size_t)((char *)out.bytes + out.len - one.at) - one.len);
    cr_assert_not_null(memmem(two.at, two.len, one.at, one.len));
    cr_assert_eq(fixture_stats(&b.f, b.f.phone).created, 1);
}

Test(tokenize, tells_a_number_from_the_text_of_it)
{
    AUTO(buf_done) struct buf text, number;

    body_subject(&b, "ada");
    cr_assert_eq(body_send(&b, SPAN_LIT("{\"phone\":\"44\"}"), &text), ERR_OK);
    cr_assert_eq(body_send(&b, SPAN_LIT("{\"phone\":44}"), &number), ERR_OK);
    cr_assert(!span_equal(token_at(&text, "phone"), token_at(&number, "phone")));
    expect_value(token_at(&text, "phone"), VALUE_STRING, "44");
    expect_value(token_at(&number, "phone"), VALUE_NUMBER, "44");
}

Test(tokenize, finds_no_other_subject_s_token)
{
    AUTO(buf_done) struct buf ada, bob;
    AUTO(tokenize_free) struct tokenize *t = NULL;
    const struct span document = SPAN_LIT("{\"phone\":\"+44 1\"}");

    body_subject(&b, "ada");
    cr_assert_eq(body_send(&b, document, &ada), ERR_OK);
    body_subject(&b, "bob");
    cr_assert_eq(body_begin(&b, document, &t), ERR_OK);
    cr_assert_not_null(tokenize_op(t));
    cr_assert_eq(body_send(&b, document, &bob), ERR_OK);
    /* Equal values of two people share a token; each has a row of his own. */
    cr_assert(span_equal(buf_span(&ada), buf_span(&bob)));
    cr_assert_eq(fixture_stats(&b.f, b.f.phone).created, 2);
}

/* ---- tokens that come back ---- */

Test(tokenize, keeps_the_subject_s_own_tokens)
{
    AUTO(buf_done) struct buf first, again;
    AUTO(tokenize_free) struct tokenize *t = NULL;

    body_subject(&b, "ada");
    cr_assert_eq(body_send(&b, SPAN_LIT("{\"note\":\"x\",\"email\":\"a@b.c\"}"), &first), ERR_OK);
    cr_assert_eq(body_begin(&b, buf_span(&first), &t), ERR_OK);
    cr_assert_null(tokenize_op(t));
    cr_assert_eq(tokenize_count(t), 0);
    buf_init(&again, 1000);
    cr_assert_eq(tokenize_write(t, 0, &again), ERR_OK);
    cr_assert(span_equal(buf_span(&first), buf_span(&again)));
}

Test(tokenize, keeps_tokens_beside_new_values)
{
    AUTO(buf_done) struct buf first, again;
    char document[256];
    struct span token;

    body_subject(&b, "ada");
    cr_assert_eq(body_send(&b, SPAN_LIT("{\"note\":\"x\"}"), &first), ERR_OK);
    token = token_at(&first, "note");
    cr_assert_eq(body_send(&b,
                           body_text(document, sizeof(document),
                                     "{\"note\":[\"%.*s\",\"new\"],\"email\":\"a@b.c\"}",
                                     (int)token.len, token.at),
                           &again),
                 ERR_OK);
    cr_assert_not_null(memmem(again.bytes, again.len, token.at, token.len));
    cr_assert_null(memmem(again.bytes, again.len, "new", 3));
    cr_assert_eq(fixture_stats(&b.f, b.f.note).created, 2);
}

static void expect_token_refused(const char *name, const struct token_text *token)
{
    char document[512];

    expect_refused(
        body_text(document, sizeof(document), "{\"%s\":\"%.*s\"}", name, token->len, token->bytes),
        ERR_UNPROCESSABLE);
}

Test(tokenize, refuses_another_subject_s_token)
{
    struct token_text bobs, adas;

    cr_assert_eq(fixture_tokenize(&b.f, b.f.note, "bob", "x", &bobs), ERR_OK);
    cr_assert_eq(fixture_tokenize(&b.f, b.f.note, "ada", "x", &adas), ERR_OK);
    body_subject(&b, "ada");
    expect_token_refused("note", &bobs);
    body_subject(&b, "bob");
    expect_token_refused("note", &adas);
}

Test(tokenize, refuses_tokens_where_nobody_is_known)
{
    struct token_text token;

    cr_assert_eq(fixture_tokenize(&b.f, b.f.note, "ada", "x", &token), ERR_OK);
    body_subject(&b, NULL);
    expect_token_refused("note", &token);
    body_subject(&b, "somebody new");
    expect_token_refused("note", &token);
}

Test(tokenize, lets_no_clear_text_ride_behind_an_email_token)
{
    AUTO(buf_done) struct buf out;
    char text[256];
    struct span email;

    body_subject(&b, "ada");
    cr_assert_eq(body_send(&b, SPAN_LIT("{\"email\":\"ada@example.org\"}"), &out), ERR_OK);
    email = token_at(&out, "email");
    expect_refused(body_text(text, sizeof(text), "{\"email\":\"%.*s@ada.example.org\"}",
                             TOKEN_EMAIL_LOCAL_LEN, email.at),
                   ERR_UNPROCESSABLE);
}

Test(tokenize, refuses_a_token_of_another_class)
{
    struct token_text token;

    cr_assert_eq(fixture_tokenize(&b.f, b.f.note, "ada", "x", &token), ERR_OK);
    body_subject(&b, "ada");
    expect_token_refused("phone", &token);
    expect_token_refused("email", &token);
}

Test(tokenize, refuses_dead_tokens_all_alike)
{
    struct vault_erasure erasure = {0};
    struct token_text brief, erased, unknown;
    const int64_t now_ms = clock_now_ms();

    body_subject(&b, "ada");
    cr_assert_eq(fixture_tokenize(&b.f, b.f.note, "ada", "x", &erased), ERR_OK);
    cr_assert_eq(fixture_erase(&b.f, "ada", &erasure), ERR_OK);
    vault_erasure_done(&erasure);
    expect_token_refused("note", &erased);
    cr_assert_eq(fixture_tokenize(&b.f, b.f.brief, "ada", "x", &brief), ERR_OK);
    clock_test_set_ms(now_ms + 60 * 1000);
    expect_token_refused("brief", &brief);
    clock_test_set_ms(-1);
    unknown = fixture_decoy(&b.f, b.f.note);
    expect_token_refused("note", &unknown);
}

/* ---- names ---- */

Test(tokenize, makes_identifying_values_names_of_the_subject)
{
    AUTO(buf_done) struct buf out;
    uint64_t by_route = 0, by_email = 1;

    body_subject(&b, "4711");
    cr_assert_eq(body_send(&b, SPAN_LIT("{\"email\":\"ad\\u0061@example.org\"}"), &out), ERR_OK);
    cr_assert_eq(fixture_subject(&b.f, "4711", &by_route), ERR_OK);
    cr_assert_eq(fixture_subject(&b.f, "ada@example.org", &by_email), ERR_OK);
    cr_assert_eq(by_route, by_email);
}

Test(tokenize, finds_the_subject_by_an_identifying_value)
{
    AUTO(buf_done) struct buf out;
    uint64_t slot = 0, again = 1;

    body_subject(&b, NULL);
    cr_assert_eq(body_send(&b, SPAN_LIT("{\"email\":\"ada@example.org\",\"note\":\"x\"}"), &out),
                 ERR_OK);
    cr_assert_eq(fixture_subject(&b.f, "ada@example.org", &slot), ERR_OK);
    buf_done(&out);
    cr_assert_eq(body_send(&b, SPAN_LIT("{\"email\":\"ada@example.org\",\"note\":\"y\"}"), &out),
                 ERR_OK);
    cr_assert_eq(fixture_subject(&b.f, "ada@example.org", &again), ERR_OK);
    cr_assert_eq(slot, again);
}

Test(tokenize, records_a_new_name_even_when_every_value_is_known)
{
    AUTO(buf_done) struct buf out;
    uint64_t by_route = 0, by_email = 1;

    body_subject(&b, NULL);
    cr_assert_eq(body_send(&b, SPAN_LIT("{\"email\":\"ada@example.org\"}"), &out), ERR_OK);
    cr_assert_eq(fixture_subject(&b.f, "4711", &by_route), ERR_NOT_FOUND);
    body_subject(&b, "4711");
    buf_done(&out);
    cr_assert_eq(body_send(&b, SPAN_LIT("{\"email\":\"ada@example.org\"}"), &out), ERR_OK);
    cr_assert_eq(fixture_subject(&b.f, "4711", &by_route), ERR_OK);
    cr_assert_eq(fixture_subject(&b.f, "ada@example.org", &by_email), ERR_OK);
    cr_assert_eq(by_route, by_email);
    cr_assert_eq(fixture_stats(&b.f, b.f.email).created, 1);
}

Test(tokenize, does_not_take_tokens_and_empty_values_for_names)
{
    AUTO(buf_done) struct buf first, again;
    uint64_t slot = 0;
    char token[64] = "";

    body_subject(&b, "ada");
    cr_assert_eq(body_send(&b, SPAN_LIT("{\"email\":\"\"}"), &first), ERR_OK);
    expect_value(token_at(&first, "email"), VALUE_STRING, "");
    cr_assert_eq(body_send(&b, buf_span(&first), &again), ERR_OK);
    (void)body_text(token, sizeof(token), "%.*s", (int)token_at(&first, "email").len,
                    token_at(&first, "email").at);
    cr_assert_eq(fixture_subject(&b.f, token, &slot), ERR_NOT_FOUND);
}

Test(tokenize, refuses_a_token_as_the_subject_s_name)
{
    struct token_text token;
    char name[64];

    cr_assert_eq(fixture_tokenize(&b.f, b.f.note, "ada", "x", &token), ERR_OK);
    (void)body_text(name, sizeof(name), "%.*s", token.len, token.bytes);
    body_subject(&b, name);
    expect_refused(SPAN_LIT("{\"note\":\"y\"}"), ERR_UNPROCESSABLE);
}

/* One key for two people could not be parted again. */
Test(tokenize, does_not_put_two_people_under_one_key)
{
    AUTO(buf_done) struct buf out, more;

    body_subject(&b, NULL);
    expect_refused(SPAN_LIT("{\"list\":[{\"email\":\"ada@b.c\"},{\"email\":\"bob@b.c\"}]}"),
                   ERR_UNPROCESSABLE);
    cr_assert_eq(
        body_send(&b, SPAN_LIT("{\"list\":[{\"email\":\"a@b.c\"},{\"email\":\"a@b.c\"}]}"), &out),
        ERR_OK);
    body_subject(&b, "4711");
    cr_assert_eq(
        body_send(&b, SPAN_LIT("{\"list\":[{\"email\":\"c@b.c\"},{\"email\":\"d@b.c\"}]}"), &more),
        ERR_OK);
}

Test(tokenize, bounds_the_names_of_a_request)
{
    AUTO(buf_done) struct buf document;
    char element[64];

    body_subject(&b, "4711");
    buf_init(&document, 1 << 16);
    rig_put(&document, "{\"list\":[null");
    for (int i = 0; i < VAULT_NAMES_MAX; i++) {
        (void)body_text(element, sizeof(element), ",{\"email\":\"%d@b.c\"}", i);
        rig_put(&document, element);
    }
    rig_put(&document, "]}");
    expect_refused(buf_span(&document), ERR_TOO_LARGE);
    buf_reset(&document);
    rig_put(&document, "{\"email\":\"");
    for (int i = 0; i <= LIMIT_IDENTIFIER_MAX; i++)
        rig_put(&document, "x");
    rig_put(&document, "\"}");
    expect_refused(buf_span(&document), ERR_TOO_LARGE);
}

/* ---- many, and memory ---- */

Test(tokenize, takes_as_many_values_as_a_body_may_have)
{
    AUTO(buf_done) struct buf document, out;
    char element[64];

    body_subject(&b, "ada");
    buf_init(&document, 1 << 20);
    rig_put(&document, "{\"notes\":[null");
    for (int i = 0; i < LIMIT_FIELDS_MAX; i++) {
        (void)body_text(element, sizeof(element), ",\"value %d\"", i);
        rig_put(&document, element);
    }
    rig_put(&document, "]}");
    cr_assert_eq(body_send(&b, buf_span(&document), &out), ERR_OK);
    cr_assert_null(memmem(out.bytes, out.len, "value", 5));
    cr_assert_eq(fixture_stats(&b.f, b.f.note).created, LIMIT_FIELDS_MAX);
}

/* The client may leave, and its document go, while the writer works. */
Test(tokenize, lets_the_writer_read_copies_only)
{
    static const char text[] = "{\"note\":\"plain\",\"phone\":\"e\\u0073caped\",\"email\":7}";
    AUTO(tokenize_free) struct tokenize *t = NULL;
    AUTO(buf_done) struct buf out;
    char *document = mem_strdup(text);

    body_subject(&b, "ada");
    cr_assert_eq(body_begin(&b, span_str(document), &t), ERR_OK);
    memset(document, '#', sizeof(text) - 1);
    cr_assert_eq(vault_run(b.f.v, tokenize_op(t)), ERR_OK);
    memcpy(document, text, sizeof(text));
    buf_init(&out, 1000);
    cr_assert_eq(tokenize_write(t, 0, &out), ERR_OK);
    free(document);
    expect_value(token_at(&out, "note"), VALUE_STRING, "plain");
    expect_value(token_at(&out, "phone"), VALUE_STRING, "escaped");
    expect_value(token_at(&out, "email"), VALUE_NUMBER, "7");
}

Test(tokenize, writes_all_or_nothing)
{
    AUTO(tokenize_free) struct tokenize *t = NULL;
    AUTO(buf_done) struct buf out;

    body_subject(&b, "ada");
    cr_assert_eq(body_begin(&b, SPAN_LIT("{\"note\":\"x\",\"id\":1}"), &t), ERR_OK);
    cr_assert_eq(vault_run(b.f.v, tokenize_op(t)), ERR_OK);
    buf_init(&out, 47);
    cr_assert_eq(tokenize_write(t, 0, &out), ERR_TOO_LARGE);
    cr_assert_eq(out.len, 0);
}
