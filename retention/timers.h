/* SPDX-License-Identifier: Apache-2.0 */
/* Due times that an event has not reached yet. */
#pragma once

#include <stdatomic.h>

#include "base/err.h"
#include "vault/vault.h"

/* Finish what an event began for persons with many rows, also before a crash. One thread at a time; a worker's;
 * blocks. stop (may be NULL) ends it after the batch it is in; the next call goes on. */
enum err timers_finish(struct vault *v, const atomic_bool *stop) MUST_CHECK;
