/* SPDX-License-Identifier: Apache-2.0 */
/* Request targets from anywhere: a normal form is its own normal form, holds nothing that two
 * servers read differently, and queries come back as they went in. */
#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "proxy/path.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_path(struct span path)
{
    struct span rest = path, segment;
    struct buf work;
    struct path again;

    buf_init(&work, LIMIT_REQUEST_HEAD_MAX);
    REQUIRE(path_normalise(path, &work, &again) == ERR_OK);
    REQUIRE(span_equal(again.path, path) && again.query.at == NULL);
    for (size_t i = 0; i < path.len; i++) {
        REQUIRE(path.at[i] > 0x20 && path.at[i] < 0x7f);
        REQUIRE(strchr("\\;#\"<>?", path.at[i]) == NULL);
    }
    while (path_next_segment(&rest, &segment)) {
        struct buf text;

        REQUIRE(segment.len > 0);
        REQUIRE(!path_segment_equal(segment, SPAN_LIT(".")));
        REQUIRE(!path_segment_equal(segment, SPAN_LIT("..")));
        buf_init(&text, LIMIT_REQUEST_HEAD_MAX);
        REQUIRE(percent_decode(segment, &text) == ERR_OK);
        REQUIRE(path_segment_equal(segment, buf_span(&text)));
        REQUIRE(memchr(text.bytes, '/', text.len) == NULL);
        REQUIRE(memchr(text.bytes, '\0', text.len) == NULL);
        buf_done(&text);
    }
    buf_done(&work);
}

/* Every pair can be found again where it is said to stand. */
static enum err check_item(const struct query_item *item, void *context)
{
    const struct span *query = context;
    struct buf coded;

    REQUIRE(item->name_start <= item->value_start && item->value_start <= item->value_end);
    REQUIRE(item->value_end <= query->len);
    REQUIRE(!item->has_equals || query->at[item->value_start - 1] == '=');
    REQUIRE(memchr(query->at + item->name_start, '&', item->value_end - item->name_start) == NULL);
    buf_init(&coded, 4 * LIMIT_REQUEST_HEAD_MAX);
    REQUIRE(percent_encode(item->value, &coded) == ERR_OK);
    if (coded.len > 0) {
        struct buf plain;

        buf_init(&plain, LIMIT_REQUEST_HEAD_MAX);
        REQUIRE(percent_decode(buf_span(&coded), &plain) == ERR_OK);
        REQUIRE(span_equal(buf_span(&plain), item->value));
        buf_done(&plain);
    }
    buf_done(&coded);
    return ERR_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span target = span_of(data, size), query;
    struct query_item item;
    struct buf work;
    struct path p;
    enum err e;

    if (size > LIMIT_REQUEST_HEAD_MAX / 4)
        return 0;
    buf_init_secret(&work, LIMIT_REQUEST_HEAD_MAX);
    e = path_normalise(target, &work, &p);
    REQUIRE(e == ERR_OK || e == ERR_INVALID);
    if (e == ERR_OK)
        check_path(p.path);
    query = e == ERR_OK && p.query.at != NULL ? p.query : target;
    buf_done(&work);
    e = query_each(query, &work, check_item, &query);
    REQUIRE(e == ERR_OK || e == ERR_INVALID);
    e = query_find(query, SPAN_LIT("a"), &work, &item);
    REQUIRE(e == ERR_OK || e == ERR_INVALID || e == ERR_NOT_FOUND);
    buf_done(&work);
    return 0;
}
