/* SPDX-License-Identifier: Apache-2.0 */
/* What a body says it is. Pure. */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "base/span.h"

enum media_kind {
    MEDIA_OTHER,     /* no reader reads it */
    MEDIA_JSON,      /* application/json, or anything +json (RFC 6839) */
    MEDIA_LINES,     /* NDJSON: application/x-ndjson, application/jsonl */
    MEDIA_FORM,      /* application/x-www-form-urlencoded */
    MEDIA_MULTIPART, /* multipart/form-data with a boundary */
    MEDIA_XML,       /* application/xml, text/xml, or anything +xml (RFC 7303) */
    MEDIA_EVENTS,    /* text/event-stream */
    MEDIA_TEXT,      /* text/plain */
};

struct media_type {
    enum media_kind kind; /* MEDIA_OTHER also with a charset that is not UTF-8 */
    struct span type, subtype;
    struct span boundary; /* MEDIA_MULTIPART: 1 to 70 characters, none of them a space */
};

/* Read a Content-Type. False when it is not well-formed (RFC 9110 8.3.1), or has a charset or a
 * boundary twice. */
bool media_type_read(struct span content_type, struct media_type *ret) MUST_CHECK;
/* Is a Content-Type JSON that the reader can read: with no charset or utf-8, once? */
bool media_type_is_json(struct span content_type);
