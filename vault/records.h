/* SPDX-License-Identifier: Apache-2.0 */
/* Books that operators keep in the vault: requests of persons, notices, runs, and whatever else is
 * entered, changes its state and is looked up later. A record's head is the same for all of them; what
 * it says stands in its body, JSON that the owner of its kind writes and reads. No personal data: whom
 * it is about is a key slot or a random id. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/span.h"
#include "vault/vault.h"

/* Numbers are kept in the database: add at the end. */
enum vault_record_kind {
    VAULT_RECORD_REQUEST = 1, /* requests of persons */
    VAULT_RECORD_NOTICE,      /* to recipients */
    VAULT_RECORD_RUN,         /* of the sweeper */
    VAULT_RECORD_RULE_RUN,    /* changes of deletion rules */
    VAULT_RECORD_EXPORT,      /* of a person's data */
    VAULT_RECORD_EVIDENCE,    /* evidence packs */
    VAULT_RECORD_RECOUNT,     /* counters against a full count */
    VAULT_RECORD_PROPOSAL,    /* of an operator, for somebody else to approve */
    VAULT_RECORD_ERASURE,     /* erasures that were asked for under a key */
    VAULT_RECORD_BACKUP,      /* the last */
    VAULT_RECORD_ANSWER,      /* to requests with an idempotency key, for a day */
    VAULT_RECORD_ACCESS_DAY,  /* the audit trail, added up */
    VAULT_RECORD_AUDIT_CHECK, /* the last verification of the audit trail */
    VAULT_RECORD_BULK,        /* how far a bulk job has come (bulk.h) */
    VAULT_RECORD_CHAT,        /* messages that came once, for an hour */
    VAULT_RECORD_RENEWAL,     /* values that get new tokens */
    VAULT_RECORD_REPAIR,      /* counters that were put right */
    VAULT_RECORD_KINDS        /* one past the last */
};

enum {
    VAULT_RECORD_KEY_MAX = 64,
    VAULT_RECORD_BODY_MAX = 65536,
    VAULT_RECORD_STATES = 64 /* a kind's states are below */
};

#define VAULT_RECORD_ANY UINT64_MAX /* records in whatever state */

struct vault_record {
    enum vault_record_kind kind;
    uint64_t number;                    /* from 1 within its kind, never given out twice */
    uint8_t id[VAULT_ID_BYTES];         /* random */
    uint64_t slot;                      /* the subject's; 0: nobody's */
    int64_t at_ms;                      /* made */
    int64_t changed_ms;                 /* written last */
    int64_t due_ms;                     /* somebody must look at it by then; 0: nobody must */
    unsigned state;                     /* the kind's own; below VAULT_RECORD_STATES */
    uint64_t version;                   /* from 1, one more with each change */
    char key[VAULT_RECORD_KEY_MAX + 1]; /* what makes it the same record when it comes again, one
                                         * within the kind; empty: nothing does */
    struct span body;                   /* at most VAULT_RECORD_BODY_MAX */
};

/* ---- writing ---- */

/* Any number of records, in one commit: all or none. A record without a number is new: number, id,
 * changed_ms and version: out, at_ms too when it is 0. One with a number takes the place of that record
 * if it has still the same version (out: version, changed_ms); at_ms, id and key stay as they were.
 * After them, the oldest of a kind are forgotten. Done = durable.
 * Errors, with nothing changed: CONFLICT (another version, or a key that is there already), NOT_FOUND,
 * TOO_LARGE (body), IO, NO_SPACE. */
struct vault_records_write {
    struct vault_op op; /* kind VAULT_RECORDS */
    struct vault_record *records;
    size_t count;
    size_t failed; /* out, on an error of a record: which */
    /* Counters that are put right and old tokens that are forgotten (recount.h) in the same commit, before. */
    const struct vault_recount_difference *repairs;
    size_t repair_count;

    enum vault_record_kind forget; /* 0: nothing */
    uint64_t forget_states;        /* bit n: those in state n */
    int64_t forget_before_ms;      /* changed last before that */
    size_t forget_limit;           /* at most */
    size_t forgotten;              /* out: as many as the limit means that there may be more */
};

/* Keep what is said last under a key: the record takes the place of the one of its kind and key that is there, or is
 * new. What the write says; CONFLICT when somebody else was faster. Done = durable. Blocks. */
enum err vault_record_keep(struct vault *vault, enum vault_record_kind kind, const char *key,
                           unsigned state, struct span body) MUST_CHECK;

/* ---- reading ---- */

/* A connection of its own for one thread: open it, look, close it; a few that were closed are kept for
 * the next. A record that was found holds a state of the database until the next call, so don't keep it
 * open while nothing is looked up. */
struct vault_records;

/* Any thread, not inside the writer's done. Also while the vault is sealed. Blocks shortly. */
enum err vault_records_open(struct vault *v, struct vault_records **ret_records) MUST_CHECK;
void vault_records_close(struct vault_records **records);

/* All of these: NOT_FOUND when there is none; ret->body is borrowed until the next call on `r`. */
enum err vault_record_get(struct vault_records *r, enum vault_record_kind kind, uint64_t number,
                          struct vault_record *ret) MUST_CHECK;
enum err vault_record_by_id(struct vault_records *r, enum vault_record_kind kind,
                            const uint8_t id[VAULT_ID_BYTES], struct vault_record *ret) MUST_CHECK;
enum err vault_record_by_key(struct vault_records *r, enum vault_record_kind kind, const char *key,
                             struct vault_record *ret) MUST_CHECK;
/* The one with the highest number. */
enum err vault_record_last(struct vault_records *r, enum vault_record_kind kind,
                           struct vault_record *ret) MUST_CHECK;
/* The first after `after` in the order of their numbers. */
struct vault_record_filter {
    enum vault_record_kind kind;
    uint64_t states; /* bit n: those in state n; VAULT_RECORD_ANY */
    uint64_t slot;   /* this subject's; 0: anybody's */
};
enum err vault_record_next(struct vault_records *r, const struct vault_record_filter *filter,
                           uint64_t after, struct vault_record *ret) MUST_CHECK;
/* The first that is due at until_ms, in the order in which they fall due, past `after` (NULL: from the
 * beginning; may be what was found last). */
enum err vault_record_next_due(struct vault_records *r, enum vault_record_kind kind,
                               int64_t until_ms, const struct vault_record *after,
                               struct vault_record *ret) MUST_CHECK;
/* The first that was made before to_ms, in the order in which they were made, past at_ms and number of `after`
 * (may be what was found last). */
enum err vault_record_next_made(struct vault_records *r, enum vault_record_kind kind, int64_t to_ms,
                                const struct vault_record *after, struct vault_record *ret)
    MUST_CHECK;
/* How many there are in each state, and how many of all are due at until_ms. */
enum err vault_records_count(struct vault_records *r, enum vault_record_kind kind,
                             uint64_t ret[VAULT_RECORD_STATES]) MUST_CHECK;
enum err vault_records_count_due(struct vault_records *r, enum vault_record_kind kind,
                                 int64_t until_ms, uint64_t *ret) MUST_CHECK;
