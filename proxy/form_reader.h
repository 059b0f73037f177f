/* SPDX-License-Identifier: Apache-2.0 */
/* The reader of application/x-www-form-urlencoded text (WHATWG URL 5.1), bodies and queries: one pass.
 * It reports where the declared fields' values stand. Pure. */
#pragma once

#include "base/err.h"
#include "base/span.h"
#include "proxy/hit.h"
#include "proxy/named_fields.h"

/* Read a whole form: pairs between `&`, names compared after decoding, byte by byte (`a[]` is a name
 * like any other). Empty pieces ("a=1&&b=2") pass. A declared name without a value ("a=", "a") is no
 * hit, but counts as having come. Errors:
 * INVALID    an escape that is none, a raw `;` (a separator to some), a raw control character, what is
 *            not UTF-8 once decoded, a name with a NUL or another control character, a declared name
 *            that comes again and is not `many`
 * TOO_LARGE  more hits than FIELDS_MAX
 * ret_hits: in the order of the text, HIT_FORM; hits_done(). Untouched on an error. */
enum err form_read(const struct named_fields *fields, struct span text, struct hits *ret_hits)
    MUST_CHECK;
