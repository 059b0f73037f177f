/* SPDX-License-Identifier: Apache-2.0 */
/* Data classes: token format + retention rule + purposes, as the `classes:` section declares them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/conf.h"
#include "base/period.h"
#include "vault/format.h"

enum class_limits { CLASS_PURPOSES_MAX = 16, CLASS_NAME_MAX = 64, CLASSES_MAX = 512 };

struct class_def {
    char *name; /* 1-64 of a-z 0-9 _ - */
    enum token_format format;
    bool deterministic;      /* equal values, equal tokens (within domain and class) */
    bool identifies;         /* its value names the subject as well */
    struct format_spec spec; /* of a typed format; otherwise only its format is set */
    char *email_domain;      /* format email: the domain of its tokens; "tok.invalid" unless set */
    char *basis;             /* legal basis code, "6(1)(b)"; required */
    char *purposes[CLASS_PURPOSES_MAX];
    size_t purpose_count;
    struct period retain; /* from created */
};

struct classes {
    struct class_def *defs;
    size_t count;
};

/* Read `classes:` of a configuration. CONFIG when a class has no retention rule, basis or purpose, a
 * key is unknown, `identifies` is set on a class that is not deterministic, or a start event other
 * than `created` is asked for (not built yet: refused, never silently ignored). */
enum err classes_read(struct conf_node node, struct classes *ret, struct errmsg *msg) MUST_CHECK;
void classes_done(struct classes *classes);
/* NULL when there is none. */
const struct class_def *classes_find(const struct classes *classes, struct span name);
bool class_has_purpose(const struct class_def *def, struct span purpose);
