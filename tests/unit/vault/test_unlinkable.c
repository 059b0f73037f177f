/* SPDX-License-Identifier: Apache-2.0 */
/* The same 10,000 values of the same person in two domains: nothing about a token of the one says
 * which token of the other stands for the same value. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "tests/support/vault_fixture.h"

enum { VALUES = 10000, GROUP = 1000, SYMBOLS = 128 };

static struct vault_fixture f;

static void setup(void)
{
    fixture_start(&f);
}

static void teardown(void)
{
    fixture_end(&f);
}

TestSuite(unlinkable, .init = setup, .fini = teardown, .timeout = 120);

/* What the values of a test look like. */
static enum spelling { EMAIL, PHONE, UUID, NUMBER } spelling;

static void spell(char out[40], size_t i)
{
    switch (spelling) {
    case EMAIL:
        (void)snprintf(out, 40, "person%zu@example.org", i);
        break;
    case PHONE:
        (void)snprintf(out, 40, "+49 30 %zu", i);
        break;
    case UUID:
        (void)snprintf(out, 40, "6ba7b810-9dad-11d1-80b4-00c04f%06zu", i);
        break;
    case NUMBER:
        (void)snprintf(out, 40, "%zu", i);
        break;
    }
}

/* The tokens that every value gets in a domain; caller frees. */
static struct token_text *store_all(uint16_t domain, uint16_t class_id)
{
    struct token_text *tokens = mem_alloc(VALUES * sizeof(*tokens));
    struct vault_item *items = mem_alloc(GROUP * sizeof(*items));
    char(*values)[40] = mem_alloc(GROUP * sizeof(*values));

    for (size_t at = 0; at < VALUES; at += GROUP) {
        struct vault_tokenize op = {.op.kind = VAULT_TOKENIZE,
                                    .domain = domain,
                                    .names = {SPAN_LIT("anna")},
                                    .name_count = 1,
                                    .items = items,
                                    .count = GROUP};

        for (size_t i = 0; i < GROUP; i++) {
            spell(values[i], at + i);
            items[i] = (struct vault_item){
                .class_id = class_id, .kind = VALUE_STRING, .value = span_str(values[i])};
        }
        cr_assert_eq(vault_run(f.v, &op.op), ERR_OK);
        for (size_t i = 0; i < GROUP; i++)
            tokens[at + i] = items[i].token;
    }
    free(values);
    free(items);
    return tokens;
}

static int by_text(const void *a, const void *b)
{
    const struct token_text *left = a, *right = b;
    const int order =
        memcmp(left->bytes, right->bytes, left->len < right->len ? left->len : right->len);

    return order != 0 ? order : (int)left->len - (int)right->len;
}

/* No token of the one is a token of the other, for whatever value. */
static void expect_disjoint(const struct token_text *a, const struct token_text *b)
{
    struct token_text *all = mem_alloc(2 * VALUES * sizeof(*all));

    memcpy(all, a, VALUES * sizeof(*all));
    memcpy(all + VALUES, b, VALUES * sizeof(*all));
    qsort(all, 2 * VALUES, sizeof(*all), by_text);
    for (size_t i = 1; i < 2 * VALUES; i++)
        cr_assert_neq(by_text(&all[i - 1], &all[i]), 0, "a token twice: %.*s", (int)all[i].len,
                      all[i].bytes);
    free(all);
}

/* The part of a token that is not the same in all of its class: [*first, *last). */
static void find_varying(const struct token_text *a, const struct token_text *b, size_t *first,
                         size_t *last)
{
    *first = a[0].len;
    *last = 0;
    for (size_t i = 0; i < VALUES; i++) {
        const struct token_text *both[] = {&a[i], &b[i]};

        for (size_t j = 0; j < 2; j++)
            for (size_t at = 0; at < a[0].len; at++) {
                cr_assert_eq(both[j]->len, a[0].len);
                if (both[j]->bytes[at] == a[0].bytes[at])
                    continue;
                *first = at < *first ? at : *first;
                *last = at >= *last ? at + 1 : *last;
            }
    }
}

/* More often than seven times the deviation that chance allows? */
static bool is_striking(double seen, double expected)
{
    return seen > expected && (seen - expected) * (seen - expected) > 49 * (expected + 1);
}

/* The symbols at one place of both tokens, as often as they occur and as often as they occur
 * together; independent ones occur together as often as the product of the two says. */
static void expect_independent(const struct token_text *a, const struct token_text *b, size_t at)
{
    static uint32_t pairs[SYMBOLS][SYMBOLS];
    double in_a[SYMBOLS] = {0}, in_b[SYMBOLS] = {0}, seen[2 * SYMBOLS] = {0};
    double expected[2 * SYMBOLS] = {0};

    memset(pairs, 0, sizeof(pairs));
    for (size_t i = 0; i < VALUES; i++) {
        const size_t x = (uint8_t)a[i].bytes[at], y = (uint8_t)b[i].bytes[at];

        in_a[x]++;
        in_b[y]++;
        pairs[x][y]++;
        seen[SYMBOLS + x - y]++;
    }
    for (size_t x = 0; x < SYMBOLS; x++)
        for (size_t y = 0; y < SYMBOLS; y++) {
            const double chance = in_a[x] * in_b[y] / VALUES;

            expected[SYMBOLS + x - y] += chance;
            cr_expect_not(is_striking(pairs[x][y], chance), "place %zu: %c and %c %u times", at,
                          (char)x, (char)y, pairs[x][y]);
        }
    for (size_t d = 0; d < COUNT_OF(seen); d++)
        cr_expect_not(is_striking(seen[d], expected[d]), "place %zu: one difference %g times", at,
                      seen[d]);
}

/* Of two tokens for one value no more is the same than chance makes: at no place does one follow
 * from the other, and they share neither beginning nor end. */
static void expect_underivable(const struct token_text *a, const struct token_text *b)
{
    size_t first, last;

    find_varying(a, b, &first, &last);
    cr_assert_geq(last, first + 9);
    for (size_t at = first; at < last; at++)
        expect_independent(a, b, at);
    for (size_t i = 0; i < VALUES; i++) {
        size_t front = 0, back = 0;

        while (first + front < last && a[i].bytes[first + front] == b[i].bytes[first + front])
            front++;
        while (back < last - first && a[i].bytes[last - 1 - back] == b[i].bytes[last - 1 - back])
            back++;
        cr_expect(front <= 7 && back <= 7, "%.*s and %.*s", (int)a[i].len, a[i].bytes,
                  (int)b[i].len, b[i].bytes);
    }
}

/* Salts: 80 bits of which half differ, give or take chance, between the tokens of one value; and
 * none is used twice. */
static void expect_independent_salts(const struct token_text *a, const struct token_text *b)
{
    const uint8_t *keys = mem_alloc(TOKEN_LOCATOR_KEY_BYTES); /* the salt is read without one */
    long different = 0;
    const long bits = (long)VALUES * TOKEN_SALT_BYTES * 8;

    for (size_t i = 0; i < VALUES; i++) {
        struct token_ref left, right;

        cr_assert_eq(token_read(fixture_span(&a[i]), keys, &left), ERR_OK);
        cr_assert_eq(token_read(fixture_span(&b[i]), keys, &right), ERR_OK);
        for (size_t j = 0; j < TOKEN_SALT_BYTES; j++)
            different += __builtin_popcount((unsigned)(left.salt[j] ^ right.salt[j]));
    }
    free((void *)keys);
    /* Seven standard deviations; one is half the root of the bits. */
    cr_expect(labs(different - bits / 2) < 7 * 447, "%ld of %ld bits differ", different, bits);
}

static void expect_unlinkable(uint16_t class_id)
{
    struct token_text *a = store_all(f.crm, class_id);
    struct token_text *b = store_all(f.analytics, class_id);

    expect_disjoint(a, b);
    expect_underivable(a, b);
    expect_independent_salts(a, b);
    free(a);
    free(b);
}

Test(unlinkable, random_tokens_of_one_value_in_two_domains)
{
    expect_unlinkable(f.note);
}

/* E28 */
Test(unlinkable, deterministic_tokens_of_one_value_in_two_domains)
{
    struct token_text *first = store_all(f.crm, f.phone), *again;

    again = store_all(f.crm, f.phone);
    for (size_t i = 0; i < VALUES; i++)
        cr_assert_eq(by_text(&first[i], &again[i]), 0, "within a domain they are equal");
    free(first);
    free(again);
    expect_unlinkable(f.phone);
}

/* Whose identifiers these are as well: the same names lead to nobody in the other domain. */
Test(unlinkable, email_tokens_of_one_value_in_two_domains)
{
    expect_unlinkable(f.email);
}

/* ---- typed formats ---- */

static struct classes typed;

/* As setup(), with these classes in place of the fixture's. */
static void typed_setup(void)
{
    static const char yaml[] =
        "tel: {format: phone, deterministic: true, purposes: [x], basis: \"6(1)(b)\","
        " retain: {period: P1Y}}\n"
        "id: {format: uuid, purposes: [x], basis: \"6(1)(b)\", retain: {period: P1Y}}\n"
        "number: {format: integer, range: \"1000000000-9999999999\", deterministic: true,"
        " purposes: [x], basis: \"6(1)(b)\", retain: {period: P1Y}}\n";
    struct conf *conf = NULL;

    fixture_make(&f);
    cr_assert_eq(conf_parse("t.yaml", span_str(yaml), &conf, &f.msg), ERR_OK, "%s", f.msg.text);
    cr_assert_eq(classes_read(conf_root(conf), &typed, &f.msg), ERR_OK, "%s", f.msg.text);
    conf_free(&conf);
    f.classes = typed;
    cr_assert_eq(fixture_open(&f), ERR_OK, "%s", f.msg.text);
}

static void typed_teardown(void)
{
    fixture_end(&f);
    classes_done(&typed);
}

TestSuite(unlinkable_typed, .init = typed_setup, .fini = typed_teardown, .timeout = 120);

/* Their numbers are next to each other, or far apart in the same order: neither shows. */
static void expect_typed_unlinkable(const char *name, enum spelling how)
{
    const uint16_t class_id = vault_class_id(f.v, classes_find(&typed, span_str(name)));
    struct token_text *a, *b;

    spelling = how;
    a = store_all(f.crm, class_id);
    b = store_all(f.analytics, class_id);
    expect_disjoint(a, b);
    expect_underivable(a, b);
    free(a);
    free(b);
}

Test(unlinkable_typed, phone_tokens_of_one_value_in_two_domains)
{
    expect_typed_unlinkable("tel", PHONE);
}

Test(unlinkable_typed, uuid_tokens_of_one_value_in_two_domains)
{
    expect_typed_unlinkable("id", UUID);
}

Test(unlinkable_typed, integer_tokens_of_one_value_in_two_domains)
{
    expect_typed_unlinkable("number", NUMBER);
}
