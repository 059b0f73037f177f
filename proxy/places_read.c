/* SPDX-License-Identifier: Apache-2.0 */
/* Messages read by what a route declares of them.
 * Runs on: a loop thread. Holds: nothing; parts live in a pool, their hits on the heap. Invariant: what is
 * declared in a place is found there, or the message is refused. Not here: the readers of each place. */
#include "proxy/places_priv.h"

#include "base/assert.h"
#include "base/limits.h"
#include "proxy/cookie_reader.h"
#include "proxy/form_reader.h"
#include "proxy/headers.h"
#include "proxy/json_reader.h"
#include "proxy/multipart_reader.h"
#include "proxy/scan.h"
#include "proxy/xml_reader.h"

/* ---- bodies ---- */

/* Whose declarations say what is read in a body of this kind; PLACE_COUNT: nobody's. */
static enum place reader_of_media(enum media_kind kind)
{
    switch (kind) {
    case MEDIA_JSON:
    case MEDIA_LINES:
        return PLACE_JSON;
    case MEDIA_FORM:
        return PLACE_FORM;
    case MEDIA_MULTIPART:
        return PLACE_PART;
    case MEDIA_XML:
        return PLACE_XML;
    case MEDIA_EVENTS:
    case MEDIA_TEXT:
    case MEDIA_OTHER:
        break;
    }
    return PLACE_COUNT;
}

enum err places_judge_body(const struct places *places, struct span content_type,
                           struct media_type *ret)
{
    struct media_type media;
    enum place reader;

    if (content_type.at == NULL || !media_type_read(content_type, &media))
        return ERR_UNSUPPORTED;
    reader = reader_of_media(media.kind);
    if (reader == PLACE_COUNT || places->sets[reader].count == 0)
        return ERR_UNSUPPORTED;
    *ret = media;
    return ERR_OK;
}

static enum err read_body(const struct places *places, const struct media_type *media,
                          struct span body, struct hits *ret)
{
    switch (media->kind) {
    case MEDIA_JSON:
        return json_read(places->json, body, ret);
    case MEDIA_LINES:
        return json_lines_read(places->json, body, ret);
    case MEDIA_FORM:
        return form_read(places->sets[PLACE_FORM].named, body, ret);
    case MEDIA_MULTIPART:
        return multipart_read(places->sets[PLACE_PART].named, media->boundary, body, ret);
    case MEDIA_XML:
        return xml_read(places->xml, body, ret);
    case MEDIA_EVENTS:
    case MEDIA_TEXT:
    case MEDIA_OTHER:
        break;
    }
    return ERR_INTERNAL;
}

enum err places_read_body(const struct places *places, const struct media_type *media,
                          struct span body, struct part *ret)
{
    const enum place reader = reader_of_media(media->kind);
    struct part part = {.text = body};
    enum err e;

    if (reader == PLACE_COUNT)
        return ERR_INTERNAL; /* nobody judged it fit to be read */
    part.rules = places->sets[reader].rules;
    e = read_body(places, media, body, &part.hits);
    if (e == ERR_OK)
        e = scan_part(&places->scan, &part);
    if (e == ERR_OK)
        *ret = part;
    else
        parts_done(&part, 1);
    return e;
}

/* ---- the rest of a message ---- */

/* Another part; its hits are to be found yet. */
static struct part *add_part(const struct places *places, struct parts *parts, enum place place,
                             size_t index, struct span text)
{
    struct part *part = &parts->at[parts->count];

    *part = (struct part){.text = text, .rules = places->sets[place].rules};
    parts->origins[parts->count++] = (struct part_origin){.place = place, .index = index};
    return part;
}

static enum err read_query(const struct places *places, struct span query, struct parts *parts)
{
    const struct place_set *set = &places->sets[PLACE_QUERY];

    if (set->count == 0 || query.at == NULL)
        return ERR_OK;
    return form_read(set->named, query, &add_part(places, parts, PLACE_QUERY, 0, query)->hits);
}

/* Parameters stand in the path in their order; hits must, too. */
static enum err read_segments(const struct places *places, const struct request_text *text,
                              struct parts *parts)
{
    const struct place_set *set = &places->sets[PLACE_SEGMENT];
    struct hits *hits;
    enum err e = ERR_OK;

    if (set->count == 0)
        return ERR_OK;
    hits = &add_part(places, parts, PLACE_SEGMENT, 0, text->path)->hits;
    for (size_t param = 0; param < text->match->param_count; param++)
        for (size_t i = 0; e == ERR_OK && i < set->count; i++) {
            const struct span value = text->match->params[param];
            const struct hit hit = {.start = (size_t)(value.at - text->path.at),
                                    .end = (size_t)(value.at - text->path.at) + value.len,
                                    .field = (uint16_t)i,
                                    .class_id = set->class_ids[i],
                                    .kind = VALUE_STRING,
                                    .coding = HIT_SEGMENT,
                                    .escaped = true};

            if (set->params[i] == param && value.len > 0)
                e = hits_add(hits, &hit);
        }
    return e;
}

/* Another part for a header field; NULL when there are too many. */
static struct part *add_field(const struct places *places, const h2o_headers_t *headers, size_t at,
                              enum place place, struct parts *parts)
{
    const h2o_iovec_t value = headers->entries[at].value;

    return parts->count == places->parts_max
               ? NULL
               : add_part(places, parts, place, at, span_of(value.base, value.len));
}

static bool is_named(const h2o_headers_t *headers, size_t at, struct span name)
{
    const h2o_iovec_t *is = headers->entries[at].name;

    return headers_is(span_of(is->base, is->len), name);
}

/* A field of a declared name, whole. */
static enum err read_header(const struct places *places, const h2o_headers_t *headers, size_t at,
                            uint16_t field, struct parts *parts)
{
    const struct place_set *set = &places->sets[PLACE_HEADER];
    const struct hit hit = {.end = headers->entries[at].value.len,
                            .field = field,
                            .class_id = set->class_ids[field],
                            .kind = VALUE_STRING,
                            .coding = HIT_HEADER};
    struct part *part;
    enum err e;

    if (hit.end == 0)
        return ERR_OK;
    part = add_field(places, headers, at, PLACE_HEADER, parts);
    if (part == NULL)
        return ERR_TOO_LARGE;
    e = hits_add(&part->hits, &hit);
    return e == ERR_OK ? scan_part(&places->scan, part) : e;
}

static enum err read_headers(const struct places *places, const h2o_headers_t *headers,
                             struct parts *parts)
{
    const struct place_set *set = &places->sets[PLACE_HEADER];
    enum err e = ERR_OK;

    for (size_t i = 0; i < set->count; i++)
        for (size_t at = 0; e == ERR_OK && at < headers->size; at++)
            if (is_named(headers, at, set->names[i]))
                e = read_header(places, headers, at, (uint16_t)i, parts);
    return e;
}

typedef enum err (*cookie_read_fn)(const struct named_fields *fields, struct span field,
                                   struct hits *ret_hits);

/* Cookie comes once (RFC 6265 5.4), Set-Cookie any number of times. */
static enum err read_cookies(const struct places *places, const h2o_headers_t *headers,
                             struct span name, cookie_read_fn read, struct parts *parts)
{
    const struct named_fields *named = places->sets[PLACE_COOKIE].named;
    enum err e = ERR_OK;

    for (size_t at = 0; named != NULL && e == ERR_OK && at < headers->size; at++) {
        struct part *part;

        if (!is_named(headers, at, name))
            continue;
        part = add_field(places, headers, at, PLACE_COOKIE, parts);
        e = part == NULL ? ERR_TOO_LARGE : read(named, part->text, &part->hits);
    }
    return e;
}

/* One for all applications: which of several a client follows is not known. */
static enum err read_location(const struct places *places, const h2o_headers_t *headers,
                              struct parts *parts)
{
    const struct place_set *set = &places->sets[PLACE_LOCATION];
    enum err e = ERR_OK;
    bool seen = false;

    for (size_t at = 0; set->count > 0 && e == ERR_OK && at < headers->size; at++) {
        struct part *part;

        if (!is_named(headers, at, SPAN_LIT("location")))
            continue;
        if (seen)
            return ERR_INVALID;
        seen = true;
        part = add_field(places, headers, at, PLACE_LOCATION, parts);
        e = part == NULL ? ERR_TOO_LARGE : scan_url(part->text, 0, set->class_ids[0], &part->hits);
    }
    return e;
}

static bool has_one_cookie_field(const struct parts *parts)
{
    size_t count = 0;

    for (size_t i = 0; i < parts->count; i++)
        count += parts->origins[i].place == PLACE_COOKIE;
    return count <= 1;
}

static void parts_init(const struct places *places, struct parts *parts, h2o_mem_pool_t *pool)
{
    *parts = (struct parts){
        .at = h2o_mem_alloc_pool(pool, places->parts_max * sizeof(*parts->at)),
        .origins = h2o_mem_alloc_pool(pool, places->parts_max * sizeof(*parts->origins))};
}

enum err places_read_request(const struct places *places, const struct request_text *text,
                             h2o_mem_pool_t *pool, struct parts *ret)
{
    struct parts parts;
    enum err e = ERR_OK;

    parts_init(places, &parts, pool);
    if (text->media.kind != MEDIA_OTHER)
        e = places_read_body(
            places, &text->media, text->body,
            add_part(places, &parts, reader_of_media(text->media.kind), 0, text->body));
    if (e == ERR_OK)
        e = read_query(places, text->query, &parts);
    if (e == ERR_OK)
        e = read_segments(places, text, &parts);
    if (e == ERR_OK)
        e = read_headers(places, text->headers, &parts);
    if (e == ERR_OK)
        e = read_cookies(places, text->headers, SPAN_LIT("cookie"), cookies_read, &parts);
    if (e == ERR_OK && !has_one_cookie_field(&parts))
        e = ERR_INVALID;
    if (e != ERR_OK)
        parts_done(parts.at, parts.count);
    else
        *ret = parts;
    return e;
}

enum err places_read_headers(const struct places *places, const h2o_headers_t *headers,
                             h2o_mem_pool_t *pool, struct parts *ret)
{
    struct parts parts;
    enum err e;

    parts_init(places, &parts, pool);
    e = read_headers(places, headers, &parts);
    if (e == ERR_OK)
        e = read_cookies(places, headers, SPAN_LIT("set-cookie"), set_cookie_read, &parts);
    if (e == ERR_OK)
        e = read_location(places, headers, &parts);
    if (e != ERR_OK)
        parts_done(parts.at, parts.count);
    else
        *ret = parts;
    return e;
}
