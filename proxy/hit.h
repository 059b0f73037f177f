/* SPDX-License-Identifier: Apache-2.0 */
/* Declared values where they stand: what the readers of all places (JSON, forms, XML, headers, ...)
 * report, and how such a value is read and replaced. Everything outside the hits stays the bytes it
 * was. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"
#include "vault/vault.h"

/* How text is written where a hit stands, and so how it is read and what may take its place. */
enum hit_coding {
    HIT_JSON,      /* a JSON value, quotes included */
    HIT_JSON_TEXT, /* a piece of a JSON string, inside its quotes */
    HIT_FORM,      /* application/x-www-form-urlencoded: bodies and queries */
    HIT_SEGMENT,   /* a path segment: percent escapes only */
    HIT_HEADER,    /* a field value, or a piece of one: as it is (RFC 9110 5.5) */
    HIT_COOKIE,    /* a cookie value (RFC 6265 4.1.1), without its quotes */
    HIT_PART,      /* bytes as they are: the content of a part of a multipart body */
    HIT_TEXT,      /* bytes as they are, in a text */
    HIT_EVENT,     /* the data of a server-sent event, where they are text */
    HIT_QUOTED,    /* between the quotes of a file name in a part's head */
    HIT_XML_TEXT,  /* the text of an element, or a CDATA section with its marks */
    HIT_XML_VALUE, /* between the quotes of an attribute */
};

/* One value of a declared field. */
struct hit {
    size_t start;   /* offset of its first byte in the text; a JSON string's quotes included */
    size_t end;     /* one past its last */
    uint16_t field; /* index into the declarations */
    uint16_t class_id;
    enum value_kind kind; /* VALUE_STRING but in JSON */
    enum hit_coding coding;
    bool escaped;     /* the text is not the value: there are escapes to undo */
    uint32_t element; /* 1 + index into the elements, where each says whose its values are; or 0 */
    uint32_t line;    /* of a body of lines (NDJSON), from 1; else 0 */
};

/* What stands where an element names its subject (field_def.subject). */
enum element_subject {
    ELEMENT_UNNAMED,   /* nothing */
    ELEMENT_NULL,      /* null */
    ELEMENT_NOT_PLAIN, /* an object or array */
    ELEMENT_NAMED
};

/* One element with declared values, and whose they are. Refuse the body unless it is named: its values
 * could not be found again to be erased. A name that stands there twice is refused by the reader. */
struct hit_element {
    enum element_subject state;
    struct hit
        subject; /* ELEMENT_NAMED: where; for hit_read(). A scalar, which may be an empty string */
    size_t hits; /* values found in it; an element without any may be listed, too */
    uint16_t owner; /* which of the fields' paths to subjects */
    uint32_t next;  /* used by the reader: another one for the same element, as hit.element */
};

struct hits {
    struct hit *at; /* in the order of the text, not overlapping */
    size_t count;
    size_t cap;
    /* A value (not null) stood where a path wanted to go on, and has not the shape for it: a text in
     * `phones` for `$.phones[*]`, a list in `address` for `$.address.city`. What was meant to be
     * found there was not. The document's root may be a scalar. */
    bool misplaced;
    /* 1 + the number of a field whose name a member comes near that is not declared (E14): an application
     * may take it for the declared one. 0: none, or names are not watched. */
    uint16_t near;
    struct hit_element *elements;
    size_t element_count;
    size_t element_cap;
};

/* Add one. TOO_LARGE beyond LIMIT_FIELDS_MAX. */
enum err hits_add(struct hits *hits, const struct hit *hit) MUST_CHECK;
/* Add an element; ret_element: as hit.element. TOO_LARGE beyond LIMIT_FIELDS_MAX. */
enum err hits_add_element(struct hits *hits, const struct hit_element *element,
                          uint32_t *ret_element) MUST_CHECK;
void hits_done(struct hits *hits);

/* The value of a hit as it reads, escapes undone. Borrowed from the text, or from `scratch` (a secret
 * buf, reset first) where there were escapes. INVALID for an escape that is none, and for what is not
 * UTF-8. */
enum err hit_read(struct span text, const struct hit *hit, struct buf *scratch,
                  struct span *ret_value) MUST_CHECK;
/* A value of this kind as it is written in the place of a hit of this text, appended to out.
 * UNPROCESSABLE: it cannot stand there (a line end in a header, a semicolon in a cookie, a delimiter in
 * a part, what is not UTF-8, nothing at all in a segment): nothing is appended. */
enum err hit_write(struct span text, const struct hit *hit, enum value_kind kind, struct span value,
                   struct buf *out) MUST_CHECK;
