/* SPDX-License-Identifier: Apache-2.0 */
/* Where personal data stands in a message: the declared fields of one direction of a route, compiled,
 * and the reading of a request or an answer by them. Pure, apart from allocating. */
#pragma once

#include <h2o.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/span.h"
#include "proxy/media_type.h"
#include "proxy/part.h"
#include "proxy/route.h"
#include "vault/vault.h"

/* Where a field stands, by what: the first five and PLACE_TEXT in bodies. */
enum place {
    PLACE_JSON,     /* a JSON body, or a line of one; by JSONPath */
    PLACE_FORM,     /* an application/x-www-form-urlencoded body; by name */
    PLACE_PART,     /* the content of a part of a multipart/form-data body; by the part's name */
    PLACE_FILENAME, /* the file name of such a part */
    PLACE_XML,      /* an XML body; by a path of elements and attributes */
    PLACE_QUERY,    /* the query of the target; by the parameter's name */
    PLACE_SEGMENT,  /* a parameter of the route's path */
    PLACE_HEADER,   /* a header field, all of its value; by its name, in lower case */
    PLACE_COOKIE,   /* a cookie: of Cookie in a request, of Set-Cookie in an answer; by its name */
    PLACE_TEXT,     /* an answer that is text, or the data of server-sent events: tokens anywhere */
    PLACE_LOCATION, /* an answer's Location: path segments and query values that are tokens */
    PLACE_COUNT
};

/* A declared field. */
struct field_decl {
    enum place place;
    char *name;                    /* as the place has it */
    const struct class_def *class; /* NULL: any, with FIELD_SCAN */
    bool deep;                     /* PLACE_JSON */
    bool many;                     /* by name: it may come several times */
    enum field_mode mode;
    enum field_gone gone;
    char *gone_text;
};

struct places;

/* One direction of a route. */
struct places_def {
    const struct field_decl *decls;
    size_t count;
    struct span template; /* of the route, for path parameters */
    const char
        *element; /* where each element of a JSON body names its subject, "@.id"; NULL: nowhere */
    bool watch;   /* tell of names that come near a declared one (hits.near); not in XML */
};

/* Compile. Declarations must outlive the places. INTERNAL with a message for a class that the vault does
 * not know; CONFIG for a path that does not compile. No declarations: NULL. Free with places_free(). */
enum err places_new(const struct places_def *def, const struct vault *vault,
                    struct places **ret_places, struct errmsg *msg) MUST_CHECK;
/* Limit the JSON bodies (fields_limit()). NULL is fine. */
void places_limit_json(struct places *places, uint32_t depth_max, uint32_t members_max);
void places_free(struct places **places);
/* A field of a place as it was declared: a JSONPath, a name. For logs. */
struct span places_field_name(const struct places *places, enum place place, uint16_t field);
/* Is anything declared in bodies? NULL inside: no. */
bool places_have_body(const struct places *places);
/* Is anything declared in header fields? */
bool places_have_headers(const struct places *places);

/* ---- a message's parts ---- */

/* Of which place a part is, and which of several. */
struct part_origin {
    enum place place;
    size_t index; /* in header fields: of the field in its headers */
};

struct parts {
    struct part *at;
    struct part_origin *origins;
    size_t count;
};

/* What a body with this Content-Type (at is NULL: none came) is, if something is declared in such bodies.
 * Borrowed from the text. UNSUPPORTED: nothing is, or it is not told, or not well. */
enum err places_judge_body(const struct places *places, struct span content_type,
                           struct media_type *ret) MUST_CHECK;

/* A request, as far as it may hold declared values. */
struct request_text {
    struct media_type media; /* MEDIA_OTHER: the body is not read */
    struct span body;
    struct span path; /* in its normal form */
    const struct route_match *match;
    struct span query; /* at is NULL without one */
    const h2o_headers_t *headers;
};

/* Find the declared values. Memory is the pool's, but for hits: parts_done(). The body's part, if any,
 * is the first. Errors of the readers; TOO_LARGE also for a declared header that comes too often. */
enum err places_read_request(const struct places *places, const struct request_text *text,
                             h2o_mem_pool_t *pool, struct parts *ret) MUST_CHECK;
/* The same for the body of an answer. */
enum err places_read_body(const struct places *places, const struct media_type *media,
                          struct span body, struct part *ret) MUST_CHECK;
/* ---- answers that are shown while they stream (places_stream.c) ---- */

/* What an answer with this Content-Type is, if it can be: MEDIA_EVENTS with fields of JSON or text, MEDIA_TEXT
 * with fields of text. UNSUPPORTED as of places_judge_body(). */
enum err places_judge_stream(const struct places *places, struct span content_type,
                             struct media_type *ret) MUST_CHECK;
/* The declared values in the data of one event, as hits in the event. Data are one JSON document, and read as a
 * body of JSON is (errors of the reader); what cannot be one is text. INVALID: it begins like an object, and
 * is none. scratch: a secret buf that the part needs no longer than this call. */
enum err places_read_event(const struct places *places, struct span event, struct buf *scratch,
                           struct part *ret) MUST_CHECK;
/* The tokens in a text that goes on behind this (unless `last`): ret->text ends where one may have begun. */
enum err places_read_text(const struct places *places, struct span text, bool last,
                          struct part *ret) MUST_CHECK;

/* ---- header fields of an answer ---- */

/* The same for the header fields of an answer, which may come several times. */
enum err places_read_headers(const struct places *places, const h2o_headers_t *headers,
                             h2o_mem_pool_t *pool, struct parts *ret) MUST_CHECK;
