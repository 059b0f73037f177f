/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON reader: RFC 8259 to the letter, one pass, no tree, no recursion.
 *
 * The reader stands on a value, goes past it (read_value) and on to the next one (next_value), past
 * commas, closing brackets and names. For each open container it keeps a level: its names, and the
 * set of automaton states that says which declared fields may lie below it (fields_priv.h). Where
 * that set is empty nothing but grammar and duplicate names is looked at.
 *
 * Runs on: any thread. Holds: levels and names on the stack, hits on the heap from the first one.
 * Invariant: a level has the states of its container; the one above it those of the value at hand.
 * Not here: characters and numbers (json_scan_priv.h, json_string.c), duplicates (json_names.c). */
#include "proxy/json_reader.h"

#include <stdlib.h>

#include "base/limits.h"
#include "base/mem.h"
#include "proxy/fields_priv.h"
#include "proxy/json_hash_priv.h"
#include "proxy/json_names_priv.h"
#include "proxy/json_scan_priv.h"

struct level {
    struct name_set names;
    uint64_t index;             /* of the element at hand */
    uint8_t closer;             /* the bracket that ends it */
    bool alive;                 /* fields may lie below */
    struct field_states states; /* of the container */
};

struct reader {
    const uint8_t *start, *end;
    const struct fields *fields;
    struct level *level; /* the innermost; levels itself when none is open */
    bool opened;         /* a container has been entered and nothing of it read */
    uint16_t field;      /* the value at hand belongs to this one, or FIELDS_NONE */
    bool followed;       /* the value at hand has states: fields may lie at it or below */
    enum err problem;    /* why a step gave NULL */
    struct hits hits;
    struct buf decoded; /* a name without its escapes */
    struct json_names names;
    struct level levels[LIMIT_JSON_DEPTH_MAX + 2]; /* from the one around the document */
};

static const uint8_t *fail(struct reader *r, enum err e)
{
    r->problem = e;
    return NULL;
}

static const uint8_t *add_hit(struct reader *r, const uint8_t *from, const uint8_t *to,
                              enum value_kind kind, bool escaped)
{
    const struct hit hit = {
        .start = (size_t)(from - r->start),
        .end = (size_t)(to - r->start),
        .field = r->field,
        .class_id = r->fields->class_ids[r->field],
        .kind = kind,
        .coding = HIT_JSON,
        .escaped = escaped,
    };
    const enum err e = hits_add(&r->hits, &hit);

    return e == ERR_OK ? to : fail(r, e);
}

/* ---- containers ---- */

/* A value is at hand below `level`, which takes these states there: what it is for the fields. */
static inline void enter_value(struct reader *r, struct level *level,
                               const struct field_states *waiting)
{
    struct level *below = level + 1;

    fields_step(r->fields, &level->states, waiting, &below->states);
    r->field = fields_match(r->fields, &below->states);
    r->followed = true;
}

/* The value at hand turns out to have this shape: is it one that the paths could go into? */
static inline void judge_shape(struct reader *r, enum field_shape shape)
{
    if (LIKELY(!r->followed) || (shape == FIELD_SCALAR && r->level == r->levels))
        return;
    if (fields_misplaced(r->fields, &r->level[1].states, shape))
        r->hits.misplaced = true;
}

static inline void enter_element(struct reader *r, struct level *level)
{
    r->field = FIELDS_NONE;
    r->followed = false;
    if (UNLIKELY(level->alive))
        enter_value(r, level, fields_index(r->fields, level->index));
}

static inline void enter_member(struct reader *r, struct level *level, struct span name,
                                uint32_t hash)
{
    r->field = FIELDS_NONE;
    r->followed = false;
    if (UNLIKELY(level->alive))
        enter_value(r, level, fields_name(r->fields, name, hash));
}

/* p stands on a bracket: into the container. */
static inline const uint8_t *open_container(struct reader *r, const uint8_t *p)
{
    struct level *level = r->level + 1;

    if (UNLIKELY(r->field != FIELDS_NONE && !r->fields->deep[r->field]))
        return fail(r, ERR_UNPROCESSABLE);
    if (UNLIKELY(level > r->levels + LIMIT_JSON_DEPTH_MAX))
        return fail(r, ERR_TOO_LARGE);
    judge_shape(r, *p == '{' ? FIELD_OBJECT : FIELD_ARRAY);
    level->closer = *p == '{' ? '}' : ']';
    level->index = 0;
    level->alive = r->level->alive && fields_alive(r->fields, &level->states);
    names_open(&r->names, &level->names);
    r->level = level;
    r->opened = true;
    return p + 1;
}

static inline void close_container(struct reader *r)
{
    names_close(&r->names, &r->level->names);
    r->level--;
}

/* ---- names ---- */

static enum err decode_name(struct reader *r, struct span *name)
{
    enum err e;

    buf_reset(&r->decoded);
    e = json_unescape(*name, &r->decoded);
    if (e == ERR_OK)
        *name = buf_span(&r->decoded);
    return e;
}

/* p stands where a member must begin: past its name and colon, on its value. */
static inline const uint8_t *read_name(struct reader *r, const uint8_t *p)
{
    struct level *level = r->level;
    const uint8_t *place = p + 1, *close;
    const char *limit = (const char *)r->end;
    bool escaped = false;
    struct span name;
    uint32_t hash;
    enum err e = ERR_OK;

    if (UNLIKELY(scan_peek(p, r->end) != '"'))
        return fail(r, ERR_INVALID);
    close = scan_string(place, r->end, &escaped);
    if (UNLIKELY(close == NULL))
        return fail(r, ERR_INVALID);
    name = span_of(place, (size_t)(close - place));
    if (UNLIKELY(escaped)) {
        e = decode_name(r, &name);
        limit = name.at + name.len;
    }
    if (UNLIKELY(e != ERR_OK))
        return fail(r, e);
    hash = name_hash(name, limit);
    e = names_add(&r->names, &level->names, hash, place, name);
    if (UNLIKELY(e != ERR_OK))
        return fail(r, e);
    enter_member(r, level, name, hash);
    p = scan_space(close + 1, r->end);
    if (UNLIKELY(scan_peek(p, r->end) != ':'))
        return fail(r, ERR_INVALID);
    return scan_space(p + 1, r->end);
}

/* ---- values ---- */

static inline const uint8_t *read_string(struct reader *r, const uint8_t *p)
{
    bool escaped = false;
    const uint8_t *close = scan_string(p + 1, r->end, &escaped);

    if (UNLIKELY(close == NULL))
        return fail(r, ERR_INVALID);
    if (UNLIKELY(r->field != FIELDS_NONE))
        return add_hit(r, p, close + 1, VALUE_STRING, escaped);
    judge_shape(r, FIELD_SCALAR);
    return close + 1;
}

static inline const uint8_t *read_plain(struct reader *r, const uint8_t *p)
{
    const bool number = *p == '-' || (proxy__class[*p] & JSON_CLASS_DIGIT) != 0;
    const uint8_t *to = number ? scan_number(p, r->end) : scan_literal(p, r->end);

    if (UNLIKELY(to == NULL))
        return fail(r, ERR_INVALID);
    if (*p == 'n')
        return to;
    if (UNLIKELY(r->field != FIELDS_NONE))
        return add_hit(r, p, to, number ? VALUE_NUMBER : VALUE_BOOL, false);
    judge_shape(r, FIELD_SCALAR);
    return to;
}

/* p stands where a value must begin: past it, or into it when it is a container. */
static inline const uint8_t *read_value(struct reader *r, const uint8_t *p)
{
    const uint8_t c = scan_peek(p, r->end);

    if (c == '"')
        return read_string(r, p);
    if (c == '{' || c == '[')
        return open_container(r, p);
    if (UNLIKELY(c == 0))
        return fail(r, ERR_INVALID);
    return read_plain(r, p);
}

/* p stands after a value or an opening bracket: on the next value, or after the document. */
static inline const uint8_t *next_value(struct reader *r, const uint8_t *p)
{
    while (r->level > r->levels) {
        struct level *level = r->level;
        uint8_t c;

        p = scan_space(p, r->end);
        c = scan_peek(p, r->end);
        if (c == level->closer) {
            close_container(r);
            r->opened = false;
            p++;
            continue;
        }
        if (!r->opened) {
            if (UNLIKELY(c != ','))
                return fail(r, ERR_INVALID);
            p = scan_space(p + 1, r->end);
            level->index++;
        }
        if (level->closer == '}')
            return read_name(r, p);
        enter_element(r, level);
        return p;
    }
    return p;
}

static enum err read_document(struct reader *r)
{
    const uint8_t *p = scan_space(r->start, r->end);

    do {
        r->opened = false;
        p = read_value(r, p);
        if (LIKELY(p != NULL))
            p = next_value(r, p);
        if (UNLIKELY(p == NULL))
            return r->problem;
    } while (r->level > r->levels);
    return scan_space(p, r->end) == r->end ? ERR_OK : ERR_INVALID;
}

/* ---- the whole ---- */

static void reader_init(struct reader *r, const struct fields *fields, struct span document)
{
    r->start = (const uint8_t *)document.at;
    r->end = r->start + document.len;
    r->fields = fields;
    r->level = r->levels;
    r->level->alive = fields->words > 0;
    r->problem = ERR_INTERNAL;
    r->hits = (struct hits){0};
    buf_init_secret(&r->decoded, SIZE_MAX);
    proxy__names_init(&r->names, r->start, r->end);
    for (size_t w = 0; w < fields->words; w++)
        r->levels[1].states.word[w] = fields->start.word[w];
    r->field = fields_match(fields, &r->levels[1].states);
    r->followed = r->level->alive;
}

static void reader_done(struct reader *r)
{
    while (r->level > r->levels)
        close_container(r);
    proxy__names_done(&r->names);
    buf_done(&r->decoded);
    hits_done(&r->hits);
}

enum err json_read(const struct fields *fields, struct span document, struct hits *ret_hits)
{
    struct reader r;
    enum err e;

    if (document.len > UINT32_MAX)
        return ERR_TOO_LARGE;
    if (document.len == 0)
        return ERR_INVALID;
    reader_init(&r, fields, document);
    e = read_document(&r);
    if (e == ERR_OK) {
        *ret_hits = r.hits;
        r.hits = (struct hits){0};
    }
    reader_done(&r);
    return e;
}
