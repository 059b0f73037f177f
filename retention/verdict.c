/* SPDX-License-Identifier: Apache-2.0 */
/* Judging what a copy of a store still gives away.
 * Runs on: any thread. Holds: nothing. Invariant: what cannot be told counts against the copy. Not
 * here: the look itself (vault/copy.c). */
#include "retention/verdict.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

static const struct {
    const char *name;
    const char *means;
    int exit;
} verdicts[] = {
    [VERDICT_ERASED] = {"erased", "No key of the subject and no row is left in this copy.", 0},
    [VERDICT_ROWS_LEFT] = {"erased, rows left",
                           "The key is gone: the rows that are left are noise to everybody. Lethe "
                           "sweeps them when it "
                           "opens this copy beside the live ledger.",
                           3},
    [VERDICT_DEAD_KEY] =
        {"erased, dead key",
         "A wrapped key is left, but none of the root keys given opens it. It stays shut for good "
         "once the root key of its epoch is destroyed everywhere.",
         0},
    [VERDICT_INCOMPLETE] =
        {"erased, copy incomplete",
         "No key of the subject is left, but not every file of the copy could be asked, or its "
         "ledger does not know the erasure: put the live ledger.log beside it before use.",
         3},
    [VERDICT_WRAPPED_KEY] =
        {"wrapped key left",
         "Whoever has the root key of that epoch can read this copy. Destroy the copy of the key "
         "slab, or give the root keys there are (-c FILE or --root-key PROVIDER) to see whether "
         "they still open it.",
         1},
    [VERDICT_READABLE] =
        {"readable",
         "This copy gives the subject away to whoever has the root keys that were given. Destroy "
         "it, or replace its keys.slab and ledger.log by the live ones; rotating the root key "
         "(`lethe key rotate`) kills every copy like it.",
         1},
    [VERDICT_CANNOT_TELL] =
        {"cannot tell",
         "Without a whole keys.slab nothing can be said about the key. Look at another copy.", 1},
    [VERDICT_NOT_THIS_STORE] = {"not this store",
                                "The files are of another store than the receipt's.", 1},
};

struct vault_copy_erasure verdict_question(const struct receipt_facts *f)
{
    struct vault_copy_erasure q = {.slot = f->slot, .ledger_seq = f->ledger_seq};

    memcpy(q.store, f->store, VAULT_ID_BYTES);
    memcpy(q.id, f->number, VAULT_ID_BYTES);
    memcpy(q.subject, f->subject, VAULT_ID_BYTES);
    memcpy(q.ledger_head, f->ledger_head, VAULT_HEAD_BYTES);
    return q;
}

enum verdict verdict_of(const struct vault_copy_report *r)
{
    if (r->keys == VAULT_COPY_FOREIGN || r->rows == VAULT_COPY_FOREIGN ||
        r->ledger == VAULT_COPY_FOREIGN)
        return VERDICT_NOT_THIS_STORE;
    if (r->rows_opened > 0 || r->key == VAULT_COPY_KEY_OPEN)
        return VERDICT_READABLE;
    if (r->key == VAULT_COPY_KEY_WRAPPED)
        return VERDICT_WRAPPED_KEY;
    if (r->keys != VAULT_COPY_READ)
        return VERDICT_CANNOT_TELL;
    if (r->key == VAULT_COPY_KEY_DEAD)
        return VERDICT_DEAD_KEY;
    if (!r->slot_zero) /* somebody else's key, or bytes that are no slot */
        return VERDICT_CANNOT_TELL;
    if (r->rows != VAULT_COPY_READ || r->ledger != VAULT_COPY_READ || !r->ledger_knows)
        return VERDICT_INCOMPLETE;
    return r->rows_left > 0 || r->names_left > 0 ? VERDICT_ROWS_LEFT : VERDICT_ERASED;
}

const char *verdict_name(enum verdict verdict)
{
    return verdicts[verdict].name;
}

int verdict_exit(enum verdict verdict)
{
    return verdicts[verdict].exit;
}

/* ---- in words ---- */

static enum err add(struct buf *out, const char *format, ...) __attribute__((format(printf, 2, 3)));

static enum err add(struct buf *out, const char *format, ...)
{
    char line[512];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    return buf_append_str(out, line);
}

static const char *const states[] = {
    [VAULT_COPY_MISSING] = "missing",
    [VAULT_COPY_READ] = "read",
    [VAULT_COPY_DAMAGED] = "damaged: cannot be read",
    [VAULT_COPY_FOREIGN] = "of another store",
};

static enum err write_keys(const struct vault_copy_report *r, const struct receipt_facts *f,
                           struct buf *out)
{
    static const char *const keys[] = {
        [VAULT_COPY_KEY_NONE] = "no file holds a key of the subject",
        [VAULT_COPY_KEY_WRAPPED] = "wrapped; no root key was given to try it with",
        [VAULT_COPY_KEY_DEAD] = "wrapped; no root key that was given opens it",
        [VAULT_COPY_KEY_OPEN] = "OPENS with a root key that was given",
    };
    enum err e = add(out, "keys.slab    %s", states[r->keys]);

    if (e == ERR_OK && r->keys == VAULT_COPY_READ)
        e = add(out, "; slot %" PRIu64 " %s", f->slot,
                r->slot_zero ? "holds zeroes" : "DOES NOT hold zeroes");
    if (e == ERR_OK)
        e = add(out, "\nkey          %s", keys[r->key]);
    if (e == ERR_OK && r->key != VAULT_COPY_KEY_NONE)
        e = add(out, " (%s, epoch %u)", r->key_file, (unsigned)r->key_epoch);
    return e;
}

static enum err write_rows(const struct vault_copy_report *r, struct buf *out)
{
    enum err e = add(out, "\nvault.db     %s", states[r->rows]);

    if (e == ERR_OK && r->rows == VAULT_COPY_READ)
        e = add(out, "; %" PRIu64 " rows and %" PRIu64 " identifiers of the subject left",
                r->rows_left, r->names_left);
    if (e == ERR_OK && r->rows_tried > 0)
        e = add(out, "; %" PRIu64 " tried with %" PRIu64 " keys, %" PRIu64 " opened", r->rows_tried,
                r->keys_tried, r->rows_opened);
    return e;
}

static enum err write_ledger(const struct vault_copy_report *r, const struct receipt_facts *f,
                             struct buf *out)
{
    enum err e = add(out, "\nledger.log   %s", states[r->ledger]);

    if (e != ERR_OK || r->ledger == VAULT_COPY_MISSING)
        return e;
    if (r->ledger_knows)
        return add(out, "; entry %" PRIu64 " is this erasure%s", f->ledger_seq,
                   r->ledger_closed ? ", closed" : ", still open");
    if (r->ledger_entries < f->ledger_seq)
        return add(out,
                   "; ends at entry %" PRIu64 ", the erasure is entry %" PRIu64
                   ": an older or shortened ledger",
                   r->ledger_entries, f->ledger_seq);
    return add(out, "; entry %" PRIu64 " IS NOT this erasure", f->ledger_seq);
}

enum err verdict_write(enum verdict verdict, const struct vault_copy_report *r,
                       const struct receipt_facts *f, struct buf *out)
{
    enum err e = write_keys(r, f, out);

    if (e == ERR_OK)
        e = write_rows(r, out);
    if (e == ERR_OK)
        e = write_ledger(r, f, out);
    if (e == ERR_OK)
        e = add(out, "\nverdict      %s\n%s\n", verdicts[verdict].name, verdicts[verdict].means);
    return e;
}
