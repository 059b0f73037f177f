/* SPDX-License-Identifier: Apache-2.0 */
/* What a vault holds in memory of vault/watch.h. */
#pragma once

#include "vault/vault_priv.h"
#include "vault/watch.h"

struct watch *vault__watch_new(void);
void vault__watch_free(struct watch **watch);
/* Take in what the database knows. */
enum err vault__watch_load(struct watch *w, struct store *s) MUST_CHECK;
