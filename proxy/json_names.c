/* SPDX-License-Identifier: Apache-2.0 */
/* Duplicate member names, the uncommon part: hashes that meet, large objects, growing.
 * Runs on: one thread at a time. Holds: hashes and offsets of the names of open objects; a copy of
 * one escaped name, wiped. Invariant: a table holds every name of its object, at most half full.
 * Not here: the common case (json_names_priv.h), hashing (json_hash.c). */
#include "proxy/json_names_priv.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "proxy/json_hash_priv.h"
#include "proxy/json_reader.h"

void proxy__names_init(struct json_names *n, const uint8_t *document, const uint8_t *end)
{
    n->document = document;
    n->end = end;
    n->hashes = n->inline_hashes;
    n->places = n->inline_places;
    n->top = 0;
    n->cap = NAMES_INLINE;
    n->members_max = LIMIT_JSON_MEMBERS_MAX;
    buf_init_secret(&n->earlier, SIZE_MAX);
}

void proxy__names_done(struct json_names *n)
{
    buf_done(&n->earlier);
    if (n->hashes == n->inline_hashes)
        return;
    free(n->hashes);
    free(n->places);
}

/* The name at a place, as it reads without escapes; borrowed until the next call. It was read once,
 * so it is well-formed. */
static enum err name_at(struct json_names *n, uint32_t place, struct span *ret_name)
{
    const uint8_t *start = n->document + place, *close;
    bool escaped = false;
    enum err e;

    close = scan_string(start, n->end, &escaped);
    if (close == NULL)
        return ERR_INTERNAL;
    *ret_name = span_of(start, (size_t)(close - start));
    if (!escaped)
        return ERR_OK;
    buf_reset(&n->earlier);
    e = json_unescape(*ret_name, &n->earlier);
    if (e == ERR_OK)
        *ret_name = buf_span(&n->earlier);
    return e;
}

/* INVALID when the name at this index of the stack is `name`. */
static enum err differ(struct json_names *n, uint32_t index, struct span name)
{
    struct span earlier;
    const enum err e = name_at(n, n->places[index], &earlier);

    if (e != ERR_OK)
        return e;
    return span_equal(earlier, name) ? ERR_INVALID : ERR_OK;
}

/* The table of an object with room for `count` names, filled from the stack. */
static enum err build_table(const struct json_names *n, struct name_set *set)
{
    const uint32_t size = set->table == NULL ? 4 * NAMES_LINEAR : 2 * (set->table_mask + 1);
    uint32_t *table = mem_try_alloc(size, sizeof(*table));

    if (table == NULL)
        return ERR_NO_SPACE;
    for (uint32_t i = set->base; i < set->base + set->count; i++) {
        uint32_t at = n->hashes[i] & (size - 1);

        while (table[at] != 0)
            at = (at + 1) & (size - 1);
        table[at] = i + 1;
    }
    free(set->table);
    set->table = table;
    set->table_mask = size - 1;
    return ERR_OK;
}

/* An object grows large: from here its names carry the hash that nobody can aim at. */
static enum err become_large(struct json_names *n, struct name_set *set)
{
    for (uint32_t i = set->base; i < set->base + set->count; i++) {
        struct span name;
        const enum err e = name_at(n, n->places[i], &name);

        if (e != ERR_OK)
            return e;
        n->hashes[i] = proxy__sip_hash(name);
    }
    return build_table(n, set);
}

/* The free place for a name in its object's table; INVALID when the name is there. */
static enum err find_place(struct json_names *n, const struct name_set *set, uint32_t hash,
                           struct span name, uint32_t *ret_at)
{
    uint32_t at = hash & set->table_mask;

    for (; set->table[at] != 0; at = (at + 1) & set->table_mask) {
        const uint32_t index = set->table[at] - 1;

        if (n->hashes[index] == hash) {
            const enum err e = differ(n, index, name);

            if (e != ERR_OK)
                return e;
        }
    }
    *ret_at = at;
    return ERR_OK;
}

static enum err search(struct json_names *n, const struct name_set *set, uint32_t hash,
                       struct span name)
{
    for (uint32_t i = set->base; i < n->top; i++) {
        if (n->hashes[i] == hash) {
            const enum err e = differ(n, i, name);

            if (e != ERR_OK)
                return e;
        }
    }
    return ERR_OK;
}

static enum err grow(struct json_names *n)
{
    const uint32_t cap = n->cap * 2;
    uint32_t *hashes, *places;

    if (n->top < n->cap)
        return ERR_OK;
    hashes = mem_try_alloc((size_t)cap + HASHES_BEYOND, sizeof(*hashes));
    places = mem_try_alloc(cap, sizeof(*places));
    if (hashes == NULL || places == NULL) {
        free(hashes);
        free(places);
        return ERR_NO_SPACE;
    }
    memcpy(hashes, n->hashes, n->top * sizeof(*hashes));
    memcpy(places, n->places, n->top * sizeof(*places));
    if (n->hashes != n->inline_hashes) {
        free(n->hashes);
        free(n->places);
    }
    n->hashes = hashes;
    n->places = places;
    n->cap = cap;
    return ERR_OK;
}

enum err proxy__names_add(struct json_names *n, struct name_set *set, uint32_t hash,
                          const uint8_t *place, struct span name)
{
    enum err e = grow(n);
    uint32_t at = 0;

    if (e != ERR_OK)
        return e;
    if (set->count >= n->members_max)
        return ERR_TOO_LARGE;
    if (set->table == NULL && set->count == NAMES_LINEAR)
        e = become_large(n, set);
    else if (set->table != NULL && set->count > set->table_mask / 2)
        e = build_table(n, set);
    if (e != ERR_OK)
        return e;
    if (set->table != NULL) {
        hash = proxy__sip_hash(name);
        e = find_place(n, set, hash, name, &at);
    } else {
        e = search(n, set, hash, name);
    }
    if (e != ERR_OK)
        return e;
    if (set->table != NULL)
        set->table[at] = n->top + 1;
    n->hashes[n->top] = hash;
    n->places[n->top] = (uint32_t)(place - n->document);
    n->top++;
    set->count++;
    return ERR_OK;
}
