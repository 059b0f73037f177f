/* SPDX-License-Identifier: Apache-2.0 */
/* Values in their places: one table says how each coding is read and written.
 * Runs on: any thread. Holds: nothing. Invariant: what hit_write() wrote, hit_read() reads back as
 * the same value, and whoever parses the place sees one value there. Not here: where hits stand (the
 * readers), the codings themselves (hit_text.c, hit_xml.c, json_string.c, path.c, event_stream.c). */
#include "proxy/hit.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/mem.h"
#include "proxy/event_stream.h"
#include "proxy/hit_priv.h"
#include "proxy/json_reader.h"
#include "proxy/path.h"

enum { FIRST_HITS = 16 };

/* ---- lists ---- */

/* A list with room for one entry more: itself, or a larger one; NULL when there is no memory. */
static void *grown(void *list, size_t count, size_t *cap, size_t size)
{
    const size_t larger = *cap == 0 ? FIRST_HITS : *cap * 2;
    void *moved;

    if (count < *cap)
        return list;
    moved = mem_take(larger * size);
    if (moved == NULL)
        return NULL;
    if (count > 0)
        memcpy(moved, list, count * size);
    mem_give(list, *cap * size);
    *cap = larger;
    return moved;
}

enum err hits_add(struct hits *hits, const struct hit *hit)
{
    struct hit *at;

    if (hits->count == LIMIT_FIELDS_MAX)
        return ERR_TOO_LARGE;
    at = grown(hits->at, hits->count, &hits->cap, sizeof(*at));
    if (at == NULL)
        return ERR_NO_SPACE;
    hits->at = at;
    hits->at[hits->count++] = *hit;
    return ERR_OK;
}

enum err hits_add_element(struct hits *hits, const struct hit_element *element,
                          uint32_t *ret_element)
{
    struct hit_element *elements;

    if (hits->element_count == LIMIT_FIELDS_MAX)
        return ERR_TOO_LARGE;
    elements = grown(hits->elements, hits->element_count, &hits->element_cap, sizeof(*elements));
    if (elements == NULL)
        return ERR_NO_SPACE;
    hits->elements = elements;
    hits->elements[hits->element_count++] = *element;
    *ret_element = (uint32_t)hits->element_count;
    return ERR_OK;
}

void hits_done(struct hits *hits)
{
    mem_give(hits->at, hits->cap * sizeof(*hits->at));
    mem_give(hits->elements, hits->element_cap * sizeof(*hits->elements));
    *hits = (struct hits){0};
}

/* ---- codings ---- */

/* How a coding undoes its escapes, and how it writes a string. NULL: there are no escapes. */
struct coding {
    enum err (*undo)(struct span text, struct buf *out);
    enum err (*write)(struct span value, struct buf *out);
};

static enum err write_json_string(struct span value, struct buf *out)
{
    return json_escape(VALUE_STRING, value, out);
}

/* Without the quotes that stand around already. */
static enum err write_json_text(struct span value, struct buf *out)
{
    AUTO(buf_done) struct buf quoted = {.max = 6 * value.len + 2, .secret = true};
    enum err e = json_escape(VALUE_STRING, value, &quoted);

    return e == ERR_OK ? buf_append(out, quoted.bytes + 1, quoted.len - 2) : e;
}

static const struct coding codings[] = {
    [HIT_JSON] = {json_unescape, write_json_string},
    [HIT_JSON_TEXT] = {json_unescape, write_json_text},
    [HIT_FORM] = {form_decode, percent_encode},
    [HIT_SEGMENT] = {percent_decode, hit__write_segment},
    [HIT_HEADER] = {NULL, hit__write_header},
    [HIT_COOKIE] = {NULL, hit__write_cookie},
    [HIT_PART] = {NULL, hit__write_part},
    [HIT_TEXT] = {NULL, hit__write_part},
    [HIT_EVENT] = {NULL, event_write_text},
    [HIT_QUOTED] = {hit__undo_quoted, hit__write_quoted},
    [HIT_XML_TEXT] = {hit__undo_xml_text, hit__write_xml_text},
    [HIT_XML_VALUE] = {hit__undo_xml_value, hit__write_xml_value},
};

/* A JSON string's text is between its quotes. */
static struct span inner(const struct hit *hit, struct span text)
{
    return hit->coding == HIT_JSON && hit->kind == VALUE_STRING ? span_of(text.at + 1, text.len - 2)
                                                                : text;
}

enum err hit_read(struct span text, const struct hit *hit, struct buf *scratch,
                  struct span *ret_value)
{
    struct span value = inner(hit, span_of(text.at + hit->start, hit->end - hit->start));
    enum err e = ERR_OK;

    if (hit->escaped) {
        REQUIRE(codings[hit->coding].undo != NULL);
        buf_reset(scratch);
        e = codings[hit->coding].undo(value, scratch);
        value = buf_span(scratch);
    }
    if (e == ERR_OK && hit->coding != HIT_JSON && !hit__is_utf8(value)) /* JSON's reader looked */
        e = ERR_INVALID;
    if (e == ERR_OK)
        *ret_value = value;
    return e;
}

static bool is_multipart(const struct hit *hit)
{
    return hit->coding == HIT_PART || hit->coding == HIT_QUOTED;
}

enum err hit_write(struct span text, const struct hit *hit, enum value_kind kind, struct span value,
                   struct buf *out)
{
    const size_t before = out->len;
    enum err e;

    if (hit->coding == HIT_JSON) {
        e = json_escape(kind, value, out);
        return e == ERR_INVALID ? ERR_UNPROCESSABLE : e;
    }
    if (value.len == 0)
        return hit->coding == HIT_SEGMENT ? ERR_UNPROCESSABLE : ERR_OK;
    if (!hit__is_utf8(value) || (is_multipart(hit) && hit__has_delimiter(text, value)))
        return ERR_UNPROCESSABLE;
    e = codings[hit->coding].write(value, out);
    if (e != ERR_OK)
        out->len = before;
    return e;
}
