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

enum err mask_write(enum token_format format, struct span value, struct buf *out)
{
    struct span first = SPAN_NONE, rest = SPAN_NONE;
    const size_t before = out->len;
    enum err e;

    if (is_utf8(value) && (format != TOKEN_EMAIL || !split_email(value, &first, &rest)))
        rest = tail_of(value);
    e = buf_append_span(out, first);
    if (e == ERR_OK)
        e = buf_append_str(out, "***");
    if (e == ERR_OK)
        e = buf_append_span(out, rest);
    if (e != ERR_OK)
        out->len = before;
    return e;
}
