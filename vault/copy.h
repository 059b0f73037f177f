/* SPDX-License-Identifier: Apache-2.0 */
/* Looking at a copy of a store from outside: a live one, a backup put back, an image that was mounted.
 * Nothing is written into its folder and nothing in it is believed: keys.slab is read byte by byte,
 * vault.db through a connection that cannot write, ledger.log record by record. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "vault/rootkey.h"
#include "vault/vault.h"

/* The erasure that is asked about, as its receipt says. */
struct vault_copy_erasure {
    uint8_t store[VAULT_ID_BYTES];
    uint8_t id[VAULT_ID_BYTES];
    uint8_t subject[VAULT_ID_BYTES];
    uint64_t slot;
    uint64_t ledger_seq;
    uint8_t ledger_head[VAULT_HEAD_BYTES];
};

enum vault_copy_state {
    VAULT_COPY_MISSING,
    VAULT_COPY_READ,
    VAULT_COPY_DAMAGED, /* cannot be read as what it should be */
    VAULT_COPY_FOREIGN  /* of another store */
};

/* What became of the subject's key. */
enum vault_copy_key {
    VAULT_COPY_KEY_NONE,    /* no file holds it */
    VAULT_COPY_KEY_WRAPPED, /* it is there, wrapped under a root key that was not given */
    VAULT_COPY_KEY_DEAD, /* ... under one that is not among those given, or is not the right one */
    VAULT_COPY_KEY_OPEN  /* a root key that was given opens it */
};

struct vault_copy_report {
    enum vault_copy_state keys; /* keys.slab */
    bool slot_zero;             /* the erased slot holds zeroes, or the file ends before it */
    enum vault_copy_key key;
    uint32_t key_epoch; /* unless NONE: of the root key that it is wrapped under */
    char key_file[64];  /* unless NONE: where it stands */

    enum vault_copy_state rows; /* vault.db */
    uint64_t rows_left;         /* of the subject, in all classes */
    uint64_t names_left;        /* identifiers that lead to it, as blind indexes */
    uint64_t rows_tried;        /* with every key that could be had */
    uint64_t keys_tried;
    uint64_t rows_opened;

    enum vault_copy_state ledger; /* ledger.log */
    uint64_t ledger_entries;
    bool ledger_knows;  /* the entry stands there, as the receipt has it */
    bool ledger_closed; /* and the one that says it was swept and verified */
    bool in_use;        /* another process had the store open meanwhile */
};

/* Look. roots: NULL when none are at hand; no key is opened then. Errors, with a message: NOT_FOUND
 * (`dir` holds no file of a store), IO (something cannot be read), NO_SPACE (a copy of vault.db is
 * needed, since its log is not empty, and TMPDIR has no room for it). What is damaged is no error: the
 * report says so. Any thread; blocks long (every file is read). */
enum err vault_copy_examine(const char *dir, const struct vault_copy_erasure *about,
                            const struct root_keys *roots, struct vault_copy_report *ret,
                            struct errmsg *msg) MUST_CHECK;
