/* SPDX-License-Identifier: Apache-2.0 */
/* What operators say of a person, held against the person's identifiers.
 * Runs on: any thread, inside a read transaction. Holds: nothing. Invariant: a text that will be kept or printed holds
 * no identifier of whom it is about as a word of its own, also where the person was named by an id or a token, so that
 * the identifier is not known here. Not here: parts of words, which need it known (ops_mentions()). */
#include "admin/ops_priv.h"

#include <string.h>

#include "base/limits.h"

enum { WORD_MIN = 4 };

static const char *const texts[] = {"reason", "reference", "ground", "owner", "law"};

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

static enum err check_text(const struct words_about *about, struct span text, struct errmsg *msg)
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

static enum err check_map(const struct words_about *about, const struct json *map,
                          struct errmsg *msg)
{
    enum err e = ERR_OK;

    for (size_t i = 0; e == ERR_OK && i < COUNT_OF(texts); i++)
        e = check_text(about, json_text_of(json_get(map, texts[i])), msg);
    return e;
}

bool ops_has_words(const struct json *request)
{
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        if (json_get(request, texts[i]) != NULL)
            return true;
    return json_get(request, "except") != NULL;
}

enum err ops_check_words(const struct words_about *about, const struct json *request,
                         struct errmsg *msg)
{
    const struct json *exceptions = json_get(request, "except");
    enum err e = check_map(about, request, msg);

    for (size_t i = 0; e == ERR_OK && i < json_count(exceptions); i++)
        e = check_map(about, json_at(exceptions, i), msg);
    return e;
}
