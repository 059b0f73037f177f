/* SPDX-License-Identifier: Apache-2.0 */
/* Declared fields of a JSON body: RFC 9535 paths (names, indexes, slices, wildcards, lists of them, of
 * children or of all descendants; no filters) compiled into one bit-parallel automaton that the reader
 * drives.
 *
 * What differs from RFC 9535, which speaks of a list of nodes: values are found in the order of the
 * document; one that several selectors or paths lead to is found once, for the first declared. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/span.h"

struct fields;

struct field_def {
    const char *path;  /* JSONPath */
    uint16_t class_id; /* what its values are */
    bool deep;         /* objects and arrays: every scalar below; otherwise they are refused */
    /* Whose the value is, when each element says it for itself: a path of names and indexes that begins
     * with `@`, "@.id". `@` is the value that the path's last wildcard, index or slice before its last
     * segment leads to; the document (in NDJSON the line) when there is none:
     *
     *   $[*].email                   `@` is the element
     *   $.people[*].contact.email    the element of `people`
     *   $.people[*].phones[*]        the same: the last segment names the values themselves
     *   $.email                      the document
     *
     * Refused where that is not one value: behind it the path must not have `..`. NULL: nobody asks.
     * struct hit_element tells what was found. */
    const char *subject;
};

/* Compile. CONFIG with a message (path and position) for a path outside the subset. Free with
 * fields_free(). An empty set is allowed. */
enum err fields_new(const struct field_def *defs, size_t count, struct fields **ret_fields,
                    struct errmsg *msg) MUST_CHECK;
/* Have the reader tell (hits->near) of members that are not declared, but have a name that says the same as
 * one declared there: see near_name.h. NO_SPACE. */
enum err fields_watch_names(struct fields *fields) MUST_CHECK;
/* Let the reader refuse documents that are nested deeper or have objects with more members: at most
 * LIMIT_JSON_DEPTH_MAX and LIMIT_JSON_MEMBERS_MAX, which hold without it; members: at least
 * FIELDS_MEMBERS_MIN. */
void fields_limit(struct fields *fields, uint32_t depth_max, uint32_t members_max);
enum { FIELDS_MEMBERS_MIN = 64 };
void fields_free(struct fields **fields);
size_t fields_count(const struct fields *fields);
