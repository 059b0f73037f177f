/* SPDX-License-Identifier: Apache-2.0 */
/* Tokenizing, shared by its files: tokenize.c (all classes), tokenize_typed.c (typed tokens). */
#pragma once

#include "vault/writer_priv.h"

/* One operation while it is served. */
struct request {
    struct vault_tokenize *op;
    const uint8_t *index_key;
    uint8_t macs[VAULT_NAMES_MAX][CRYPTO_MAC_BYTES];
    bool known[VAULT_NAMES_MAX];
    uint64_t slot; /* 0: a new subject */
    uint8_t subject[VAULT_ID_BYTES];
    int64_t now_s;
    uint16_t due_class; /* whose values fall due at due_s */
    int64_t due_s;
    int64_t start_s;   /* ... counted from then; 0: from now */
    size_t plan_count; /* typed items; their plans are the writer's */
};

/* What is known of the token that stands for a value of a deterministic class. */
struct shared {
    uint64_t token_row;
    uint8_t salt[TOKEN_SALT_BYTES];
    bool own;   /* this subject has a live row under it */
    bool alive; /* somebody has */
};

/* NOT_FOUND: there is no such token. Writes nothing. */
enum err vault__find_shared(struct writer *w, const struct request *r, const struct store_class *c,
                            const uint8_t fingerprint[CRYPTO_MAC_BYTES], struct shared *ret)
    MUST_CHECK;
/* The row that item `number`, of a random class, has already (op->rows). NOT_FOUND: it has none, or that is over,
 * or somebody else's by now. */
enum err vault__find_again(struct writer *w, const struct request *r, size_t number,
                           struct store_row *ret) MUST_CHECK;
/* Seal a value and store its row; row->id and row->salt are set, and row->revision when the salt is
 * that of a token that was there before. */
enum err vault__put_row(struct writer *w, struct request *r, const struct vault_item *item,
                        struct store_row *row) MUST_CHECK;

/* Look at every typed value of the operation and take the numbers it needs, before anything is
 * written. On an error nothing is taken: UNPROCESSABLE, CONFLICT (a value that looks like a token),
 * EXHAUSTED, and what the store says. */
enum err vault__typed_plan(struct writer *w, struct request *r) MUST_CHECK;
/* Store item `number` as it was planned. */
enum err vault__typed_put(struct writer *w, struct request *r, size_t number) MUST_CHECK;
/* Wipe the plans: they hold blind indexes. */
void vault__typed_forget(struct writer *w, struct request *r);
