/* SPDX-License-Identifier: Apache-2.0 */
/* The bill of materials of this very program (supply/bom.cmake puts it in). */
#pragma once

#include "base/span.h"

/* CycloneDX 1.5 as JSON; static. */
struct span bom_text(void);
