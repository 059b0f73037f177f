/* SPDX-License-Identifier: Apache-2.0 */
/* One text of a message in which declared values stand: its body, its query, a header field. What a
 * request or an answer consists of, as far as personal data goes, is a short list of parts. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "proxy/hit.h"

enum field_mode {
    FIELD_REPLACE, /* on the way in a value becomes its token; on the way out a token its value */
    FIELD_LOOKUP,  /* a value becomes the token that it has already; nothing is stored */
    FIELD_SCAN     /* tokens anywhere inside the text become their values */
};

/* What stands where a token is dead, or never was one that this caller may know of. */
enum field_gone {
    GONE_TOKEN, /* the token stays */
    GONE_NULL,  /* JSON null; nothing elsewhere */
    GONE_TEXT   /* a text of the operator's */
};

struct field_rule {
    enum field_mode mode;
    enum field_gone gone;
    struct span gone_text;
};

struct part {
    struct span text; /* borrowed */
    struct hits hits; /* in it; parts_done() */
    /* By the field of a hit: what is to happen to it. NULL: FIELD_REPLACE and GONE_TOKEN for all. */
    const struct field_rule *rules;
    /* By hit: whose value it is, an index into the subjects. NULL: all are the first one's. */
    uint32_t *subject_of;
};

/* What is to happen to a hit. */
const struct field_rule *part_rule(const struct part *part, const struct hit *hit);
void parts_done(struct part *parts, size_t count);
/* How many hits there are in all. */
size_t parts_count_hits(const struct part *parts, size_t count);
/* What hit_read() copies at most, in all. */
size_t parts_count_bytes(const struct part *parts, size_t count);
/* The only value of a part, decoded and appended to out (a secret buf): a route's subject. NOT_FOUND: there
 * is none; UNPROCESSABLE: several. */
enum err part_pick(const struct part *part, struct buf *out) MUST_CHECK;
