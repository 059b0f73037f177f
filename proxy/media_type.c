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

/* The parameters after the type: well-formed, and a charset only once and only UTF-8. */
static bool utf8_parameters(struct span rest)
{
    bool charset = false;

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
        if (!span_equal_nocase(name, SPAN_LIT("charset")))
            continue;
        if (charset || !span_equal_nocase(value, SPAN_LIT("utf-8")))
            return false;
        charset = true;
    }
}

bool media_type_is_json(struct span content_type)
{
    struct span rest = content_type, type, subtype;

    type = take_token(&rest);
    if (type.len == 0 || !take_char(&rest, '/'))
        return false;
    subtype = take_token(&rest);
    if (!(span_equal_nocase(type, SPAN_LIT("application")) &&
          span_equal_nocase(subtype, SPAN_LIT("json"))) &&
        !(subtype.len > 5 &&
          span_equal_nocase(span_of(subtype.at + subtype.len - 5, 5), SPAN_LIT("+json"))))
        return false;
    return utf8_parameters(rest);
}
