/* SPDX-License-Identifier: Apache-2.0 */
/* A record of the audit trail as JSON, for operators and for evidence packs. */
#pragma once

#include "base/json.h"
#include "vault/audit.h"

/* {"number", "time", "action", "outcome", "role", ..., "people", "classes": [{"class", "values", "masks",
 * "tokens"}], "configuration"}: what the record does not say is left out. Counts of people, not who they are.
 * Caller frees with json_free(). Any thread; does not block. */
struct json *audit_json(const struct vault *vault, const struct audit_record *record);
