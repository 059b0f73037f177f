/* SPDX-License-Identifier: Apache-2.0 */
/* Declared fields of an XML body: paths of elements and attributes, a subset of XPath's abbreviated
 * syntax, compiled into the automaton that JSON's paths have, too.
 *
 *   path  = 1*( ( "/" / "//" ) step )
 *   step  = name / "*" / "@" name / "@*"         an attribute ends a path
 *
 * "/" leads to children, "//" to any depth. A name without a prefix is an element's or attribute's local
 * name, whatever prefix stands before it (a client may choose it freely); `p:name` is only what is
 * written like that. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct xml_fields;

struct xml_def {
    const char *path;
    uint16_t class_id; /* what its values are */
};

/* Compile. CONFIG with a message (path and position) for a path outside the subset. Free with
 * xml_fields_free(). An empty set is allowed. */
enum err xml_fields_new(const struct xml_def *defs, size_t count, struct xml_fields **ret_fields,
                        struct errmsg *msg) MUST_CHECK;
void xml_fields_free(struct xml_fields **fields);
