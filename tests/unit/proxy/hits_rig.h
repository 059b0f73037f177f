/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of all readers do with hits: show them, put values in their places, read again. */
#pragma once

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/buf.h"
#include "proxy/hit.h"

typedef enum err (*hits_rig_read)(const void *context, struct span text, struct hits *ret_hits);

enum { HITS_RIG_MAX = 1 << 20 };

/* A text in memory of exactly its size, so that a sanitizer sees a read past its end. */
static inline struct span hits_rig_exact(struct span text)
{
    char *bytes = malloc(text.len);

    REQUIRE(bytes != NULL || text.len == 0);
    if (text.len > 0)
        memcpy(bytes, text.at, text.len);
    return span_of(bytes, text.len);
}

/* The values as "FIELD=VALUE", a line feed between them. */
static inline void hits_rig_show(struct span text, const struct hits *hits, struct buf *out)
{
    AUTO(buf_done) struct buf scratch = {.max = HITS_RIG_MAX, .secret = true};
    size_t from = 0;

    for (size_t i = 0; i < hits->count; i++) {
        const struct hit *hit = &hits->at[i];
        char field[16];
        struct span value;

        cr_assert(hit->start >= from && hit->start < hit->end && hit->end <= text.len);
        from = hit->end;
        cr_assert_eq(hit_read(text, hit, &scratch, &value), ERR_OK);
        (void)snprintf(field, sizeof(field), "%s%u=", i > 0 ? "\n" : "", hit->field);
        cr_assert_eq(buf_append_str(out, field), ERR_OK);
        cr_assert_eq(buf_append_span(out, value), ERR_OK);
    }
}

/* The text with each hit replaced by `value` as its place wants it. The first error otherwise. */
static inline enum err hits_rig_replace(struct span text, const struct hits *hits,
                                        struct span value, struct buf *out)
{
    size_t from = 0;

    for (size_t i = 0; i < hits->count; i++) {
        const struct hit *hit = &hits->at[i];
        enum err e = buf_append(out, text.at + from, hit->start - from);

        if (e == ERR_OK)
            e = hit_write(text, hit, VALUE_STRING, value, out);
        if (e != ERR_OK)
            return e;
        from = hit->end;
    }
    return buf_append(out, text.at + from, text.len - from);
}

/* Are the bytes outside the hits of both texts the same? */
static inline void hits_rig_same_outside(struct span a, const struct hits *in_a, struct span b,
                                         const struct hits *in_b)
{
    size_t from_a = 0, from_b = 0;

    cr_assert_eq(in_a->count, in_b->count);
    for (size_t i = 0; i <= in_a->count; i++) {
        const size_t to_a = i < in_a->count ? in_a->at[i].start : a.len;
        const size_t to_b = i < in_b->count ? in_b->at[i].start : b.len;

        cr_assert(span_equal(span_of(a.at + from_a, to_a - from_a),
                             span_of(b.at + from_b, to_b - from_b)));
        from_a = i < in_a->count ? in_a->at[i].end : 0;
        from_b = i < in_b->count ? in_b->at[i].end : 0;
    }
}

/* Whatever value can stand in the places of this text is read back from there as itself, one value in
 * each, and nothing else changes. */
static inline void hits_rig_travel(hits_rig_read read, const void *context, struct span text,
                                   struct span value)
{
    AUTO(hits_done) struct hits hits = {0}, again = {0};
    AUTO(buf_done) struct buf out = {.max = HITS_RIG_MAX};
    AUTO(buf_done) struct buf scratch = {.max = HITS_RIG_MAX, .secret = true};
    struct span found;
    enum err e;

    cr_assert_eq(read(context, text, &hits), ERR_OK, "%.*s", (int)text.len, text.at);
    cr_assert_gt(hits.count, 0);
    e = hits_rig_replace(text, &hits, value, &out);
    if (e == ERR_UNPROCESSABLE)
        return;
    cr_assert_eq(e, ERR_OK);
    cr_assert_eq(read(context, buf_span(&out), &again), ERR_OK, "%.*s", (int)out.len,
                 (char *)out.bytes);
    hits_rig_same_outside(text, &hits, buf_span(&out), &again);
    for (size_t i = 0; i < again.count; i++) {
        cr_assert_eq(again.at[i].field, hits.at[i].field);
        cr_assert_eq(hit_read(buf_span(&out), &again.at[i], &scratch, &found), ERR_OK);
        cr_assert(span_equal(found, value), "%.*s", (int)out.len, (char *)out.bytes);
    }
}

/* A text, and what is found in it (as hits_rig_show() shows it); found is NULL: refused with `e`. */
struct hits_case {
    const char *text;
    const char *found;
    enum err e;
};

static inline void hits_rig_expect(hits_rig_read read, const void *context,
                                   const struct hits_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        AUTO(hits_done) struct hits hits = {0};
        AUTO(buf_done) struct buf shown = {.max = HITS_RIG_MAX};
        const struct span text = hits_rig_exact(span_str(cases[i].text));
        const enum err e = read(context, text, &hits);

        if (cases[i].found == NULL) {
            cr_expect_eq(e, cases[i].e, "%s gave %s", cases[i].text, err_name(e));
            cr_expect_eq(hits.count, 0);
        } else if (e != ERR_OK) {
            cr_expect_fail("%s gave %s", cases[i].text, err_name(e));
        } else {
            hits_rig_show(text, &hits, &shown);
            cr_expect(span_equal(buf_span(&shown), span_str(cases[i].found)), "%s has %.*s",
                      cases[i].text, (int)shown.len, (char *)shown.bytes);
        }
        free((char *)text.at);
    }
}

/* Values that try to be more than one value. */
static const char *const hits_rig_hostile[] = {
    "lt_04A00M5Rx98ttPBj7bWoAmt8j9QpH",
    "lt-00820024h36h2ncsvrh6ebqanek6tsm2vt@tok.invalid",
    "alice@example.org",
    "x\r\nSet-Cookie: admin=1",
    "x\nSet-Cookie: admin=1",
    "x\rSet-Cookie: admin=1",
    "x\r\n\r\n<html>",
    "\",\"admin\":true,\"x\":\"",
    "</script><script>alert(1)</script>",
    "]]><!-- --><admin/>",
    "<![CDATA[x]]>",
    "<!DOCTYPE a [<!ENTITY b SYSTEM \"file:///etc/passwd\">]>&b;",
    "' onload='x",
    "\" onload=\"x",
    "&lt;&#60;&amp;",
    "&email=mallory",
    "a;email=mallory",
    "a; email=mallory",
    "a, email=mallory",
    "a=b=c",
    "%26email%3Dmallory",
    "%",
    "%zz",
    "%22; name=%22admin",
    "\"; name=\"admin",
    "\\\"; name=\"admin",
    "\\",
    "--B",
    "--B--",
    "x\r\n--B\r\nContent-Disposition: form-data; name=\"admin\"\r\n\r\n1",
    "x\n--B\nContent-Disposition: form-data; name=\"admin\"\n\n1",
    "x\r--B--",
    "x\r\n-- \r\nBob",
    "..",
    ".",
    "../../admin",
    "a/b",
    "a\\b",
    "a?b#c",
    "+ +",
    " leading",
    "trailing ",
    "tab\tin",
    "\ttab",
    "a b",
    "\x01",
    "a\x7f",
    "caf\xc3\xa9",
    "\xe2\x82\xac \xf0\x9f\x99\x82",
    "\xef\xbf\xbe",
    "\xef\xbb\xbf",
    "\"",
    "\"\"",
    "\"quoted\"",
    "0",
};

static inline void hits_rig_travel_all(hits_rig_read read, const void *context, const char *text)
{
    for (size_t i = 0; i < COUNT_OF(hits_rig_hostile); i++)
        hits_rig_travel(read, context, span_str(text), span_str(hits_rig_hostile[i]));
    hits_rig_travel(read, context, span_str(text), span_of("a\0b", 3));
}
