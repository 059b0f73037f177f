/* SPDX-License-Identifier: Apache-2.0 */
/* Letters to persons, as texts that an operator sends: one for each step of a request that the person must
 * hear of, in each language. They hold dates, numbers and what was decided; no value, no address. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/span.h"

enum letter_kind {
    LETTER_RECEIPT,   /* the request came */
    LETTER_IDENTITY,  /* Art. 12(6) */
    LETTER_EXTENSION, /* Art. 12(3) */
    LETTER_GRANTED,
    LETTER_PARTLY,
    LETTER_REFUSED, /* Art. 12(4) */
    LETTER_NOT_IDENTIFIABLE,
    LETTER_WITHDRAWN,
    LETTER_KIND_COUNT
};

enum letter_lang { LETTER_EN, LETTER_DE, LETTER_LANG_COUNT };

/* One more whenever a text changes its meaning; part of a template's name, as in "refused-de-1". */
enum { LETTER_VERSION = 1, LETTER_NAME_MAX = 40, LETTER_TEXT_MAX = 64 << 10 };

/* Words, literals; and back. */
const char *letter_kind_word(enum letter_kind kind);
const char *letter_lang_word(enum letter_lang lang);
bool letter_kind_of(struct span word, enum letter_kind *ret);
bool letter_lang_of(struct span word, enum letter_lang *ret);
/* The name that is noted with the answer; out holds LETTER_NAME_MAX bytes. */
void letter_name(enum letter_kind kind, enum letter_lang lang, char *out);

/* Write a letter about a request, as requests_show() gives it. Lines end with "\n". TOO_LARGE when the
 * buffer ends. Any thread; does not block. */
enum err letter_write(const struct json *view, enum letter_kind kind, enum letter_lang lang,
                      struct buf *out) MUST_CHECK;
