/* SPDX-License-Identifier: Apache-2.0 */
/* Opaque and e-mail tokens anywhere in a text, told by their shape and check characters (vault/token.h);
 * typed tokens look like values and cannot be told. Pure, linear, no allocation.
 *
 * What stands around a token does not matter: where an application has put something in front of a value
 * or behind it, without a blank, that stays around the value. The text may come in pieces:
 *
 *   struct token_place place;
 *   size_t at = 0;
 *   while (token_scan_next(&scan, text, last, &at, &place))
 *       ... replace [place.start, place.end) ...
 *   ... pass on what stands before `at`, put the rest in front of the next piece ...
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"
#include "vault/token.h"

/* What e-mail tokens may end with. One with another domain, of a class whose domain was changed, goes on
 * as far as a host's name may. */
struct token_scan {
    const struct span *domains;
    size_t domain_count;
};

enum {
    TOKEN_SCAN_KEPT_MAX = TOKEN_TEXT_MAX
}; /* bytes that are ever to be kept for the next piece */

struct token_place {
    size_t start;
    size_t end;
};

/* The next token from *at on, which moves behind it. False: there is none, and *at moves to where one
 * may have begun that goes on in the next piece; with `last` to the end. */
bool token_scan_next(const struct token_scan *scan, struct span text, bool last, size_t *at,
                     struct token_place *ret);
