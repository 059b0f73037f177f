/* SPDX-License-Identifier: Apache-2.0 */
/* Access to the root key, watched while a server runs: where it can end (a lease, a service, a token
 * that is pulled) and has ended for longer than its lease, the vault is sealed; when it is back, it
 * is unsealed. A rotation that stopped is tried again. */
#pragma once

#include <stdint.h>

#include "keys/keys.h"
#include "keys/rotation.h"
#include "vault/vault.h"

struct watch;

/* The keys were loaded just now. All are borrowed and outlive it. watch_free(). */
struct watch *watch_new(struct vault *vault, struct keys *keys, struct rotation *rotation);
void watch_free(struct watch **watch);
/* Look once, and seal or unseal as needed; logs what changed. Gives back after how many
 * milliseconds to look again (1 s to 10 minutes). Worker thread, one at a time; blocks as long as
 * the provider does. */
int64_t watch_pass(struct watch *watch);
