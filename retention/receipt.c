/* SPDX-License-Identifier: Apache-2.0 */
/* The receipt of an erasure as JSON.
 * Runs on: any thread. Holds: nothing. Invariant: nothing in it leads to the person: random ids,
 * counts, instants, and the operator's own words. Not here: the signature (proof.c). */
#include "retention/receipt.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/calendar.h"
#include "base/mem.h"
#include "base/period.h"
#include "retention/proof.h"
#include "version.h"

static const char *const state_names[] = {
    [RECEIPT_COMPLETED] = "completed",
    [RECEIPT_FAILED] = "failed",
    [RECEIPT_UNFINISHED] = "unfinished",
};

bool receipt_is_verified(const struct vault_verification *v)
{
    return v->slot_zero && v->keys_left == 0 && v->rows_left == 0 && v->names_left == 0 &&
           v->key_absent && v->log_clean && v->samples_unreadable;
}

bool receipt_ground(struct span text, struct span *ret)
{
    static const char grounds[][9] = {"17(1)(a)", "17(1)(b)", "17(1)(c)",
                                      "17(1)(d)", "17(1)(e)", "17(1)(f)"};
    enum { LETTER = 6 };

    for (size_t i = 0; i < COUNT_OF(grounds); i++) {
        if (span_equal(text, span_str(grounds[i])) ||
            span_equal(text, span_of(grounds[i] + LETTER, 1))) {
            *ret = span_str(grounds[i]);
            return true;
        }
    }
    return false;
}

/* Null where nothing says any more which one it was: a crash came between sweep and receipt. */
static struct json *domain_name(const struct vault *vault, uint16_t domain)
{
    const char *name = vault_domain_name(vault, domain);

    return name == NULL ? json_new_null() : json_new_text(span_str(name));
}

static void set_hex(struct json *map, const char *name, const uint8_t *bytes, size_t len)
{
    char text[2 * VAULT_SIGNATURE_BYTES + 1];

    proof_hex(bytes, len, text);
    json_set_str(map, name, text);
}

void receipt_set_id(struct json *map, const char *name, const uint8_t id[VAULT_ID_BYTES])
{
    set_hex(map, name, id, VAULT_ID_BYTES);
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

static void set_instant_or_null(struct json *map, const char *name, bool is_known, int64_t at_ms)
{
    if (is_known)
        receipt_set_instant(map, name, at_ms);
    else
        json_set(map, name, json_new_null());
}

/* ---- the parts ---- */

static enum err set_words(struct json *map, const char *name, struct span text)
{
    struct json *value = text.len == 0 ? json_new_null() : json_new_text(text);

    if (value == NULL)
        return ERR_INVALID;
    json_set(map, name, value);
    return ERR_OK;
}

static void set_failure(struct json *map, const struct receipt *r)
{
    struct json *failure = r->state == RECEIPT_FAILED ? json_new_map() : json_new_null();

    if (r->state == RECEIPT_FAILED) {
        json_set_str(failure, "step", r->failed_step);
        json_set_str(failure, "error", err_name(r->failure));
    }
    json_set(map, "failure", failure);
}

static struct json *scope_map(const struct receipt *r, const struct vault *vault)
{
    struct json *map = json_new_map(), *list = json_new_list();

    for (uint16_t id = 1; id <= CLASSES_MAX; id++) {
        const struct class_def *def = r->per_class[id] == 0 ? NULL : vault_class_def(vault, id);
        struct json *entry;

        if (def == NULL) /* every class that has rows is configured: the vault does not open else */
            continue;
        entry = json_new_map();
        json_set_str(entry, "class", def->name);
        json_set_int(entry, "values", (int64_t)r->per_class[id]);
        json_add(list, entry);
    }
    receipt_set_instant(map, "cutoff", r->cutoff_ms);
    json_set(map, "classes", list);
    json_set_int(map, "values", (int64_t)r->rows);
    return map;
}

static struct json *method_map(const struct receipt *r)
{
    const struct vault_verification *v = &r->verification;
    struct json *map = json_new_map();

    json_set_str(map, "kind", "crypto-shredding");
    json_set_str(map, "cipher", "XChaCha20-Poly1305");
    json_set_str(map, "key", "the subject's data key, overwritten in place with zeroes");
    json_set_int(map, "slot", (int64_t)r->slot);
    json_set_int(map, "epoch", (int64_t)r->epoch);
    json_set_int(map, "rows_deleted", (int64_t)r->rows);
    json_set_bool(map, "index_rows_removed", r->looked && v->rows_left == 0 && v->names_left == 0);
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
    json_set_int(map, "keys_left", (int64_t)v->keys_left);
    json_set_int(map, "rows_left", (int64_t)v->rows_left);
    json_set_int(map, "identifiers_left", (int64_t)v->names_left);
    json_set_int(map, "samples_tried", (int64_t)v->samples_tried);
    json_set_bool(map, "samples_unreadable", v->samples_unreadable);
    json_set_bool(map, "key_absent", v->key_absent);
    json_set_bool(map, "log_clean", v->log_clean);
    json_set_int(map, "bytes_searched", (int64_t)v->bytes_searched);
    json_set_str(
        map, "tried",
        v->key_known
            ? "Ciphertexts kept from before were tried with every key; the wrapped key's "
              "bytes, and any key slot of this subject, were looked for in every file of "
              "the store."
            : "The process had been restarted and the wrapped key's bytes were not known "
              "any more: the slot was read from the file, any key slot of this subject was "
              "looked for in every file of the store, and ciphertexts that were left were "
              "tried with every key.");
    return map;
}

static void set_end(struct json *map, const struct receipt *r)
{
    static const char *const meanings[] = {
        [RECEIPT_END_NO_POLICY] =
            "No rule says when the root key is replaced: copies of the wrapped key that a backup "
            "or a medium may hold stay readable to whoever has the root key of this epoch.",
        [RECEIPT_END_OVERDUE] =
            "The root key should have been replaced before; until it is, copies of the wrapped key "
            "that a backup or a medium may hold stay readable to whoever has the root key of this "
            "epoch.",
        [RECEIPT_END_DATED] =
            "By then the root key of this epoch is replaced and destroyed, and with it every copy "
            "of the wrapped key, in whatever backup or on whatever medium it stands.",
    };

    set_instant_or_null(map, "unrecoverable_not_later_than", r->end == RECEIPT_END_DATED,
                        r->unrecoverable_ms);
    json_set_str(map, "unrecoverable_meaning", meanings[r->end]);
}

static void set_ledger(struct json *map, const struct receipt *r)
{
    struct json *ledger = json_new_map();

    json_set_int(ledger, "sequence", (int64_t)r->ledger_seq);
    set_hex(ledger, "head", r->ledger_head, VAULT_HEAD_BYTES);
    json_set(map, "ledger", ledger);
}

static void set_product(struct json *map, const struct receipt *r)
{
    struct json *product = json_new_map();

    json_set_str(product, "version", LETHE_VERSION);
    json_set_str(product, "commit", LETHE_COMMIT);
    if (r->configured)
        set_hex(product, "configuration", r->configuration, sizeof(r->configuration));
    else
        json_set(product, "configuration", json_new_null());
    json_set(map, "product", product);
}

/* "2034-12-31": the last day on which an exception holds. */
static void set_last_day(struct json *map, const char *name, int64_t until_s)
{
    char text[CIVIL_TEXT_MAX];

    civil_format(calendar_date(until_s - 1), text);
    json_set_str(map, name, text);
}

static struct json *kept_list(const struct receipt *r, const struct vault *vault)
{
    struct json *list = json_new_list();

    for (size_t i = 0; i < r->kept_count; i++) {
        const struct vault_exception *x = &r->kept[i];
        const struct class_def *def = vault_class_def(vault, x->class_id);
        struct json *entry = json_new_map();

        json_set_str(entry, "class", def == NULL ? "?" : def->name);
        receipt_set_exception(entry, x);
        json_set_int(entry, "values", (int64_t)x->values);
        json_add(list, entry);
    }
    return list;
}

void receipt_set_exception(struct json *map, const struct vault_exception *exception)
{
    char code[] = "17(3)(?)";
    struct json *law = json_new_text(span_str(exception->law));

    *strchr(code, '?') = exception->code;
    json_set_str(map, "code", code);
    json_set(map, "law", law == NULL ? json_new_null() : law);
    set_last_day(map, "review", exception->until_s);
}

static const char *remains(const struct receipt *r)
{
    if (r->state != RECEIPT_COMPLETED)
        return "The erasure is not finished: what remains is said by the receipt of its "
               "completion.";
    if (r->kept_count == 0)
        return "Of the values in scope none remains in this vault. Tokens that recipients hold "
               "remain to be erased there.";
    return "The values listed under not_erased remain in this vault, sealed under a key of their "
           "own, "
           "restricted to legal purposes, and are erased when their exception ends. Tokens that "
           "recipients hold remain to be erased "
           "there.";
}

/* ---- together ---- */

static enum err fill(struct json *map, const struct receipt *r, const struct vault *vault,
                     const struct receipt_words *words)
{
    enum err e;

    json_set_str(map, "format", RECEIPT_FORMAT);
    receipt_set_id(map, "number", r->number);
    json_set_str(map, "state", state_names[r->state]);
    set_failure(map, r);
    receipt_set_id(map, "store", vault_store_id(vault));
    e = set_words(map, "reference", words->reference);
    if (e == ERR_OK)
        e = set_words(map, "ground", words->ground);
    if (e == ERR_OK)
        e = set_words(map, "reason", words->reason);
    if (e == ERR_OK)
        e = set_words(map, "executed_by", words->executed_by);
    if (e == ERR_OK)
        e = set_words(map, "approved_by", words->approved_by);
    receipt_set_id(map, "subject", r->subject);
    json_set(map, "domain", domain_name(vault, r->domain));
    json_set(map, "scope", scope_map(r, vault));
    json_set(map, "not_erased", kept_list(r, vault));
    json_set_str(map, "remains", remains(r));
    json_set(map, "method", method_map(r));
    receipt_set_instant(map, "effective_at", r->acknowledged_ms);
    set_instant_or_null(map, "completed_at", r->state == RECEIPT_COMPLETED, r->completed_ms);
    set_end(map, r);
    json_set(map, "verification", verification_map(r));
    json_set_str(map, "recipients",
                 "Tokens of this subject that recipients still hold lead to no value of this "
                 "subject any more in this vault; they remain to be erased at the recipients. A "
                 "token of a deterministic class that another subject shares still stands for "
                 "that subject's own value.");
    set_ledger(map, r);
    set_product(map, r);
    return e;
}

enum err receipt_json(const struct receipt *r, const struct vault *vault,
                      const struct receipt_words *words, struct json **ret_tree)
{
    AUTO(json_free) struct json *map = json_new_map();
    enum err e = fill(map, r, vault, words);

    if (e == ERR_OK)
        e = proof_sign(map, vault);
    if (e == ERR_OK)
        *ret_tree = TAKE(map);
    return e;
}
