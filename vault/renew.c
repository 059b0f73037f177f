/* SPDX-License-Identifier: Apache-2.0 */
/* Values get new tokens: another salt, or another number where the number is all that a token says, or where many
 * rows hang on it. Salt and number are bound into what is sealed, so that a row is opened and sealed again.
 * Runs on: the writer thread, inside a group's transaction. Holds: one value at a time, in wiped memory. Invariant:
 * which token took the place of which is written with the row; a revision seals under a random number, so that no
 * nonce repeats; a row that does not open is never written to; counters do not move.
 * Not here: which classes when (retention/renewal.c), reading by an old token (renew_read.c, reader.c).
 *
 *   random, opaque or e-mail    the row keeps its number and gets another salt
 *   random, typed               the row gets another number of its sequence
 *   deterministic               a new token, to which the fingerprint moves at once and the rows of the owners one
 *                               by one; the old one has a fingerprint of nothing until its last row has left it
 *
 * New numbers are higher than the one whose place they take, and so behind the walk. */
#include "vault/renew_priv.h"

#include "base/fault.h"
#include "base/secret.h"
#include "vault/holds_priv.h"
#include "vault/retime_priv.h"
#include "vault/typed_priv.h"

/* Rows of one shared token that are moved without looking who waits. */
enum { OWNERS_AT_ONCE = 512 };

struct renewing {
    struct writer *w;
    struct vault_renew *op;
    struct store_class *c;
    int64_t now_s;
};

/* What took the place of a shared token. */
struct heir {
    bool known;
    uint64_t number;
    uint8_t salt[TOKEN_SALT_BYTES];
};

/* A row that is open: its value is in w->clear. */
struct opened {
    struct store_row row;
    const struct keycache_entry *entry;
    enum value_kind kind;
};

enum err vault__renewed_open(struct vault *v, struct store *s, struct errmsg *msg)
{
    bool any = false;
    enum err e = store_renewed_prepare(s);

    if (e == ERR_OK)
        e = store_renewed_any(s, &any);
    store_read_end(s);
    if (e != ERR_OK)
        return errmsg_set(msg, e, "%s/" VAULT_DB ": renewed tokens cannot be read", v->dir);
    atomic_store(&v->renewed, any);
    return ERR_OK;
}

/* ---- one row ---- */

/* NOT_FOUND: it is not meant, or nobody's. */
static enum err open_row(const struct renewing *x, uint64_t id, struct opened *ret)
{
    struct writer *w = x->w;
    struct crypto_row bound;
    enum err e = store_row_at(w->store, x->c, id, &ret->row);

    if (e == ERR_OK && x->now_s >= ret->row.due_s && !vault__is_kept(w->v, ret->row.slot, x->c->id))
        e = ERR_NOT_FOUND;
    if (e == ERR_OK)
        e = subject_key(w->v->slab, w->keys, ret->row.slot, &ret->entry);
    if (e == ERR_OK && x->op->domain != 0 && ret->entry->domain != x->op->domain)
        e = ERR_NOT_FOUND;
    if (e != ERR_OK)
        return e;
    bound = vault__row_bound(x->c, ret->entry, &ret->row);
    buf_reset(&w->clear);
    return vault__open(ret->entry->key, &bound, ret->row.sealed, &ret->kind, &w->clear);
}

/* What is passed over is no error. */
static enum err pass_over(const struct renewing *x, enum err e)
{
    buf_reset(&x->w->clear);
    if (e == ERR_NOT_FOUND)
        return ERR_OK;
    if (store_failed(x->w->store) || (e != ERR_CORRUPT && e != ERR_UNPROCESSABLE))
        return e;
    x->op->unreadable++;
    return ERR_OK;
}

/* The number of a new token for the value that is open. */
static enum err new_number(const struct renewing *x, const struct opened *o, uint64_t *ret)
{
    const struct vault_item item = {
        .class_id = x->c->id, .kind = o->kind, .value = buf_span(&x->w->clear)};
    struct sequence *from = NULL;

    return format_is_typed(x->c->format) ? vault__typed_take(x->w->v, &item, ret, &from)
                                         : writer_next_row(x->w, ret);
}

static enum err remember(const struct renewing *x, const struct store_renewed *renewed)
{
    enum err e = store_renewed_put(x->w->store, renewed);

    if (e == ERR_OK)
        atomic_store(&x->w->v->renewed, true);
    return e;
}

/* Seal the row that is open as it is described now, and store it in the place of row `id`. */
static enum err put_back(const struct renewing *x, uint64_t id, struct opened *o)
{
    enum err e = vault__row_seal(x->w, x->c, o->entry, o->kind, &o->row);

    if (e == ERR_OK)
        e = store_row_renew(x->w->store, x->c, id, &o->row);
    if (e != ERR_OK)
        return e;
    vault__retimed(x->w, o->row.slot);
    x->op->renewed++;
    return ERR_OK;
}

/* ---- random classes ---- */

static enum err renew_row(const struct renewing *x, uint64_t id)
{
    struct store_renewed renewed = {.class_id = x->c->id, .old_number = id, .new_number = id};
    struct opened o;
    enum err e = open_row(x, id, &o);

    x->op->looked++;
    if (e == ERR_OK && format_is_typed(x->c->format))
        e = new_number(x, &o, &renewed.new_number);
    if (e != ERR_OK)
        return pass_over(x, e);
    memcpy(renewed.old_salt, o.row.salt, TOKEN_SALT_BYTES);
    secret_random(renewed.new_salt, TOKEN_SALT_BYTES);
    memcpy(o.row.salt, renewed.new_salt, TOKEN_SALT_BYTES);
    o.row.id = renewed.new_number;
    e = put_back(x, id, &o);
    return e == ERR_OK ? remember(x, &renewed) : e;
}

/* ---- deterministic classes ---- */

/* A new token for the value that is open, which has none but `number`, or none any more. */
static enum err make_heir(const struct renewing *x, const struct opened *o, uint64_t number,
                          const uint8_t fingerprint[CRYPTO_MAC_BYTES], struct heir *ret)
{
    uint8_t nothing[CRYPTO_MAC_BYTES];
    struct heir heir = {.known = true};
    enum err e = new_number(x, o, &heir.number);

    secret_random(nothing, sizeof(nothing));
    secret_random(heir.salt, sizeof(heir.salt));
    if (e == ERR_OK)
        e = store_shared_revise(x->w->store, x->c, number, nothing);
    if (e == ERR_OK)
        e = store_shared_add(x->w->store, x->c, heir.number, heir.salt, fingerprint);
    if (e == ERR_OK)
        *ret = heir;
    return e;
}

/* The token that the value has now: one that an earlier batch made, or somebody who stored it since; or a new one. */
static enum err find_heir(const struct renewing *x, const struct opened *o, uint64_t number,
                          struct heir *ret)
{
    const uint16_t domain = (uint16_t)o->entry->domain;
    const uint8_t *index_key = vault__domain_key(x->w->v, domain);
    struct store_renewed renewed = {.class_id = x->c->id, .old_number = number};
    struct heir heir = {.known = true};
    uint8_t fingerprint[CRYPTO_MAC_BYTES];
    enum err e;

    if (index_key == NULL)
        return ERR_CORRUPT;
    vault__fingerprint(index_key, domain, x->c->id, o->kind, buf_span(&x->w->clear), fingerprint);
    e = store_shared_find(x->w->store, x->c, fingerprint, &heir.number, heir.salt);
    if (e == ERR_NOT_FOUND || (e == ERR_OK && heir.number == number))
        e = make_heir(x, o, number, fingerprint, &heir);
    if (e != ERR_OK)
        return e;
    renewed.new_number = heir.number;
    memcpy(renewed.old_salt, o->row.salt, TOKEN_SALT_BYTES);
    memcpy(renewed.new_salt, heir.salt, TOKEN_SALT_BYTES);
    *ret = heir;
    return remember(x, &renewed);
}

static enum err renew_owner(const struct renewing *x, uint64_t id, uint64_t number,
                            struct heir *heir)
{
    struct opened o;
    enum err e = open_row(x, id, &o);

    x->op->looked++;
    if (e == ERR_OK && !heir->known)
        e = find_heir(x, &o, number, heir);
    if (e != ERR_OK)
        return pass_over(x, e);
    o.row.token_row = heir->number;
    memcpy(o.row.salt, heir->salt, TOKEN_SALT_BYTES);
    return put_back(x, id, &o);
}

/* Rows of one shared token, from where the last batch left it; *ret_all: there are no more. */
static enum err renew_shared(const struct renewing *x, uint64_t number, bool *ret_all)
{
    struct store_due at = {.id = x->op->next.row, .slot = x->op->next.slot};
    struct heir heir = {.known = false};
    struct store_due_list owners = {.count = STORE_DUE_MAX};
    size_t looked = 0;
    enum err e = ERR_OK;

    while (e == ERR_OK && owners.count == STORE_DUE_MAX && looked < OWNERS_AT_ONCE) {
        e = store_owners_after(x->w->store, x->c, number, &at, &owners);
        for (size_t i = 0; e == ERR_OK && i < owners.count; i++) {
            e = renew_owner(x, owners.at[i].id, number, &heir);
            if (e == ERR_OK)
                at = owners.at[i];
        }
        looked += owners.count;
    }
    *ret_all = e == ERR_OK && owners.count < STORE_DUE_MAX;
    x->op->next.slot = *ret_all ? 0 : at.slot;
    x->op->next.row = *ret_all ? 0 : at.id;
    return *ret_all ? store_shared_trim(x->w->store, x->c, number) : e;
}

/* ---- batches ---- */

static enum err renew_number(const struct renewing *x, uint64_t number)
{
    struct store_renewed known;
    bool all = true;
    /* Begun anew: what has its new token keeps it. */
    enum err e = x->op->next.slot != 0 ? ERR_NOT_FOUND
                                       : store_renewed_of(x->w->store, x->c->id, number, &known);

    if (e == ERR_NOT_FOUND)
        e = x->c->deterministic ? renew_shared(x, number, &all) : renew_row(x, number);
    else
        x->op->looked++;
    if (e == ERR_OK)
        x->op->next.before = all ? number : number + 1;
    return e;
}

static enum err renew_part(const struct renewing *x, size_t limit)
{
    const size_t before = x->op->looked;
    uint64_t numbers[STORE_NUMBERS_MAX];
    size_t count = 0;
    enum err e =
        store_numbers(x->w->store, x->c, x->op->next.before, limit - before, numbers, &count);

    x->op->more = count > 0;
    for (size_t i = 0; e == ERR_OK && i < count; i++) {
        e = renew_number(x, numbers[i]);
        if (x->op->next.slot != 0)
            break; /* the rest of this one first */
        if (x->op->looked >= limit || x->op->looked - before >= WRITER_PART_ROWS)
            break; /* each number may have many owners */
    }
    return e;
}

enum err vault__renew(struct writer *w, struct vault_renew *op)
{
    const size_t limit = op->limit < WRITER_DELETE_MAX ? op->limit : WRITER_DELETE_MAX;
    const struct renewing x = {.w = w,
                               .op = op,
                               .c = op->class_id <= CLASSES_MAX ? &w->v->table[op->class_id] : NULL,
                               .now_s = vault__now_s(w->v)};
    enum err e;

    op->looked = 0;
    op->renewed = 0;
    op->unreadable = 0;
    op->more = true;
    if (limit == 0)
        return ERR_INVALID;
    if (vault__class(w->v, op->class_id) == NULL || w->v->defs[op->class_id] == NULL)
        return ERR_NOT_FOUND;
    op->next = op->at; /* what is tried again begins where it began */
    if (op->next.before == 0)
        op->next.before = INT64_MAX;
    do
        e = renew_part(&x, limit);
    while (e == ERR_OK && op->more && op->looked < limit && !writer_is_wanted(w, &op->op));
    /* That no token is left was found before anything of its value was written. */
    if (e != ERR_OK && e != ERR_EXHAUSTED)
        w->broken = e;
    FAULT_POINT("renew.batch");
    return e;
}

enum err vault__renew_end(struct writer *w, struct vault_renew_end *op)
{
    const size_t limit = op->limit < WRITER_DELETE_MAX ? op->limit : WRITER_DELETE_MAX;
    enum err e;

    if (limit == 0)
        return ERR_INVALID;
    e = store_renewed_forget(w->store, op->class_id, limit, &op->forgotten);
    if (e != ERR_OK) {
        w->broken = e;
        return e;
    }
    op->more = op->forgotten == limit;
    w->renewed_over = !op->more;
    FAULT_POINT("renew.end");
    return ERR_OK;
}

void vault__renewed_over(struct writer *w)
{
    bool any = true;

    if (store_renewed_any(w->store, &any) == ERR_OK)
        atomic_store(&w->v->renewed, any);
    store_read_end(w->store);
}
