/* SPDX-License-Identifier: Apache-2.0 */
/* XML's coding of text and attribute values (XML 1.0, fifth edition: 2.2, 2.4, 2.7, 3.3.3, 4.1, 4.6).
 * Runs on: any thread. Holds: nothing. Invariant: no entity is ever expanded but the five that XML
 * itself defines. Not here: finding elements (xml_reader.c). */
#include "proxy/hit_priv.h"

#include <string.h>

struct entity {
    struct span name; /* with & and ; */
    char c;
};

static const struct entity entities[] = {{{"&lt;", 4}, '<'},
                                         {{"&gt;", 4}, '>'},
                                         {{"&amp;", 5}, '&'},
                                         {{"&quot;", 6}, '"'},
                                         {{"&apos;", 6}, '\''}};

static bool begins_with(struct span text, size_t at, struct span what)
{
    return text.len - at >= what.len && memcmp(text.at + at, what.at, what.len) == 0;
}

/* ---- characters (2.2) ---- */

static bool is_char(uint32_t code)
{
    return code == '\t' || code == '\n' || code == '\r' || (code >= 0x20 && code <= 0xd7ff) ||
           (code >= 0xe000 && code <= 0xfffd) || (code >= 0x10000 && code <= 0x10ffff);
}

static enum err put_char(uint32_t code, struct buf *out)
{
    uint8_t bytes[4];
    size_t len = 0;

    if (code < 0x80) {
        bytes[len++] = (uint8_t)code;
    } else if (code < 0x800) {
        bytes[len++] = (uint8_t)(0xc0 | code >> 6);
    } else {
        if (code < 0x10000) {
            bytes[len++] = (uint8_t)(0xe0 | code >> 12);
        } else {
            bytes[len++] = (uint8_t)(0xf0 | code >> 18);
            bytes[len++] = (uint8_t)(0x80 | (code >> 12 & 0x3f));
        }
        bytes[len++] = (uint8_t)(0x80 | (code >> 6 & 0x3f));
    }
    if (code >= 0x80)
        bytes[len++] = (uint8_t)(0x80 | (code & 0x3f));
    return buf_append(out, bytes, len);
}

/* ---- reading ---- */

static int digit(char c, bool hex)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (hex && c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (hex && c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* "&#233;" or "&#xe9;" at *at, which moves behind it. */
static enum err read_number(struct span text, size_t *at, uint32_t *ret_code)
{
    const bool hex = begins_with(text, *at, SPAN_LIT("&#x"));
    size_t i = *at + (hex ? 3 : 2);
    const size_t first = i;
    uint32_t code = 0;

    for (int d; i < text.len && code <= 0x10ffff && (d = digit(text.at[i], hex)) >= 0; i++)
        code = code * (hex ? 16 : 10) + (uint32_t)d;
    if (i == first || i == text.len || text.at[i] != ';' || !is_char(code))
        return ERR_INVALID;
    *at = i + 1;
    *ret_code = code;
    return ERR_OK;
}

enum err hit__xml_reference(struct span text, size_t *at, uint32_t *ret_code)
{
    if (begins_with(text, *at, SPAN_LIT("&#")))
        return read_number(text, at, ret_code);
    for (size_t i = 0; i < sizeof(entities) / sizeof(entities[0]); i++) {
        if (begins_with(text, *at, entities[i].name)) {
            *at += entities[i].name.len;
            *ret_code = (uint8_t)entities[i].c;
            return ERR_OK;
        }
    }
    return ERR_INVALID;
}

static enum err undo_reference(struct span text, size_t *at, struct buf *out)
{
    uint32_t code;
    enum err e = hit__xml_reference(text, at, &code);

    return e == ERR_OK ? put_char(code, out) : e;
}

/* Literal line ends are read as one line feed each (2.11). */
static enum err undo_line_end(struct span text, size_t *at, struct buf *out)
{
    *at += begins_with(text, *at, SPAN_LIT("\r\n")) ? 2 : 1;
    return buf_append_byte(out, '\n');
}

/* The content of "<![CDATA[...]]>" at *at, which moves behind it. */
static enum err undo_cdata(struct span text, size_t *at, struct buf *out)
{
    enum err e = ERR_OK;

    *at += sizeof("<![CDATA[") - 1;
    while (e == ERR_OK && *at < text.len && !begins_with(text, *at, SPAN_LIT("]]>")))
        e = text.at[*at] == '\r' ? undo_line_end(text, at, out)
                                 : buf_append_byte(out, (uint8_t)text.at[(*at)++]);
    if (e == ERR_OK && *at == text.len)
        return ERR_INVALID;
    *at += 3;
    return e;
}

enum err hit__undo_xml_text(struct span text, struct buf *out)
{
    enum err e = ERR_OK;
    size_t i = 0;

    while (e == ERR_OK && i < text.len) {
        if (text.at[i] == '&')
            e = undo_reference(text, &i, out);
        else if (begins_with(text, i, SPAN_LIT("<![CDATA[")))
            e = undo_cdata(text, &i, out);
        else if (text.at[i] == '<')
            e = ERR_INVALID;
        else if (text.at[i] == '\r')
            e = undo_line_end(text, &i, out);
        else
            e = buf_append_byte(out, (uint8_t)text.at[i++]);
    }
    return e;
}

enum err hit__undo_xml_value(struct span text, struct buf *out)
{
    enum err e = ERR_OK;
    size_t i = 0;

    while (e == ERR_OK && i < text.len) {
        const char c = text.at[i];

        if (c == '&')
            e = undo_reference(text, &i, out);
        else if (c == '<')
            e = ERR_INVALID;
        else if (c == '\r' || c == '\n' || c == '\t') {
            i += begins_with(text, i, SPAN_LIT("\r\n")) ? 2 : 1;
            e = buf_append_byte(out, ' ');
        } else
            e = buf_append_byte(out, (uint8_t)text.at[i++]);
    }
    return e;
}

/* ---- writing ---- */

static bool is_writable(struct span value)
{
    for (size_t i = 0; i < value.len; i++) {
        const uint8_t c = (uint8_t)value.at[i];

        if (c < 0x20 && c != '\t' && c != '\n' && c != '\r')
            return false;
        if (c == 0xef && begins_with(value, i, SPAN_LIT("\xef\xbf\xbe")))
            return false; /* U+FFFE */
        if (c == 0xef && begins_with(value, i, SPAN_LIT("\xef\xbf\xbf")))
            return false; /* U+FFFF */
    }
    return true;
}

/* A character of its own, or as a reference; `literal`: white space that need not be one. */
static enum err write_char(char c, struct span literal, struct buf *out)
{
    for (size_t i = 0; i < sizeof(entities) / sizeof(entities[0]); i++) {
        if (entities[i].c == c)
            return buf_append_span(out, entities[i].name);
    }
    switch (memchr(literal.at, c, literal.len) == NULL ? c : '\0') {
    case '\r':
        return buf_append_str(out, "&#13;");
    case '\n':
        return buf_append_str(out, "&#10;");
    case '\t':
        return buf_append_str(out, "&#9;");
    case ' ':
        return buf_append_str(out, "&#32;");
    default:
        return buf_append_byte(out, (uint8_t)c);
    }
}

static enum err write(struct span value, struct span literal, struct buf *out)
{
    enum err e = is_writable(value) ? ERR_OK : ERR_UNPROCESSABLE;

    for (size_t i = 0; e == ERR_OK && i < value.len; i++) {
        const bool edge = i == 0 || i + 1 == value.len;

        e = write_char(value.at[i], edge ? span_of(literal.at, 0) : literal, out);
    }
    return e;
}

enum err hit__write_xml_text(struct span value, struct buf *out)
{
    return write(value, SPAN_LIT(" \n\t"), out);
}

enum err hit__write_xml_value(struct span value, struct buf *out)
{
    return write(value, SPAN_LIT(" "), out);
}
