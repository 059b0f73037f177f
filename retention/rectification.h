/* SPDX-License-Identifier: Apache-2.0 */
/* Rectification (Art. 16): another value behind the same token, the old one destroyed. */
#pragma once

#include "base/err.h"
#include "retention/erasure.h"
#include "vault/vault.h"

/* Carry out `op` (vault.h: VAULT_RECTIFY) and cut the write-ahead log, so that no file of the store
 * holds the old ciphertext any more. BUSY: the new value is durable and is what everybody reads,
 * but a reader kept the log from being cut; carry it out again. Other errors: nothing changed.
 * Worker thread or command line; blocks. */
enum err rectification_run(struct erasures *erasures, struct vault_rectify *op) MUST_CHECK;
