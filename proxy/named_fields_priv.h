/* SPDX-License-Identifier: Apache-2.0 */
/* The table behind declared names: hashed under the process's key, so that whoever sends names cannot
 * choose them to meet in it (E85). A reader keeps in a set which fields it has met. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/span.h"
#include "proxy/hit.h"
#include "proxy/named_fields.h"
#include "proxy/near_name.h"

enum {
    NAMED_FIELDS_MAX = 1024,
    NAMED_NAME_MAX = 255,
    NAMED_NONE = 0xFFFF,
    NAMED_NEAR_MAX = 512 /* bytes of a name that is compared with those it may come near */
};

struct named_field {
    struct span name;
    uint32_t hash;
    uint16_t class_id;
    bool many;
    bool file;
};

struct named_fields {
    struct named_field *at; /* in the order of the definitions */
    size_t count;
    size_t longest;          /* a name with more bytes is none of them */
    uint16_t *places;        /* open addressing: indexes, or NAMED_NONE */
    size_t mask;             /* places - 1 */
    struct near_names *near; /* NULL: names are not watched */
    uint16_t *near_fields;   /* by group: a field whose name it has */
};

/* The fields that one text has brought so far; zeroed at its start. */
struct named_seen {
    uint64_t word[NAMED_FIELDS_MAX / 64];
};

/* The field of this name (escapes undone), or NAMED_NONE; one that comes near a field's is noted in the
 * hits. limit: the end of the memory that may be looked at, at or after the name's end. */
uint16_t proxy__named_find(const struct named_fields *fields, struct span name, const char *limit,
                           struct hits *hits);
/* Note that a field was met. INVALID: for the second time, and it is not `many`. */
enum err proxy__named_meet(const struct named_fields *fields, struct named_seen *seen,
                           uint16_t field) MUST_CHECK;
/* Add the value of a field; an empty one is none, so that "nothing" stays nothing. */
enum err proxy__named_hit(const struct named_fields *fields, const struct hit *hit,
                          struct hits *hits) MUST_CHECK;
