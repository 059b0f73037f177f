/* SPDX-License-Identifier: Apache-2.0 */
/* The writer: one thread, one connection, every change. Its files: writer.c (queue and groups),
 * tokenize.c, rectify.c, retime.c, sweep.c, erasure.c. */
#pragma once

#include "vault/tally_priv.h"
#include "vault/vault_priv.h"

enum {
    WRITER_GROUP_ROWS =
        2000, /* rows that one commit carries at most, unless one operation has more */
    WRITER_DELETE_MAX = 10000, /* rows that one sweep or purge deletes at most */
    WRITER_PART_ROWS = 32      /* ... before it looks whether somebody waits */
};

/* An acknowledged erasure on its way into the database. */
struct untold {
    struct ledger_record record;
    uint8_t *note; /* owned */
    size_t note_len;
};

/* When a value of a class falls due that was stored at some second. */
struct writer_due {
    const struct class_def *def; /* NULL: not known */
    int64_t created_s;
    int64_t due_s;
};

struct writer {
    struct vault *v;
    struct store *store;
    struct keycache *keys;
    struct names *names;
    struct tally *tally;
    uint8_t *key; /* guarded: of the subject being served; cache entries may move meanwhile */
    int64_t time_saved_ms; /* how far the database knows that time has come */
    uint64_t row_next;
    uint64_t row_end; /* reserved row numbers: [row_next, row_end) */
    int64_t last_due_s[CLASSES_MAX + 1];
    struct writer_due due[CLASSES_MAX + 1];
    /* What this transaction did that a rollback must undo in memory. */
    bool keys_added;
    bool disordered[CLASSES_MAX + 1];
    bool any_disordered;
    uint64_t *ended; /* subjects whose last value this transaction deletes */
    size_t ended_count;
    size_t ended_cap;
    enum err broken; /* something was written by halves: the group cannot be committed */
    /* The same, but only this operation is to blame: the group is tried again without it. */
    struct vault_op *spoilt;
    enum err spoilt_result;
    struct buf sealed;
    struct buf clear;  /* secret: of the row being sealed again */
    uint64_t *retimed; /* subjects whose rows this transaction gave another due time */
    size_t retimed_count;
    size_t retimed_cap;
    bool renewed_over; /* ... forgot what took an old token's place: readers may remember it */
    struct store_timer *timers; /* WRITER_PART_ROWS */
    struct typed_plan *plans;   /* of the operation being served, one an item */
    size_t plans_cap;
    struct store_gone *gone; /* WRITER_PART_ROWS */
    bool stored;             /* values, in the group being served */
    bool others_wait;        /* behind that group */
    int64_t stored_ms;       /* when values were stored last, by the monotonic clock */
    uint64_t parting;        /* people who move to another key, as yet (part.c) */
    /* Acknowledged erasures that the database has not been told of yet. */
    struct untold *untold;
    size_t untold_count;
    size_t untold_cap;

    pthread_mutex_t lock; /* over the queue */
    pthread_cond_t wake;
    struct vault_op *head;
    struct vault_op *tail;
    size_t queued;
    bool waiting;
    bool closing;
    pthread_t thread;
};

/* Takes the store over, whatever comes. */
enum err writer_start(struct vault *v, struct store *s, struct writer **ret_writer) MUST_CHECK;
/* Finish what is queued, then stop the thread: nothing can be submitted any more. */
void writer_stop(struct writer *w);
/* Cut the log and close; the thread is stopped, the checkpointer too. */
void writer_free(struct writer **w);

/* Called inside a group's transaction. An error that leaves w->broken untouched and the store whole
 * concerns this operation alone: nothing was written. */
enum err vault__tokenize(struct writer *w, struct vault_tokenize *op) MUST_CHECK;
struct vault_bulk;
enum err vault__bulk(struct writer *w, struct vault_bulk *op) MUST_CHECK;
enum err vault__sweep_subject(struct writer *w, struct vault_sweep_subject *op) MUST_CHECK;
enum err vault__purge_due(struct writer *w, struct vault_purge_due *op) MUST_CHECK;

/* After the commit: destroy the keys of subjects that it left without a value. What fails here, or is
 * cut short, the next start does: vault__ended_finish(), before there is a writer. */
enum err vault__ended_forget(struct writer *w) MUST_CHECK;
enum err vault__ended_finish(struct vault *v, struct store *s) MUST_CHECK;
/* Every cached copy of these subjects' keys is wiped, and what is made of them; their key slots are zero
 * already. */
void vault__keys_drop(struct writer *w, const uint64_t *slots, size_t count);

/* Called outside any transaction. */
enum err vault__rectify(struct writer *w, struct vault_rectify *op) MUST_CHECK;
struct vault_watch;
enum err vault__watch(struct writer *w, struct vault_watch *op) MUST_CHECK;
struct vault_records_write;
enum err vault__records_write(struct writer *w, struct vault_records_write *op) MUST_CHECK;
struct vault_purge_note;
enum err vault__purge_note(struct writer *w, const struct vault_purge_note *op) MUST_CHECK;
void vault__keys_seal(struct writer *w);
/* Let the ledger remember how far the audit trail goes. */
struct vault_audit_mark {
    struct vault_op op; /* kind VAULT_AUDIT_MARK */
    uint64_t seq;
    uint8_t chain[CRYPTO_HASH_BYTES]; /* after that record */
    bool appended; /* in and out: the ledger has it, so that only the database is to remember it */
};
enum err vault__audit_mark(struct writer *w, struct vault_audit_mark *op) MUST_CHECK;
enum err vault__keys_unseal(struct writer *w, const struct vault_unseal *op) MUST_CHECK;
enum err vault__rotate_begin(struct writer *w, const struct vault_rotate_begin *op) MUST_CHECK;
enum err vault__rotate_step(struct writer *w, struct vault_rotate_step *op) MUST_CHECK;
/* Called outside any transaction; calls done itself, at the point of acknowledgement. */
void vault__erase(struct writer *w, struct vault_erase *op);
enum err vault__erasure_close(struct writer *w, const struct vault_erasure_close *op) MUST_CHECK;
/* Tell the database of acknowledged erasures: names deleted, sweeps noted. */
enum err vault__erasures_tell(struct writer *w) MUST_CHECK;

/* What a value is sealed under when its salt was there before: in a revised row, or one more under a
 * shared token. Random, since every copy of the store has the same salt and key and counts on from
 * the same row number, but draws another revision. */
uint64_t writer_new_revision(void);

/* What destroys failed with `e`: did giving the reserve away make room for another try? */
bool writer_make_room(struct writer *w, enum err e) MUST_CHECK;

/* Does somebody wait for the transaction that this sweep is in, or is that likely? */
bool writer_is_wanted(struct writer *w, const struct vault_op *sweep);

/* Has this subject lost its last value in the transaction that is open? Its key goes with the commit. */
bool writer_has_ended(const struct writer *w, uint64_t slot);

/* The class's rows do not fall due in their order any more. */
enum err writer_disorder(struct writer *w, struct store_class *c) MUST_CHECK;

/* The next row number; reserves a block when the last is used up. */
enum err writer_next_row(struct writer *w, uint64_t *ret_row) MUST_CHECK;
