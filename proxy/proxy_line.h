/* SPDX-License-Identifier: Apache-2.0 */
/* The PROXY protocol, versions 1 and 2: whom a connection is from, said by a proxy before the first
 * byte of its client. Pure. */
#pragma once

#include <stddef.h>

#include "base/span.h"
#include "base/address.h"

enum proxy_line_step { PROXY_LINE_MORE, PROXY_LINE_DONE, PROXY_LINE_BAD };

struct proxy_line {
    size_t len;             /* bytes that it takes */
    struct address address; /* unknown: the proxy speaks for itself, or cannot tell */
};

enum { PROXY_LINE_MAX = 1024 };

/* Read it from the start of a connection's input. MORE: it is a beginning of one, not longer than
 * PROXY_LINE_MAX. ret: written with DONE. */
enum proxy_line_step proxy_line_read(struct span input, struct proxy_line *ret) MUST_CHECK;
