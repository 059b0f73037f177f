/* SPDX-License-Identifier: Apache-2.0 */
/* The receipt of an erasure: what was destroyed, how, when, and what was looked at afterwards. It
 * names the subject by a random id only: no value, no identifier, no hash of one. docs/RECEIPTS.md
 * describes the document for those who check it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/conf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/span.h"
#include "vault/classes.h"
#include "vault/part.h"
#include "vault/vault.h"

#define RECEIPT_FORMAT   "lethe-erasure-receipt-4"
#define RECEIPT_FORMAT_3 "lethe-erasure-receipt-3" /* read, not written */

/* COMPLETED: swept, verified, and nothing but the closing of the ledger entry was left to do. FAILED:
 * acknowledged, but a later step or the verification failed; the ledger entry stays open and the work
 * is tried again. UNFINISHED: acknowledged, then the process was asked to stop; finished after the
 * next start. */
enum receipt_state { RECEIPT_COMPLETED, RECEIPT_FAILED, RECEIPT_UNFINISHED };

/* When no copy of the key can be opened any more, whatever backup it stands in. */
enum receipt_end {
    RECEIPT_END_NO_POLICY, /* root keys are not rotated by rule: it cannot be said */
    RECEIPT_END_OVERDUE,   /* the rule's date is over, and the epoch still goes on */
    RECEIPT_END_DATED      /* at unrecoverable_ms */
};

struct receipt {
    enum receipt_state state;
    enum err failure;        /* FAILED: what the failing step said */
    const char *failed_step; /* FAILED: "sweep", "truncate", "verify", "close"; a literal */
    uint8_t number[VAULT_ID_BYTES];
    uint8_t subject[VAULT_ID_BYTES];
    uint16_t domain;
    uint64_t slot;
    uint32_t epoch; /* of the root key at that time */
    uint64_t ledger_seq;
    uint8_t ledger_head[VAULT_HEAD_BYTES]; /* the ledger's chain at that entry */
    int64_t cutoff_ms;
    int64_t acknowledged_ms;
    int64_t completed_ms;
    enum receipt_end end;
    int64_t unrecoverable_ms;
    uint64_t rows;                                     /* destroyed, in all classes */
    uint64_t per_class[CLASSES_MAX + 1];               /* of these, by class id */
    struct vault_exception kept[VAULT_EXCEPTIONS_MAX]; /* what was not destroyed, by class */
    size_t kept_count;
    bool truncated; /* the write-ahead log was emptied */
    bool looked;    /* verification ran; the next member is filled */
    struct vault_verification verification;
    bool configured;                          /* the next member is filled */
    uint8_t configuration[CONF_DIGEST_BYTES]; /* in force when the erasure was finished */
};

/* What the operator says of the erasure; printed on the receipt, which is kept. Empty ones become
 * null. Must not name the person: the caller sees to it. */
struct receipt_words {
    struct span ground; /* as receipt_ground() spells it */
    struct span reason;
    struct span reference;   /* of the request, in the operator's own register */
    struct span executed_by; /* who carried it out */
    struct span approved_by; /* somebody else, who approved it */
};

/* The ground for an erasure, Art. 17(1): from "b" or "17(1)(b)" the latter, a literal. False when it is
 * none of (a) to (f). */
bool receipt_ground(struct span text, struct span *ret) MUST_CHECK;

/* Did the verification find what an erasure must leave: an empty slot, no key of the subject
 * elsewhere, no row, no name, no sample that opens or stands in the write-ahead log? */
bool receipt_is_verified(const struct vault_verification *v);

/* The receipt as a signed JSON tree (json_free()). INVALID when a word is no UTF-8, SEALED when the
 * store's key is not at hand. The same receipt and words always give the same tree. Any thread; does
 * not block. */
enum err receipt_json(const struct receipt *receipt, const struct vault *vault,
                      const struct receipt_words *words, struct json **ret_tree) MUST_CHECK;

/* The members "code", "law" and "review" (the last day on which it holds) of an exception. */
void receipt_set_exception(struct json *map, const struct vault_exception *exception);
/* A random id in hexadecimal, an instant as "2026-11-23T15:45:37.250Z", as receipts spell them. */
void receipt_set_id(struct json *map, const char *name, const uint8_t id[VAULT_ID_BYTES]);
void receipt_set_instant(struct json *map, const char *name, int64_t at_ms);
