/* SPDX-License-Identifier: Apache-2.0 */
/* What the ledger knows of holds, restrictions, objections and erasures that wait, carried into an older
 * database.
 * Runs on: the thread that opens the vault. Holds: nothing. Invariant: what the database knows already stays
 * as it is, with its words; of the rest the ledger has no words. Not here: when it is done (replay.c). */
#include "vault/consents_priv.h"
#include "vault/holds_priv.h"

/* In a database from before a slot was given out it may be somebody else's: he is not meant. */
static enum err is_his(struct store *s, const struct ledger_record *record, bool *ret)
{
    struct store_subject subject;
    enum err e = record->slot == 0 ? ERR_NOT_FOUND : store_subject_get(s, record->slot, &subject);

    *ret = e == ERR_NOT_FOUND ||
           (e == ERR_OK && memcmp(subject.id, record->subject, VAULT_ID_BYTES) == 0);
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

static enum err replay_hold(struct store *s, const struct ledger_record *record)
{
    struct vault_hold hold = {.slot = record->slot,
                              .class_id = (uint16_t)record->cutoff_ms,
                              .ground = VAULT_FROM_LEDGER,
                              .owner = VAULT_FROM_LEDGER,
                              .set_by = VAULT_FROM_LEDGER,
                              .set_ms = record->time_ms,
                              .review_s = record->time_ms / 1000,
                              .lifted_ms = record->time_ms,
                              .lifted_by = VAULT_FROM_LEDGER,
                              .lifted_why = VAULT_FROM_LEDGER};

    memcpy(hold.id, record->erasure, VAULT_ID_BYTES);
    memcpy(hold.subject, record->subject, VAULT_ID_BYTES);
    return record->kind == LEDGER_HOLD ? store_hold_add(s, &hold) : store_hold_lift(s, &hold);
}

static enum err replay_restriction(struct store *s, const struct ledger_record *record)
{
    struct vault_restriction restriction = {.slot = record->slot,
                                            .set_by = VAULT_FROM_LEDGER,
                                            .set_ms = record->time_ms,
                                            .lifted_ms = record->time_ms,
                                            .lifted_by = VAULT_FROM_LEDGER};

    memcpy(restriction.subject, record->subject, VAULT_ID_BYTES);
    if (record->kind == LEDGER_UNRESTRICT) {
        static const uint8_t all[VAULT_ID_BYTES];
        const bool one = memcmp(record->erasure, all, sizeof(all)) != 0;

        restriction.notice_s = record->cutoff_ms;
        return store_restrictions_lift(s, one ? record->erasure : NULL, &restriction);
    }
    restriction.ground = (char)record->cutoff_ms;
    return store_restriction_add(s, record->erasure, &restriction);
}

static enum err replay_objection(struct store *s, const struct ledger_record *record)
{
    struct vault_objection objection = {.slot = record->slot,
                                        .set_by = VAULT_FROM_LEDGER,
                                        .set_ms = record->time_ms,
                                        .withdrawn_ms = record->time_ms,
                                        .withdrawn_by = VAULT_FROM_LEDGER};
    uint64_t number = 0;
    enum err e = store_objection_on(s, record->slot, record->erasure, &number);
    const bool there = number != 0;

    memcpy(objection.subject, record->subject, VAULT_ID_BYTES);
    if (e != ERR_OK || there == (record->cutoff_ms != 0))
        return e;
    return there ? store_objection_end(s, record->erasure, &objection)
                 : store_objection_add(s, record->erasure, &objection);
}

static enum err replay_consent(struct store *s, const struct ledger_record *record)
{
    struct vault_consent consent = {.slot = record->slot,
                                    .withdrawn = record->cutoff_ms != 0,
                                    .at_s = record->time_ms / 1000,
                                    .recorded_ms = record->time_ms,
                                    .set_by = VAULT_FROM_LEDGER};
    bool withdrawn = false;
    enum err e = store_consent_on(s, record->slot, record->erasure, &withdrawn);

    memcpy(consent.subject, record->subject, VAULT_ID_BYTES);
    if (e == ERR_OK && withdrawn == consent.withdrawn)
        return ERR_OK;
    return e == ERR_OK || e == ERR_NOT_FOUND ? store_consent_add(s, record->erasure, &consent) : e;
}

static enum err replay_waiting(struct store *s, const struct ledger_record *record)
{
    struct vault_waiting waiting = {
        .slot = record->slot, .domain = (uint16_t)record->cutoff_ms, .asked_ms = record->time_ms};

    memcpy(waiting.id, record->erasure, VAULT_ID_BYTES);
    memcpy(waiting.subject, record->subject, VAULT_ID_BYTES);
    return store_waiting_add(s, &waiting);
}

enum err vault__holds_replay(struct store *s, const struct ledger_record *record)
{
    bool his = false;
    enum err e = is_his(s, record, &his);

    if (e != ERR_OK || !his)
        return e;
    switch (record->kind) {
    case LEDGER_HOLD:
    case LEDGER_LIFT:
        e = replay_hold(s, record);
        break;
    case LEDGER_RESTRICT:
    case LEDGER_UNRESTRICT:
        e = replay_restriction(s, record);
        break;
    case LEDGER_OBJECT:
        e = replay_objection(s, record);
        break;
    case LEDGER_CONSENT:
        e = replay_consent(s, record);
        break;
    default:
        e = replay_waiting(s, record);
        break;
    }
    return e == ERR_NOT_FOUND ? ERR_OK : e; /* ended here already */
}
