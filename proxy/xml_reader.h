/* SPDX-License-Identifier: Apache-2.0 */
/* The reader of XML bodies (XML 1.0, fifth edition; Namespaces in XML): one pass, no tree, iterative. It
 * reports where the declared fields' values stand. Pure. */
#pragma once

#include "base/err.h"
#include "base/span.h"
#include "proxy/hit.h"
#include "proxy/xml_fields.h"

/* Read one document, all of it. An attribute's value is the text between its quotes (HIT_XML_VALUE), an
 * element's its text and CDATA sections, all of them as one value (HIT_XML_TEXT); white space at both
 * ends, as indenting makes it, is no part of the value. What is empty or white space alone is no hit.
 * Errors:
 * INVALID        not well-formed; not UTF-8, or declared as something else; a byte order mark; version
 *                1.1; a document type (so no entities but XML's own); a processing instruction; an
 *                attribute name that comes twice as it is written
 * UNPROCESSABLE  a declared element that holds an element, or a comment (some parsers stop there)
 * TOO_LARGE      deeper than XML_DEPTH_MAX, more attributes of one element than XML_ATTRIBUTES_MAX, more
 *                hits than FIELDS_MAX
 * ret_hits: in document order; hits_done(). Untouched on an error. */
enum err xml_read(const struct xml_fields *fields, struct span document, struct hits *ret_hits)
    MUST_CHECK;
