/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a JSON document: what is accepted comes out as it was, what is declared lies where
 * the reader says, strings survive unescaping and escaping, and jansson is of the same opinion. */
#include <jansson.h>
#include <stdint.h>
#include <string.h>

#include "base/assert.h"
#include "base/secret.h"
#include "proxy/json_reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { OUT_MAX = 1 << 24 };

static struct fields *compile(const struct field_def *defs, size_t count)
{
    struct fields *fields = NULL;

    REQUIRE(fields_new(defs, count, &fields, NULL) == ERR_OK);
    return fields;
}

static void check_string(struct span inner)
{
    AUTO(buf_done) struct buf value = {.max = OUT_MAX, .secret = true};
    AUTO(buf_done) struct buf text = {.max = OUT_MAX, .secret = true};
    AUTO(buf_done) struct buf again = {.max = OUT_MAX, .secret = true};

    REQUIRE(json_unescape(inner, &value) == ERR_OK);
    REQUIRE(json_escape(VALUE_STRING, buf_span(&value), &text) == ERR_OK);
    REQUIRE(json_unescape(span_of(text.bytes + 1, text.len - 2), &again) == ERR_OK);
    REQUIRE(span_equal(buf_span(&value), buf_span(&again)));
}

/* Any bytes as the inside of a string: refused, or as above. */
static void try_string(struct span inner)
{
    AUTO(buf_done) struct buf value = {.max = OUT_MAX, .secret = true};
    const enum err e = json_unescape(inner, &value);

    REQUIRE(e == ERR_OK || (e == ERR_INVALID && value.len == 0));
    if (e == ERR_OK)
        check_string(inner);
}

static void check_hits(struct span document, const struct hits *hits)
{
    AUTO(buf_done) struct buf literal = {.max = OUT_MAX, .secret = true};
    size_t from = 0;

    for (size_t i = 0; i < hits->count; i++) {
        const struct hit *hit = &hits->at[i];
        struct span text = span_of(document.at + hit->start, hit->end - hit->start);

        REQUIRE(hit->start >= from && hit->start < hit->end && hit->end <= document.len);
        from = hit->end;
        if (hit->kind == VALUE_STRING) {
            REQUIRE(text.len >= 2 && text.at[0] == '"' && text.at[text.len - 1] == '"');
            REQUIRE(hit->escaped == (memchr(text.at, '\\', text.len) != NULL));
            check_string(span_of(text.at + 1, text.len - 2));
        } else {
            REQUIRE(!hit->escaped && json_escape(hit->kind, text, &literal) == ERR_OK);
        }
    }
}

/* Replace every hit, read again: as many hits, all tokens; nothing replaced: the same bytes. */
static void check_splices(const struct fields *fields, struct span document,
                          const struct hits *hits)
{
    AUTO(buf_done) struct buf same = {.max = OUT_MAX}, other = {.max = OUT_MAX};
    AUTO(hits_done) struct hits again = {0};
    struct splice *splices = calloc(hits->count + 1, sizeof(*splices));

    REQUIRE(splices != NULL);
    for (size_t i = 0; i < hits->count; i++)
        splices[i] = (struct splice){hits->at[i].start, hits->at[i].end, SPAN_LIT("\"token\"")};
    REQUIRE(splice_write(document, NULL, 0, &same) == ERR_OK);
    REQUIRE(span_equal(buf_span(&same), document));
    REQUIRE(splice_write(document, splices, hits->count, &other) == ERR_OK);
    REQUIRE(json_read(fields, buf_span(&other), &again) == ERR_OK);
    REQUIRE(again.count == hits->count);
    for (size_t i = 0; i < again.count; i++)
        REQUIRE(memcmp(other.bytes + again.at[i].start, "\"token\"", 7) == 0);
    free(splices);
}

/* What jansson cannot read although it is JSON: numbers beyond a double or 64 bits, a NUL in a
 * name. It also takes a NUL byte after a document for its end. */
static void compare_with_jansson(struct span document, enum err ours)
{
    json_error_t error;
    json_t *tree;
    enum json_error_code code;

    if (memchr(document.at, '\0', document.len) != NULL || ours == ERR_TOO_LARGE)
        return;
    tree = json_loadb(document.at, document.len,
                      JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
    code = tree == NULL ? json_error_code(&error) : json_error_unknown;
    json_decref(tree);
    if (tree != NULL)
        REQUIRE(ours == ERR_OK);
    else if (code != json_error_numeric_overflow && code != json_error_null_byte_in_key)
        REQUIRE(ours == ERR_INVALID);
}

/* As lines: what is found in each of them is what is found in it alone. A line break is white space in a
 * document, so the same bytes may be several lines that are none. */
static void check_lines(const struct fields *fields, struct span body)
{
    AUTO(hits_done) struct hits all = {0};
    const char *p = body.at, *end = body.at + body.len;
    size_t count = 0;
    uint32_t line = 0;

    if (json_lines_read(fields, body, &all) != ERR_OK)
        return;
    while (p < end) {
        AUTO(hits_done) struct hits hits = {0};
        const char *stop = memchr(p, '\n', (size_t)(end - p));

        stop = stop == NULL ? end : stop;
        line++;
        REQUIRE(json_read(fields, span_of(p, (size_t)(stop - p)), &hits) == ERR_OK);
        REQUIRE(count + hits.count <= all.count);
        for (size_t i = 0; i < hits.count; i++, count++)
            REQUIRE(all.at[count].start == hits.at[i].start + (size_t)(p - body.at) &&
                    all.at[count].line == line && hits.at[i].line == 0);
        p = stop + 1;
    }
    REQUIRE(count == all.count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct field_def everything = {.path = "$", .class_id = 1, .deep = true};
    static struct fields *none, *all;
    AUTO(hits_done) struct hits no_hits = {0}, hits = {0};
    const struct span document = span_of(data, size);
    enum err plain, deep;

    if (all == NULL) {
        secret_start();
        none = compile(NULL, 0);
        all = compile(&everything, 1);
    }
    plain = json_read(none, document, &no_hits);
    deep = json_read(all, document, &hits);
    REQUIRE(no_hits.count == 0);
    REQUIRE(plain == deep || (plain == ERR_OK && deep == ERR_TOO_LARGE));
    REQUIRE(plain == ERR_OK || plain == ERR_INVALID || plain == ERR_TOO_LARGE);
    if (size > 0)
        compare_with_jansson(document, plain);
    try_string(document);
    if (size > 0)
        check_lines(all, document);
    if (deep != ERR_OK)
        return 0;
    check_hits(document, &hits);
    check_splices(all, document, &hits);
    return 0;
}
