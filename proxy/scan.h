/* SPDX-License-Identifier: Apache-2.0 */
/* Declared texts that are not one token but have tokens in them: what was found as one value becomes a
 * hit for each token inside. Pure. */
#pragma once

#include "base/err.h"
#include "base/span.h"
#include "proxy/part.h"
#include "proxy/token_scan.h"

/* Put, in place of each hit of a part whose rule is FIELD_SCAN, hits for the tokens in its text. What an
 * escape hides is no token there. NO_SPACE; TOO_LARGE beyond FIELDS_MAX. */
enum err scan_part(const struct token_scan *scan, struct part *part) MUST_CHECK;
/* The tokens in a text that goes on behind this (unless `last`), as hits that are otherwise like `like`.
 * ret_end: where one may have begun. */
enum err scan_text(const struct token_scan *scan, struct span text, bool last,
                   const struct hit *like, size_t *ret_end, struct hits *ret_hits) MUST_CHECK;
/* The path segments and query values of a URL reference (RFC 3986 4.1) that are tokens, escapes undone:
 * hits of `field` and class. */
enum err scan_url(struct span url, uint16_t field, uint16_t class_id, struct hits *ret_hits)
    MUST_CHECK;
