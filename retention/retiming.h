/* SPDX-License-Identifier: Apache-2.0 */
/* A changed deletion rule and the values that are there: what it would do to them is previewed, and done when
 * somebody has confirmed the preview. Previews and runs are records of the store (VAULT_RECORD_RULE_RUN). */
#pragma once

#include "base/civil.h"
#include "base/err.h"
#include "base/json.h"
#include "base/span.h"
#include "vault/vault.h"

/* States of the records. */
enum retiming_state {
    RETIMING_PREVIEWED,
    RETIMING_RUNNING, /* confirmed; goes on after a crash */
    RETIMING_DONE,
    RETIMING_ENDED /* the rules changed on the way: values may have either due time, and need a new preview */
};

/* What the rules of `classes` would make of the values of each class whose values have other due times:
 *
 *   {"as_of", "zone", "digest": what retiming_apply() takes, null where there is nothing to do,
 *    "in_force": are these the rules for new values, "at_once": total,
 *    "classes": [{"class", "rule": {...}, "in_force", "values", "earlier", "later", "unchanged",
 *                 "at_once", "held": due as well, but kept by a hold}]}
 *
 * Exact, by reading the rows of these classes in one state of the database. Recorded. Errors with a message
 * where there is more to say. ret_tree: json_free(). Worker thread; blocks long. */
enum err retiming_preview(struct vault *v, const struct classes *classes, struct json **ret_tree,
                          struct errmsg *msg) MUST_CHECK;

/* Give the values of a previewed change their new due times, in batches between everything else; done when all
 * have them. What is due then the sweeper destroys. Refused with CONFLICT, and nothing changed, unless the rules in
 * force are those of the preview, and what it would destroy at once is no more than was previewed and has come
 * due since. One that was interrupted goes on; one that is done says so again:
 *
 *   {"digest", "state", "classes": [{"class", "version", "looked", "changed", "unreadable"}]}
 *
 * NOT_FOUND: no such preview. BUSY: another one is running. CANCELED: the server stops; it goes on at the
 * next start. Worker thread; blocks long. */
enum err retiming_apply(struct vault *v, struct span digest, struct json **ret_tree,
                        struct errmsg *msg) MUST_CHECK;

/* Go on with what was interrupted. Worker thread; blocks long. */
enum err retiming_resume(struct vault *v) MUST_CHECK;
