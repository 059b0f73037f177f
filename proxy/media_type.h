/* SPDX-License-Identifier: Apache-2.0 */
/* What a body says it is. Pure. */
#pragma once

#include <stdbool.h>

#include "base/span.h"

/* Is a Content-Type JSON that the reader can read: application/json or anything +json (RFC 6839),
 * with no charset or utf-8, once? */
bool media_type_is_json(struct span content_type);
