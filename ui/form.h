/* SPDX-License-Identifier: Apache-2.0 */
/* What a browser sends of a form, and what stands in a query. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"

enum form_limits { FORM_FIELDS_MAX = 64, FORM_BYTES_MAX = 64 << 10 };

struct form {
    struct buf bytes; /* names and values, decoded; wiped */
    size_t count;
    struct {
        struct span name;
        struct span value;
    } fields[FORM_FIELDS_MAX];
};

/* application/x-www-form-urlencoded. INVALID: badly encoded, no UTF-8, a NUL; TOO_LARGE: too many fields or bytes.
 * form_done() in any case. */
enum err form_parse(struct span text, struct form *ret) MUST_CHECK;
void form_done(struct form *form);
/* The first value of a name; at is NULL: there is none. */
struct span form_value(const struct form *form, const char *name);
/* The value of a cookie; at is NULL: there is none, or it is there twice. */
struct span form_cookie(struct span cookies, const char *name);
