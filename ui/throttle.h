/* SPDX-License-Identifier: Apache-2.0 */
/* How often somebody may try in a minute. Who tries is a text that is not kept: those that share a place share its
 * count. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

struct throttle;

struct throttle *throttle_new(void);
void throttle_free(struct throttle **throttle);
/* Count a try that went wrong. Any thread. */
void throttle_count(struct throttle *throttle, struct span who, int64_t now_ms);
/* Were there `limit` in the last minute? Any thread. */
bool throttle_is_tired(struct throttle *throttle, struct span who, unsigned limit, int64_t now_ms);
