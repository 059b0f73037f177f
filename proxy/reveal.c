/* SPDX-License-Identifier: Apache-2.0 */
/* A text as its reader may see it: tokens in declared fields become values or masks, or stay.
 *
 *                    token, alive    token, dead or foreign    no token
 *   REVEAL_VALUE     the value       stays *                   stays
 *   REVEAL_MASK      its mask        stays *                   its mask
 *   REVEAL_TOKEN     stays           stays                     null, or nothing
 *
 *   * or what the field's `gone` says
 *
 * Runs on: a loop thread, inline. Holds: one value at a time, wiped.
 * Invariant: what is written is the whole part or nothing; a token of another class than the field's
 * is left alone, so that a field cannot be used to see what is declared to be something else; a value
 * that could break out of its place is not written (E37).
 * Not here: who the caller is (caller.c). */
#include "proxy/transform.h"

#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "proxy/guard.h"
#include "vault/notes.h"
#include "vault/uses.h"
#include "vault/watch.h"

enum { MASK_STARS = 3 }; /* what a mask can be longer than its value */

struct reveal {
    struct vault_reader *reader;
    const struct part *part;
    const struct reveal_scope *scope;
    struct buf *out;
    size_t written; /* bytes of the text that are in out, or replaced */
    struct reveal_counts *counts;
    struct buf inner; /* a hit's value without escapes */
    struct buf value; /* what a token stands for */
    struct buf mask;
};

/* What takes a hit's place, if anything. */
struct shown {
    bool replaced;
    bool is_null; /* no value at all */
    enum value_kind kind;
    struct span value;
};

static const struct shown STAYS = {.replaced = false};

/* ---- what is shown ---- */

static enum err show_mask(struct reveal *r, enum token_format format, struct span value,
                          struct shown *ret)
{
    enum err e;

    buf_reset(&r->mask);
    e = mask_write(format, value, &r->mask);
    *ret = (struct shown){.replaced = true, .kind = VALUE_STRING, .value = buf_span(&r->mask)};
    return e;
}

static enum err show_clear(struct reveal *r, enum reveal_action action, struct span value,
                           struct shown *ret)
{
    r->counts->clear++;
    if (r->scope->clear_passes) {
        *ret = STAYS;
        return ERR_OK;
    }
    switch (action) {
    case REVEAL_VALUE:
        *ret = STAYS;
        return ERR_OK;
    case REVEAL_MASK:
        return show_mask(r, TOKEN_OPAQUE, value, ret);
    case REVEAL_TOKEN:
        break;
    }
    *ret = (struct shown){.replaced = true, .is_null = true};
    return ERR_OK;
}

/* A number that is masked is none any more: in JSON the mask of one would be a text where its reader
 * expects a number. */
static enum err show_token_mask(struct reveal *r, const struct vault_value *found,
                                struct shown *ret)
{
    const struct class_def *def = vault_class_def(r->scope->vault, found->class_id);

    r->counts->masks++;
    if (def != NULL && format_is_bare(def->format, found->kind)) {
        *ret = (struct shown){.replaced = true, .is_null = true};
        return ERR_OK;
    }
    return show_mask(r, def == NULL ? TOKEN_OPAQUE : def->format, buf_span(&r->value), ret);
}

static void show_gone(const struct field_rule *rule, struct shown *ret)
{
    switch (rule->gone) {
    case GONE_TOKEN:
        *ret = STAYS;
        break;
    case GONE_NULL:
        *ret = (struct shown){.replaced = true, .is_null = true};
        break;
    case GONE_TEXT:
        *ret = (struct shown){.replaced = true, .kind = VALUE_STRING, .value = rule->gone_text};
        break;
    }
}

static uint64_t slot_of(const struct reveal *r, size_t number)
{
    const uint32_t *of = r->part->subject_of;

    return r->scope->slots == NULL ? 0 : r->scope->slots[of == NULL ? 0 : of[number]];
}

/* A token that the caller may not see the inside of. */
static void keep_closed(struct reveal *r, const struct field_rule *rule, enum err why,
                        struct shown *ret)
{
    if (why == ERR_DENIED)
        r->counts->foreign++;
    else
        r->counts->tokens++;
    show_gone(rule, ret);
}

static bool is_bound(enum err e)
{
    return e == ERR_HELD || e == ERR_RESTRICTED || e == ERR_OBJECTED;
}

/* The value is there, but a hold, a restriction or an objection is in the way (`why`). A honeytoken is one
 * all the same. */
static enum err show_bound(struct reveal *r, const struct vault_value *found, enum err why,
                           struct shown *ret)
{
    enum reveal_action action = r->scope->actions[found->class_id];

    if (r->scope->guard != NULL && vault_is_canary(r->scope->vault, found->slot)) {
        enum err e = guard_judge(r->scope->guard, found->slot, &action);

        if (e != ERR_OK)
            return e;
    }
    if (action != REVEAL_TOKEN &&
        (r->scope->bound == BOUND_REFUSES ||
         (r->scope->bound == BOUND_RESTRICTED_REFUSES && why == ERR_RESTRICTED)))
        return why;
    r->counts->tokens++;
    *ret = STAYS;
    return ERR_OK;
}

static bool is_typed(const struct reveal *r, const struct hit *hit)
{
    const struct class_def *def = vault_class_def(r->scope->vault, hit->class_id);

    return def != NULL && format_is_typed(def->format);
}

static bool is_token(const struct reveal *r, const struct hit *hit, struct span value)
{
    if (hit->kind == VALUE_STRING && token_is(value))
        return true;
    /* A number may be a token of format integer, or of another typed one that lost its quotes. */
    return hit->kind != VALUE_BOOL && is_typed(r, hit) &&
           vault_is_token(r->reader, hit->class_id, value);
}

/* Also of what may turn out to be no token. */
static enum err show_token(struct reveal *r, const struct vault_scope *scope, const struct hit *hit,
                           struct span token, struct shown *ret)
{
    const struct field_rule *rule = part_rule(r->part, hit);
    struct vault_value found;
    enum reveal_action action;
    enum err e;

    buf_reset(&r->value);
    e = vault_reveal_as(r->reader, scope, token, &r->value, &found);
    if (e == ERR_NOT_FOUND && rule->mode != FIELD_SCAN && !is_token(r, hit, token))
        return show_clear(r, r->scope->actions[hit->class_id], token, ret);
    if ((e == ERR_DENIED || e == ERR_NOT_FOUND) && r->scope->guard != NULL)
        guard_miss(r->scope->guard);
    if (e == ERR_DENIED || e == ERR_NOT_FOUND) {
        keep_closed(r, rule, e, ret);
        return ERR_OK;
    }
    if (is_bound(e))
        return show_bound(r, &found, e, ret);
    if (e != ERR_OK)
        return e;
    action = r->scope->actions[found.class_id];
    if (r->scope->guard != NULL) {
        e = guard_judge(r->scope->guard, found.slot, &action);
        if (e != ERR_OK)
            return e;
    }
    if (action != REVEAL_TOKEN && r->scope->notes != NULL) {
        e = notes_add(r->scope->notes, r->reader, found.slot, found.class_id,
                      action == REVEAL_MASK ? NOTE_MASK : NOTE_VALUE);
        if (e != ERR_OK)
            return e;
    }
    switch (action) {
    case REVEAL_TOKEN: /* the guard's, or in a scanned text, whose classes are not known before */
        r->counts->tokens++;
        *ret = STAYS;
        return ERR_OK;
    case REVEAL_MASK:
        vault_use(r->reader, &found);
        return show_token_mask(r, &found, ret);
    case REVEAL_VALUE:
        break;
    }
    if (found.use_row != 0)
        vault_use(r->reader, &found);
    r->counts->values++;
    *ret = (struct shown){.replaced = true, .kind = found.kind, .value = buf_span(&r->value)};
    return ERR_OK;
}

static enum err show(struct reveal *r, size_t number, struct span value, struct shown *ret)
{
    const struct hit *hit = &r->part->hits.at[number];
    const enum reveal_action action = r->scope->actions[hit->class_id];
    const struct reveal_guard *guard = r->scope->guard;
    const struct vault_scope scope = {.domain = r->scope->domain,
                                      .class_id = hit->class_id,
                                      .slot = slot_of(r, number),
                                      .purpose = guard == NULL ? 0 : guard->purpose,
                                      .legal = guard != NULL && guard->legal};

    if (part_rule(r->part, hit)->mode == FIELD_SCAN) /* it is one, of a class that it says itself */
        return show_token(r, &scope, hit, value, ret);
    /* Nearly all are, and the vault takes them apart anyway. */
    if (action != REVEAL_TOKEN && hit->kind == VALUE_STRING && !is_typed(r, hit))
        return show_token(r, &scope, hit, value, ret);
    if (!is_token(r, hit, value))
        return show_clear(r, action, value, ret);
    if (action != REVEAL_TOKEN)
        return show_token(r, &scope, hit, value, ret);
    r->counts->tokens++;
    *ret = STAYS;
    return ERR_OK;
}

/* ---- writing ---- */

static enum err put_null(const struct hit *hit, struct buf *out)
{
    return hit->coding == HIT_JSON ? buf_append_str(out, "null") : ERR_OK;
}

/* What stands before the hit, then what takes its place; a value that cannot stand there leaves the
 * token where it was. */
static enum err replace(struct reveal *r, const struct hit *hit, const struct shown *shown)
{
    const size_t before = r->out->len;
    enum err e = buf_append(r->out, r->part->text.at + r->written, hit->start - r->written);

    if (e == ERR_OK)
        e = shown->is_null ? put_null(hit, r->out)
                           : hit_write(r->part->text, hit, shown->kind, shown->value, r->out);
    if (e == ERR_UNPROCESSABLE) {
        r->counts->unfit++;
        r->out->len = before;
        return ERR_OK;
    }
    if (e == ERR_OK)
        r->written = hit->end;
    return e;
}

static enum err reveal_hit(struct reveal *r, size_t number)
{
    const struct hit *hit = &r->part->hits.at[number];
    struct shown shown = STAYS;
    struct span value;
    enum err e = hit_read(r->part->text, hit, &r->inner, &value);

    if (e == ERR_OK)
        e = show(r, number, value, &shown);
    return e == ERR_OK && shown.replaced ? replace(r, hit, &shown) : e;
}

static enum err reveal_hits(struct reveal *r)
{
    enum err e = buf_reserve(r->out, r->part->text.len);

    for (size_t i = 0; e == ERR_OK && i < r->part->hits.count; i++)
        e = reveal_hit(r, i);
    return e == ERR_OK
               ? buf_append(r->out, r->part->text.at + r->written, r->part->text.len - r->written)
               : e;
}

enum err reveal_part(struct vault_reader *reader, const struct part *part,
                     const struct reveal_scope *scope, struct buf *out,
                     struct reveal_counts *counts)
{
    struct reveal r = {
        .reader = reader, .part = part, .scope = scope, .out = out, .counts = counts};
    const size_t before = out->len;
    enum err e;

    REQUIRE(scope->vault != NULL && scope->domain != 0); /* that would be any */
    buf_init_secret(&r.inner, part->text.len);
    buf_init_secret(&r.value, LIMIT_VALUE_MAX);
    buf_init_secret(&r.mask, LIMIT_VALUE_MAX + MASK_STARS);
    e = reveal_hits(&r);
    if (e != ERR_OK)
        out->len = before;
    buf_done(&r.inner);
    buf_done(&r.value);
    buf_done(&r.mask);
    return e;
}
