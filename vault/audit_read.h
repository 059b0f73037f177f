/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the audit trail: from its files, also beside a server that writes them. */
#pragma once

#include "vault/audit.h"

/* Members that are 0, SPAN_NONE or NULL say nothing. */
struct audit_filter {
    uint64_t after;  /* records with a higher number */
    int64_t from_ms; /* [from, to) */
    int64_t to_ms;
    enum audit_action action;
    enum audit_outcome outcome;
    struct span who;
    const uint8_t *tag; /* of a person: those with an entry of it */
};

/* Everything in the record is borrowed for the call; any error ends the walk and comes back. */
typedef enum err (*audit_record_fn)(const struct audit_record *record, void *context);

/* Every record of the trail of the store in `dir` that passes, in its order, one segment after the other in
 * memory. A record that does not verify is passed over: audit_verify() says what is wrong. IO. Blocks long. */
enum err audit_each(const char *dir, const struct audit_filter *filter, audit_record_fn fn,
                    void *context) MUST_CHECK;

/* The same of a vault's trail, for searches: what passes is found without reading all of it, by indexes beside the
 * segments (vault/audit_index_priv.h), which are made where there is none. The first search after a long time
 * reads all; a sealed vault's reads all each time. */
enum err audit_search(const struct vault *v, const struct audit_filter *filter, audit_record_fn fn,
                      void *context) MUST_CHECK;

/* The number of the last record of a vault's trail; 0: there is none. IO. Blocks. */
enum err audit_last(const struct vault *v, uint64_t *ret_seq) MUST_CHECK;

/* One look at a person's values: what Art. 15 lets that person know. */
struct audit_consultation {
    int64_t time_ms;
    struct span recipient;   /* the caller's name; "operator", whoever of the staff it was */
    struct span purpose;     /* empty: none was named */
    const uint16_t *classes; /* ids, ascending, each once */
    size_t class_count;
    bool masked; /* nothing but masks was shown */
};

/* Every consultation of the values of one subject, in [from, to) (0, 0: ever), in order. NOT_FOUND: there is no
 * such subject any more, and nobody can say which records were theirs. IO. Blocks long; the reader is inside no
 * transaction. */
struct audit_person {
    uint64_t slot;
    int64_t from_ms, to_ms;
};
typedef enum err (*audit_consultation_fn)(const struct audit_consultation *c, void *context);
enum err audit_consultations(struct vault *v, struct vault_reader *reader,
                             const struct audit_person *whose, audit_consultation_fn fn,
                             void *context) MUST_CHECK;
