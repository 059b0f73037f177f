/* SPDX-License-Identifier: Apache-2.0 */
/* The audit trail: who did what, for which purpose, to whose data, with what outcome. Not the log: a record is
 * durable before what it is about can be seen, or that is refused. Records hold names of callers and classes,
 * counts, and tags of subjects that die with their keys; no value, no identifier, no text of an operator.
 *
 * Files, chain and signatures: docs/AUDIT.md, vault/audit_frame_priv.h. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"
#include "vault/vault.h"

enum {
    AUDIT_TAG_BYTES = 16,
    AUDIT_REQUEST_BYTES = 16,
    AUDIT_CHAIN_BYTES = 32,
    AUDIT_WORD_MAX = 255,      /* bytes of one word of a record; longer ones are cut */
    AUDIT_ENTRIES_MAX = 20000, /* of one record */
    AUDIT_FRAME_MAX = 1 << 20
};

enum audit_action {
#define ACTION(name, number, word) AUDIT_##name = (number),
#include "vault/audit.def"
#undef ACTION
    AUDIT_ACTIONS
};

enum audit_outcome {
    AUDIT_DONE = 1,
    AUDIT_BEGUN = 2,   /* it is about to be done: another record says what came of it */
    AUDIT_REFUSED = 3, /* it was not allowed */
    AUDIT_FAILED = 4
};

enum audit_role { AUDIT_CALLER = 1, AUDIT_OPERATOR = 2, AUDIT_SYSTEM = 3 };

/* Values of one class of one person, or, with a tag of zeroes, of nobody in particular. */
struct audit_entry {
    uint8_t tag[AUDIT_TAG_BYTES];
    uint16_t class_id;
    uint16_t values, masks, tokens; /* shown, shown masked, stored or found */
};

/* What was done. Spans are borrowed; those that are not needed stay SPAN_NONE. */
struct audit_record {
    enum audit_action action;
    enum audit_outcome outcome;
    enum audit_role role;
    struct span who;     /* a caller's name; "cli", "uid 1000"; "sweeper" */
    struct span address; /* of the client */
    struct span purpose;
    struct span domain;
    struct span route;      /* as the configuration writes it */
    struct span operation;  /* of an operator, "subject.erase" */
    struct span error;      /* why it was refused or failed: err_name() */
    struct span object;     /* what it was about: a number, a name in the configuration */
    const uint8_t *request; /* AUDIT_REQUEST_BYTES; NULL: none */
    uint64_t more;          /* so many more like this one have no record of their own */
    const struct audit_entry *entries;
    size_t entry_count;
    struct span commit; /* of the program; none: the CONFIGURE record has it */
    /* Of CONFIGURE only. */
    struct span digest;  /* of the configuration */
    struct span classes; /* "1=email 2=phone" */
    /* Filled when it is read; the trail's own when it is written. A CONFIGURE record of the system's, done, begins
     * a configuration, to which all later ones refer. */
    uint64_t seq;
    int64_t time_ms;
    uint32_t configuration; /* which CONFIGURE record was in force: they count from 1 */
};

const char *audit_action_word(enum audit_action action); /* NULL: none has that number */
const char *audit_outcome_word(enum audit_outcome outcome);
const char *audit_role_word(enum audit_role role);
/* false: no action is called so. */
bool audit_action_of(struct span word, enum audit_action *ret) MUST_CHECK;

/* ---- settings ---- */

struct audit_options {
    bool buffered;     /* reveals do not wait: a crash loses one second of their records at most */
    const char *heads; /* signed heads go here, too: "/file", "syslog"; NULL: nowhere. Copied */
    int64_t keep_s;    /* segments older than that are retired; 0: none ever */
};

struct audit;

/* A vault's. Exists as long as the vault is open; makes no file before the first record. */
struct audit *vault_audit(const struct vault *v);
/* From now on; before the first record, or while others are written. Any thread. */
void audit_configure(struct audit *a, const struct audit_options *options);
/* May reveals leave before their record is durable? Any thread; does not block. */
bool audit_is_buffered(const struct audit *a);

/* ---- writing ---- */

/* Write a record and wait until it is durable. On an error nothing of it is in the trail, and what it is about
 * must not be done: NO_SPACE, IO, BUSY (too much waits). Any thread that may block, but the vault's writer. */
enum err audit_write(struct audit *a, const struct audit_record *record) MUST_CHECK;
/* The same without waiting, for what is refused or over: durable within a second. Records that cannot be
 * written are counted (audit_figures()). Any thread; does not block. */
void audit_note(struct audit *a, const struct audit_record *record);
/* Make room in what is left of a full disk: erasures must be recorded. Like audit_write(). */
enum err audit_write_at_all_costs(struct audit *a, const struct audit_record *record) MUST_CHECK;
/* Could the last batch be written? What does not wait for its record asks this before. Any thread. */
bool audit_is_healthy(struct audit *a);

/* For event loops: hand over as many as there are, flush, and be woken. A waiter is one thread's. */
struct audit_waiter;
/* wake() is called on the trail's thread, after records of this waiter are settled, or from audit_flush(), when they
 * could not be taken; it must not block. */
struct audit_waiter *audit_waiter_new(struct audit *a, void (*wake)(void *context), void *context);
/* Flushes. No wake() comes after it returns. */
void audit_waiter_free(struct audit_waiter **waiter);
/* Hand a record over, to be written when audit_flush() says so. *ret_ticket counts a waiter's records, from 1;
 * audit_settled() says what became of it. BUSY, TOO_LARGE, NO_SPACE. Does not block; takes no lock. */
enum err audit_submit(struct audit_waiter *waiter, const struct audit_record *record,
                      uint64_t *ret_ticket) MUST_CHECK;
/* Have what was handed over written as one group: the trail's thread is woken once. Does not block. */
void audit_flush(struct audit_waiter *waiter);
/* What is settled since the last call: tickets up to ->through are; of these, those from ->failed_from to
 * ->failed_to are to be taken as not written, for `why`. (A range may hold some that were written.) */
struct audit_settled {
    uint64_t through;
    uint64_t failed_from, failed_to; /* 0, 0: none failed */
    enum err why;
};
void audit_settled(struct audit_waiter *waiter, struct audit_settled *ret);

/* ---- subjects ---- */

/* A subject's tag in the trail: made from the key, gone with it. NOT_FOUND: no such subject any more. Inside a
 * read transaction. */
enum err audit_subject_tag(struct vault_reader *r, uint64_t slot, uint8_t ret[AUDIT_TAG_BYTES])
    MUST_CHECK;

/* ---- figures ---- */

struct audit_figures {
    uint64_t records;          /* written since the start */
    uint64_t batches;          /* ... with so many syncs */
    uint64_t failures;         /* records that could not be written */
    uint64_t heads;            /* signed since the start */
    uint64_t heads_lost;       /* ... that could not be sent elsewhere */
    uint64_t last_seq;         /* of the trail */
    uint64_t unsigned_records; /* since the last head */
    int64_t unsigned_since_ms; /* of the first of them; 0: none, or written before the start */
    uint64_t segment;          /* the number of the one that is written; 0: none yet */
    int64_t head_ms;           /* when the last head was signed; 0: there is none */
};
void audit_figures(struct audit *a, struct audit_figures *ret);
