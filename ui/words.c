/* SPDX-License-Identifier: Apache-2.0 */
/* Words of pages.
 * Runs on: any thread. Holds: the catalogues, which nothing changes. Not here: where they are used
 * (ui/template.c). */
#include "ui/words.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct words {
    struct json *catalogues[WORDS_LANG_COUNT];
};

static const char *const codes[WORDS_LANG_COUNT] = {[WORDS_EN] = "en", [WORDS_DE] = "de"};

static enum err check(const struct json *catalogue, enum words_lang lang, struct errmsg *msg)
{
    struct json *text;
    const char *key;
    void *it = NULL;

    if (json_kind(catalogue) != JSON_MAP)
        return errmsg_set(msg, ERR_INVALID, "the words of %s are no object", codes[lang]);
    while (json_next(catalogue, &it, &key, &text))
        if (json_str_of(text) == NULL)
            return errmsg_set(msg, ERR_INVALID, "the words of %s: %s is no text", codes[lang], key);
    return ERR_OK;
}

enum err words_new(const struct span catalogues[WORDS_LANG_COUNT], struct words **ret_words,
                   struct errmsg *msg)
{
    AUTO(words_free) struct words *words = mem_alloc(sizeof(*words));
    enum err e = ERR_OK;

    for (int lang = 0; lang < WORDS_LANG_COUNT && e == ERR_OK; lang++) {
        e = json_parse(catalogues[lang], &words->catalogues[lang]);
        e = e == ERR_OK ? check(words->catalogues[lang], (enum words_lang)lang, msg)
                        : errmsg_set(msg, e, "the words of %s are no JSON", codes[lang]);
    }
    if (e == ERR_OK)
        *ret_words = TAKE(words);
    return e;
}

void words_free(struct words **wordsp)
{
    struct words *words = TAKE(*wordsp);

    for (int lang = 0; words != NULL && lang < WORDS_LANG_COUNT; lang++)
        json_free(&words->catalogues[lang]);
    free(words);
}

const char *words_get(const struct words *words, enum words_lang lang, const char *key)
{
    return json_str_of(json_get(words->catalogues[lang], key));
}

const struct json *words_all(const struct words *words, enum words_lang lang)
{
    return words->catalogues[lang];
}

const char *words_lang_code(enum words_lang lang)
{
    return codes[lang];
}

bool words_lang_find(struct span code, enum words_lang *ret)
{
    for (int lang = 0; lang < WORDS_LANG_COUNT; lang++) {
        if (span_equal_nocase(code, span_str(codes[lang]))) {
            *ret = (enum words_lang)lang;
            return true;
        }
    }
    return false;
}

/* ---- Accept-Language ---- */

static struct span trim(struct span s)
{
    while (s.len > 0 && (s.at[0] == ' ' || s.at[0] == '\t'))
        s = span_of(s.at + 1, s.len - 1);
    while (s.len > 0 && (s.at[s.len - 1] == ' ' || s.at[s.len - 1] == '\t'))
        s.len--;
    return s;
}

/* The text up to a mark, and what is behind it. */
static struct span part(struct span *rest, char mark)
{
    const char *at = rest->len == 0 ? NULL : memchr(rest->at, mark, rest->len);
    const struct span first = span_of(rest->at, at == NULL ? rest->len : (size_t)(at - rest->at));

    *rest =
        at == NULL ? span_of(rest->at + rest->len, 0) : span_of(at + 1, rest->len - first.len - 1);
    return trim(first);
}

/* "q=0.8" in thousandths; what cannot be read counts for nothing. */
static int weight(struct span parameter)
{
    int n = 0, digits = 0;

    if (parameter.len == 0)
        return 1000;
    if (parameter.len < 3 || (parameter.at[0] | 0x20) != 'q' || parameter.at[1] != '=' ||
        (parameter.at[2] != '0' && parameter.at[2] != '1'))
        return 0;
    n = parameter.at[2] - '0';
    for (size_t i = 4; i < parameter.len && digits < 3; i++, digits++) {
        if (parameter.at[3] != '.' || parameter.at[i] < '0' || parameter.at[i] > '9')
            return 0;
        n = n * 10 + parameter.at[i] - '0';
    }
    for (; digits < 3; digits++)
        n *= 10;
    return n;
}

enum words_lang words_lang_accepted(struct span accept_language)
{
    enum words_lang best = WORDS_EN, lang;
    int best_weight = 0;

    while (accept_language.len > 0) {
        struct span range = part(&accept_language, ',');
        struct span tag = part(&range, ';');
        const struct span code = part(&tag, '-'); /* "de-AT" is German */
        const int w = weight(trim(range));

        if (w > best_weight && words_lang_find(code, &lang)) {
            best = lang;
            best_weight = w;
        }
    }
    return best;
}
