/* SPDX-License-Identifier: Apache-2.0 */
/* What keeps values from being destroyed or shown although their time is over or their person has a key:
 * legal holds, restrictions of processing (Art. 18), erasures that wait for a hold to end (Art. 17(3)), and
 * objections to a purpose (Art. 21). They are registers: what has ended stays in them.
 *
 * Holds and restrictions bind in the writer and inside read transactions: once a change is done, no reader
 * is still at work that has not seen it. Set and ended they also stand in the ledger, so that an older
 * database that is put back knows them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "vault/vault.h"

enum {
    VAULT_HOLD_CODE_MAX = 8,    /* bytes of a code, as in "17(3)(e)" */
    VAULT_HOLD_TEXT_MAX = 512,  /* of what an operator says */
    VAULT_HOLD_NAME_MAX = 128,  /* of an owner, of who did it */
    VAULT_PURPOSE_NAME_MAX = 64 /* of a purpose */
};

/* What a text says that the ledger gave back to a database that did not know it. */
#define VAULT_FROM_LEDGER "restored from the ledger"

/* ---- legal holds ---- */

/* On a subject, a class, or a class of one subject. No text in it may name the person. */
struct vault_hold {
    uint64_t number;                 /* from 1; out */
    uint8_t id[VAULT_ID_BYTES];      /* random; out */
    uint64_t slot;                   /* whose values; 0: everybody's of the class */
    uint8_t subject[VAULT_ID_BYTES]; /* the subject's random id; out */
    uint16_t class_id;               /* of which class; 0: of all */
    char code[VAULT_HOLD_CODE_MAX + 1];
    char ground[VAULT_HOLD_TEXT_MAX + 1];
    char owner[VAULT_HOLD_NAME_MAX + 1];
    char set_by[VAULT_HOLD_NAME_MAX + 1];
    int64_t set_ms;    /* out */
    int64_t review_s;  /* when somebody must have looked at it again */
    int64_t lifted_ms; /* 0: it is in force */
    char lifted_by[VAULT_HOLD_NAME_MAX + 1];
    char lifted_why[VAULT_HOLD_TEXT_MAX + 1];
};

/* The first after number `after`, lifted ones too. NOT_FOUND past the last. Inside a read transaction, as
 * everything below that takes a reader. */
enum err vault_read_hold(struct vault_reader *r, uint64_t after, struct vault_hold *ret) MUST_CHECK;
/* Does a hold in force bind this subject: is it on him, or on a class of which he has values? */
enum err vault_hold_binds(struct vault_reader *r, const struct vault_hold *hold, uint64_t slot,
                          bool *ret) MUST_CHECK;
/* Values that a hold keeps, and those of them that would be destroyed without it. Both 0 once lifted. */
enum err vault_hold_count(struct vault_reader *r, const struct vault_hold *hold, int64_t now_s,
                          uint64_t *ret_items, uint64_t *ret_due) MUST_CHECK;

/* ---- restriction ---- */

struct vault_restriction {
    uint64_t number;                 /* from 1; out */
    uint64_t slot;                   /* whose */
    uint8_t subject[VAULT_ID_BYTES]; /* out */
    char ground;                     /* a to d, as in Art. 18(1)(a) to (d) */
    char set_by[VAULT_HOLD_NAME_MAX + 1];
    int64_t set_ms;    /* out */
    int64_t review_s;  /* 0: none */
    int64_t notice_s;  /* when the person was told that it ends; 0: not yet */
    int64_t lifted_ms; /* 0: it is in force */
    char lifted_by[VAULT_HOLD_NAME_MAX + 1];
};

enum err vault_read_restriction(struct vault_reader *r, uint64_t after,
                                struct vault_restriction *ret) MUST_CHECK;
/* Is this person's data restricted, by a restriction, by an erasure that waits, or, of what an erasure has
 * kept (part.h), some of it? */
bool vault_is_restricted(struct vault_reader *r, uint64_t slot);

/* ---- erasures that wait ---- */

struct vault_waiting {
    uint8_t id[VAULT_ID_BYTES]; /* which the erasure will have */
    uint64_t slot;
    uint8_t subject[VAULT_ID_BYTES];
    uint16_t domain;
    int64_t asked_ms;
    uint8_t *note; /* as in struct vault_erase; owned: vault_waiting_done() */
    size_t note_len;
};

/* The first with a slot after `after`. NOT_FOUND past the last. Of the last one read the note is freed. */
enum err vault_read_waiting(struct vault_reader *r, uint64_t after, struct vault_waiting *ret)
    MUST_CHECK;
void vault_waiting_done(struct vault_waiting *waiting);
/* Would an erasure of this subject wait? */
enum err vault_erasure_must_wait(struct vault_reader *r, uint64_t slot, bool *ret) MUST_CHECK;

/* ---- objections ---- */

/* A number for the name of a purpose, for struct vault_scope: the same for the life of the vault. Any
 * thread; blocks shortly. */
uint16_t vault_purpose_id(struct vault *v, struct span name);

struct vault_objection {
    uint64_t number;                 /* from 1; out */
    uint64_t slot;                   /* whose */
    uint8_t subject[VAULT_ID_BYTES]; /* out */
    char purpose[VAULT_PURPOSE_NAME_MAX +
                 1]; /* empty: the ledger knew of it, and nobody has named it since */
    char set_by[VAULT_HOLD_NAME_MAX + 1];
    int64_t set_ms;       /* out */
    int64_t withdrawn_ms; /* 0: it is in force */
    char withdrawn_by[VAULT_HOLD_NAME_MAX + 1];
};

enum err vault_read_objection(struct vault_reader *r, uint64_t after, struct vault_objection *ret)
    MUST_CHECK;

/* ---- figures ---- */

struct vault_consent;

struct vault_holds_figures {
    uint64_t holds;      /* in force */
    uint64_t restricted; /* subjects */
    uint64_t waiting;    /* erasures */
    uint64_t objections; /* in force */
    uint64_t withdrawn;  /* consents, for a purpose each */
};

enum err vault_read_holds_figures(struct vault_reader *r, struct vault_holds_figures *ret)
    MUST_CHECK;

struct vault_class_holds {
    uint64_t held;       /* values on hold, each once */
    uint64_t held_due;   /* of these: due at now_s */
    uint64_t restricted; /* subjects with values of the class whose data is restricted */
};

/* Values of a class on hold, each once, and how many of them are due at now_s. Of a hold on the whole class from the
 * class's counters (due to the day), else by counting the held subjects' rows. NOT_FOUND: no such class. */
enum err vault_read_class_held(struct vault_reader *r, uint16_t class_id, int64_t now_s,
                               uint64_t *ret_items, uint64_t *ret_due) MUST_CHECK;
/* The same, and who is restricted: all of them are looked at. */
enum err vault_read_class_holds(struct vault_reader *r, uint16_t class_id, int64_t now_s,
                                struct vault_class_holds *ret) MUST_CHECK;

/* ---- writing ---- */

enum vault_holds_act {
    VAULT_HOLD_SET,   /* hold */
    VAULT_HOLD_LIFT,  /* hold->number, lifted_by, lifted_why; the rest: out */
    VAULT_RESTRICT,   /* restriction */
    VAULT_UNRESTRICT, /* restriction->slot, notice_s, lifted_by: all that are in force, or, where
                            * restriction->number is not 0, that one */
    VAULT_OBJECT,     /* objection */
    VAULT_OBJECT_WITHDRAW, /* objection->slot, purpose, withdrawn_by */
    VAULT_WAITING_DROP,    /* slot: an erasure that waits, of somebody who is gone */
    VAULT_CONSENT_GIVE,    /* consent (consents.h): a new one in the place of what counted */
    VAULT_CONSENT_WITHDRAW,
    VAULT_CONSENT_DONE /* consent->number: its effect is there */
};

/* One change, durable in ledger and database, and heeded by every reader, when done. Errors, with nothing
 * changed: NOT_FOUND (no such subject, class or number; nothing in force to end), CONFLICT (in force
 * already, or, of what ends, not in force any more), BUSY (the subject's values are being moved, part.h:
 * try again), INVALID (a hold on nothing, or without
 * ground, owner or review date; UNRESTRICT without the notice of Art. 18(3)), IO, NO_SPACE. */
struct vault_holds {
    struct vault_op op; /* kind VAULT_HOLDS */
    enum vault_holds_act act;
    struct vault_hold *hold;
    struct vault_restriction *restriction;
    struct vault_objection *objection;
    struct vault_consent *consent;
    uint64_t slot;
};
