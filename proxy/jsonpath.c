/* SPDX-License-Identifier: Apache-2.0 */
/* Reading RFC 9535 paths:
 *
 *   path      = "$" *( [space] segment )
 *   segment   = "." ( name / "*" ) / ".." ( name / "*" / bracket ) / bracket
 *   bracket   = "[" [space] selector [space] "]"
 *   selector  = "'" text "'" / DQUOTE text DQUOTE / index / "*"
 *
 * where ".." means any depth. What RFC 9535 has beyond this (filters,
 * slices, lists of selectors, negative indexes) is refused by its name.
 * Runs on: any thread. Holds: the names of one path. Not here: what steps do (fields.c). */
#include "proxy/jsonpath_priv.h"

#include <string.h>

#include "base/limits.h"
#include "proxy/json_reader.h"
#include "proxy/json_scan_priv.h"

static enum err refuse(const struct jsonpath_reader *r, const char *at, struct errmsg *msg,
                       const char *what)
{
    return errmsg_set(msg, ERR_CONFIG, "path \"%s\", character %zu: %s", r->path,
                      (size_t)(at - r->path) + 1, what);
}

enum err proxy__jsonpath_start(struct jsonpath_reader *r, const char *path, struct errmsg *msg)
{
    r->path = path;
    r->at = path;
    buf_init(&r->names, LIMIT_CONFIG_FILE_MAX);
    if (*path != '$')
        return refuse(r, path, msg, "a path begins with \"$\"");
    r->at++;
    return buf_reserve(&r->names, 1); /* an empty name stands somewhere too */
}

void proxy__jsonpath_done(struct jsonpath_reader *r)
{
    buf_done(&r->names);
}

static void skip_space(struct jsonpath_reader *r)
{
    while (*r->at != '\0' && (proxy__class[(uint8_t)*r->at] & JSON_CLASS_SPACE) != 0)
        r->at++;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool begins_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (uint8_t)c >= 0x80;
}

/* `.name`, from its first character. */
static enum err read_short_name(struct jsonpath_reader *r, struct jsonpath_step *ret_step,
                                struct errmsg *msg)
{
    const char *start = r->at;
    enum err e;

    if (!begins_name(*start))
        return refuse(r, start, msg, "a name or * is expected here");
    while (begins_name(*r->at) || is_digit(*r->at))
        r->at++;
    if (*r->at == '-')
        return refuse(r, r->at, msg, "a name with other characters is written ['like-this']");
    ret_step->kind = JSONPATH_NAME;
    ret_step->name_start = r->names.len;
    ret_step->name_len = (size_t)(r->at - start);
    e = json_unescape(span_of(start, ret_step->name_len), &r->names); /* looks at the UTF-8 */
    return e == ERR_INVALID ? refuse(r, start, msg, "the name is not UTF-8") : e;
}

/* Make the text between single quotes one between double quotes: \' is ', a bare " gets a
 * backslash. */
static enum err requote(const char *p, const char *end, struct buf *out)
{
    enum err e = ERR_OK;

    for (; e == ERR_OK && p < end; p++) {
        if (*p == '\\' && p + 1 < end) {
            p++;
            if (*p == '\'')
                e = buf_append_byte(out, '\'');
            else if (*p == '"')
                e = ERR_INVALID;
            else
                e = buf_append(out, p - 1, 2);
        } else if (*p == '"') {
            e = buf_append_str(out, "\\\"");
        } else {
            e = buf_append_byte(out, (uint8_t)*p);
        }
    }
    return e;
}

/* `'name'` or `"name"`, from the quote. */
static enum err read_quoted_name(struct jsonpath_reader *r, struct jsonpath_step *ret_step,
                                 struct errmsg *msg)
{
    AUTO(buf_done) struct buf text = {.max = LIMIT_CONFIG_FILE_MAX};
    const char quote = *r->at, *start = r->at + 1, *end = start;
    enum err e;

    while (*end != '\0' && *end != quote)
        end += *end == '\\' && end[1] != '\0' ? 2 : 1;
    if (*end == '\0')
        return refuse(r, r->at, msg, "the quote is not closed");
    ret_step->kind = JSONPATH_NAME;
    ret_step->name_start = r->names.len;
    e = quote == '\'' ? requote(start, end, &text)
                      : buf_append(&text, start, (size_t)(end - start));
    if (e == ERR_OK)
        e = json_unescape(buf_span(&text), &r->names);
    if (e == ERR_INVALID)
        return refuse(r, start, msg, "the name has an escape or a character that RFC 9535 forbids");
    ret_step->name_len = r->names.len - ret_step->name_start;
    r->at = end + 1;
    return e;
}

static enum err read_index(struct jsonpath_reader *r, struct jsonpath_step *ret_step,
                           struct errmsg *msg)
{
    static const uint64_t largest = (UINT64_C(1) << 53) - 1; /* RFC 9535 2.1 */
    const char *start = r->at;
    uint64_t index = 0;

    if (*start == '-')
        return refuse(r, start, msg, "an index counts from the beginning");
    for (; is_digit(*r->at) && index <= largest; r->at++)
        index = index * 10 + (uint64_t)(*r->at - '0');
    if (r->at == start)
        return refuse(r, start, msg, "a quoted name, an index or * is expected here");
    if (index > largest || (*start == '0' && r->at > start + 1))
        return refuse(r, start, msg, "an index is a number without leading zeros, below 2^53");
    ret_step->kind = JSONPATH_INDEX;
    ret_step->index = index;
    return ERR_OK;
}

/* What stands between brackets, from the opening one. */
static enum err read_bracket(struct jsonpath_reader *r, struct jsonpath_step *ret_step,
                             struct errmsg *msg)
{
    enum err e = ERR_OK;

    r->at++;
    skip_space(r);
    if (*r->at == '*') {
        ret_step->kind = JSONPATH_ANY;
        r->at++;
    } else if (*r->at == '\'' || *r->at == '"') {
        e = read_quoted_name(r, ret_step, msg);
    } else if (*r->at == '?' || *r->at == ':') {
        return refuse(r, r->at, msg, "filters and slices are not supported");
    } else {
        e = read_index(r, ret_step, msg);
    }
    if (e != ERR_OK)
        return e;
    skip_space(r);
    if (*r->at == ',' || *r->at == ':')
        return refuse(r, r->at, msg, "lists of selectors and slices are not supported");
    if (*r->at != ']')
        return refuse(r, r->at, msg, "a ] is expected here");
    r->at++;
    return ERR_OK;
}

enum err proxy__jsonpath_next(struct jsonpath_reader *r, struct jsonpath_step *ret_step,
                              bool *ret_end, struct errmsg *msg)
{
    const char *before = r->at;

    *ret_step = (struct jsonpath_step){0};
    *ret_end = false;
    skip_space(r);
    if (*r->at == '\0') {
        if (r->at != before)
            return refuse(r, before, msg, "a path does not end with white space");
        *ret_end = true;
        return ERR_OK;
    }
    if (*r->at == '[')
        return read_bracket(r, ret_step, msg);
    if (*r->at != '.')
        return refuse(r, r->at, msg, "a step begins with . or [");
    r->at++;
    if (*r->at == '.') {
        ret_step->descend = true;
        r->at++;
        if (*r->at == '[')
            return read_bracket(r, ret_step, msg);
    }
    if (*r->at == '*') {
        ret_step->kind = JSONPATH_ANY;
        r->at++;
        return ERR_OK;
    }
    return read_short_name(r, ret_step, msg);
}
