/* SPDX-License-Identifier: Apache-2.0 */
/* Text that looks like personal data, for what is not declared (E16). A best effort: what has a form of
 * its own is recognised, by its check digits where it has some; names, addresses and free text are not. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/span.h"
#include "proxy/hit.h"

enum detect_kind {
    DETECT_NOTHING,
    DETECT_EMAIL,
    DETECT_PHONE, /* international, with its + */
    DETECT_CARD,
    DETECT_IBAN,
    DETECT_ID /* a national number: see detect_id.c */
};

/* "email", "national_id": for logs. */
const char *detect_kind_name(enum detect_kind kind);

/* The first that is found anywhere in a text (UTF-8). Linear. */
enum detect_kind detect_personal(struct span text);

enum { DETECT_SHAPE_MAX = 256 };

/* What was found in a document, and where, without a name from it: `$.*[*].*` is a member of an element of
 * a member, `$.*~` a member's name. */
struct detect_found {
    enum detect_kind kind;
    char shape[DETECT_SHAPE_MAX];
};

/* Look through all strings, names and numbers of a document outside its hits, and one level into strings
 * that hold JSON or base64. The document was read, and so is JSON (or lines of it). NO_SPACE. */
enum err detect_json(struct span document, const struct hits *hits, struct detect_found *ret_found)
    MUST_CHECK;
/* The same for pairs of a query or form outside its hits; no shape. INVALID where it is none. */
enum err detect_pairs(struct span pairs, const struct hits *hits, enum detect_kind *ret_kind)
    MUST_CHECK;
