/* SPDX-License-Identifier: Apache-2.0 */
/* The catalogues that are compiled in: every language has the same words, and all that templates need. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/secret.h"
#include "ui/files.h"
#include "ui/template.h"

TestSuite(words, .init = secret_start, .timeout = 30);

static struct span file(const char *name)
{
    for (size_t i = 0; i < file_count; i++)
        if (strcmp(files[i].name, name) == 0)
            return span_of(files[i].start, (size_t)(files[i].end - files[i].start));
    cr_assert(false, "%s is not compiled in", name);
    return SPAN_NONE;
}

static struct words *all_words(void)
{
    const struct span catalogues[WORDS_LANG_COUNT] = {file("words/en.json"), file("words/de.json")};
    struct words *words = NULL;
    struct errmsg msg = {""};

    cr_assert_eq(words_new(catalogues, &words, &msg), ERR_OK, "%s", msg.text);
    return words;
}

/* The names in braces, one after the other. */
static void placeholders(const char *text, char ret[256])
{
    ret[0] = '\0';
    for (; (text = strchr(text, '{')) != NULL; text++)
        (void)snprintf(ret + strlen(ret), 256 - strlen(ret), "%.*s ", (int)strcspn(text, "}"),
                       text);
}

Test(words, languages_have_the_same_keys_and_names_in_them)
{
    AUTO(words_free) struct words *words = all_words();
    const struct json *en = words_all(words, WORDS_EN);

    for (int lang = 0; lang < WORDS_LANG_COUNT; lang++) {
        struct json *text;
        const char *key;
        void *it = NULL;

        cr_expect_eq(json_count(words_all(words, (enum words_lang)lang)), json_count(en));
        while (json_next(en, &it, &key, &text)) {
            const char *other = words_get(words, (enum words_lang)lang, key);

            cr_expect_not_null(other, "%s: no %s", words_lang_code((enum words_lang)lang), key);
            cr_expect(other == NULL || other[0] != '\0', "%s is empty", key);
        }
    }
}

struct need {
    const struct words *words;
    size_t count;
};

static bool begins_so(const struct words *words, struct span head)
{
    struct json *text;
    const char *key;
    void *it = NULL;

    while (json_next(words_all(words, WORDS_EN), &it, &key, &text))
        if (strlen(key) > head.len && memcmp(key, head.at, head.len) == 0)
            return true;
    return false;
}

static void check_key(struct span key, const char *suffix, void *context)
{
    struct need *need = context;
    const char *star = memchr(key.at, '*', key.len);
    char text[128];

    need->count++;
    (void)snprintf(text, sizeof(text), "%.*s%s", (int)key.len, key.at, suffix);
    if (star != NULL)
        cr_expect(begins_so(need->words, span_of(key.at, (size_t)(star - key.at))), "%s", text);
    else
        cr_expect_not_null(words_get(need->words, WORDS_EN, text), "%s", text);
}

Test(words, templates_parse_and_find_their_words)
{
    AUTO(words_free) struct words *words = all_words();
    AUTO(template_set_free) struct template_set *set = NULL;
    struct template_source sources[64];
    struct need need = {words, 0};
    static char names[64][64];
    struct errmsg msg = {""};
    size_t count = 0;

    for (size_t i = 0; i < file_count; i++) {
        if (strncmp(files[i].name, "templates/", 10) != 0)
            continue;
        (void)snprintf(names[count], 64, "%.*s", (int)(strlen(files[i].name) - 15),
                       files[i].name + 10);
        sources[count] = (struct template_source){names[count], file(files[i].name)};
        count++;
    }
    cr_assert_eq(template_set_new(sources, count, &set, &msg), ERR_OK, "%s", msg.text);
    template_each_key(set, check_key, &need);
    cr_expect_gt(need.count, 20);
}

Test(words, every_way_to_fail_has_words_in_each_language)
{
    static const char *const names[] = {
#define X(name, status, text) #name,
        ERR_TABLE(X)
#undef X
    };
    AUTO(words_free) struct words *words = all_words();

    for (size_t i = 0; i < COUNT_OF(names); i++) {
        char key[64];

        (void)snprintf(key, sizeof(key), "error.%s", names[i]);
        for (int lang = 0; lang < WORDS_LANG_COUNT; lang++)
            cr_expect_not_null(words_get(words, (enum words_lang)lang, key), "%s: no %s",
                               words_lang_code((enum words_lang)lang), key);
    }
}

Test(words, placeholders_are_those_of_the_english_text)
{
    AUTO(words_free) struct words *words = all_words();
    struct json *text;
    const char *key;
    void *it = NULL;

    while (json_next(words_all(words, WORDS_EN), &it, &key, &text)) {
        char en[256], de[256];

        if (strncmp(key, "pattern.", 8) == 0 || strstr(key, ".one") != NULL)
            continue;
        placeholders(json_str_of(text), en);
        placeholders(words_get(words, WORDS_DE, key), de);
        cr_expect(strlen(en) == strlen(de), "%s: %s against %s", key, en, de);
    }
}

Test(words, the_best_language_is_what_a_browser_likes_best)
{
    static const struct {
        const char *accept;
        enum words_lang lang;
    } cases[] = {
        {"", WORDS_EN},
        {"de", WORDS_DE},
        {"de-AT,en;q=0.8", WORDS_DE},
        {"en-GB, de;q=0.9", WORDS_EN},
        {"fr, de;q=0.3, en;q=0.2", WORDS_DE},
        {"en;q=0, de;q=0.001", WORDS_DE},
        {"de;q=x, en;q=0.1", WORDS_EN},
        {",,;;=,de", WORDS_DE},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++)
        cr_expect_eq(words_lang_accepted(span_str(cases[i].accept)), cases[i].lang, "%s",
                     cases[i].accept);
    cr_expect_eq(words_lang_accepted(SPAN_NONE), WORDS_EN);
}
