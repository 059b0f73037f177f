/* SPDX-License-Identifier: Apache-2.0 */
/* What the sweeper will have destroyed by some day, if nothing else happens: from counters, without a scan. */
#pragma once

#include "base/civil.h"
#include "base/err.h"
#include "base/json.h"
#include "vault/vault.h"

struct simulation {
    struct vault_reader *reader; /* outside of a read transaction */
    const struct vault *vault;
    const struct classes *classes;
    int64_t now_s;
    struct civil at;
};

/* Values of each class that are due by the end of `at`, by the day they fall due:
 *
 *   {"as_of", "at", "zone": "UTC", "due": total,
 *    "classes": [{"class", "values", "due", "left", "days": [{"day", "values"}]}]}
 *
 * Days are UTC, as the counters are. INVALID: the day has gone. TOO_LARGE: more days than a report has rows.
 * ret_tree: json_free(). Blocks shortly. */
enum err simulation_make(const struct simulation *s, struct json **ret_tree, struct errmsg *msg)
    MUST_CHECK;
