/* SPDX-License-Identifier: Apache-2.0 */
/* The receipt of an erasure: what was destroyed, how, when, and what was looked at afterwards. It
 * names the subject by a random id only: no value, no identifier, no hash of one. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/json.h"
#include "base/span.h"
#include "vault/classes.h"
#include "vault/vault.h"

/* COMPLETED: swept, verified, ledger entry closed. FAILED: acknowledged, but a later step or the
 * verification failed; the ledger entry stays open and the work is tried again. UNFINISHED:
 * acknowledged, then the process was asked to stop; finished after the next start. */
enum receipt_state { RECEIPT_COMPLETED, RECEIPT_FAILED, RECEIPT_UNFINISHED };

struct receipt {
    enum receipt_state state;
    enum err failure;        /* FAILED: what the failing step said */
    const char *failed_step; /* FAILED: "sweep", "truncate", "verify", "close"; a literal */
    uint8_t number[VAULT_ID_BYTES];
    uint8_t subject[VAULT_ID_BYTES];
    uint16_t domain;
    uint64_t slot;
    uint32_t epoch;
    uint64_t ledger_seq;
    int64_t cutoff_ms;
    int64_t acknowledged_ms;
    int64_t completed_ms;
    uint64_t rows;                       /* destroyed, in all classes */
    uint64_t per_class[CLASSES_MAX + 1]; /* of these, by class id */
    bool truncated;                      /* the write-ahead log was emptied */
    bool looked;                         /* verification ran; the next member is filled */
    struct vault_verification verification;
};

/* Did the verification find what an erasure must leave: a zero slot, no row, no key, no sample that
 * opens? */
bool receipt_is_verified(const struct vault_verification *v);

/* The receipt as a JSON tree (json_free()). `reason` is the operator's own ground code or text; it
 * is printed here and stored nowhere; an empty one becomes null. INVALID when it is no UTF-8.
 * Classes give the counts their names. Any thread; does not block. */
enum err receipt_json(const struct receipt *receipt, const struct vault *vault,
                      const struct classes *classes, struct span reason, struct json **ret_tree)
    MUST_CHECK;

/* A random id in hexadecimal, an instant as "2026-11-23T15:45:37.250Z", as receipts spell them. */
void receipt_set_id(struct json *map, const char *name, const uint8_t id[VAULT_ID_BYTES]);
void receipt_set_instant(struct json *map, const char *name, int64_t at_ms);
