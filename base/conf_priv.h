/* SPDX-License-Identifier: Apache-2.0 */
/* What the YAML loader (conf_yaml.c) and the readers of a configuration (conf.c) share. */
#pragma once

#include <stddef.h>

#include "base/conf.h"

/* A position as editors count: from 1, columns in characters. */
struct conf_mark {
    size_t line;
    size_t column;
};

/* Where one value stood. A side table, because true, false and null are single objects in a jansson
 * tree: a scalar is known by the container that holds it, a container by itself. */
struct conf_place {
    const struct json *value;
    const struct json *parent; /* NULL for the root */
    char *name;                /* owned; NULL in a list and for the root */
    size_t index;              /* in a list */
    struct conf_mark key;      /* of the name; of the value where there is none */
    struct conf_mark at;       /* of the value */
};

struct conf {
    char *name;   /* the file, as the operator spelt it */
    char *folder; /* absolute */
    uint8_t digest[CONF_DIGEST_BYTES];
    struct json *root;
    struct conf_place *places;
    size_t place_count;
    size_t place_room;
};

/* A key made fit for a message: control characters become '?', a long one ends in "...". */
struct conf_shown {
    char text[48];
};
struct conf_shown conf__show(const char *key);

/* Fill `conf` (name set, the rest empty) with the tree and its places. CONFIG, message filled. Half
 * of the tree may be there then; conf_free() takes it. */
enum err conf__load_yaml(struct conf *conf, struct span text, struct errmsg *msg) MUST_CHECK;
