/* SPDX-License-Identifier: Apache-2.0 */
/* Is an audit trail what was written? On the store itself, also beside a server, or on a copy. */
#pragma once

#include <stdatomic.h>

#include "vault/audit.h"

enum audit_verdict {
    AUDIT_WHOLE,
    AUDIT_ALTERED, /* a record is not what it was */
    AUDIT_REMOVED, /* records are missing between others, or stand in another order */
    AUDIT_TRUNCATED, /* it ends before what was there: a head known elsewhere, or the ledger, says so */
    AUDIT_REWRITTEN, /* it fits together, but is not what was signed or is known elsewhere */
    AUDIT_FOREIGN,   /* it is another store's */
    AUDIT_ABSENT     /* there is none */
};

struct audit_check {
    const char *dir; /* of the store */
    const uint8_t
        *public_key;      /* VAULT_PUBLIC_BYTES; NULL: signatures of the store are not checked */
    const uint8_t *store; /* VAULT_ID_BYTES; NULL: any */
    struct span heads;    /* lines of heads that were kept elsewhere, among others; empty: none */
    bool ledger;          /* compare with what DIR/ledger.log remembers */
    const atomic_bool *stop; /* CANCELED, between two segments, once it is set; NULL: never */
};

struct audit_report {
    enum audit_verdict
        verdict; /* the worst first: of what is wrong with the files themselves, else with what
                                 * is known elsewhere */
    uint64_t segments, records, heads;
    uint64_t first_seq, last_seq;
    uint64_t unsigned_records; /* after the last head: a running server leaves a minute's */
    uint64_t known;            /* points known elsewhere that it agrees with */
    uint64_t findings, notices;
};

/* What is found, in the order it is met, in words for an operator. Notices are no faults. */
typedef void (*audit_finding_fn)(enum audit_verdict verdict, const char *text, void *context);

/* Recompute all of it. Errors are those of looking: IO, NO_SPACE; what is wrong is in the report. Blocks long. */
enum err audit_verify(const struct audit_check *check, audit_finding_fn fn, void *context,
                      struct audit_report *ret) MUST_CHECK;
const char *audit_verdict_word(enum audit_verdict verdict);
