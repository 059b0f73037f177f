/* SPDX-License-Identifier: Apache-2.0 */
/* Event streams from anywhere: the pieces make up the stream, events end alike however it is cut, and what
 * their data say stands in them. First byte: the size of chunks. */
#include <string.h>

#include "base/assert.h"
#include "base/secret.h"
#include "proxy/event_stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { OUT_MAX = 1 << 24 };

/* Each byte of an event's data as a hit of its own, but for the line feeds between values. */
static void check_event(struct span event)
{
    AUTO(buf_done) struct buf scratch = {.max = OUT_MAX, .secret = true};
    AUTO(hits_done) struct hits hits = {0};
    struct span text;

    REQUIRE(event_data(event, &scratch, &text) == ERR_OK);
    for (size_t i = 0; i < text.len && hits.count < 1000; i++) {
        const struct hit hit = {.start = i, .end = i + 1};

        if (text.at[i] != '\n')
            REQUIRE(hits_add(&hits, &hit) == ERR_OK);
    }
    REQUIRE(event_place_hits(event, &hits) == ERR_OK);
    for (size_t i = 0, at = 0; i < hits.count; i++, at++) {
        while (text.at[at] == '\n')
            at++;
        REQUIRE(hits.at[i].end == hits.at[i].start + 1 && hits.at[i].end <= event.len);
        REQUIRE(event.at[hits.at[i].start] == text.at[at]);
    }
}

/* The data of all whole events, each with a NUL behind it. */
static void read_all(struct span stream, size_t size, struct buf *out)
{
    AUTO(buf_done) struct buf event = {.max = OUT_MAX}, scratch = {.max = OUT_MAX, .secret = true};
    struct event_stream state = {0};
    size_t fed = 0;

    while (fed < stream.len) {
        const size_t more = stream.len - fed < size ? stream.len - fed : size;
        bool ended;
        const size_t len = event_stream_take(&state, span_of(stream.at + fed, more), &ended);
        struct span text;

        REQUIRE(len > 0 && len <= more && (ended || len == more));
        REQUIRE(buf_append(&event, stream.at + fed, len) == ERR_OK);
        fed += len;
        if (!ended)
            continue;
        check_event(buf_span(&event));
        REQUIRE(event_data(buf_span(&event), &scratch, &text) == ERR_OK);
        REQUIRE(buf_append_span(out, text) == ERR_OK && buf_append_byte(out, 0) == ERR_OK);
        buf_reset(&event);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(buf_done) struct buf whole = {.max = OUT_MAX}, pieces = {.max = OUT_MAX};

    if (size < 2)
        return 0;
    secret_start();
    read_all(span_of(data + 1, size - 1), size, &whole);
    read_all(span_of(data + 1, size - 1), data[0] % 16 + 1, &pieces);
    REQUIRE(span_equal(buf_span(&whole), buf_span(&pieces)));
    return 0;
}
