/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the operations of bulk jobs: ops_bulk.c (start, tokenize, finish), ops_bulk_reveal.c (reveal, verify). */
#pragma once

#include "admin/ops_priv.h"

enum {
    BULK_COLUMNS_MAX = 1024, /* kinds of fields in one request: fields times JSON types */
    BULK_VALUES_MAX = 8000   /* values, tokens or pairs in one request */
};

/* What the values of a field are. */
struct bulk_column {
    const struct class_def *def; /* NULL: not said */
    uint16_t class_id;           /* 0: not said */
    enum value_kind kind;
};

struct bulk_columns {
    struct bulk_column *at; /* owned */
    size_t count;
};

/* "columns": [{class?, kind?: "string" (without it), "number", "bool"}, ...]. INVALID, NOT_FOUND; free with
 * bulk_columns_done(). */
enum err ops_bulk_columns(const struct admin *admin, const struct json *request,
                          struct bulk_columns *ret, struct errmsg *msg) MUST_CHECK;
void bulk_columns_done(struct bulk_columns *columns);
/* The column whose number stands at `index` of a list, NULL when there is none such. */
const struct bulk_column *ops_bulk_column(const struct bulk_columns *columns,
                                          const struct json *list, size_t index);
/* DENIED: whoever asks has a token of the admin API that is bound to other classes, to other domains. def NULL: a class
 * of which nothing is known. */
enum err ops_bulk_class_allowed(const struct admin *admin, const struct class_def *def,
                                struct errmsg *msg) MUST_CHECK;
enum err ops_bulk_domain_allowed(const struct admin *admin, uint16_t domain, struct errmsg *msg)
    MUST_CHECK;
