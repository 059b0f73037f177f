/* SPDX-License-Identifier: Apache-2.0 */
/* The section `recipients:`: who receives persons' data from the applications behind Lethe, and how they are
 * told that it was erased, rectified or restricted (Art. 19). */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/conf.h"
#include "base/err.h"
#include "base/span.h"

enum { RECIPIENTS_MAX = 100, RECIPIENT_NAME_MAX = 32 };

struct recipient {
    char *name;
    char *server; /* "https://HOST[:PORT]"; NULL: it is told by hand */
    char *path;   /* of its URL: "" or "/..." */
    char *ca;     /* NULL: the system's */
    bool allow_private;
    char **classes; /* which classes reach it; NULL: all */
    size_t class_count;
};

struct recipients {
    struct recipient *list;
    size_t count;
};

/* Read the section of a configuration's root. Which classes reach a recipient is read from the routes and callers
 * that it names. CONFIG with its place. recipients_done() ends it. */
enum err recipients_read(struct conf_node root, struct recipients *ret, struct errmsg *msg)
    MUST_CHECK;
void recipients_copy(const struct recipients *recipients, struct recipients *ret);
/* Empty after; fine on an empty one. */
void recipients_done(struct recipients *recipients);
/* NULL: there is none of that name (any more). */
const struct recipient *recipient_find(const struct recipients *recipients, const char *name);
/* May it have received values of this class? */
bool recipient_gets(const struct recipient *recipient, const char *class_name);
