/* SPDX-License-Identifier: Apache-2.0 */
/* Reading RFC 9535 paths:
 *
 *   path      = "$" *( [space] segment )
 *   segment   = "." ( name / "*" ) / ".." ( name / "*" / bracket ) / bracket
 *   bracket   = "[" [space] selector *( [space] "," [space] selector ) [space] "]"
 *   selector  = "'" text "'" / DQUOTE text DQUOTE / index / slice / "*"
 *   slice     = [index [space]] ":" [space] [index [space]] [":" [[space] index]]
 *
 * where ".." means any depth. Filters, which RFC 9535 has besides, are refused by their name.
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

enum err proxy__jsonpath_refuse(const struct jsonpath_reader *r, struct errmsg *msg,
                                const char *what)
{
    return refuse(r, r->at, msg, what);
}

enum err proxy__jsonpath_start(struct jsonpath_reader *r, char root, const char *path,
                               struct errmsg *msg)
{
    r->path = path;
    r->at = path;
    buf_init(&r->names, LIMIT_CONFIG_FILE_MAX);
    if (*path != root)
        return refuse(r, path, msg,
                      root == '$' ? "a path begins with \"$\"" : "this path begins with \"@\"");
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

/* ---- numbers ---- */

static bool begins_number(char c)
{
    return c == '-' || is_digit(c);
}

/* An index, a bound or a step: RFC 9535 2.1 has them exact in a double. */
static enum err read_number(struct jsonpath_reader *r, int64_t *ret, struct errmsg *msg)
{
    static const int64_t largest = (INT64_C(1) << 53) - 1;
    const char *start = r->at, *digits = start + (*start == '-' ? 1 : 0);
    int64_t number = 0;

    for (r->at = digits; is_digit(*r->at) && number <= largest; r->at++)
        number = number * 10 + (*r->at - '0');
    if (r->at == digits || number > largest || (*digits == '0' && r->at > start + 1))
        return refuse(r, start, msg,
                      "a number has no leading zeros, is below 2^53, and zero has no sign");
    *ret = *start == '-' ? -number : number;
    return ERR_OK;
}

/* What follows a colon, if anything. */
static enum err read_bound(struct jsonpath_reader *r, int64_t *ret, bool *ret_has,
                           struct errmsg *msg)
{
    skip_space(r);
    *ret_has = begins_number(*r->at);
    return *ret_has ? read_number(r, ret, msg) : ERR_OK;
}

/* From the first colon; the start was read. */
static enum err read_slice(struct jsonpath_reader *r, struct jsonpath_step *ret_step,
                           struct errmsg *msg)
{
    const char *after;
    bool has_step = false;
    enum err e;

    r->at++;
    ret_step->kind = JSONPATH_SLICE;
    ret_step->step = 1;
    e = read_bound(r, &ret_step->end, &ret_step->has_end, msg);
    if (e != ERR_OK)
        return e;
    after = r->at;
    skip_space(r);
    if (*r->at == ':') {
        r->at++;
        return read_bound(r, &ret_step->step, &has_step, msg);
    }
    r->at = after;
    return ERR_OK;
}

static enum err read_index_or_slice(struct jsonpath_reader *r, struct jsonpath_step *ret_step,
                                    struct errmsg *msg)
{
    const char *after;
    enum err e;

    if (*r->at == ':')
        return read_slice(r, ret_step, msg);
    if (!begins_number(*r->at))
        return refuse(r, r->at, msg, "a quoted name, an index, a slice or * is expected here");
    e = read_number(r, &ret_step->start, msg);
    if (e != ERR_OK)
        return e;
    after = r->at;
    skip_space(r);
    ret_step->has_start = *r->at == ':';
    if (ret_step->has_start)
        return read_slice(r, ret_step, msg);
    r->at = after;
    ret_step->kind = JSONPATH_INDEX;
    return ERR_OK;
}

/* ---- segments ---- */

/* One selector between brackets, from after the bracket or comma before it. */
static enum err read_selector(struct jsonpath_reader *r, struct jsonpath_step *ret_step,
                              struct errmsg *msg)
{
    enum err e = ERR_OK;

    skip_space(r);
    if (*r->at == '*') {
        ret_step->kind = JSONPATH_ANY;
        r->at++;
    } else if (*r->at == '\'' || *r->at == '"') {
        e = read_quoted_name(r, ret_step, msg);
    } else if (*r->at == '?') {
        return refuse(r, r->at, msg, "filters are not supported");
    } else {
        e = read_index_or_slice(r, ret_step, msg);
    }
    if (e != ERR_OK)
        return e;
    skip_space(r);
    r->listing = *r->at == ',';
    if (!r->listing && *r->at != ']')
        return refuse(r, r->at, msg, "a , or a ] is expected here");
    r->at++;
    return ERR_OK;
}

static enum err read_bracket(struct jsonpath_reader *r, struct jsonpath_step *ret_step,
                             struct errmsg *msg)
{
    r->at++;
    r->descending = ret_step->descend;
    return read_selector(r, ret_step, msg);
}

/* `.name`, `.*`, `..name`, `..*` or `..[`, from the point. */
static enum err read_point(struct jsonpath_reader *r, struct jsonpath_step *ret_step,
                           struct errmsg *msg)
{
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

enum err proxy__jsonpath_next(struct jsonpath_reader *r, struct jsonpath_step *ret_step,
                              bool *ret_end, struct errmsg *msg)
{
    const char *before = r->at;

    *ret_step =
        (struct jsonpath_step){.first = !r->listing, .descend = r->listing && r->descending};
    *ret_end = false;
    if (r->listing)
        return read_selector(r, ret_step, msg);
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
    return read_point(r, ret_step, msg);
}
