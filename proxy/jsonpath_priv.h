/* SPDX-License-Identifier: Apache-2.0 */
/* The steps of an RFC 9535 path, as far as fields use them: names, indexes and wildcards, of
 * children or of all descendants. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"

enum jsonpath_step_kind { JSONPATH_NAME, JSONPATH_INDEX, JSONPATH_ANY };

struct jsonpath_step {
    enum jsonpath_step_kind kind;
    bool descend;      /* `..`: at any depth below, not only of the value itself */
    uint64_t index;    /* JSONPATH_INDEX */
    size_t name_start; /* JSONPATH_NAME: where its text stands in the reader's `names` */
    size_t name_len;
};

struct jsonpath_reader {
    const char *path;
    const char *at;
    struct buf names; /* the names read so far, without escapes, one after the other */
};

/* Begin at the `$`. The names are kept until path_done(). CONFIG when there is none. */
enum err proxy__jsonpath_start(struct jsonpath_reader *r, const char *path, struct errmsg *msg)
    MUST_CHECK;
/* The next step; *ret_end is true (and no step given) at the end of the path. CONFIG, with the path
 * and the place in it, when it is not of the subset. */
enum err proxy__jsonpath_next(struct jsonpath_reader *r, struct jsonpath_step *ret_step,
                              bool *ret_end, struct errmsg *msg) MUST_CHECK;
void proxy__jsonpath_done(struct jsonpath_reader *r);
