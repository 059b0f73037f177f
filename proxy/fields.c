/* SPDX-License-Identifier: Apache-2.0 */
/* Compiling declared fields into the automaton that fields_priv.h describes and runs.
 * Runs on: any thread; a compiled set is read-only. Holds: the names that paths ask for.
 * Invariant: all states of a path lie in one word, in the order of the definitions; the last state
 * of a path waits for nothing. Not here: the syntax of paths (jsonpath.c). */
#include "proxy/fields_priv.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/mem.h"
#include "proxy/jsonpath_priv.h"

enum { FIRST_NAME_PLACES = 16, PATH_STEPS_MAX = 63 };

static void set_add(struct field_states *set, size_t state)
{
    set->word[state / 64] |= UINT64_C(1) << state % 64;
}

/* The place of a name in the table: its own, or the free one where it belongs. */
static struct field_name *name_place(struct field_name *names, size_t mask, struct span name,
                                     uint32_t hash)
{
    size_t at = hash & mask;

    while (names[at].name.at != NULL &&
           (names[at].hash != hash || !span_equal(names[at].name, name)))
        at = (at + 1) & mask;
    return &names[at];
}

/* A table twice the size, or the first one. */
static void grow_names(struct fields *f)
{
    const size_t places = f->names == NULL ? FIRST_NAME_PLACES : 2 * (f->name_mask + 1);
    struct field_name *names = mem_alloc(places * sizeof(*names));

    for (size_t i = 0; f->names != NULL && i <= f->name_mask; i++) {
        const struct field_name *old = &f->names[i];

        if (old->name.at != NULL)
            *name_place(names, places - 1, old->name, old->hash) = *old;
    }
    free(f->names);
    f->names = names;
    f->name_mask = places - 1;
}

static enum err wait_for_name(struct fields *f, struct span name, size_t state)
{
    const uint32_t hash = name_hash(name, name.at + name.len);
    struct field_name *place;

    if (f->names == NULL || f->name_count > f->name_mask / 2)
        grow_names(f);
    place = name_place(f->names, f->name_mask, name, hash);
    if (place->name.at == NULL) {
        char *copy = mem_try_alloc(1, name.len + 1);

        if (copy == NULL)
            return ERR_NO_SPACE;
        if (name.len > 0)
            memcpy(copy, name.at, name.len);
        place->name = span_of(copy, name.len);
        place->hash = hash;
        f->name_count++;
    }
    set_add(&place->waiting, state);
    return ERR_OK;
}

/* ---- elements ---- */

static struct field_elements elements_of(const struct jsonpath_step *step)
{
    struct field_elements e = {.has_start = step->has_start,
                               .has_end = step->has_end,
                               .start = step->start,
                               .end = step->end,
                               .step = step->step};

    if (step->kind == JSONPATH_INDEX) {
        e.has_start = true;
        e.has_end = step->start != -1;
        e.end = step->start + 1;
        e.step = 1;
    }
    e.counted = e.start < 0 || e.end < 0 || e.step < 0;
    return e;
}

static bool are_same(const struct field_elements *a, const struct field_elements *b)
{
    return a->has_start == b->has_start && a->has_end == b->has_end && a->start == b->start &&
           a->end == b->end && a->step == b->step;
}

static enum err wait_for_elements(struct fields *f, const struct jsonpath_step *step, size_t state)
{
    const struct field_elements wanted = elements_of(step);
    size_t i = 0;

    while (i < f->element_count && !are_same(&f->elements[i], &wanted))
        i++;
    if (i == f->element_count) {
        struct field_elements *larger = realloc(f->elements, (i + 1) * sizeof(*larger));

        if (larger == NULL)
            return ERR_NO_SPACE;
        larger[i] = wanted;
        f->elements = larger;
        f->element_count++;
    }
    set_add(&f->elements[i].waiting, state);
    if (wanted.counted)
        set_add(&f->counted, state);
    return ERR_OK;
}

/* ---- paths ---- */

/* One selector of the step that is taken from `state`. */
static enum err add_selector(struct fields *f, const struct jsonpath_step *step,
                             const struct buf *names, size_t state)
{
    set_add(&f->moves, state);
    if (step->descend)
        set_add(&f->stay, state);
    else
        set_add(step->kind == JSONPATH_NAME  ? &f->on_name
                : step->kind == JSONPATH_ANY ? &f->on_any
                                             : &f->on_index,
                state);
    switch (step->kind) {
    case JSONPATH_NAME:
        return wait_for_name(
            f, span_of((const char *)names->bytes + step->name_start, step->name_len), state);
    case JSONPATH_INDEX:
    case JSONPATH_SLICE:
        return wait_for_elements(f, step, state);
    case JSONPATH_ANY:
        set_add(&f->any, state);
        break;
    }
    return ERR_OK;
}

/* What is known of a path before its states are placed. */
struct outline {
    size_t segments;
    size_t element;     /* segments that lead to the `@` of its values */
    size_t element_len; /* the text of those */
    bool descends;      /* there is a `..` behind that */
};

static enum err outline_path(const char *path, struct outline *ret, struct errmsg *msg)
{
    AUTO(proxy__jsonpath_done) struct jsonpath_reader r = {0};
    struct outline o = {.element_len = 1};
    bool chooses = false, at_end = false; /* chooses: the segment at hand, among elements */
    enum err e = proxy__jsonpath_start(&r, '$', path, msg);

    while (e == ERR_OK) {
        const size_t before = (size_t)(r.at - r.path);
        struct jsonpath_step step;

        e = proxy__jsonpath_next(&r, &step, &at_end, msg);
        if (e != ERR_OK || at_end)
            break;
        if (step.first && chooses) {
            o.element = o.segments;
            o.element_len = before;
            o.descends = false;
        }
        if (step.first) {
            o.segments++;
            chooses = false;
        }
        o.descends = o.descends || step.descend;
        chooses = chooses || step.kind != JSONPATH_NAME;
    }
    if (e != ERR_OK)
        return e;
    if (o.segments > PATH_STEPS_MAX)
        return errmsg_set(msg, ERR_CONFIG, "path \"%s\": more than %d steps", path, PATH_STEPS_MAX);
    *ret = o;
    return ERR_OK;
}

/* The first state of a path of so many segments: all of them in one word. */
static enum err place_path(size_t *next, size_t segments, const char *path, struct errmsg *msg)
{
    if (*next % 64 + segments > 63)
        *next = (*next / 64 + 1) * 64;
    if (*next + segments >= FIELDS_STATES)
        return errmsg_set(msg, ERR_CONFIG, "path \"%s\": too many fields (%d steps of all of them)",
                          path, FIELDS_STATES);
    return ERR_OK;
}

/* The states of a field's path from *next on, which is left on the last of them. */
static enum err add_path(struct fields *f, const char *path, uint16_t number, size_t *next,
                         struct errmsg *msg)
{
    AUTO(proxy__jsonpath_done) struct jsonpath_reader r = {0};
    enum err e = proxy__jsonpath_start(&r, '$', path, msg);
    bool at_end = false;
    size_t state = *next;

    set_add(&f->start, state);
    f->number_of[state] = number;
    while (e == ERR_OK) {
        struct jsonpath_step step;

        e = proxy__jsonpath_next(&r, &step, &at_end, msg);
        if (e != ERR_OK || at_end)
            break;
        if (step.first)
            state++;
        f->number_of[state] = number;
        e = add_selector(f, &step, &r.names, state - 1);
        if (e != ERR_OK)
            return errmsg_set(msg, e, "path \"%s\": %s", path, err_text(e));
    }
    *next = state;
    return e;
}

/* ---- whose an element is ---- */

/* `@` and then names and indexes, at least one: a single value. */
static enum err check_subject(const char *subject, size_t *ret_steps, struct errmsg *msg)
{
    AUTO(proxy__jsonpath_done) struct jsonpath_reader r = {0};
    enum err e = proxy__jsonpath_start(&r, '@', subject, msg);
    bool at_end = false;
    size_t steps = 0;

    while (e == ERR_OK) {
        struct jsonpath_step step;

        e = proxy__jsonpath_next(&r, &step, &at_end, msg);
        if (e != ERR_OK || at_end)
            break;
        if (step.descend || !step.first ||
            (step.kind != JSONPATH_NAME && step.kind != JSONPATH_INDEX))
            return proxy__jsonpath_refuse(&r, msg,
                                          "a subject is one value: names and indexes only");
        steps++;
    }
    if (e == ERR_OK && steps == 0)
        return proxy__jsonpath_refuse(&r, msg, "a subject is a value of the element: \"@.id\"");
    if (e == ERR_OK)
        *ret_steps = steps;
    return e;
}

static enum err new_owner(struct fields *f, const char *path, size_t up, uint16_t number,
                          size_t *next, struct errmsg *msg)
{
    struct field_owner *larger =
        realloc(f->owners, (f->owner_count + 1) * sizeof(*larger)); // NOLINT
    struct outline o = {0};
    enum err e;

    if (larger == NULL)
        return ERR_NO_SPACE;
    f->owners = larger;
    f->owners[f->owner_count++] =
        (struct field_owner){.path = mem_strdup(path), .up = (uint16_t)up};
    e = outline_path(path, &o, msg);
    if (e == ERR_OK)
        e = place_path(next, o.segments, path, msg);
    if (e == ERR_OK)
        e = add_path(f, path, number, next, msg);
    if (e != ERR_OK)
        return e;
    set_add(&f->subject, *next);
    f->number_of[*next] = (uint16_t)(f->owner_count - 1);
    *next += 1;
    return ERR_OK;
}

/* Have the elements of a field tell their subjects: the path to them is the field's as far as the
 * element, and then the subject's. */
static enum err add_owner(struct fields *f, const struct field_def *def, const struct outline *o,
                          struct field_info *info, size_t *next, struct errmsg *msg)
{
    AUTO(buf_done) struct buf path = {.max = LIMIT_CONFIG_FILE_MAX};
    size_t steps = 0, i = 0;
    enum err e = check_subject(def->subject, &steps, msg);

    if (e != ERR_OK)
        return e;
    if (o->segments == 0 || o->descends)
        return errmsg_set(msg, ERR_CONFIG,
                          "path \"%s\": with the subject \"%s\" it must lead through one element, "
                          "with no .. behind it",
                          def->path, def->subject);
    e = buf_append(&path, def->path, o->element_len);
    if (e == ERR_OK)
        e = buf_append(&path, def->subject + 1, strlen(def->subject)); /* with its NUL */
    while (i < f->owner_count && strcmp(f->owners[i].path, (const char *)path.bytes) != 0)
        i++;
    if (e == ERR_OK && i == f->owner_count)
        e = new_owner(f, (const char *)path.bytes, steps, (uint16_t)(info - f->info), next, msg);
    info->owner = (uint16_t)i;
    info->up = (uint16_t)(o->segments - o->element);
    return e;
}

/* ---- the whole ---- */

/* One field; *next is the first free state. */
static enum err add_field(struct fields *f, const struct field_def *def, uint16_t number,
                          size_t *next, struct errmsg *msg)
{
    struct field_info *info = &f->info[number];
    struct outline o = {0};
    enum err e = outline_path(def->path, &o, msg);

    if (e == ERR_OK)
        e = place_path(next, o.segments, def->path, msg);
    if (e == ERR_OK)
        e = add_path(f, def->path, number, next, msg);
    if (e != ERR_OK)
        return e;
    *info = (struct field_info){.class_id = def->class_id,
                                .last = (uint16_t)*next,
                                .owner = FIELDS_NONE,
                                .deep = def->deep};
    set_add(&f->last, *next);
    if (def->deep) {
        set_add(&f->stay, *next);
        set_add(&f->moves, *next);
    }
    *next += 1;
    return def->subject == NULL ? ERR_OK : add_owner(f, def, &o, info, next, msg);
}

enum err fields_new(const struct field_def *defs, size_t count, struct fields **ret_fields,
                    struct errmsg *msg)
{
    AUTO(fields_free) struct fields *f = mem_alloc(sizeof(*f));
    size_t next = 0;

    proxy__hash_start();
    fields_limit(f, LIMIT_JSON_DEPTH_MAX, LIMIT_JSON_MEMBERS_MAX);
    if (count >= FIELDS_STATES)
        return errmsg_set(msg, ERR_CONFIG, "%zu fields are too many for one body", count);
    grow_names(f);
    f->info = mem_alloc((count + 1) * sizeof(*f->info));
    for (size_t i = 0; i < count; i++) {
        const enum err e = add_field(f, &defs[i], (uint16_t)i, &next, msg);

        if (e != ERR_OK)
            return e;
    }
    f->count = count;
    f->words = (next + 63) / 64;
    for (size_t w = 0; w < f->words; w++)
        f->judged.word[w] = f->on_name.word[w] | f->on_index.word[w] | f->on_any.word[w] |
                            f->counted.word[w] | f->subject.word[w] | f->last.word[w];
    *ret_fields = TAKE(f);
    return ERR_OK;
}

void fields_limit(struct fields *fields, uint32_t depth_max, uint32_t members_max)
{
    REQUIRE(depth_max <= LIMIT_JSON_DEPTH_MAX && members_max <= LIMIT_JSON_MEMBERS_MAX &&
            members_max >= FIELDS_MEMBERS_MIN);
    fields->depth_max = depth_max;
    fields->members_max = members_max;
}

void fields_free(struct fields **fields)
{
    struct fields *f = TAKE(*fields);

    if (f == NULL)
        return;
    for (size_t i = 0; f->names != NULL && i <= f->name_mask; i++)
        free((char *)f->names[i].name.at);
    for (size_t i = 0; i < f->owner_count; i++)
        free(f->owners[i].path);
    free(f->names);
    free(f->elements);
    free(f->owners);
    near_names_free(&f->near);
    free(f->near_waiting);
    free(f->info);
    free(f);
}

size_t fields_count(const struct fields *fields)
{
    return fields->count;
}
