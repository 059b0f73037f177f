/* SPDX-License-Identifier: Apache-2.0 */
/* Purges within the vault: what the store keeps of them, and which classes are paused. */
#pragma once

#include <stdatomic.h>

#include "vault/purges.h"
#include "vault/store_priv.h"

/* ---- store_sqlite_purges.c ---- */

/* Make their tables, where they are missing. The writer's connection, outside a transaction. */
enum err store_purges_prepare(struct store *s) MUST_CHECK;
/* Count one batch. */
enum err store_purge_count(struct store *s, const struct vault_purge_figures *batch) MUST_CHECK;
enum err store_purge_figures_next(struct store *s, int64_t run, uint16_t class_id,
                                  struct vault_purge_figures *ret) MUST_CHECK;
enum err store_purge_forget(struct store *s, int64_t before_run) MUST_CHECK;
enum err store_foreseen_put(struct store *s, const struct vault_purge_foreseen *foreseen)
    MUST_CHECK;
/* NOT_FOUND: nothing was foreseen yet. */
enum err store_foreseen_get(struct store *s, uint16_t class_id, struct vault_purge_foreseen *ret)
    MUST_CHECK;
/* So many more values may be due than was foreseen: somebody has seen to it. */
enum err store_foreseen_allow(struct store *s, uint16_t class_id, uint64_t n) MUST_CHECK;
enum err store_pause_put(struct store *s, const struct vault_purge_pause *pause) MUST_CHECK;
enum err store_pause_delete(struct store *s, uint16_t class_id) MUST_CHECK;
/* The first class past `after`; NOT_FOUND past the last. */
enum err store_pause_next(struct store *s, uint16_t after, struct vault_purge_pause *ret)
    MUST_CHECK;

/* ---- purges.c ---- */

/* Which classes are paused: written by the writer, read by any thread. */
struct purges;

struct purges *vault__purges_new(void);
void vault__purges_free(struct purges **purges);
enum err vault__purges_load(struct purges *p, struct store *s) MUST_CHECK;
