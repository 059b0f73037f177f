/* SPDX-License-Identifier: Apache-2.0 */
/* The cookie readers.
 * Runs on: any thread. Holds: hits on the heap from the first one. Invariant: a pair that is passed over
 * ends where every server ends it. Not here: several Cookie fields of one request. */
#include "proxy/cookie_reader.h"

#include <string.h>

#include "proxy/hit_priv.h"
#include "proxy/named_fields_priv.h"

struct reader {
    const struct named_fields *fields;
    struct span field;
    struct named_seen seen;
    struct hits hits;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool has_controls(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (((uint8_t)text.at[i] < 0x20 && text.at[i] != '\t') || text.at[i] == 0x7f)
            return true;
    }
    return false;
}

/* Servers disagree about what other names are. */
static bool is_name(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        if ((uint8_t)text.at[i] <= 0x20 || strchr("\",\\", text.at[i]) != NULL)
            return false;
    }
    return text.len > 0;
}

/* A value that begins with a quote ends with the next one. */
static bool is_quoted_right(struct span value)
{
    size_t first = 0;

    while (first < value.len && is_blank(value.at[first]))
        first++;
    if (first == value.len || value.at[first] != '"')
        return true;
    return first == 0 && value.len >= 2 &&
           memchr(value.at + 1, '"', value.len - 1) == value.at + value.len - 1;
}

/* ---- pairs ---- */

static enum err add_value(struct reader *r, uint16_t field, struct span value)
{
    struct hit hit = {.field = field, .coding = HIT_COOKIE};

    if (value.len > 0 && value.at[0] == '"')
        value = span_of(value.at + 1, value.len - 2);
    for (size_t i = 0; i < value.len; i++) {
        if (!hit__is_cookie_octet(value.at[i]))
            return ERR_INVALID;
    }
    hit.start = (size_t)(value.at - r->field.at);
    hit.end = hit.start + value.len;
    return proxy__named_hit(r->fields, &hit, &r->hits);
}

/* A pair without the blanks before it. What has no `=` is a name without a value to some and a value
 * without a name to others. */
static enum err read_pair(struct reader *r, struct span pair)
{
    const char *equals = memchr(pair.at, '=', pair.len);
    const char *limit = r->field.at + r->field.len;
    struct span name = pair, value = SPAN_NONE;
    uint16_t field;
    enum err e;

    if (equals != NULL) {
        name.len = (size_t)(equals - pair.at);
        value = span_of(equals + 1, pair.len - name.len - 1);
        if (!is_name(name) || !is_quoted_right(value))
            return ERR_INVALID;
    }
    field = proxy__named_find(r->fields, name, limit, &r->hits);
    if (field == NAMED_NONE)
        return ERR_OK;
    if (equals == NULL)
        return ERR_INVALID;
    e = proxy__named_meet(r->fields, &r->seen, field);
    return e == ERR_OK ? add_value(r, field, value) : e;
}

/* The next pair of rest, without blanks around it. */
static struct span take_pair(struct span *rest)
{
    const char *end = memchr(rest->at, ';', rest->len);
    struct span pair = *rest;

    if (end != NULL)
        pair.len = (size_t)(end - rest->at);
    *rest = span_of(rest->at + pair.len, rest->len - pair.len);
    while (pair.len > 0 && is_blank(pair.at[0]))
        pair = span_of(pair.at + 1, pair.len - 1);
    while (pair.len > 0 && is_blank(pair.at[pair.len - 1]))
        pair.len--;
    return pair;
}

/* ---- fields ---- */

static enum err finish(struct reader *r, enum err e, struct hits *ret_hits)
{
    if (e == ERR_OK)
        *ret_hits = r->hits;
    else
        hits_done(&r->hits);
    return e;
}

enum err cookies_read(const struct named_fields *fields, struct span field, struct hits *ret_hits)
{
    struct reader r = {.fields = fields, .field = field};
    struct span rest = field;
    enum err e = has_controls(field) ? ERR_INVALID : ERR_OK;

    while (e == ERR_OK && rest.len > 0) {
        const struct span pair = take_pair(&rest);

        if (rest.len > 0) /* the `;` */
            rest = span_of(rest.at + 1, rest.len - 1);
        if (pair.len > 0)
            e = read_pair(&r, pair);
    }
    return finish(&r, e, ret_hits);
}

enum err set_cookie_read(const struct named_fields *fields, struct span field,
                         struct hits *ret_hits)
{
    struct reader r = {.fields = fields, .field = field};
    struct span rest = field, pair;
    enum err e = has_controls(field) || field.len == 0 ? ERR_INVALID : ERR_OK;

    if (e == ERR_OK) {
        pair = take_pair(&rest);
        e = memchr(pair.at, '=', pair.len) != NULL ? read_pair(&r, pair) : ERR_INVALID;
    }
    return finish(&r, e, ret_hits);
}
