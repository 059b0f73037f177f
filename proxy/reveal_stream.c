/* SPDX-License-Identifier: Apache-2.0 */
/* Streams, cut into what can be shown by itself (contract: proxy/reveal_stream.h).
 * Runs on: a loop thread. Holds: an event that is not whole, or what may become a token, in a secret buffer.
 * Invariant: every byte that is no part of a shown value comes out as it came, in its order. Not here: what
 * stands in a piece (places_stream.c), and whose it is (exchange_stream.c). */
#include "proxy/reveal_stream.h"

#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/mem.h"
#include "proxy/event_stream.h"
#include "proxy/token_scan.h"

enum { PIECE = 64 << 10 /* of a text, that is shown at a time */ };

struct reveal_stream {
    const struct places *places;
    enum media_kind kind;
    reveal_stream_show_fn show;
    void *context;
    struct event_stream events;
    bool passed;        /* lines of the event at hand are out */
    bool has_data;      /* the event at hand does, as far as it is held */
    struct buf held;    /* secret */
    struct buf scratch; /* the data of an event with several lines of them; secret */
};

struct reveal_stream *reveal_stream_new(const struct places *places, enum media_kind kind,
                                        reveal_stream_show_fn show, void *context)
{
    struct reveal_stream *s = mem_alloc(sizeof(*s));

    REQUIRE(kind == MEDIA_EVENTS || kind == MEDIA_TEXT);
    s->places = places;
    s->kind = kind;
    s->show = show;
    s->context = context;
    buf_init_secret(&s->held, kind == MEDIA_TEXT ? PIECE + TOKEN_SCAN_KEPT_MAX : LIMIT_EVENT_MAX);
    buf_init_secret(&s->scratch, LIMIT_EVENT_MAX);
    return s;
}

void reveal_stream_free(struct reveal_stream **stream)
{
    struct reveal_stream *s = TAKE(*stream);

    if (s == NULL)
        return;
    buf_done(&s->held);
    buf_done(&s->scratch);
    free(s);
}

static enum err show(struct reveal_stream *s, struct part *part, struct buf *out)
{
    return part->hits.count == 0 ? buf_append_span(out, part->text)
                                 : s->show(s->context, part, out);
}

/* Forget the first bytes of what is held. */
static void drop(struct reveal_stream *s, size_t len)
{
    memmove(s->held.bytes, s->held.bytes + len, s->held.len - len);
    s->held.len -=
        len; /* what lies behind is wiped with the buffer: tokens, no values of the vault */
}

/* ---- texts ---- */

/* What may be the beginning of a token waits for the next piece. */
static enum err keep(struct reveal_stream *s, struct span text, size_t end)
{
    REQUIRE(text.len - end <= TOKEN_SCAN_KEPT_MAX);
    if (s->held.len == 0)
        return buf_append(&s->held, text.at + end, text.len - end);
    drop(s, end);
    return ERR_OK;
}

static enum err show_text(struct reveal_stream *s, struct span text, bool last, struct buf *out)
{
    struct part part = {.text = text};
    enum err e;

    if (s->held.len > 0) {
        e = buf_append_span(&s->held, text);
        text = buf_span(&s->held);
        if (e != ERR_OK)
            return e;
    }
    e = places_read_text(s->places, text, last, &part);
    if (e == ERR_OK)
        e = show(s, &part, out);
    if (e == ERR_OK)
        e = keep(s, text, part.text.len);
    parts_done(&part, 1);
    return e;
}

static enum err feed_text(struct reveal_stream *s, struct span bytes, struct buf *out)
{
    enum err e = ERR_OK;

    while (e == ERR_OK && bytes.len > 0) {
        const size_t len = bytes.len < PIECE ? bytes.len : PIECE;

        e = show_text(s, span_of(bytes.at, len), false, out);
        bytes = span_of(bytes.at + len, bytes.len - len);
    }
    return e;
}

/* ---- events ---- */

/* A byte order mark is one in front of an event's first line only; elsewhere it makes another name of `data`. The
 * length of lines that begin so, if the first is out. */
static size_t marked_lines(const struct reveal_stream *s, struct span event)
{
    static const char mark[] = "\xef\xbb\xbf";
    bool in_line = false;
    size_t at = 0;

    if (!s->passed)
        return 0;
    for (; at < event.len; at++) {
        const bool ends = event.at[at] == '\r' || event.at[at] == '\n';

        if (!in_line && !ends && (event.len - at < 3 || memcmp(event.at + at, mark, 3) != 0))
            break;
        in_line = !ends;
    }
    return at;
}

static enum err show_event(struct reveal_stream *s, struct span event, struct buf *out)
{
    const size_t marked = marked_lines(s, event);
    const struct span rest = span_of(event.at + marked, event.len - marked);
    struct part part = {.text = rest};
    enum err e = event.len > LIMIT_EVENT_MAX ? ERR_TOO_LARGE : buf_append(out, event.at, marked);

    if (e == ERR_OK)
        e = places_read_event(s->places, rest, &s->scratch, &part);
    if (e == ERR_OK)
        e = show(s, &part, out);
    parts_done(&part, 1);
    buf_done(&s->scratch);
    buf_done(&s->held);
    s->has_data = s->passed = false;
    return e;
}

/* Lines in front of the first data go on at once: a comment is there to keep a connection alive. The new bytes
 * of what is held begin at `from`. */
static enum err pass_lines(struct reveal_stream *s, size_t from, struct buf *out)
{
    size_t end = s->held.len, at = 0;
    struct span value;
    enum err e;

    if (s->has_data)
        return ERR_OK;
    while (end > from && s->held.bytes[end - 1] != '\r' && s->held.bytes[end - 1] != '\n')
        end--;
    if (end == from)
        return ERR_OK;
    s->has_data = event_data_next(span_of(s->held.bytes, end), &at, &value);
    if (s->has_data)
        return ERR_OK;
    s->passed = s->passed || end > 1 || s->held.bytes[0] != '\n'; /* that is the last event's end */
    e = buf_append(out, s->held.bytes, end);
    drop(s, end);
    return e;
}

static enum err feed_events(struct reveal_stream *s, struct span bytes, struct buf *out)
{
    enum err e = ERR_OK;

    while (e == ERR_OK && bytes.len > 0) {
        const size_t before = s->held.len;
        bool ended;
        const size_t len = event_stream_take(&s->events, bytes, &ended);
        struct span event = span_of(bytes.at, len);

        if (!ended || before > 0) {
            e = buf_append_span(&s->held, event);
            event = buf_span(&s->held);
        }
        if (e == ERR_OK)
            e = ended ? show_event(s, event, out) : pass_lines(s, before, out);
        bytes = span_of(bytes.at + len, bytes.len - len);
    }
    return e;
}

/* ---- both ---- */

enum err reveal_stream_feed(struct reveal_stream *s, struct span bytes, struct buf *out)
{
    return s->kind == MEDIA_TEXT ? feed_text(s, bytes, out) : feed_events(s, bytes, out);
}

enum err reveal_stream_finish(struct reveal_stream *s, struct buf *out)
{
    const struct span nothing = span_of("", 0);

    if (s->kind == MEDIA_TEXT && s->held.len > 0)
        return show_text(s, nothing, true, out);
    return buf_append_span(out, buf_span(&s->held));
}
