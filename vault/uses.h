/* SPDX-License-Identifier: Apache-2.0 */
/* Uses of values whose deletion rule counts from the last one (`retain: {from: last_used}`). Written down
 * seldom: only when a use moves the start by more than the rule's granularity. */
#pragma once

#include "vault/vault.h"

/* The value that vault_reveal_as() gave back was used. Between begin and end of the same read transaction;
 * does not block: what is worth writing goes to the writer when the transaction ends. Of a value whose
 * `use_row` is 0 it need not be said. */
void vault_use(struct vault_reader *r, const struct vault_value *value);
/* vault_find(), and finding it is a use: the value was stored again. */
enum err vault_find_use(struct vault_reader *r, uint16_t domain, uint64_t subject_slot,
                        struct vault_item *item) MUST_CHECK;
