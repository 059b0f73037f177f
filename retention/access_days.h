/* SPDX-License-Identifier: Apache-2.0 */
/* Who saw how much in clear, day by day: the audit trail, added up as it grows, so that nobody who asks has to read
 * it again. Kept with the store, as records of kind VAULT_RECORD_ACCESS_DAY; counts by caller, purpose and class
 * only. How many people that were cannot be added up over days: the access report counts them from the trail. */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

#include "base/err.h"
#include "vault/audit.h"
#include "vault/records.h"
#include "vault/vault.h"

enum { ACCESS_NAME_MAX = 64 };

/* What one caller saw of one class for one purpose. Class 0: what was refused, and honeytokens. */
struct access_sum {
    char who[ACCESS_NAME_MAX + 1], purpose[ACCESS_NAME_MAX + 1];
    enum audit_role role;
    uint16_t class_id;
    uint64_t requests, values, masks, refused, honeytokens;
};

struct access_sums {
    struct access_sum *at;
    size_t count, cap;
};

void access_sums_done(struct access_sums *sums);

/* Add what the trail has had since the last time. Any number at once: what somebody else has added meanwhile is left
 * out. CANCELED once *stop (may be NULL); what was added so far stays. IO, NO_SPACE, CORRUPT. Worker thread; blocks
 * as long as the new part of the trail is. */
enum err access_days_update(struct vault *vault, const atomic_bool *stop) MUST_CHECK;

/* The sums of the days [from, to), since 1970 in UTC, in no order, as of the last update. ret: empty; caller frees
 * with access_sums_done(), also after an error. */
enum err access_days_sum(struct vault_records *records, int64_t from_day, int64_t to_day,
                         struct access_sums *ret) MUST_CHECK;

/* ---- what a record of the trail says of access ---- */

enum access_kind { ACCESS_NONE, ACCESS_SHOWN, ACCESS_REFUSED, ACCESS_HONEYTOKEN };

enum access_kind access_kind_of(const struct audit_record *record);
/* A name as it is counted: printable, cut; "-" for nobody's. */
void access_copy_name(char out[ACCESS_NAME_MAX + 1], struct span name, const char *empty);
