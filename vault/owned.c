/* SPDX-License-Identifier: Apache-2.0 */
/* A person's values in the order of their rows.
 * Runs on: the reader's own thread, inline. Holds: nothing. Invariant: a value comes out only of a row that
 * is this subject's and opens bound to it; one whose time is over only where a hold keeps it. Not here: who
 * may ask. */
#include "vault/owned.h"

#include <string.h>

#include "base/assert.h"
#include "vault/holds_priv.h"
#include "vault/typed_priv.h"

static enum err open_row(const struct keycache_entry *entry, uint16_t class_id,
                         const struct store_row *row, enum value_kind *ret_kind, struct buf *out)
{
    struct crypto_row bound = {
        .domain = (uint16_t)entry->domain,
        .class_id = class_id,
        .row = row->id,
        .revision = row->revision,
        .due_s = row->due_s,
        .created_s = row->created_s,
        .start_s = row->start_s,
    };

    memcpy(bound.subject, entry->subject, VAULT_ID_BYTES);
    memcpy(bound.salt, row->salt, TOKEN_SALT_BYTES);
    return vault__open(entry->key, &bound, row->sealed, ret_kind, out);
}

static enum err write_token(const struct vault *v, const struct store_class *c,
                            const struct store_row *row, struct span value, struct vault_owned *ret)
{
    const struct class_def *def = vault_class_def(v, c->id);
    struct token_ref ref = {.class_id = c->id, .row = c->deterministic ? row->token_row : row->id};
    struct vault_item item = {.class_id = c->id, .kind = ret->value.kind, .value = value};
    enum err e = ERR_OK;

    if (def == NULL)
        return ERR_CORRUPT; /* a class with values does not leave the configuration */
    if (format_is_typed(c->format)) {
        e = vault__typed_write(v, &item, ref.row);
        ret->token = item.token;
        return e;
    }
    memcpy(ref.salt, row->salt, TOKEN_SALT_BYTES);
    token_write(&ref, c->format, def->email_domain, v->locator_key, &ret->token);
    return ERR_OK;
}

enum err vault_read_owned(struct vault_reader *r, uint64_t slot, uint16_t class_id, uint64_t after,
                          struct buf *out, struct vault_owned *ret)
{
    const struct store_class *c = vault__class(r->v, class_id);
    const unsigned marks = vault__marks_on(r->v, slot, class_id);
    const struct keycache_entry *entry;
    const size_t from = out->len;
    struct vault_owned owned = {.held = (marks & MARK_HELD) != 0,
                                .restricted = (marks & MARK_RESTRICTED) != 0};
    struct store_row row = {.id = after};
    enum err e;

    REQUIRE(r->reading && out->secret);
    if (c == NULL)
        return ERR_NOT_FOUND;
    e = subject_key(r->v->slab, r->keys, slot, &entry);
    do {
        if (e == ERR_OK)
            e = store_row_after(r->store, c, slot, row.id, &row);
    } while (e == ERR_OK && row.due_s <= r->now_s && !owned.held);
    if (e == ERR_OK)
        e = open_row(entry, class_id, &row, &owned.value.kind, out);
    if (e != ERR_OK)
        return e;
    owned.row = row.id;
    owned.value.domain = (uint16_t)entry->domain;
    owned.value.class_id = class_id;
    owned.value.slot = slot;
    owned.value.created_s = row.created_s;
    owned.value.due_s = row.due_s;
    e = write_token(r->v, c, &row, span_of((const char *)out->bytes + from, out->len - from),
                    &owned);
    if (e == ERR_OK)
        *ret = owned;
    return e;
}
