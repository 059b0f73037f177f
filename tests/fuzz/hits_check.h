/* SPDX-License-Identifier: Apache-2.0 */
/* What holds for the hits of every reader on any bytes: they lie in the text, in order; their values
 * can be read; a token in their places is found again, and nothing else has changed. */
#pragma once

#include <string.h>

#include "base/assert.h"
#include "proxy/hit.h"

enum { HITS_CHECK_MAX = 1 << 24 };

typedef enum err (*hits_check_read)(const void *context, struct span text, struct hits *ret_hits);

/* Put `value` in the place of each hit, as far as it can stand there. */
static inline bool hits_check_write(struct span text, const struct hits *hits, struct span value,
                                    struct buf *out)
{
    size_t from = 0;

    for (size_t i = 0; i < hits->count; i++) {
        const struct hit *hit = &hits->at[i];
        enum err e;

        REQUIRE(buf_append(out, text.at + from, hit->start - from) == ERR_OK);
        e = hit_write(text, hit, VALUE_STRING, value, out);
        REQUIRE(e == ERR_OK || e == ERR_UNPROCESSABLE);
        if (e != ERR_OK)
            return false;
        from = hit->end;
    }
    REQUIRE(buf_append(out, text.at + from, text.len - from) == ERR_OK);
    return true;
}

static inline void hits_check_travel(hits_check_read read, const void *context, struct span text,
                                     const struct hits *hits, struct span value)
{
    AUTO(buf_done) struct buf out = {.max = HITS_CHECK_MAX};
    AUTO(buf_done) struct buf scratch = {.max = HITS_CHECK_MAX, .secret = true};
    AUTO(hits_done) struct hits again = {0};
    struct span found;

    if (!hits_check_write(text, hits, value, &out))
        return;
    REQUIRE(read(context, buf_span(&out), &again) == ERR_OK);
    REQUIRE(again.count == hits->count);
    for (size_t i = 0; i < again.count; i++) {
        REQUIRE(again.at[i].field == hits->at[i].field);
        REQUIRE(hit_read(buf_span(&out), &again.at[i], &scratch, &found) == ERR_OK);
        REQUIRE(span_equal(found, value));
    }
}

/* Each value of the text is put into every place, and so is a token. */
static inline void hits_check(hits_check_read read, const void *context, struct span text,
                              const struct hits *hits)
{
    AUTO(buf_done) struct buf scratch = {.max = HITS_CHECK_MAX, .secret = true};
    size_t from = 0;

    for (size_t i = 0; i < hits->count; i++) {
        const struct hit *hit = &hits->at[i];
        struct span value;
        enum err e;

        REQUIRE(hit->start >= from && hit->start < hit->end && hit->end <= text.len);
        from = hit->end;
        e = hit_read(text, hit, &scratch, &value);
        REQUIRE(e == ERR_OK);
        if (i < 4 && value.len > 0)
            hits_check_travel(read, context, text, hits, value);
    }
    hits_check_travel(read, context, text, hits, SPAN_LIT("lt_04A00M5Rx98ttPBj7bWoAmt8j9QpH"));
}
