/* SPDX-License-Identifier: Apache-2.0 */
/* Request targets: one normal form of the path, so that the route that was matched is the path the
 * upstream gets, and the pairs of a query. Pure: no loop, no state, no allocation but in the
 * buffers given. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"

struct path {
    struct span path;  /* normal form, starts with '/'; stands in the target or in the buffer */
    struct span query; /* after the first '?', byte by byte as it came; at is NULL without a '?' */
};

/* Bring an origin-form target ("/a%7eb?x=1") into its normal form: escapes of unreserved characters
 * are decoded, the other escapes get upper-case digits, the few characters that browsers send raw
 * against RFC 3986 are escaped; the query is checked and left as it is. Normal forms stay what they
 * are. out: only written (appended to) when the path has to change; target and out must outlive
 * ret. INVALID: not starting with '/', %2F, %5C, a backslash, control characters, bytes that are
 * not UTF-8 once decoded, dot or empty segments (a single '/' at the end may stay), a raw ';' (half
 * of all servers cut there), '#', an escape that is none, characters no target may hold. Errors of
 * buf_append(). */
enum err path_normalise(struct span target, struct buf *out, struct path *ret) MUST_CHECK;

/* Walk the segments of a normal path: start with *rest = the path; false at the end. A '/' at the
 * end gives no empty last segment: "/users/" has the segments of "/users". */
bool path_next_segment(struct span *rest, struct span *ret_segment);
/* Is a segment, once decoded, this literal text? What upstreams decode before they compare must not
 * slip past a route ("a%3Ab" is "a:b"). */
bool path_segment_equal(struct span segment, struct span literal) MUST_CHECK;
/* Undo percent escapes (only those; '+' stays), appended to out. INVALID for an escape that is
 * none. */
enum err percent_decode(struct span text, struct buf *out) MUST_CHECK;
/* Undo what a form does to a name or a value: percent escapes, '+' for a space. INVALID for an escape
 * that is none and for a raw ';', which is a separator to some. */
enum err form_decode(struct span text, struct buf *out) MUST_CHECK;
/* Escape everything but unreserved characters (RFC 3986 2.3), appended to out: right in a query
 * value and in a path segment. */
enum err percent_encode(struct span value, struct buf *out) MUST_CHECK;

/* One pair of a query. */
struct query_item {
    struct span name;   /* decoded; valid while the callback runs */
    struct span value;  /* decoded; empty when there is no '=' */
    size_t name_start;  /* offsets in the query, so that the raw text can be replaced */
    size_t value_start; /* equals value_end when the value is empty */
    size_t value_end;
    bool has_equals; /* "a=" has, "a" has not: nothing can be put into the latter without a '=' */
};
typedef enum err (*query_each_fn)(const struct query_item *item, void *context);

/* Call `each` for every pair of an application/x-www-form-urlencoded query ('&' between pairs, '+'
 * is a space), in order; empty pieces ("a=1&&b=2") are skipped. The first result but OK ends the
 * walk and is returned. scratch: holds the decoded text, a secret buf; reset for each pair.
 * INVALID: an escape that is none, or a raw ';' (a separator to some). Errors of buf_append(). */
enum err query_each(struct span query, struct buf *scratch, query_each_fn each, void *context)
    MUST_CHECK;
/* The one pair with this decoded name; its spans stand in scratch. NOT_FOUND: none; INVALID:
 * several, a value that is not UTF-8, or as query_each(). */
enum err query_find(struct span query, struct span name, struct buf *scratch,
                    struct query_item *ret) MUST_CHECK;
