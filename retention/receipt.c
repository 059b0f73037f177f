/* SPDX-License-Identifier: Apache-2.0 */
/* The receipt of an erasure as JSON.
 * Runs on: any thread. Holds: nothing. Invariant: nothing in it leads to the person: random ids,
 * counts, instants, and the operator's own words. Not here: signing. */
#include "retention/receipt.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/mem.h"
#include "base/period.h"
#include "version.h"

static const char *const state_names[] = {
    [RECEIPT_COMPLETED] = "completed",
    [RECEIPT_FAILED] = "failed",
    [RECEIPT_UNFINISHED] = "unfinished",
};

bool receipt_is_verified(const struct vault_verification *v)
{
    return v->slot_zero && v->rows_left == 0 && v->key_absent &&
           (v->samples_tried == 0 || v->samples_unreadable);
}

/* Null where nothing says any more which one it was: a crash came between sweep and receipt. */
static struct json *domain_name(const struct vault *vault, uint16_t domain)
{
    const char *name = vault_domain_name(vault, domain);

    return name == NULL ? json_new_null() : json_new_text(span_str(name));
}

void receipt_set_id(struct json *map, const char *name, const uint8_t id[VAULT_ID_BYTES])
{
    char text[2 * VAULT_ID_BYTES + 1];

    for (size_t i = 0; i < VAULT_ID_BYTES; i++)
        (void)snprintf(text + 2 * i, 3, "%02x", id[i]);
    json_set_str(map, name, text);
}

/* "2026-11-23T15:45:37.250Z": a cut-off decides which values were meant, so it keeps its
 * milliseconds. */
void receipt_set_instant(struct json *map, const char *name, int64_t at_ms)
{
    char seconds[24], text[40];

    period_format_instant(at_ms / 1000, seconds);
    seconds[19] = '\0'; /* without the Z */
    (void)snprintf(text, sizeof(text), "%s.%03" PRId64 "Z", seconds, at_ms % 1000);
    json_set_str(map, name, text);
}

/* Every class that has rows is configured: the vault does not open otherwise. */
static struct json *destroyed_list(const struct receipt *r, const struct vault *vault,
                                   const struct classes *classes)
{
    struct json *list = json_new_list();

    for (size_t i = 0; i < classes->count; i++) {
        uint64_t count = r->per_class[vault_class_id(vault, &classes->defs[i])];
        struct json *entry;

        if (count == 0)
            continue;
        entry = json_new_map();
        json_set_str(entry, "class", classes->defs[i].name);
        json_set_int(entry, "values", (int64_t)count);
        json_add(list, entry);
    }
    return list;
}

static struct json *method_map(const struct receipt *r)
{
    struct json *map = json_new_map();

    json_set_str(map, "kind", "crypto-shredding");
    json_set_str(map, "cipher", "XChaCha20-Poly1305");
    json_set_str(map, "key", "the subject's data key, overwritten in place with zeroes");
    json_set_int(map, "slot", (int64_t)r->slot);
    json_set_int(map, "epoch", (int64_t)r->epoch);
    json_set_int(map, "rows_deleted", (int64_t)r->rows);
    json_set_bool(map, "write_ahead_log_truncated", r->truncated);
    return map;
}

static struct json *verification_map(const struct receipt *r)
{
    const struct vault_verification *v = &r->verification;
    struct json *map;

    if (!r->looked)
        return json_new_null();
    map = json_new_map();
    json_set_bool(map, "passed", receipt_is_verified(v));
    json_set_bool(map, "slot_zero", v->slot_zero);
    json_set_int(map, "samples_tried", (int64_t)v->samples_tried);
    json_set_bool(map, "samples_unreadable", v->samples_unreadable);
    json_set_int(map, "rows_left", (int64_t)v->rows_left);
    json_set_int(map, "bytes_searched", (int64_t)v->bytes_searched);
    json_set_bool(map, "key_absent", v->key_absent);
    return map;
}

static void set_times(struct json *map, const struct receipt *r)
{
    receipt_set_instant(map, "cutoff", r->cutoff_ms);
    receipt_set_instant(map, "acknowledged_at", r->acknowledged_ms);
    if (r->state == RECEIPT_COMPLETED)
        receipt_set_instant(map, "completed_at", r->completed_ms);
    else
        json_set(map, "completed_at", json_new_null());
}

enum err receipt_json(const struct receipt *r, const struct vault *vault,
                      const struct classes *classes, struct span reason, struct json **ret_tree)
{
    struct json *map, *ledger, *product, *reason_text;

    reason_text = reason.len == 0 ? json_new_null() : json_new_text(reason);
    if (reason_text == NULL)
        return ERR_INVALID;
    map = json_new_map();
    json_set_str(map, "format", "lethe-erasure-receipt-1");
    receipt_set_id(map, "number", r->number);
    json_set_str(map, "state", state_names[r->state]);
    if (r->state == RECEIPT_FAILED) {
        json_set_str(map, "failed_step", r->failed_step);
        json_set_str(map, "failure", err_name(r->failure));
    }
    receipt_set_id(map, "subject", r->subject);
    json_set(map, "domain", domain_name(vault, r->domain));
    json_set(map, "reason", reason_text);
    set_times(map, r);
    json_set(map, "destroyed", destroyed_list(r, vault, classes));
    json_set(map, "not_erased", json_new_list());
    json_set(map, "method", method_map(r));
    json_set(map, "verification", verification_map(r));
    ledger = json_new_map();
    json_set_int(ledger, "seq", (int64_t)r->ledger_seq);
    json_set(map, "ledger", ledger);
    json_set_str(map, "recipients",
                 "Tokens of this subject that recipients still hold stand for nothing any more in "
                 "this vault; they remain to be erased at the recipients.");
    product = json_new_map();
    json_set_str(product, "version", LETHE_VERSION);
    json_set_str(product, "commit", LETHE_COMMIT);
    json_set(map, "product", product);
    json_set_bool(map, "signed", false);
    *ret_tree = map;
    return ERR_OK;
}
