/* SPDX-License-Identifier: Apache-2.0 */
/* Data classes: token format + retention rule + purposes, as the `classes:` section declares them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/conf.h"
#include "vault/format.h"
#include "vault/rule.h"

enum class_limits {
    CLASS_PURPOSES_MAX = 16,
    CLASS_EVENT_CALLERS_MAX = 32,
    CLASS_NAME_MAX = 64,
    CLASSES_MAX = 512
};

struct class_def {
    char *name; /* 1-64 of a-z 0-9 _ - */
    enum token_format format;
    bool deterministic;      /* equal values, equal tokens (within domain and class) */
    bool identifies;         /* its value names the subject as well */
    struct format_spec spec; /* of a typed format; otherwise only its format is set */
    char *email_domain;      /* format email: the domain of its tokens; "tok.invalid" unless set */
    char *basis;             /* legal basis code, "6(1)(b)"; required */
    char *law;               /* which law it rests on; there for 6(1)(c) and (e); NULL: not said */
    char *balancing;         /* where the weighing for 6(1)(f) is written down; NULL: not said */
    char *special;           /* special category: its ground, "9(2)(h)"; NULL: it is none */
    char *subjects;          /* whose they are, as "customers"; NULL: not said */
    char *description;       /* for people; NULL: none */
    char *purposes[CLASS_PURPOSES_MAX];
    size_t purpose_count;
    struct rule rule;
    /* Of the event that the rule starts from: */
    char **event_callers; /* who may send it, by name; operators may */
    size_t event_caller_count;
    struct period back_dating; /* how long ago it may have happened */
};

struct classes {
    struct class_def *defs;
    size_t count;
};

/* Read `classes:` of a configuration. CONFIG when a class has no deletion rule, basis or purpose, a
 * key is unknown, `identifies` is set on a class that is not deterministic, or `deterministic` on one of
 * a special category. */
enum err classes_read(struct conf_node node, struct classes *ret, struct errmsg *msg) MUST_CHECK;
/* Read `events:` into the classes that start from them; without the section (a node that is absent) only
 * operators may send events. CONFIG also for an event that no class starts from. */
enum err classes_read_events(struct conf_node node, struct classes *classes, struct errmsg *msg)
    MUST_CHECK;
void classes_done(struct classes *classes);
/* NULL when there is none. */
const struct class_def *classes_find(const struct classes *classes, struct span name);
bool class_has_purpose(const struct class_def *def, struct span purpose);
/* Does any of them have it? */
bool classes_have_purpose(const struct classes *classes, struct span purpose);
