/* SPDX-License-Identifier: Apache-2.0 */
/* A configuration file: YAML 1.1 as libyaml reads it, turned into a JSON tree that remembers where
 * each member stood. Readers of a section fetch what they know and refuse what they do not; the
 * first mistake becomes "FILE:LINE:COLUMN: message", with a suggestion for a misspelt key. Aliases,
 * tags, several documents, duplicate keys and non-string keys are refused. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/json.h"
#include "base/span.h"

struct conf;

/* Read a file. CONFIG (message filled) when it cannot be read or parsed. ret_conf: conf_free(). */
enum err conf_load(const char *path, struct conf **ret_conf, struct errmsg *msg) MUST_CHECK;
/* The same from memory; `name` stands for the file in messages. */
enum err conf_parse(const char *name, struct span text, struct conf **ret_conf, struct errmsg *msg)
    MUST_CHECK;
void conf_free(struct conf **conf);
/* BLAKE2b-256 of the file's bytes, as `b2sum -l 256` prints it: which configuration it was. */
enum { CONF_DIGEST_BYTES = 32 };
const uint8_t *conf_digest(const struct conf *conf);

/* A place in the file: a value and the member it came from. Passed by value; borrowed from conf. */
struct conf_node {
    const struct conf *conf;
    const struct json *value;  /* NULL: absent */
    const struct json *parent; /* the map or list that holds it; NULL for the root */
    const char *name;          /* its name in a map; NULL in a list */
    size_t index;              /* its index in a list */
};

struct conf_node conf_root(const struct conf *conf);
/* A member of a map, an element of a list; .value is NULL when absent. */
struct conf_node conf_get(struct conf_node map, const char *name);
struct conf_node conf_at(struct conf_node list, size_t index);
/* Iterate a map: *it starts as NULL, false at the end. */
bool conf_next(struct conf_node map, void **it, struct conf_node *ret_member);
static inline bool conf_has(struct conf_node node)
{
    return node.value != NULL;
}

/* CONFIG with "FILE:LINE:COLUMN: " and the message (printf style) that names the key. */
enum err conf_fail(struct conf_node node, struct errmsg *msg, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* CONFIG unless the node is a map whose every key is one of `known` (NULL-terminated); a key that
 * is nearly one of them is answered with "did you mean". */
enum err conf_only(struct conf_node map, const char *const known[], struct errmsg *msg) MUST_CHECK;
/* The one of `known` (NULL-terminated) that `name` was probably meant to be, at most two slips of
 * the finger away; NULL when none is near. */
const char *conf_nearest(const char *name, const char *const known[]);
/* Scalars. With an absent node the *ret is untouched and ERR_OK returned: set the default before.
 * Strings are borrowed from conf. CONFIG on another type or outside the range. */
enum err conf_str(struct conf_node node, const char **ret, struct errmsg *msg) MUST_CHECK;
enum err conf_bool(struct conf_node node, bool *ret, struct errmsg *msg) MUST_CHECK;
enum err conf_int(struct conf_node node, int64_t min, int64_t max, int64_t *ret, struct errmsg *msg)
    MUST_CHECK;
/* A duration: "250ms", "30s", "5m", "2h", "1d" or a number of seconds, in milliseconds. */
enum err conf_duration_ms(struct conf_node node, int64_t *ret, struct errmsg *msg) MUST_CHECK;
/* CONFIG ("... is missing") unless the node is there. */
enum err conf_need(struct conf_node map, const char *name, struct conf_node *ret,
                   struct errmsg *msg) MUST_CHECK;
/* A path in the file is relative to the file's own folder: an absolute one, caller frees. */
char *conf_path(struct conf_node node, const char *path);
