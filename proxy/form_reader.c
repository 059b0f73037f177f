/* SPDX-License-Identifier: Apache-2.0 */
/* The form reader.
 * Runs on: any thread. Holds: hits on the heap from the first one; a declared name's spelling with
 * escapes, decoded, in a secret buffer. Invariant: every byte is judged, that of undeclared pairs too: what
 * another parser might read as a pair of its own is refused. Not here: undoing escapes of values
 * (hit.c). */
#include "proxy/form_reader.h"

#include <string.h>

#include "base/limits.h"
#include "proxy/named_fields_priv.h"
#include "proxy/path.h"
#include "proxy/percent_priv.h"

struct reader {
    const struct named_fields *fields;
    struct span text;
    size_t at;
    struct named_seen seen;
    struct hits hits;
    struct buf decoded;
};

/* A name or a value as it stands in the text. */
struct part {
    struct span raw;
    size_t len; /* once decoded */
    bool escaped;
};

/* Bytes that are themselves and need no look: ASCII without escapes, separators and control characters. */
static bool is_plain(char c)
{
    return (uint8_t)c > 0x20 && (uint8_t)c < 0x7f && c != '%' && c != '+' && c != ';' && c != '&' &&
           c != '=';
}

static bool is_control(int byte)
{
    return byte < 0x20 || byte == 0x7f;
}

/* The byte at hand, decoded, or -1; *at moves to its last character. */
static int next_byte(struct span text, size_t *at)
{
    int byte = (uint8_t)text.at[*at];

    if (byte == ';' || is_control(byte))
        return -1;
    if (byte == '%') {
        byte = proxy__percent_byte(text, *at);
        *at += 2;
    }
    return byte;
}

/* Read on to the end of a name (`=` ends it, too) or of a value. */
static enum err read_part(struct reader *r, bool name, struct part *ret)
{
    const size_t start = r->at;
    struct part part = {0};
    struct utf8 utf8 = {0};
    size_t i = start;

    for (; i < r->text.len; i++, part.len++) {
        const char c = r->text.at[i];
        int byte;

        if (is_plain(c) && proxy__utf8_is_whole(&utf8))
            continue;
        if (c == '&' || (name && c == '='))
            break;
        part.escaped = part.escaped || c == '%' || c == '+';
        byte = next_byte(r->text, &i);
        if (byte < 0 || (name && is_control(byte)) || !proxy__utf8_step(&utf8, (uint8_t)byte))
            return ERR_INVALID;
    }
    if (!proxy__utf8_is_whole(&utf8))
        return ERR_INVALID;
    part.raw = span_of(r->text.at + start, i - start);
    r->at = i;
    *ret = part;
    return ERR_OK;
}

/* As much of a name as is looked at, escapes counted as what they stand for. */
static struct span head_of(const struct part *name)
{
    size_t at = 0;

    if (name->len <= NAMED_NEAR_MAX)
        return name->raw;
    for (size_t n = 0; n < NAMED_NEAR_MAX; n++)
        at += name->raw.at[at] == '%' ? 3 : 1;
    return span_of(name->raw.at, at);
}

/* ret_field: whose name it is, or NAMED_NONE. */
static enum err find_field(struct reader *r, const struct part *name, uint16_t *ret_field)
{
    struct span plain = head_of(name);
    const char *limit = r->text.at + r->text.len;

    *ret_field = NAMED_NONE;
    if (name->len > r->fields->longest && r->fields->near == NULL)
        return ERR_OK;
    if (name->escaped) {
        enum err e;

        buf_reset(&r->decoded);
        e = form_decode(plain, &r->decoded);
        if (e != ERR_OK)
            return e;
        plain = buf_span(&r->decoded);
        limit = plain.at + plain.len;
    }
    *ret_field = proxy__named_find(r->fields, plain, limit, &r->hits);
    return ERR_OK;
}

/* One pair, or an empty piece. */
static enum err read_pair(struct reader *r)
{
    struct part name, value = {0};
    uint16_t field = NAMED_NONE;
    struct hit hit;
    enum err e = read_part(r, true, &name);

    if (e == ERR_OK)
        e = find_field(r, &name, &field);
    if (e == ERR_OK && r->at < r->text.len && r->text.at[r->at] == '=') {
        r->at++;
        e = read_part(r, false, &value);
    }
    if (e != ERR_OK || field == NAMED_NONE)
        return e;
    hit = (struct hit){.start = r->at - value.raw.len,
                       .end = r->at,
                       .field = field,
                       .coding = HIT_FORM,
                       .escaped = value.escaped};
    e = proxy__named_meet(r->fields, &r->seen, field);
    return e == ERR_OK ? proxy__named_hit(r->fields, &hit, &r->hits) : e;
}

enum err form_read(const struct named_fields *fields, struct span text, struct hits *ret_hits)
{
    struct reader r = {.fields = fields, .text = text};
    enum err e = ERR_OK;

    buf_init_secret(&r.decoded, NAMED_NEAR_MAX);
    for (; e == ERR_OK && r.at < text.len; r.at++) /* past the `&` */
        e = read_pair(&r);
    buf_done(&r.decoded);
    if (e == ERR_OK)
        *ret_hits = r.hits;
    else
        hits_done(&r.hits);
    return e;
}
