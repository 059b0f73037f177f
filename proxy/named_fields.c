/* SPDX-License-Identifier: Apache-2.0 */
/* Compiling declared names and looking them up.
 * Runs on: any thread; a compiled set is read-only. Holds: copies of the names. Invariant: the table
 * is at most half full, so a look-up ends. Not here: how a text spells its names (the readers). */
#include "proxy/named_fields_priv.h"

#include <stdlib.h>
#include <string.h>

#include "proxy/hit_priv.h"
#include "proxy/json_hash_priv.h"

enum { FIRST_PLACES = 16, BRACKETS_MAX = 8 /* of a name, that are looked in front of */ };

/* ---- looking up ---- */

/* Where a name stands in the table, or the free place where it belongs. */
static uint16_t *place_of(const struct named_fields *f, struct span name, uint32_t hash)
{
    size_t at = hash & f->mask;

    while (f->places[at] != NAMED_NONE &&
           (f->at[f->places[at]].hash != hash || !span_equal(f->at[f->places[at]].name, name)))
        at = (at + 1) & f->mask;
    return &f->places[at];
}

/* Does a name that is no field's say the same as one that is? Or is it a member of one, as in "email[0]", which many
 * frameworks take for "email"? */
static void note_near(const struct named_fields *f, struct span name, struct hits *hits)
{
    const char *bracket = name.len > 1 ? memchr(name.at + 1, '[', name.len - 1) : NULL;
    const char *end = name.at + (name.len < NAMED_NEAR_MAX ? name.len : NAMED_NEAR_MAX);
    size_t group = name.len <= NAMED_NEAR_MAX ? near_names_find(f->near, name) : SIZE_MAX;

    for (size_t i = 0; group == SIZE_MAX && i < BRACKETS_MAX && bracket != NULL && bracket < end;
         i++) {
        group = near_names_find(f->near, span_of(name.at, (size_t)(bracket - name.at)));
        bracket = memchr(bracket + 1, '[', (size_t)(name.at + name.len - bracket - 1));
    }
    if (group != SIZE_MAX)
        hits->near = (uint16_t)(1 + f->near_fields[group]);
}

uint16_t proxy__named_find(const struct named_fields *fields, struct span name, const char *limit,
                           struct hits *hits)
{
    uint16_t field = NAMED_NONE;

    if (name.len == 0)
        return NAMED_NONE;
    if (name.len <= fields->longest)
        field = *place_of(fields, name, name_hash(name, limit));
    if (field == NAMED_NONE && fields->near != NULL && hits->near == 0)
        note_near(fields, name, hits);
    return field;
}

enum err proxy__named_meet(const struct named_fields *fields, struct named_seen *seen,
                           uint16_t field)
{
    const uint64_t bit = UINT64_C(1) << field % 64;
    uint64_t *word = &seen->word[field / 64];

    if ((*word & bit) != 0 && !fields->at[field].many)
        return ERR_INVALID; /* some servers take the first, others the last */
    *word |= bit;
    return ERR_OK;
}

enum err proxy__named_hit(const struct named_fields *fields, const struct hit *hit,
                          struct hits *hits)
{
    struct hit whole = *hit;

    if (hit->start == hit->end)
        return ERR_OK;
    whole.kind = VALUE_STRING;
    whole.class_id = fields->at[hit->field].class_id;
    return hits_add(hits, &whole);
}

/* ---- compiling ---- */

static enum err check_name(const char *name, struct errmsg *msg)
{
    const size_t len = strlen(name);

    if (len == 0 || len > NAMED_NAME_MAX)
        return errmsg_set(msg, ERR_CONFIG, "a field's name has 1 to %d bytes", NAMED_NAME_MAX);
    for (size_t i = 0; i < len; i++) {
        if ((uint8_t)name[i] < 0x20 || name[i] == 0x7f)
            return errmsg_set(msg, ERR_CONFIG, "a field's name holds no control characters");
    }
    if (!hit__is_utf8(span_of(name, len)))
        return errmsg_set(msg, ERR_CONFIG, "the name is not UTF-8");
    return ERR_OK;
}

static enum err add(struct named_fields *f, const struct named_def *def, struct errmsg *msg)
{
    enum err e = check_name(def->name, msg);
    struct named_field *field = &f->at[f->count];
    uint16_t *place;

    if (e != ERR_OK)
        return e;
    field->name = span_str(mem_strdup(def->name));
    field->hash = name_hash(field->name, field->name.at + field->name.len);
    field->class_id = def->class_id;
    field->many = def->many;
    field->file = def->file;
    place = place_of(f, field->name, field->hash);
    f->count++;
    if (*place != NAMED_NONE)
        return errmsg_set(msg, ERR_CONFIG, "\"%s\" is declared twice", def->name);
    *place = (uint16_t)(f->count - 1);
    if (field->name.len > f->longest)
        f->longest = field->name.len;
    return ERR_OK;
}

enum err named_fields_new(const struct named_def *defs, size_t count,
                          struct named_fields **ret_fields, struct errmsg *msg)
{
    AUTO(named_fields_free) struct named_fields *f = mem_alloc(sizeof(*f));
    size_t places = FIRST_PLACES;
    enum err e = ERR_OK;

    proxy__hash_start();
    if (count > NAMED_FIELDS_MAX)
        return errmsg_set(msg, ERR_CONFIG, "more than %d fields", NAMED_FIELDS_MAX);
    while (places < 2 * count)
        places *= 2;
    f->mask = places - 1;
    f->places = mem_alloc(places * sizeof(*f->places));
    memset(f->places, 0xFF, places * sizeof(*f->places));
    f->at = mem_alloc((count + 1) * sizeof(*f->at));
    for (size_t i = 0; e == ERR_OK && i < count; i++)
        e = add(f, &defs[i], msg);
    if (e == ERR_OK)
        *ret_fields = TAKE(f);
    return e;
}

enum err named_fields_watch_names(struct named_fields *fields)
{
    enum err e = ERR_OK;

    if (fields->near != NULL)
        return ERR_OK;
    fields->near = near_names_new();
    fields->near_fields = mem_alloc((fields->count + 1) * sizeof(*fields->near_fields));
    for (size_t i = 0; e == ERR_OK && i < fields->count; i++) {
        size_t group = SIZE_MAX;

        e = near_names_add(fields->near, fields->at[i].name, &group);
        if (e == ERR_OK && group != SIZE_MAX)
            fields->near_fields[group] = (uint16_t)i;
    }
    return e;
}

void named_fields_free(struct named_fields **fields)
{
    struct named_fields *f = TAKE(*fields);

    if (f == NULL)
        return;
    for (size_t i = 0; i < f->count; i++)
        free((char *)f->at[i].name.at);
    near_names_free(&f->near);
    free(f->near_fields);
    free(f->at);
    free(f->places);
    free(f);
}

size_t named_fields_count(const struct named_fields *fields)
{
    return fields->count;
}
