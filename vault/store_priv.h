/* SPDX-License-Identifier: Apache-2.0 */
/* What the vault asks of its database: rows of ciphertext, blind indexes and counters, in one
 * connection that belongs to one thread. No keys, no clear values, no cryptography: it is storage
 * that the vault does not trust. Behind it stands SQLite (store_sqlite*.c).
 *
 * Errors everywhere: IO, NO_SPACE (disk full), BUSY (locked for too long), CORRUPT. After one of
 * these store_failed() is true until the transaction is rolled back. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/span.h"
#include "vault/crypto_priv.h"
#include "vault/domains.h"

struct store;

/* SNAPSHOT: a reader of a file that nobody changes and that has no log; nothing is made beside it. */
enum store_role { STORE_WRITER, STORE_READER, STORE_SNAPSHOT };

/* ---- opening ---- */

/* A new, empty database file. */
enum err store_create(const char *path, const uint8_t store_id[VAULT_ID_BYTES], struct errmsg *msg)
    MUST_CHECK;
/* CORRUPT with a message when it is no store of ours, newer, or another store's. */
enum err store_open(const char *path, enum store_role role, const uint8_t store_id[VAULT_ID_BYTES],
                    struct store **ret_store, struct errmsg *msg) MUST_CHECK;
void store_close(struct store **store);

/* ---- transactions ---- */

enum err store_begin(struct store *s) MUST_CHECK;
/* Durable on OK. On an error the transaction has been rolled back. */
enum err store_commit(struct store *s) MUST_CHECK;
void store_rollback(struct store *s);
/* Count commits there, each before store_commit() returns. */
void store_count_commits(struct store *s, atomic_uint *commits);
/* A statement failed since store_begin(): nothing of the transaction may stay. */
bool store_failed(const struct store *s);

/* Readers: look-ups between the two see one state. Cheap when there is one look-up only. */
void store_read_begin(struct store *s);
void store_read_end(struct store *s);

/* Pages in the write-ahead log after the last commit of this connection. */
int store_wal_pages(const struct store *s);
/* Copy the log into the database as far as readers allow; never waits. */
enum err store_checkpoint(struct store *s) MUST_CHECK;
/* The same, whole, and cut the log to nothing. BUSY when a reader or checkpoint is in the way. */
enum err store_truncate(struct store *s) MUST_CHECK;

/* ---- copies ---- */

/* Look-ups on this connection see one state from here to store_snapshot_end(); checkpoints go on, but
 * the log is not cut meanwhile. */
enum err store_snapshot_begin(struct store *s) MUST_CHECK;
void store_snapshot_end(struct store *s);
/* Copy the snapshot page by page into `fd`, an empty new file whose path is `to`. Syncs as it goes, so
 * that the medium is never asked for much at once. Asks stop() now and then: CANCELED when it says so. */
enum err store_copy(struct store *s, const char *to, int fd, bool (*stop)(const void *context),
                    const void *context) MUST_CHECK;
/* Is a file that nobody has open a sound database? CORRUPT when it is not; CANCELED as above. */
enum err store_check(const char *path, bool (*stop)(const void *context), const void *context)
    MUST_CHECK;

/* ---- what the store remembers of itself ---- */

#define STORE_META_LEDGER_SEQ  "ledger_seq"
#define STORE_META_LEDGER_HEAD "ledger_head"
#define STORE_META_SUBJECTS    "subjects"
#define STORE_META_TIME        "time"
#define STORE_META_LEAPT       "leapt" /* how far operators have let the clock leap, in all; ms */

enum err store_meta_int(struct store *s, const char *key, int64_t *ret) MUST_CHECK;
enum err store_meta_set_int(struct store *s, const char *key, int64_t value) MUST_CHECK;
enum err store_meta_add(struct store *s, const char *key, int64_t delta) MUST_CHECK;
enum err store_meta_hash(struct store *s, const char *key, uint8_t ret[CRYPTO_HASH_BYTES])
    MUST_CHECK;
enum err store_meta_set_hash(struct store *s, const char *key,
                             const uint8_t hash[CRYPTO_HASH_BYTES]) MUST_CHECK;

/* ---- classes ---- */

struct store_class {
    uint16_t id; /* 0: there is none */
    uint16_t domain;
    enum token_format format;
    bool deterministic;
    bool ordered; /* row order is due order: no index on the due time */
    /* Not in the store: a use that moves the start by so much is written down; 0: none is. */
    int64_t use_granularity_s;
    char name[CLASS_NAME_MAX + 1];
    char period[RULE_TIMING_MAX];    /* what due times of new rows follow from: rule_timing() */
    char spec[FORMAT_SPEC_TEXT_MAX]; /* format and options; empty unless the format is typed */
};

/* Every class, each put at its id in `ret`. CORRUPT on an id past CLASSES_MAX. */
enum err store_classes_read(struct store *s, struct store_class ret[CLASSES_MAX + 1]) MUST_CHECK;
/* Add a class and its tables, with the index that purging needs if it is not ordered. */
enum err store_class_add(struct store *s, const struct store_class *c) MUST_CHECK;
/* The period as the configuration has it now. */
enum err store_class_set_period(struct store *s, uint16_t id, const char *period) MUST_CHECK;
/* Row order is no longer due order: make the index that purging needs then. */
enum err store_class_disorder(struct store *s, const struct store_class *c) MUST_CHECK;
/* Forget an empty class: its tables, its sequences and its entry. */
enum err store_class_drop(struct store *s, const struct store_class *c) MUST_CHECK;
enum err store_class_is_empty(struct store *s, const struct store_class *c, bool *ret) MUST_CHECK;

/* ---- sequences: the numbers of typed tokens, one sequence a shape ---- */

struct store_sequence {
    uint8_t id[CRYPTO_MAC_BYTES];
    uint16_t class_id;
    uint32_t index; /* from 1, within the class: upper part of its rows' numbers */
    uint64_t room;  /* numbers it has for values: [0, room) */
    uint64_t next;  /* numbers below are given out */
    uint8_t mac[CRYPTO_MAC_BYTES];
};

enum err store_sequence_put(struct store *s, const struct store_sequence *sequence) MUST_CHECK;
/* Each of them, in no order. */
enum err store_sequence_each(struct store *s,
                             enum err (*fn)(const struct store_sequence *sequence, void *context),
                             void *context) MUST_CHECK;

/* ---- domains ---- */

struct store_domain {
    uint16_t id;
    uint64_t slot; /* where its index key lies in the slab */
    char name[DOMAIN_NAME_MAX + 1];
};

/* CORRUPT when the number or the name is taken. */
enum err store_domain_add(struct store *s, const struct store_domain *domain) MUST_CHECK;
/* The first domain with a number of at least `from`; NOT_FOUND past the last. */
enum err store_domain_next(struct store *s, uint32_t from, struct store_domain *ret) MUST_CHECK;
/* Has it any subject? Reads all subjects when it has none. */
enum err store_domain_is_used(struct store *s, uint16_t domain, bool *ret) MUST_CHECK;

/* ---- subjects and their names ---- */

struct store_subject {
    uint64_t slot;
    uint8_t id[VAULT_ID_BYTES];
    uint16_t domain;
    int64_t created_s;
};

enum err store_subject_add(struct store *s, const struct store_subject *subject) MUST_CHECK;
enum err store_subject_get(struct store *s, uint64_t slot, struct store_subject *ret) MUST_CHECK;
enum err store_subject_delete(struct store *s, uint64_t slot) MUST_CHECK;
/* The highest slot that a subject has; 0 when there is none. */
enum err store_subject_last(struct store *s, uint64_t *ret_slot) MUST_CHECK;
/* Subjects whose last value is gone and whose keys are about to go: remembered in the transaction that
 * deletes it, since a crash may come in between. prepare: the table, where it is missing; the writer's
 * connection, outside a transaction. next: NOT_FOUND past the last. */
enum err store_ended_prepare(struct store *s) MUST_CHECK;
enum err store_ended_put(struct store *s, uint64_t slot) MUST_CHECK;
enum err store_ended_next(struct store *s, uint64_t after, uint64_t *ret_slot) MUST_CHECK;
enum err store_ended_forget(struct store *s) MUST_CHECK;

enum err store_name_get(struct store *s, const uint8_t mac[CRYPTO_MAC_BYTES], uint64_t *ret_slot)
    MUST_CHECK;
enum err store_name_put(struct store *s, const uint8_t mac[CRYPTO_MAC_BYTES], uint64_t slot)
    MUST_CHECK;
/* Forget one name, if it leads to this subject. */
enum err store_name_forget(struct store *s, const uint8_t mac[CRYPTO_MAC_BYTES], uint64_t slot)
    MUST_CHECK;
enum err store_names_delete(struct store *s, uint64_t slot) MUST_CHECK;
/* Every name of one subject becomes another's. */
enum err store_names_move(struct store *s, uint64_t slot, uint64_t target) MUST_CHECK;
enum err store_names_count(struct store *s, uint64_t slot, uint64_t *ret) MUST_CHECK;

/* ---- rows ---- */

struct store_row {
    uint64_t id;
    uint64_t token_row; /* deterministic classes: the row number that the token names */
    uint64_t slot;      /* whose it is */
    int64_t created_s;
    int64_t due_s;
    int64_t start_s;   /* what due_s was counted from (timer.h); 0: from the creation */
    uint64_t revision; /* 0: sealed under the row's own number. Random classes: written as 0 */
    uint8_t salt[TOKEN_SALT_BYTES];
    struct span sealed; /* read: borrowed until the next call on this store */
};

/* Inside a transaction. The row may wait for others until the next look into its class or the
 * commit, which then fail in its place. */
enum err store_row_add(struct store *s, const struct store_class *c, const struct store_row *row)
    MUST_CHECK;
/* Random classes: the row that a token names. */
enum err store_row_get(struct store *s, const struct store_class *c, uint64_t id,
                       struct store_row *ret) MUST_CHECK;

/* Deterministic classes: equal values share one token, each owner has a row of its own. */
enum err store_shared_find(struct store *s, const struct store_class *c,
                           const uint8_t fingerprint[CRYPTO_MAC_BYTES], uint64_t *ret_token_row,
                           uint8_t ret_salt[TOKEN_SALT_BYTES]) MUST_CHECK;
enum err store_shared_add(struct store *s, const struct store_class *c, uint64_t token_row,
                          const uint8_t salt[TOKEN_SALT_BYTES],
                          const uint8_t fingerprint[CRYPTO_MAC_BYTES]) MUST_CHECK;
enum err store_shared_delete(struct store *s, const struct store_class *c, uint64_t token_row)
    MUST_CHECK;
/* Delete it when no owner has a row left. */
enum err store_shared_trim(struct store *s, const struct store_class *c, uint64_t token_row)
    MUST_CHECK;
/* Put another ciphertext in a row's place, and move a token to another value's fingerprint. */
enum err store_row_revise(struct store *s, const struct store_class *c, uint64_t id,
                          uint64_t revision, struct span sealed) MUST_CHECK;
enum err store_shared_revise(struct store *s, const struct store_class *c, uint64_t token_row,
                             const uint8_t fingerprint[CRYPTO_MAC_BYTES]) MUST_CHECK;
/* One owner's rows under a token, the one that lives longest first. */
enum err store_owner_get(struct store *s, const struct store_class *c, uint64_t token_row,
                         uint64_t slot, struct store_row *ret) MUST_CHECK;

/* Cursors: start, then store_next() until NOT_FOUND or until enough is seen. One at a time. */
enum err store_owners(struct store *s, const struct store_class *c, uint64_t token_row) MUST_CHECK;
enum err store_rows_of(struct store *s, const struct store_class *c, uint64_t slot) MUST_CHECK;
enum err store_next(struct store *s, struct store_row *ret) MUST_CHECK;

/* A subject's first row past number `after`, and handing a row over to another one, sealed anew. */
enum err store_row_after(struct store *s, const struct store_class *c, uint64_t slot,
                         uint64_t after, struct store_row *ret) MUST_CHECK;
enum err store_row_move(struct store *s, const struct store_class *c, const struct store_row *row)
    MUST_CHECK;

enum err store_rows_count(struct store *s, const struct store_class *c, uint64_t slot,
                          int64_t due_after_s, uint64_t *ret) MUST_CHECK;
/* The last row's number and due time; both 0 when there is none. */
enum err store_row_last(struct store *s, const struct store_class *c, uint64_t *ret_id,
                        int64_t *ret_due_s) MUST_CHECK;
enum err store_class_has(struct store *s, const struct store_class *c, uint64_t slot, bool *ret)
    MUST_CHECK;

/* When a row is due, and why. */
struct store_timer {
    uint64_t id;
    uint64_t slot;
    int64_t created_s;
    int64_t due_s;
    int64_t start_s;
};

/* Up to `limit` rows of a person (slot 0: of everybody) after a row, in the order of their numbers. */
struct store_timer_cursor {
    uint64_t slot;
    uint64_t after;
    size_t limit;
};
enum err store_timers(struct store *s, const struct store_class *c,
                      const struct store_timer_cursor *from, struct store_timer *ret,
                      size_t *ret_count) MUST_CHECK;
/* One row by its own number, whatever the class. */
enum err store_row_at(struct store *s, const struct store_class *c, uint64_t id,
                      struct store_row *ret) MUST_CHECK;
/* The row's due time, start, revision and ciphertext take the place of what is stored of it. */
enum err store_row_retime(struct store *s, const struct store_class *c, const struct store_row *row)
    MUST_CHECK;

/* What a deleted row was, for the counters and what hangs on it. */
struct store_gone {
    uint64_t token_row; /* deterministic classes: as in struct store_row; others: its own number */
    uint64_t slot;
    int64_t created_s;
    int64_t due_s;
    int64_t start_s;
};

/* Delete up to `limit` rows of a subject, or of those that were due; `ret` holds `limit`. */
enum err store_rows_delete_of(struct store *s, const struct store_class *c, uint64_t slot,
                              size_t limit, struct store_gone *ret, size_t *ret_count) MUST_CHECK;
enum err store_rows_delete_due(struct store *s, const struct store_class *c, int64_t now_s,
                               size_t limit, struct store_gone *ret, size_t *ret_count) MUST_CHECK;

struct store_due {
    uint64_t id;
    uint64_t slot;
};

enum { STORE_DUE_MAX = 32 };

struct store_due_list {
    struct store_due at[STORE_DUE_MAX];
    size_t count;
};

/* The next rows that are due, at most `limit` (and STORE_DUE_MAX), behind *mark, which goes on to the last
 * of them. */
enum err store_rows_due(struct store *s, const struct store_class *c, int64_t now_s, size_t limit,
                        struct vault_due_mark *mark, struct store_due_list *ret) MUST_CHECK;
/* Delete one row. */
enum err store_row_delete(struct store *s, const struct store_class *c, uint64_t id,
                          struct store_gone *ret) MUST_CHECK;
/* All rows of a class, and each slot that owns one, until `fn` gives back an error. */
enum err store_rows_each(struct store *s, const struct store_class *c,
                         enum err (*fn)(void *context, int64_t created_s, int64_t due_s),
                         void *context) MUST_CHECK;
enum err store_owners_each(struct store *s, const struct store_class *c,
                           enum err (*fn)(void *context), void *context) MUST_CHECK;

/* ---- counters ---- */

enum store_flow {
    STORE_CREATED = 1,
    STORE_PURGED_TIMER = 2,
    STORE_PURGED_ERASURE = 3,
    STORE_PURGED_WITHDRAWAL = 4, /* these two: of those by erasure, counted there, too */
    STORE_PURGED_OBJECTION = 5,
    STORE_FLOWS
};

/* Rows of a class by the days (since 1970, UTC) they were created and fall due. */
enum err store_aggregate_add(struct store *s, uint16_t class_id, int64_t created_day,
                             int64_t due_day, int64_t delta) MUST_CHECK;
enum err store_aggregate_each(struct store *s, uint16_t class_id,
                              void (*fn)(void *context, int64_t created_day, int64_t due_day,
                                         int64_t n),
                              void *context) MUST_CHECK;
/* Of these: rows that count from something else than their creation. */
enum err store_started_add(struct store *s, uint16_t class_id, int64_t created_day, int64_t delta)
    MUST_CHECK;
/* Rows that do not, and the day the oldest of them was created; both 0 when there is none. */
enum err store_unstarted(struct store *s, uint16_t class_id, uint64_t *ret, int64_t *ret_oldest_day)
    MUST_CHECK;
enum err store_flow_add(struct store *s, uint16_t class_id, int64_t day, enum store_flow flow,
                        int64_t n) MUST_CHECK;
/* The sum of each flow over the days [from, to); ret is indexed by enum store_flow. */
enum err store_flow_sums(struct store *s, uint16_t class_id, int64_t from_day, int64_t to_day,
                         uint64_t ret[STORE_FLOWS]) MUST_CHECK;
/* Each flow of each of these days, in the order of the days. */
enum err store_flow_each(struct store *s, uint16_t class_id, int64_t from_day, int64_t to_day,
                         void (*fn)(void *context, int64_t day, enum store_flow flow, uint64_t n),
                         void *context) MUST_CHECK;

/* ---- erasures that are acknowledged and not yet swept and verified ---- */

struct store_erasure {
    uint64_t slot;
    uint8_t id[VAULT_ID_BYTES];
    uint8_t subject[VAULT_ID_BYTES];
    uint64_t ledger_seq;
    int64_t cutoff_ms;
    int64_t begun_ms;
    uint16_t domain;
    struct span note; /* read: borrowed until the next call on this store */
};

enum err store_erasure_add(struct store *s, const struct store_erasure *erasure) MUST_CHECK;
enum err store_erasure_delete(struct store *s, uint64_t slot) MUST_CHECK;
/* The first with a ledger entry after `seq`; NOT_FOUND past the last. */
enum err store_erasure_next(struct store *s, uint64_t seq, struct store_erasure *ret) MUST_CHECK;
/* The last with one before it. */
enum err store_erasure_before(struct store *s, uint64_t seq, struct store_erasure *ret) MUST_CHECK;

/* Rows swept of an open erasure, by class: counted up, read (added to the CLASSES_MAX + 1 counters of
 * `ret`), forgotten. */
enum err store_swept_add(struct store *s, uint64_t slot, uint16_t class_id, uint64_t n) MUST_CHECK;
enum err store_swept_read(struct store *s, uint64_t slot, uint64_t *ret) MUST_CHECK;
enum err store_swept_delete(struct store *s, uint64_t slot) MUST_CHECK;

/* ---- receipts of erasures that are closed ---- */

/* Keep a receipt in the place of an older one of the same erasure. */
enum err store_receipt_put(struct store *s, const struct store_erasure *erasure, struct span body)
    MUST_CHECK;
/* body: borrowed until the next call on this store. */
enum err store_receipt_get(struct store *s, const uint8_t id[VAULT_ID_BYTES], struct span *ret_body)
    MUST_CHECK;
/* The first with a ledger entry after `seq` (its number, id and begin); NOT_FOUND past the last. */
enum err store_receipt_next(struct store *s, uint64_t seq, struct store_erasure *ret) MUST_CHECK;
/* The last with one before it. */
enum err store_receipt_before(struct store *s, uint64_t seq, struct store_erasure *ret) MUST_CHECK;
/* Make what is looked for in their table by date, where it is missing. As store_holds_prepare(). */
enum err store_receipts_prepare(struct store *s) MUST_CHECK;
/* Receipts of erasures that began in [from_ms, to_ms); and the last of these but `skip`, NOT_FOUND past the
 * first. */
enum err store_receipts_count(struct store *s, int64_t from_ms, int64_t to_ms, uint64_t *ret)
    MUST_CHECK;
enum err store_receipt_last(struct store *s, int64_t from_ms, int64_t to_ms, size_t skip,
                            struct store_erasure *ret) MUST_CHECK;

/* ---- holds, restrictions, erasures that wait, objections (holds.h) ---- */

struct vault_hold;
struct vault_restriction;
struct vault_objection;
struct vault_waiting;
enum { STORE_PURPOSE_BYTES = 16 }; /* of the hash that names a purpose */

/* Make their tables, where they are missing. The writer's connection, outside a transaction. */
enum err store_holds_prepare(struct store *s) MUST_CHECK;

/* A hold that is known (by its id) stays as it is; number: out, 0 then. */
enum err store_hold_add(struct store *s, struct vault_hold *hold) MUST_CHECK;
/* By id. NOT_FOUND: none is in force. */
enum err store_hold_lift(struct store *s, const struct vault_hold *hold) MUST_CHECK;
enum err store_hold_next(struct store *s, uint64_t after, struct vault_hold *ret) MUST_CHECK;
/* Is there one in force on exactly this? */
enum err store_hold_on(struct store *s, uint64_t slot, uint16_t class_id, bool *ret) MUST_CHECK;

/* The same for restrictions, of which `id` is the random one. */
enum err store_restriction_add(struct store *s, const uint8_t id[VAULT_ID_BYTES],
                               struct vault_restriction *restriction) MUST_CHECK;
/* End those of a subject, or the one of this id; NULL: all. NOT_FOUND: none is in force. */
enum err store_restrictions_lift(struct store *s, const uint8_t *id,
                                 const struct vault_restriction *restriction) MUST_CHECK;
/* The id of one in force. NOT_FOUND: it is none of this subject's. */
enum err store_restriction_id(struct store *s, const struct vault_restriction *restriction,
                              uint8_t ret_id[VAULT_ID_BYTES]) MUST_CHECK;
enum err store_restriction_next(struct store *s, uint64_t after, struct vault_restriction *ret)
    MUST_CHECK;
/* Grounds in force for a subject, a bit each: 1 for a. */
enum err store_restriction_on(struct store *s, uint64_t slot, unsigned *ret_grounds) MUST_CHECK;
/* How many subjects' data is restricted, their erasure waits, or something of them is kept after Art. 17(3); and of how many
 * of them there are values of a class, of which what is kept must be. */
enum err store_restricted_count(struct store *s, uint64_t *ret) MUST_CHECK;
enum err store_class_restricted(struct store *s, const struct store_class *c, uint64_t *ret)
    MUST_CHECK;
/* Does a hold in force bind everybody's values of a class? If none does: values of those whom one binds, and how many of
 * them are due at now_s. */
enum err store_class_held_whole(struct store *s, const struct store_class *c, bool *ret) MUST_CHECK;
enum err store_class_held(struct store *s, const struct store_class *c, int64_t now_s,
                          uint64_t *ret_items, uint64_t *ret_due) MUST_CHECK;

/* One a subject; the first that was asked for stays. */
enum err store_waiting_add(struct store *s, const struct vault_waiting *waiting) MUST_CHECK;
/* note: borrowed until the next call on this store. */
enum err store_waiting_next(struct store *s, uint64_t after, struct vault_waiting *ret) MUST_CHECK;
enum err store_waiting_delete(struct store *s, uint64_t slot) MUST_CHECK;

enum err store_objection_add(struct store *s, const uint8_t hash[STORE_PURPOSE_BYTES],
                             struct vault_objection *objection) MUST_CHECK;
/* NOT_FOUND: none is in force. */
enum err store_objection_end(struct store *s, const uint8_t hash[STORE_PURPOSE_BYTES],
                             const struct vault_objection *objection) MUST_CHECK;
enum err store_objection_next(struct store *s, uint64_t after, struct vault_objection *ret)
    MUST_CHECK;
/* *ret: the number of the objection in force; 0: none is. */
enum err store_objection_on(struct store *s, uint64_t slot, const uint8_t hash[STORE_PURPOSE_BYTES],
                            uint64_t *ret) MUST_CHECK;

/* What is in force, each in turn. */
enum err store_holds_open(struct store *s,
                          void (*fn)(void *context, uint64_t slot, uint16_t class_id),
                          void *context) MUST_CHECK;
enum err store_restrictions_open(struct store *s,
                                 void (*fn)(void *context, uint64_t slot, char ground),
                                 void *context) MUST_CHECK;
/* of_slot 0: of everybody */
enum err store_objections_open(struct store *s, uint64_t of_slot,
                               void (*fn)(void *context, uint64_t slot,
                                          const uint8_t hash[STORE_PURPOSE_BYTES],
                                          const char *purpose),
                               void *context) MUST_CHECK;

struct store_holds_counts {
    uint64_t holds, waiting, objections; /* in force */
};
enum err store_holds_count(struct store *s, struct store_holds_counts *ret) MUST_CHECK;

/* What restricts a subject, and his objections, hold for the one that his values are moved to as well; but for one
 * restriction (0: all do). Legal holds go over to that one. */
enum err store_holds_copy(struct store *s, uint64_t from, uint64_t to,
                          const uint8_t subject[VAULT_ID_BYTES], uint64_t but) MUST_CHECK;
/* The subject is gone: what binds him alone ends at now_ms, but for holds, which say what was kept. */
enum err store_holds_end(struct store *s, uint64_t slot, int64_t now_ms) MUST_CHECK;

/* ---- what watches over reveals (watch.h) ---- */

struct vault_incident;
struct vault_seen;

/* Make their tables, where they are missing. The writer's connection, outside a transaction. */
enum err store_watch_prepare(struct store *s) MUST_CHECK;
enum err store_canary_put(struct store *s, uint64_t slot) MUST_CHECK;
/* The first past `after`; NOT_FOUND past the last. */
enum err store_canary_next(struct store *s, uint64_t after, uint64_t *ret_slot) MUST_CHECK;
enum err store_incident_add(struct store *s, struct vault_incident *incident) MUST_CHECK;
enum err store_incidents_close(struct store *s, const char *caller, int64_t now_ms,
                               size_t *ret_count) MUST_CHECK;
enum err store_incident_next(struct store *s, uint64_t after, struct vault_incident *ret)
    MUST_CHECK;
enum err store_seen_put(struct store *s, const struct vault_seen *seen) MUST_CHECK;
/* Delete what does not count at now_s any more. */
enum err store_seen_trim(struct store *s, int64_t now_s) MUST_CHECK;
enum err store_seen_each(struct store *s, int64_t now_s,
                         void (*fn)(const struct vault_seen *seen, void *context), void *context)
    MUST_CHECK;
