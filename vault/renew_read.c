/* SPDX-License-Identifier: Apache-2.0 */
/* Old tokens and those that took their place, read and written.
 * Runs on: the thread of the connection. Holds: one value at a time, in wiped memory. Invariant: an old token stands
 * for nothing but through what is remembered of it, and then only if it is that very one. Not here: making new ones
 * (renew.c), what a token stands for (reader.c). */
#include "base/secret.h"
#include "vault/renew_priv.h"
#include "vault/retime_priv.h"
#include "vault/typed_priv.h"

enum err vault__renewed_find(struct store *s, const struct store_class *c,
                             const struct token_ref *old, struct token_ref *ret)
{
    struct store_renewed renewed;
    enum err e = store_renewed_get(s, c->id, old->row, &renewed);

    if (e != ERR_OK)
        return e;
    if (!format_is_typed(c->format) && !secret_equal(renewed.old_salt, old->salt, TOKEN_SALT_BYTES))
        return ERR_NOT_FOUND;
    *ret = (struct token_ref){.class_id = c->id, .row = renewed.new_number};
    memcpy(ret->salt, renewed.new_salt, TOKEN_SALT_BYTES);
    return ERR_OK;
}

enum err vault__renewed_write(const struct vault *v, const struct store_renewed *renewed,
                              enum value_kind kind, struct span value, bool is_new,
                              struct token_text *ret)
{
    const struct class_def *def = v->defs[renewed->class_id];
    struct vault_item item = {.class_id = renewed->class_id, .kind = kind, .value = value};
    struct token_ref ref = {.class_id = renewed->class_id,
                            .row = is_new ? renewed->new_number : renewed->old_number};
    enum err e;

    if (format_is_typed(def->format)) {
        e = vault__typed_write(v, &item, ref.row);
        if (e == ERR_OK)
            *ret = item.token;
        return e == ERR_UNPROCESSABLE ? ERR_CORRUPT : e;
    }
    memcpy(ref.salt, is_new ? renewed->new_salt : renewed->old_salt, TOKEN_SALT_BYTES);
    token_write(&ref, def->format, def->email_domain, v->locator_key, ret);
    return ERR_OK;
}

/* ---- all of a class ---- */

/* What lives under the new token: its value, and of which kind it is. */
struct living {
    struct buf value; /* secret */
    enum value_kind kind;
    bool damaged; /* a row was met that does not open */
};

static void living_done(struct living *l)
{
    buf_done(&l->value);
}

/* NOT_FOUND, also of a damaged one. */
static enum err open_row(struct vault_reader *r, const struct store_class *c,
                         const struct store_row *row, struct living *l)
{
    const struct keycache_entry *entry;
    struct crypto_row bound;
    enum err e = r->now_s >= row->due_s ? ERR_NOT_FOUND
                                        : subject_key(r->v->slab, r->keys, row->slot, &entry);

    if (e == ERR_OK) {
        bound = vault__row_bound(c, entry, row);
        buf_reset(&l->value);
        e = vault__open(entry->key, &bound, row->sealed, &l->kind, &l->value);
    }
    if (e != ERR_CORRUPT)
        return e;
    l->damaged = true;
    return ERR_NOT_FOUND;
}

static enum err open_any(struct vault_reader *r, const struct store_class *c, uint64_t number,
                         struct living *l)
{
    struct store_row row;
    enum err e;

    if (!c->deterministic) {
        e = store_row_get(r->store, c, number, &row);
        return e == ERR_OK ? open_row(r, c, &row, l) : e;
    }
    e = store_owners(r->store, c, number);
    while (e == ERR_OK) {
        e = store_next(r->store, &row);
        if (e != ERR_OK)
            return e;
        e = open_row(r, c, &row, l);
        if (e == ERR_OK)
            return ERR_OK;
        e = e == ERR_NOT_FOUND ? ERR_OK : e;
    }
    return e;
}

static enum err write_both(const struct vault *v, const struct store_renewed *renewed,
                           const struct living *l, struct vault_renewed *ret)
{
    enum err e =
        vault__renewed_write(v, renewed, l->kind, buf_span(&l->value), false, &ret->old_token);

    return e == ERR_OK ? vault__renewed_write(v, renewed, l->kind, buf_span(&l->value), true,
                                              &ret->new_token)
                       : e;
}

enum err vault_read_renewed(struct vault_reader *r, uint16_t class_id, uint64_t after,
                            struct vault_renewed *ret)
{
    AUTO(living_done) struct living living = {.kind = VALUE_STRING};
    const struct store_class *c = vault__class(r->v, class_id);
    struct store_renewed renewed = {.old_number = after};
    enum err e = ERR_NOT_FOUND;

    REQUIRE(r->reading);
    if (c == NULL || r->v->defs[class_id] == NULL)
        return ERR_NOT_FOUND;
    buf_init_secret(&living.value, LIMIT_VALUE_MAX + 1);
    while (e == ERR_NOT_FOUND && !living.damaged) {
        e = store_renewed_next(r->store, class_id, renewed.old_number, &renewed);
        if (e != ERR_OK)
            return e;
        e = open_any(r, c, renewed.new_number, &living);
    }
    if (e != ERR_OK && e != ERR_NOT_FOUND)
        return e;
    *ret = (struct vault_renewed){.number = renewed.old_number, .damaged = e != ERR_OK};
    if (e == ERR_OK)
        e = write_both(r->v, &renewed, &living, ret);
    if (e == ERR_CORRUPT) /* it is none of its class's format */
        ret->damaged = true;
    return e == ERR_CORRUPT || e == ERR_NOT_FOUND ? ERR_OK : e;
}
