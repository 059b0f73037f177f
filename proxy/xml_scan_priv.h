/* SPDX-License-Identifier: Apache-2.0 */
/* Characters, names and runs of text of an XML document (XML 1.0, fifth edition). Nothing is read at or
 * past `end`. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "proxy/xml_fields_priv.h"

/* What a run of text was made of. */
struct xml_run {
    bool escaped; /* references, or line ends that are read as others */
    bool visible; /* not white space alone */
};

/* The name at p: behind it, or NULL when none stands there. At most one colon, and a name on both sides
 * of it (Namespaces in XML 4). */
const char *proxy__xml_name(const char *p, const char *end, struct xml_name *ret);
/* The text at p up to the next `<` or the end, or NULL: a character that XML has not, a reference that is
 * none, "]]>". `run` gains what was met. */
const char *proxy__xml_text(const char *p, const char *end, struct xml_run *run);
/* The same for an attribute's value up to the quote that ends it; NULL also for a `<` in it. */
const char *proxy__xml_value(const char *p, const char *end, char quote, struct xml_run *run);
/* Characters that stand for themselves up to `stop` (behind it), or NULL: a CDATA section's, a comment's. */
const char *proxy__xml_until(const char *p, const char *end, struct span stop, struct xml_run *run);

static inline bool xml_is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static inline const char *xml_space_end(const char *p, const char *end)
{
    while (p < end && xml_is_space(*p))
        p++;
    return p;
}

static inline bool xml_stands(const char *p, const char *end, struct span what)
{
    return (size_t)(end - p) >= what.len && memcmp(p, what.at, what.len) == 0;
}
