/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of exports share: words in each language, and the writers of formats. */
#pragma once

#include "retention/export.h"
#include "vault/classes.h"

#define EXPORT_FORMAT "lethe-person-export-1"

enum { EXPORT_RULE_MAX = 1024 };

enum export_word {
#define WORD(id, en, de) WORD_##id,
#include "retention/export_words.def"
#undef WORD
    WORD_END
};

const char *export__word(enum export_word word, enum letter_lang lang);
/* "6(1)(b)" as words; the code itself when it is none of Art. 6(1). */
const char *export__basis(const char *basis, enum letter_lang lang);
/* A class's deletion rule as half a sentence; out holds EXPORT_RULE_MAX bytes. */
void export__rule(const struct rule *rule, enum letter_lang lang, char *out);

enum err export__write_html(const struct json *tree, struct buf *out) MUST_CHECK;
enum err export__write_csv(const struct json *tree, struct buf *out) MUST_CHECK;
