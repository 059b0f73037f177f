/* SPDX-License-Identifier: Apache-2.0 */
/* Looking through what is not declared of a JSON document, and of the pairs of a query or form.
 *
 * The document was read by the reader, so it is known to be JSON; here brackets, strings and numbers are
 * all that matters. Where a string holds JSON or base64 itself, that is looked into, but no further.
 *
 * Runs on: any thread. Holds: one value at a time, wiped; one byte for each open container. Invariant:
 * nothing of the document gets into what is reported. Not here: what is looked for (detect.c). */
#include "proxy/detect.h"

#include <string.h>

#include "base/limits.h"
#include "proxy/fields.h"
#include "proxy/json_reader.h"
#include "proxy/json_scan_priv.h"
#include "proxy/path.h"

enum { BASE64_MIN = 12, OPEN_MAX = LIMIT_JSON_DEPTH_MAX + 2 };

_Static_assert(1 + 3 * OPEN_MAX + 2 <= DETECT_SHAPE_MAX,
               "a shape has room for all that can be open");

struct walk {
    const uint8_t *start, *end;
    const struct hits *hits;
    size_t hit; /* the next one */
    bool outer; /* not inside a string */
    char open[OPEN_MAX];
    size_t depth;
    bool name; /* the next string is a member's name */
    struct buf value;
    struct detect_found found;
};

/* ---- where ---- */

/* The containers that are open, the last of them for a name without its member. */
static void write_shape(struct walk *w)
{
    struct span step;
    size_t len = 0;

    w->found.shape[len++] = '$';
    for (size_t i = 0; i < w->depth; i++) {
        step = w->open[i] == '{' ? SPAN_LIT(".*") : SPAN_LIT("[*]");
        memcpy(w->found.shape + len, step.at, step.len);
        len += step.len;
    }
    if (w->name)
        w->found.shape[len++] = '~';
    w->found.shape[len] = '\0';
}

/* ---- values inside of values ---- */

/* The bits of a base64 character (RFC 4648 4 and 5); 64 for another. */
static unsigned base64_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return (unsigned)(c - 'A');
    if (c >= 'a' && c <= 'z')
        return (unsigned)(c - 'a') + 26;
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0') + 52;
    return c == '+' || c == '-' ? 62 : c == '/' || c == '_' ? 63 : 64;
}

/* All of a text, decoded; false when it is no base64 of text. */
static bool decode_base64(struct span text, struct buf *out)
{
    unsigned bits = 0, count = 0;

    while (text.len > 0 && text.at[text.len - 1] == '=')
        text.len--;
    if (text.len < BASE64_MIN || buf_reserve(out, text.len) != ERR_OK)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        const unsigned value = base64_value(text.at[i]);
        uint8_t byte;

        if (value == 64)
            return false;
        bits = bits << 6 | value;
        count += 6;
        if (count < 8)
            continue;
        count -= 8;
        byte = (uint8_t)(bits >> count);
        if ((byte < 0x20 && byte != '\t' && byte != '\n' && byte != '\r') ||
            buf_append_byte(out, byte) != ERR_OK)
            return false;
    }
    return true;
}

static enum err look_through(struct walk *w);

/* The strings of a text that is JSON itself. */
static enum err look_into_json(struct span text, enum detect_kind *ret_kind)
{
    AUTO(fields_free) struct fields *none = NULL;
    AUTO(hits_done) struct hits hits = {0};
    struct walk inner = {.start = (const uint8_t *)text.at,
                         .end = (const uint8_t *)text.at + text.len,
                         .hits = &hits};
    enum err e = fields_new(NULL, 0, &none, NULL);

    if (e != ERR_OK || json_read(none, text, &hits) != ERR_OK)
        return e;
    buf_init_secret(&inner.value, SIZE_MAX);
    e = look_through(&inner);
    buf_done(&inner.value);
    *ret_kind = inner.found.kind;
    return e;
}

static enum err look_into(struct span text, enum detect_kind *ret_kind)
{
    AUTO(buf_done) struct buf decoded = {.max = SIZE_MAX, .secret = true};

    *ret_kind = DETECT_NOTHING;
    if (text.len > 1 && (text.at[0] == '{' || text.at[0] == '['))
        return look_into_json(text, ret_kind);
    if (decode_base64(text, &decoded))
        *ret_kind = detect_personal(buf_span(&decoded));
    return ERR_OK;
}

/* ---- a document ---- */

/* A string between its quotes, or a number. */
static enum err look_at(struct walk *w, struct span text, bool escaped)
{
    enum err e = ERR_OK;

    if (escaped) {
        buf_reset(&w->value);
        e = json_unescape(text, &w->value);
        text = buf_span(&w->value);
    }
    if (e == ERR_OK)
        w->found.kind = detect_personal(text);
    if (e == ERR_OK && w->found.kind == DETECT_NOTHING && w->outer)
        e = look_into(text, &w->found.kind);
    if (e == ERR_OK && w->found.kind != DETECT_NOTHING)
        write_shape(w);
    return e;
}

/* p stands on the quote: past the string. */
static enum err take_string(struct walk *w, const uint8_t **p)
{
    bool escaped = false;
    const uint8_t *close = scan_string(*p + 1, w->end, &escaped);
    enum err e;

    if (close == NULL)
        return ERR_INVALID;
    e = look_at(w, span_of(*p + 1, (size_t)(close - *p - 1)), escaped);
    w->name = false;
    *p = close + 1;
    return e;
}

static enum err take_number(struct walk *w, const uint8_t **p)
{
    const uint8_t *to = scan_number(*p, w->end);
    enum err e;

    if (to == NULL)
        return ERR_INVALID;
    e = look_at(w, span_of(*p, (size_t)(to - *p)), false);
    *p = to;
    return e;
}

static void take_mark(struct walk *w, uint8_t c)
{
    if ((c == '{' || c == '[') && w->depth < sizeof(w->open))
        w->open[w->depth++] = (char)c;
    else if ((c == '}' || c == ']') && w->depth > 0)
        w->depth--;
    w->name = (c == '{' || c == ',') && w->depth > 0 && w->open[w->depth - 1] == '{';
}

static enum err look_through(struct walk *w)
{
    const uint8_t *p = w->start;
    enum err e = ERR_OK;

    while (e == ERR_OK && w->found.kind == DETECT_NOTHING && p < w->end) {
        if (w->hit < w->hits->count && (size_t)(p - w->start) == w->hits->at[w->hit].start)
            p = w->start + w->hits->at[w->hit++].end;
        else if (*p == '"')
            e = take_string(w, &p);
        else if (*p == '-' || (proxy__class[*p] & JSON_CLASS_DIGIT) != 0)
            e = take_number(w, &p);
        else if (strchr("{}[],", *p) != NULL && *p != '\0')
            take_mark(w, *p++);
        else
            p++;
    }
    return e;
}

enum err detect_json(struct span document, const struct hits *hits, struct detect_found *ret_found)
{
    struct walk w = {.start = (const uint8_t *)document.at,
                     .end = (const uint8_t *)document.at + document.len,
                     .hits = hits,
                     .outer = true};
    enum err e;

    buf_init_secret(&w.value, SIZE_MAX);
    e = look_through(&w);
    buf_done(&w.value);
    if (e == ERR_OK)
        *ret_found = w.found;
    return e;
}

/* ---- pairs ---- */

struct pairs_walk {
    const struct hits *hits;
    enum detect_kind kind;
};

static enum err look_at_pair(const struct query_item *item, void *context)
{
    struct pairs_walk *w = context;
    bool declared = false;
    enum err e = ERR_OK;

    if (w->kind == DETECT_NOTHING)
        w->kind = detect_personal(item->name);
    for (size_t i = 0; i < w->hits->count; i++)
        declared = declared || w->hits->at[i].start == item->value_start;
    if (w->kind == DETECT_NOTHING && !declared)
        w->kind = detect_personal(item->value);
    if (w->kind == DETECT_NOTHING && !declared)
        e = look_into(item->value, &w->kind);
    return e;
}

enum err detect_pairs(struct span pairs, const struct hits *hits, enum detect_kind *ret_kind)
{
    AUTO(buf_done) struct buf scratch = {.max = pairs.len + 1, .secret = true};
    struct pairs_walk w = {.hits = hits};
    const enum err e = query_each(pairs, &scratch, look_at_pair, &w);

    if (e == ERR_OK)
        *ret_kind = w.kind;
    return e;
}
