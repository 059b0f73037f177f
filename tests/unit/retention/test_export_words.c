/* SPDX-License-Identifier: Apache-2.0 */
/* Rules and legal bases as a person reads them. */
#include <criterion/criterion.h>

#include "retention/export_priv.h"

static void expect(const struct rule *rule, enum letter_lang lang, const char *wanted)
{
    char text[EXPORT_RULE_MAX];

    export__rule(rule, lang, text);
    cr_expect_str_eq(text, wanted);
}

Test(export_words, a_rule_is_half_a_sentence)
{
    struct rule rule = {.start = RULE_CREATED, .period = {.months = 1}};

    expect(&rule, LETTER_EN, "1 month from when it was stored");
    expect(&rule, LETTER_DE, "1 Monat ab der Speicherung");
    rule.period = (struct period){.months = 30, .days = 2, .seconds = 3661};
    expect(&rule, LETTER_EN,
           "2 years 6 months 2 days 1 hour 1 minute 1 second from when it was stored");
}

Test(export_words, a_rule_says_its_event_its_minimum_and_its_end)
{
    char event[] = "contract_end", law[] = "HGB 257";
    const struct rule rule = {.start = RULE_EVENT,
                              .event = event,
                              .period = {.months = 24},
                              .minimum = {.months = 120},
                              .minimum_law = law,
                              .backstop = {.months = 240},
                              .round = RULE_YEAR_END};

    expect(&rule, LETTER_EN,
           "2 years from the event contract_end, to the end of that year; at least 10 years "
           "(HGB 257); at the latest, from storage, 20 years");
    expect(&rule, LETTER_DE,
           "2 Jahre ab dem Ereignis contract_end, bis zum Ende dieses Jahres; mindestens 10 Jahre "
           "(HGB 257); spätestens, ab der Speicherung, 20 Jahre");
}

Test(export_words, a_long_rule_is_cut_and_ends)
{
    char law[2 * EXPORT_RULE_MAX];
    struct rule rule = {.period = {.months = 24}, .minimum = {.months = 1}, .minimum_law = law};
    char text[EXPORT_RULE_MAX];

    memset(law, 'x', sizeof(law) - 1);
    law[sizeof(law) - 1] = '\0';
    export__rule(&rule, LETTER_EN, text);
    cr_expect_eq(strlen(text), EXPORT_RULE_MAX - 1);
}

Test(export_words, legal_bases_have_names)
{
    cr_expect_str_eq(export__basis("6(1)(a)", LETTER_EN), "consent");
    cr_expect_str_eq(export__basis("6(1)(f)", LETTER_DE), "berechtigte Interessen");
    cr_expect_str_eq(export__basis("other", LETTER_DE), "other");
}

Test(export_words, every_word_is_there_in_each_language)
{
    for (int word = 0; word < WORD_END; word++)
        for (int lang = 0; lang < LETTER_LANG_COUNT; lang++)
            cr_expect(export__word((enum export_word)word, (enum letter_lang)lang)[0] != '\0');
}
