/* SPDX-License-Identifier: Apache-2.0 */
#include "base/unicode.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

/* All that is left of a text, in hexadecimal digits and blanks; "!" where it is no UTF-8. */
static void expect(struct span text, const char *wanted)
{
    char found[512] = "";
    int32_t folded[UNICODE_FOLDED_MAX];
    size_t count = 0;

    while (unicode_fold_next(&text, folded, &count)) {
        for (size_t i = 0; i < count; i++) {
            const size_t len = strlen(found);

            (void)snprintf(found + len, sizeof(found) - len, "%s%X", len == 0 ? "" : " ",
                           (unsigned)folded[i]);
        }
    }
    if (text.len > 0)
        (void)strncat(found, "!", 2);
    cr_assert_str_eq(found, wanted);
}

/* E67 */
Test(unicode, a_line_shows_as_it_reads)
{
    static const struct span lines[] = {SPAN_LIT(""), SPAN_LIT("claim 12/2026, \xC2\xA7 17"),
                                        SPAN_LIT("\xC2\xA0"), /* no-break space */
                                        SPAN_LIT("\xD7\xA9\xD7\x9C\xD7\x95\xD7\x9D"), /* Hebrew */
                                        SPAN_LIT("\xF0\x9F\x99\x82")};
    static const struct span others[] = {SPAN_LIT("a\nb"),
                                         SPAN_LIT("a\tb"),
                                         SPAN_LIT("a\0b"),
                                         SPAN_LIT("\x1b[31m"),
                                         SPAN_LIT("\x7f"),
                                         SPAN_LIT("\xC2\x80"),
                                         SPAN_LIT("\xC2\x9B"
                                                  "31m"),
                                         SPAN_LIT("\xC2\x9F"),
                                         SPAN_LIT("\xE2\x80\xA8"),
                                         SPAN_LIT("\xE2\x80\xAE"),
                                         SPAN_LIT("\xE2\x81\xA6"),
                                         SPAN_LIT("\xFF"),
                                         SPAN_LIT("\xC2"),
                                         SPAN_LIT("\xC0\x8A")};

    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        cr_expect(unicode_is_line(lines[i]), "line %zu", i);
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        cr_expect_not(unicode_is_line(others[i]), "other %zu", i);
}

Test(unicode, folds_case_and_compatibility_forms)
{
    expect(SPAN_LIT("aZ9"), "61 7A 39");
    expect(SPAN_LIT("\xEF\xBC\xA5"), "65");     /* fullwidth E */
    expect(SPAN_LIT("\xF0\x9D\x90\x84"), "65"); /* bold E */
    expect(SPAN_LIT("\xEF\xAC\x81"), "66 69");  /* the ligature fi */
    expect(SPAN_LIT("\xC3\x9F"), "73 73");      /* sharp s */
    expect(SPAN_LIT("\xC3\x89"), "65 301");     /* E with acute, one character */
    expect(SPAN_LIT("E\xCC\x81"), "65 301");    /* and two */
    expect(SPAN_LIT("\xD0\xB5"), "435");        /* a Cyrillic e is another letter */
    expect(SPAN_LIT("\xEF\xB7\xBA"), "635 644 649 627 644 644 647 639 644 64A 647 648 633 644 645");
}

Test(unicode, leaves_out_what_separates_or_is_not_seen)
{
    expect(SPAN_LIT("-_. /:@\"'\t\n"), "");
    expect(span_of("\0\x1F\x7F", 3), "");
    expect(SPAN_LIT("\xE2\x80\x8B\xE2\x80\x8D\xEF\xBB\xBF\xC2\xAD"), ""); /* ZWSP ZWJ BOM SHY */
    expect(SPAN_LIT("\xE2\x80\x93\xC2\xA0\xE3\x80\x80"), "");             /* dash, wide blanks */
    expect(SPAN_LIT("\xF3\xA0\x81\xA1"), "");                             /* a tag character */
    expect(SPAN_LIT("$+<=>^`|~"), "24 2B 3C 3D 3E 5E 60 7C 7E");
}

Test(unicode, stops_at_what_is_no_utf8)
{
    expect(SPAN_LIT(""), "");
    expect(SPAN_LIT("a\xFF"
                    "b"),
           "61!");
    expect(SPAN_LIT("a\xC3"), "61!");
    expect(SPAN_LIT("\xED\xA0\x80"), "!");
    expect(SPAN_LIT("\xC0\x80"), "!");
}
