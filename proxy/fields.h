/* SPDX-License-Identifier: Apache-2.0 */
/* Declared fields of a JSON body: RFC 9535 paths (names, indices, [*], ..name, ..*, no filters)
 * compiled into one bit-parallel automaton that the reader drives. */
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
};

/* Compile. CONFIG with a message (path and position) for a path outside the subset. Free with
 * fields_free(). An empty set is allowed. */
enum err fields_new(const struct field_def *defs, size_t count, struct fields **ret_fields,
                    struct errmsg *msg) MUST_CHECK;
void fields_free(struct fields **fields);
size_t fields_count(const struct fields *fields);
