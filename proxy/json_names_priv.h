/* SPDX-License-Identifier: Apache-2.0 */
/* The member names of the objects that are open, to find duplicates (E13, E85). Names are
 * not copied: of each, a hash and the place in the document where it stands are kept, on one stack
 * that all open objects share. Small objects are searched through; larger ones get a table. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"
#include "proxy/json_scan_priv.h"

enum {
    NAMES_INLINE = 256, /* names of open objects before memory is allocated */
    NAMES_LINEAR = 64   /* members of one object before it gets a table */
};

/* One open object; its names are at [base, base + count) of the stack. */
struct name_set {
    uint32_t base;
    uint32_t count;
    uint32_t *table;     /* large objects: index + 1 of a name, by hash; NULL otherwise */
    uint32_t table_mask; /* places in the table, a power of two, minus 1 */
};

struct json_names {
    const uint8_t *document, *end;
    uint32_t *hashes;
    uint32_t *places; /* offset of the name's first byte, after the quote */
    uint32_t top;     /* names on the stack */
    uint32_t cap;
    uint32_t members_max; /* of one object */
    struct buf earlier;   /* an earlier name without its escapes, to compare with */
    uint32_t inline_hashes[NAMES_INLINE + HASHES_BEYOND];
    uint32_t inline_places[NAMES_INLINE];
};

/* The document must be shorter than 4 GiB. */
void proxy__names_init(struct json_names *n, const uint8_t *document, const uint8_t *end);
void proxy__names_done(struct json_names *n);

static inline void names_open(const struct json_names *n, struct name_set *set)
{
    set->base = n->top;
    set->count = 0;
    set->table = NULL;
}

static inline void names_close(struct json_names *n, struct name_set *set)
{
    n->top = set->base;
    if (UNLIKELY(set->table != NULL))
        free(set->table);
}

enum err proxy__names_add(struct json_names *n, struct name_set *set, uint32_t hash,
                          const uint8_t *place, struct span name) MUST_CHECK;

/* Add one name to the innermost open object. hash: its name_hash(); place: where it stands in the
 * document; name: as it reads without escapes. INVALID when the object has it already, TOO_LARGE
 * past members_max, NO_SPACE. */
static inline enum err names_add(struct json_names *n, struct name_set *set, uint32_t hash,
                                 const uint8_t *place, struct span name)
{
    const uint32_t *hashes = n->hashes + set->base;

    if (UNLIKELY(set->count >= NAMES_LINEAR || n->top == n->cap ||
                 scan_hash_seen(hashes, set->count, hash)))
        return proxy__names_add(n, set, hash, place, name);
    n->hashes[n->top] = hash;
    n->places[n->top] = (uint32_t)(place - n->document);
    n->top++;
    set->count++;
    return ERR_OK;
}
