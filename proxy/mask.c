/* SPDX-License-Identifier: Apache-2.0 */
/* Masks: enough of a value to recognise it, not enough to use it. The rule is fixed for a format,
 * so that no value can be rebuilt from several masks of it (E41).
 * Runs on: any thread. Holds: nothing. Invariant: a mask is UTF-8 whatever the value was. */
#include "proxy/transform.h"

#include <string.h>

#include "proxy/json_scan_priv.h"

enum { TAIL = 2, TAIL_FROM = 8 }; /* characters shown at the end, of values this long */

static bool continues(char c)
{
    return ((uint8_t)c & 0xC0) == 0x80;
}

static bool is_utf8(struct span value)
{
    const uint8_t *p = (const uint8_t *)value.at, *end = p + value.len;

    while (p < end && p != NULL)
        p = *p < 0x80 ? p + 1 : proxy__utf8_end(p, end);
    return p == end;
}

/* The last TAIL characters; none of a value shorter than TAIL_FROM. */
static struct span tail_of(struct span value)
{
    size_t characters = 0, start = value.len;

    for (size_t i = 0; i < value.len; i++)
        characters += !continues(value.at[i]);
    if (characters < TAIL_FROM)
        return SPAN_NONE;
    for (int left = TAIL; left > 0; left -= !continues(value.at[start]))
        start--;
    return span_of(value.at + start, value.len - start);
}

/* The first character and everything from the last @, where both are there. */
static bool split_email(struct span value, struct span *ret_first, struct span *ret_rest)
{
    const char *at = value.len == 0 ? NULL : memrchr(value.at, '@', value.len);
    size_t first = 1;

    if (at == NULL || at == value.at)
        return false;
    while (continues(value.at[first]))
        first++;
    *ret_first = span_of(value.at, first);
    *ret_rest = span_of(at, value.len - (size_t)(at - value.at));
    return true;
}

/* Letters and digits behind stars, all but the first `head` and the last `tail` of them (of values with
 * `from` or more); what separates them stays, so that the mask has the value's shape. */
struct stars {
    size_t head, tail, from;
};

static bool is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_ascii_text(struct span value)
{
    for (size_t i = 0; i < value.len; i++)
        if ((uint8_t)value.at[i] >= 0x80)
            return false;
    return value.len > 0;
}

static enum err put_stars(const struct stars *stars, struct span value, struct buf *out)
{
    size_t total = 0, seen = 0;
    enum err e = ERR_OK;

    for (size_t i = 0; i < value.len; i++)
        total += is_alnum(value.at[i]);
    for (size_t i = 0; e == ERR_OK && i < value.len; i++) {
        const bool counts = is_alnum(value.at[i]);
        const bool shown = !counts || (total >= stars->from &&
                                       (seen < stars->head || seen >= total - stars->tail));

        e = buf_append_byte(out, shown ? (uint8_t)value.at[i] : '*');
        seen += counts;
    }
    return e;
}

/* The network: everything before the `groups`-th separator. */
static enum err put_network(struct span value, char separator, int groups, struct buf *out)
{
    size_t end = 0;

    for (; end < value.len && groups > 0; end++) {
        if (value.at[end] == separator && (end == 0 || value.at[end - 1] == separator))
            return buf_append_str(out, "***"); /* "2001::1" would say too much in too few groups */
        groups -= value.at[end] == separator;
    }
    if (groups > 0)
        return buf_append_str(out, "***");
    if (buf_append(out, value.at, end) != ERR_OK)
        return ERR_TOO_LARGE;
    return buf_append_str(out, separator == '.' ? "*.*" : "*");
}

/* Initials: the first character of each of the first words. */
static enum err put_initials(struct span value, struct buf *out)
{
    enum { WORDS = 4 };
    enum err e = ERR_OK;
    int words = 0;

    for (size_t i = 0; e == ERR_OK && i < value.len && words < WORDS; i++) {
        size_t end = i + 1;

        if (value.at[i] == ' ' || (i > 0 && value.at[i - 1] != ' '))
            continue;
        while (end < value.len && continues(value.at[end]))
            end++;
        if (words++ > 0)
            e = buf_append_byte(out, ' ');
        if (e == ERR_OK)
            e = buf_append(out, value.at + i, end - i);
        if (e == ERR_OK)
            e = buf_append_str(out, "***");
    }
    return e;
}

/* Text of no format, or that its format is not for. */
static enum err put_plain(enum token_format format, struct span value, struct buf *out)
{
    struct span first = SPAN_NONE, rest = SPAN_NONE;
    enum err e;

    if (is_utf8(value) && (format != TOKEN_EMAIL || !split_email(value, &first, &rest)))
        rest = tail_of(value);
    e = buf_append_span(out, first);
    if (e == ERR_OK)
        e = buf_append_str(out, "***");
    return e == ERR_OK ? buf_append_span(out, rest) : e;
}

static enum err put_mask(enum token_format format, struct span value, struct buf *out)
{
    static const struct stars shapes[] = {
        [TOKEN_PHONE] = {0, 4, 8}, [TOKEN_PAN] = {0, 4, 12}, [TOKEN_IBAN] = {2, 4, 15},
        [TOKEN_UUID] = {0, 4, 16}, [TOKEN_DATE] = {4, 0, 8}, [TOKEN_DIGITS] = {0, 2, 8},
        [TOKEN_ALNUM] = {0, 2, 8},
    };

    if (format == TOKEN_NAME && is_utf8(value) && value.len > 0 && value.at[0] != ' ')
        return put_initials(value, out);
    if (format == TOKEN_INTEGER)
        return buf_append_str(out, "***");
    if (!is_ascii_text(value) || format == TOKEN_OPAQUE || format == TOKEN_EMAIL ||
        format == TOKEN_NAME)
        return put_plain(format, value, out);
    if (format == TOKEN_IPV4)
        return put_network(value, '.', 2, out);
    if (format == TOKEN_IPV6)
        return put_network(value, ':', 2, out);
    return put_stars(&shapes[format], value, out);
}

enum err mask_write(enum token_format format, struct span value, struct buf *out)
{
    const size_t before = out->len;
    const enum err e = put_mask(format, value, out);

    if (e != ERR_OK)
        out->len = before;
    return e;
}
