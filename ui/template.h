/* SPDX-License-Identifier: Apache-2.0 */
/* Templates of pages: HTML with names in it, filled from a JSON tree. What a tree holds can never become markup:
 *
 *   {{name}}  {{a.b}}  {{.}}      text or number, always escaped for where it stands; there is no other form
 *   {{date name}}  {{instant name}}  {{count name}}  {{period name}}    the same, as a reader of the language writes it
 *   {{t key}}                     words of the catalogue (ui/words.h); {names} in them are filled, too
 *   {{t key.* name}}              the * stands for what `name` holds, which is shown itself where there are no such words
 *   {{n key name}}                key.one or key.other, by the number in `name`
 *   {{#name}} ... {{/name}}       once for each of a list, once inside a map, once if it is true, a number but 0, or
 *                                 a text that is not empty
 *   {{^name}} ... {{/name}}       if it is none of these
 *   {{>partial}}  {{! remark}}
 *
 * A name is looked for in what the innermost section stands for, then outwards. One that is not there is an error, but
 * for {{name?}}, {{#name?}} and {{^name?}}, which say that it may be missing. Null shows as a dash.
 *
 * Parsing knows where in the HTML a name stands. It refuses templates in which a name stands anywhere but in text
 * or in a quoted attribute, in an attribute that is a script or a style, or at the beginning of an address: those begin
 * with "/ui/", "?" or "#", and what is put in is percent-encoded. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/span.h"
#include "ui/words.h"

enum template_limits {
    TEMPLATE_DEPTH_MAX = 24,         /* of sections and partials in one another */
    TEMPLATE_NODES_MAX = 4096,       /* of one template */
    TEMPLATE_OUTPUT_MAX = 32 << 20,  /* of one page */
    TEMPLATE_STEPS_MAX = 8 * 1000000 /* nodes rendered for one page */
};

/* Borrowed for as long as the set lives. */
struct template_source {
    const char *name; /* what {{>name}} and template_render() call it */
    struct span text;
};

struct template_set;

/* Parse all of them. INVALID with a message that names template and line. */
enum err template_set_new(const struct template_source *sources, size_t count,
                          struct template_set **ret_set, struct errmsg *msg) MUST_CHECK;
void template_set_free(struct template_set **set);

struct template_view {
    const struct json *model; /* a map */
    const struct words *words;
    enum words_lang lang;
};

/* Append a page to `out`. NOT_FOUND, with a message: there is no such template, name or word. INVALID: a name
 * stands for what cannot be shown so. TOO_LARGE. Any thread. */
enum err template_render(const struct template_set *set, const char *name,
                         const struct template_view *view, struct buf *out, struct errmsg *msg)
    MUST_CHECK;
/* Call `found` for each key of words that a template uses, as it is written there. */
void template_each_key(const struct template_set *set,
                       void (*found)(struct span key, const char *suffix, void *context),
                       void *context);
