/* SPDX-License-Identifier: Apache-2.0 */
/* Events of persons that deletion rules start from (`retain: {from: "event:NAME"}`): that a case was
 * closed, a contract ended. A person has each event once at most; a later one takes its place. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/period.h"
#include "vault/rule.h"
#include "vault/vault.h"

/* What became of an event that was sent. Only of the first two anything is kept. */
enum vault_event_fate {
    VAULT_EVENT_KEPT,      /* rows count from it */
    VAULT_EVENT_CORRECTED, /* it took the place of a later one */
    VAULT_EVENT_EARLIER,   /* a later one is known: that stays */
    VAULT_EVENT_UNKNOWN,   /* no class starts from an event of this name */
    VAULT_EVENT_FUTURE,    /* it has not happened yet */
    VAULT_EVENT_TOO_OLD    /* further back than its configuration lets it be dated */
};

/* Keep an event and give the person's rows of the classes that start from it their due times, in one
 * commit. A person with many rows gets the rest with the next sweep, whatever happens between. An event
 * moves a start forward only, unless it corrects one. Done = durable. OK says nothing about the fate.
 * Errors: NOT_FOUND (no such person), INVALID (no name of an event), IO, NO_SPACE. */
struct vault_event {
    struct vault_op op;         /* kind VAULT_EVENT */
    uint64_t slot;              /* the person's */
    const char *name;           /* borrowed until done */
    int64_t at_s;               /* when it happened; 0: now */
    bool correct;               /* may be dated back without limit, and before one that is known */
    enum vault_event_fate fate; /* out */
    int64_t start_s;            /* out: when the event that counts now happened; 0: there is none */
    size_t changed;             /* out: rows that have another due time */
    bool more;                  /* out: the next sweep has the rest to do */
};

/* May a caller of the proxy send events of this name? */
bool vault_event_is_for(const struct vault *v, const char *name, const char *caller);
/* Does any class start from events of this name? */
bool vault_event_is_known(const struct vault *v, const char *name);
/* For people: why nothing was kept; "" when something was. */
const char *vault_event_why(enum vault_event_fate fate);

/* An event that is known of a person. */
struct vault_event_known {
    char name[RULE_NAME_MAX + 1];
    int64_t at_s;
    int64_t recorded_s;
    int64_t corrections; /* how often an operator has set it back */
};

/* The first of a person past a name ("" at first), in the order of names. NOT_FOUND past the last. A
 * reader's thread, inside a read transaction. */
enum err vault_read_event(struct vault_reader *r, uint64_t slot, const char *after,
                          struct vault_event_known *ret) MUST_CHECK;
/* The first person past a slot with rows that an event has not reached yet: VAULT_RETIME of all classes
 * of that person is what is due, by one thread at a time. NOT_FOUND past the last. Blocks shortly. */
enum err vault_event_pending(struct vault *v, uint64_t after, uint64_t *ret_slot) MUST_CHECK;
