/* SPDX-License-Identifier: Apache-2.0 */
/* Compiling declared fields into the automaton that fields_priv.h describes and runs.
 * Runs on: any thread; a compiled set is read-only. Holds: the names that paths ask for.
 * Invariant: all states of a path lie in one word, in the order of the definitions; the last state
 * of a path waits for nothing. Not here: the syntax of paths (jsonpath.c). */
#include "proxy/fields_priv.h"

#include <stdlib.h>
#include <string.h>

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

static enum err wait_for_index(struct fields *f, uint64_t index, size_t state)
{
    size_t i = 0;

    while (i < f->index_count && f->indexes[i].index != index)
        i++;
    if (i == f->index_count) {
        struct field_index *larger = realloc(f->indexes, (i + 1) * sizeof(*larger));

        if (larger == NULL)
            return ERR_NO_SPACE;
        larger[i] = (struct field_index){.index = index};
        f->indexes = larger;
        f->index_count++;
    }
    set_add(&f->indexes[i].waiting, state);
    return ERR_OK;
}

/* One step of a path, taken from `state`. */
static enum err add_step(struct fields *f, const struct jsonpath_step *step,
                         const struct buf *names, size_t state)
{
    set_add(&f->moves, state);
    if (step->descend)
        set_add(&f->stay, state);
    else
        set_add(step->kind == JSONPATH_NAME    ? &f->on_name
                : step->kind == JSONPATH_INDEX ? &f->on_index
                                               : &f->on_any,
                state);
    switch (step->kind) {
    case JSONPATH_NAME:
        return wait_for_name(
            f, span_of((const char *)names->bytes + step->name_start, step->name_len), state);
    case JSONPATH_INDEX:
        return wait_for_index(f, step->index, state);
    case JSONPATH_ANY:
        set_add(&f->any, state);
        break;
    }
    return ERR_OK;
}

/* The steps of a path, read before its states are placed: they must fit into one word. */
static enum err read_steps(struct jsonpath_reader *r, const char *path,
                           struct jsonpath_step steps[PATH_STEPS_MAX], size_t *ret_count,
                           struct errmsg *msg)
{
    enum err e = proxy__jsonpath_start(r, path, msg);
    size_t count = 0;
    bool at_end = false;

    while (e == ERR_OK) {
        struct jsonpath_step step;

        e = proxy__jsonpath_next(r, &step, &at_end, msg);
        if (e != ERR_OK || at_end)
            break;
        if (count == PATH_STEPS_MAX)
            return errmsg_set(msg, ERR_CONFIG, "path \"%s\": more than %d steps", path,
                              PATH_STEPS_MAX);
        steps[count++] = step;
    }
    if (e == ERR_OK)
        *ret_count = count;
    return e;
}

/* One field; *next is the first free state. */
static enum err add_field(struct fields *f, const struct field_def *def, uint16_t number,
                          size_t *next, struct errmsg *msg)
{
    AUTO(proxy__jsonpath_done) struct jsonpath_reader r = {0};
    struct jsonpath_step steps[PATH_STEPS_MAX];
    size_t count = 0, state = *next;
    enum err e = read_steps(&r, def->path, steps, &count, msg);

    if (e != ERR_OK)
        return e;
    if (state % 64 + count > 63)
        state = (state / 64 + 1) * 64;
    if (state + count >= FIELDS_STATES)
        return errmsg_set(msg, ERR_CONFIG, "path \"%s\": too many fields (%d steps of all of them)",
                          def->path, FIELDS_STATES);
    set_add(&f->start, state);
    for (size_t i = 0; i < count; i++, state++) {
        e = add_step(f, &steps[i], &r.names, state);
        if (e != ERR_OK)
            return errmsg_set(msg, e, "path \"%s\": %s", def->path, err_text(e));
    }
    set_add(&f->last, state);
    f->field_of[state] = number;
    f->class_ids[number] = def->class_id;
    f->deep[number] = def->deep;
    if (def->deep) {
        set_add(&f->stay, state);
        set_add(&f->moves, state);
    }
    *next = state + 1;
    return ERR_OK;
}

enum err fields_new(const struct field_def *defs, size_t count, struct fields **ret_fields,
                    struct errmsg *msg)
{
    AUTO(fields_free) struct fields *f = mem_alloc(sizeof(*f));
    size_t next = 0;

    proxy__hash_start();
    if (count >= FIELDS_STATES)
        return errmsg_set(msg, ERR_CONFIG, "%zu fields are too many for one body", count);
    grow_names(f);
    f->class_ids = mem_alloc((count + 1) * sizeof(*f->class_ids));
    f->deep = mem_alloc((count + 1) * sizeof(*f->deep));
    for (size_t i = 0; i < count; i++) {
        const enum err e = add_field(f, &defs[i], (uint16_t)i, &next, msg);

        if (e != ERR_OK)
            return e;
    }
    f->count = count;
    f->words = (next + 63) / 64;
    *ret_fields = TAKE(f);
    return ERR_OK;
}

void fields_free(struct fields **fields)
{
    struct fields *f = TAKE(*fields);

    if (f == NULL)
        return;
    for (size_t i = 0; f->names != NULL && i <= f->name_mask; i++)
        free((char *)f->names[i].name.at);
    free(f->names);
    free(f->indexes);
    free(f->class_ids);
    free(f->deep);
    free(f);
}

size_t fields_count(const struct fields *fields)
{
    return fields->count;
}
