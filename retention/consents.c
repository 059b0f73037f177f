/* SPDX-License-Identifier: Apache-2.0 */
/* The effect of withdrawals.
 * Runs on: worker threads and the command line; blocks. Holds: nothing. Invariant: a withdrawal is in force, for every
 * reader, before anything is erased for it; it counts as done only once nothing is left that was stored before it and
 * rests on it alone. Not here: the register, and that nothing is shown (vault/holds.c); the erasure (erasure.c). */
#include "retention/consents.h"

#include <string.h>

#include "base/fault.h"
#include "base/log.h"
#include "base/mem.h"
#include "retention/receipt.h"

bool class_rests_on_consent(const struct class_def *def)
{
    return strcmp(def->basis, "6(1)(a)") == 0 ||
           (def->special != NULL && strcmp(def->special, "9(2)(a)") == 0);
}

bool purpose_rests_on_consent(const struct classes *classes, struct span purpose)
{
    for (size_t i = 0; i < classes->count; i++)
        if (class_rests_on_consent(&classes->defs[i]) &&
            class_has_purpose(&classes->defs[i], purpose))
            return true;
    return false;
}

/* ---- what a person has withdrawn ---- */

struct withdrawn {
    struct vault_consent *list;
    size_t count, cap;
};

static void withdrawn_done(struct withdrawn *w)
{
    mem_free(&w->list);
}

/* Every withdrawal in force of the slot. */
static enum err gather(struct vault *vault, uint64_t slot, struct withdrawn *ret)
{
    AUTO(vault_reader_close) struct vault_reader *reader = NULL;
    struct vault_consent at = {.number = 0};
    enum err e = vault_reader_open(vault, &reader);

    if (e == ERR_OK)
        e = vault_read_begin(reader);
    if (e != ERR_OK)
        return e;
    while ((e = vault_read_consent(reader, at.number, &at)) == ERR_OK) {
        struct vault_consent *grown;

        if (at.slot != slot || at.ended_ms != 0 || !at.withdrawn)
            continue;
        if (ret->count == ret->cap) {
            ret->cap = ret->cap == 0 ? 8 : 2 * ret->cap;
            grown = mem_alloc(ret->cap * sizeof(*grown));
            if (ret->count > 0)
                memcpy(grown, ret->list, ret->count * sizeof(*grown));
            mem_free(&ret->list);
            ret->list = grown;
        }
        ret->list[ret->count++] = at;
    }
    vault_read_end(reader);
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

static bool is_withdrawn(const struct withdrawn *w, const char *purpose)
{
    for (size_t i = 0; i < w->count; i++)
        if (strcmp(w->list[i].purpose, purpose) == 0)
            return true;
    return false;
}

/* Of the classes that rest on consent those with no purpose left. */
static bool find_scope(struct vault *vault, const struct withdrawn *w, struct vault_class_set *ret)
{
    const struct classes *classes = vault_classes(vault);
    bool any = false;

    for (size_t i = 0; i < classes->count; i++) {
        const struct class_def *def = &classes->defs[i];
        bool left = !class_rests_on_consent(def);

        for (size_t n = 0; n < def->purpose_count && !left; n++)
            left = !is_withdrawn(w, def->purposes[n]);
        if (left)
            continue;
        vault_class_set_add(ret, vault_class_id(vault, def));
        any = true;
    }
    return any;
}

/* ---- the effect ---- */

static enum err note_done(struct erasures *erasures, uint64_t number)
{
    struct vault_consent consent = {.number = number};
    struct vault_holds op = {
        .op = {.kind = VAULT_HOLDS}, .act = VAULT_CONSENT_DONE, .consent = &consent};
    enum err e = erasures_run_op(erasures, &op.op);

    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

static enum err erase(struct erasures *erasures, const struct vault_consent *consent,
                      const struct vault_class_set *scope, struct consent_effect *effect)
{
    const struct receipt_words words = {
        .ground = SPAN_LIT("17(1)(b)"),
        .reason = SPAN_LIT("consent was withdrawn"),
        .executed_by = span_str(consent->set_by[0] == '\0' ? "lethe" : consent->set_by)};
    /* What came after the withdrawal is not meant by it. */
    const struct erasure_request request = {.slot = consent->slot,
                                            .words = &words,
                                            .scope = *scope,
                                            .newer_than_s = consent->recorded_ms / 1000};
    struct receipt *receipt = mem_alloc(sizeof(*receipt));
    enum err e = erasure_run_request(erasures, &request, receipt);

    if (e == ERR_OK && receipt->state == RECEIPT_COMPLETED) {
        effect->erasures++;
        memcpy(effect->number, receipt->number, VAULT_ID_BYTES);
    }
    mem_free(&receipt);
    FAULT_POINT("consent.erased");
    return e;
}

/* Nothing would go, or nobody is there. */
static bool is_nothing_left(enum err e)
{
    return e == ERR_CONFLICT || e == ERR_NOT_FOUND;
}

static enum err finish_one(struct erasures *erasures, const struct vault_consent *consent,
                           struct consent_effect *effect)
{
    AUTO(withdrawn_done) struct withdrawn w = {.list = NULL};
    struct vault_class_set scope = {{0}};
    enum err e;

    if (consent->purpose[0] == '\0')
        return ERR_OK; /* from the ledger: it waits until somebody names the purpose again */
    e = gather(erasures_vault(erasures), consent->slot, &w);
    if (e != ERR_OK)
        return e;
    e = find_scope(erasures_vault(erasures), &w, &scope) ? erase(erasures, consent, &scope, effect)
                                                         : ERR_CONFLICT;
    if (e == ERR_HELD)
        return ERR_OK; /* the vault erases when the hold ends */
    return e == ERR_OK || is_nothing_left(e) ? note_done(erasures, consent->number) : e;
}

static enum err next_pending(struct vault *vault, uint64_t after, struct vault_consent *ret)
{
    AUTO(vault_reader_close) struct vault_reader *reader = NULL;
    enum err e = vault_reader_open(vault, &reader);

    if (e == ERR_OK)
        e = vault_read_begin(reader);
    if (e != ERR_OK)
        return e;
    e = vault_read_consent_pending(reader, after, ret);
    vault_read_end(reader);
    return e;
}

enum err consents_finish(struct erasures *erasures, uint64_t slot, struct consent_effect *ret)
{
    struct consent_effect effect = {.found = 0}, others = {.found = 0};
    struct vault_consent at = {.number = 0};
    enum err e;

    while ((e = next_pending(erasures_vault(erasures), at.number, &at)) == ERR_OK) {
        enum err done = finish_one(erasures, &at, slot == 0 || at.slot == slot ? &effect : &others);

        effect.found++;
        if (done == ERR_CANCELED)
            return done;
        if (done != ERR_OK)
            log_event(EV_ERASURE_FAILED, F_LIT("step", "consent"), F_LIT("error", err_name(done)));
    }
    if (e != ERR_NOT_FOUND)
        return e;
    *ret = effect;
    return ERR_OK;
}

/* ---- what is told ---- */

static void set_text(struct json *map, const char *name, const char *text)
{
    json_set(map, name, text[0] == '\0' ? json_new_null() : json_new_text(span_str(text)));
}

enum err consents_of(struct vault_reader *reader, uint64_t slot, struct json *list)
{
    struct vault_consent at = {.number = 0};
    enum err e;

    while ((e = vault_read_consent(reader, at.number, &at)) == ERR_OK) {
        struct json *map;

        if (at.slot != slot || at.ended_ms != 0)
            continue;
        map = json_new_map();
        json_set_str(map, "purpose", at.purpose[0] == '\0' ? "?" : at.purpose);
        json_set_str(map, "state", at.withdrawn ? "withdrawn" : "given");
        receipt_set_instant(map, "at", at.at_s * 1000);
        set_text(map, "channel", at.channel);
        set_text(map, "version", at.version);
        json_set(map, "erased", json_new_null());
        if (at.done_ms != 0)
            receipt_set_instant(map, "erased", at.done_ms);
        json_add(list, map);
    }
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}
