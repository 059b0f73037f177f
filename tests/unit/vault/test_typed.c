/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/vault/typed_rig.h"

#include <ctype.h>

static const char CLASSES[] =
    "classes:\n"
    "  phone: {format: phone, " TYPED_REST "}\n"
    "  pan: {format: pan, " TYPED_REST "}\n"
    "  card: {format: pan, keep_last: 4, deterministic: true, " TYPED_REST "}\n"
    "  iban: {format: iban, deterministic: true, " TYPED_REST "}\n"
    "  uuid: {format: uuid, " TYPED_REST "}\n"
    "  born: {format: date, deterministic: true, " TYPED_REST "}\n"
    "  member: {format: digits, deterministic: true, identifies: true, " TYPED_REST "}\n"
    "  plate: {format: alnum, reserved: XX, deterministic: true, " TYPED_REST "}\n"
    "  address4: {format: ipv4, " TYPED_REST "}\n"
    "  address6: {format: ipv6, deterministic: true, " TYPED_REST "}\n"
    "  person: {format: name, " TYPED_REST "}\n"
    "  amount: {format: integer, deterministic: true, " TYPED_REST "}\n"
    "  note: {" TYPED_REST "}\n"
    "  mail: {format: email, deterministic: true, " TYPED_REST "}\n";

static void setup(void)
{
    typed_start(CLASSES);
}

TestSuite(typed, .init = setup, .fini = typed_end);

/* ---- every format, from value to token and back ---- */

static const struct {
    const char *class_name, *value, *other;
    enum value_kind kind;
} cases[] = {
    {"phone", "+491701234567", "0170 7654321", VALUE_STRING},
    {"pan", "4111111111111111", "5500005555555559", VALUE_STRING},
    {"card", "4111111111111111", "5500005555555559", VALUE_STRING},
    {"iban", "DE89370400440532013000", "DE75512108001245126199", VALUE_STRING},
    {"uuid", "f81d4fae-7dec-11d0-a765-00a0c91e6bf6", "f81d4fae-7dec-11d0-a765-00a0c91e6bf7",
     VALUE_STRING},
    {"born", "1980-02-29", "1981-03-01", VALUE_STRING},
    {"member", "12345678", "12345679", VALUE_STRING},
    {"plate", "AB123", "CD456", VALUE_STRING},
    {"address4", "10.1.2.3", "10.1.2.4", VALUE_STRING},
    {"address6", "2a00:1450:4001::1", "2a00:1450:4001::2", VALUE_STRING},
    {"person", "Ada Lovelace", "Grace Hopper", VALUE_STRING},
    {"amount", "42", "43", VALUE_NUMBER},
    {"note", "tea", "coffee", VALUE_STRING},
    {"mail", "ada@example.org", "grace@example.org", VALUE_STRING},
};

static enum err tokenize(const char *class_name, enum value_kind kind, const char *value,
                         struct token_text *ret)
{
    struct vault_item item = {
        .class_id = class_id(class_name), .kind = kind, .value = span_str(value)};
    struct vault_tokenize op = {.op.kind = VAULT_TOKENIZE,
                                .domain = VAULT_DOMAIN_DEFAULT,
                                .names = {SPAN_LIT("ada")},
                                .name_count = 1,
                                .items = &item,
                                .count = 1};
    enum err e = vault_run(f.v, &op.op);

    *ret = item.token;
    return e;
}

Test(typed, values_of_every_format_come_back_as_they_went_in)
{
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const char *name = cases[i].class_name;
        struct token_text token, other;
        struct vault_value value;
        char out[256] = "";

        cr_assert_eq(tokenize(name, cases[i].kind, cases[i].value, &token), ERR_OK, "%s", name);
        cr_assert_eq(tokenize(name, cases[i].kind, cases[i].other, &other), ERR_OK, "%s", name);
        cr_assert_not(same(&token, &other), "%s", name);
        cr_assert_not(span_equal(fixture_span(&token), span_str(cases[i].value)), "%s", name);
        for (int again = 0; again < 4; again++) { /* the last ones from what the reader remembers */
            cr_assert_eq(reveal(name, &token, out, &value), ERR_OK, "%s %.*s", name, token.len,
                         token.bytes);
            cr_assert_str_eq(out, cases[i].value, "%s", name);
            cr_assert_eq(value.kind, cases[i].kind, "%s", name);
            cr_assert_eq(value.class_id, class_id(name), "%s", name);
            cr_assert(reveals(name, &other, cases[i].other), "%s", name);
        }
    }
}

Test(typed, tokens_live_through_a_restart)
{
    struct token_text tokens[COUNT_OF(cases)];

    for (size_t i = 0; i < COUNT_OF(cases); i++)
        cr_assert_eq(tokenize(cases[i].class_name, cases[i].kind, cases[i].value, &tokens[i]),
                     ERR_OK);
    typed_restart();
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        cr_assert(reveals(cases[i].class_name, &tokens[i], cases[i].value), "%s",
                  cases[i].class_name);
}

Test(typed, values_that_the_format_is_not_for_are_refused_and_nothing_is_stored)
{
    static const char *const wrong[][2] = {{"pan", "hello"},          {"iban", "DE00"},
                                           {"born", "1981-02-29"},    {"uuid", "f81d4fae"},
                                           {"address4", "300.1.1.1"}, {"address6", "::zz"},
                                           {"member", "12a45678"},    {"amount", "4.5"}};
    struct token_text token;

    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        cr_assert_eq(tokenize(wrong[i][0], VALUE_STRING, wrong[i][1], &token), ERR_UNPROCESSABLE,
                     "%s %s", wrong[i][0], wrong[i][1]);
        cr_assert_eq(token.len, 0);
        cr_assert_eq(stats(wrong[i][0]).items, 0);
        cr_assert_eq(stats(wrong[i][0]).used, 0);
    }
}

Test(typed, a_bad_value_fails_its_operation_alone)
{
    struct vault_item items[] = {
        {.class_id = class_id("pan"), .kind = VALUE_STRING, .value = SPAN_LIT("4111111111111111")},
        {.class_id = class_id("note"), .kind = VALUE_STRING, .value = SPAN_LIT("x")},
        {.class_id = class_id("born"), .kind = VALUE_STRING, .value = SPAN_LIT("never")},
    };
    struct vault_tokenize op = {.op.kind = VAULT_TOKENIZE,
                                .domain = VAULT_DOMAIN_DEFAULT,
                                .names = {SPAN_LIT("ada")},
                                .name_count = 1,
                                .items = items,
                                .count = COUNT_OF(items)};
    uint64_t slot;

    cr_assert_eq(vault_run(f.v, &op.op), ERR_UNPROCESSABLE);
    cr_assert_eq(stats("pan").items, 0);
    cr_assert_eq(stats("note").items, 0);
    cr_assert_eq(fixture_subject(&f, "ada", &slot), ERR_NOT_FOUND);
    op.count = 2;
    cr_assert_eq(vault_run(f.v, &op.op), ERR_OK);
    cr_assert_eq(stats("pan").items, 1);
    cr_assert_eq(stats("pan").used, 1, "what the failed one had taken was given back");
}

Test(typed, a_value_that_looks_like_a_token_is_in_conflict)
{
    static const char *const classes[] = {"pan",   "iban",     "born", "member",
                                          "plate", "address4", "uuid", "address6"};

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct token_text token, again;
        char text[256];
        bool listed = false;

        for (size_t c = 0; c < COUNT_OF(classes); c++)
            listed = listed || strcmp(classes[c], cases[i].class_name) == 0;
        if (!listed)
            continue;
        cr_assert_eq(tokenize(cases[i].class_name, cases[i].kind, cases[i].value, &token), ERR_OK);
        (void)snprintf(text, sizeof(text), "%.*s", token.len, token.bytes);
        cr_assert_eq(tokenize(cases[i].class_name, cases[i].kind, text, &again), ERR_CONFLICT,
                     "%s %s", cases[i].class_name, text);
        cr_assert_eq(stats(cases[i].class_name).items, 1);
    }
}

/* ---- reading with and without a class ---- */

Test(typed, a_token_of_another_class_is_not_found)
{
    struct token_text pan = store("pan", "ada", "4111111111111111");
    struct token_text note = store("note", "ada", "tea");
    struct token_text mail = store("mail", "ada", "ada@example.org");

    cr_assert_eq(reveal_result("iban", &pan), ERR_NOT_FOUND);
    cr_assert_eq(reveal_result("card", &pan), ERR_NOT_FOUND, "the same format, another class");
    cr_assert_eq(reveal_result("note", &pan), ERR_NOT_FOUND);
    cr_assert_eq(reveal_result("pan", &note), ERR_NOT_FOUND);
    cr_assert_eq(reveal_result("mail", &note), ERR_NOT_FOUND);
    cr_assert_eq(reveal_result("note", &mail), ERR_NOT_FOUND);
    cr_assert(reveals("note", &note, "tea"));
    cr_assert(reveals("mail", &mail, "ada@example.org"));
}

Test(typed, a_token_is_found_without_its_class)
{
    struct token_text token = store("iban", "ada", "DE89370400440532013000");
    struct vault_value value;
    char out[256];

    cr_assert_eq(reveal("", &token, out, &value), ERR_OK);
    cr_assert_str_eq(out, "DE89370400440532013000");
    cr_assert_eq(value.class_id, class_id("iban"));
    token.bytes[token.len - 1] ^= 1;
    cr_assert_eq(reveal_result("", &token), ERR_NOT_FOUND);
}

Test(typed, other_spellings_of_a_token_read_alike)
{
    struct token_text token = store("uuid", "ada", "f81d4fae-7dec-11d0-a765-00a0c91e6bf6");

    for (size_t i = 0; i < token.len; i++)
        token.bytes[i] = (char)toupper((unsigned char)token.bytes[i]);
    cr_assert(reveals("uuid", &token, "f81d4fae-7dec-11d0-a765-00a0c91e6bf6"));
}

Test(typed, tokens_of_others_are_denied_and_the_erased_are_gone)
{
    struct token_text token = store("pan", "ada", "4111111111111111");
    struct vault_scope scope = {.class_id = class_id("pan")};
    struct vault_value value;
    uint64_t slot;

    (void)store("note", "bert", "x");
    cr_assert_eq(fixture_subject(&f, "bert", &slot), ERR_OK);
    scope.slot = slot;
    cr_assert_eq(vault_read_begin(f.r), ERR_OK);
    cr_assert_eq(vault_inspect_as(f.r, &scope, fixture_span(&token), &value), ERR_DENIED);
    vault_read_end(f.r);
    cr_assert(reveals("pan", &token, "4111111111111111"));
    erase("ada");
    cr_assert_eq(reveal_result("pan", &token), ERR_NOT_FOUND);
    cr_assert_eq(reveal_result("", &token), ERR_NOT_FOUND);
}

Test(typed, values_are_gone_when_their_time_is_over)
{
    struct token_text token;
    size_t deleted = 0;

    clock_test_set_ms(INT64_C(1800000000000));
    token = store("phone", "ada", "+491701234567");
    cr_assert(reveals("phone", &token, "+491701234567"));
    clock_test_set_ms(INT64_C(1800000000000) + INT64_C(366) * 86400 * 1000);
    cr_assert_eq(reveal_result("phone", &token), ERR_NOT_FOUND);
    cr_assert_eq(fixture_purge(&f, class_id("phone"), 100, &deleted), ERR_OK);
    cr_assert_eq(deleted, 1);
    cr_assert_eq(stats("phone").items, 0);
    cr_assert_eq(stats("phone").used, 1, "its number does not come back");
}

/* Rows of several sequences do not lie in the order in which they fall due. */
Test(typed, what_is_due_is_purged_whatever_its_shape)
{
    const int64_t start_ms = INT64_C(1800000000000), day_ms = INT64_C(86400) * 1000;
    size_t deleted = 0, total = 0;

    clock_test_set_ms(start_ms);
    (void)store("pan", "ada", "4111111111111111");
    clock_test_set_ms(start_ms + 100 * day_ms);
    (void)store("pan", "bert", "378282246310005"); /* another shape: behind all of the first */
    clock_test_set_ms(start_ms + 200 * day_ms);
    (void)store("pan", "carl", "4111111111111111"); /* between the two, and due last */
    clock_test_set_ms(start_ms + 470 * day_ms);
    for (int batch = 0; batch < 3; batch++) {
        cr_assert_eq(fixture_purge(&f, class_id("pan"), 1, &deleted), ERR_OK);
        total += deleted;
    }
    cr_assert_eq(total, 2);
    cr_assert_eq(stats("pan").items, 1);
}

/* ---- deterministic classes ---- */

Test(typed, equal_values_have_equal_tokens_within_and_across_subjects)
{
    struct token_text a = store("iban", "ada", "DE89370400440532013000");
    struct token_text again = store("iban", "ada", "DE89370400440532013000");
    struct token_text b = store("iban", "bert", "DE89370400440532013000");
    struct token_text other = store("iban", "bert", "DE75512108001245126199");

    cr_assert(same(&a, &again));
    cr_assert(same(&a, &b));
    cr_assert_not(same(&a, &other));
    cr_assert_eq(stats("iban").items, 3, "one row an owner and value");
    cr_assert_eq(stats("iban").used, 2);
    erase("ada");
    cr_assert(reveals("iban", &b, "DE89370400440532013000"), "bert's own is untouched");
}

Test(typed, the_same_value_twice_in_one_operation_is_one_token)
{
    struct vault_item items[4] = {
        {.class_id = class_id("member"), .kind = VALUE_STRING, .value = SPAN_LIT("12345678")},
        {.class_id = class_id("member"), .kind = VALUE_STRING, .value = SPAN_LIT("87654321")},
        {.class_id = class_id("member"), .kind = VALUE_STRING, .value = SPAN_LIT("12345678")},
        {.class_id = class_id("pan"), .kind = VALUE_STRING, .value = SPAN_LIT("4111111111111111")},
    };
    struct vault_tokenize op = {.op.kind = VAULT_TOKENIZE,
                                .domain = VAULT_DOMAIN_DEFAULT,
                                .names = {SPAN_LIT("ada")},
                                .name_count = 1,
                                .items = items,
                                .count = COUNT_OF(items)};

    cr_assert_eq(vault_run(f.v, &op.op), ERR_OK);
    cr_assert(same(&items[0].token, &items[2].token));
    cr_assert_not(same(&items[0].token, &items[1].token));
    cr_assert(reveals("member", &items[0].token, "12345678"));
    cr_assert(reveals("member", &items[1].token, "87654321"));
    cr_assert(reveals("pan", &items[3].token, "4111111111111111"));
    cr_assert_eq(stats("member").items, 2);
    cr_assert_eq(stats("member").used, 2);
}

Test(typed, a_value_of_nobody_alive_gets_a_new_token)
{
    struct token_text old = store("born", "ada", "1980-02-29"), new;
    struct vault_erasure erasure;

    cr_assert_eq(fixture_erase(&f, "ada", &erasure), ERR_OK); /* not swept yet */
    vault_erasure_done(&erasure);
    new = store("born", "bert", "1980-02-29");
    cr_assert_not(same(&old, &new));
    cr_assert_eq(reveal_result("born", &old), ERR_NOT_FOUND);
    cr_assert(reveals("born", &new, "1980-02-29"));
    erase("bert");
    cr_assert_not(same(&old, &new));
}

static enum err find(const char *class_name, enum value_kind kind, const char *value,
                     struct token_text *ret)
{
    struct vault_item item = {
        .class_id = class_id(class_name), .kind = kind, .value = span_str(value)};
    enum err e;

    cr_assert_eq(vault_read_begin(f.r), ERR_OK);
    e = vault_find(f.r, VAULT_DOMAIN_DEFAULT, 0, &item);
    vault_read_end(f.r);
    *ret = item.token;
    return e;
}

Test(typed, the_token_of_a_value_is_found)
{
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const char *name = cases[i].class_name;
        struct token_text token, found;

        cr_assert_eq(tokenize(name, cases[i].kind, cases[i].value, &token), ERR_OK);
        if (!classes_find(&typed_classes, span_str(name))->deterministic)
            continue;
        for (int again = 0; again < 3; again++) {
            cr_assert_eq(find(name, cases[i].kind, cases[i].value, &found), ERR_OK, "%s", name);
            cr_assert(same(&token, &found), "%s", name);
        }
        cr_assert_eq(find(name, cases[i].kind, cases[i].other, &found), ERR_NOT_FOUND, "%s", name);
    }
}

Test(typed, decoys_look_like_tokens_and_stand_for_nothing)
{
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct vault_item item = {.class_id = class_id(cases[i].class_name),
                                  .kind = cases[i].kind,
                                  .value = span_str(cases[i].value)};
        struct token_text token;
        uint64_t number;

        cr_assert_eq(tokenize(cases[i].class_name, cases[i].kind, cases[i].value, &token), ERR_OK);
        cr_assert_eq(vault_decoy(f.r, &item), ERR_OK, "%s", cases[i].class_name);
        cr_assert_eq(reveal_result(cases[i].class_name, &item.token), ERR_NOT_FOUND);
        if (vault__is_typed(f.v, item.class_id))
            cr_assert_eq(vault__typed_read(f.v, item.class_id, fixture_span(&item.token), &number),
                         ERR_OK, "%s", cases[i].class_name);
        else
            cr_assert(token_is(fixture_span(&item.token)));
    }
}

Test(typed, there_is_no_decoy_for_what_cannot_be_stored)
{
    struct vault_item item = {
        .class_id = class_id("born"), .kind = VALUE_STRING, .value = SPAN_LIT("soon")};

    cr_assert_eq(vault_decoy(f.r, &item), ERR_UNPROCESSABLE);
}

/* ---- one text, several classes ---- */

TestSuite(ambiguous, .fini = typed_end);

Test(ambiguous, a_token_that_lives_under_two_classes_wants_its_class)
{
    struct token_text a[9], b[9];
    size_t i = 0, j = 0;
    char value[8];

    typed_start("classes:\n"
                "  left: {format: digits, reserved: \"9\", " TYPED_REST "}\n"
                "  right: {format: digits, reserved: \"9\", " TYPED_REST "}\n");
    for (size_t n = 0; n < 9; n++) { /* nine of the ten tokens 90 to 99 */
        (void)snprintf(value, sizeof(value), "1%zu", n);
        a[n] = store("left", "ada", value);
        (void)snprintf(value, sizeof(value), "2%zu", n);
        b[n] = store("right", "bert", value);
    }
    while (!same(&a[i], &b[j])) {
        j = (j + 1) % 9;
        i += j == 0;
    }
    cr_assert_eq(reveal_result("", &a[i]), ERR_CONFLICT);
    (void)snprintf(value, sizeof(value), "1%zu", i);
    cr_assert(reveals("left", &a[i], value));
    (void)snprintf(value, sizeof(value), "2%zu", j);
    cr_assert(reveals("right", &a[i], value));
    erase("bert");
    (void)snprintf(value, sizeof(value), "1%zu", i);
    cr_assert(reveals("", &a[i], value), "only one is left");
}

/* ---- rectification ---- */

static enum err rectify(const char *class_name, const struct token_text *token, const char *value)
{
    struct vault_rectify op = {.op.kind = VAULT_RECTIFY,
                               .token = fixture_span(token),
                               .class_id = class_name[0] == '\0' ? 0 : class_id(class_name),
                               .kind = VALUE_STRING,
                               .value = span_str(value)};

    return vault_run(f.v, &op.op);
}

Test(typed, a_value_is_rectified_behind_its_token)
{
    struct token_text random = store("pan", "ada", "4111111111111111");
    struct token_text equal = store("iban", "ada", "DE89370400440532013000"), found;

    for (int i = 0; i < 3; i++) /* the reader remembers the rows */
        cr_assert(reveals("pan", &random, "4111111111111111"));
    cr_assert_eq(rectify("pan", &random, "5500005555555559"), ERR_OK);
    cr_assert(reveals("pan", &random, "5500005555555559"));
    cr_assert_eq(rectify("", &equal, "DE75512108001245126199"), ERR_OK, "the class is found");
    cr_assert(reveals("iban", &equal, "DE75512108001245126199"));
    cr_assert_eq(find("iban", VALUE_STRING, "DE75512108001245126199", &found), ERR_OK);
    cr_assert(same(&found, &equal));
    cr_assert_eq(find("iban", VALUE_STRING, "DE89370400440532013000", &found), ERR_NOT_FOUND);
}

Test(typed, a_rectified_value_fits_its_class_and_a_deterministic_token_its_value)
{
    struct token_text pan = store("pan", "ada", "4111111111111111");
    struct token_text member = store("member", "ada", "12345678");

    cr_assert_eq(rectify("pan", &pan, "no card"), ERR_UNPROCESSABLE);
    cr_assert_eq(rectify("iban", &pan, "DE75512108001245126199"), ERR_NOT_FOUND);
    cr_assert_eq(rectify("member", &member, "123456789"), ERR_CONFLICT, "another shape");
    cr_assert_eq(rectify("member", &member, "87654321"), ERR_OK);
    cr_assert(reveals("pan", &pan, "4111111111111111"));
    cr_assert(reveals("member", &member, "87654321"));
}
