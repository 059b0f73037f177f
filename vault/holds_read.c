/* SPDX-License-Identifier: Apache-2.0 */
/* What the registers of holds and restrictions hold, and how many values they bind.
 * Runs on: the reader's thread, between begin and end. Holds: nothing. Not here: changing them (holds.c). */
#include "vault/consents_priv.h"
#include "vault/holds_priv.h"
#include "vault/part_priv.h"

#include <stdlib.h>

static const int64_t EVER = INT64_MIN; /* rows that fall due after that: all */

enum err vault_read_hold(struct vault_reader *r, uint64_t after, struct vault_hold *ret)
{
    REQUIRE(r->reading);
    return store_hold_next(r->store, after, ret);
}

enum err vault_read_restriction(struct vault_reader *r, uint64_t after,
                                struct vault_restriction *ret)
{
    REQUIRE(r->reading);
    return store_restriction_next(r->store, after, ret);
}

enum err vault_read_objection(struct vault_reader *r, uint64_t after, struct vault_objection *ret)
{
    REQUIRE(r->reading);
    return store_objection_next(r->store, after, ret);
}

enum err vault_read_consent(struct vault_reader *r, uint64_t after, struct vault_consent *ret)
{
    REQUIRE(r->reading);
    return store_consent_next(r->store, after, ret);
}

enum err vault_read_consent_sum(struct vault_reader *r, const char *purpose,
                                struct vault_consent_sum *ret)
{
    REQUIRE(r->reading);
    return store_consents_sum(r->store, purpose, ret);
}

enum err vault_read_consent_pending(struct vault_reader *r, uint64_t after,
                                    struct vault_consent *ret)
{
    REQUIRE(r->reading);
    return store_consent_pending(r->store, after, ret);
}

enum err vault_read_waiting(struct vault_reader *r, uint64_t after, struct vault_waiting *ret)
{
    struct vault_waiting found;
    uint8_t *note;
    enum err e;

    REQUIRE(r->reading);
    e = store_waiting_next(r->store, after, &found);
    if (e != ERR_OK)
        return e;
    note = found.note_len == 0 ? NULL : mem_alloc(found.note_len);
    if (note != NULL)
        memcpy(note, found.note, found.note_len);
    vault_waiting_done(ret);
    *ret = found;
    ret->note = note;
    return ERR_OK;
}

void vault_waiting_done(struct vault_waiting *waiting)
{
    mem_free(&waiting->note);
    waiting->note_len = 0;
}

bool vault_is_restricted(struct vault_reader *r, uint64_t slot)
{
    const unsigned marks = vault__marks_on(r->v, slot, 0);
    bool kept = false;

    REQUIRE(r->reading);
    if ((marks & (MARK_RESTRICTED | MARK_PARTED)) == MARK_PARTED)
        return store_kept_on(r->store, slot, &kept) != ERR_OK || kept;
    return (marks & MARK_RESTRICTED) != 0;
}

enum err vault_erasure_must_wait(struct vault_reader *r, uint64_t slot, bool *ret)
{
    REQUIRE(r->reading);
    return vault__is_bound(r->v, r->store, slot, ret);
}

enum err vault_hold_binds(struct vault_reader *r, const struct vault_hold *hold, uint64_t slot,
                          bool *ret)
{
    const struct store_class *c = vault__class(r->v, hold->class_id);

    REQUIRE(r->reading);
    *ret = false;
    if (hold->lifted_ms != 0 || (hold->slot != 0 && hold->slot != slot))
        return ERR_OK;
    if (hold->class_id == 0) {
        *ret = true;
        return ERR_OK;
    }
    return c == NULL ? ERR_OK : store_class_has(r->store, c, slot, ret);
}

/* ---- counting ---- */

static enum err count_rows(struct vault_reader *r, const struct store_class *c, uint64_t slot,
                           int64_t now_s, uint64_t *items, uint64_t *due)
{
    uint64_t all = 0, later = 0;
    enum err e = store_rows_count(r->store, c, slot, EVER, &all);

    if (e == ERR_OK && all > 0) /* most people have nothing of most classes */
        e = store_rows_count(r->store, c, slot, now_s, &later);
    if (e != ERR_OK)
        return e;
    *items += all;
    *due += all - later;
    return ERR_OK;
}

static enum err count_class(struct vault_reader *r, uint16_t class_id, int64_t now_s,
                            uint64_t *items, uint64_t *due)
{
    struct vault_class_stats stats;
    enum err e = vault_read_stats(r, class_id, now_s, &stats);

    if (e != ERR_OK)
        return e;
    *items += stats.items;
    *due += stats.overdue;
    return ERR_OK;
}

enum err vault_hold_count(struct vault_reader *r, const struct vault_hold *hold, int64_t now_s,
                          uint64_t *ret_items, uint64_t *ret_due)
{
    uint64_t items = 0, due = 0;
    enum err e = ERR_OK;

    REQUIRE(r->reading);
    for (uint16_t id = 1; hold->lifted_ms == 0 && e == ERR_OK && id <= CLASSES_MAX; id++) {
        const struct store_class *c = vault__class(r->v, id);

        if (c == NULL || (hold->class_id != 0 && hold->class_id != id))
            continue;
        e = hold->slot == 0 ? count_class(r, id, now_s, &items, &due)
                            : count_rows(r, c, hold->slot, now_s, &items, &due);
    }
    if (e != ERR_OK)
        return e;
    *ret_items = items;
    *ret_due = due;
    return ERR_OK;
}

enum err vault_read_holds_figures(struct vault_reader *r, struct vault_holds_figures *ret)
{
    struct vault_holds_figures figures = {.holds = 0};
    struct store_holds_counts counts;
    enum err e;

    REQUIRE(r->reading);
    e = store_restricted_count(r->store, &figures.restricted);
    if (e == ERR_OK)
        e = store_holds_count(r->store, &counts);
    if (e == ERR_OK)
        e = store_consents_count(r->store, &figures.withdrawn);
    if (e != ERR_OK)
        return e;
    figures.holds = counts.holds;
    figures.waiting = counts.waiting;
    figures.objections = counts.objections;
    *ret = figures;
    return ERR_OK;
}

enum err vault_read_class_held(struct vault_reader *r, uint16_t class_id, int64_t now_s,
                               uint64_t *ret_items, uint64_t *ret_due)
{
    const struct store_class *c = vault__class(r->v, class_id);
    uint64_t items = 0, due = 0;
    bool whole = false;
    enum err e;

    REQUIRE(r->reading);
    if (c == NULL)
        return ERR_NOT_FOUND;
    e = store_class_held_whole(r->store, c, &whole);
    if (e == ERR_OK)
        e = whole ? count_class(r, class_id, now_s, &items, &due)
                  : store_class_held(r->store, c, now_s, &items, &due);
    if (e != ERR_OK)
        return e;
    *ret_items = items;
    *ret_due = due;
    return ERR_OK;
}

enum err vault_read_class_holds(struct vault_reader *r, uint16_t class_id, int64_t now_s,
                                struct vault_class_holds *ret)
{
    struct vault_class_holds found = {.held = 0};
    enum err e = vault_read_class_held(r, class_id, now_s, &found.held, &found.held_due);

    if (e == ERR_OK)
        e = store_class_restricted(r->store, vault__class(r->v, class_id), &found.restricted);
    if (e != ERR_OK)
        return e;
    *ret = found;
    return ERR_OK;
}
