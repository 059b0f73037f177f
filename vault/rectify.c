/* SPDX-License-Identifier: Apache-2.0 */
/* Rectification (Art. 16): another value behind the same token; the old ciphertext is overwritten.
 * Runs on: the writer thread, in a transaction of its own. Holds: the old value while its blind
 * index is made, in wiped memory. Invariant: everything is looked at before anything is written; a
 * revision seals under a random number, so that no nonce repeats in any copy of the store nor
 * after an older database is put back; whoever reads after the acknowledgement reads the new value.
 * Not here: cutting the log, which still holds the old ciphertext (retention/rectification.c).
 *
 * Deterministic classes: the token's blind index moves to the new value. It cannot move while
 * somebody else owns a row under the token, or under the one that takes its place just now, or while
 * another token stands for the new value: equal values would stop having equal tokens. That is a
 * CONFLICT, and nothing changes. */
#include "vault/holds_priv.h"
#include "vault/renew_priv.h"
#include "vault/typed_priv.h"
#include "vault/writer_priv.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/secret.h"

/* What is to be revised, and what hangs on it. */
struct revision {
    const struct vault_rectify *op;
    struct store_class *c;
    struct store_row row; /* .sealed is not valid past the next call on the store */
    uint16_t domain;
    uint8_t subject[VAULT_ID_BYTES];
    const uint8_t *index_key;
    int64_t now_s;
    struct buf old; /* secret: the value it had; only of classes that identify */
    enum value_kind old_kind;
};

/* ---- before anything is written ---- */

static enum err check(const struct vault_rectify *op)
{
    if (op->kind < VALUE_STRING || op->kind > VALUE_BOOL)
        return ERR_INVALID;
    return op->value.len > LIMIT_VALUE_MAX ? ERR_TOO_LARGE : ERR_OK;
}

/* NOT_FOUND when the row's time is over or its subject erased. */
static enum err live(struct writer *w, const struct revision *r, const struct store_row *row)
{
    const struct keycache_entry *entry;

    return r->now_s < row->due_s ? subject_key(w->v->slab, w->keys, row->slot, &entry)
                                 : ERR_NOT_FOUND;
}

/* The same of a row that is in the way of another: one that is kept beyond its time still is. */
static enum err stays(struct writer *w, const struct revision *r, const struct store_row *row)
{
    const struct keycache_entry *entry;

    return vault__is_kept(w->v, row->slot, r->c->id)
               ? subject_key(w->v->slab, w->keys, row->slot, &entry)
               : live(w, r, row);
}

/* Who lives under a shared token: nobody but *owner, where that is not 0. NOT_FOUND: nobody. */
static enum err look_at_owners(struct writer *w, const struct revision *r, uint64_t token_row,
                               uint64_t *owner)
{
    struct store_row row;
    bool lives = false;
    enum err e = store_owners(w->store, r->c, token_row);

    while (e == ERR_OK) {
        e = store_next(w->store, &row);
        if (e != ERR_OK)
            break;
        e = stays(w, r, &row);
        if (e == ERR_OK && *owner != 0 && *owner != row.slot)
            return ERR_CONFLICT;
        if (e == ERR_OK) {
            *owner = row.slot;
            lives = true;
        }
        e = e == ERR_NOT_FOUND ? ERR_OK : e;
    }
    return e == ERR_NOT_FOUND && lives ? ERR_OK : e;
}

/* While a shared token is renewed its owners stand under two, and those whose rows do not open stay under the old one
 * (renew.c): whoever lives under the other one shares the value, too. */
static enum err check_other_half(struct writer *w, const struct revision *r, uint64_t token_row)
{
    struct store_renewed half;
    uint64_t anybody = 0;
    enum err e = store_renewed_get(w->store, r->c->id, token_row, &half);

    if (e == ERR_OK) {
        e = look_at_owners(w, r, half.new_number, &anybody);
    } else if (e == ERR_NOT_FOUND) {
        e = store_renewed_of(w->store, r->c->id, token_row, &half);
        if (e == ERR_OK)
            e = look_at_owners(w, r, half.old_number, &anybody);
    }
    if (e == ERR_OK)
        return ERR_CONFLICT;
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

/* The owner who lives under a shared token: the one that was named, or else the only one. Anybody
 * else there keeps the value that the token stands for. */
static enum err find_owner(struct writer *w, struct revision *r, uint64_t token_row)
{
    uint64_t owner = r->op->slot;
    enum err e = look_at_owners(w, r, token_row, &owner);

    if (e == ERR_OK && vault__any_renewed(w->v))
        e = check_other_half(w, r, token_row);
    return e == ERR_OK ? store_owner_get(w->store, r->c, token_row, owner, &r->row) : e;
}

static enum err find_at(struct writer *w, struct revision *r, const struct token_ref *ref)
{
    enum err e;

    if (vault__class(w->v, ref->class_id) == NULL)
        return ERR_NOT_FOUND;
    r->c = &w->v->table[ref->class_id];
    e = r->c->deterministic ? find_owner(w, r, ref->row)
                            : store_row_get(w->store, r->c, ref->row, &r->row);
    if (e != ERR_OK)
        return e;
    if (!format_is_typed(r->c->format) && !secret_equal(r->row.salt, ref->salt, TOKEN_SALT_BYTES))
        return ERR_NOT_FOUND;
    e = live(w, r, &r->row);
    if (e != ERR_OK)
        return e;
    return r->op->slot != 0 && r->op->slot != r->row.slot ? ERR_DENIED : ERR_OK;
}

/* A typed token without its class: it must live under one of them only. */
static enum err find_class(struct writer *w, struct revision *r, struct token_ref *ret)
{
    enum err found = ERR_NOT_FOUND;

    for (uint16_t id = 1; id <= CLASSES_MAX; id++) {
        struct token_ref ref = {.class_id = id};
        enum err e = vault__is_typed(w->v, id) ? vault__typed_read(w->v, id, r->op->token, &ref.row)
                                               : ERR_NOT_FOUND;

        if (e == ERR_OK)
            e = find_at(w, r, &ref);
        if (e == ERR_NOT_FOUND)
            continue;
        if (e != ERR_OK && e != ERR_DENIED && e != ERR_CONFLICT)
            return e;
        if (found == ERR_OK)
            return ERR_CONFLICT;
        found = ERR_OK;
        *ret = ref;
    }
    return found;
}

static enum err find_row(struct writer *w, struct revision *r)
{
    const uint16_t class_id = r->op->class_id;
    struct token_ref ref = {.class_id = class_id};
    enum err e;

    if (vault__is_typed(w->v, class_id))
        e = vault__typed_read(w->v, class_id, r->op->token, &ref.row);
    else if (token_read(r->op->token, w->v->locator_key, &ref) == ERR_OK)
        e = vault__is_typed(w->v, ref.class_id) || (class_id != 0 && class_id != ref.class_id)
                ? ERR_NOT_FOUND
                : ERR_OK;
    else
        e = class_id == 0 ? find_class(w, r, &ref) : ERR_NOT_FOUND;
    if (e == ERR_OK)
        e = find_at(w, r, &ref);
    if (e != ERR_NOT_FOUND || r->c == NULL || !vault__any_renewed(w->v))
        return e;
    e = vault__renewed_find(w->store, r->c, &ref, &ref);
    return e == ERR_OK ? find_at(w, r, &ref) : e;
}

/* A typed class takes a value of its format only. A deterministic token is found by its value, and
 * so must have the shape that the value says. */
static enum err check_format(const struct writer *w, const struct revision *r)
{
    const struct vault_item item = {
        .class_id = r->c->id, .kind = r->op->kind, .value = r->op->value};
    uint64_t index = 0;
    enum err e;

    if (!format_is_typed(r->c->format))
        return ERR_OK;
    if (!vault__is_typed(w->v, r->c->id))
        return ERR_NOT_FOUND;
    e = vault__typed_check(w->v, &item);
    if (e != ERR_OK || !r->c->deterministic)
        return e;
    e = vault__typed_index(w->v, &item, &index);
    if (e == ERR_NOT_FOUND || (e == ERR_OK && index != r->row.token_row >> SEQUENCE_NUMBER_BITS))
        return ERR_CONFLICT;
    return e;
}

static struct crypto_row binding(const struct revision *r, uint64_t revision)
{
    struct crypto_row bound = {
        .domain = r->domain,
        .class_id = r->c->id,
        .row = r->row.id,
        .revision = revision,
        .due_s = r->row.due_s,
        .created_s = r->row.created_s,
        .start_s = r->row.start_s,
    };

    memcpy(bound.subject, r->subject, VAULT_ID_BYTES);
    memcpy(bound.salt, r->row.salt, TOKEN_SALT_BYTES);
    return bound;
}

/* The subject's key, and proof that the row is what it should be: a damaged one is not revised. */
static enum err take_key(struct writer *w, struct revision *r)
{
    const struct keycache_entry *entry;
    struct crypto_row bound;
    enum err e = subject_key(w->v->slab, w->keys, r->row.slot, &entry);

    if (e != ERR_OK)
        return e;
    r->domain = (uint16_t)entry->domain;
    if (r->op->domain != 0 && r->op->domain != r->domain)
        return ERR_NOT_FOUND;
    memcpy(r->subject, entry->subject, VAULT_ID_BYTES);
    memcpy(w->key, entry->key, CRYPTO_KEY_BYTES);
    r->index_key = vault__domain_key(w->v, r->domain);
    if (r->index_key == NULL)
        return ERR_CORRUPT;
    bound = binding(r, r->row.revision);
    return vault__open(w->key, &bound, r->row.sealed, &r->old_kind, &r->old);
}

/* Another token that stands for the new value: in the way while somebody lives under it. */
static enum err check_value(struct writer *w, const struct revision *r, uint64_t *ret_dead_token)
{
    uint8_t fingerprint[CRYPTO_MAC_BYTES], salt[TOKEN_SALT_BYTES];
    struct store_row row;
    uint64_t token_row = 0;
    enum err e;

    vault__fingerprint(r->index_key, r->domain, r->c->id, r->op->kind, r->op->value, fingerprint);
    e = store_shared_find(w->store, r->c, fingerprint, &token_row, salt);
    if (e != ERR_OK || token_row == r->row.token_row)
        return e == ERR_NOT_FOUND ? ERR_OK : e;
    e = store_owners(w->store, r->c, token_row);
    while (e == ERR_OK) {
        e = store_next(w->store, &row);
        if (e != ERR_OK)
            break;
        e = stays(w, r, &row);
        if (e == ERR_OK)
            return ERR_CONFLICT;
        e = e == ERR_NOT_FOUND ? ERR_OK : e;
    }
    *ret_dead_token = token_row;
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

static bool identifies(const struct writer *w, const struct revision *r)
{
    return w->v->defs[r->c->id] != NULL && w->v->defs[r->c->id]->identifies;
}

/* The new value must not be the name of somebody else. */
static enum err check_name(struct writer *w, const struct revision *r)
{
    const struct keycache_entry *entry;
    uint8_t mac[CRYPTO_MAC_BYTES];
    uint64_t slot = 0;
    enum err e;

    if (!identifies(w, r) || r->op->value.len == 0)
        return ERR_OK;
    if (r->op->value.len > LIMIT_IDENTIFIER_MAX)
        return ERR_TOO_LARGE;
    vault__name_mac(r->index_key, r->domain, r->op->value, mac);
    e = store_name_get(w->store, mac, &slot);
    if (e == ERR_OK && slot != r->row.slot) {
        e = subject_key(w->v->slab, w->keys, slot, &entry);
        return e == ERR_OK ? ERR_CONFLICT : e == ERR_NOT_FOUND ? ERR_OK : e;
    }
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

/* ---- writing ---- */

static enum err move_token(struct writer *w, const struct revision *r, uint64_t dead_token)
{
    uint8_t fingerprint[CRYPTO_MAC_BYTES];
    enum err e = ERR_OK;

    if (dead_token != 0)
        e = store_shared_delete(w->store, r->c, dead_token);
    vault__fingerprint(r->index_key, r->domain, r->c->id, r->op->kind, r->op->value, fingerprint);
    return e == ERR_OK ? store_shared_revise(w->store, r->c, r->row.token_row, fingerprint) : e;
}

static enum err move_name(struct writer *w, const struct revision *r)
{
    uint8_t mac[CRYPTO_MAC_BYTES];
    enum err e;

    vault__name_mac(r->index_key, r->domain, buf_span(&r->old), mac);
    e = store_name_forget(w->store, mac, r->row.slot);
    if (e != ERR_OK || r->op->value.len == 0)
        return e;
    vault__name_mac(r->index_key, r->domain, r->op->value, mac);
    return store_name_put(w->store, mac, r->row.slot);
}

static enum err put_value(struct writer *w, struct revision *r)
{
    struct span sealed = {.len = 1 + r->op->value.len + CRYPTO_TAG_BYTES};
    const uint64_t number = writer_new_revision();
    struct crypto_row bound;
    enum err e;

    w->sealed.len = 0;
    e = buf_reserve(&w->sealed, sealed.len);
    if (e != ERR_OK)
        return e;
    bound = binding(r, number);
    vault__seal(w->key, &bound, r->op->kind, r->op->value, w->sealed.bytes);
    sealed.at = (const char *)w->sealed.bytes;
    return store_row_revise(w->store, r->c, r->row.id, number, sealed);
}

static enum err write_all(struct writer *w, struct revision *r, uint64_t dead_token)
{
    enum err e = put_value(w, r);

    if (e == ERR_OK && r->c->deterministic)
        e = move_token(w, r, dead_token);
    if (e == ERR_OK && identifies(w, r))
        e = move_name(w, r);
    return e;
}

/* Nobody may answer from what he remembers of the subject. A reader's lock is held while it reads,
 * so that whoever holds the old row has put it away when this is done. */
static void drop_rows(struct writer *w, uint64_t slot)
{
    struct vault *v = w->v;

    names_drop(w->names, slot);
    (void)pthread_mutex_lock(&v->readers_lock);
    for (struct vault_reader *r = v->readers; r != NULL; r = r->next) {
        (void)pthread_mutex_lock(&r->lock);
        names_drop(r->names, slot);
        rowcache_drop(r->rows, slot);
        (void)pthread_mutex_unlock(&r->lock);
    }
    (void)pthread_mutex_unlock(&v->readers_lock);
}

static enum err look(struct writer *w, struct revision *r, uint64_t *ret_dead_token)
{
    enum err e = find_row(w, r);

    if (e == ERR_OK && (vault__marks_on(w->v, r->row.slot, r->c->id) & MARK_HELD) != 0)
        e = ERR_HELD; /* what a claim needs stays what it was */
    if (e == ERR_OK)
        e = take_key(w, r);
    if (e == ERR_OK)
        e = check_format(w, r);
    if (e == ERR_OK && r->c->deterministic)
        e = check_value(w, r, ret_dead_token);
    return e == ERR_OK ? check_name(w, r) : e;
}

enum err vault__rectify(struct writer *w, struct vault_rectify *op)
{
    struct revision r = {.op = op, .now_s = vault__now_s(w->v)};
    uint64_t dead_token = 0;
    enum err e = check(op);

    if (e == ERR_OK)
        e = store_begin(w->store);
    if (e != ERR_OK)
        return e;
    buf_init_secret(&r.old, LIMIT_VALUE_MAX + 1);
    e = look(w, &r, &dead_token);
    if (e == ERR_OK)
        e = write_all(w, &r, dead_token);
    if (e == ERR_OK) {
        FAULT_POINT("rectify.before_commit");
        e = store_commit(w->store);
    }
    buf_done(&r.old);
    if (e != ERR_OK) {
        store_rollback(w->store);
        return e;
    }
    FAULT_POINT("rectify.committed");
    drop_rows(w, r.row.slot);
    op->slot = r.row.slot;
    op->class_id = r.c->id;
    return ERR_OK;
}
