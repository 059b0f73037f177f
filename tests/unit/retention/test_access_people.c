/* SPDX-License-Identifier: Apache-2.0 */
#include "retention/access_people.h"

#include <criterion/criterion.h>
#include <string.h>

#include "base/assert.h"
#include "base/mem.h"
#include "base/secret.h"

TestSuite(access_people, .init = secret_start);

static void tag_of(uint64_t n, uint8_t ret[AUDIT_TAG_BYTES])
{
    uint8_t hash[SECRET_HASH_BYTES];

    secret_hash(&n, sizeof(n), hash);
    memcpy(ret, hash, AUDIT_TAG_BYTES);
}

static void add(struct access_people *p, size_t row, uint64_t n)
{
    uint8_t tag[AUDIT_TAG_BYTES];

    tag_of(n, tag);
    cr_assert_eq(access_people_add(p, row, tag), ERR_OK);
}

Test(access_people, are_nobody_before_anybody_was_seen)
{
    AUTO(access_people_done) struct access_people p = {.all = 0};

    cr_assert_eq(access_people_settle(&p), ERR_OK);
    cr_assert_eq(p.all, 0);
    cr_assert_eq(access_people_in(&p, 0), 0);
    cr_assert_eq(access_people_in(&p, 10000), 0);
}

Test(access_people, count_once_in_each_row_and_once_in_all)
{
    AUTO(access_people_done) struct access_people p = {.all = 0};

    for (int again = 0; again < 3; again++)
        for (uint64_t n = 0; n < 20000; n++) {
            add(&p, n % 3, n);
            add(&p, 5, n / 2);
        }
    cr_assert_eq(access_people_settle(&p), ERR_OK);
    cr_assert_eq(p.all, 20000);
    cr_assert_eq(access_people_in(&p, 0), 6667);
    cr_assert_eq(access_people_in(&p, 2), 6666);
    cr_assert_eq(access_people_in(&p, 4), 0);
    cr_assert_eq(access_people_in(&p, 5), 10000);
}

Test(access_people, count_in_more_rows_than_a_word_has_bits)
{
    AUTO(access_people_done) struct access_people p = {.all = 0};
    static const size_t rows[] = {0, 63, 64, 65, 127, 128, 300, 9999};

    for (uint64_t n = 0; n < 500; n++)
        for (size_t i = 0; i < COUNT_OF(rows); i++)
            for (int again = 0; again < 2; again++)
                if (n % (i + 1) == 0)
                    add(&p, rows[i], n);
    add(&p, 200, 100000); /* whom no row of the first word knows */
    cr_assert_eq(access_people_settle(&p), ERR_OK);
    cr_assert_eq(p.all, 501);
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        cr_assert_eq(access_people_in(&p, rows[i]), (500 + i) / (i + 1), "row %zu", rows[i]);
    cr_assert_eq(access_people_in(&p, 200), 1);
}

Test(access_people, count_nobody_in_particular_as_one)
{
    static const uint8_t nobody[AUDIT_TAG_BYTES];
    AUTO(access_people_done) struct access_people p = {.all = 0};

    for (int i = 0; i < 100; i++)
        cr_assert_eq(access_people_add(&p, 1, nobody), ERR_OK);
    cr_assert_eq(access_people_settle(&p), ERR_OK);
    cr_assert_eq(p.all, 1);
    cr_assert_eq(access_people_in(&p, 1), 1);
}
