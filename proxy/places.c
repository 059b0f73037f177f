/* SPDX-License-Identifier: Apache-2.0 */
/* Declared fields by the place they stand in, compiled.
 * Runs on: the control thread; read by all loops. Holds: compiled paths and rules. Not here: reading
 * messages by them (places_read.c), and what becomes of what is found (tokenize.c, reveal.c). */
#include "proxy/places_priv.h"

#include <string.h>

#include "base/assert.h"
#include "base/mem.h"

enum {
    HEADERS_EACH = 4, /* header fields of one declared name */
    COOKIES_MAX = 32  /* Set-Cookie fields of one answer */
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

static enum err compile_named(struct place_set *set, bool watch, struct errmsg *msg)
{
    AUTO(mem_free) struct named_def *defs = mem_alloc((set->count + 1) * sizeof(*defs));
    enum err e;

    if (set->count == 0)
        return ERR_OK;
    for (size_t i = 0; i < set->count; i++)
        defs[i] = (struct named_def){.name = set->decls[i]->name,
                                     .class_id = set->class_ids[i],
                                     .many = set->decls[i]->many,
                                     .file = set->decls[i]->place == PLACE_FILENAME};
    e = named_fields_new(defs, set->count, &set->named, msg);
    return e == ERR_OK && watch ? named_fields_watch_names(set->named) : e;
}

static enum err compile(struct places *places, const struct places_def *def, struct errmsg *msg)
{
    static const enum place by_name[] = {PLACE_FORM, PLACE_PART, PLACE_QUERY, PLACE_COOKIE};
    enum err e = compile_json(places, def, msg);

    if (e == ERR_OK)
        e = compile_xml(places, msg);
    for (size_t i = 0; e == ERR_OK && i < COUNT_OF(by_name); i++)
        e = compile_named(&places->sets[by_name[i]], def->watch, msg);
    return e;
}

/* The domains of all e-mail classes, for texts that are scanned. */
static void find_domains(struct places *places, const struct vault *vault)
{
    places->domains = mem_alloc((CLASSES_MAX + 1) * sizeof(*places->domains));
    for (uint16_t id = 1; id <= CLASSES_MAX; id++) {
        const struct class_def *class = vault_class_def(vault, id);

        if (class != NULL && class->email_domain != NULL)
            places->domains[places->scan.domain_count++] = span_str(class->email_domain);
    }
    places->scan.domains = places->domains;
}

void places_limit_json(struct places *places, uint32_t depth_max, uint32_t members_max)
{
    if (places != NULL && places->json != NULL)
        fields_limit(places->json, depth_max, members_max);
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
    find_domains(places, vault);
    /* One for a body, a query and a path each. */
    places->parts_max = 3 + HEADERS_EACH * places->sets[PLACE_HEADER].count +
                        (places->sets[PLACE_COOKIE].count > 0 ? COOKIES_MAX : 0) +
                        places->sets[PLACE_LOCATION].count;
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
    free(places->domains);
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
            places->sets[PLACE_PART].count > 0 || places->sets[PLACE_TEXT].count > 0);
}

bool places_have_headers(const struct places *places)
{
    return places != NULL &&
           (places->sets[PLACE_HEADER].count > 0 || places->sets[PLACE_COOKIE].count > 0 ||
            places->sets[PLACE_LOCATION].count > 0);
}
