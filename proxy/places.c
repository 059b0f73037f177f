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
#include "proxy/headers.h"
#include "proxy/json_reader.h"
#include "proxy/media_type.h"
#include "proxy/path.h"

enum { HEADERS_EACH = 4 }; /* header fields of one declared name */

/* The declarations of one place, in their order: a hit's field is an index into them. */
struct place_set {
    size_t count;
    struct span *names;
    uint16_t *class_ids; /* 0: any */
    struct field_rule *rules;
    size_t *params; /* PLACE_SEGMENT: which parameter of the path */
};

struct places {
    struct place_set sets[PLACE_COUNT];
    struct fields *json;
    size_t parts_max; /* that one message can have */
};

/* ---- compiling ---- */

static void set_init(struct place_set *set, size_t count)
{
    set->names = mem_alloc((count + 1) * sizeof(*set->names));
    set->class_ids = mem_alloc((count + 1) * sizeof(*set->class_ids));
    set->rules = mem_alloc((count + 1) * sizeof(*set->rules));
    set->params = mem_alloc((count + 1) * sizeof(*set->params));
}

static void set_done(struct place_set *set)
{
    free(set->names);
    free(set->class_ids);
    free(set->rules);
    free(set->params);
}

static struct span text_of(const char *text)
{
    return text == NULL ? SPAN_NONE : span_str(text);
}

static enum err add(struct place_set *set, const struct field_decl *decl, struct span template,
                    const struct vault *vault, struct errmsg *msg)
{
    const size_t at = set->count++;

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
    size_t at = 0;
    enum err e;

    if (set->count == 0)
        return ERR_OK;
    for (size_t i = 0; i < def->count; i++) {
        const struct field_decl *decl = &def->decls[i];

        if (decl->place != PLACE_JSON)
            continue;
        defs[at] = (struct field_def){.path = decl->name,
                                      .class_id = set->class_ids[at],
                                      .deep = decl->deep,
                                      .subject = def->element};
        at++;
    }
    e = fields_new(defs, at, &places->json, msg);
    return e == ERR_OK && def->watch ? fields_watch_names(places->json) : e;
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
        e = add(&places->sets[def->decls[i].place], &def->decls[i], def->template, vault, msg);
    if (e == ERR_OK)
        e = compile_json(places, def, msg);
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
    free(places);
}

struct span places_field_name(const struct places *places, enum place place, uint16_t field)
{
    REQUIRE(field < places->sets[place].count);
    return places->sets[place].names[field];
}

bool places_have_body(const struct places *places)
{
    return places != NULL && places->json != NULL;
}

bool places_have_headers(const struct places *places)
{
    return places != NULL && places->sets[PLACE_HEADER].count > 0;
}

/* ---- bodies ---- */

enum err places_body_kind(const struct places *places, struct span content_type,
                          enum body_kind *ret)
{
    if (content_type.at == NULL)
        return ERR_UNSUPPORTED;
    if (places->json != NULL && media_type_is_json(content_type)) {
        *ret = BODY_JSON;
        return ERR_OK;
    }
    return ERR_UNSUPPORTED;
}

enum err places_read_body(const struct places *places, enum body_kind kind, struct span body,
                          struct part *ret)
{
    struct part part = {.text = body};
    enum err e = ERR_INTERNAL;

    switch (kind) {
    case BODY_JSON:
        part.rules = places->sets[PLACE_JSON].rules;
        e = json_read(places->json, body, &part.hits);
        break;
    case BODY_NONE:
        break;
    }
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

struct query_walk {
    const struct place_set *set;
    struct hits *hits;
};

static enum err find_in_query(const struct query_item *item, void *context)
{
    struct query_walk *walk = context;
    struct hit hit = {.start = item->value_start,
                      .end = item->value_end,
                      .kind = VALUE_STRING,
                      .coding = HIT_FORM,
                      .escaped = true};

    while (hit.field < walk->set->count && !span_equal(walk->set->names[hit.field], item->name))
        hit.field++;
    if (hit.field == walk->set->count || item->value.len == 0)
        return ERR_OK;
    hit.class_id = walk->set->class_ids[hit.field];
    return hits_add(walk->hits, &hit);
}

static enum err read_query(const struct places *places, struct span query, struct parts *parts)
{
    struct query_walk walk = {.set = &places->sets[PLACE_QUERY]};
    AUTO(buf_done) struct buf scratch = {.max = query.len + 1, .secret = true};

    if (walk.set->count == 0 || query.at == NULL)
        return ERR_OK;
    walk.hits = &add_part(places, parts, PLACE_QUERY, 0, query)->hits;
    return query_each(query, &scratch, find_in_query, &walk);
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
    if (text->kind != BODY_NONE)
        e = places_read_body(places, text->kind, text->body,
                             add_part(places, &parts, PLACE_JSON, 0, text->body));
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
