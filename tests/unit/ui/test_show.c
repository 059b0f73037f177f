/* SPDX-License-Identifier: Apache-2.0 */
/* Dates, instants, numbers and periods, as the readers of each language write them. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/secret.h"
#include "ui/files.h"
#include "ui/show.h"

TestSuite(show, .init = secret_start, .timeout = 30);

static struct words *all_words(void)
{
    struct span catalogues[WORDS_LANG_COUNT] = {SPAN_NONE, SPAN_NONE};
    struct words *words = NULL;
    struct errmsg msg = {""};

    for (size_t i = 0; i < file_count; i++) {
        const struct span bytes = span_of(files[i].start, (size_t)(files[i].end - files[i].start));

        if (strcmp(files[i].name, "words/en.json") == 0)
            catalogues[WORDS_EN] = bytes;
        if (strcmp(files[i].name, "words/de.json") == 0)
            catalogues[WORDS_DE] = bytes;
    }
    cr_assert_eq(words_new(catalogues, &words, &msg), ERR_OK, "%s", msg.text);
    return words;
}

typedef bool (*show_fn)(const struct words *words, enum words_lang lang, struct span text,
                        struct buf *out);

static void gives(show_fn show, enum words_lang lang, const char *text, const char *wanted)
{
    AUTO(words_free) struct words *words = all_words();
    AUTO(buf_done) struct buf out = {.max = SHOW_MAX};
    char got[SHOW_MAX + 1];
    const bool ok = show(words, lang, span_str(text), &out);

    cr_expect_eq(ok, wanted != NULL, "%s", text);
    (void)snprintf(got, sizeof(got), "%.*s", (int)out.len, (const char *)out.bytes);
    cr_expect_str_eq(got, wanted == NULL ? "" : wanted, "%s: %s", text, got);
}

Test(show, dates_are_spelled_out)
{
    gives(show_date, WORDS_EN, "2026-04-05", "5 April 2026");
    gives(show_date, WORDS_DE, "2026-04-05", "5. April 2026");
    gives(show_date, WORDS_DE, "2026-03-31", "31. März 2026");
    gives(show_date, WORDS_EN, "0001-12-01", "1 December 0001");
    gives(show_date, WORDS_EN, "2026-02-30", NULL);
    gives(show_date, WORDS_EN, "2026-04-05 ", NULL);
    gives(show_date, WORDS_EN, "", NULL);
}

Test(show, instants_say_their_zone)
{
    gives(show_instant, WORDS_EN, "2026-01-31T09:30:00Z", "31 January 2026, 09:30 UTC");
    gives(show_instant, WORDS_DE, "2026-01-31T09:30:12.345Z", "31. Januar 2026, 09:30 Uhr UTC");
    gives(show_instant, WORDS_EN, "2026-01-31T09:30:00", NULL);
    gives(show_instant, WORDS_EN, "2026-01-31T0x:30:00Z", NULL);
    gives(show_instant, WORDS_EN, "2026-01-31", NULL);
    gives(show_instant, WORDS_EN, "2026-01-31T09:3", NULL);
}

Test(show, counts_are_grouped)
{
    static const struct {
        const char *text, *en, *de;
    } cases[] = {{"0", "0", "0"},
                 {"999", "999", "999"},
                 {"1000", "1,000", "1.000"},
                 {"-1234567", "-1,234,567", "-1.234.567"},
                 {"", NULL, NULL},
                 {"-", NULL, NULL},
                 {"1a", NULL, NULL}};

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        for (int lang = 0; lang < WORDS_LANG_COUNT; lang++) {
            AUTO(buf_done) struct buf out = {.max = SHOW_MAX};
            const char *wanted = lang == WORDS_EN ? cases[i].en : cases[i].de;
            const bool ok = show_count((enum words_lang)lang, span_str(cases[i].text), &out);

            cr_expect_eq(ok, wanted != NULL, "%s", cases[i].text);
            cr_expect(!ok || span_equal(buf_span(&out), span_str(wanted)), "%s", cases[i].text);
        }
    }
}

Test(show, periods_are_words)
{
    gives(show_period, WORDS_EN, "P2Y", "2\u00a0years");
    gives(show_period, WORDS_DE, "P1Y6M", "1\u00a0Jahr 6\u00a0Monate");
    gives(show_period, WORDS_EN, "P90D", "90\u00a0days");
    gives(show_period, WORDS_EN, "P1M", "1\u00a0month");
    gives(show_period, WORDS_EN, "PT1H30M", "1\u00a0hour 30\u00a0minutes");
    gives(show_period, WORDS_EN, "P1DT12H",
          "1\u00a0"
          "day 12\u00a0hours");
    gives(show_period, WORDS_EN, "P", NULL);
    gives(show_period, WORDS_EN, "PXD", NULL);
    gives(show_period, WORDS_EN, "P1T", NULL);
    gives(show_period, WORDS_EN, "P1Q", NULL);
    gives(show_period, WORDS_EN, "2Y", NULL);
}
