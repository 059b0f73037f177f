/* SPDX-License-Identifier: Apache-2.0 */
/* Documents for the JSON tests: from text, from a file of vectors, from a seeded generator. */
#pragma once

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/buf.h"
#include "proxy/fields.h"
#include "proxy/json_reader.h"

/* ---- reading ---- */

struct rig_field {
    const char *path;
    bool deep;
};

static inline struct fields *rig_fields(const struct rig_field *list, size_t count)
{
    struct field_def defs[64];
    struct fields *fields = NULL;
    struct errmsg msg = {""};

    REQUIRE(count <= COUNT_OF(defs));
    for (size_t i = 0; i < count; i++)
        defs[i] = (struct field_def){
            .path = list[i].path, .class_id = (uint16_t)(100 + i), .deep = list[i].deep};
    cr_assert_eq(fields_new(defs, count, &fields, &msg), ERR_OK, "%s", msg.text);
    return fields;
}

static inline enum err rig_read(const struct rig_field *list, size_t count, struct span document,
                                struct hits *ret_hits)
{
    AUTO(fields_free) struct fields *fields = rig_fields(list, count);

    return json_read(fields, document, ret_hits);
}

static inline enum err rig_check(struct span document)
{
    AUTO(hits_done) struct hits hits = {0};

    return rig_read(NULL, 0, document, &hits);
}

/* ---- a seeded generator ---- */

struct rig_random {
    uint64_t state;
};

static inline uint32_t rig_draw(struct rig_random *r, uint32_t below)
{
    r->state ^= r->state << 13;
    r->state ^= r->state >> 7;
    r->state ^= r->state << 17;
    return (uint32_t)((r->state >> 20) % below);
}

static inline void rig_put(struct buf *out, const char *text)
{
    REQUIRE(buf_append_str(out, text) == ERR_OK);
}

static inline void rig_space(struct rig_random *r, struct buf *out)
{
    static const char *const blanks[] = {"",  "",   "",       "",
                                         " ", "\n", "\r\n\t", "                   "};

    rig_put(out, blanks[rig_draw(r, COUNT_OF(blanks))]);
}

/* The inside of a string. */
static inline void rig_text(struct rig_random *r, struct buf *out)
{
    static const char *const parts[] = {"a",
                                        "Z9",
                                        " ",
                                        "plain words here",
                                        "é",
                                        "ß€",
                                        "日本語",
                                        "🙂",
                                        "\\n",
                                        "\\\"",
                                        "\\\\",
                                        "\\/",
                                        "\\u0041",
                                        "\\u00e9",
                                        "\\uD83D\\uDE42",
                                        "\\u0000",
                                        "\x7F",
                                        "0123456789abcdef",
                                        "{[,:]}"};

    for (uint32_t n = rig_draw(r, 6); n > 0; n--)
        rig_put(out, parts[rig_draw(r, COUNT_OF(parts))]);
}

/* A member name unlike any other of the document; some of its letters are escaped. */
static inline void rig_name(struct rig_random *r, struct buf *out, uint32_t *number)
{
    static const char *const firsts[] = {"n", "\\u006e", "\\u006E"};
    char rest[32];

    rig_put(out, "\"");
    rig_put(out, firsts[rig_draw(r, COUNT_OF(firsts))]);
    (void)snprintf(rest, sizeof(rest), rig_draw(r, 4) == 0 ? "%u_with_a_longer_name" : "%u",
                   (*number)++);
    rig_put(out, rest);
    rig_put(out, "\"");
}

static inline void rig_scalar(struct rig_random *r, struct buf *out)
{
    static const char *const plain[] = {"null", "true",     "false",         "0", "-1", "3.25",
                                        "1e-7", "-0.5E+10", "1234567890123", "42"};

    if (rig_draw(r, 2) == 0) {
        rig_put(out, plain[rig_draw(r, COUNT_OF(plain))]);
        return;
    }
    rig_put(out, "\"");
    rig_text(r, out);
    rig_put(out, "\"");
}

/* One value of at most `depth` nested containers. */
static inline void rig_value(struct rig_random *r, struct buf *out, int depth, uint32_t *number)
{
    const uint32_t kind = depth == 0 ? 9 : rig_draw(r, 10);
    const uint32_t count = rig_draw(r, 5);

    rig_space(r, out);
    if (kind >= 5) {
        rig_scalar(r, out);
        rig_space(r, out);
        return;
    }
    rig_put(out, kind < 3 ? "{" : "[");
    rig_space(r, out);
    for (uint32_t i = 0; i < count; i++) {
        rig_put(out, i == 0 ? "" : ",");
        if (kind < 3) {
            rig_space(r, out);
            rig_name(r, out, number);
            rig_space(r, out);
            rig_put(out, ":");
        }
        rig_value(r, out, depth - 1, number);
    }
    rig_put(out, kind < 3 ? "}" : "]");
    rig_space(r, out);
}

static inline void rig_document(struct rig_random *r, struct buf *out)
{
    uint32_t number = 0;

    rig_value(r, out, 6, &number);
}
