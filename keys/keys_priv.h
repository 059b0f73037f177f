/* SPDX-License-Identifier: Apache-2.0 */
/* Keys made of providers that were not read from a configuration. */
#pragma once

#include "keys/keys.h"

/* Takes the providers over; previous may be NULL. Rotation: P90D. keys_free(). */
struct keys *keys__new(struct provider *current, struct provider *previous);
