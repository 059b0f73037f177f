/* SPDX-License-Identifier: Apache-2.0 */
/* The guard of one answer (E22, E25, E35, E36, E39, E41).
 * Runs on: a loop thread, inline. Holds: whom the answer has shown so far, at most `max` of them.
 * Invariant: a subject is counted before its value is shown; whoever was counted stays visible. Not here:
 * what is logged, and what becomes of the caller (exchange_watch.c). */
#include "proxy/guard.h"

#include <string.h>

#include "base/mem.h"
#include "base/secret.h"
#include "vault/watch.h"

enum { RECOUNT_S = 60 };

void guard_init(struct reveal_guard *g, struct vault *v, const struct guard_rules *rules,
                size_t max)
{
    memset(g, 0, sizeof(*g));
    g->vault = v;
    g->purpose = rules->purpose;
    g->legal = rules->legal;
    g->max = max == 0 ? GUARD_SUBJECTS_DEFAULT : max;
    if (rules->quotas == NULL)
        return;
    g->rules = *rules;
    g->now_s = vault_now_s(v);
    g->closed = rules->misses != NULL && quota_is_used_up(rules->quotas, rules->misses, g->now_s);
}

static void forget_counts(struct guard_subject *table, size_t room)
{
    for (size_t i = 0; i < room; i++)
        table[i].state = GUARD_UNCOUNTED;
}

void guard_go_on(struct reveal_guard *g, struct vault *v)
{
    const int64_t now_s = g->rules.quotas == NULL ? 0 : vault_now_s(v);

    if (now_s - g->now_s < RECOUNT_S)
        return;
    g->now_s = now_s;
    g->closed =
        g->rules.misses != NULL && quota_is_used_up(g->rules.quotas, g->rules.misses, g->now_s);
    forget_counts(g->few, GUARD_FEW);
    forget_counts(g->many, g->many == NULL ? 0 : g->room);
}

void guard_done(struct reveal_guard *g)
{
    free(TAKE(g->many));
}

/* ---- whom the answer shows ---- */

static struct guard_subject *place_in(struct guard_subject *table, size_t room, uint64_t slot)
{
    size_t at = (size_t)(slot * 0x9e3779b97f4a7c15u >> 20) & (room - 1);

    while (table[at].slot != 0 && table[at].slot != slot)
        at = (at + 1) & (room - 1);
    return &table[at];
}

/* Where a subject stands, or would: NULL when the few are full. */
static struct guard_subject *find(struct reveal_guard *g, uint64_t slot)
{
    if (g->many != NULL)
        return place_in(g->many, g->room, slot);
    for (size_t i = 0; i < GUARD_FEW; i++)
        if (g->few[i].slot == slot || g->few[i].slot == 0)
            return &g->few[i];
    return NULL;
}

/* A table, or a larger one. */
static void grow(struct reveal_guard *g)
{
    const size_t old_room = g->many == NULL ? GUARD_FEW : g->room;
    struct guard_subject *old = g->many == NULL ? g->few : g->many;
    const size_t room = 8 * old_room;
    struct guard_subject *table = mem_alloc(room * sizeof(*table));

    for (size_t i = 0; i < old_room; i++)
        if (old[i].slot != 0)
            *place_in(table, room, old[i].slot) = old[i];
    free(g->many);
    g->many = table;
    g->room = room;
}

/* Its place; NULL: the answer shows as many as it may. */
static struct guard_subject *place_of(struct reveal_guard *g, uint64_t slot)
{
    struct guard_subject *place = find(g, slot);

    if (place != NULL && place->slot == slot)
        return place;
    if (g->count >= g->max)
        return NULL;
    if (place == NULL || (g->many != NULL && g->count >= g->room / 2)) {
        grow(g);
        place = find(g, slot);
    }
    place->slot = slot;
    g->count++;
    return place;
}

static void take(struct reveal_guard *g, struct guard_subject *subject)
{
    const enum quota_verdict verdict =
        quotas_take(g->rules.quotas, g->rules.list, g->rules.count, subject->slot, g->now_s);

    subject->state = verdict == QUOTA_ROOM ? GUARD_COUNTED : GUARD_FULL;
    g->crossed = g->crossed || verdict == QUOTA_CROSSED;
}

/* ---- judging ---- */

/* What is less than the action, once a quota is used up. */
static enum reveal_action step_down(const struct reveal_guard *g, enum reveal_action action)
{
    return action == REVEAL_VALUE && g->rules.then == REVEAL_MASK && !g->rules.masks ? REVEAL_MASK
                                                                                     : REVEAL_TOKEN;
}

enum err guard_judge(struct reveal_guard *g, uint64_t slot, enum reveal_action *action)
{
    struct guard_subject *subject = g->last;

    if (*action == REVEAL_TOKEN)
        return ERR_OK;
    if (vault_is_canary(g->vault, slot)) {
        g->canary = slot;
        return ERR_DENIED;
    }
    if (g->closed) {
        *action = REVEAL_TOKEN;
        return ERR_OK;
    }
    if (subject == NULL || subject->slot != slot)
        subject = place_of(g, slot);
    g->last = subject;
    if (subject == NULL) {
        g->too_many++;
        *action = REVEAL_TOKEN;
        return ERR_OK;
    }
    if (g->rules.count == 0 || (*action == REVEAL_MASK && !g->rules.masks))
        return ERR_OK;
    if (subject->state == GUARD_UNCOUNTED)
        take(g, subject);
    if (subject->state == GUARD_FULL) {
        g->stepped_down++;
        *action = step_down(g, *action);
    }
    return ERR_OK;
}

/* Each miss is one more, whatever the token was: numbers that do not come again stand for them. */
void guard_miss(struct reveal_guard *g)
{
    uint64_t number;

    if (g->rules.misses == NULL)
        return;
    secret_random(&number, sizeof(number));
    if (quotas_take(g->rules.quotas, &g->rules.misses, 1, number | 1, g->now_s) == QUOTA_CROSSED)
        g->missed = true;
}

enum err guard_look_up(struct reveal_guard *g, uint16_t class_id, struct span value)
{
    enum quota_verdict verdict;

    if (g->rules.lookups == NULL)
        return ERR_OK;
    verdict = quotas_take(g->rules.quotas, &g->rules.lookups, 1,
                          quotas_hash(g->rules.quotas, class_id, value), g->now_s);
    g->crossed = g->crossed || verdict == QUOTA_CROSSED;
    g->refused = g->refused || verdict != QUOTA_ROOM;
    return verdict == QUOTA_ROOM ? ERR_OK : ERR_LIMIT;
}
