/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the overview share: each adds the members of one question to the tree. */
#pragma once

#include "retention/overview.h"
#include "vault/records.h"

struct overview {
    struct report_context context; /* its days are what is shown */
    struct vault_records *records;
    const struct json *retention; /* the retention report of these days */
    struct json *tree;
};

/* Say that somebody must act on a part, and so on the whole. */
void overview__attend(struct json *part, const char *reason);
/* A new part with "attention": []. */
struct json *overview__part(struct overview *o, const char *name);
/* Does a row of a report name this reason under "attention"? */
bool overview__row_says(const struct json *row, const char *reason);
int64_t overview__count(const struct json *row, const char *name);
/* A copy of a member that is text; null otherwise. */
void overview__copy(struct json *to, const char *name, const struct json *from, const char *member);

/* Question by question. */
void overview__add_overdue(struct overview *o);
enum err overview__add_held(struct overview *o) MUST_CHECK;
enum err overview__add_requests(struct overview *o) MUST_CHECK;
enum err overview__add_destroyed(struct overview *o) MUST_CHECK;
enum err overview__add_access(struct overview *o) MUST_CHECK;
enum err overview__add_clocks(struct overview *o) MUST_CHECK;
