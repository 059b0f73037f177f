/* SPDX-License-Identifier: Apache-2.0 */
/* From values to tokens: find or make the subject, seal each value under its key, store the row.
 * Runs on: the writer thread, inside a group's transaction. Holds: nothing.
 * Invariant: input is checked and the subject found before anything is written, so that a bad
 * operation fails alone; what fails later takes the group with it. A key is in the slab before a
 * row needs it, and durable before the row is. Not here: the transaction (writer.c).
 *
 * Deterministic classes: a fingerprint leads to the number that the shared token names. Whoever
 * stores the same value gets the same token and a row of his own; where every owner is erased or
 * expired, the fingerprint is given a new number and salt: a new token. */
#include "vault/holds_priv.h"
#include "vault/part_priv.h"
#include "vault/renew_priv.h"
#include "vault/retime_priv.h"
#include "vault/uses_priv.h"
#include "vault/tokenize_priv.h"

#include "base/clock.h"
#include "base/secret.h"

enum { DISORDER_S = 86400 }; /* month ends and small steps of the clock move due times by less */

/* ---- before anything is written ---- */

static enum err check(const struct writer *w, const struct vault_tokenize *op)
{
    if (op->name_count > VAULT_NAMES_MAX)
        return ERR_INVALID;
    for (size_t i = 0; i < op->name_count; i++)
        if (op->names[i].len == 0 || op->names[i].len > LIMIT_IDENTIFIER_MAX)
            return op->names[i].len == 0 ? ERR_INVALID : ERR_TOO_LARGE;
    for (size_t i = 0; i < op->count; i++) {
        const struct vault_item *item = &op->items[i];

        if (vault__class(w->v, item->class_id) == NULL || w->v->defs[item->class_id] == NULL ||
            w->v->closed[item->class_id])
            return ERR_NOT_FOUND;
        if (item->value.len > LIMIT_VALUE_MAX)
            return ERR_TOO_LARGE;
        if (item->kind < VALUE_STRING || item->kind > VALUE_BOOL)
            return ERR_INVALID;
    }
    return ERR_OK;
}

/* The slot a name leads to, if its subject has a key still. */
static enum err look_up(struct writer *w, const uint8_t mac[CRYPTO_MAC_BYTES], uint64_t *ret_slot,
                        const struct keycache_entry **ret_entry)
{
    uint64_t slot = names_get(w->names, mac);
    enum err e;

    if (slot == 0) {
        e = store_name_get(w->store, mac, &slot);
        if (e != ERR_OK)
            return e;
    }
    e = subject_key(w->v->slab, w->keys, slot, ret_entry);
    if (e != ERR_OK)
        return e;
    names_put(w->names, mac, slot);
    *ret_slot = slot;
    return ERR_OK;
}

/* Whose the values are. */
static void take_subject(struct writer *w, struct request *r, uint64_t slot,
                         const struct keycache_entry *entry)
{
    r->slot = slot;
    memcpy(r->subject, entry->subject, VAULT_ID_BYTES);
    memcpy(w->key, entry->key, CRYPTO_KEY_BYTES);
}

static enum err find_subject(struct writer *w, struct request *r)
{
    if (r->op->slot != 0) {
        const uint64_t slot = vault__part_follow(w, r->op->slot);
        const struct keycache_entry *entry = NULL;
        const enum err e = writer_has_ended(w, slot)
                               ? ERR_NOT_FOUND
                               : subject_key(w->v->slab, w->keys, slot, &entry);

        if (e != ERR_OK)
            return e;
        if (entry->domain != r->op->domain)
            return ERR_NOT_FOUND;
        take_subject(w, r, slot, entry);
    }
    for (size_t i = 0; i < r->op->name_count; i++) {
        const struct keycache_entry *entry = NULL;
        uint64_t slot = 0;
        enum err e;

        vault__name_mac(r->index_key, r->op->domain, r->op->names[i], r->macs[i]);
        e = look_up(w, r->macs[i], &slot, &entry);
        if (e == ERR_NOT_FOUND)
            continue;
        if (e != ERR_OK)
            return e;
        r->known[i] = true;
        if (r->slot != 0)
            continue; /* the first that is known wins */
        take_subject(w, r, slot, entry);
    }
    return ERR_OK;
}

/* ---- writing ---- */

static enum err make_subject(struct writer *w, struct request *r)
{
    struct store_subject subject = {.domain = r->op->domain, .created_s = r->now_s};
    struct slab_key key = {.kind = SLAB_SUBJECT, .owner = r->op->domain};
    enum err e;

    secret_random(key.subject, sizeof(key.subject));
    secret_random(key.key, sizeof(key.key));
    w->keys_added = true; /* also when half of it was written */
    e = slab_add(w->v->slab, &key, &subject.slot);
    if (e == ERR_OK) {
        memcpy(subject.id, key.subject, VAULT_ID_BYTES);
        e = store_subject_add(w->store, &subject);
    }
    if (e == ERR_OK) {
        (void)keycache_put(w->keys, subject.slot, r->op->domain, key.subject, key.key);
        memcpy(w->key, key.key, CRYPTO_KEY_BYTES);
        memcpy(r->subject, key.subject, VAULT_ID_BYTES);
        r->slot = subject.slot;
        tally_subjects(w->tally, 1);
    }
    secret_wipe(&key, sizeof(key));
    return e;
}

static enum err put_names(struct writer *w, const struct request *r)
{
    for (size_t i = 0; i < r->op->name_count; i++) {
        enum err e;

        if (r->known[i])
            continue;
        e = store_name_put(w->store, r->macs[i], r->slot);
        if (e != ERR_OK)
            return e;
        names_put(w->names, r->macs[i], r->slot);
    }
    return ERR_OK;
}

/* Purging walks rows in their order: see that it stays the order in which they fall due. */
static enum err keep_order(struct writer *w, struct store_class *c, int64_t due_s)
{
    if (due_s >= w->last_due_s[c->id]) {
        w->last_due_s[c->id] = due_s;
        return ERR_OK;
    }
    if (!c->ordered || due_s + DISORDER_S >= w->last_due_s[c->id])
        return ERR_OK;
    return writer_disorder(w, c); /* the clock was set back */
}

/* When a value of this class that is stored now falls due. Requests of one second share the answer. */
static int64_t due_of_new(struct writer *w, uint16_t class_id, int64_t now_s)
{
    const struct class_def *def = w->v->defs[class_id];
    struct writer_due *known = &w->due[class_id];

    if (known->def != def || known->created_s != now_s)
        *known = (struct writer_due){
            .def = def,
            .created_s = now_s,
            .due_s =
                rule_due(&def->rule, &(struct rule_times){.created_s = now_s, .used_s = now_s})};
    return known->due_s;
}

/* When the request's values of a class fall due; one look at a person's events serves them all. */
static enum err time_new(struct writer *w, struct request *r, uint16_t class_id)
{
    struct timer timer = {.start_s = 0};
    enum err e = ERR_OK;

    if (r->due_class == class_id)
        return ERR_OK;
    if (w->v->defs[class_id]->rule.start == RULE_EVENT)
        e = vault__timer(w, class_id, r->slot, r->now_s, 0, &timer);
    else
        timer.due_s = due_of_new(w, class_id, r->now_s);
    if (e != ERR_OK)
        return e;
    r->due_class = class_id;
    r->due_s = timer.due_s;
    r->start_s = timer.start_s;
    return ERR_OK;
}

enum err vault__put_row(struct writer *w, struct request *r, const struct vault_item *item,
                        struct store_row *row)
{
    struct store_class *c = &w->v->table[item->class_id];
    struct crypto_row bound = {.domain = r->op->domain, .class_id = c->id};
    enum err e;

    e = time_new(w, r, c->id);
    if (e != ERR_OK)
        return e;
    row->slot = r->slot;
    row->created_s = r->now_s;
    row->due_s = r->due_s;
    row->start_s = r->start_s;
    memcpy(bound.subject, r->subject, VAULT_ID_BYTES);
    bound.row = row->id;
    bound.revision = row->revision;
    bound.due_s = row->due_s;
    bound.created_s = row->created_s;
    bound.start_s = row->start_s;
    memcpy(bound.salt, row->salt, TOKEN_SALT_BYTES);
    w->sealed.len = 0;
    e = buf_reserve(&w->sealed, 1 + item->value.len + CRYPTO_TAG_BYTES);
    if (e != ERR_OK)
        return e;
    vault__seal(w->key, &bound, item->kind, item->value, w->sealed.bytes);
    row->sealed = span_of(w->sealed.bytes, 1 + item->value.len + CRYPTO_TAG_BYTES);
    e = keep_order(w, c, row->due_s);
    if (e == ERR_OK)
        e = store_row_add(w->store, c, row);
    if (e == ERR_OK)
        tally_created(w->tally, c->id, row->created_s, row->due_s);
    if (e == ERR_OK && row->start_s != 0)
        tally_started(w->tally, c->id, row->created_s);
    return e;
}

static void write_token(const struct writer *w, struct vault_item *item, uint64_t row,
                        const uint8_t salt[TOKEN_SALT_BYTES])
{
    const struct class_def *def = w->v->defs[item->class_id];
    struct token_ref ref = {.class_id = item->class_id, .row = row};

    memcpy(ref.salt, salt, TOKEN_SALT_BYTES);
    token_write(&ref, def->format, def->email_domain, w->v->locator_key, &item->token);
}

enum err vault__find_again(struct writer *w, const struct request *r, size_t number,
                           struct store_row *ret)
{
    const struct store_class *c = &w->v->table[r->op->items[number].class_id];
    enum err e;

    if (r->op->rows == NULL || r->op->rows[number] == 0)
        return ERR_NOT_FOUND;
    e = store_row_get(w->store, c, r->op->rows[number], ret);
    if (e == ERR_NOT_FOUND && vault__any_renewed(w->v)) {
        struct store_renewed renewed; /* it has another number since */

        e = store_renewed_get(w->store, c->id, r->op->rows[number], &renewed);
        if (e == ERR_OK)
            e = store_row_get(w->store, c, renewed.new_number, ret);
    }
    if (e != ERR_OK)
        return e;
    return ret->slot == r->slot && r->now_s < ret->due_s ? ERR_OK : ERR_NOT_FOUND;
}

static enum err put_random(struct writer *w, struct request *r, size_t number)
{
    struct vault_item *item = &r->op->items[number];
    struct store_row row = {0};
    enum err e = vault__find_again(w, r, number, &row);

    if (e == ERR_OK)
        write_token(w, item, row.id, row.salt);
    if (e != ERR_NOT_FOUND)
        return e;
    row = (struct store_row){0};
    e = writer_next_row(w, &row.id);
    if (e != ERR_OK)
        return e;
    secret_random(row.salt, sizeof(row.salt));
    e = vault__put_row(w, r, item, &row);
    if (e == ERR_OK)
        write_token(w, item, row.id, row.salt);
    if (r->op->rows != NULL)
        r->op->rows[number] = row.id;
    return e;
}

/* Does anybody who lives own a row under this token, or one that is kept? Without the token it could not be
 * opened any more: whoever's key is damaged is not dead. */
static enum err has_live_owner(struct writer *w, const struct store_class *c, uint64_t token_row,
                               int64_t now_s, bool *ret)
{
    enum err e = store_owners(w->store, c, token_row);
    struct store_row row;

    *ret = false;
    while (e == ERR_OK && !*ret) {
        const struct keycache_entry *entry;

        e = store_next(w->store, &row);
        if (e != ERR_OK || (now_s >= row.due_s && !vault__is_kept(w->v, row.slot, c->id)))
            continue;
        e = subject_key(w->v->slab, w->keys, row.slot, &entry);
        *ret = e == ERR_OK || e == ERR_CORRUPT;
        e = e == ERR_NOT_FOUND || e == ERR_CORRUPT ? ERR_OK : e;
    }
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

enum err vault__find_shared(struct writer *w, const struct request *r, const struct store_class *c,
                            const uint8_t fingerprint[CRYPTO_MAC_BYTES], struct shared *ret)
{
    struct store_row own;
    enum err e = store_shared_find(w->store, c, fingerprint, &ret->token_row, ret->salt);

    if (e != ERR_OK)
        return e;
    e = store_owner_get(w->store, c, ret->token_row, r->slot, &own);
    if (e != ERR_OK && e != ERR_NOT_FOUND)
        return e;
    ret->own = e == ERR_OK && r->now_s < own.due_s;
    ret->alive = ret->own;
    return ret->own ? ERR_OK : has_live_owner(w, c, ret->token_row, r->now_s, &ret->alive);
}

/* The token that the fingerprint leads to, if it may be used again; OK, and *row says which. */
static enum err reuse_shared(struct writer *w, const struct request *r, struct store_class *c,
                             const uint8_t fingerprint[CRYPTO_MAC_BYTES], struct store_row *row,
                             bool *ret_own)
{
    struct shared shared;
    enum err e = vault__find_shared(w, r, c, fingerprint, &shared);

    if (e != ERR_OK)
        return e;
    row->token_row = shared.token_row;
    memcpy(row->salt, shared.salt, TOKEN_SALT_BYTES);
    *ret_own = shared.own;
    if (shared.alive)
        return ERR_OK;
    e = store_shared_delete(w->store, c, row->token_row);
    return e == ERR_OK ? ERR_NOT_FOUND : e;
}

static enum err put_deterministic(struct writer *w, struct request *r, struct vault_item *item)
{
    struct store_class *c = &w->v->table[item->class_id];
    uint8_t fingerprint[CRYPTO_MAC_BYTES];
    struct store_row row = {0};
    bool own = false;
    enum err e;

    vault__fingerprint(r->index_key, r->op->domain, c->id, item->kind, item->value, fingerprint);
    e = reuse_shared(w, r, c, fingerprint, &row, &own);
    if (e == ERR_OK && !own)
        row.revision = writer_new_revision();
    if (e == ERR_NOT_FOUND) {
        secret_random(row.salt, sizeof(row.salt));
        e = writer_next_row(w, &row.token_row);
        if (e == ERR_OK)
            e = store_shared_add(w->store, c, row.token_row, row.salt, fingerprint);
    }
    if (e == ERR_OK && own)
        e = vault__use_shared(w, c, row.token_row, r->slot);
    if (e == ERR_OK && !own)
        e = writer_next_row(w, &row.id);
    if (e == ERR_OK && !own)
        e = vault__put_row(w, r, item, &row);
    if (e == ERR_OK)
        write_token(w, item, row.token_row, row.salt);
    return e;
}

static enum err write_all(struct writer *w, struct request *r)
{
    enum err e = ERR_OK;

    if (r->slot == 0)
        e = make_subject(w, r);
    if (e == ERR_OK)
        e = put_names(w, r);
    for (size_t i = 0; e == ERR_OK && i < r->op->count; i++) {
        struct vault_item *item = &r->op->items[i];

        if (format_is_typed(w->v->table[item->class_id].format))
            e = vault__typed_put(w, r, i);
        else if (w->v->table[item->class_id].deterministic)
            e = put_deterministic(w, r, item);
        else
            e = put_random(w, r, i);
    }
    return e;
}

static enum err tokenize_one(struct writer *w, struct vault_tokenize *op)
{
    struct request r = {.op = op, .now_s = vault__now_s(w->v)};
    enum err e = check(w, op);

    if (e != ERR_OK)
        return e;
    r.index_key = vault__domain_key(w->v, op->domain);
    if (r.index_key == NULL || vault__domain_is_closed(w->v, op->domain))
        return ERR_NOT_FOUND;
    e = find_subject(w, &r);
    if (e == ERR_OK)
        e = vault__typed_plan(w, &r);
    if (e == ERR_OK) {
        e = write_all(w, &r);
        w->broken = e;
        op->owner = r.slot;
    }
    vault__typed_forget(w, &r);
    return e;
}

enum err vault__tokenize(struct writer *w, struct vault_tokenize *op)
{
    enum err e = tokenize_one(w, op);

    for (struct vault_tokenize *t = op->also; e == ERR_OK && t != NULL; t = t->also) {
        e = tokenize_one(w, t);
        if (e != ERR_OK && w->broken == ERR_OK) { /* what the first ones wrote has to go again */
            w->spoilt = &op->op;
            w->spoilt_result = e;
        }
    }
    return e;
}
