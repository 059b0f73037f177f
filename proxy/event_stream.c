/* SPDX-License-Identifier: Apache-2.0 */
/* Server-sent events.
 * Runs on: any thread. Holds: nothing but what the caller's state says. Invariant: the pieces that
 * event_stream_take() gives make up the stream, byte by byte. Not here: what is done with the data. */
#include "proxy/event_stream.h"

#include <string.h>

/* ---- cutting ---- */

size_t event_stream_take(struct event_stream *stream, struct span chunk, bool *ret_ended)
{
    *ret_ended = false;
    for (size_t i = 0; i < chunk.len; i++) {
        const char c = chunk.at[i];
        const bool same_end = c == '\n' && stream->after_cr;

        stream->after_cr = c == '\r';
        if (c != '\r' && c != '\n') {
            stream->in_line = true;
            continue;
        }
        if (!same_end && !stream->in_line) {
            *ret_ended = true;
            if (c == '\r' && i + 1 < chunk.len && chunk.at[i + 1] == '\n') {
                stream->after_cr = false;
                i++;
            }
            return i + 1;
        }
        stream->in_line = false;
    }
    return chunk.len;
}

/* ---- fields ---- */

/* The next line from *at on, without its end; false behind the last. */
static bool next_line(struct span event, size_t *at, struct span *ret)
{
    size_t end = *at;

    if (*at >= event.len)
        return false;
    while (end < event.len && event.at[end] != '\r' && event.at[end] != '\n')
        end++;
    *ret = span_of(event.at + *at, end - *at);
    if (end + 1 < event.len && event.at[end] == '\r' && event.at[end + 1] == '\n')
        end++;
    *at = end + 1;
    return true;
}

static bool begins_with(struct span text, struct span what)
{
    return text.len >= what.len && memcmp(text.at, what.at, what.len) == 0;
}

static void drop(struct span *text, size_t len)
{
    *text = span_of(text->at + len, text->len - len);
}

/* Is this line a `data` field? A line that is only that has an empty value. */
static bool is_data(struct span line, struct span *ret_value)
{
    if (!begins_with(line, SPAN_LIT("data")))
        return false;
    drop(&line, 4);
    if (line.len > 0) {
        if (line.at[0] != ':')
            return false;
        drop(&line, begins_with(line, SPAN_LIT(": ")) ? 2 : 1);
    }
    *ret_value = line;
    return true;
}

/* Where an event's first line begins: behind the line feed of the CR that ended the last event. A byte
 * order mark counts at the start of the stream alone; elsewhere what it hides from clients is no matter. */
static size_t first_line(struct span event)
{
    const size_t at = event.len > 0 && event.at[0] == '\n' ? 1 : 0;
    const struct span rest = span_of(event.at + at, event.len - at);

    return begins_with(rest, SPAN_LIT("\xef\xbb\xbf")) ? at + 3 : at;
}

bool event_data_next(struct span event, size_t *at, struct span *ret_value)
{
    struct span line;

    if (*at == 0)
        *at = first_line(event);
    while (next_line(event, at, &line)) {
        if (is_data(line, ret_value))
            return true;
    }
    return false;
}

enum err event_data(struct span event, struct buf *scratch, struct span *ret_data)
{
    struct span first, next;
    size_t at = 0;
    enum err e = ERR_OK;

    if (!event_data_next(event, &at, &first)) {
        *ret_data = span_of(event.at, 0);
        return ERR_OK;
    }
    if (!event_data_next(event, &at, &next)) {
        *ret_data = first;
        return ERR_OK;
    }
    buf_reset(scratch);
    e = buf_append_span(scratch, first);
    do {
        if (e == ERR_OK)
            e = buf_append_byte(scratch, '\n');
        if (e == ERR_OK)
            e = buf_append_span(scratch, next);
    } while (e == ERR_OK && event_data_next(event, &at, &next));
    if (e == ERR_OK)
        *ret_data = buf_span(scratch);
    return e;
}

/* ---- hits ---- */

/* The value at hand, and where it stands in the event's data. */
struct line {
    struct span event;
    size_t at;
    struct span value;
    size_t start;
    bool any;
};

/* Move to the value that holds this hit of the data, and say where in the event it is. */
static enum err place(struct line *line, struct hit *hit)
{
    size_t shift;

    if (line->any && hit->start < line->start) /* back to the first one */
        *line = (struct line){.event = line->event};
    while (!line->any || hit->start >= line->start + line->value.len) {
        const size_t next = line->any ? line->start + line->value.len + 1 : 0;

        if (!event_data_next(line->event, &line->at, &line->value))
            return ERR_INVALID;
        line->start = next;
        line->any = true;
    }
    if (hit->start < line->start || hit->end > line->start + line->value.len)
        return ERR_INVALID;
    shift = (size_t)(line->value.at - line->event.at) - line->start;
    hit->start += shift;
    hit->end += shift;
    return ERR_OK;
}

enum err event_place_hits(struct span event, struct hits *hits)
{
    struct line line = {.event = event};
    enum err e = ERR_OK;

    for (size_t i = 0; e == ERR_OK && i < hits->count; i++)
        e = place(&line, &hits->at[i]);
    for (size_t i = 0; e == ERR_OK && i < hits->element_count; i++) {
        if (hits->elements[i].state == ELEMENT_NAMED)
            e = place(&line, &hits->elements[i].subject);
    }
    return e;
}

enum err event_write_text(struct span value, struct buf *out)
{
    const size_t before = out->len;
    enum err e = ERR_OK;

    if (value.len > 0 && (value.at[0] == ' ' || memchr(value.at, '\r', value.len) != NULL))
        return ERR_UNPROCESSABLE;
    for (size_t i = 0; e == ERR_OK && i < value.len; i++)
        e = value.at[i] == '\n' ? buf_append_str(out, "\ndata: ")
                                : buf_append_byte(out, (uint8_t)value.at[i]);
    if (e != ERR_OK)
        out->len = before;
    return e;
}
