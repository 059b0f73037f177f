/* SPDX-License-Identifier: Apache-2.0 */
/* Members whose names come near a declared one, where that one is waited for.
 * Runs on: any thread; a compiled set is read-only. Holds: nothing but what is in the set.
 * Not here: what near means (near_name.c), what is done about it (exchange_store.c). */
#include "proxy/fields_priv.h"

#include <stdlib.h>

#include "base/mem.h"

/* The states that wait for a name wait for its group. */
static enum err watch(struct fields *f, const struct field_name *name)
{
    struct field_states *larger;
    size_t group, count = near_names_count(f->near);
    enum err e = near_names_add(f->near, name->name, &group);

    if (e != ERR_OK || group == SIZE_MAX)
        return e;
    if (group == count) {
        larger = realloc(f->near_waiting, (count + 1) * sizeof(*larger));
        if (larger == NULL)
            return ERR_NO_SPACE;
        larger[count] = (struct field_states){0};
        f->near_waiting = larger;
    }
    for (size_t w = 0; w < f->words; w++)
        f->near_waiting[group].word[w] |= name->waiting.word[w];
    return ERR_OK;
}

enum err fields_watch_names(struct fields *f)
{
    enum err e = ERR_OK;

    if (f->near != NULL)
        return ERR_OK;
    f->near = near_names_new();
    for (size_t i = 0; e == ERR_OK && i <= f->name_mask; i++)
        if (f->names[i].name.at != NULL)
            e = watch(f, &f->names[i]);
    f->near_filter = near_names_filter(f->near);
    return e;
}

uint16_t fields__near(const struct fields *f, const struct field_states *states, struct span name)
{
    const size_t group = near_names_find(f->near, name);

    for (size_t w = 0; group != SIZE_MAX && w < f->words; w++) {
        const uint64_t waiting = f->near_waiting[group].word[w] & states->word[w];

        if (waiting != 0)
            return f->number_of[w * 64 + (size_t)__builtin_ctzll(waiting)];
    }
    return FIELDS_NONE;
}
