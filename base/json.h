/* SPDX-License-Identifier: Apache-2.0 */
/* A JSON tree for configuration and operator payloads: the one adapter around jansson. Bodies of
 * applications never come here; they are read byte-exactly by proxy/. A string fetched from a tree
 * lives as long as the tree. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"

struct json; /* a jansson value behind our name */

enum json_type {
    JSON_ABSENT,
    JSON_NIL,
    JSON_BOOL,
    JSON_INT,
    JSON_FLOAT,
    JSON_TEXT,
    JSON_LIST,
    JSON_MAP
};

/* Parse one document (RFC 8259; any value may be the root). INVALID on anything else, and on
 * duplicate names, names with a NUL, integers beyond 64 bits, more than LIMIT_JSON_DEPTH_MAX
 * levels. ret_tree: caller frees with json_free(). */
enum err json_parse(struct span text, struct json **ret_tree) MUST_CHECK;
/* Drop a reference; leaves NULL. */
void json_free(struct json **tree);
/* Append the compact text form to `out`; all or nothing, errors as buf_append(). */
enum err json_write(const struct json *tree, struct buf *out) MUST_CHECK;
/* As json_write(), indented by two spaces, with a final newline. */
enum err json_write_pretty(const struct json *tree, struct buf *out) MUST_CHECK;

enum json_type json_kind(const struct json *value); /* JSON_ABSENT for NULL */
/* Members and elements: borrowed, NULL when absent. */
struct json *json_get(const struct json *map, const char *name);
struct json *json_at(const struct json *list, size_t index);
size_t json_count(const struct json *list_or_map);
/* Iterate a map in its order: false at the end. *it starts as NULL. */
bool json_next(const struct json *map, void **it, const char **ret_name, struct json **ret_value);
/* Scalars with a fallback for "absent or of another type". */
struct span json_text_of(const struct json *value); /* SPAN_NONE */
const char *json_str_of(const struct json *value);  /* NULL; also for text with a NUL in it */
/* A member's text: the same as json_str_of(json_get()). */
const char *json_str_or(const struct json *map, const char *name, const char *fallback);
int64_t json_int_of(const struct json *value, int64_t fallback);
bool json_bool_of(const struct json *value, bool fallback);

/* Building: a new tree; setters take over `value`; they abort without memory. Names and the texts
 * of json_set_str() are UTF-8 of our own making: other bytes abort. What came from outside goes
 * through json_new_text(). */
struct json *json_new_map(void);
struct json *json_new_list(void);
struct json *json_new_text(struct span text); /* must be UTF-8; NULL otherwise */
struct json *json_new_int(int64_t n);
struct json *json_new_bool(bool b);
struct json *json_new_null(void);
void json_set(struct json *map, const char *name, struct json *value);
void json_set_str(struct json *map, const char *name, const char *text);
void json_set_int(struct json *map, const char *name, int64_t n);
void json_set_bool(struct json *map, const char *name, bool b);
/* A tree of its own with the same contents; NULL for NULL. */
struct json *json_clone(const struct json *value);
/* Take a member out; fine when there is none. */
void json_remove(struct json *map, const char *name);
void json_add(struct json *list, struct json *value);
