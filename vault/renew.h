/* SPDX-License-Identifier: Apache-2.0 */
/* New tokens for values that are there. Whoever counted, kept or stole the old ones learns nothing of the new: these
 * are drawn at random, and equal values of a deterministic class share a new one as they shared the old.
 *
 * The value, its owner, its times and its number in the books stay. Until VAULT_RENEW_END the store remembers which
 * token took the place of which, and an old one stands for what the new one does; then nothing tells that they ever
 * had to do with each other. What is remembered of a value goes with the value, and holds nothing of it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "vault/vault.h"

/* Where the last batch ended; all 0 at first. Without it (after a crash) the work begins anew, and passes over what
 * has its new token. */
struct vault_renew_at {
    uint64_t before; /* from the newest token to the oldest: those of lower numbers are left */
    /* Not 0: `before` - 1 is shared, and has its new token for owners up to this row. */
    uint64_t slot;
    uint64_t row;
};

/* Give values of a class new tokens. A batch looks at up to `limit` rows, at few only while values are being stored;
 * repeat from `next` on while `more`. Passed over are values whose time is over and which nothing keeps, those of
 * erased people and of other domains, and such as do not open. Whoever stores a value that is there meanwhile gets
 * its new token if it has one. A shared token of very many owners is moved over several batches: it may only be left
 * so for a short time, since an owner who stores the value again in between has it twice until then.
 * Done = durable, and no reader answers with the old token as the present one. Errors: NOT_FOUND (class), INVALID
 * (no limit), EXHAUSTED (a typed class has no token left for a value; what was done before stays done), IO, NO_SPACE. */
struct vault_renew {
    struct vault_op op; /* kind VAULT_RENEW */
    uint16_t class_id;
    uint16_t domain;            /* 0: of all */
    size_t limit;               /* and 10,000 */
    struct vault_renew_at at;   /* where it begins */
    struct vault_renew_at next; /* out: where it ended */
    size_t looked;              /* out, of this batch: rows */
    size_t renewed;             /* ... that have a new token now */
    size_t unreadable;          /* ... that do not open, and keep what they have */
    bool more;                  /* out */
};

/* Forget up to `limit` old tokens of a class; repeat while `more`. From the last batch on none of them stands for
 * anything. */
struct vault_renew_end {
    struct vault_op op; /* kind VAULT_RENEW_END */
    uint16_t class_id;
    size_t limit;
    size_t forgotten; /* out */
    bool more;        /* out */
};

/* An old token and the one in its place. */
struct vault_renewed {
    uint64_t number; /* what to ask on after; says nothing */
    bool damaged;    /* the value does not open: neither token shows anything, and none is told */
    struct token_text old_token;
    struct token_text new_token;
};

/* The first one of a class past `after` whose value lives; NOT_FOUND past the last. Between begin and end. No value
 * leaves. */
enum err vault_read_renewed(struct vault_reader *r, uint16_t class_id, uint64_t after,
                            struct vault_renewed *ret) MUST_CHECK;
