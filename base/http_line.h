/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of a message head (RFC 9112 5), read strictly: what the request guard and the reader of
 * responses have in common. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"
#include "base/span.h"

struct head_line {
    struct span name;
    struct span value;   /* without the blanks around it */
    bool has_underscore; /* in the name: CGI and its heirs take it for '-' */
};

enum head_step {
    HEAD_LINE, /* one more line */
    HEAD_END,  /* the empty line; *at is past it */
    HEAD_BAD   /* folded, bare CR or LF, a control character, a bad or no name, cut short */
};

/* Read the line at *at and move past it. ret: written for HEAD_LINE only. */
enum head_step head_line_next(const char **at, const char *end, struct head_line *ret) MUST_CHECK;

/* Is this a character of a token (RFC 9110 5.6.2): of methods and field names? */
bool head_is_token_char(char c);
/* Does a comma-separated list hold this member, whatever the case? */
bool head_list_has(struct span list, struct span member) MUST_CHECK;
/* Take the next member of a comma-separated list off its start; false at the end. Empty members are
 * skipped. */
bool head_list_next(struct span *rest, struct span *ret_member);
/* Is this a field about the connection, not the message (RFC 9110 7.6.1)? */
bool head_is_hop_by_hop(struct span name) MUST_CHECK;
