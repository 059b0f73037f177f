/* SPDX-License-Identifier: Apache-2.0 */
/* The vault: what tokens stand for, and the keys that make it readable.
 *
 * A store is a directory: vault.db (ciphertext rows, blind indexes, counters), keys.slab (wrapped
 * keys in fixed slots), ledger.log (erasures, append-only), lock. One process owns it.
 *
 * Writing goes through one writer thread that commits what waits as one group. Reading is done by
 * readers, one a thread, inline. Everything personal that leaves the vault leaves in a secret buf. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"
#include "vault/classes.h"
#include "vault/domains.h"
#include "vault/rootkey.h"
#include "vault/token.h"

struct metrics;
struct vault_class_set;
struct vault;
struct vault_reader;

enum {
    VAULT_ID_BYTES = 16,
    VAULT_DOMAIN_DEFAULT = 1,
    VAULT_PUBLIC_BYTES = 32,
    VAULT_SIGNATURE_BYTES = 64,
    VAULT_HEAD_BYTES = 32, /* the ledger's chain at an entry */
    VAULT_NOTE_MAX = 16384 /* what an erasure carries along for its receipt */
};

/* ---- the store ---- */

/* Make an empty store in `dir` (created 0700 when missing; refused when it holds one already).
 * Nothing is left behind on failure. Blocks. */
enum err vault_create(const char *dir, const struct root_key *root, struct errmsg *msg) MUST_CHECK;

struct vault_options {
    const char *dir;
    const struct root_keys *roots; /* may be wiped by the caller after vault_open() */
    const struct classes *classes; /* must outlive the vault */
    const struct domains *domains; /* NULL: the default one; not needed after vault_open() */
    const uint8_t
        *configuration; /* digest of the file they come from (CONF_DIGEST_BYTES); NULL: none */
    const char *ledger_mirror; /* a second copy of the ledger, on another medium; NULL: none */
};

/* Open a store, take its lock, register new classes, start the writer. Erasures that the ledger holds
 * and the store has not carried out are shredded again before it returns;
 * their sweeps are left to vault_erasures_open(). Of `roots` those are used that the store names: its
 * epoch's, and the one before it while a rotation has not ended. Errors, each with a message that names
 * the file and what to do: SEALED (a root key is missing or foreign: says which epochs are wanted), BUSY (another process has it), CORRUPT (damaged, another
 * format, ledger missing or shorter than the store or the mirror remembers, mirror missing, keys older
 * than the data), CONFLICT (a restore was not finished), CONFIG (a class that has values changed its format or kind, or left the configuration; a domain with subjects
 * left it), IO. Blocks. */
enum err vault_open(const struct vault_options *options, struct vault **ret_vault,
                    struct errmsg *msg) MUST_CHECK;
/* Finish what is queued, stop the writer, checkpoint, release the lock. All readers are closed
 * before. Idempotent through the NULL it leaves. */
void vault_close(struct vault **vault);
/* The id of a configured class in this store; 0 when unknown. */
uint16_t vault_class_id(const struct vault *v, const struct class_def *def);
/* The classes as they were configured last. */
const struct classes *vault_classes(const struct vault *v);
/* The class behind an id; NULL when the configuration does not have it. */
const struct class_def *vault_class_def(const struct vault *v, uint16_t class_id);
/* The id of a configured domain in this store; 0 when unknown. Ids are never given to another name. */
uint16_t vault_domain_id(const struct vault *v, struct span name);
/* The name behind an id, also of a domain that has left the configuration; NULL when there never was
 * one. */
const char *vault_domain_name(const struct vault *v, uint16_t domain);
/* The store's random id, borrowed: VAULT_ID_BYTES. */
const uint8_t *vault_store_id(const struct vault *v);
/* The store's directory. */
const char *vault_dir(const struct vault *v);
/* The time that decides what is due, in seconds since 1970: the wall clock, unless that was set back
 * or far ahead; then what has passed since it was last believed. Any thread. */
int64_t vault_now_s(struct vault *v);
enum vault_clock_state {
    VAULT_CLOCK_RIGHT,
    VAULT_CLOCK_BEHIND, /* set back: time goes on without it, what is due goes */
    VAULT_CLOCK_AHEAD   /* leapt: time goes on without it, nothing is destroyed early */
};
/* Is the wall clock believed? VAULT_CLOCK_ACCEPT says that it is right. */
enum vault_clock_state vault_clock(struct vault *v);
/* How many entries the ledger has, and its chain at the last of them. Any thread. */
uint64_t vault_ledger_position(const struct vault *v, uint8_t ret_head[VAULT_HEAD_BYTES]);
enum { VAULT_LEDGER_RECORD_BYTES = 128 };
struct vault_ledger_entry {
    uint64_t seq;
    const char *kind; /* "erase", "closed", ...: a literal */
    int64_t time_ms;
    uint8_t record[VAULT_LEDGER_RECORD_BYTES]; /* as it stands in the file */
};
/* Every entry in order, the chain checked, until `fn` gives back an error. SEALED, CORRUPT, IO. Any thread;
 * blocks. */
enum err vault_ledger_each(const struct vault *v,
                           enum err (*fn)(const struct vault_ledger_entry *entry, void *context),
                           void *context) MUST_CHECK;
/* Why the medium may keep old copies of keys (copy-on-write, data=journal); NULL when it is sound. */
const char *vault_medium_risk(const struct vault *v);

/* ---- a store that need not be open ---- */

enum { VAULT_RISK_MAX = 160 };
/* The same as text; empty when it is sound. */
void vault_look_at_medium(const char *dir, char ret_risk[VAULT_RISK_MAX]);
/* Bytes that are free on the store's medium, and whether room is still reserved there for erasures. IO. */
enum err vault_look_at_room(const char *dir, uint64_t *ret_free, bool *ret_reserve) MUST_CHECK;

/* ---- the store's own keys ---- */

struct vault_key_status {
    uint32_t epoch;         /* new keys are wrapped under this root key */
    uint32_t old_epoch;     /* a rotation is leaving it; 0: none is going on */
    int64_t epoch_began_ms; /* when the last rotation ended; before any, when the store was made */
    uint64_t slots;         /* key slots that have been given out, empty ones included */
    uint64_t rewrapped;     /* of these: known not to need old_epoch; all when it is 0 */
};

/* Any thread; does not block on storage. Also while sealed. */
void vault_key_status(const struct vault *v, struct vault_key_status *ret);

/* Can it answer at all? SEALED: its keys are wiped. IO: a sync failed, and only a restart tells what
 * the files hold. Any thread. */
enum err vault_may_serve(const struct vault *v) MUST_CHECK;
/* Are the keys wiped (VAULT_SEAL)? Any thread. */
bool vault_is_sealed(const struct vault *v);

/* Sign with the store's key (Ed25519, RFC 8032). The key is one for all purposes, so a message says by
 * its first bytes what it is: it must begin with "lethe-v1 ", the purpose and a zero byte, as in
 * "lethe-v1 receipt\0", and no purpose may be a prefix of another's up to that byte. What is verified
 * is that whole text. SEALED. Any thread; does not block. */
enum err vault_sign(const struct vault *v, struct span message, uint8_t ret[VAULT_SIGNATURE_BYTES])
    MUST_CHECK;
/* The public half, the same for the life of a store (also over rotations). */
void vault_sign_public(const struct vault *v, uint8_t ret[VAULT_PUBLIC_BYTES]);
/* The public half of a store that is closed, from its keys.slab. Errors as vault_open(). Blocks. */
enum err vault_read_public(const char *dir, const struct root_keys *roots,
                           uint8_t ret[VAULT_PUBLIC_BYTES], struct errmsg *msg) MUST_CHECK;
/* Needs no vault. False also for a public key or signature that is no valid encoding. */
bool vault_signature_is_valid(const uint8_t public_key[VAULT_PUBLIC_BYTES], struct span message,
                              const uint8_t signature[VAULT_SIGNATURE_BYTES]) MUST_CHECK;

enum { VAULT_DERIVED_BYTES = 32 };
/* A secret of the store for one purpose (a literal) and context: always the same for the same ones, unlike
 * every other, and of no use to whoever has the files. SEALED. Any thread; does not block. The caller wipes
 * it. */
enum err vault_derive(const struct vault *v, const char *purpose, struct span context,
                      uint8_t ret[VAULT_DERIVED_BYTES]) MUST_CHECK;

/* ---- writing: operations ---- */

struct vault_op;
/* Called once for every submitted operation, on the writer thread, after the result is durable (or
 * has failed). Must not block; hand over to your own thread. */
typedef void (*vault_op_done_fn)(struct vault_op *op);

enum vault_op_kind {
    VAULT_TOKENIZE,
    VAULT_ERASE,
    VAULT_SWEEP_SUBJECT,
    VAULT_PURGE_DUE,
    VAULT_PURGE_NOTE, /* purges.h */
    VAULT_TRUNCATE,
    VAULT_RECTIFY,
    VAULT_CLOCK_ACCEPT,
    VAULT_ERASURE_CLOSE,
    VAULT_ROTATE_BEGIN,
    VAULT_ROTATE_STEP,
    VAULT_SEAL,
    VAULT_UNSEAL,
    VAULT_WATCH,        /* watch.h */
    VAULT_RECORDS,      /* records.h */
    VAULT_RULE_APPLIED, /* rules.h */
    VAULT_PART_MOVE,    /* part.h */
    VAULT_PART_FORGET,
    VAULT_RETIME, /* retime.h */
    VAULT_HOLDS,  /* holds.h */
    VAULT_EVENT,  /* events.h */
    VAULT_USE,    /* the readers' own (uses.h) */
    VAULT_CONFIGURE,
    VAULT_BULK,  /* bulk.h */
    VAULT_RENEW, /* renew.h */
    VAULT_RENEW_END,
    VAULT_AUDIT_MARK /* the audit trail's own */
};

/* First member of every operation below. The caller owns it and keeps it alive until done. */
struct vault_op {
    enum vault_op_kind kind;
    enum err result; /* valid in done */
    vault_op_done_fn done;
    void *owner;           /* the caller's: how done finds its way back */
    struct vault_op *next; /* the vault's */
};

/* Queue an operation; done will come exactly once, never from inside this call. BUSY (and no done)
 * when the queue is full or the vault is closing. Any thread; does not block. */
enum err vault_submit(struct vault *v, struct vault_op *op) MUST_CHECK;
/* Submit and wait: for worker threads and the command line. op->done is the vault's. Never inside a
 * read transaction of the same thread: an erasure waits for readers. */
enum err vault_run(struct vault *v, struct vault_op *op) MUST_CHECK;

enum { VAULT_NAMES_MAX = 8 };

struct vault_item {
    uint16_t class_id;
    enum value_kind kind;
    struct span value;       /* borrowed until done */
    struct token_text token; /* out */
};

/* Tokenize values of one subject. names: identifiers of the subject, the route's first; any that is
 * known leads to the subject, the others become its names too (where two lead to different subjects
 * the first that is known wins and no name moves). No names and no slot: a new anonymous subject.
 * also: values of further subjects, stored with these or not at all; the result is the first one's.
 * Done with OK after all rows and the subjects' keys are durable; on an error no row was stored.
 * Errors: NOT_FOUND (class, domain; a slot without a key, as after an erasure), TOO_LARGE, IO, NO_SPACE, CANCELED (closing); of typed classes
 * UNPROCESSABLE (a value that the format is not for), CONFLICT (a value that looks like a token of its
 * class) and EXHAUSTED (no token is left for values of its shape: an operator must act). */
struct vault_tokenize {
    struct vault_op op; /* kind VAULT_TOKENIZE */
    uint16_t domain;
    struct span names[VAULT_NAMES_MAX];
    size_t name_count;
    uint64_t slot; /* whose they are, before any name; 0: the names say */
    struct vault_item *items;
    size_t count;
    struct vault_tokenize *also; /* NULL: nobody else */
    uint64_t owner;              /* out: whose slot they are in now */
    uint64_t *rows;              /* bulk.h; NULL: nobody asks */
};

/* Erase a subject, by name or by slot, steps 1 and 2: ledger entry synced, key slot zeroed and synced, every reader's
 * cached key wiped and its users waited out, names removed. Done = acknowledged. NOT_FOUND when
 * nobody is there (also when erased before). BUSY while what is to be kept is being moved (part.h). HELD: a legal hold binds the subject. Nothing was destroyed;
 * that the erasure waits, with its note, is durable, the subject is restricted, and *erasure says its id,
 * the subject, and as cutoff_ms when it was asked for first. Asked again once no hold binds, it is carried
 * out under that id. 
 * CONFLICT while a statutory minimum keeps some value that was not moved. */
struct vault_erase {
    struct vault_op op; /* kind VAULT_ERASE */
    uint16_t domain;
    struct span name;
    uint64_t slot; /* instead of a name, when it is not 0 */
    /* Kept with the open erasure from soon after the acknowledgement on, so that it is at hand when
     * a crash comes between; at most VAULT_NOTE_MAX bytes, borrowed until done. Holds no personal
     * data. */
    struct span note;
    int64_t cutoff_ms;     /* values stored up to then are meant; 0: up to now */
    const uint8_t *number; /* the id it is to have, drawn at random; NULL: the vault draws it */
    const struct vault_class_set
        *scope;                    /* part.h: CONFLICT while there is a value of another class;
                                          * NULL: none is minded */
    struct vault_erasure *erasure; /* out; caller owns */
};

struct vault_erasure {
    uint8_t id[VAULT_ID_BYTES];      /* random */
    uint8_t subject[VAULT_ID_BYTES]; /* the subject's random id */
    uint16_t domain;                 /* 0: not known any more */
    uint64_t slot;
    uint64_t kept_slot; /* where what is kept of the person went before (part.h); 0: nothing is */
    int64_t cutoff_ms;  /* values stored up to here are meant */
    int64_t acknowledged_ms;
    uint64_t ledger_seq;
    uint8_t ledger_head[VAULT_HEAD_BYTES]; /* the ledger's chain at that entry */
    uint8_t *note; /* resumed: what it carries along; vault_erasure_done() frees */
    size_t note_len;
    /* For verification: the wrapped key's bytes and some ciphertext rows, kept in memory only. After a
     * restart the rows that are left and no key. */
    bool has_sample;
    struct vault_sample *sample; /* vault_erasure_done() frees */
};

void vault_erasure_done(struct vault_erasure *erasure);

/* Delete up to `limit` rows of a shredded subject, blind-index rows first; a few only while values are
 * being stored. */
enum vault_sweep_why { VAULT_SWEEP_REQUEST, VAULT_SWEEP_WITHDRAWAL, VAULT_SWEEP_OBJECTION };
struct vault_sweep_subject {
    struct vault_op op; /* kind VAULT_SWEEP_SUBJECT */
    uint64_t slot;
    size_t limit;
    enum vault_sweep_why why; /* what the flows count it as */
    size_t deleted;           /* out */
    bool more;                /* out */
};

/* A place among a class's rows in the order in which they fall due; all zero before the first. */
struct vault_due_mark {
    int64_t due_s;
    uint64_t id;
};

/* Delete up to `limit` rows of a class that were due at `now_s`, a few only while values are being
 * stored. A subject whose last row goes with
 * them loses its names and its key, too. Rows that a legal hold or a restriction after Art. 18(1)(b) or (c)
 * keeps stay, and count towards the limit: a pass gives `after` back with each of its operations, so that
 * it looks at each row once. CONFLICT: the class is paused (purges.h). */
struct vault_purge_due {
    struct vault_op op; /* kind VAULT_PURGE_DUE */
    uint16_t class_id;
    int64_t now_s;
    int64_t run; /* what is deleted counts as of this run (purges.h); 0: of none */
    size_t limit;
    struct vault_due_mark
        after;      /* how far the pass has looked: what came out of the operation before */
    size_t deleted; /* out */
    size_t kept;    /* out: rows passed over, which holds or restrictions keep */
    bool more;      /* out */
};

/* Truncating checkpoint of vault.db. BUSY when a read transaction holds it back: try again. */
struct vault_truncate {
    struct vault_op op; /* kind VAULT_TRUNCATE */
};

/* From now on time is what the wall clock says, also where that is earlier. */
struct vault_clock_accept {
    struct vault_op op; /* kind VAULT_CLOCK_ACCEPT */
};

/* Put another value behind a token (Art. 16). The token stays, its due time too; the old ciphertext
 * is overwritten in vault.db, and gone from every file after the next VAULT_TRUNCATE. Data backups
 * made before keep it. In a class that identifies, the old value stops being a name of the subject
 * and the new one becomes one. Done = durable, and no reader answers with the old value any more.
 * Errors, with nothing changed: NOT_FOUND (no live token; of another domain), DENIED (not this
 * subject's), CONFLICT (deterministic classes: somebody else shares the token, or another token
 * stands for the new value, or it names another subject, or its typed token would have another shape:
 * tokenize the new value instead; or a typed token that lives under several classes, or a value that
 * looks like one), UNPROCESSABLE (a value that the typed format is not for), HELD (a legal hold keeps it),
 * TOO_LARGE, INVALID, CORRUPT (the row does not open), IO, NO_SPACE. */
struct vault_rectify {
    struct vault_op op; /* kind VAULT_RECTIFY */
    struct span token;
    uint16_t domain; /* 0: any */
    uint64_t slot;   /* whose: 0 whoever owns it alone; out: who it was */
    enum value_kind kind;
    struct span value;
    uint16_t class_id; /* the token's, 0: not known (struct vault_scope); out */
};

/* The erasure is swept and verified: close its ledger entry, and keep its receipt with the store. */
struct vault_erasure_close {
    struct vault_op op; /* kind VAULT_ERASURE_CLOSE */
    const struct vault_erasure *erasure;
    struct span receipt; /* text that holds no personal data; borrowed until done; empty: none */
};

/* ---- writing: root keys ---- */

/* Leave the current root key for `next`, which the provider has made durable before: from here on new
 * keys are wrapped under it, and the store needs both root keys to open until the rotation has ended.
 * OK, and nothing happens, when the store is on that epoch already. INVALID: an older epoch, another key
 * for the current one, or the same key under another number. CONFLICT: an earlier rotation has not
 * ended. */
struct vault_rotate_begin {
    struct vault_op op; /* kind VAULT_ROTATE_BEGIN */
    const struct root_key *next;
};

/* Wrap the keys of the next slots again, `limit` at most (and 8192); repeat while `more`. Everything
 * else goes on between steps. The step that finds nothing more to do enters the new epoch in the ledger,
 * lets go of the old root key and wipes what was derived from it: when `more` is false, no slot of the
 * store needs that root key, and its provider may destroy it. After a crash the next step goes on from
 * there. No rotation going on: more is false. CORRUPT: slots were met that do not unwrap (see that
 * keys.slab is whole); all others are done then, and the old root key stays needed. */
struct vault_rotate_step {
    struct vault_op op; /* kind VAULT_ROTATE_STEP */
    size_t limit;
    uint64_t rewrapped; /* out: in this step */
    bool more;          /* out */
};

/* Wipe every key from memory: the writer's, every reader's (waiting out read transactions), those of the
 * store itself. Done when none is left. From then on every operation, vault_read_begin() and
 * vault_sign() answer SEALED; what was acknowledged stays, and closing works. Idempotent. */
struct vault_seal {
    struct vault_op op; /* kind VAULT_SEAL */
};

/* Take the keys again. SEALED, CORRUPT, IO, with a message, as from vault_open(): then it stays sealed.
 * The readers' caches fill as they did at first. OK, and nothing happens, when it is not sealed. */
struct vault_unseal {
    struct vault_op op; /* kind VAULT_UNSEAL */
    const struct root_keys *roots;
    struct errmsg *msg; /* out; may be NULL */
};

/* Other classes and domains from now on, for a store that serves: new ones are registered, periods
 * change for values to come. CONFIG with a message, and nothing changed: as vault_open(), and a class
 * that changed what its tokens look like, or comes back with a typed format. No value is stored from
 * here on under what left. Classes must outlive the vault, those of before too; domains need not. */
struct vault_configure {
    struct vault_op op; /* kind VAULT_CONFIGURE */
    const struct classes *classes;
    const struct domains *domains;
    const uint8_t *configuration; /* as in struct vault_options */
    struct errmsg *msg;           /* out */
};

/* ---- erasures ---- */

/* Erasures that the ledger has open (after a crash). ret_list: caller frees each with
 * vault_erasure_done() and the array with free(). Blocks shortly. */
enum err vault_erasures_open(struct vault *v, struct vault_erasure **ret_list, size_t *ret_count)
    MUST_CHECK;

/* Rows of an open erasure that were swept so far, by class: ret has CLASSES_MAX + 1 counters indexed by
 * class id. Right over restarts: counted in the transactions that sweep. Blocks shortly. */
enum err vault_erasure_swept(struct vault *v, const struct vault_erasure *erasure, uint64_t *ret)
    MUST_CHECK;

struct vault_verification {
    bool key_known;          /* its wrapped bytes could be looked for; false after a restart */
    bool slot_zero;          /* the slot that the ledger names reads as zeroes from the file */
    uint64_t keys_left;      /* key slots that name the subject, in any file of the store */
    uint64_t samples_tried;  /* ciphertexts that every key still held failed to open */
    bool samples_unreadable; /* and no reader holds the key; without samples: the slot is zero */
    uint64_t rows_left;      /* of the subject, in all tables */
    uint64_t names_left;     /* identifiers that lead to it */
    uint64_t bytes_searched; /* of the store's files */
    bool key_absent;         /* the wrapped key's bytes stand in none of them, and no key is left */
    bool log_clean;          /* no sampled ciphertext stands in the write-ahead log */
};

/* Step 5: look whether the erasure did what it says. Reads every file of the store, and believes
 * neither the slab nor the database nor `erasure`: which slot it was comes from the ledger's file.
 * Blocks long; not on a loop. IO when the store cannot be read, CORRUPT when the ledger has no such
 * entry. */
enum err vault_erasure_verify(struct vault *v, const struct vault_erasure *erasure,
                              struct vault_verification *ret) MUST_CHECK;
/* The same for many, who are looked for in one reading of the files. What came of each stands with it. */
struct vault_verify {
    const struct vault_erasure *erasure;
    enum err result;
    struct vault_verification found; /* result OK */
};
void vault_erasures_verify(struct vault *v, struct vault_verify *list, size_t count);

/* A hash, keyed by the store, of the key that a request is given so as to be known again (64 bytes at most),
 * and of what it asks for: nobody without the store's keys can try either. SEALED. Any thread; does not
 * block. */
enum { VAULT_MAC_BYTES = 16, VAULT_REPEAT_KEY_MAX = 64 };
enum err vault_repeat_mac(const struct vault *v, struct span key, struct span request,
                          uint8_t ret[VAULT_MAC_BYTES]) MUST_CHECK;

/* ---- receipts that were kept ---- */

/* The receipt kept for an erasure, appended to `out`. NOT_FOUND: none (unknown, or not closed yet).
 * Blocks shortly. */
enum err vault_receipt_read(struct vault *v, const uint8_t erasure[VAULT_ID_BYTES], struct buf *out)
    MUST_CHECK;
/* Erasures in the order of the ledger, those that are open too, from the entry after `after` on.
 * NOT_FOUND past the last. Blocks shortly. */
struct vault_receipt_entry {
    uint64_t ledger_seq;
    uint8_t erasure[VAULT_ID_BYTES];
    int64_t begun_ms;
    bool is_closed; /* its receipt is kept */
};
enum err vault_receipt_next(struct vault *v, uint64_t after, struct vault_receipt_entry *ret)
    MUST_CHECK;
/* Up to `max` at once; fewer: there are no more. OLDEST: those after the entry `beside`. NEWEST: those before it, or
 * before none when it is 0, the latest first: what comes meanwhile moves no page. */
enum vault_receipt_order { VAULT_RECEIPTS_OLDEST, VAULT_RECEIPTS_NEWEST };
enum err vault_receipts_list(struct vault *v, enum vault_receipt_order order, uint64_t beside,
                             size_t max, struct vault_receipt_entry *ret, size_t *ret_count)
    MUST_CHECK;

/* Erasures that began in [from_ms, to_ms) and are closed, which they are once they were verified; all that are
 * open, whenever they began; and the last of those that are closed. Blocks shortly, however many there are. */
enum { VAULT_RECEIPTS_LAST = 5 };
struct vault_receipts {
    uint64_t closed;
    uint64_t open;
    int64_t open_since_ms;                                /* of the oldest; 0: there is none */
    struct vault_receipt_entry last[VAULT_RECEIPTS_LAST]; /* the newest first */
    size_t last_count;
};
enum err vault_receipts_look(struct vault *v, int64_t from_ms, int64_t to_ms,
                             struct vault_receipts *ret) MUST_CHECK;

/* ---- reading ---- */

/* A reader belongs to one thread at a time. Opening blocks shortly (a few are kept when they are closed, and cost
 * nothing to open again), and never happens while the same thread is inside a read transaction. Closed before the vault. */
enum err vault_reader_open(struct vault *v, struct vault_reader **ret_reader) MUST_CHECK;
void vault_reader_close(struct vault_reader **reader);

/* One read transaction around any number of look-ups; keep it short (it holds back checkpoints, and
 * an erasure waits for it; what falls due meanwhile is still read). Every look-up below happens between begin and end. Inline, warm. */
enum err vault_read_begin(struct vault_reader *r) MUST_CHECK;
void vault_read_end(struct vault_reader *r);

/* The subject (its key slot) behind an identifier. NOT_FOUND: unknown or erased. */
enum err vault_read_subject(struct vault_reader *r, uint16_t domain, struct span name,
                            uint64_t *ret_slot) MUST_CHECK;
/* For asking again in a later transaction of the same reader without the name: as long as the mark that it had
 * then still holds and the subject lives, the name would lead to the same slot. The mark may be read at any
 * time. */
unsigned vault_reader_mark(const struct vault_reader *r);
bool vault_still_names(struct vault_reader *r, uint64_t slot, unsigned mark);

struct vault_value {
    enum value_kind kind;
    uint16_t domain;
    uint16_t class_id;
    uint64_t slot; /* whose it is */
    int64_t created_s;
    int64_t due_s;
    uint64_t use_row; /* not 0: its use is worth saying (uses.h) */
};

/* What a token stands for, appended to `out` (a secret buf). domain 0: of any domain, for operators;
 * otherwise a token of another domain is NOT_FOUND, like one that never was. subject_slot 0: any
 * subject's; otherwise only that subject's (another's is DENIED). NOT_FOUND: unknown, erased, expired,
 * all alike. CORRUPT: a row does not open although its key is there. */
enum err vault_reveal(struct vault_reader *r, uint16_t domain, struct span token,
                      uint64_t subject_slot, struct buf *out, struct vault_value *ret) MUST_CHECK;
/* The same without giving the value out: is the token alive, and whose. */
enum err vault_inspect(struct vault_reader *r, uint16_t domain, struct span token,
                       uint64_t subject_slot, struct vault_value *ret) MUST_CHECK;
/* For whom a token is looked up, and what it must be; a member that is 0 says nothing. Typed tokens
 * (format.h) do not carry their class: who knows it says it. */
struct vault_scope {
    uint16_t domain;   /* as above */
    uint16_t class_id; /* a token of another class is NOT_FOUND */
    uint64_t slot;     /* the subject's, as above */
    /* What for (vault_purpose_id()): OBJECTED where the subject objects to it or withdrew consent. */
    uint16_t purpose;
    bool legal; /* for a legal claim: what a hold keeps is shown */
};

/* The same with a class and a purpose. Values that a legal hold keeps are HELD unless they are asked for
 * `legal`, which then reads them after their time, too, and though their subject is restricted (Art. 18(2));
 * any other value of a subject whose processing is restricted is RESTRICTED, and so is what Art. 17(3) keeps
 * of an erased one (part.h) unless it is asked for `legal`. *ret then says all but the kind
 * of value. Looking at a token without
 * its value (vault_inspect_as()) minds neither. Without a class every typed class is tried that reads
 * the text; a token that lives under several of them is a CONFLICT, since the wrong one would show somebody
 * else's value. */
enum err vault_reveal_as(struct vault_reader *r, const struct vault_scope *scope, struct span token,
                         struct buf *out, struct vault_value *ret) MUST_CHECK;
enum err vault_inspect_as(struct vault_reader *r, const struct vault_scope *scope,
                          struct span token, struct vault_value *ret) MUST_CHECK;
/* Is a text in a field of this class a token, dead or alive, and not a value? Opaque and e-mail tokens
 * are told by their check characters, whatever the class; of a typed class everything is that lies where
 * its tokens lie, since no value there is kept. */
bool vault_is_token(struct vault_reader *r, uint16_t class_id, struct span text);
/* The live token that this subject (0: anybody) of a domain has for the item's value, of a
 * deterministic class, put into the item. NOT_FOUND: ask the writer, or vault_decoy(); also for a domain
 * that is not registered. */
enum err vault_find(struct vault_reader *r, uint16_t domain, uint64_t subject_slot,
                    struct vault_item *item) MUST_CHECK;

/* A well-formed token that stands for nothing and never will, put into the item: what a look-up of an
 * unknown value becomes. Typed classes: of the value's shape; UNPROCESSABLE for a value that the class
 * cannot hold, and which nothing can match therefore. */
enum err vault_decoy(struct vault_reader *r, struct vault_item *item) MUST_CHECK;

/* ---- figures ---- */

struct vault_class_stats {
    uint64_t items;                    /* rows now, expired ones not yet swept included */
    uint64_t overdue;                  /* of these: due before now */
    int64_t overdue_since_s;           /* of these, the first; 0: none; to the day */
    uint64_t due_7d, due_30d, due_90d; /* due from now on, within */
    int64_t next_due_s;                /* the first of those from now on; 0: none; to the day */
    int64_t oldest_created_s;          /* 0 when there is none; to the day */
    uint64_t waiting;                  /* of an event that has not come: only the backstop counts */
    int64_t oldest_waiting_s;          /* ... the first of them was created; 0: none; to the day */
    uint64_t created;                  /* ever */
    uint64_t purged_timer;             /* ever */
    uint64_t purged_erasure;           /* ever */
    /* Typed classes, over the shapes of values seen so far: tokens there can be, those that are given
     * out, which are never given again, and shapes that have none left. 0 for other classes. */
    uint64_t capacity;
    uint64_t used;
    uint64_t exhausted;
};

/* Figures of one class from maintained counters, not from a scan (days are UTC; overdue is exact to
 * the day). */
enum err vault_read_stats(struct vault_reader *r, uint16_t class_id, int64_t now_s,
                          struct vault_class_stats *ret) MUST_CHECK;

/* What came and went in the days [from, to), counted from 1970 in UTC: rows of one class. INT64_MIN and
 * INT64_MAX stand for ever. From maintained counters. */
struct vault_flow {
    uint64_t created;
    uint64_t purged_timer;
    uint64_t purged_erasure;
    uint64_t purged_withdrawal, purged_objection; /* of these: Art. 17(1)(b) and (c) */
};
enum err vault_read_flow(struct vault_reader *r, uint16_t class_id, int64_t from_day,
                         int64_t to_day, struct vault_flow *ret) MUST_CHECK;

/* The same day by day, in order; days on which nothing came or went are left out. */
enum err vault_read_flow_days(struct vault_reader *r, uint16_t class_id, int64_t from_day,
                              int64_t to_day,
                              void (*fn)(void *context, int64_t day, const struct vault_flow *flow),
                              void *context) MUST_CHECK;

/* Values of a class by the days (since 1970, UTC) on which they were stored and fall due, from the same
 * counters; a pair of days comes once. Between begin and end. */
enum err vault_read_days(struct vault_reader *r, uint16_t class_id,
                         void (*fn)(void *context, int64_t created_day, int64_t due_day,
                                    uint64_t n),
                         void *context) MUST_CHECK;

/* All figures of the vault for monitoring; those of the database are left out while it is sealed or
 * cannot be read. On the reader's thread, outside of a read transaction; blocks shortly. */
void vault_metrics(struct vault_reader *r, struct metrics *m);

struct vault_subject_info {
    uint8_t id[VAULT_ID_BYTES];
    uint64_t slot;
    uint16_t domain;
    int64_t created_s;
    uint64_t names;
};

/* A subject and its live rows by class. per_class: CLASSES_MAX + 1 counters indexed by class id.
 * NOT_FOUND: erased. */
enum err vault_read_subject_info(struct vault_reader *r, uint64_t slot,
                                 struct vault_subject_info *ret, uint64_t *per_class) MUST_CHECK;
/* The only subject that owns a live row under a token (class_id as in struct vault_scope). NOT_FOUND:
 * nobody; CONFLICT: several, who share the value, or a token of several classes. */
enum err vault_read_owner(struct vault_reader *r, uint16_t class_id, struct span token,
                          uint64_t *ret_slot) MUST_CHECK;
/* Subjects that have a key. */
enum err vault_read_subject_count(struct vault_reader *r, uint64_t *ret) MUST_CHECK;
