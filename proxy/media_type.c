/* SPDX-License-Identifier: Apache-2.0 */
/* Media types and content codings (RFC 9110 8.3, 8.4, RFC 6839).
 * Runs on: any thread. Holds: nothing. */
#include "proxy/media_type.h"

#include <string.h>

static bool is_token_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static struct span take_token(struct span *rest)
{
    size_t len = 0;
    struct span token;

    while (len < rest->len && is_token_char(rest->at[len]))
        len++;
    token = span_of(rest->at, len);
    *rest = span_of(rest->at + len, rest->len - len);
    return token;
}

static bool take_char(struct span *rest, char c)
{
    if (rest->len == 0 || rest->at[0] != c)
        return false;
    *rest = span_of(rest->at + 1, rest->len - 1);
    return true;
}

static void skip_blanks(struct span *rest)
{
    while (rest->len > 0 && (rest->at[0] == ' ' || rest->at[0] == '\t'))
        *rest = span_of(rest->at + 1, rest->len - 1);
}

/* A parameter's value: a token, or a quoted string without escapes. */
static bool take_value(struct span *rest, struct span *ret_value)
{
    const char *end;

    if (!take_char(rest, '"')) {
        *ret_value = take_token(rest);
        return ret_value->len > 0;
    }
    end = memchr(rest->at, '"', rest->len);
    if (end == NULL || memchr(rest->at, '\\', (size_t)(end - rest->at)) != NULL)
        return false;
    *ret_value = span_of(rest->at, (size_t)(end - rest->at));
    *rest = span_of(end + 1, rest->len - ret_value->len - 1);
    return true;
}

/* ---- parameters ---- */

struct parameters {
    struct span charset, boundary; /* at is NULL: none */
    bool others;
};

/* False: this one came already. */
static bool put_once(struct span *place, struct span value)
{
    if (place->at != NULL)
        return false;
    *place = value;
    return true;
}

static bool put_parameter(struct parameters *p, struct span name, struct span value)
{
    if (span_equal_nocase(name, SPAN_LIT("charset")))
        return put_once(&p->charset, value);
    if (span_equal_nocase(name, SPAN_LIT("boundary")))
        return put_once(&p->boundary, value);
    p->others = true;
    return true;
}

/* What stands behind the type. */
static bool read_parameters(struct span rest, struct parameters *ret)
{
    for (;;) {
        struct span name, value;

        skip_blanks(&rest);
        if (rest.len == 0)
            return true;
        if (!take_char(&rest, ';'))
            return false;
        skip_blanks(&rest);
        if (rest.len == 0 || rest.at[0] == ';') /* RFC 9110 5.6.6 lets it be empty */
            continue;
        name = take_token(&rest);
        if (name.len == 0 || !take_char(&rest, '=') || !take_value(&rest, &value))
            return false;
        if (!put_parameter(ret, name, value))
            return false;
    }
}

/* RFC 2046 5.1.1, but for spaces: a line end's would be taken for padding. */
static bool is_boundary(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        const char c = text.at[i];

        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
            (c == '\0' || strchr("'()+_,-./:=?", c) == NULL))
            return false;
    }
    return text.len >= 1 && text.len <= 70;
}

/* ---- kinds ---- */

static const struct {
    struct span type, subtype;
    enum media_kind kind;
} kinds[] = {
    {{"application", 11}, {"json", 4}, MEDIA_JSON},
    {{"application", 11}, {"x-ndjson", 8}, MEDIA_LINES},
    {{"application", 11}, {"jsonl", 5}, MEDIA_LINES},
    {{"application", 11}, {"x-www-form-urlencoded", 21}, MEDIA_FORM},
    {{"multipart", 9}, {"form-data", 9}, MEDIA_MULTIPART},
    {{"application", 11}, {"xml", 3}, MEDIA_XML},
    {{"text", 4}, {"xml", 3}, MEDIA_XML},
    {{"text", 4}, {"event-stream", 12}, MEDIA_EVENTS},
    {{"text", 4}, {"plain", 5}, MEDIA_TEXT},
};

/* `suffix` with something in front of it (RFC 6838 4.2.8). */
static bool has_suffix(struct span subtype, struct span suffix)
{
    return subtype.len > suffix.len &&
           span_equal_nocase(span_of(subtype.at + subtype.len - suffix.len, suffix.len), suffix);
}

static enum media_kind kind_of(struct span type, struct span subtype)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (span_equal_nocase(type, kinds[i].type) && span_equal_nocase(subtype, kinds[i].subtype))
            return kinds[i].kind;
    }
    if (has_suffix(subtype, SPAN_LIT("+json")))
        return MEDIA_JSON;
    return has_suffix(subtype, SPAN_LIT("+xml")) ? MEDIA_XML : MEDIA_OTHER;
}

bool media_type_read(struct span content_type, struct media_type *ret)
{
    static const struct span json = {"application/json", 16};
    struct parameters p = {SPAN_NONE, SPAN_NONE, false};
    struct span rest = content_type, type, subtype;
    enum media_kind kind;

    if (span_equal(content_type, json)) { /* nearly all are */
        *ret = (struct media_type){MEDIA_JSON, span_of(content_type.at, 11),
                                   span_of(content_type.at + 12, 4), SPAN_NONE};
        return true;
    }
    type = take_token(&rest);
    if (type.len == 0 || !take_char(&rest, '/'))
        return false;
    subtype = take_token(&rest);
    if (subtype.len == 0 || !read_parameters(rest, &p))
        return false;
    kind = kind_of(type, subtype);
    if (p.charset.at != NULL && !span_equal_nocase(p.charset, SPAN_LIT("utf-8")))
        kind = MEDIA_OTHER;
    if (kind == MEDIA_MULTIPART && (p.others || !is_boundary(p.boundary))) /* `boundary*`, too */
        kind = MEDIA_OTHER;
    *ret = (struct media_type){kind, type, subtype, p.boundary};
    return true;
}

bool media_type_is_json(struct span content_type)
{
    struct media_type type;

    return media_type_read(content_type, &type) && type.kind == MEDIA_JSON;
}
