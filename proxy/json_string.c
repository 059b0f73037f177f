/* SPDX-License-Identifier: Apache-2.0 */
/* JSON strings: what an escape or a UTF-8 sequence is, undoing escapes, writing them.
 * Runs on: any thread. Holds: nothing. Invariant: what is written is valid UTF-8 and valid JSON, or
 * an error. Not here: where strings begin and end (json_scan_priv.h). */
#include "proxy/json_reader.h"

#include <string.h>

#include "proxy/json_scan_priv.h"

#define P JSON_CLASS_PLAIN
#define S JSON_CLASS_SPACE
#define D (JSON_CLASS_PLAIN | JSON_CLASS_DIGIT)
#define E JSON_CLASS_ESCAPE
/* clang-format off */
const uint8_t proxy__class[256] = {
    0, 0, 0, 0, 0, 0, 0, 0,  0, S, S, 0, 0, S, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0,  0, 0, 0, 0, 0, 0, 0, 0,
    P|S, P, E, P, P, P, P, P,  P, P, P, P, P, P, P, P|E,
    D, D, D, D, D, D, D, D,  D, D, P, P, P, P, P, P,
    P, P, P, P, P, P, P, P,  P, P, P, P, P, P, P, P,
    P, P, P, P, P, P, P, P,  P, P, P, P, E, P, P, P,
    P, P, P|E, P, P, P, P|E, P,  P, P, P, P, P, P, P|E, P,
    P, P, P|E, P, P|E, P, P, P,  P, P, P, P, P, P, P, P,
};
/* clang-format on */
#undef P
#undef S
#undef D
#undef E

/* ---- UTF-8 (RFC 3629) ---- */

/* Up to four bytes from p, the first one lowest, zeroes past the end. */
static uint32_t load_sequence(const uint8_t *p, const uint8_t *end)
{
    uint32_t x = 0;

    if (LIKELY(end - p >= 4))
        return scan_load4(p);
    for (unsigned i = 0; p + i < end; i++)
        x |= (uint32_t)p[i] << (8 * i);
    return x;
}

/* The length of the non-ASCII sequence that x begins with; 0 when it is none: stray or missing
 * continuation bytes, overlong forms, surrogates, beyond U+10FFFF. All bits of a sequence are
 * looked at in one comparison, lead byte lowest. */
static size_t sequence_length(uint32_t x)
{
    uint32_t range;

    if ((x & 0x00C0C0F0) == 0x008080E0) {
        range = x & 0x0000200F; /* E0 wants A0-BF next, ED 80-9F */
        return range != 0 && range != 0x0000200D ? 3 : 0;
    }
    if ((x & 0x0000C0E0) == 0x000080C0)
        return (x & 0x0000001E) != 0 ? 2 : 0; /* C0 and C1 are overlong */
    if ((x & 0xC0C0C0F8) == 0x808080F0) {
        range = x & 0x00003007; /* F0 wants 90-BF next, F4 80-8F */
        return range != 0 && ((range & 4) == 0 || range == 4) ? 4 : 0;
    }
    return 0;
}

const uint8_t *proxy__utf8_end(const uint8_t *p, const uint8_t *end)
{
    do {
        const size_t length = sequence_length(load_sequence(p, end));

        if (length == 0)
            return NULL;
        p += length;
    } while (p < end && *p >= 0x80);
    return p;
}

static size_t put_utf8(uint32_t code, uint8_t out[4])
{
    if (code < 0x80) {
        out[0] = (uint8_t)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (uint8_t)(0xC0 | code >> 6);
        out[1] = (uint8_t)(0x80 | (code & 0x3F));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (uint8_t)(0xE0 | code >> 12);
        out[1] = (uint8_t)(0x80 | (code >> 6 & 0x3F));
        out[2] = (uint8_t)(0x80 | (code & 0x3F));
        return 3;
    }
    out[0] = (uint8_t)(0xF0 | code >> 18);
    out[1] = (uint8_t)(0x80 | (code >> 12 & 0x3F));
    out[2] = (uint8_t)(0x80 | (code >> 6 & 0x3F));
    out[3] = (uint8_t)(0x80 | (code & 0x3F));
    return 4;
}

/* ---- escapes (RFC 8259 7) ---- */

/* Four hexadecimal digits; anything from 0x10000 when they are not. */
static uint32_t read_hex4(const uint8_t *p)
{
    uint32_t value = 0;

    for (int i = 0; i < 4; i++) {
        const uint8_t c = p[i], letter = c | 0x20;

        if (c >= '0' && c <= '9')
            value = value << 4 | (uint32_t)(c - '0');
        else if (letter >= 'a' && letter <= 'f')
            value = value << 4 | (uint32_t)(letter - 'a' + 10);
        else
            return UINT32_MAX;
    }
    return value;
}

/* \uXXXX or a surrogate pair of them. A surrogate alone is no character and is refused. */
static const uint8_t *read_unicode_escape(const uint8_t *p, const uint8_t *end, uint32_t *ret_code)
{
    uint32_t code, low;

    if (end - p < 6)
        return NULL;
    code = read_hex4(p + 2);
    if (code > 0xFFFF || (code & 0xFC00) == 0xDC00)
        return NULL;
    if ((code & 0xFC00) != 0xD800) {
        *ret_code = code;
        return p + 6;
    }
    if (end - p < 12 || p[6] != '\\' || p[7] != 'u')
        return NULL;
    low = read_hex4(p + 8);
    if ((low & 0xFFFFFC00) != 0xDC00)
        return NULL;
    *ret_code = 0x10000 + ((code & 0x3FF) << 10 | (low & 0x3FF));
    return p + 12;
}

/* The escape at p and the character it stands for; NULL when it is none. */
static const uint8_t *read_escape(const uint8_t *p, const uint8_t *end, uint32_t *ret_code)
{
    static const char letters[] = "\"\\/bfnrt";
    static const char meanings[] = "\"\\/\b\f\n\r\t";
    const char *letter;

    if (end - p < 2 || p[1] == '\0')
        return NULL;
    if (p[1] == 'u')
        return read_unicode_escape(p, end, ret_code);
    letter = strchr(letters, p[1]);
    if (letter == NULL)
        return NULL;
    *ret_code = (uint8_t)meanings[letter - letters];
    return p + 2;
}

const uint8_t *proxy__escape_end(const uint8_t *p, const uint8_t *end)
{
    uint32_t code;

    return read_escape(p, end, &code);
}

/* ---- undoing and writing ---- */

/* Past everything that stands for itself in a string; NULL where it is not UTF-8. What stands
 * there, before `end`, is a quote, a backslash or a control character. */
static const uint8_t *verbatim_end(const uint8_t *p, const uint8_t *end)
{
    do {
        p = scan_plain_end(p, end);
        if (p < end && *p >= 0x80)
            p = proxy__utf8_end(p, end);
    } while (p != NULL && p < end && (proxy__class[*p] & JSON_CLASS_PLAIN) != 0);
    return p;
}

static enum err unescape(const uint8_t *p, const uint8_t *end, struct buf *out)
{
    enum err e = buf_reserve(out, (size_t)(end - p)); /* an escape is longer than what it means */

    while (e == ERR_OK && p < end) {
        const uint8_t *stop = verbatim_end(p, end);
        uint32_t code;
        uint8_t utf8[4];

        if (stop == NULL)
            return ERR_INVALID;
        e = buf_append(out, p, (size_t)(stop - p));
        p = stop;
        if (e != ERR_OK || p == end)
            return e;
        if (*p != '\\' || (p = read_escape(p, end, &code)) == NULL)
            return ERR_INVALID;
        e = buf_append(out, utf8, put_utf8(code, utf8));
    }
    return e;
}

enum err json_unescape(struct span inner, struct buf *out)
{
    const uint8_t *p = (const uint8_t *)inner.at;
    const size_t before = out->len;
    const enum err e = inner.len == 0 ? ERR_OK : unescape(p, p + inner.len, out);

    if (e != ERR_OK)
        out->len = before;
    return e;
}

static enum err put_escape(uint8_t c, struct buf *out)
{
    static const char hex[] = "0123456789abcdef";
    char text[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
    size_t len = 2;

    switch (c) {
    case '\b':
        text[1] = 'b';
        break;
    case '\f':
        text[1] = 'f';
        break;
    case '\n':
        text[1] = 'n';
        break;
    case '\r':
        text[1] = 'r';
        break;
    case '\t':
        text[1] = 't';
        break;
    case '"':
    case '\\':
        text[1] = (char)c;
        break;
    default:
        len = sizeof(text);
    }
    return buf_append(out, text, len);
}

static enum err escape_string(struct span value, struct buf *out)
{
    const uint8_t *p = (const uint8_t *)value.at, *end = p + value.len;
    enum err e = buf_reserve(out, value.len + 2);

    if (e == ERR_OK)
        e = buf_append_byte(out, '"');
    while (e == ERR_OK && p < end) {
        const uint8_t *stop = verbatim_end(p, end);

        if (stop == NULL)
            return ERR_INVALID;
        e = buf_append(out, p, (size_t)(stop - p));
        p = stop;
        if (e == ERR_OK && p < end)
            e = put_escape(*p++, out);
    }
    return e == ERR_OK ? buf_append_byte(out, '"') : e;
}

/* A literal goes out as it came in, so it must be one: nothing else may enter a document this way.
 */
static bool is_literal(enum value_kind kind, struct span value)
{
    const uint8_t *p = (const uint8_t *)value.at, *end = p + value.len;

    if (value.len == 0)
        return false;
    if (kind == VALUE_NUMBER)
        return (*p == '-' || (proxy__class[*p] & JSON_CLASS_DIGIT) != 0) &&
               scan_number(p, end) == end;
    return kind == VALUE_BOOL && (*p == 't' || *p == 'f') && scan_literal(p, end) == end;
}

bool json_spells_number(struct span text)
{
    return is_literal(VALUE_NUMBER, text);
}

enum err json_escape(enum value_kind kind, struct span value, struct buf *out)
{
    const size_t before = out->len;
    enum err e;

    if (kind != VALUE_STRING)
        return is_literal(kind, value) ? buf_append_span(out, value) : ERR_INVALID;
    e = value.len == 0 ? buf_append_str(out, "\"\"") : escape_string(value, out);
    if (e != ERR_OK)
        out->len = before;
    return e;
}
