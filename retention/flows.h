/* SPDX-License-Identifier: Apache-2.0 */
/* Who receives data of which class, and in which form, as a configuration declares it: for the records of processing
 * (Art. 30(1)(d)) and for answers to persons (Art. 15(1)(c)). */
#pragma once

#include "base/conf.h"
#include "base/json.h"
#include "vault/classes.h"

/* From `routes:`, `callers:` and `recipients:` of a configuration's root, as far as they can be read (whoever reads them
 * to use them refuses what is wrong), one entry for each recipient, class and form:
 *
 *   {"recipient", "kind": "upstream", "third_party" or "caller", "class", "form": "value", "mask" or "token",
 *    "purposes": [...], "routes": how many, "told_as": [names of `recipients:`],
 *    "senders": [callers that may send it to a third party]}
 *
 * An upstream receives tokens of what the fields of its routes declare; a third party (egress) values that a caller may
 * see; a caller what its `reveal` says of what answers hold. Tokens of a field that is scanned for those of any class are
 * one entry, FLOWS_ANY_CLASS; so are those of a caller where one for each caller and class would be thousands. At most
 * LIMIT_REPORT_ROWS_MAX and one more. Caller frees with json_free(). */
#define FLOWS_ANY_CLASS "any class"
struct json *flows_read(struct conf_node root, const struct classes *classes);
