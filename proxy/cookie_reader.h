/* SPDX-License-Identifier: Apache-2.0 */
/* The readers of Cookie and Set-Cookie fields (RFC 6265 4): where the declared cookies' values stand.
 * Pure. Values are read as they stand: whatever an application has escaped in them stays escaped. */
#pragma once

#include "base/err.h"
#include "base/span.h"
#include "proxy/hit.h"
#include "proxy/named_fields.h"

/* Read the value of a Cookie field: pairs between `;`. A value in quotes is what stands between them; an
 * empty one is no hit. Cookies that are not declared may hold what RFC 6265 leaves out, since browsers
 * send it, but nothing that moves the edges of another. Errors:
 * INVALID    a control character; a name with blanks, quotes, a comma or a backslash; a value that begins
 *            with a quote and does not end with the next one (to some, `;` is no separator in it); a
 *            declared cookie that comes again and is not `many`, comes without a `=`, or has a value with
 *            anything but cookie-octets
 * TOO_LARGE  more hits than FIELDS_MAX
 * ret_hits: in the order of the text, HIT_COOKIE; hits_done(). Untouched on an error. */
enum err cookies_read(const struct named_fields *fields, struct span field, struct hits *ret_hits)
    MUST_CHECK;
/* The same for the value of a Set-Cookie field: its first pair; attributes pass as they are. INVALID also
 * when no pair begins it. */
enum err set_cookie_read(const struct named_fields *fields, struct span field,
                         struct hits *ret_hits) MUST_CHECK;
