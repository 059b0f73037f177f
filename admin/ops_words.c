/* SPDX-License-Identifier: Apache-2.0 */
/* What operators say of a person, held against the person's identifiers.
 * Runs on: any thread, inside a read transaction. Holds: nothing. Invariant: a text that will be kept or printed holds
 * no identifier of whom it is about as a word of its own. Not here: parts of words, which need the identifier known
 * (ops_mentions()), and how words are looked up (retention/words.c). */
#include "admin/ops_priv.h"

static const char *const texts[] = {"reason", "reference", "ground", "owner", "law"};

static enum err check_map(const struct words_about *about, const struct json *map,
                          struct errmsg *msg)
{
    enum err e = ERR_OK;

    for (size_t i = 0; e == ERR_OK && i < COUNT_OF(texts); i++)
        e = words_check(about, json_text_of(json_get(map, texts[i])), msg);
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
