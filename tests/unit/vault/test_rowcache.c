/* SPDX-License-Identifier: Apache-2.0 */
/* The rows a reader remembers: found again as they were, under their own key only, gone on demand.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/secret.h"
#include "vault/rowcache_priv.h"

static void init(void)
{
    secret_start();
}

TestSuite(rowcache, .init = init);

static struct store_row row_of(uint64_t id, uint64_t slot, const char *sealed)
{
    struct store_row row = {.id = id, .token_row = id + 1000, .slot = slot, .due_s = 99};

    memset(row.salt, (int)id, sizeof(row.salt));
    row.sealed = span_str(sealed);
    return row;
}

Test(rowcache, gives_back_the_row_that_a_token_names)
{
    AUTO(rowcache_free) struct rowcache *c = rowcache_new(64);
    const struct store_row put = row_of(7, 3, "ciphertext");
    struct store_row got;

    cr_assert_not(rowcache_by_token(c, 1, 7, 0, &got));
    rowcache_put_token(c, 1, 7, 0, &put);
    cr_assert(rowcache_by_token(c, 1, 7, 0, &got));
    cr_assert_eq(got.id, 7);
    cr_assert_eq(got.token_row, 1007);
    cr_assert_eq(got.slot, 3);
    cr_assert_eq(got.due_s, 99);
    cr_assert(memcmp(got.salt, put.salt, sizeof(got.salt)) == 0);
    cr_assert(span_equal(got.sealed, SPAN_LIT("ciphertext")));
}

Test(rowcache, tells_classes_rows_and_owners_apart)
{
    AUTO(rowcache_free) struct rowcache *c = rowcache_new(64);
    const struct store_row put = row_of(7, 3, "ciphertext");
    struct store_row got;

    rowcache_put_token(c, 1, 7, 3, &put);
    cr_assert_not(rowcache_by_token(c, 2, 7, 3, &got));
    cr_assert_not(rowcache_by_token(c, 1, 8, 3, &got));
    cr_assert_not(rowcache_by_token(c, 1, 7, 0, &got));
    cr_assert_not(rowcache_by_token(c, 1, 7, 4, &got));
}

Test(rowcache, finds_a_value_by_tag_and_owner_without_its_ciphertext)
{
    AUTO(rowcache_free) struct rowcache *c = rowcache_new(64);
    const uint8_t tag[SECRET_TAG_BYTES] = {1, 2, 3};
    const uint8_t other[SECRET_TAG_BYTES] = {1, 2, 4};
    const struct store_row put = row_of(7, 3, "ciphertext");
    struct store_row got;
    struct span token;

    rowcache_put_value(c, tag, 3, &put, SPAN_NONE);
    cr_assert(rowcache_by_value(c, tag, 3, &got, &token));
    cr_assert_eq(got.token_row, 1007);
    cr_assert_eq(got.sealed.len, 0);
    cr_assert_eq(token.len, 0);
    cr_assert_not(rowcache_by_value(c, tag, 4, &got, &token));
    cr_assert_not(rowcache_by_value(c, other, 3, &got, &token));
}

static const char OPAQUE[] = "lt_0010123456789abcdefghijklKKKK";

Test(rowcache, finds_a_value_with_the_opaque_token_that_stands_for_it)
{
    AUTO(rowcache_free) struct rowcache *c = rowcache_new(64);
    const uint8_t tag[SECRET_TAG_BYTES] = {1, 2, 3};
    const struct store_row put = row_of(7, 3, "ciphertext");
    struct store_row got;
    struct span token;

    rowcache_put_value(c, tag, 3, &put, span_str(OPAQUE));
    cr_assert(rowcache_by_value(c, tag, 3, &got, &token));
    cr_assert(span_equal(token, span_str(OPAQUE)));
    rowcache_put_value(c, tag, 3, &put, SPAN_NONE);
    cr_assert(rowcache_by_value(c, tag, 3, &got, &token));
    cr_assert_eq(token.len, 0, "what stood there before is no part of it");
}

Test(rowcache, finds_the_row_of_an_opaque_token_by_every_character)
{
    AUTO(rowcache_free) struct rowcache *c = rowcache_new(64);
    const struct store_row put = row_of(7, 3, "ciphertext");
    struct store_row got;

    rowcache_put_text(c, OPAQUE, 1, 3, &put);
    cr_assert(rowcache_by_text(c, OPAQUE, 1, 3, &got));
    cr_assert_eq(got.id, 7);
    cr_assert(span_equal(got.sealed, SPAN_LIT("ciphertext")));
    cr_assert_not(rowcache_by_text(c, OPAQUE, 1, 0, &got));
    cr_assert_not(rowcache_by_text(c, OPAQUE, 1, 4, &got));
    cr_assert_not(rowcache_by_text(c, OPAQUE, 2, 3, &got));
    for (size_t i = 0; i < TOKEN_OPAQUE_LEN; i++) {
        char other[TOKEN_OPAQUE_LEN];

        memcpy(other, OPAQUE, sizeof(other));
        other[i] ^= 1;
        cr_assert_not(rowcache_by_text(c, other, 1, 3, &got), "%zu", i);
    }
    rowcache_drop(c, 3);
    cr_assert_not(rowcache_by_text(c, OPAQUE, 1, 3, &got));
}

Test(rowcache, leaves_long_values_to_the_database)
{
    AUTO(rowcache_free) struct rowcache *c = rowcache_new(64);
    char text[200];
    struct store_row put = row_of(7, 3, "");
    struct store_row got;

    memset(text, 'x', sizeof(text));
    put.sealed = span_of(text, sizeof(text));
    rowcache_put_token(c, 1, 7, 0, &put);
    cr_assert_not(rowcache_by_token(c, 1, 7, 0, &got));
}

Test(rowcache, keeps_the_newest_and_never_mixes_rows_up)
{
    AUTO(rowcache_free) struct rowcache *c = rowcache_new(64);
    size_t kept = 0;

    for (uint64_t id = 1; id <= 1000; id++) {
        char text[16];
        struct store_row put;
        struct store_row got;

        (void)snprintf(text, sizeof(text), "row %u", (unsigned)id);
        put = row_of(id, id % 5 + 1, text);
        rowcache_put_token(c, 1, id, 0, &put);
        cr_assert(rowcache_by_token(c, 1, id, 0, &got));
    }
    for (uint64_t id = 1; id <= 1000; id++) {
        char text[16];
        struct store_row got;

        (void)snprintf(text, sizeof(text), "row %u", (unsigned)id);
        if (!rowcache_by_token(c, 1, id, 0, &got))
            continue;
        kept++;
        cr_assert_eq(got.id, id);
        cr_assert(span_equal(got.sealed, span_str(text)));
    }
    cr_assert(kept > 32 && kept <= 64, "%zu", kept);
}

Test(rowcache, rows_of_one_set_all_stay)
{
    /* 200 rows in use among 2,048 places: in a table without sets several would push each other
     * out for ever, and in sets of two some. */
    AUTO(rowcache_free) struct rowcache *c = rowcache_new(2048);
    size_t missed = 0;

    for (int round = 0; round < 2; round++)
        for (uint64_t id = 1; id <= 200; id++) {
            const struct store_row put = row_of(id, 1, "s");
            struct store_row got;

            if (rowcache_by_token(c, 1, id, 0, &got))
                continue;
            missed += round == 1;
            rowcache_put_token(c, 1, id, 0, &put);
        }
    cr_assert(missed == 0, "%zu", missed);
}

Test(rowcache, drops_everything_of_several_subjects)
{
    AUTO(rowcache_free) struct rowcache *c = rowcache_new(1024);
    uint64_t drop[20];
    struct store_row got;

    for (uint64_t slot = 1; slot <= 60; slot++) {
        const struct store_row row = row_of(slot, slot, "x");

        rowcache_put_token(c, 1, slot, 0, &row);
        if (slot % 3 == 0)
            drop[slot / 3 - 1] = slot;
    }
    rowcache_drop_each(c, drop, 20);
    for (uint64_t slot = 1; slot <= 60; slot++)
        cr_assert_eq(rowcache_by_token(c, 1, slot, 0, &got), slot % 3 != 0, "%d", (int)slot);
}

Test(rowcache, drops_everything_of_one_subject)
{
    AUTO(rowcache_free) struct rowcache *c = rowcache_new(64);
    const uint8_t tag[SECRET_TAG_BYTES] = {9};
    const struct store_row hers = row_of(1, 3, "hers");
    const struct store_row his = row_of(2, 4, "his");
    struct store_row got;
    struct span token;

    rowcache_put_token(c, 1, 1, 0, &hers);
    rowcache_put_value(c, tag, 3, &hers, SPAN_NONE);
    rowcache_put_token(c, 1, 2, 0, &his);
    rowcache_drop(c, 3);
    cr_assert_not(rowcache_by_token(c, 1, 1, 0, &got));
    cr_assert_not(rowcache_by_value(c, tag, 3, &got, &token));
    cr_assert(rowcache_by_token(c, 1, 2, 0, &got));
}

Test(rowcache, puts_a_row_that_is_there_in_its_own_place)
{
    AUTO(rowcache_free) struct rowcache *c = rowcache_new(8);
    struct store_row got;

    for (uint64_t i = 0; i < 50; i++) {
        const struct store_row first = row_of(7, 3, "old"), second = row_of(7, 3, "new");

        rowcache_put_token(c, 1, 7, 0, i % 2 == 0 ? &first : &second);
    }
    cr_assert(rowcache_by_token(c, 1, 7, 0, &got));
    cr_assert(span_equal(got.sealed, SPAN_LIT("new")));
    rowcache_drop(c, 3);
    cr_assert_not(rowcache_by_token(c, 1, 7, 0, &got), "it stood in one place only");
}
