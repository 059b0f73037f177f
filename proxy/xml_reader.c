/* SPDX-License-Identifier: Apache-2.0 */
/* The XML reader.
 * Runs on: any thread. Holds: open elements and the attributes of one on the stack, hits on the heap
 * from the first one. Invariant: a level has the states of its element; p stands behind what was read,
 * and is NULL once `problem` is set. Not here: characters and names (xml_scan.c), declared paths
 * (xml_fields.c), references (hit_xml.c). */
#include "proxy/xml_reader.h"

#include <string.h>

#include "base/limits.h"
#include "proxy/json_scan_priv.h"
#include "proxy/xml_scan_priv.h"

/* An open element; levels[0] is the document. */
struct level {
    struct span name;
    bool alive;     /* fields may lie here or below */
    uint16_t field; /* what its text belongs to, or FIELDS_NONE */
    const char *content;
    struct xml_run run; /* of its text, when it is a field's */
    struct field_states states;
};

struct reader {
    const char *start, *end;
    const struct xml_fields *fields;
    struct level *level; /* the innermost; levels itself outside the root */
    bool rooted;         /* the root has begun */
    size_t attribute_count;
    enum err problem; /* why a step gave NULL */
    struct hits hits;
    uint32_t hashes[LIMIT_XML_ATTRIBUTES_MAX + HASHES_BEYOND];
    struct span attributes[LIMIT_XML_ATTRIBUTES_MAX];
    struct level levels[LIMIT_XML_DEPTH_MAX + 1];
};

static const char *fail(struct reader *r, enum err e)
{
    r->problem = e;
    return NULL;
}

static const char *checked(struct reader *r, const char *p)
{
    return p != NULL ? p : fail(r, ERR_INVALID);
}

/* Behind `what` at p. */
static const char *pass(struct reader *r, const char *p, struct span what)
{
    return xml_stands(p, r->end, what) ? p + what.len : fail(r, ERR_INVALID);
}

/* ---- values ---- */

/* A value from `from` to `to`, behind which p goes on. */
static const char *add_hit(struct reader *r, uint16_t field, struct span text,
                           const struct xml_run *run, enum hit_coding coding)
{
    struct hit hit = {.field = field,
                      .class_id = r->fields->automaton->info[field].class_id,
                      .kind = VALUE_STRING,
                      .coding = coding,
                      .escaped = run->escaped};
    const char *from = text.at, *to = text.at + text.len;
    enum err e;

    if (!run->visible)
        return to;
    from = xml_space_end(from, to);
    while (to > from && xml_is_space(to[-1]))
        to--;
    hit.start = (size_t)(from - r->start);
    hit.end = (size_t)(to - r->start);
    e = hits_add(&r->hits, &hit);
    return e == ERR_OK ? text.at + text.len : fail(r, e);
}

/* ---- attributes ---- */

static enum err meet_attribute(struct reader *r, struct span name)
{
    const uint32_t hash = name_hash(name, r->end);
    const size_t count = r->attribute_count;

    if (count == LIMIT_XML_ATTRIBUTES_MAX)
        return ERR_TOO_LARGE;
    if (scan_hash_seen(r->hashes, (uint32_t)count, hash)) {
        for (size_t i = 0; i < count; i++) {
            if (span_equal(r->attributes[i], name))
                return ERR_INVALID;
        }
    }
    r->hashes[count] = hash;
    r->attributes[count] = name;
    r->attribute_count++;
    return ERR_OK;
}

/* Names of namespaces are no data, whatever prefix they are given. */
static bool is_namespace(const struct xml_name *name)
{
    return name->whole.len >= 5 && memcmp(name->whole.at, "xmlns", 5) == 0 &&
           (name->whole.len == 5 || name->whole.at[5] == ':');
}

/* name="value" at p, of the element whose level is the next one. */
static const char *read_attribute(struct reader *r, const char *p)
{
    const struct level *level = r->level + 1;
    struct xml_run run = {false, false};
    uint16_t field = FIELDS_NONE;
    struct xml_name name;
    const char *to;
    enum err e;

    p = proxy__xml_name(p, r->end, &name);
    if (p == NULL)
        return fail(r, ERR_INVALID);
    e = meet_attribute(r, name.whole);
    if (e != ERR_OK)
        return fail(r, e);
    p = xml_space_end(p, r->end);
    p = pass(r, p, SPAN_LIT("="));
    if (p == NULL)
        return NULL;
    p = xml_space_end(p, r->end);
    if (p == r->end || (*p != '"' && *p != '\''))
        return fail(r, ERR_INVALID);
    to = proxy__xml_value(p + 1, r->end, *p, &run);
    if (to == NULL)
        return fail(r, ERR_INVALID);
    if (level->alive && !is_namespace(&name))
        field = proxy__xml_attribute(r->fields, &level->states, &name);
    p++;
    if (field != FIELDS_NONE &&
        add_hit(r, field, span_of(p, (size_t)(to - p)), &run, HIT_XML_VALUE) == NULL)
        return NULL;
    return to + 1;
}

/* ---- tags ---- */

/* The level of an element that begins. */
static enum err begin_element(struct reader *r, const struct xml_name *name)
{
    struct level *level = r->level + 1;

    if (r->level->field != FIELDS_NONE)
        return ERR_UNPROCESSABLE;
    if (level == r->levels + COUNT_OF(r->levels))
        return ERR_TOO_LARGE;
    level->name = name->whole;
    level->field = FIELDS_NONE;
    level->run = (struct xml_run){false, false};
    level->alive = r->level->alive &&
                   proxy__xml_enter(r->fields, &r->level->states, name, r->end, &level->states);
    if (level->alive)
        level->field = fields_match(r->fields->automaton, &level->states);
    return ERR_OK;
}

/* p stands behind `<`, on the name of an element. */
static const char *read_start(struct reader *r, const char *p)
{
    struct xml_name name;
    enum err e;

    p = proxy__xml_name(p, r->end, &name);
    if (p == NULL)
        return fail(r, ERR_INVALID);
    e = begin_element(r, &name);
    if (e != ERR_OK)
        return fail(r, e);
    r->attribute_count = 0;
    for (;;) {
        const char *next = xml_space_end(p, r->end);

        if (xml_stands(next, r->end, SPAN_LIT("/>")))
            return next + 2;
        if (xml_stands(next, r->end, SPAN_LIT(">"))) {
            r->level++;
            r->level->content = next + 1;
            return next + 1;
        }
        if (next == p) /* attributes stand apart */
            return fail(r, ERR_INVALID);
        p = read_attribute(r, next);
        if (p == NULL)
            return NULL;
    }
}

/* p stands behind `</`. */
static const char *read_end(struct reader *r, const char *p)
{
    const struct level *level = r->level;
    const char *to = p - 2;

    if (level == r->levels)
        return fail(r, ERR_INVALID);
    p = pass(r, p, level->name);
    if (p == NULL)
        return NULL;
    p = pass(r, xml_space_end(p, r->end), SPAN_LIT(">"));
    if (p != NULL && level->field != FIELDS_NONE &&
        add_hit(r, level->field, span_of(level->content, (size_t)(to - level->content)),
                &level->run, HIT_XML_TEXT) == NULL)
        return NULL;
    r->level--;
    return p;
}

/* ---- what else a `<` begins ---- */

/* p stands behind `<!--`. Two hyphens end it, or make it malformed. */
static const char *read_comment(struct reader *r, const char *p)
{
    struct xml_run run = {false, false};

    if (r->level->field != FIELDS_NONE)
        return fail(r, ERR_UNPROCESSABLE);
    p = checked(r, proxy__xml_until(p, r->end, SPAN_LIT("--"), &run));
    return p != NULL ? pass(r, p, SPAN_LIT(">")) : NULL;
}

/* p stands behind `<![CDATA[`. */
static const char *read_cdata(struct reader *r, const char *p)
{
    if (r->level == r->levels)
        return fail(r, ERR_INVALID);
    r->level->run.escaped = true;
    return checked(r, proxy__xml_until(p, r->end, SPAN_LIT("]]>"), &r->level->run));
}

/* p stands on a `<`. A document type and processing instructions begin with none of these. */
static const char *read_markup(struct reader *r, const char *p)
{
    if (xml_stands(p, r->end, SPAN_LIT("</")))
        return read_end(r, p + 2);
    if (xml_stands(p, r->end, SPAN_LIT("<!--")))
        return read_comment(r, p + 4);
    if (xml_stands(p, r->end, SPAN_LIT("<![CDATA[")))
        return read_cdata(r, p + 9);
    if (r->level == r->levels && r->rooted)
        return fail(r, ERR_INVALID);
    r->rooted = true;
    return read_start(r, p + 1);
}

/* ---- the whole ---- */

/* Behind name="value" of the XML declaration; white space stands before it. at is NULL: another name. */
static const char *read_pseudo(struct reader *r, const char *p, struct span name,
                               struct span *ret_value)
{
    const char *at = xml_space_end(p, r->end), *to;

    *ret_value = SPAN_NONE;
    if (at == p || !xml_stands(at, r->end, name))
        return p;
    at = pass(r, xml_space_end(at + name.len, r->end), SPAN_LIT("="));
    if (at == NULL)
        return NULL;
    at = xml_space_end(at, r->end);
    if (at == r->end || (*at != '"' && *at != '\''))
        return fail(r, ERR_INVALID);
    to = memchr(at + 1, *at, (size_t)(r->end - at - 1));
    if (to == NULL)
        return fail(r, ERR_INVALID);
    *ret_value = span_of(at + 1, (size_t)(to - at - 1));
    return to + 1;
}

/* <?xml version="1.0" encoding="UTF-8" standalone="yes"?> at p, or nothing. */
static const char *read_declaration(struct reader *r, const char *p)
{
    struct span version, encoding, alone;

    if (!xml_stands(p, r->end, SPAN_LIT("<?xml")))
        return p;
    p = read_pseudo(r, p + 5, SPAN_LIT("version"), &version);
    if (p != NULL)
        p = read_pseudo(r, p, SPAN_LIT("encoding"), &encoding);
    if (p != NULL)
        p = read_pseudo(r, p, SPAN_LIT("standalone"), &alone);
    if (p == NULL)
        return NULL;
    if (!span_equal(version, SPAN_LIT("1.0")) ||
        (encoding.at != NULL && !span_equal_nocase(encoding, SPAN_LIT("utf-8"))) ||
        (alone.at != NULL && !span_equal(alone, SPAN_LIT("yes")) &&
         !span_equal(alone, SPAN_LIT("no"))))
        return fail(r, ERR_INVALID);
    return pass(r, xml_space_end(p, r->end), SPAN_LIT("?>"));
}

static enum err read_document(struct reader *r)
{
    const char *p = read_declaration(r, r->start);

    while (p != NULL && p < r->end) {
        p = r->level == r->levels ? xml_space_end(p, r->end)
                                  : checked(r, proxy__xml_text(p, r->end, &r->level->run));
        if (p != NULL && p < r->end)
            p = *p == '<' ? read_markup(r, p) : fail(r, ERR_INVALID);
    }
    if (p == NULL)
        return r->problem;
    return r->rooted && r->level == r->levels ? ERR_OK : ERR_INVALID;
}

enum err xml_read(const struct xml_fields *fields, struct span document, struct hits *ret_hits)
{
    struct reader r;
    enum err e;

    r.start = document.at;
    r.end = document.at + document.len;
    r.fields = fields;
    r.level = r.levels;
    r.rooted = false;
    r.attribute_count = 0;
    r.problem = ERR_INTERNAL;
    r.hits = (struct hits){0};
    r.levels[0].field = FIELDS_NONE;
    r.levels[0].alive = fields->automaton->words > 0;
    r.levels[0].states = fields->automaton->start;
    if (document.len == 0)
        return ERR_INVALID;
    e = read_document(&r);
    if (e == ERR_OK)
        *ret_hits = r.hits;
    else
        hits_done(&r.hits);
    return e;
}
