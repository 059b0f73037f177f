/* SPDX-License-Identifier: Apache-2.0 */
/* A person's tokens.
 * Runs on: the reader's thread. Holds: one value at a time, in wiped memory, since a typed token has the form of
 * its value. Invariant: what is given out reads back to the row it was made of. Not here: who is told of
 * them (retention/notices.c). */
#include "vault/tokens.h"

#include <string.h>

#include "base/limits.h"
#include "vault/renew_priv.h"
#include "vault/typed_priv.h"

struct walk {
    struct vault_reader *r;
    const struct keycache_entry *entry;
    const struct store_class *c;
    struct buf value;     /* secret: a typed row's, since its token has that form */
    enum value_kind kind; /* ... of which kind */
    vault_token_fn fn;
    void *context;
};

static void walk_done(struct walk *w)
{
    buf_done(&w->value);
}

/* The number that a row's token says. */
static uint64_t number_of(const struct walk *w, const struct store_row *row)
{
    return w->c->deterministic ? row->token_row : row->id;
}

static enum err write_typed(struct walk *w, const struct store_row *row, struct token_text *ret)
{
    struct vault_item item = {.class_id = w->c->id};
    struct crypto_row bound = {.domain = (uint16_t)w->entry->domain,
                               .class_id = w->c->id,
                               .row = row->id,
                               .revision = row->revision,
                               .due_s = row->due_s,
                               .created_s = row->created_s,
                               .start_s = row->start_s};
    enum err e;

    memcpy(bound.subject, w->entry->subject, VAULT_ID_BYTES);
    memcpy(bound.salt, row->salt, TOKEN_SALT_BYTES);
    buf_reset(&w->value);
    e = vault__open(w->entry->key, &bound, row->sealed, &item.kind, &w->value);
    if (e != ERR_OK)
        return e;
    w->kind = item.kind;
    item.value = buf_span(&w->value);
    e = vault__typed_write(w->r->v, &item, number_of(w, row));
    if (e == ERR_OK)
        *ret = item.token;
    return e == ERR_UNPROCESSABLE ? ERR_CORRUPT : e;
}

static enum err write_token(struct walk *w, const struct store_row *row, struct token_text *ret)
{
    const struct class_def *def = w->r->v->defs[w->c->id];
    struct token_ref ref = {.class_id = w->c->id, .row = number_of(w, row)};

    if (format_is_typed(w->c->format))
        return write_typed(w, row, ret);
    memcpy(ref.salt, row->salt, TOKEN_SALT_BYTES);
    token_write(&ref, w->c->format, def->email_domain, w->r->v->locator_key, ret);
    return ERR_OK;
}

/* ... and the one whose place it took, by which it is known yet. The value of a typed one is in w->value still. */
static enum err give_old(const struct walk *w, uint64_t number)
{
    struct store_renewed renewed;
    struct token_text token;
    enum err e = store_renewed_of(w->r->store, w->c->id, number, &renewed);

    if (e == ERR_OK)
        e = vault__renewed_write(w->r->v, &renewed, w->kind, buf_span(&w->value), false, &token);
    if (e == ERR_OK)
        e = w->fn(w->context, w->c->id, &token);
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

/* Row by row, since looking for old tokens lets go of a cursor. */
static enum err walk_renewed(struct walk *w, uint64_t slot)
{
    struct store_row row = {.id = 0};
    enum err e = ERR_OK;

    while (e == ERR_OK) {
        struct token_text token;

        e = store_row_after(w->r->store, w->c, slot, row.id, &row);
        if (e != ERR_OK || row.due_s <= w->r->now_s)
            continue;
        e = write_token(w, &row, &token);
        if (e == ERR_OK)
            e = w->fn(w->context, w->c->id, &token);
        if (e == ERR_OK)
            e = give_old(w, number_of(w, &row));
    }
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

static enum err walk_class(struct walk *w, uint64_t slot)
{
    struct store_row row;
    enum err e = store_rows_of(w->r->store, w->c, slot);

    while (e == ERR_OK) {
        struct token_text token;

        e = store_next(w->r->store, &row);
        if (e != ERR_OK || row.due_s <= w->r->now_s)
            continue;
        e = write_token(w, &row, &token);
        if (e == ERR_OK)
            e = w->fn(w->context, w->c->id, &token);
    }
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

enum err vault_read_tokens(struct vault_reader *r, uint64_t slot, vault_token_fn fn, void *context)
{
    AUTO(walk_done) struct walk w = {.r = r, .fn = fn, .context = context};
    enum err e;

    REQUIRE(r->reading);
    buf_init_secret(&w.value, LIMIT_VALUE_MAX);
    e = subject_key(r->v->slab, r->keys, slot, &w.entry);
    for (uint16_t id = 1; e == ERR_OK && id <= CLASSES_MAX; id++) {
        w.c = vault__class(r->v, id);
        if (w.c != NULL && r->v->defs[id] != NULL)
            e = vault__any_renewed(r->v) ? walk_renewed(&w, slot) : walk_class(&w, slot);
    }
    return e;
}
