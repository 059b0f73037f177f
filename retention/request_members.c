/* SPDX-License-Identifier: Apache-2.0 */
/* What operators say of requests, read strictly, and what stands in the body of a record.
 * Runs on: any thread; never blocks. Holds: nothing. Invariant: a message names members, never what
 * stands in them. */
#include <string.h>

#include "base/assert.h"
#include "base/unicode.h"
#include "retention/requests_priv.h"

const char *const request__channels[] = {"email",  "letter", "phone", "in_person",
                                         "portal", "fax",    "other", NULL};

enum err request__only(const struct json *args, const char *const known[], struct errmsg *msg)
{
    struct json *value;
    const char *name;
    void *it = NULL;

    while (json_next(args, &it, &name, &value)) {
        bool is_known = false;

        for (size_t i = 0; known[i] != NULL && !is_known; i++)
            is_known = strcmp(known[i], name) == 0;
        if (!is_known)
            return errmsg_set(msg, ERR_INVALID, "a member was given that does not belong here");
    }
    return ERR_OK;
}

/* ---- members ---- */

enum err request__text(const struct request_case *c, const char *name, const char **ret,
                       struct errmsg *msg)
{
    const struct json *value = json_get(c->ask->args, name);
    const char *text;

    *ret = "";
    if (value == NULL || json_kind(value) == JSON_NIL)
        return ERR_OK;
    text = json_str_of(value);
    if (text == NULL)
        return errmsg_set(msg, ERR_INVALID, "\"%s\" must be a string", name);
    if (strlen(text) > REQUEST_TEXT_MAX)
        return errmsg_set(msg, ERR_TOO_LARGE, "\"%s\" is longer than %d bytes", name,
                          REQUEST_TEXT_MAX);
    if (!unicode_is_line(span_str(text)))
        return errmsg_set(msg, ERR_INVALID, "\"%s\" must be one line", name);
    *ret = text;
    return ERR_OK;
}

/* The words, for a message. */
static void join(const char *const words[], char *out, size_t size)
{
    size_t len = 0;

    out[0] = '\0';
    for (size_t i = 0; words[i] != NULL && len + strlen(words[i]) + 3 < size; i++) {
        const char *between = i == 0 ? "" : ", ";

        memcpy(out + len, between, strlen(between));
        len += strlen(between);
        memcpy(out + len, words[i], strlen(words[i]) + 1);
        len += strlen(words[i]);
    }
}

enum err request__one_of(const struct request_case *c, const char *name, const char *const words[],
                         const char **ret, struct errmsg *msg)
{
    const char *text;
    char list[256];
    enum err e = request__text(c, name, &text, msg);

    if (e != ERR_OK)
        return e;
    for (size_t i = 0; words[i] != NULL; i++) {
        if (strcmp(words[i], text) == 0) {
            *ret = words[i];
            return ERR_OK;
        }
    }
    join(words, list, sizeof(list));
    return errmsg_set(msg, ERR_INVALID, "\"%s\" must be one of: %s", name, list);
}

enum err request__date(const struct request_case *c, struct civil *ret, struct errmsg *msg)
{
    struct civil date = c->today, received = c->today;
    const char *text;
    enum err e = request__text(c, "date", &text, msg);

    if (e != ERR_OK)
        return e;
    if (text[0] != '\0' && !civil_parse(span_str(text), &date))
        return errmsg_set(msg, ERR_INVALID, "\"date\" must be a date YYYY-MM-DD");
    (void)request__get_date(c->body, "received_date", &received);
    if (civil_compare(date, c->today) > 0 || civil_compare(date, received) < 0)
        return errmsg_set(msg, ERR_INVALID,
                          "\"date\" must not be in the future, nor before the request came");
    *ret = date;
    return ERR_OK;
}

void request__set_date(struct json *map, const char *name, struct civil date)
{
    char text[CIVIL_TEXT_MAX];

    civil_format(date, text);
    json_set_str(map, name, text);
}

void request__set_text(struct json *map, const char *name, const char *text)
{
    struct json *value = text == NULL || text[0] == '\0' ? NULL : json_new_text(span_str(text));

    json_set(map, name, value == NULL ? json_new_null() : value);
}

bool request__get_date(const struct json *map, const char *name, struct civil *ret)
{
    const struct span text = json_text_of(json_get(map, name));

    return text.len > 0 && civil_parse(text, ret);
}

/* ---- rights ---- */

struct json *request__right(const struct json *body, enum request_right right)
{
    const struct json *rights = json_get(body, "rights");

    for (size_t i = 0; i < json_count(rights); i++) {
        struct json *entry = json_at(rights, i);

        if (span_equal(json_text_of(json_get(entry, "right")), span_str(request_right_word(right))))
            return entry;
    }
    return NULL;
}

static bool has_outcome(const struct json *right, const char *outcome)
{
    return span_equal(json_text_of(json_get(right, "outcome")), span_str(outcome));
}

bool request__is_pending(const struct json *right)
{
    return has_outcome(right, "pending");
}

static size_t count_outcomes(const struct json *body, const char *outcome)
{
    const struct json *rights = json_get(body, "rights");
    size_t count = 0;

    for (size_t i = 0; i < json_count(rights); i++)
        count += has_outcome(json_at(rights, i), outcome);
    return count;
}

const struct json *request__kept(const struct json *body)
{
    const struct json *kept = json_get(request__right(body, REQUEST_ERASURE), "kept");

    return kept != NULL ? kept : json_get(json_get(body, "scope"), "kept");
}

size_t request__pending(const struct json *body)
{
    return count_outcomes(body, "pending");
}

const char *request__decision(const struct json *body)
{
    static const char *const outcomes[] = {"granted", "refused", "not_identifiable", "withdrawn"};
    const size_t all = json_count(json_get(body, "rights"));

    if (request__pending(body) > 0)
        return NULL;
    for (size_t i = 0; i < COUNT_OF(outcomes); i++)
        if (count_outcomes(body, outcomes[i]) == all)
            return outcomes[i];
    return "partly";
}
