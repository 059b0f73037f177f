/* SPDX-License-Identifier: Apache-2.0 */
/* The steps of an RFC 9535 path, as far as fields use them: names, indexes, slices and wildcards, of
 * children or of all descendants, one or several a segment. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"

enum jsonpath_step_kind { JSONPATH_NAME, JSONPATH_INDEX, JSONPATH_SLICE, JSONPATH_ANY };

/* One selector of a segment. */
struct jsonpath_step {
    enum jsonpath_step_kind kind;
    bool first;        /* it begins a segment; the others of that segment follow it */
    bool descend;      /* `..`: at any depth below, not only of the value itself */
    bool has_start;    /* JSONPATH_SLICE */
    bool has_end;      /* JSONPATH_SLICE */
    int64_t start;     /* JSONPATH_SLICE; JSONPATH_INDEX: the index, from the end when negative */
    int64_t end;       /* JSONPATH_SLICE */
    int64_t step;      /* JSONPATH_SLICE; 1 when none is given */
    size_t name_start; /* JSONPATH_NAME: where its text stands in the reader's `names` */
    size_t name_len;
};

struct jsonpath_reader {
    const char *path;
    const char *at;
    bool listing;     /* within brackets, behind a comma */
    bool descending;  /* the brackets are a `..` segment's */
    struct buf names; /* the names read so far, without escapes, one after the other */
};

/* Begin at the root's sign, `$` or `@`. The names are kept until path_done(). CONFIG when there is
 * none. */
enum err proxy__jsonpath_start(struct jsonpath_reader *r, char root, const char *path,
                               struct errmsg *msg) MUST_CHECK;
/* The next selector; *ret_end is true (and no step given) at the end of the path. CONFIG, with the path
 * and the place in it, when it is not of the subset. */
enum err proxy__jsonpath_next(struct jsonpath_reader *r, struct jsonpath_step *ret_step,
                              bool *ret_end, struct errmsg *msg) MUST_CHECK;
/* CONFIG with the path and the place the reader has come to. */
enum err proxy__jsonpath_refuse(const struct jsonpath_reader *r, struct errmsg *msg,
                                const char *what) MUST_CHECK;
void proxy__jsonpath_done(struct jsonpath_reader *r);
