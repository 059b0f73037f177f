/* SPDX-License-Identifier: Apache-2.0 */
/* The limits of base/limits.def as constants: LIMIT_REQUEST_BODY_MAX and so on. */
#pragma once

enum limit {
#define LIMIT(name, value, reason) LIMIT_##name = (value),
#include "base/limits.def"
#undef LIMIT
};
