/* SPDX-License-Identifier: Apache-2.0 */
/* Words of pages: one catalogue a language, a map of keys to texts, compiled in (ui/words/LANG.json). */
#pragma once

#include "base/err.h"
#include "base/json.h"
#include "base/span.h"

enum words_lang { WORDS_EN, WORDS_DE, WORDS_LANG_COUNT };

struct words;

/* catalogues: in the order of words_lang. INVALID with a message: one is no map of texts. */
enum err words_new(const struct span catalogues[WORDS_LANG_COUNT], struct words **ret_words,
                   struct errmsg *msg) MUST_CHECK;
void words_free(struct words **words);

/* Borrowed; NULL: there are none. Any thread. */
const char *words_get(const struct words *words, enum words_lang lang, const char *key);
/* All of a language; borrowed. */
const struct json *words_all(const struct words *words, enum words_lang lang);

/* "en", "de". */
const char *words_lang_code(enum words_lang lang);
/* False: there is no such language. */
bool words_lang_find(struct span code, enum words_lang *ret);
/* What a browser's Accept-Language likes best of what there is (RFC 9110 12.5.4); English if nothing. */
enum words_lang words_lang_accepted(struct span accept_language);
