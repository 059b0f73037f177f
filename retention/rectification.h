/* SPDX-License-Identifier: Apache-2.0 */
/* Rectification (Art. 16): another value behind the same token, the old one destroyed. */
#pragma once

#include "base/err.h"
#include "retention/erasure.h"
#include "vault/vault.h"

/* Whose value it is that `op` (vault.h: VAULT_RECTIFY) is to replace, of which class and kind: these are filled in,
 * and the new value is held against the kind. op->slot says whose it must be (0: whoever's), op->class_id its class
 * if that is known. Errors with a message. Worker thread or command line; blocks shortly. */
enum err rectification_look(struct vault *vault, struct vault_rectify *op,
                            struct vault_value *ret_value, struct errmsg *msg) MUST_CHECK;
/* Carry out `op`, as rectification_look() has filled it in, and cut the write-ahead log, so that no file of the
 * store holds the old ciphertext any more. BUSY: the new value is durable and is what everybody
 * reads, but a reader kept the log from being cut; carry it out again. Other errors, each with a message:
 * nothing changed. Worker thread or command line; blocks. */
enum err rectification_run(struct erasures *erasures, struct vault_rectify *op, struct errmsg *msg)
    MUST_CHECK;
