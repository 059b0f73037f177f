/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of places: what is compiled (places.c), and reads (places_read.c). */
#pragma once

#include "proxy/fields.h"
#include "proxy/named_fields.h"
#include "proxy/places.h"
#include "proxy/token_scan.h"
#include "proxy/xml_fields.h"

/* The declarations that one reader looks for, in their order: a hit's field is an index into them. */
struct place_set {
    size_t count;
    struct named_fields *named; /* of the readers that go by names */
    struct span *names;
    uint16_t *class_ids; /* 0: any */
    struct field_rule *rules;
    size_t *params; /* PLACE_SEGMENT: which parameter of the path */
    const struct field_decl **decls;
};

struct places {
    struct place_set sets[PLACE_COUNT];
    struct fields *json;
    struct xml_fields *xml;
    struct token_scan scan; /* what e-mail tokens may end with */
    struct span *domains;
    size_t parts_max; /* that one message can have */
};
