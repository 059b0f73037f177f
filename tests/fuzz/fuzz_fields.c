/* SPDX-License-Identifier: Apache-2.0 */
/* A path, a line break, a document: a path that compiles finds the same values when it is written
 * in its plainest form, `$["name"][0,1:2:1]..[*]`, and never more than `$..*` and `$` together. */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/secret.h"
#include "proxy/json_reader.h"
#include "proxy/jsonpath_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PATH_MAX_BYTES = 1 << 16 };

static void put(struct buf *out, const char *text)
{
    REQUIRE(buf_append_str(out, text) == ERR_OK);
}

static void put_number(struct buf *out, int64_t number)
{
    char text[32];

    (void)snprintf(text, sizeof(text), "%" PRId64, number);
    put(out, text);
}

static void write_selector(const struct jsonpath_reader *r, const struct jsonpath_step *step,
                           struct buf *out)
{
    switch (step->kind) {
    case JSONPATH_NAME:
        REQUIRE(
            json_escape(VALUE_STRING,
                        span_of((const char *)r->names.bytes + step->name_start, step->name_len),
                        out) == ERR_OK);
        break;
    case JSONPATH_INDEX:
        put_number(out, step->start);
        break;
    case JSONPATH_SLICE:
        if (step->has_start)
            put_number(out, step->start);
        put(out, ":");
        if (step->has_end)
            put_number(out, step->end);
        put(out, ":");
        put_number(out, step->step);
        break;
    case JSONPATH_ANY:
        put(out, "*");
        break;
    }
}

/* The plainest form of a path that was accepted. */
static void write_plainly(const char *path, struct buf *out)
{
    AUTO(proxy__jsonpath_done) struct jsonpath_reader r = {0};
    struct jsonpath_step step;
    bool at_end = false;

    put(out, "$");
    REQUIRE(proxy__jsonpath_start(&r, '$', path, NULL) == ERR_OK);
    for (size_t count = 0;; count++) {
        REQUIRE(proxy__jsonpath_next(&r, &step, &at_end, NULL) == ERR_OK);
        if ((at_end || step.first) && count > 0)
            put(out, "]");
        if (at_end)
            break;
        put(out, !step.first ? "," : step.descend ? "..[" : "[");
        write_selector(&r, &step, out);
    }
    REQUIRE(buf_append_byte(out, '\0') == ERR_OK);
}

static enum err read_with(const char *path, bool deep, struct span document, struct hits *ret_hits)
{
    AUTO(fields_free) struct fields *fields = NULL;
    const struct field_def def = {.path = path, .class_id = 1, .deep = deep};

    REQUIRE(fields_new(&def, 1, &fields, NULL) == ERR_OK);
    return json_read(fields, document, ret_hits);
}

static void compare(const char *path, struct span document, bool deep)
{
    AUTO(buf_done) struct buf plain = {.max = 8 * PATH_MAX_BYTES};
    AUTO(hits_done) struct hits hits = {0}, again = {0}, all = {0};
    enum err e = read_with(path, deep, document, &hits);

    write_plainly(path, &plain);
    REQUIRE(read_with((const char *)plain.bytes, deep, document, &again) == e);
    REQUIRE(hits.count == again.count);
    for (size_t i = 0; i < hits.count; i++)
        REQUIRE(hits.at[i].start == again.at[i].start && hits.at[i].end == again.at[i].end);
    if (e == ERR_OK && read_with("$", true, document, &all) == ERR_OK)
        REQUIRE(hits.count <= all.count);
}

/* Asking whose the values are finds the same values, each in an element. */
static void compare_owned(const char *path, struct span document)
{
    AUTO(fields_free) struct fields *fields = NULL;
    AUTO(hits_done) struct hits hits = {0}, owned = {0};
    const struct field_def def = {.path = path, .class_id = 1, .deep = true, .subject = "@.id"};
    size_t in_elements = 0;

    if (fields_new(&def, 1, &fields, NULL) != ERR_OK ||
        json_read(fields, document, &owned) != ERR_OK)
        return;
    REQUIRE(read_with(path, true, document, &hits) == ERR_OK && hits.count == owned.count);
    for (size_t i = 0; i < owned.count; i++) {
        REQUIRE(owned.at[i].element > 0 && owned.at[i].element <= owned.element_count);
        REQUIRE(owned.at[i].start == hits.at[i].start);
    }
    for (size_t i = 0; i < owned.element_count; i++) {
        const struct hit_element *element = &owned.elements[i];

        in_elements += element->hits;
        REQUIRE(element->state != ELEMENT_NAMED || element->subject.end <= document.len);
    }
    REQUIRE(in_elements == owned.count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(fields_free) struct fields *fields = NULL;
    AUTO(buf_done) struct buf path = {.max = PATH_MAX_BYTES};
    const uint8_t *line = size == 0 ? NULL : memchr(data, '\n', size);
    const size_t path_len = line == NULL ? size : (size_t)(line - data);
    struct field_def def = {.class_id = 1};
    struct errmsg msg = {""};
    enum err e;

    secret_start();
    if (path_len >= PATH_MAX_BYTES)
        return 0;
    REQUIRE(buf_append(&path, data, path_len) == ERR_OK && buf_append_byte(&path, '\0') == ERR_OK);
    def.path = (const char *)path.bytes;
    e = fields_new(&def, 1, &fields, &msg);
    REQUIRE(e == ERR_OK || (e == ERR_CONFIG && msg.text[0] != '\0'));
    if (e != ERR_OK || line == NULL)
        return 0;
    compare(def.path, span_of(line + 1, size - path_len - 1), false);
    compare(def.path, span_of(line + 1, size - path_len - 1), true);
    compare_owned(def.path, span_of(line + 1, size - path_len - 1));
    return 0;
}
