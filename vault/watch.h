/* SPDX-License-Identifier: Apache-2.0 */
/* What watches over reveals and must outlive a restart: canaries (made-up people whose values nobody has a
 * reason to ask for), incidents, callers that are suspended by one, and whom callers have seen lately. No
 * personal data: subjects by slot or random id, callers by their names in the configuration. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "vault/vault.h"

enum {
    VAULT_CALLER_MAX = 64, /* bytes of a caller's name */
    VAULT_KIND_MAX = 16,   /* of an incident's kind */
    VAULT_REQUEST_MAX = 32,
    VAULT_CANARIES_MAX = 16384
};

/* ---- canaries ---- */

/* Is the subject of this slot a canary? Any thread; does not block. */
bool vault_is_canary(const struct vault *v, uint64_t slot);
size_t vault_canary_count(const struct vault *v);
/* Their slots, at most `max`, in no order; gives back how many there are. */
size_t vault_canaries(const struct vault *v, uint64_t *slots, size_t max);

/* ---- callers ---- */

/* What the vault knows of a caller; one object a name, for the life of the vault. */
struct vault_caller;

/* Any thread; blocks shortly. */
struct vault_caller *vault_caller(struct vault *v, const char *name);
/* Any thread; does not block. */
bool vault_caller_is_suspended(const struct vault_caller *caller);
/* At once, and until the process ends; the incident that makes it last is the caller's duty. */
void vault_caller_suspend(struct vault_caller *caller);
/* How many are. Any thread; blocks shortly. */
size_t vault_callers_suspended(struct vault *v);

/* ---- incidents ---- */

struct vault_incident {
    uint64_t number; /* from 1 */
    int64_t at_ms;
    int64_t closed_ms; /* 0: it is open, and suspends its caller */
    char kind[VAULT_KIND_MAX + 1];
    char caller[VAULT_CALLER_MAX + 1];
    uint8_t subject[VAULT_ID_BYTES];
    char request[VAULT_REQUEST_MAX + 1]; /* the id of the request; may be empty */
};

/* How many are open. Any thread; does not block. */
size_t vault_incidents_open(const struct vault *v);
/* The first after number `after`. NOT_FOUND past the last. Blocks shortly; not on the writer's thread. */
enum err vault_incident_next(struct vault *v, uint64_t after, struct vault_incident *ret)
    MUST_CHECK;

/* ---- whom callers have seen ---- */

struct vault_seen {
    uint64_t quota;   /* what counts it: any number of the caller's choice */
    uint64_t subject; /* what is counted */
    int64_t until_s;  /* when it counts no more */
};

/* All that counts at now_s, those first that end first. As above. */
enum err vault_seen_each(struct vault *v, int64_t now_s,
                         void (*fn)(const struct vault_seen *seen, void *context), void *context)
    MUST_CHECK;

/* ---- writing ---- */

/* Any of these, in one commit. What is borrowed stays until done. */
struct vault_watch {
    struct vault_op op; /* kind VAULT_WATCH */
    const struct vault_seen *seen;
    size_t seen_count;
    int64_t forget_s; /* what counts no more at this second is forgotten; 0: nothing */
    struct vault_incident *incident; /* a new one, open: its caller is suspended. number: out */
    const char *restore;             /* close all incidents of this caller; NULL: nobody's */
    size_t restored;                 /* out: how many were open */
    uint64_t canary; /* this subject is one; 0: nobody. EXHAUSTED past VAULT_CANARIES_MAX */
};
