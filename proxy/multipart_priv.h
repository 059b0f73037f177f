/* SPDX-License-Identifier: Apache-2.0 */
/* The head of one part of a multipart body. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/span.h"

struct part_head {
    struct span name;      /* between its quotes */
    struct span file_name; /* between its quotes; at is NULL: the part is no file */
    struct span length;    /* what it says its content's length is; at is NULL: nothing */
    bool is_text;          /* text/plain in UTF-8, as it is when nothing is said (RFC 7578 4.4) */
    bool has_others;       /* header fields that mean nothing in a form (4.8) */
};

/* Read a head: whole lines with their line ends, without the empty one. Contract of what is INVALID:
 * multipart_read(). */
enum err proxy__part_head(struct span head, struct part_head *ret) MUST_CHECK;
