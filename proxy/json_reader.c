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
 * Not here: characters and numbers (json_scan_priv.h, json_string.c), duplicates (json_names.c), the
 * lengths of arrays (json_count.c). */
#include "proxy/json_reader.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "proxy/fields_priv.h"
#include "proxy/json_count_priv.h"
#include "proxy/json_hash_priv.h"
#include "proxy/json_names_priv.h"
#include "proxy/json_scan_priv.h"

struct level {
    struct name_set names;
    int64_t index;              /* of the element at hand */
    int64_t length;             /* of an array that is alive; FIELDS_UNCOUNTED unless a path asks */
    uint32_t element;           /* the newest of its hits->elements, as hit.element */
    uint8_t closer;             /* the bracket that ends it */
    bool alive;                 /* fields may lie below */
    struct field_states states; /* of the container, if it is followed */
};

struct reader {
    const uint8_t *start, *end;
    const struct fields *fields;
    struct level *level; /* the innermost; levels itself when none is open */
    bool opened;         /* a container has been entered and nothing of it read */
    bool followed;       /* the value at hand has states: fields may lie at it or below */
    uint32_t line;       /* of NDJSON; 0: one document */
    enum err problem;    /* why a step gave NULL */
    struct hits hits;
    struct buf decoded; /* a name without its escapes */
    struct json_counts counts;
    struct json_names names;
    struct level levels[LIMIT_JSON_DEPTH_MAX + 2]; /* from the one around the document */
};

static const uint8_t *fail(struct reader *r, enum err e)
{
    r->problem = e;
    return NULL;
}

/* ---- whose values are ---- */

/* The entry of the container at `level` for one of the ways to name subjects, made when it is not
 * there yet. */
static enum err element_at(struct reader *r, struct level *level, uint16_t owner,
                           uint32_t *ret_element)
{
    enum err e = ERR_OK;
    uint32_t element = level->element;

    while (element != 0 && r->hits.elements[element - 1].owner != owner)
        element = r->hits.elements[element - 1].next;
    if (element == 0) {
        e = hits_add_element(
            &r->hits, &(struct hit_element){.owner = owner, .next = level->element}, &element);
        if (e == ERR_OK)
            level->element = element;
    }
    if (e == ERR_OK)
        *ret_element = element;
    return e;
}

/* The value at hand names the subject of one element, or of several. */
static enum err note_subject(struct reader *r, enum element_subject state,
                             const struct hit *subject)
{
    const struct fields *f = r->fields;
    enum err e = ERR_OK;

    for (size_t i = 0; e == ERR_OK && i < f->words * 64; i++) {
        uint32_t element = 0;
        uint16_t owner;

        if (!fields_has_state(&f->subject, i) || !fields_has_state(&r->level[1].states, i))
            continue;
        owner = f->number_of[i];
        e = element_at(r, r->level + 1 - f->owners[owner].up, owner, &element);
        if (e == ERR_OK) {
            r->hits.elements[element - 1].state = state;
            r->hits.elements[element - 1].subject = *subject;
        }
    }
    return e;
}

static inline bool is_subject(const struct reader *r)
{
    return r->fields->owner_count > 0 &&
           fields_meet(r->fields, &r->fields->subject, &r->level[1].states);
}

/* The element that a hit belongs to: so many levels above the value that the path led to, which a
 * deep field's hit may lie far below. */
static enum err find_element(struct reader *r, const struct field_info *info, struct hit *hit)
{
    struct level *level = r->level + 1;
    enum err e;

    while (info->deep && level > r->levels + 1 && fields_has_state(&level[-1].states, info->last))
        level--;
    e = element_at(r, level - info->up, info->owner, &hit->element);
    if (e == ERR_OK)
        r->hits.elements[hit->element - 1].hits++;
    return e;
}

/* A container closes. What was noted of its elements is worth keeping only with values in them. */
static void leave_elements(struct reader *r, const struct level *level)
{
    uint32_t element = level->element;

    while (element != 0 && element == r->hits.element_count &&
           r->hits.elements[element - 1].hits == 0) {
        element = r->hits.elements[element - 1].next;
        r->hits.element_count--;
    }
}

/* ---- values that fields may lie at ---- */

/* A scalar, not null, that is a field's or an element's subject. */
static enum err take_scalar(struct reader *r, struct hit *hit)
{
    const struct field_info *info;
    enum err e = is_subject(r) ? note_subject(r, ELEMENT_NAMED, hit) : ERR_OK;

    if (e != ERR_OK || hit->field == FIELDS_NONE)
        return e;
    info = &r->fields->info[hit->field];
    hit->class_id = info->class_id;
    if (info->owner != FIELDS_NONE)
        e = find_element(r, info, hit);
    return e == ERR_OK ? hits_add(&r->hits, hit) : e;
}

/* A scalar, not null, with states. */
static const uint8_t *found_scalar(struct reader *r, const uint8_t *from, const uint8_t *to,
                                   enum value_kind kind, bool escaped)
{
    const uint16_t field = fields_match(r->fields, &r->level[1].states);
    enum err e = ERR_OK;

    if (field == FIELDS_NONE && r->level > r->levels && /* the document's root may be a scalar */
        fields_misplaced(r->fields, &r->level[1].states, FIELD_SCALAR))
        r->hits.misplaced = true;
    if (field != FIELDS_NONE || is_subject(r))
        e = take_scalar(r, &(struct hit){.start = (size_t)(from - r->start),
                                         .end = (size_t)(to - r->start),
                                         .field = field,
                                         .kind = kind,
                                         .coding = HIT_JSON,
                                         .escaped = escaped,
                                         .line = r->line});
    return e == ERR_OK ? to : fail(r, e);
}

static const uint8_t *found_null(struct reader *r, const uint8_t *to)
{
    const enum err e = is_subject(r) ? note_subject(r, ELEMENT_NULL, &(struct hit){0}) : ERR_OK;

    return e == ERR_OK ? to : fail(r, e);
}

/* Whether the value at hand is more than something that fields may lie below. */
static inline bool is_judged(const struct reader *r)
{
    return fields_meet(r->fields, &r->fields->judged, &r->level[1].states);
}

/* A container with states, at p, on the new level. */
static enum err judge_container(struct reader *r, struct level *level, const uint8_t *p)
{
    const struct fields *f = r->fields;
    const uint16_t field = fields_match(f, &level->states);
    enum err e = ERR_OK;

    if (field != FIELDS_NONE && !f->info[field].deep)
        return ERR_UNPROCESSABLE;
    if (is_subject(r))
        e = note_subject(r, ELEMENT_NOT_PLAIN, &(struct hit){0});
    if (fields_misplaced(f, &level->states, *p == '{' ? FIELD_OBJECT : FIELD_ARRAY))
        r->hits.misplaced = true;
    if (e == ERR_OK && *p == '[' && fields_meet(f, &f->counted, &level->states))
        e = proxy__count_elements(&r->counts, r->start, p, r->end, &level->length);
    return e;
}

/* ---- containers ---- */

static inline void enter_element(struct reader *r, struct level *level)
{
    r->followed =
        UNLIKELY(level->alive) && fields_step_element(r->fields, &level->states, level->index,
                                                      level->length, &level[1].states);
}

/* A member whose name may come near a declared one, if it is not one that is waited for (`waiting`). */
static void note_near(struct reader *r, const struct level *level, struct span name,
                      const struct field_states *waiting)
{
    const struct fields *f = r->fields;

    if (fields_meet(f, waiting, &level->states) || r->hits.near != 0 ||
        (r->followed && fields_match(f, &level[1].states) != FIELDS_NONE))
        return;
    r->hits.near = (uint16_t)(fields__near(f, &level->states, name) + 1); /* 0 for NONE */
}

static inline void enter_member(struct reader *r, struct level *level, struct span name,
                                uint32_t hash)
{
    const struct field_states *waiting;
    const struct fields *f = r->fields;

    r->followed = false;
    if (LIKELY(!level->alive))
        return;
    waiting = fields_name(f, name, hash);
    r->followed = fields_step(f, &level->states, waiting, &level[1].states);
    if (f->near_filter != NULL && UNLIKELY(near_filter_passes(f->near_filter, name)))
        note_near(r, level, name, waiting);
}

/* p stands on a bracket: into the container. */
static inline const uint8_t *open_container(struct reader *r, const uint8_t *p)
{
    struct level *level = r->level + 1;
    enum err e;

    if (UNLIKELY(level > r->levels + r->fields->depth_max))
        return fail(r, ERR_TOO_LARGE);
    level->alive = false;
    if (UNLIKELY(r->followed)) {
        level->alive = fields_meet(r->fields, &r->fields->moves, &level->states);
        level->length = FIELDS_UNCOUNTED;
        e = is_judged(r) ? judge_container(r, level, p) : ERR_OK;
        if (UNLIKELY(e != ERR_OK))
            return fail(r, e);
    }
    level->element = 0;
    level->closer = *p == '{' ? '}' : ']';
    level->index = 0;
    names_open(&r->names, &level->names);
    r->level = level;
    r->opened = true;
    return p + 1;
}

static inline void close_container(struct reader *r)
{
    if (UNLIKELY(r->level->element != 0))
        leave_elements(r, r->level);
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
    if (UNLIKELY(r->followed) && is_judged(r))
        return found_scalar(r, p, close + 1, VALUE_STRING, escaped);
    return close + 1;
}

static inline const uint8_t *read_plain(struct reader *r, const uint8_t *p)
{
    const bool number = *p == '-' || (proxy__class[*p] & JSON_CLASS_DIGIT) != 0;
    const uint8_t *to = number ? scan_number(p, r->end) : scan_literal(p, r->end);

    if (UNLIKELY(to == NULL))
        return fail(r, ERR_INVALID);
    if (LIKELY(!r->followed) || !is_judged(r))
        return to;
    if (*p == 'n')
        return found_null(r, to);
    return found_scalar(r, p, to, number ? VALUE_NUMBER : VALUE_BOOL, false);
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

/* ---- the whole ---- */

static void reader_init(struct reader *r, const struct fields *fields, struct span text)
{
    r->start = (const uint8_t *)text.at;
    r->end = r->start + text.len;
    r->fields = fields;
    r->level = r->levels;
    r->line = 0;
    r->problem = ERR_INTERNAL;
    r->hits = (struct hits){0};
    buf_init_secret(&r->decoded, SIZE_MAX);
    proxy__counts_init(&r->counts);
    proxy__names_init(&r->names, r->start, r->end);
    r->names.members_max = fields->members_max;
}

/* The document from p to the reader's end. */
static enum err read_document(struct reader *r, const uint8_t *p)
{
    r->followed = r->fields->words > 0;
    for (size_t w = 0; w < r->fields->words; w++)
        r->levels[1].states.word[w] = r->fields->start.word[w];
    p = scan_space(p, r->end);
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

/* A carriage return is white space to JSON; in a line, to some readers, it is the end of it. */
static enum err read_line(struct reader *r, const uint8_t *p, const uint8_t *end)
{
    if (end > p && end[-1] == '\r')
        end--;
    if (memchr(p, '\r', (size_t)(end - p)) != NULL)
        return ERR_INVALID;
    r->line++;
    r->end = end;
    r->names.end = end;
    return read_document(r, p);
}

static enum err read_lines(struct reader *r)
{
    const uint8_t *p = r->start, *const end = r->end;
    enum err e = ERR_OK;

    while (e == ERR_OK && p < end) {
        const uint8_t *stop = memchr(p, '\n', (size_t)(end - p));

        if (stop == NULL)
            stop = end;
        e = read_line(r, p, stop);
        p = stop + 1;
    }
    return e;
}

static enum err reader_done(struct reader *r, enum err e, struct hits *ret_hits)
{
    if (e == ERR_OK) {
        *ret_hits = r->hits;
        r->hits = (struct hits){0};
    }
    while (r->level > r->levels)
        close_container(r);
    proxy__names_done(&r->names);
    proxy__counts_done(&r->counts);
    buf_done(&r->decoded);
    hits_done(&r->hits);
    return e;
}

enum err json_read(const struct fields *fields, struct span document, struct hits *ret_hits)
{
    struct reader r;

    if (document.len > UINT32_MAX)
        return ERR_TOO_LARGE;
    if (document.len == 0)
        return ERR_INVALID;
    reader_init(&r, fields, document);
    return reader_done(&r, read_document(&r, r.start), ret_hits);
}

enum err json_lines_read(const struct fields *fields, struct span body, struct hits *ret_hits)
{
    struct reader r;

    if (body.len > UINT32_MAX)
        return ERR_TOO_LARGE;
    reader_init(&r, fields, body);
    return reader_done(&r, body.len == 0 ? ERR_OK : read_lines(&r), ret_hits);
}
