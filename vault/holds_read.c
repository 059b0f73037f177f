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

    if (e == ERR_OK)
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

static void count_one(void *context, uint64_t slot UNUSED, uint16_t class_id UNUSED)
{
    uint64_t *count = context;

    (*count)++;
}

enum err vault_read_holds_figures(struct vault_reader *r, struct vault_holds_figures *ret)
{
    struct vault_holds_figures figures = {.holds = 0};
    struct store_holds_counts counts;
    enum err e;

    REQUIRE(r->reading);
    e = store_restricted_each(r->store, 0, count_one, &figures.restricted);
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

/* Subjects that something binds in a class. */
struct bound {
    uint64_t *slots;
    size_t count, cap;
    uint16_t class_id;
    bool all;
};

static void note_bound(void *context, uint64_t slot, uint16_t class_id)
{
    struct bound *b = context;

    if (class_id != 0 && class_id != b->class_id)
        return;
    b->all = b->all || slot == 0;
    if (b->count == b->cap) {
        b->cap = b->cap == 0 ? 16 : b->cap * 2;
        b->slots = realloc(b->slots, b->cap * sizeof(b->slots[0]));
        REQUIRE(b->slots != NULL);
    }
    b->slots[b->count++] = slot;
}

static int by_value(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

static enum err count_held(struct vault_reader *r, const struct store_class *c, int64_t now_s,
                           struct vault_class_holds *ret)
{
    struct bound b = {.class_id = c->id};
    enum err e = store_holds_open(r->store, note_bound, &b);

    if (e == ERR_OK && b.all)
        e = count_class(r, c->id, now_s, &ret->held, &ret->held_due);
    if (b.count > 0)
        qsort(b.slots, b.count, sizeof(b.slots[0]), by_value);
    for (size_t i = 0; !b.all && e == ERR_OK && i < b.count; i++)
        if (i == 0 || b.slots[i] != b.slots[i - 1])
            e = count_rows(r, c, b.slots[i], now_s, &ret->held, &ret->held_due);
    free(b.slots);
    return e;
}

static enum err count_restricted(struct vault_reader *r, const struct store_class *c,
                                 struct vault_class_holds *ret)
{
    struct bound b = {.class_id = c->id};
    enum err e = store_restricted_each(r->store, c->id, note_bound, &b);

    for (size_t i = 0; e == ERR_OK && i < b.count; i++) {
        bool has = false;

        e = store_class_has(r->store, c, b.slots[i], &has);
        ret->restricted += has;
    }
    free(b.slots);
    return e;
}

enum err vault_read_class_holds(struct vault_reader *r, uint16_t class_id, int64_t now_s,
                                struct vault_class_holds *ret)
{
    const struct store_class *c = vault__class(r->v, class_id);
    struct vault_class_holds found = {.held = 0};
    enum err e;

    REQUIRE(r->reading);
    if (c == NULL)
        return ERR_NOT_FOUND;
    e = count_held(r, c, now_s, &found);
    if (e == ERR_OK)
        e = count_restricted(r, c, &found);
    if (e != ERR_OK)
        return e;
    *ret = found;
    return ERR_OK;
}
