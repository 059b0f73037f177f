/* SPDX-License-Identifier: Apache-2.0 */
/* The automaton behind declared fields. A path of k steps has k + 1 states, "its first i steps led
 * here", which are neighbouring bits of one word. A value in the document has a set of states; that
 * of a member or element follows from its container's set S by a few word operations:
 *
 *   ((S & M) << 1) | (S & L)
 *
 * M: states whose next step takes this name or index; L: states that also stay alive below, those
 * before a `..` step and the last of a deep field. A value is a field's when the field's last state
 * is in its set; of several fields the first declared has the lowest bit and wins.
 *
 * Where each element names its own subject (field_def.subject), the path of that name is compiled like
 * a field's, with a last state that says "a subject stands here". */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proxy/fields.h"
#include "proxy/json_hash_priv.h"
#include "proxy/near_name.h"

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

/* An index or a slice that some path asks for, and the states that wait for it. */
struct field_elements {
    bool has_start, has_end;
    bool counted;             /* only the array's length says which elements these are */
    int64_t start, end, step; /* an index i is the slice i:i+1, but for the last one's end */
    struct field_states waiting;
};

/* How a field's values are found to belong to their element. */
struct field_info {
    uint16_t class_id;
    uint16_t last;  /* the state in which it ends */
    uint16_t owner; /* index into owners; FIELDS_NONE: nobody asks whose it is */
    uint16_t up;    /* how many levels above the value its element is */
    bool deep;
};

/* A path to the subjects of elements; fields whose paths begin alike share one. */
struct field_owner {
    char *path;
    uint16_t up; /* how many levels above the subject its element is */
};

struct fields {
    size_t count;
    uint32_t depth_max;   /* levels of a document */
    uint32_t members_max; /* of one object */
    size_t words;         /* 0 when there are no fields */
    struct field_states start, last, any, stay, moves;
    /* States whose next step leads to a child, by what it asks for: paths that end at a value of
     * another shape were not written for this document. A `..` step is satisfied with any. */
    struct field_states on_name, on_index, on_any;
    struct field_states counted; /* those that wait for elements which only the length tells */
    struct field_states subject; /* the last ones of the owners' paths */
    /* on_*, counted, subject and last together: the value itself matters, not only what is below. Where
     * nothing but `..` steps wait there is nothing to look at. */
    struct field_states judged;
    /* The field's; by last state of an owner's path: the owner's. */
    uint16_t number_of[FIELDS_STATES];
    struct field_info *info;  /* by field */
    struct field_name *names; /* open addressing */
    size_t name_mask;         /* places - 1 */
    size_t name_count;
    struct field_elements *elements;
    size_t element_count;
    struct field_owner *owners;
    size_t owner_count;
    struct near_names *near;               /* NULL: names are not watched */
    const struct near_filter *near_filter; /* of `near`; NULL without it */
    struct field_states *near_waiting;     /* by group: the states that wait for one of its names */
};

/* An array's length where nobody asks for it: longer than any. */
static const int64_t FIELDS_UNCOUNTED = INT64_MAX / 4;

/* Whether a slice has this element of an array of `length` (RFC 9535 2.3.4.2.2). */
static inline bool fields_has_element(const struct field_elements *s, int64_t index, int64_t length)
{
    int64_t from = s->start < 0 ? s->start + length : s->start;
    int64_t to = s->end < 0 ? s->end + length : s->end;

    if (s->step > 0) {
        from = s->has_start && from > 0 ? from : 0;
        return index >= from && (!s->has_end || index < to) && (index - from) % s->step == 0;
    }
    from = s->has_start && from < length - 1 ? from : length - 1;
    to = s->has_end && to > -1 ? to : -1;
    return s->step < 0 && index <= from && index > to && (from - index) % -s->step == 0;
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

/* The set of a member or element below a container with the set `from`; false when it is empty. */
static inline bool fields_step(const struct fields *f, const struct field_states *from,
                               const struct field_states *waiting, struct field_states *ret_to)
{
    uint64_t all = 0;

    for (size_t w = 0; w < f->words; w++) {
        const uint64_t states = from->word[w];

        ret_to->word[w] =
            (states & (waiting->word[w] | f->any.word[w])) << 1 | (states & f->stay.word[w]);
        all |= ret_to->word[w];
    }
    return all != 0;
}

/* The same for the element `index` of an array of `length`. */
static inline bool fields_step_element(const struct fields *f, const struct field_states *from,
                                       int64_t index, int64_t length, struct field_states *ret_to)
{
    struct field_states waiting;

    for (size_t w = 0; w < f->words; w++)
        waiting.word[w] = 0;
    for (size_t i = 0; i < f->element_count; i++) {
        if (!fields_has_element(&f->elements[i], index, length))
            continue;
        for (size_t w = 0; w < f->words; w++)
            waiting.word[w] |= f->elements[i].waiting.word[w];
    }
    return fields_step(f, from, &waiting, ret_to);
}

/* The field that a value with this set belongs to; FIELDS_NONE. */
static inline uint16_t fields_match(const struct fields *f, const struct field_states *states)
{
    for (size_t w = 0; w < f->words; w++) {
        const uint64_t last = states->word[w] & f->last.word[w];

        if (last != 0)
            return f->number_of[w * 64 + (size_t)__builtin_ctzll(last)];
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

static inline bool fields_has_state(const struct field_states *states, size_t state)
{
    return (states->word[state / 64] >> state % 64 & 1) != 0;
}

static inline bool fields_meet(const struct fields *f, const struct field_states *a,
                               const struct field_states *b)
{
    uint64_t common = 0;

    for (size_t w = 0; w < f->words; w++)
        common |= a->word[w] & b->word[w];
    return common != 0;
}

/* fields_near.c: the number of a field that waits, in a container with this set, for a name that says the
 * same as `name`; FIELDS_NONE. */
uint16_t fields__near(const struct fields *f, const struct field_states *states, struct span name);
