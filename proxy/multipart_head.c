/* SPDX-License-Identifier: Apache-2.0 */
/* Heads of parts: header lines, and the parameters of Content-Disposition (RFC 7578 4.2).
 * Runs on: any thread. Holds: nothing. Invariant: whatever a lenient parser could take for another
 * name or file name is refused. Not here: where heads begin and end (multipart_reader.c). */
#include "proxy/multipart_priv.h"

#include <string.h>

#include "proxy/hit_priv.h"
#include "proxy/media_type.h"

/* ---- pieces of a line ---- */

static bool is_token_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static void drop(struct span *rest, size_t len)
{
    *rest = span_of(rest->at + len, rest->len - len);
}

static struct span take_token(struct span *rest)
{
    size_t len = 0;
    struct span token;

    while (len < rest->len && is_token_char(rest->at[len]))
        len++;
    token = span_of(rest->at, len);
    drop(rest, len);
    return token;
}

static bool take_char(struct span *rest, char c)
{
    if (rest->len == 0 || rest->at[0] != c)
        return false;
    drop(rest, 1);
    return true;
}

static void skip_blanks(struct span *rest)
{
    while (rest->len > 0 && (rest->at[0] == ' ' || rest->at[0] == '\t'))
        drop(rest, 1);
}

/* Text between quotes. A backslash is an escape to some and a backslash to others. */
static bool take_quoted(struct span *rest, struct span *ret)
{
    const char *end;

    if (!take_char(rest, '"'))
        return false;
    end = memchr(rest->at, '"', rest->len);
    if (end == NULL)
        return false;
    *ret = span_of(rest->at, (size_t)(end - rest->at));
    drop(rest, ret->len + 1);
    return memchr(ret->at, '\\', ret->len) == NULL;
}

/* ---- fields ---- */

struct reader {
    struct part_head head;
    bool disposition, type, encoding; /* have come */
};

/* One parameter; others than these two (`filename*` among them) are nobody's in a form. */
static bool take_parameter(struct span *rest, struct part_head *head)
{
    struct span name, *place;

    if (!take_char(rest, ';'))
        return false;
    skip_blanks(rest);
    name = take_token(rest);
    if (span_equal_nocase(name, SPAN_LIT("name")))
        place = &head->name;
    else if (span_equal_nocase(name, SPAN_LIT("filename")))
        place = &head->file_name;
    else
        return false;
    return place->at == NULL && take_char(rest, '=') && take_quoted(rest, place);
}

static enum err read_disposition(struct reader *r, struct span value)
{
    if (r->disposition || !span_equal_nocase(take_token(&value), SPAN_LIT("form-data")))
        return ERR_INVALID;
    r->disposition = true;
    skip_blanks(&value);
    while (value.len > 0) {
        if (!take_parameter(&value, &r->head))
            return ERR_INVALID;
        skip_blanks(&value);
    }
    return r->head.name.at != NULL ? ERR_OK : ERR_INVALID;
}

static enum err read_type(struct reader *r, struct span value)
{
    struct media_type type;

    if (r->type || !media_type_read(value, &type) ||
        span_equal_nocase(type.type, SPAN_LIT("multipart")))
        return ERR_INVALID;
    r->type = true;
    r->head.is_text = type.kind == MEDIA_TEXT;
    return ERR_OK;
}

static enum err read_encoding(struct reader *r, struct span value)
{
    const bool plain = span_equal_nocase(value, SPAN_LIT("7bit")) ||
                       span_equal_nocase(value, SPAN_LIT("8bit")) ||
                       span_equal_nocase(value, SPAN_LIT("binary"));

    if (r->encoding || !plain)
        return ERR_INVALID;
    r->encoding = true;
    return ERR_OK;
}

static enum err read_length(struct reader *r, struct span value)
{
    if (r->head.length.at != NULL || value.len == 0)
        return ERR_INVALID;
    r->head.length = value;
    return ERR_OK;
}

static enum err read_field(struct reader *r, struct span name, struct span value)
{
    if (span_equal_nocase(name, SPAN_LIT("Content-Disposition")))
        return read_disposition(r, value);
    if (span_equal_nocase(name, SPAN_LIT("Content-Type")))
        return read_type(r, value);
    if (span_equal_nocase(name, SPAN_LIT("Content-Transfer-Encoding")))
        return read_encoding(r, value);
    if (span_equal_nocase(name, SPAN_LIT("Content-Length")))
        return read_length(r, value);
    r->head.has_others = true;
    return ERR_OK;
}

/* ---- lines ---- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* A line without its end: no folded one, no blank before the colon. */
static enum err read_line(struct reader *r, struct span line)
{
    struct span name = take_token(&line);

    if (name.len == 0 || !take_char(&line, ':'))
        return ERR_INVALID;
    skip_blanks(&line);
    while (line.len > 0 && is_blank(line.at[line.len - 1]))
        line.len--;
    for (size_t i = 0; i < line.len; i++) {
        if (((uint8_t)line.at[i] < 0x20 && line.at[i] != '\t') || line.at[i] == 0x7f)
            return ERR_INVALID;
    }
    return read_field(r, name, line);
}

enum err proxy__part_head(struct span head, struct part_head *ret)
{
    struct reader r = {.head = {.is_text = true}};
    enum err e = hit__is_utf8(head) ? ERR_OK : ERR_INVALID;

    while (e == ERR_OK && head.len > 0) {
        const char *end = memmem(head.at, head.len, "\r\n", 2);

        if (end == NULL)
            return ERR_INVALID;
        e = read_line(&r, span_of(head.at, (size_t)(end - head.at)));
        drop(&head, (size_t)(end - head.at) + 2);
    }
    if (e == ERR_OK && !r.disposition)
        e = ERR_INVALID;
    if (e == ERR_OK)
        *ret = r.head;
    return e;
}
