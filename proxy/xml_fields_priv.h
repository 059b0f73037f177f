/* SPDX-License-Identifier: Apache-2.0 */
/* What the XML reader asks of compiled paths. An element is a member of that name to the automaton
 * (fields_priv.h), an attribute one whose name begins with `@`, which no element's does. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "proxy/fields_priv.h"
#include "proxy/xml_fields.h"

enum { XML_NAME_MAX = 255 }; /* of a name in a path; longer ones in a document are nobody's */

struct xml_fields {
    struct fields *automaton;
};

/* A name as it is written, and what stands behind its prefix (all of it when there is none). */
struct xml_name {
    struct span whole;
    struct span local;
};

/* The states of an element below one with the states `from`; false: nothing declared is there or
 * below. limit: the end of the memory that may be looked at behind the name. */
bool proxy__xml_enter(const struct xml_fields *fields, const struct field_states *from,
                      const struct xml_name *name, const char *limit, struct field_states *ret_to);
/* The field of an attribute of an element with the states `from`, or FIELDS_NONE. */
uint16_t proxy__xml_attribute(const struct xml_fields *fields, const struct field_states *from,
                              const struct xml_name *name);
