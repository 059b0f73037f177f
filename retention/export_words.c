/* SPDX-License-Identifier: Apache-2.0 */
/* What a person is told, in words.
 * Runs on: any thread. Holds: nothing. Not here: what it is told of (export.c). */
#include "retention/export_priv.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"

const char *export__word(enum export_word word, enum letter_lang lang)
{
    static const char *const words[WORD_END][LETTER_LANG_COUNT] = {
#define WORD(id, en, de) {en, de},
#include "retention/export_words.def"
#undef WORD
    };

    REQUIRE(word < WORD_END && lang < LETTER_LANG_COUNT);
    return words[word][lang];
}

const char *export__basis(const char *basis, enum letter_lang lang)
{
    static const struct {
        const char *code;
        enum export_word word;
    } bases[] = {{"6(1)(a)", WORD_BASIS_A}, {"6(1)(b)", WORD_BASIS_B}, {"6(1)(c)", WORD_BASIS_C},
                 {"6(1)(d)", WORD_BASIS_D}, {"6(1)(e)", WORD_BASIS_E}, {"6(1)(f)", WORD_BASIS_F}};

    for (size_t i = 0; i < COUNT_OF(bases); i++)
        if (strcmp(bases[i].code, basis) == 0)
            return export__word(bases[i].word, lang);
    return basis;
}

/* ---- rules ---- */

struct sentence {
    enum letter_lang lang;
    char *out;
    size_t used;
};

static void say(struct sentence *s, const char *text)
{
    const size_t len = strnlen(text, EXPORT_RULE_MAX - 1 - s->used);

    memcpy(s->out + s->used, text, len);
    s->used += len;
    s->out[s->used] = '\0';
}

static void say_word(struct sentence *s, const char *before, enum export_word word)
{
    say(s, before);
    say(s, export__word(word, s->lang));
}

/* "2 years", and a blank before it where something stands already. */
static void say_count(struct sentence *s, const char **joint, int64_t n, enum export_word one)
{
    char number[24];

    if (n == 0)
        return;
    (void)snprintf(number, sizeof(number), "%" PRId64 " ", n);
    say(s, *joint);
    say(s, number);
    say_word(s, "", n == 1 ? one : one + 1); /* the plural follows in the table */
    *joint = " ";
}

static void say_period(struct sentence *s, const struct period *p)
{
    const char *joint = "";

    say_count(s, &joint, p->months / 12, WORD_YEAR);
    say_count(s, &joint, p->months % 12, WORD_MONTH);
    say_count(s, &joint, p->days, WORD_DAY);
    say_count(s, &joint, p->seconds / 3600, WORD_HOUR);
    say_count(s, &joint, p->seconds / 60 % 60, WORD_MINUTE);
    say_count(s, &joint, p->seconds % 60, WORD_SECOND);
}

static void say_start(struct sentence *s, const struct rule *rule)
{
    switch (rule->start) {
    case RULE_CREATED:
        say_word(s, " ", WORD_FROM_CREATED);
        break;
    case RULE_LAST_USED:
        say_word(s, " ", WORD_FROM_USED);
        break;
    case RULE_EVENT:
        say_word(s, " ", WORD_FROM_EVENT);
        say(s, " ");
        say(s, rule->event);
        break;
    }
}

void export__rule(const struct rule *rule, enum letter_lang lang, char *out)
{
    static const enum export_word rounds[] = {[RULE_DAY_END] = WORD_TO_DAY_END,
                                              [RULE_MONTH_END] = WORD_TO_MONTH_END,
                                              [RULE_YEAR_END] = WORD_TO_YEAR_END};
    struct sentence s = {.lang = lang, .out = out};

    say_period(&s, &rule->period);
    say_start(&s, rule);
    if (rule->round != RULE_EXACT)
        say_word(&s, ", ", rounds[rule->round]);
    if (!period_is_none(&rule->minimum)) {
        say_word(&s, "; ", WORD_AT_LEAST);
        say(&s, " ");
        say_period(&s, &rule->minimum);
        if (rule->minimum_law != NULL) {
            say(&s, " (");
            say(&s, rule->minimum_law);
            say(&s, ")");
        }
    }
    if (!period_is_none(&rule->backstop)) {
        say_word(&s, "; ", WORD_AT_LATEST);
        say(&s, " ");
        say_period(&s, &rule->backstop);
    }
}
