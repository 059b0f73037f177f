/* SPDX-License-Identifier: Apache-2.0 */
/* A response as its caller may see it: tokens in declared fields become values or masks, or stay.
 *
 *                    token, alive    token, dead or foreign    no token
 *   REVEAL_VALUE     the value       stays                     stays
 *   REVEAL_MASK      its mask        stays                     its mask
 *   REVEAL_TOKEN     stays           stays                     null
 *
 * Runs on: a loop thread, inline. Holds: one value at a time, wiped.
 * Invariant: what is written is the whole body or nothing; a token of another class than the field's
 * is left alone, so that a field cannot be used to see what is declared to be something else.
 * Not here: who the caller is (caller.c). */
#include "proxy/transform.h"

#include <string.h>

#include "base/assert.h"
#include "base/limits.h"

enum { MASK_STARS = 3 }; /* what a mask can be longer than its value */

struct reveal {
    struct vault_reader *reader;
    struct span document;
    const struct reveal_scope *scope;
    struct buf *out;
    size_t written; /* bytes of the document that are in out, or replaced */
    bool reading;   /* the one read transaction has begun */
    struct reveal_counts counts;
    struct buf inner; /* a hit's value without escapes */
    struct buf value; /* what a token stands for */
    struct buf mask;
};

/* Everything up to the hit; the hit itself is replaced by what is appended next. */
static enum err begin_replacement(struct reveal *r, const struct hit *hit)
{
    const enum err e = buf_append(r->out, r->document.at + r->written, hit->start - r->written);

    r->written = hit->end;
    return e;
}

static enum err put_mask(struct reveal *r, const struct hit *hit, enum token_format format,
                         struct span value)
{
    enum err e;

    buf_reset(&r->mask);
    e = mask_write(format, value, &r->mask);
    if (e == ERR_OK)
        e = begin_replacement(r, hit);
    return e == ERR_OK ? json_escape(VALUE_STRING, buf_span(&r->mask), r->out) : e;
}

static enum err reveal_clear(struct reveal *r, const struct hit *hit, enum reveal_action action,
                             struct span value)
{
    enum err e;

    r->counts.clear++;
    switch (action) {
    case REVEAL_VALUE:
        return ERR_OK;
    case REVEAL_MASK:
        return put_mask(r, hit, TOKEN_OPAQUE, value);
    case REVEAL_TOKEN:
        break;
    }
    e = begin_replacement(r, hit);
    return e == ERR_OK ? buf_append_str(r->out, "null") : e;
}

static enum token_format format_of(const struct reveal *r, const struct hit *hit)
{
    const struct class_def *def = vault_class_def(r->scope->vault, hit->class_id);

    return def == NULL ? TOKEN_OPAQUE : def->format;
}

/* How a value is masked goes by its token: an address, or text. Typed ones have no @. */
static enum token_format mask_format(struct span token)
{
    return memchr(token.at, '@', token.len) != NULL ? TOKEN_EMAIL : TOKEN_OPAQUE;
}

static enum err reveal_token(struct reveal *r, const struct hit *hit, enum reveal_action action,
                             struct span token)
{
    const struct vault_scope scope = {
        .domain = r->scope->domain, .class_id = hit->class_id, .slot = r->scope->subject_slot};
    struct vault_value found;
    enum err e;

    buf_reset(&r->value);
    e = vault_reveal_as(r->reader, &scope, token, &r->value, &found);
    if (e == ERR_DENIED) {
        r->counts.foreign++;
        return ERR_OK;
    }
    if (e == ERR_NOT_FOUND) {
        r->counts.tokens++;
        return ERR_OK;
    }
    if (e != ERR_OK)
        return e;
    if (action == REVEAL_MASK) {
        r->counts.masks++;
        return put_mask(r, hit, mask_format(token), buf_span(&r->value));
    }
    r->counts.values++;
    e = begin_replacement(r, hit);
    return e == ERR_OK ? json_escape(found.kind, buf_span(&r->value), r->out) : e;
}

static enum err begin_reading(struct reveal *r)
{
    const enum err e = r->reading ? ERR_OK : vault_read_begin(r->reader);

    r->reading = r->reading || e == ERR_OK;
    return e;
}

/* A number may be a token of format integer, or of another typed one that lost its quotes. */
static enum err is_token(struct reveal *r, const struct hit *hit, struct span value, bool *ret)
{
    enum err e;

    *ret = hit->kind == VALUE_STRING && token_is(value);
    if (*ret || hit->kind == VALUE_BOOL || !format_is_typed(format_of(r, hit)))
        return ERR_OK;
    e = begin_reading(r);
    if (e == ERR_OK)
        *ret = vault_is_token(r->reader, hit->class_id, value);
    return e;
}

static enum err reveal_hit(struct reveal *r, const struct hit *hit)
{
    const enum reveal_action action = r->scope->actions[hit->class_id];
    struct span value;
    bool token = false;
    enum err e = hit_read(r->document, hit, &r->inner, &value);

    if (e == ERR_OK)
        e = is_token(r, hit, value, &token);
    if (e != ERR_OK)
        return e;
    if (!token)
        return reveal_clear(r, hit, action, value);
    if (action == REVEAL_TOKEN) {
        r->counts.tokens++;
        return ERR_OK;
    }
    e = begin_reading(r);
    return e == ERR_OK ? reveal_token(r, hit, action, value) : e;
}

static enum err reveal_hits(struct reveal *r, const struct hits *hits)
{
    enum err e = buf_reserve(r->out, r->document.len);

    for (size_t i = 0; e == ERR_OK && i < hits->count; i++)
        e = reveal_hit(r, &hits->at[i]);
    if (r->reading)
        vault_read_end(r->reader);
    if (e == ERR_OK)
        e = buf_append(r->out, r->document.at + r->written, r->document.len - r->written);
    return e;
}

enum err reveal_body(struct vault_reader *reader, const struct fields *fields, struct span document,
                     const struct reveal_scope *scope, struct buf *out,
                     struct reveal_counts *ret_counts)
{
    AUTO(hits_done) struct hits hits = {0};
    struct reveal r = {.reader = reader, .document = document, .scope = scope, .out = out};
    const size_t before = out->len;
    enum err e;

    REQUIRE(scope->vault != NULL && scope->domain != 0); /* that would be any */
    e = json_read(fields, document, &hits);
    if (e != ERR_OK)
        return e;
    buf_init_secret(&r.inner, document.len);
    buf_init_secret(&r.value, LIMIT_VALUE_MAX);
    buf_init_secret(&r.mask, LIMIT_VALUE_MAX + MASK_STARS);
    e = reveal_hits(&r, &hits);
    if (e == ERR_OK)
        *ret_counts = r.counts;
    else
        out->len = before;
    buf_done(&r.inner);
    buf_done(&r.value);
    buf_done(&r.mask);
    return e;
}
