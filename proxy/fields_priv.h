/* SPDX-License-Identifier: Apache-2.0 */
/* The automaton behind declared fields. A path of k steps has k + 1 states, "its first i steps led
 * here", which are neighbouring bits of one word. A value in the document has a set of states; that
 * of a member or element follows from its container's set S by a few word operations:
 *
 *   ((S & M) << 1) | (S & L)
 *
 * M: states whose next step takes this name or index; L: states that also stay alive below, those
 * before a `..` step and the last of a deep field. A value is a field's when the field's last state
 * is in its set; of several fields the first declared has the lowest bit and wins. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proxy/fields.h"
#include "proxy/json_hash_priv.h"

enum {
    FIELDS_WORDS = 16, /* 64 states each */
    FIELDS_STATES = FIELDS_WORDS * 64,
    FIELDS_NONE = 0xFFFF
};

/* A set of states; only the first fields->words are looked at. */
struct field_states {
    uint64_t word[FIELDS_WORDS];
};

/* A member name that some path asks for, and the states that wait for it. */
struct field_name {
    struct span name; /* empty place in the table: at is NULL */
    uint32_t hash;
    struct field_states waiting;
};

struct field_index {
    uint64_t index;
    struct field_states waiting;
};

struct fields {
    size_t count;
    size_t words; /* 0 when there are no fields */
    struct field_states start, last, any, stay, moves;
    /* States whose next step leads to a child, by what it asks for: paths that end at a value of
     * another shape were not written for this document. A `..` step is satisfied with any. */
    struct field_states on_name, on_index, on_any;
    uint16_t field_of[FIELDS_STATES];
    uint16_t *class_ids;
    bool *deep;
    struct field_name *names; /* open addressing */
    size_t name_mask;         /* places - 1 */
    size_t name_count;
    struct field_index *indexes;
    size_t index_count;
};

/* The states that wait for an element's index, besides those that take any. */
static inline const struct field_states *fields_index(const struct fields *f, uint64_t index)
{
    static const struct field_states nothing;

    for (size_t i = 0; i < f->index_count; i++) {
        if (f->indexes[i].index == index)
            return &f->indexes[i].waiting;
    }
    return &nothing;
}

/* The states that wait for a member's name (as it reads without escapes; hash: name_hash()). */
static inline const struct field_states *fields_name(const struct fields *f, struct span name,
                                                     uint32_t hash)
{
    static const struct field_states nothing;
    size_t at = hash & f->name_mask;

    for (; f->names[at].name.at != NULL; at = (at + 1) & f->name_mask) {
        if (f->names[at].hash == hash && span_equal(f->names[at].name, name))
            return &f->names[at].waiting;
    }
    return &nothing;
}

/* The set of a member or element below a container with the set `from`. */
static inline void fields_step(const struct fields *f, const struct field_states *from,
                               const struct field_states *waiting, struct field_states *ret_to)
{
    for (size_t w = 0; w < f->words; w++) {
        const uint64_t states = from->word[w];

        ret_to->word[w] =
            (states & (waiting->word[w] | f->any.word[w])) << 1 | (states & f->stay.word[w]);
    }
}

/* The field that a value with this set belongs to; FIELDS_NONE. */
static inline uint16_t fields_match(const struct fields *f, const struct field_states *states)
{
    for (size_t w = 0; w < f->words; w++) {
        const uint64_t last = states->word[w] & f->last.word[w];

        if (last != 0)
            return f->field_of[w * 64 + (size_t)__builtin_ctzll(last)];
    }
    return FIELDS_NONE;
}

enum field_shape { FIELD_SCALAR, FIELD_OBJECT, FIELD_ARRAY };

/* Whether paths go on below a value with this set, of which none can go into a value of its shape. */
static inline bool fields_misplaced(const struct fields *f, const struct field_states *states,
                                    enum field_shape shape)
{
    uint64_t names = 0, indexes = 0, any = 0;

    for (size_t w = 0; w < f->words; w++) {
        names |= states->word[w] & f->on_name.word[w];
        indexes |= states->word[w] & f->on_index.word[w];
        any |= states->word[w] & f->on_any.word[w];
    }
    switch (shape) {
    case FIELD_OBJECT:
        return indexes != 0 && names == 0 && any == 0;
    case FIELD_ARRAY:
        return names != 0 && indexes == 0 && any == 0;
    case FIELD_SCALAR:
        break;
    }
    return (names | indexes | any) != 0;
}

/* Whether anything below a container with this set can belong to a field. */
static inline bool fields_alive(const struct fields *f, const struct field_states *states)
{
    uint64_t moving = 0;

    for (size_t w = 0; w < f->words; w++)
        moving |= states->word[w] & f->moves.word[w];
    return moving != 0;
}
