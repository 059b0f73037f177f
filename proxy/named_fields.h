/* SPDX-License-Identifier: Apache-2.0 */
/* Declared fields that have a name each and no path: pairs of a form or a query, parts of a multipart
 * body, cookies. The readers of those look names up here. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct named_fields;

struct named_def {
    const char *name;  /* as it reads, escapes undone; UTF-8, no control characters */
    uint16_t class_id; /* what its values are */
    bool many;         /* may come several times, each a value; otherwise a second one is refused */
    bool file; /* multipart: the name of the file is declared, not the content of the part */
};

/* Compile; a hit's `field` is the index into defs. CONFIG with a message: a name that is empty, too
 * long, not UTF-8, holds a control character or comes twice; more than 1,024 of them. An empty set
 * is allowed. The names are copied. Free with named_fields_free(). */
enum err named_fields_new(const struct named_def *defs, size_t count,
                          struct named_fields **ret_fields, struct errmsg *msg) MUST_CHECK;
void named_fields_free(struct named_fields **fields);
/* Have the readers tell (hits->near) of names that are not declared but say the same as one that is: see
 * near_name.h. NO_SPACE. */
enum err named_fields_watch_names(struct named_fields *fields) MUST_CHECK;
size_t named_fields_count(const struct named_fields *fields);
