/* SPDX-License-Identifier: Apache-2.0 */
/* Erasures that wait for a legal hold to end.
 * Runs on: worker threads and the command line; blocks. Holds: nothing. Invariant: none destroys more than it was asked
 * for, and none that was asked for is taken for another one that destroys less. Not here: that they wait, and are kept
 * over a restore (vault/holds.c). */
#include "retention/waiting.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "retention/note.h"
#include "vault/holds.h"

enum err waiting_covers(struct vault *vault, uint64_t slot, const struct erasure_request *request)
{
    AUTO(vault_reader_close) struct vault_reader *reader = NULL;
    AUTO(vault_waiting_done) struct vault_waiting waiting = {.slot = 0};
    enum err e = vault_reader_open(vault, &reader);

    if (e == ERR_OK)
        e = vault_read_begin(reader);
    if (e != ERR_OK)
        return e;
    e = vault_read_waiting(reader, slot - 1, &waiting);
    vault_read_end(reader);
    if (e != ERR_OK || waiting.slot != slot)
        return e == ERR_OK || e == ERR_NOT_FOUND ? ERR_BUSY : e; /* it has begun meanwhile */
    return note_covers(span_of(waiting.note, waiting.note_len), request) ? ERR_OK : ERR_BUSY;
}

enum err waiting_yields(struct vault *vault, const struct erasure_request *request)
{
    AUTO(vault_reader_close) struct vault_reader *reader = NULL;
    AUTO(vault_waiting_done) struct vault_waiting waiting = {.slot = 0};
    bool bound = false;
    enum err e = vault_reader_open(vault, &reader);

    if (e == ERR_OK)
        e = vault_read_begin(reader);
    if (e != ERR_OK)
        return e;
    e = vault_erasure_must_wait(reader, request->slot, &bound);
    if (e == ERR_OK)
        e = vault_read_waiting(reader, request->slot - 1, &waiting);
    vault_read_end(reader);
    if (e != ERR_OK || bound || waiting.slot != request->slot || waiting.note_len == 0)
        return e == ERR_NOT_FOUND ? ERR_OK : e;
    return note_is_covered(span_of(waiting.note, waiting.note_len), request) ? ERR_OK : ERR_BUSY;
}

struct next {
    struct vault_waiting waiting;
    bool bound; /* by a hold, still */
    bool gone;  /* of whom nothing is said: the last value has ended meanwhile */
};

static enum err look_for(struct vault_reader *reader, uint64_t slot, bool *ret_gone)
{
    AUTO(mem_free) uint64_t *rows = mem_alloc((CLASSES_MAX + 1) * sizeof(*rows));
    struct vault_subject_info info;
    enum err e = vault_read_subject_info(reader, slot, &info, rows);

    *ret_gone = e == ERR_NOT_FOUND;
    return *ret_gone ? ERR_OK : e;
}

static enum err look_at(struct vault *vault, uint64_t after, struct next *ret)
{
    AUTO(vault_reader_close) struct vault_reader *reader = NULL;
    enum err e = vault_reader_open(vault, &reader);

    ret->bound = ret->gone = false;
    if (e == ERR_OK)
        e = vault_read_begin(reader);
    if (e != ERR_OK)
        return e;
    e = vault_read_waiting(reader, after, &ret->waiting);
    if (e == ERR_OK)
        e = vault_erasure_must_wait(reader, ret->waiting.slot, &ret->bound);
    if (e == ERR_OK && ret->waiting.note_len == 0)
        e = look_for(reader, ret->waiting.slot, &ret->gone);
    vault_read_end(reader);
    return e;
}

static enum err drop(struct erasures *e, uint64_t slot)
{
    struct vault_holds op = {.op = {.kind = VAULT_HOLDS}, .act = VAULT_WAITING_DROP, .slot = slot};
    enum err result = erasures_run_op(e, &op.op);

    return result == ERR_NOT_FOUND ? ERR_OK : result;
}

/* As it was asked for; its note says what it leaves. */
static enum err fire(struct erasures *e, const struct vault_waiting *waiting,
                     struct erasure_resumed *resumed)
{
    AUTO(json_free) struct json *note = NULL;
    const struct receipt_words words = note_words(span_of(waiting->note, waiting->note_len), &note);
    struct erasure_request request = {
        .slot = waiting->slot, .words = &words, .newer_than_s = note_newer_than_s(note)};
    struct vault_exception *kept = mem_alloc(VAULT_EXCEPTIONS_MAX * sizeof(*kept));
    struct receipt receipt;
    enum err result;

    request.exceptions = kept;
    request.exception_count = note_kept(note, kept);
    note_scope(note, &request);
    result = erasure_run_request(e, &request, &receipt);
    free(kept);
    resumed->found++;
    resumed->completed += result == ERR_OK && receipt.state == RECEIPT_COMPLETED;
    return result == ERR_HELD ? ERR_OK : result;
}

/* One of which only the ledger knows does not say what it was to leave: it goes on waiting until somebody asks for it
 * again. */
static enum err go_on(struct erasures *e, const struct next *next, struct erasure_resumed *resumed)
{
    enum err result;

    if (next->bound)
        return ERR_OK;
    if (next->gone)
        return drop(e, next->waiting.slot);
    if (next->waiting.note_len == 0)
        return ERR_UNPROCESSABLE;
    result = fire(e, &next->waiting, resumed);
    if (result == ERR_NOT_FOUND)
        return drop(e, next->waiting.slot);
    if (result == ERR_CONFLICT) {
        /* Nothing would go: values have ended meanwhile, or a law keeps all. It is said once, as whoever asks for an
         * erasure of such is told at once. To go on waiting for the law, perhaps for years, would restrict all that
         * the person stores meanwhile, and destroy it in the end. */
        result = drop(e, next->waiting.slot);
        return result == ERR_OK ? ERR_CONFLICT : result;
    }
    return result;
}

static void next_done(struct next *next)
{
    vault_waiting_done(&next->waiting);
}

enum err erasure_run_waiting(struct erasures *e, struct erasure_resumed *ret)
{
    AUTO(next_done) struct next next = {.bound = false};
    struct erasure_resumed resumed = {0, 0};
    enum err result;

    while ((result = look_at(erasures_vault(e), next.waiting.slot, &next)) == ERR_OK) {
        enum err gone_on = go_on(e, &next, &resumed);

        if (gone_on != ERR_OK && gone_on != ERR_CANCELED)
            log_event(EV_ERASURE_FAILED, F_ID("erasure", next.waiting.id, VAULT_ID_BYTES),
                      F_LIT("step", next.waiting.note_len == 0 ? "ask_again" : "begin"),
                      F_LIT("error", err_name(gone_on)));
    }
    *ret = resumed;
    return result == ERR_NOT_FOUND ? ERR_OK : result;
}
