/* SPDX-License-Identifier: Apache-2.0 */
/* An answer that is shown while it streams, a text or server-sent events: cut so that no token and no event is,
 * and put together again from what may be shown. Knows neither vault nor HTTP. */
#pragma once

#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"
#include "proxy/media_type.h"
#include "proxy/part.h"
#include "proxy/places.h"

struct reveal_stream;

/* A piece of the stream with declared values in it, as it may be shown, appended to out. The part is for the
 * length of the call. */
typedef enum err (*reveal_stream_show_fn)(void *context, struct part *part, struct buf *out);

/* Never NULL. kind: as places_judge_stream() says; places must outlive it. */
struct reveal_stream *reveal_stream_new(const struct places *places, enum media_kind kind,
                                        reveal_stream_show_fn show, void *context);
void reveal_stream_free(struct reveal_stream **stream); /* NULL is fine */
/* The next bytes: what can be said of them, and of what was held back, is appended to out (a secret buf).
 * Held back is the event at hand (up to LIMIT_EVENT_MAX) from its first data on, and of a text what may be the
 * beginning of a token. The same comes out however the stream is cut. TOO_LARGE for an event beyond; errors of
 * places_read_event(), of the buf, of `show`. After one the stream is over. */
enum err reveal_stream_feed(struct reveal_stream *s, struct span bytes, struct buf *out) MUST_CHECK;
/* It was whole: what is held back is appended. An event without its end is none to a client, and is not shown. */
enum err reveal_stream_finish(struct reveal_stream *s, struct buf *out) MUST_CHECK;
