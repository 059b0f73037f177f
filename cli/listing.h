/* SPDX-License-Identifier: Apache-2.0 */
/* Commands that print a list which operations give page by page. */
#pragma once

#include "base/json.h"
#include "cli/cli.h"

struct listing {
    const char *entries; /* the answer's member that holds them */
    enum err (*print)(const struct json *entry);
    bool (*is_urgent)(const struct json *entry); /* NULL: none is by itself */
};

/* Print every entry: a line each, or, with --json, an object each. request: "op" and what is asked for; it gets "after".
 * ATTENTION: an entry is urgent, or the answer says "attention". Blocks. */
enum cli_exit listing_print(const struct options *o, struct json *request,
                            const struct listing *listing);
/* The same in a session that is open. */
enum cli_exit listing_print_on(const struct options *o, struct session *session,
                               struct json *request, const struct listing *listing);
/* The same for an operation that is asked for nothing else. */
enum cli_exit listing_of(const struct options *o, const char *operation,
                         const struct listing *listing);
/* The same, but --json gives one list, when the last page is there. */
enum cli_exit listing_whole_of(const struct options *o, const char *operation,
                               const struct listing *listing);
