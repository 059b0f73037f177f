/* SPDX-License-Identifier: Apache-2.0 */
/* Declared fields by the place they stand in, and messages read by them.
 * Runs on: compiled on the control thread; read by all loops. Holds: compiled paths and rules.
 * Invariant: what is declared in a place is found there, or the message is refused. Not here: the
 * readers of each place, and what becomes of what they find (tokenize.c, reveal.c). */
#include "proxy/places.h"

#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/mem.h"
#include "proxy/form_reader.h"
#include "proxy/headers.h"
#include "proxy/json_reader.h"
#include "proxy/multipart_reader.h"
#include "proxy/named_fields.h"
#include "proxy/xml_reader.h"

enum { HEADERS_EACH = 4 }; /* header fields of one declared name */

/* The declarations that one reader looks for, in their order: a hit's field is an index into them. */
struct place_set {
    size_t count;
    struct named_fields *named; /* of the readers that go by names */
    struct span *names;
    uint16_t *class_ids; /* 0: any */
    struct field_rule *rules;
    size_t *params; /* PLACE_SEGMENT: which parameter of the path */
    const struct field_decl **decls;
};

struct places {
    struct place_set sets[PLACE_COUNT];
    struct fields *json;
    struct xml_fields *xml;
    size_t parts_max; /* that one message can have */
};

/* ---- compiling ---- */

static void set_init(struct place_set *set, size_t count)
{
    set->names = mem_alloc((count + 1) * sizeof(*set->names));
    set->class_ids = mem_alloc((count + 1) * sizeof(*set->class_ids));
    set->rules = mem_alloc((count + 1) * sizeof(*set->rules));
    set->params = mem_alloc((count + 1) * sizeof(*set->params));
    set->decls = mem_alloc((count + 1) * sizeof(*set->decls));
}

static void set_done(struct place_set *set)
{
    free(set->names);
    free(set->class_ids);
    free(set->rules);
    free(set->params);
    free(set->decls);
    named_fields_free(&set->named);
}

static struct span text_of(const char *text)
{
    return text == NULL ? SPAN_NONE : span_str(text);
}

/* Files and fields of a multipart body are found by one reader. */
static enum place reader_of(enum place place)
{
    return place == PLACE_FILENAME ? PLACE_PART : place;
}

static enum err add(struct places *places, const struct field_decl *decl, struct span template,
                    const struct vault *vault, struct errmsg *msg)
{
    struct place_set *set = &places->sets[reader_of(decl->place)];
    const size_t at = set->count++;

    set->decls[at] = decl;
    set->names[at] = span_str(decl->name);
    set->rules[at] = (struct field_rule){
        .mode = decl->mode, .gone = decl->gone, .gone_text = text_of(decl->gone_text)};
    if (decl->class != NULL) {
        set->class_ids[at] = vault_class_id(vault, decl->class);
        if (set->class_ids[at] == 0)
            return errmsg_set(msg, ERR_INTERNAL, "the store does not know the class \"%s\"",
                              decl->class->name);
    }
    return decl->place == PLACE_SEGMENT ? route_param(template, set->names[at], &set->params[at])
                                        : ERR_OK;
}

static enum err compile_json(struct places *places, const struct places_def *def,
                             struct errmsg *msg)
{
    const struct place_set *set = &places->sets[PLACE_JSON];
    AUTO(mem_free) struct field_def *defs = mem_alloc((set->count + 1) * sizeof(*defs));
    enum err e;

    if (set->count == 0)
        return ERR_OK;
    for (size_t i = 0; i < set->count; i++)
        defs[i] = (struct field_def){.path = set->decls[i]->name,
                                     .class_id = set->class_ids[i],
                                     .deep = set->decls[i]->deep,
                                     .subject = def->element};
    e = fields_new(defs, set->count, &places->json, msg);
    return e == ERR_OK && def->watch ? fields_watch_names(places->json) : e;
}

static enum err compile_xml(struct places *places, struct errmsg *msg)
{
    const struct place_set *set = &places->sets[PLACE_XML];
    AUTO(mem_free) struct xml_def *defs = mem_alloc((set->count + 1) * sizeof(*defs));

    if (set->count == 0)
        return ERR_OK;
    for (size_t i = 0; i < set->count; i++)
        defs[i] = (struct xml_def){.path = set->decls[i]->name, .class_id = set->class_ids[i]};
    return xml_fields_new(defs, set->count, &places->xml, msg);
}

static enum err compile_named(struct place_set *set, struct errmsg *msg)
{
    AUTO(mem_free) struct named_def *defs = mem_alloc((set->count + 1) * sizeof(*defs));

    if (set->count == 0)
        return ERR_OK;
    for (size_t i = 0; i < set->count; i++)
        defs[i] = (struct named_def){.name = set->decls[i]->name,
                                     .class_id = set->class_ids[i],
                                     .many = set->decls[i]->many,
                                     .file = set->decls[i]->place == PLACE_FILENAME};
    return named_fields_new(defs, set->count, &set->named, msg);
}

static enum err compile(struct places *places, const struct places_def *def, struct errmsg *msg)
{
    static const enum place by_name[] = {PLACE_FORM, PLACE_PART, PLACE_QUERY};
    enum err e = compile_json(places, def, msg);

    if (e == ERR_OK)
        e = compile_xml(places, msg);
    for (size_t i = 0; e == ERR_OK && i < COUNT_OF(by_name); i++)
        e = compile_named(&places->sets[by_name[i]], msg);
    return e;
}

enum err places_new(const struct places_def *def, const struct vault *vault,
                    struct places **ret_places, struct errmsg *msg)
{
    AUTO(places_free) struct places *places = NULL;
    enum err e = ERR_OK;

    if (def->count == 0)
        return ERR_OK;
    places = mem_alloc(sizeof(*places));
    for (size_t i = 0; i < PLACE_COUNT; i++)
        set_init(&places->sets[i], def->count);
    for (size_t i = 0; e == ERR_OK && i < def->count; i++)
        e = add(places, &def->decls[i], def->template, vault, msg);
    if (e == ERR_OK)
        e = compile(places, def, msg);
    /* One for a body, a query and a path each. */
    places->parts_max = 3 + HEADERS_EACH * places->sets[PLACE_HEADER].count;
    if (e == ERR_OK)
        *ret_places = TAKE(places);
    return e;
}

void places_free(struct places **placesp)
{
    struct places *places = TAKE(*placesp);

    if (places == NULL)
        return;
    for (size_t i = 0; i < PLACE_COUNT; i++)
        set_done(&places->sets[i]);
    fields_free(&places->json);
    xml_fields_free(&places->xml);
    free(places);
}

struct span places_field_name(const struct places *places, enum place place, uint16_t field)
{
    REQUIRE(field < places->sets[place].count);
    return places->sets[place].names[field];
}

bool places_have_body(const struct places *places)
{
    return places != NULL &&
           (places->json != NULL || places->xml != NULL || places->sets[PLACE_FORM].count > 0 ||
            places->sets[PLACE_PART].count > 0);
}

bool places_have_headers(const struct places *places)
{
    return places != NULL && places->sets[PLACE_HEADER].count > 0;
}

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
    struct part part = {.text = body, .rules = places->sets[reader_of_media(media->kind)].rules};
    enum err e = read_body(places, media, body, &part.hits);

    if (e == ERR_OK)
        *ret = part;
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

/* All fields of a declared name, whole. */
static enum err read_headers(const struct places *places, const h2o_headers_t *headers,
                             struct parts *parts)
{
    const struct place_set *set = &places->sets[PLACE_HEADER];
    enum err e = ERR_OK;

    for (size_t i = 0; i < set->count; i++)
        for (size_t at = 0; e == ERR_OK && at < headers->size; at++) {
            const h2o_header_t *header = &headers->entries[at];
            const struct hit hit = {.end = header->value.len,
                                    .field = (uint16_t)i,
                                    .class_id = set->class_ids[i],
                                    .kind = VALUE_STRING,
                                    .coding = HIT_HEADER};

            if (header->value.len == 0 ||
                !headers_is(span_of(header->name->base, header->name->len), set->names[i]))
                continue;
            if (parts->count == places->parts_max)
                return ERR_TOO_LARGE;
            e = hits_add(&add_part(places, parts, PLACE_HEADER, at,
                                   span_of(header->value.base, header->value.len))
                              ->hits,
                         &hit);
        }
    return e;
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
    if (e != ERR_OK)
        parts_done(parts.at, parts.count);
    else
        *ret = parts;
    return e;
}
