/* SPDX-License-Identifier: Apache-2.0 */
/* The ledger for those who are shown it: entries as they stand in the file.
 * Runs on: any thread; blocks on the file. Holds: nothing. */
#include "vault/vault_priv.h"

_Static_assert((int)VAULT_LEDGER_RECORD_BYTES == (int)LEDGER_RECORD_BYTES, "a record");

struct walk {
    const struct vault *v;
    enum err (*fn)(const struct vault_ledger_entry *entry, void *context);
    void *context;
};

static const char *word_of(enum ledger_kind kind)
{
    static const char *const words[] = {
        [LEDGER_OPENED] = "opened",     [LEDGER_ERASE] = "erase", [LEDGER_CLOSED] = "closed",
        [LEDGER_RESERVED] = "reserved", [LEDGER_EPOCH] = "epoch", [LEDGER_RESTORED] = "restored",
        [LEDGER_SEQUENCE] = "sequence", [LEDGER_AUDIT] = "audit",
    };

    return (size_t)kind < COUNT_OF(words) && words[kind] != NULL ? words[kind] : "unknown";
}

static enum err on_record(const struct ledger_record *record, void *context)
{
    const struct walk *w = context;
    struct vault_ledger_entry entry = {
        .seq = record->seq, .kind = word_of(record->kind), .time_ms = record->time_ms};
    enum err e = ledger_bytes(w->v->ledger, (record->seq - 1) * LEDGER_RECORD_BYTES, entry.record,
                              sizeof(entry.record));

    return e == ERR_OK ? w->fn(&entry, w->context) : e;
}

enum err vault_ledger_each(const struct vault *v,
                           enum err (*fn)(const struct vault_ledger_entry *entry, void *context),
                           void *context)
{
    struct walk w = {.v = v, .fn = fn, .context = context};

    return ledger_each(v->ledger, on_record, &w);
}
