/* SPDX-License-Identifier: Apache-2.0 */
/* Server-sent events (WHATWG HTML 9.2): cutting a stream into events as it arrives, and the data of one
 * event, so that values in it can be found and replaced. Pure.
 *
 * An event here is everything up to and with the empty line that ends it. Lines end with CR, LF or both.
 * What is left at the end of a stream without its empty line is no event: clients throw it away. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"
#include "proxy/hit.h"

/* Where a stream stands; zeroed at its start. */
struct event_stream {
    bool in_line;  /* the line at hand is not empty */
    bool after_cr; /* an LF now ends the same line */
};

/* How many bytes of the chunk belong to the event at hand; ret_ended: they are its last. An LF that comes
 * in the next chunk after the CR that ended an event goes with the next one, where it changes nothing. */
size_t event_stream_take(struct event_stream *stream, struct span chunk, bool *ret_ended);

/* The value of the next `data` field of an event from *at on; false: there is none. Start with 0. A byte
 * order mark before the first field is passed over. */
bool event_data_next(struct span event, size_t *at, struct span *ret_value);
/* The data of an event: its `data` values with a line feed between them. Borrowed from the event, or from
 * `scratch` (reset first) where there are several. Errors of buf_append(). */
enum err event_data(struct span event, struct buf *scratch, struct span *ret_data) MUST_CHECK;
/* Hits in the data of an event as hits in the event itself. INVALID: one that goes over a line's end, which
 * no JSON string or number does. */
enum err event_place_hits(struct span event, struct hits *hits) MUST_CHECK;
/* Write a value into data that is text: its line feeds become lines of their own. UNPROCESSABLE: a CR,
 * which would come back as another line end, or a blank in front, which could be lost. Values in JSON are
 * written as everywhere. */
enum err event_write_text(struct span value, struct buf *out) MUST_CHECK;
