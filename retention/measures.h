/* SPDX-License-Identifier: Apache-2.0 */
/* Which safeguards a configuration switches on, for the impact assessment (Art. 35(7)(d)). */
#pragma once

#include "base/conf.h"
#include "base/json.h"

/* From a configuration's root, as far as it can be read (whoever reads a section to use it refuses what is wrong):
 *
 *   {"listener": is there an admin listener, "four_eyes": BOOL, "key_rotation": "P90D",
 *    "breaker": {"at_least", "factor", "percent"}, "audit_waits": BOOL, "audit_heads": BOOL, "audit_keep": TEXT or null,
 *    "ledger_mirror": BOOL, "default_pass": BOOL, "routes", "watched": those with `undeclared` alert or block,
 *    "callers", "quotas": those with a quota, "sandbox": BOOL}
 *
 * Caller frees with json_free(). */
struct json *measures_read(struct conf_node root);
