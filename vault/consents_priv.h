/* SPDX-License-Identifier: Apache-2.0 */
/* What the store keeps of consent (store_sqlite_consent.c). */
#pragma once

#include "vault/consents.h"
#include "vault/store_priv.h"

/* Make the table where it is missing. The writer's connection, outside a transaction. */
enum err store_consent_prepare(struct store *s) MUST_CHECK;
/* A new one that counts from recorded_ms on, in the place of the one before. number: out. */
enum err store_consent_add(struct store *s, const uint8_t hash[STORE_PURPOSE_BYTES],
                           struct vault_consent *consent) MUST_CHECK;
/* The effect of a withdrawal is there. NOT_FOUND: no such one that waits for it. */
enum err store_consent_done(struct store *s, uint64_t number, int64_t now_ms) MUST_CHECK;
enum err store_consent_next(struct store *s, uint64_t after, struct vault_consent *ret) MUST_CHECK;
enum err store_consent_pending(struct store *s, uint64_t after, struct vault_consent *ret)
    MUST_CHECK;
/* Is it taken back? NOT_FOUND: neither given nor taken back. */
enum err store_consent_on(struct store *s, uint64_t slot, const uint8_t hash[STORE_PURPOSE_BYTES],
                          bool *ret_withdrawn) MUST_CHECK;
/* Are there purposes, of consent or objections, that the ledger knew by their hash only? And this one's name. */
enum err store_purposes_unnamed(struct store *s, bool *ret) MUST_CHECK;
enum err store_purpose_name(struct store *s, const uint8_t hash[STORE_PURPOSE_BYTES],
                            const char *name) MUST_CHECK;
/* Withdrawals in force, of a subject; of_slot 0: of everybody. */
enum err store_consents_open(struct store *s, uint64_t of_slot,
                             void (*fn)(void *context, uint64_t slot,
                                        const uint8_t hash[STORE_PURPOSE_BYTES],
                                        const char *purpose),
                             void *context) MUST_CHECK;
enum err store_consents_count(struct store *s, uint64_t *ret_withdrawn) MUST_CHECK;
enum err store_consents_sum(struct store *s, const char *purpose, struct vault_consent_sum *ret)
    MUST_CHECK;
/* What counts of a subject counts of the one that his values are moved to. */
enum err store_consents_copy(struct store *s, uint64_t from, uint64_t to,
                             const uint8_t subject[VAULT_ID_BYTES]) MUST_CHECK;
enum err store_consents_end(struct store *s, uint64_t slot, int64_t now_ms) MUST_CHECK;
