/* SPDX-License-Identifier: Apache-2.0 */
#include "base/qr.h"

#include <criterion/criterion.h>
#include <string.h>

#include "base/mem.h"

/* What cameras look for: a square in three of the corners. */
static void expect_finder(const struct qr *qr, int row, int column)
{
    static const char *const rows[] = {"#######", "#.....#", "#.###.#", "#.###.#",
                                       "#.###.#", "#.....#", "#######"};

    for (int i = 0; i < 7; i++)
        for (int j = 0; j < 7; j++)
            cr_expect_eq(qr_is_dark(qr, row + i, column + j), rows[i][j] == '#', "%d %d", i, j);
}

Test(qr, has_its_three_corners_and_nothing_around)
{
    AUTO(qr_free) struct qr *qr = NULL;
    int width;

    cr_assert_eq(qr_make("otpauth://totp/Lethe:ops?secret=AAAA&issuer=Lethe", &qr), ERR_OK);
    width = qr_width(qr);
    cr_assert(width >= 21 && (width - 21) % 4 == 0);
    expect_finder(qr, 0, 0);
    expect_finder(qr, 0, width - 7);
    expect_finder(qr, width - 7, 0);
    for (int i = -2; i < width + 2; i++) {
        cr_expect_not(qr_is_dark(qr, -1, i));
        cr_expect_not(qr_is_dark(qr, width, i));
        cr_expect_not(qr_is_dark(qr, i, -1));
        cr_expect_not(qr_is_dark(qr, i, width));
    }
}

Test(qr, is_another_one_for_another_text)
{
    AUTO(qr_free) struct qr *one = NULL;
    AUTO(qr_free) struct qr *other = NULL;
    bool same = true;

    cr_assert_eq(qr_make("one text", &one), ERR_OK);
    cr_assert_eq(qr_make("two text", &other), ERR_OK);
    cr_assert_eq(qr_width(one), qr_width(other));
    for (int row = 0; row < qr_width(one); row++)
        for (int column = 0; column < qr_width(one); column++)
            same = same && qr_is_dark(one, row, column) == qr_is_dark(other, row, column);
    cr_expect_not(same);
}

Test(qr, does_not_hold_any_amount)
{
    char text[4096];
    struct qr *qr = NULL;

    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    cr_expect_eq(qr_make(text, &qr), ERR_TOO_LARGE);
    cr_expect_null(qr);
    qr_free(&qr);
}
