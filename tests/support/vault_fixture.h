/* SPDX-License-Identifier: Apache-2.0 */
/* A throwaway store in a temporary directory, for tests of whatever stands on the vault. */
#pragma once

#include "vault/vault.h"

enum { FIXTURE_CLASSES = 4, FIXTURE_DOMAINS = 3 };

struct vault_fixture {
    char base[32]; /* the temporary directory */
    char dir[48];  /* the store in it */
    struct root_key root;
    struct root_key next; /* opened with, too, while its bytes are there */
    struct class_def defs[FIXTURE_CLASSES];
    struct classes classes;
    char *domain_names[FIXTURE_DOMAINS]; /* "default", "crm", "analytics" */
    struct domains domains;
    const char *mirror; /* of the ledger; NULL unless a test sets it */
    struct vault *v;
    struct vault_reader *r;
    struct errmsg msg;
    /* ids of the classes below in this store */
    uint16_t note;  /* opaque, random, P90D */
    uint16_t email; /* email, deterministic, identifies, P2Y */
    uint16_t phone; /* opaque, deterministic, P1Y */
    uint16_t brief; /* opaque, random, PT10S */
    uint16_t crm;   /* and of the domains; the default one is VAULT_DOMAIN_DEFAULT */
    uint16_t analytics;
};

/* Make a store and open it with a reader; aborts with the message when that fails. */
void fixture_start(struct vault_fixture *f);
/* The same without opening. */
void fixture_make(struct vault_fixture *f);
/* Open, with reader; what fails comes back, msg in f->msg. */
enum err fixture_open(struct vault_fixture *f) MUST_CHECK;
/* Close reader and vault, keep the files. */
void fixture_close(struct vault_fixture *f);
/* Close and remove everything. */
void fixture_end(struct vault_fixture *f);
/* DIR/name inside the store; good until the next call but one. */
const char *fixture_path(const struct vault_fixture *f, const char *name);

/* One value of one named subject ("" or NULL: anonymous). */
enum err fixture_tokenize(struct vault_fixture *f, uint16_t class_id, const char *subject,
                          const char *value, struct token_text *ret) MUST_CHECK;
/* Reveal in a read transaction of its own; the value as a string, for comparisons in tests. */
enum err fixture_reveal(struct vault_fixture *f, const struct token_text *token, char *out,
                        size_t size) MUST_CHECK;
/* The value behind a token equals `expected`. */
bool fixture_reveals(struct vault_fixture *f, const struct token_text *token, const char *expected);
/* Look a subject up in a read transaction of its own. */
enum err fixture_subject(struct vault_fixture *f, const char *name, uint64_t *ret_slot) MUST_CHECK;
/* Erase; the erasure is the caller's. */
enum err fixture_erase(struct vault_fixture *f, const char *subject, struct vault_erasure *ret)
    MUST_CHECK;
/* Sweep an erased subject to the end; rows deleted. */
enum err fixture_sweep(struct vault_fixture *f, uint64_t slot, size_t *ret_deleted) MUST_CHECK;
/* Purge one batch of a class at the clock's time. */
enum err fixture_purge(struct vault_fixture *f, uint16_t class_id, size_t limit,
                       size_t *ret_deleted) MUST_CHECK;
struct vault_class_stats fixture_stats(struct vault_fixture *f, uint16_t class_id);
/* A token of a class (not a typed one) that stands for nothing. */
struct token_text fixture_decoy(struct vault_fixture *f, uint16_t class_id);
struct span fixture_span(const struct token_text *token);
