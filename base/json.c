/* SPDX-License-Identifier: Apache-2.0 */
/* JSON trees for configuration and operator payloads, on jansson.
 * Runs on: any thread; one tree on one thread at a time. Holds: heap memory that is wiped when it
 * is freed, since an operator's payload may carry a personal value. Invariant: every string is
 * UTF-8. Not here: bodies of applications (proxy/ reads those byte-exactly). */
#include "base/json.h"

#include <jansson.h>
#include <pthread.h>

#include "base/assert.h"
#include "base/limits.h"

static void set_allocator(void)
{
    json_set_alloc_funcs(mem_wiped_alloc, mem_wiped_free);
}

/* Before anything that makes a value: memory of jansson's own malloc must never meet our free. */
static void start(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    REQUIRE(pthread_once(&once, set_allocator) == 0);
}

/* jansson's reference counts live in the value, so its getters want it mutable. */
static json_t *raw(const struct json *value)
{
    return (json_t *)(uintptr_t)value;
}

static struct json *made(json_t *value)
{
    REQUIRE(value != NULL);
    return (struct json *)value;
}

/* jansson parses by recursion: look first. Brackets inside strings do not count; a text that is no
 * JSON is left to the parser. */
static bool too_deep(struct span text)
{
    size_t depth = 0;
    bool in_string = false;

    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];

        if (in_string && c == '\\')
            i++;
        else if (c == '"')
            in_string = !in_string;
        else if (!in_string && (c == '[' || c == '{') && ++depth > LIMIT_JSON_DEPTH_MAX)
            return true;
        else if (!in_string && (c == ']' || c == '}') && depth > 0)
            depth--;
    }
    return false;
}

enum err json_parse(struct span text, struct json **ret_tree)
{
    json_t *tree;

    start();
    /* to jansson a NUL byte ends the text, whatever stands behind it */
    if (text.len == 0 || memchr(text.at, '\0', text.len) != NULL || too_deep(text))
        return ERR_INVALID;
    tree = json_loadb(text.at, text.len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL,
                      NULL);
    if (tree == NULL)
        return ERR_INVALID;
    *ret_tree = (struct json *)tree;
    return ERR_OK;
}

void json_free(struct json **tree)
{
    json_decref(raw(TAKE(*tree)));
}

struct sink {
    struct buf *out;
    enum err e;
};

static int append(const char *bytes, size_t len, void *arg)
{
    struct sink *sink = arg;

    sink->e = buf_append(sink->out, bytes, len);
    return sink->e == ERR_OK ? 0 : -1;
}

static enum err write_with(const struct json *tree, struct buf *out, size_t flags)
{
    struct sink sink = {out, ERR_OK};
    size_t before = out->len;

    if (json_dump_callback(raw(tree), append, &sink, flags | JSON_ENCODE_ANY) == 0)
        return ERR_OK;
    out->len = before;
    return sink.e != ERR_OK ? sink.e : ERR_INVALID;
}

enum err json_write(const struct json *tree, struct buf *out)
{
    return write_with(tree, out, JSON_COMPACT);
}

enum err json_write_pretty(const struct json *tree, struct buf *out)
{
    size_t before = out->len;
    enum err e = write_with(tree, out, JSON_INDENT(2));

    if (e == ERR_OK)
        e = buf_append_byte(out, '\n');
    if (e != ERR_OK)
        out->len = before;
    return e;
}

enum json_type json_kind(const struct json *value)
{
    if (value == NULL)
        return JSON_ABSENT;
    switch (json_typeof(raw(value))) {
    case JSON_NULL:
        return JSON_NIL;
    case JSON_TRUE:
    case JSON_FALSE:
        return JSON_BOOL;
    case JSON_INTEGER:
        return JSON_INT;
    case JSON_REAL:
        return JSON_FLOAT;
    case JSON_STRING:
        return JSON_TEXT;
    case JSON_ARRAY:
        return JSON_LIST;
    case JSON_OBJECT:
        return JSON_MAP;
    }
    return JSON_ABSENT;
}

struct json *json_get(const struct json *map, const char *name)
{
    return (struct json *)json_object_get(raw(map), name);
}

struct json *json_at(const struct json *list, size_t index)
{
    return (struct json *)json_array_get(raw(list), index);
}

size_t json_count(const struct json *list_or_map)
{
    size_t n = json_array_size(raw(list_or_map)); /* 0 for what is no list */

    return n != 0 ? n : json_object_size(raw(list_or_map));
}

bool json_next(const struct json *map, void **it, const char **ret_name, struct json **ret_value)
{
    *it = *it == NULL ? json_object_iter(raw(map)) : json_object_iter_next(raw(map), *it);
    if (*it == NULL)
        return false;
    *ret_name = json_object_iter_key(*it);
    *ret_value = (struct json *)json_object_iter_value(*it);
    return true;
}

struct span json_text_of(const struct json *value)
{
    if (json_kind(value) != JSON_TEXT)
        return SPAN_NONE;
    return span_of(json_string_value(raw(value)), json_string_length(raw(value)));
}

const char *json_str_of(const struct json *value)
{
    struct span text = json_text_of(value);

    /* a C string cannot show a NUL in the middle: not the same text, so none */
    return text.at != NULL && strlen(text.at) == text.len ? text.at : NULL;
}

const char *json_str_or(const struct json *map, const char *name, const char *fallback)
{
    const char *text = json_str_of(json_get(map, name));

    return text == NULL ? fallback : text;
}

int64_t json_int_of(const struct json *value, int64_t fallback)
{
    return json_kind(value) == JSON_INT ? json_integer_value(raw(value)) : fallback;
}

bool json_bool_of(const struct json *value, bool fallback)
{
    return json_kind(value) == JSON_BOOL ? json_is_true(raw(value)) : fallback;
}

struct json *json_new_map(void)
{
    start();
    return made(json_object());
}

struct json *json_new_list(void)
{
    start();
    return made(json_array());
}

struct json *json_new_text(struct span text)
{
    start();
    return (struct json *)json_stringn(text.at == NULL ? "" : text.at, text.len);
}

struct json *json_new_int(int64_t n)
{
    start();
    return made(json_integer(n));
}

struct json *json_new_bool(bool b)
{
    start();
    return made(json_boolean(b));
}

struct json *json_new_null(void)
{
    start();
    return made(json_null());
}

void json_set(struct json *map, const char *name, struct json *value)
{
    REQUIRE(json_object_set_new(raw(map), name, raw(value)) == 0);
}

void json_set_str(struct json *map, const char *name, const char *text)
{
    json_set(map, name, json_new_text(span_str(text)));
}

void json_set_int(struct json *map, const char *name, int64_t n)
{
    json_set(map, name, json_new_int(n));
}

void json_set_bool(struct json *map, const char *name, bool b)
{
    json_set(map, name, json_new_bool(b));
}

struct json *json_clone(const struct json *value)
{
    return value == NULL ? NULL : made(json_deep_copy(raw(value)));
}

void json_remove(struct json *map, const char *name)
{
    (void)json_object_del(raw(map), name);
}

void json_add(struct json *list, struct json *value)
{
    REQUIRE(json_array_append_new(raw(list), raw(value)) == 0);
}
