/* SPDX-License-Identifier: Apache-2.0 */
/* Codings of plain text: path segments, header fields, cookies, parts of a multipart body.
 * Runs on: any thread. Holds: nothing. Invariant: what is written can end nothing but itself: no
 * segment, field, cookie or quotation (E37). */
#include "proxy/hit_priv.h"

#include <string.h>

#include "proxy/path.h"
#include "proxy/percent_priv.h"

bool hit__is_utf8(struct span text)
{
    struct utf8 u = {0};

    for (size_t i = 0; i < text.len; i++) {
        if (!proxy__utf8_step(&u, (uint8_t)text.at[i]))
            return false;
    }
    return proxy__utf8_is_whole(&u);
}

/* ---- segments ---- */

static bool is_control(char c)
{
    return (uint8_t)c < 0x20 || c == 0x7f;
}

/* What path_normalise() refuses in a request must not be made by us either. */
static bool can_be_segment(struct span value)
{
    if (span_equal(value, SPAN_LIT(".")) || span_equal(value, SPAN_LIT("..")))
        return false;
    for (size_t i = 0; i < value.len; i++) {
        if (is_control(value.at[i]) || value.at[i] == '/' || value.at[i] == '\\')
            return false;
    }
    return true;
}

enum err hit__write_segment(struct span value, struct buf *out)
{
    return can_be_segment(value) ? percent_encode(value, out) : ERR_UNPROCESSABLE;
}

/* ---- header fields and cookies ---- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

enum err hit__write_header(struct span value, struct buf *out)
{
    if (is_blank(value.at[0]) || is_blank(value.at[value.len - 1]))
        return ERR_UNPROCESSABLE; /* every reader would strip it */
    for (size_t i = 0; i < value.len; i++) {
        if (is_control(value.at[i]) && value.at[i] != '\t')
            return ERR_UNPROCESSABLE;
    }
    return buf_append_span(out, value);
}

bool hit__is_cookie_octet(char c)
{
    return c > 0x20 && c < 0x7f && c != '"' && c != ',' && c != ';' && c != '\\';
}

enum err hit__write_cookie(struct span value, struct buf *out)
{
    for (size_t i = 0; i < value.len; i++) {
        if (!hit__is_cookie_octet(value.at[i]))
            return ERR_UNPROCESSABLE;
    }
    return buf_append_span(out, value);
}

/* ---- multipart ---- */

enum err hit__write_part(struct span value, struct buf *out)
{
    return buf_append_span(out, value);
}

/* A value's end can make a delimiter with the line end behind it only if it holds the one of the
 * delimiter: boundaries hold none. */
bool hit__has_delimiter(struct span body, struct span value)
{
    const char *end = memchr(body.at, '\r', body.len);

    return end == NULL || memmem(value.at, value.len, body.at, (size_t)(end - body.at)) != NULL;
}

/* Only the three that browsers write; any other % is one. */
static int quoted_byte(struct span text, size_t at)
{
    const int byte = text.at[at] == '%' ? proxy__percent_byte(text, at) : -1;

    return byte == '\r' || byte == '\n' || byte == '"' ? byte : -1;
}

enum err hit__write_quoted(struct span value, struct buf *out)
{
    enum err e = ERR_OK;

    for (size_t i = 0; e == ERR_OK && i < value.len; i++) {
        const char c = value.at[i];

        if (c == '\r')
            e = buf_append_str(out, "%0D");
        else if (c == '\n')
            e = buf_append_str(out, "%0A");
        else if (c == '"')
            e = buf_append_str(out, "%22");
        else if (is_control(c) || c == '\\' || quoted_byte(value, i) >= 0)
            e = ERR_UNPROCESSABLE;
        else
            e = buf_append_byte(out, (uint8_t)c);
    }
    return e;
}

enum err hit__undo_quoted(struct span text, struct buf *out)
{
    enum err e = ERR_OK;

    for (size_t i = 0; e == ERR_OK && i < text.len; i++) {
        const int byte = quoted_byte(text, i);

        e = buf_append_byte(out, byte >= 0 ? (uint8_t)byte : (uint8_t)text.at[i]);
        i += byte >= 0 ? 2 : 0;
    }
    return e;
}
