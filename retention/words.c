/* SPDX-License-Identifier: Apache-2.0 */
/* The words of a text, held against the identifiers of whom it is about (contract: retention/words.h).
 * Runs on: any thread. Holds: nothing. Not here: parts of words (admin/ops.c), which texts are looked at. */
#include "retention/words.h"

#include <string.h>

#include "base/limits.h"

enum { WORD_MIN = 4 }; /* bytes; shorter ones are letters of paragraphs and the like */

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* What a sentence puts around a word. */
static bool is_punctuation(char c)
{
    return c != '\0' && strchr(".,;:!?()[]{}<>\"'", c) != NULL;
}

/* The next word of *rest, bare; false at its end. */
static bool next_word(struct span *rest, struct span *ret)
{
    size_t from = 0, to;

    while (from < rest->len && is_space(rest->at[from]))
        from++;
    for (to = from; to < rest->len && !is_space(rest->at[to]);)
        to++;
    *ret = span_of(rest->at + from, to - from);
    *rest = span_of(rest->at + to, rest->len - to);
    while (ret->len > 0 && is_punctuation(ret->at[0]))
        *ret = span_of(ret->at + 1, ret->len - 1);
    while (ret->len > 0 && is_punctuation(ret->at[ret->len - 1]))
        ret->len--;
    return to > from;
}

enum err words_check(const struct words_about *about, struct span text, struct errmsg *msg)
{
    struct span word;

    while (next_word(&text, &word)) {
        uint64_t slot = 0;
        enum err e = ERR_NOT_FOUND;

        if (word.len >= WORD_MIN && word.len <= LIMIT_IDENTIFIER_MAX)
            e = vault_read_subject(about->reader, about->domain, word, &slot);
        if (e != ERR_OK && e != ERR_NOT_FOUND)
            return e;
        if (e == ERR_OK && slot == about->slot)
            return errmsg_set(msg, ERR_INVALID,
                              "a text holds an identifier of the person; what is kept of this must "
                              "name nobody");
    }
    return ERR_OK;
}
