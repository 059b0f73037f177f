/* SPDX-License-Identifier: Apache-2.0 */
/* Consent of persons to purposes, Art. 7: that it was given, with which text, and that it was taken back. A register:
 * what was superseded stays in it. It knows a person by a random id.
 *
 * A withdrawal in force has the effect of an objection (holds.h): nothing of the person is shown for the purpose. What
 * rests on that consent alone is erased after it (retention/consents.h), which is noted here. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "vault/holds.h"

enum { VAULT_CONSENT_CHANNEL_MAX = 32 };

struct vault_consent {
    uint64_t number;                 /* from 1; out */
    uint64_t slot;                   /* whose */
    uint8_t subject[VAULT_ID_BYTES]; /* out */
    char purpose[VAULT_PURPOSE_NAME_MAX +
                 1];     /* empty: the ledger knew of it, and nobody has named it since */
    bool withdrawn;      /* out: taken back; false: given */
    int64_t at_s;        /* when the person did so */
    int64_t recorded_ms; /* out */
    char channel[VAULT_CONSENT_CHANNEL_MAX + 1]; /* by which; empty: not said */
    char version[VAULT_HOLD_NAME_MAX + 1]; /* of the text that was agreed to; empty: not said */
    char set_by[VAULT_HOLD_NAME_MAX + 1];
    /* When the next one of the same person and purpose came, or the person's end; 0: it counts. */
    int64_t ended_ms;
    /* Of a withdrawal: since when nothing is left that rested on it alone; 0: not yet. */
    int64_t done_ms;
};

/* What counts now of one purpose: people by what they said last. */
struct vault_consent_sum {
    uint64_t given;
    uint64_t withdrawn;
    uint64_t pending; /* of these: what rested on it is not erased yet */
};

/* From maintained counters. Inside a read transaction. */
enum err vault_read_consent_sum(struct vault_reader *r, const char *purpose,
                                struct vault_consent_sum *ret) MUST_CHECK;
/* The first after number `after`. NOT_FOUND past the last. Inside a read transaction. */
enum err vault_read_consent(struct vault_reader *r, uint64_t after, struct vault_consent *ret)
    MUST_CHECK;
/* The same of withdrawals in force whose effect is not noted yet. */
enum err vault_read_consent_pending(struct vault_reader *r, uint64_t after,
                                    struct vault_consent *ret) MUST_CHECK;
