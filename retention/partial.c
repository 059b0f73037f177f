/* SPDX-License-Identifier: Apache-2.0 */
/* Erasures that leave something behind.
 * Runs on: worker threads and the command line; blocks. Holds: nothing. Invariant: what stays is decided by
 * the vault, row by row; here it is only asked whether anything does. Not here: the erasure itself
 * (erasure.c), how rows are moved (vault/part.c). */
#include "retention/partial.h"

#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "vault/holds.h"

enum { STEP_ROWS = 1000 }; /* one transaction: some 20 ms of the writer's time */

enum err partial_look(struct vault *vault, const struct erasure_request *request,
                      struct partial *ret)
{
    const struct vault_part_ask ask = {
        .exceptions = request->exceptions,
        .count = request->exception_count,
        .scope = &request->scope,
        .newer_than_s = request->newer_than_s,
    };
    enum err e;

    ret->slot = request->slot;
    ret->scope = request->scope;
    ret->record = request->record;
    ret->restriction = request->restriction;
    e = vault_part_look(vault, request->slot, &ask, &ret->found);
    if (e != ERR_OK)
        return e;
    ret->moves = ret->found.stays > 0 || ret->found.other > 0;
    return ret->moves && ret->found.gone == 0 ? ERR_CONFLICT : ERR_OK;
}

enum err partial_move(struct erasures *erasures, const struct partial *partial,
                      int64_t newer_than_s, struct span note)
{
    struct vault_part_move op = {
        .op = {.kind = VAULT_PART_MOVE},
        .slot = partial->slot,
        .exceptions = partial->found.kept,
        .exception_count = partial->found.kept_count,
        .scope = partial->scope,
        .record = partial->record,
        .restriction = partial->restriction,
        .newer_than_s = newer_than_s,
        .note = note,
        .limit = STEP_ROWS,
    };
    enum err e = ERR_OK;

    do
        e = erasures_run_op(erasures, &op.op);
    while (e == ERR_OK && op.more);
    return e;
}

enum err partial_kept(struct vault *vault, const struct vault_erasure *erasure,
                      struct receipt *receipt)
{
    const uint64_t target = erasure->kept_slot;
    struct vault_class_set scope;
    struct vault_kept kept;
    enum err e = target == 0 ? ERR_NOT_FOUND : vault_part_scope(vault, erasure->slot, &scope);

    receipt->kept_count = 0;
    if (e == ERR_OK)
        e = vault_kept_next(vault, target, 0, &kept);
    while (e == ERR_OK && kept.slot == target && receipt->kept_count < VAULT_EXCEPTIONS_MAX) {
        if (vault_class_set_has(&scope, kept.exception.class_id))
            receipt->kept[receipt->kept_count++] = kept.exception;
        e = vault_kept_next(vault, target, kept.exception.class_id, &kept);
    }
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

/* ---- exceptions that have ended ---- */

/* What a hold binds ends with the first pass after it: nothing is asked for that would have to wait, since the
 * person would be restricted meanwhile, with all that came later. */
static enum err is_held(struct vault *v, uint64_t slot, bool *ret)
{
    AUTO(vault_reader_close) struct vault_reader *reader = NULL;
    enum err e = vault_reader_open(v, &reader);

    if (e == ERR_OK)
        e = vault_read_begin(reader);
    if (e != ERR_OK)
        return e;
    e = vault_erasure_must_wait(reader, slot, ret);
    vault_read_end(reader);
    return e;
}

/* Of what the same erasure has left of the person, the classes of which something is kept no more. */
static enum err find_ended(struct vault *v, const struct vault_kept *kept,
                           struct vault_class_set *ret)
{
    const int64_t now_s = vault_now_s(v);
    struct vault_kept at = *kept;
    enum err e = ERR_OK;

    for (; e == ERR_OK && at.slot == kept->slot;
         e = vault_kept_next(v, at.slot, at.exception.class_id, &at))
        if (at.next_s <= now_s && at.cutoff_s == kept->cutoff_s)
            vault_class_set_add(ret, at.exception.class_id);
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

/* Nothing of these classes went. What an exception kept has gone by its class's rule, or is there for another reason:
 * it is forgotten, but not while a law keeps values, as by a rule that was made stricter since. */
static enum err forget(struct erasures *e, const struct vault_kept *kept)
{
    struct vault_part_forget op = {.op = {.kind = VAULT_PART_FORGET},
                                   .slot = kept->slot,
                                   .class_id = kept->exception.class_id};
    struct vault_class_set scope = {{0}};
    const struct vault_part_ask ask = {.scope = &scope, .newer_than_s = kept->cutoff_s};
    struct vault_part *found = mem_alloc(sizeof(*found));
    bool stays = false;
    enum err result;

    vault_class_set_add(&scope, op.class_id);
    result = vault_part_look(erasures_vault(e), kept->slot, &ask, found);
    stays = result == ERR_OK && found->stays > 0;
    mem_free(&found);
    return result == ERR_OK && !stays ? erasures_run_op(e, &op.op) : result;
}

static enum err end_exception(struct erasures *e, const struct vault_kept *kept, bool *ret_done)
{
    static const struct receipt_words words = {
        .reason = {"an exception under which values were kept has ended", 51},
        .executed_by = {"lethe", 5},
    };
    struct erasure_request request = {
        .slot = kept->slot, .words = &words, .newer_than_s = kept->cutoff_s};
    struct receipt receipt;
    bool held = false;
    enum err result = is_held(erasures_vault(e), kept->slot, &held);

    if (result == ERR_OK && !held)
        result = find_ended(erasures_vault(e), kept, &request.scope);
    if (result != ERR_OK || held)
        return result;
    result = erasure_run_request(e, &request, &receipt);
    *ret_done = result == ERR_OK && receipt.state == RECEIPT_COMPLETED;
    return result == ERR_CONFLICT ? forget(e, kept) : result;
}

enum err erasure_end_exceptions(struct erasures *e, size_t *ret_count)
{
    struct vault_kept kept = {.slot = 0};
    size_t count = 0;
    enum err result = vault_kept_next(erasures_vault(e), 0, 0, &kept);

    while (result == ERR_OK) {
        bool done = false;

        if (kept.next_s <= vault_now_s(erasures_vault(e))) {
            result = end_exception(e, &kept, &done);
            if (result == ERR_CANCELED)
                return result;
            if (result != ERR_OK)
                log_event(EV_ERASURE_FAILED, F_LIT("step", "exception"),
                          F_LIT("error", err_name(result)));
            count += done;
        }
        result = vault_kept_next(erasures_vault(e), kept.slot, kept.exception.class_id, &kept);
    }
    *ret_count = count;
    return result == ERR_NOT_FOUND ? ERR_OK : result;
}
