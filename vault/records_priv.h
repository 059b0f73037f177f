/* SPDX-License-Identifier: Apache-2.0 */
/* The books of operators (records.h) in the database. Functions as of store_priv.h. */
#pragma once

#include "vault/records.h"
#include "vault/store_priv.h"

/* Make their tables, where they are missing. The writer's connection, outside a transaction. */
enum err store_records_prepare(struct store *s) MUST_CHECK;
/* number: out. The caller has seen that its key is not there yet. */
enum err store_record_add(struct store *s, struct vault_record *record) MUST_CHECK;
/* Everything but at_ms, id and key of the record with that number. */
enum err store_record_change(struct store *s, const struct vault_record *record) MUST_CHECK;
enum err store_records_forget(struct store *s, enum vault_record_kind kind, uint64_t states,
                              int64_t before_ms, size_t limit, size_t *ret_count) MUST_CHECK;

/* ret->body: borrowed until the next call on this store. */
enum err store_record_get(struct store *s, enum vault_record_kind kind, uint64_t number,
                          struct vault_record *ret) MUST_CHECK;
enum err store_record_by_id(struct store *s, enum vault_record_kind kind,
                            const uint8_t id[VAULT_ID_BYTES], struct vault_record *ret) MUST_CHECK;
enum err store_record_by_key(struct store *s, enum vault_record_kind kind, const char *key,
                             struct vault_record *ret) MUST_CHECK;
enum err store_record_last(struct store *s, enum vault_record_kind kind, struct vault_record *ret)
    MUST_CHECK;
enum err store_record_next(struct store *s, const struct vault_record_filter *filter,
                           uint64_t after, struct vault_record *ret) MUST_CHECK;
enum err store_record_next_due(struct store *s, enum vault_record_kind kind, int64_t until_ms,
                               int64_t after_ms, uint64_t after, struct vault_record *ret)
    MUST_CHECK;
enum err store_record_next_made(struct store *s, enum vault_record_kind kind, int64_t to_ms,
                                const struct vault_record *after, struct vault_record *ret)
    MUST_CHECK;
enum err store_records_count(struct store *s, enum vault_record_kind kind,
                             uint64_t ret[VAULT_RECORD_STATES]) MUST_CHECK;
enum err store_records_count_due(struct store *s, enum vault_record_kind kind, int64_t until_ms,
                                 uint64_t *ret) MUST_CHECK;
