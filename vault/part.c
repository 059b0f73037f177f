/* SPDX-License-Identifier: Apache-2.0 */
/* Parting a person: what is kept is opened under the old key and sealed under a new one, row by row.
 * Runs on: the writer thread, in transactions of its own. Holds: one value at a time, in wiped memory.
 * Invariant: the new key is durable before a row needs it; a row, its owner and the names that lead
 * there change in one transaction, so that whoever reads finds the value under the one key or under the
 * other; what was begun stands in the store until the erasure closes. Not here: which rows stay
 * (part_look.c), the erasure of what is left behind (erasure.c), when exceptions end (retention/). */
#include "vault/part_priv.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/fault.h"
#include "base/secret.h"
#include "vault/events_priv.h"
#include "vault/holds_priv.h"
#include "vault/writer_priv.h"

/* ---- heeding a move ---- */

bool vault__part_is_open(struct writer *w, uint64_t slot)
{
    struct store_part part;

    return w->parting > 0 && store_part_at(w->store, slot, &part) == ERR_OK;
}

uint64_t vault__part_follow(struct writer *w, uint64_t slot)
{
    struct store_part part;

    if (w->parting == 0 || store_part_get(w->store, slot, &part) != ERR_OK)
        return slot;
    return part.target;
}

/* ---- moving ---- */

struct move {
    struct vault_part_move *op;
    struct store_part part;
    struct vault_exception exceptions[VAULT_EXCEPTIONS_MAX];
    struct part_judge judge;
    uint16_t domain;
    uint8_t from[VAULT_ID_BYTES];
    uint8_t to[VAULT_ID_BYTES];
    uint8_t *from_key; /* guarded */
    uint8_t *to_key;
    struct buf value; /* secret */
    bool is_new;
    size_t moved;
};

static enum err take_key(struct writer *w, uint64_t slot, uint8_t id[VAULT_ID_BYTES],
                         uint8_t **ret_key, uint16_t *ret_domain)
{
    const struct keycache_entry *entry;
    enum err e = subject_key(w->v->slab, w->keys, slot, &entry);

    if (e != ERR_OK)
        return e;
    *ret_key = secret_alloc(CRYPTO_KEY_BYTES);
    memcpy(*ret_key, entry->key, CRYPTO_KEY_BYTES);
    memcpy(id, entry->subject, VAULT_ID_BYTES);
    *ret_domain = (uint16_t)entry->domain;
    return ERR_OK;
}

/* A key of its own for what is kept, durable before anything else. A crash from here to the commit
 * leaves a key that nothing needs. */
static enum err make_key(struct writer *w, struct move *m)
{
    struct slab_key key = {.kind = SLAB_SUBJECT, .owner = m->domain};
    enum err e;

    secret_random(key.subject, sizeof(key.subject));
    secret_random(key.key, sizeof(key.key));
    if (FAULT_MUTANT("part.same_key"))
        memcpy(key.key, m->from_key, sizeof(key.key));
    e = slab_add(w->v->slab, &key, &m->part.target);
    if (e == ERR_OK) {
        e = slab_sync(w->v->slab);
        if (e != ERR_OK)
            atomic_store(&w->v->failed, true);
    }
    secret_wipe(&key, sizeof(key));
    FAULT_POINT("part.keyed");
    return e == ERR_OK ? take_key(w, m->part.target, m->to, &m->to_key, &m->domain) : e;
}

/* The kept part, as a person of its own since the same day. */
static enum err add_target(struct writer *w, const struct move *m)
{
    struct store_subject subject;
    enum err e = store_subject_get(w->store, m->part.slot, &subject);

    if (e != ERR_OK)
        return e == ERR_NOT_FOUND ? ERR_CORRUPT : e;
    subject.slot = m->part.target;
    memcpy(subject.id, m->to, VAULT_ID_BYTES);
    e = store_subject_add(w->store, &subject);
    return e == ERR_OK ? store_meta_add(w->store, STORE_META_SUBJECTS, 1) : e;
}

/* A minimum holds for each value by itself: when it ends is said as they are moved. */
static enum err add_exception(struct writer *w, const struct move *m,
                              const struct vault_exception *exception)
{
    struct vault_kept kept = {
        .slot = m->part.target,
        .exception = *exception,
        .next_s = exception->until_s,
        .cutoff_s = m->part.begun_s < m->part.newer_than_s ? m->part.begun_s : m->part.newer_than_s,
    };

    if (m->judge.kept_to_s[exception->class_id] > kept.cutoff_s)
        kept.cutoff_s = m->judge.kept_to_s[exception->class_id];
    if (exception->by_rule) {
        kept.exception.until_s = 0;
        kept.next_s = INT64_MAX;
    }
    return store_kept_put(w->store, &kept);
}

static enum err add_exceptions(struct writer *w, const struct move *m)
{
    enum err e = ERR_OK;

    for (size_t i = 0; e == ERR_OK && i < m->judge.count; i++)
        e = add_exception(w, m, &m->exceptions[i]);
    return e;
}

/* What an earlier erasure has left of classes that are not meant goes along as it is. */
static enum err copy_exceptions(struct writer *w, const struct move *m)
{
    struct vault_kept kept;
    size_t count = m->judge.count;
    enum err e = store_kept_next(w->store, m->part.slot, 0, &kept);

    while (e == ERR_OK && kept.slot == m->part.slot) {
        const uint16_t class_id = kept.exception.class_id;
        const struct store_kept_more more = {.slot = m->part.target,
                                             .class_id = class_id,
                                             .values = kept.exception.values,
                                             .next_s = kept.next_s,
                                             .until_s = kept.exception.until_s};

        if (!vault_class_set_has(&m->part.scope, class_id)) {
            if (count++ == VAULT_EXCEPTIONS_MAX)
                return ERR_TOO_LARGE;
            kept.slot = m->part.target;
            e = store_kept_put(w->store, &kept);
            if (e == ERR_OK)
                e = store_kept_add(w->store, &more);
        }
        if (e == ERR_OK)
            e = store_kept_next(w->store, m->part.slot, class_id, &kept);
    }
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

static struct crypto_row binding(const struct move *m, const struct store_class *c,
                                 const struct store_row *row, const uint8_t subject[VAULT_ID_BYTES])
{
    struct crypto_row bound = {
        .domain = m->domain,
        .class_id = c->id,
        .row = row->id,
        .revision = row->revision,
        .due_s = row->due_s,
        .created_s = row->created_s,
        .start_s = row->start_s,
    };

    memcpy(bound.subject, subject, VAULT_ID_BYTES);
    memcpy(bound.salt, row->salt, TOKEN_SALT_BYTES);
    return bound;
}

/* ---- names ---- */

/* The value behind a row that was not moved yet, into m->value. */
static enum err open_value(struct move *m, const struct store_class *c, const struct store_row *row,
                           enum value_kind *ret_kind)
{
    const struct crypto_row bound = binding(m, c, row, m->from);

    buf_reset(&m->value);
    return vault__open(m->from_key, &bound, row->sealed, ret_kind, &m->value);
}

/* One value of a class that identifies: its name goes, or is there. */
static enum err settle_name(struct writer *w, struct move *m, bool goes)
{
    const uint8_t *index_key = vault__domain_key(w->v, m->domain);
    const struct span name = buf_span(&m->value);
    uint8_t mac[CRYPTO_MAC_BYTES];
    uint64_t slot = 0;
    enum err e;

    if (index_key == NULL)
        return ERR_CORRUPT;
    if (name.len == 0 || name.len > LIMIT_IDENTIFIER_MAX)
        return ERR_OK;
    vault__name_mac(index_key, m->domain, name, mac);
    if (goes)
        return store_name_forget(w->store, mac, m->part.target);
    e = store_name_get(w->store, mac, &slot);
    return e == ERR_NOT_FOUND ? store_name_put(w->store, mac, m->part.target) : e;
}

static enum err settle_names_of(struct writer *w, struct move *m, const struct store_class *c,
                                bool goes)
{
    struct store_row row = {.id = 0};
    enum value_kind kind;
    enum err e = store_row_after(w->store, c, m->part.slot, 0, &row);

    while (e == ERR_OK) {
        if ((vault__part_fate(&m->judge, c->id, &row) == PART_GOES) == goes) {
            e = open_value(m, c, &row, &kind);
            if (e == ERR_OK)
                e = settle_name(w, m, goes);
            else if (e == ERR_CORRUPT) /* whose name it was cannot be said: no name may stay */
                e = goes ? store_names_delete(w->store, m->part.target) : ERR_OK;
        }
        if (e == ERR_OK)
            e = store_row_after(w->store, c, m->part.slot, row.id, &row);
    }
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

/* Every name leads to the kept part, but those that are values which go; a value that one class loses
 * and another one keeps stays a name. */
static enum err settle_names(struct writer *w, struct move *m)
{
    enum err e = store_names_move(w->store, m->part.slot, m->part.target);

    if (e == ERR_OK)
        e = store_events_move(w->store, m->part.slot, m->part.target);

    for (size_t pass = 0; pass < 2; pass++)
        for (size_t id = 1; e == ERR_OK && id <= CLASSES_MAX; id++) {
            const struct store_class *c = vault__class(w->v, id);

            if (c != NULL && w->v->defs[id] != NULL && w->v->defs[id]->identifies)
                e = settle_names_of(w, m, c, pass == 0);
        }
    return e;
}

/* ---- rows ---- */

/* What does not open is lost already, and goes with the old key. */
static enum err move_row(struct writer *w, struct move *m, const struct store_class *c,
                         struct store_row *row)
{
    struct crypto_row bound;
    enum value_kind kind;
    enum err e = open_value(m, c, row, &kind);

    if (e != ERR_OK)
        return e == ERR_CORRUPT ? ERR_OK : e;
    row->slot = m->part.target;
    row->revision = writer_new_revision();
    w->sealed.len = 0;
    e = buf_reserve(&w->sealed, 1 + m->value.len + CRYPTO_TAG_BYTES);
    if (e != ERR_OK)
        return e;
    bound = binding(m, c, row, m->to);
    vault__seal(m->to_key, &bound, kind, buf_span(&m->value), w->sealed.bytes);
    row->sealed = span_of(w->sealed.bytes, 1 + m->value.len + CRYPTO_TAG_BYTES);
    e = store_row_move(w->store, c, row);
    m->moved += e == ERR_OK;
    return e;
}

static enum err add_kept(struct writer *w, struct move *m, struct store_kept_more *more)
{
    enum err e = ERR_OK;
    const struct vault_exception *x;

    if (more->values == 0)
        return ERR_OK;
    if (vault__part_exception(&m->judge, more->class_id) == NULL &&
        m->judge.count < VAULT_EXCEPTIONS_MAX) {
        m->exceptions[m->judge.count] =
            vault__part_by_rule(w->v, more->class_id); /* it came meanwhile */
        e = add_exception(w, m, &m->exceptions[m->judge.count++]);
    }
    x = vault__part_exception(&m->judge, more->class_id);
    if (x != NULL && !x->by_rule)
        more->until_s =
            0; /* its own end stands: a minimum that lasts longer keeps values by itself then */
    return e == ERR_OK ? store_kept_add(w->store, more) : e;
}

static void count_more(struct store_kept_more *more, int64_t until_s)
{
    more->values++;
    more->next_s = until_s < more->next_s ? until_s : more->next_s;
    more->until_s = until_s > more->until_s ? until_s : more->until_s;
}

static enum err move_class(struct writer *w, struct move *m, const struct store_class *c)
{
    struct store_kept_more more = {.slot = m->part.target, .class_id = c->id, .next_s = INT64_MAX};
    struct vault_part_move *op = m->op;
    struct store_row row;
    enum err e = ERR_OK;

    while (m->moved < op->limit) {
        enum part_fate fate;
        size_t before = m->moved;

        e = store_row_after(w->store, c, m->part.slot, op->at_row, &row);
        if (e != ERR_OK)
            break;
        op->at_row = row.id;
        fate = vault__part_fate(&m->judge, c->id, &row);
        if (fate != PART_GOES)
            e = move_row(w, m, c, &row);
        if (e != ERR_OK)
            break;
        if (fate == PART_STAYS && m->moved > before)
            count_more(&more, vault__part_kept_until(&m->judge, c->id, row.created_s));
    }
    if (e != ERR_OK && e != ERR_NOT_FOUND)
        return e;
    op->more = e == ERR_OK;
    return add_kept(w, m, &more);
}

static enum err move_rows(struct writer *w, struct move *m)
{
    struct vault_part_move *op = m->op;
    enum err e = ERR_OK;

    op->more = false;
    if (op->at_class == 0)
        op->at_class = 1;
    while (e == ERR_OK && !op->more && op->at_class <= CLASSES_MAX) {
        const struct store_class *c = vault__class(w->v, op->at_class);

        if (c != NULL)
            e = move_class(w, m, c);
        if (e == ERR_OK && !op->more) {
            op->at_class++;
            op->at_row = 0;
        }
    }
    return e;
}

/* ---- a step ---- */

static enum err begin(struct writer *w, struct move *m)
{
    struct vault_part_move *op = m->op;
    bool bound = false;
    enum err e;

    if (op->exception_count > VAULT_EXCEPTIONS_MAX || op->note.len > VAULT_NOTE_MAX)
        return ERR_TOO_LARGE;
    m->is_new = true;
    m->part = (struct store_part){
        .slot = op->slot,
        .begun_s = vault__now_s(w->v),
        .newer_than_s = op->newer_than_s,
        .note = op->note,
        .scope = op->scope,
    };
    if (op->exception_count > 0)
        memcpy(m->exceptions, op->exceptions, op->exception_count * sizeof(m->exceptions[0]));
    m->judge.count = op->exception_count;
    e = vault__is_bound(w->v, w->store, op->slot, &bound);
    if (e == ERR_OK && bound)
        e = ERR_HELD;
    if (e == ERR_OK)
        e = make_key(w, m);
    if (e == ERR_OK)
        e = store_begin(w->store);
    if (e == ERR_OK)
        e = add_target(w, m);
    if (e == ERR_OK)
        e = vault__holds_follow(w, op, m->part.target, m->to);
    if (e == ERR_OK)
        e = store_part_put(w->store, &m->part);
    if (e == ERR_OK && !vault_class_set_is_all(&op->scope))
        e = store_records_follow(w->store, op->slot, m->part.target, op->record);
    if (e == ERR_OK)
        e = vault__part_read_kept(w->store, op->slot, &m->judge);
    if (e == ERR_OK)
        e = add_exceptions(w, m);
    return e == ERR_OK ? copy_exceptions(w, m) : e;
}

/* The exceptions of a move that was begun are those that it has made, of the classes that are meant. */
static enum err recall(struct writer *w, struct move *m)
{
    struct vault_kept kept;
    enum err e = take_key(w, m->part.target, m->to, &m->to_key, &m->domain);

    if (e == ERR_OK)
        e = store_begin(w->store);
    if (e == ERR_OK)
        e = vault__part_read_kept(w->store, m->part.slot, &m->judge);
    if (e == ERR_OK)
        e = store_kept_next(w->store, m->part.target, 0, &kept);
    while (e == ERR_OK && kept.slot == m->part.target) {
        const bool is_meant = vault_class_set_has(&m->part.scope, kept.exception.class_id);

        if (is_meant && m->judge.count == VAULT_EXCEPTIONS_MAX)
            return ERR_CORRUPT;
        if (is_meant)
            m->exceptions[m->judge.count++] = kept.exception;
        e = store_kept_next(w->store, m->part.target, kept.exception.class_id, &kept);
    }
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

static enum err end(struct writer *w, const struct move *m)
{
    enum err e = store_part_end(w->store, m->part.slot);

    return e == ERR_OK ? store_kept_trim(w->store, m->part.target) : e;
}

/* Nobody may answer from what he remembers of either slot. A reader's lock is held while it reads, so
 * that whoever holds an old row has put it away when this is done. */
static void drop_traces(struct writer *w, uint64_t slot)
{
    struct vault *v = w->v;

    atomic_fetch_add(&v->names_generation, 1);
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

/* In a transaction that begin() or recall() has begun. */
static enum err move_in_store(struct writer *w, struct move *m)
{
    enum err e;

    m->judge.v = w->v;
    m->judge.exceptions = m->exceptions;
    m->judge.newer_than_s = m->part.newer_than_s;
    m->judge.scope = m->part.scope;
    m->judge.now_s = m->part.begun_s;
    e = m->is_new ? settle_names(w, m) : ERR_OK;
    if (e == ERR_OK)
        e = move_rows(w, m);
    if (e == ERR_OK && m->is_new && m->moved == 0 && !m->op->more)
        return ERR_NOT_FOUND; /* nothing is there to keep */
    if (e == ERR_OK && !m->op->more)
        e = end(w, m);
    FAULT_POINT("part.before_commit");
    return e == ERR_OK ? store_commit(w->store) : e;
}

/* Nothing was begun: the key that was made is of no use. */
static enum err give_up(struct writer *w, struct move *m, enum err e)
{
    store_rollback(w->store);
    if (!m->is_new || m->part.target == 0)
        return e;
    keycache_drop(w->keys, m->part.target);
    vault__holds_unfollow(w->v, m->part.target);
    if (slab_clear(w->v->slab, m->part.target) != ERR_OK)
        return ERR_IO;
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

static enum err run_step(struct writer *w, struct move *m)
{
    enum err e = store_part_get(w->store, m->op->slot, &m->part);

    store_read_end(w->store);
    m->part.note = SPAN_NONE; /* what the statement lent is gone */
    if (e != ERR_OK && e != ERR_NOT_FOUND)
        return e;
    m->op->target = e == ERR_OK ? m->part.target : 0;
    m->op->more = false;
    if (e == ERR_OK && m->part.ended)
        return ERR_OK;
    if (e == ERR_NOT_FOUND)
        m->part = (struct store_part){.slot = m->op->slot};
    e = take_key(w, m->op->slot, m->from, &m->from_key, &m->domain);
    if (e == ERR_OK)
        e = m->part.target == 0 ? begin(w, m) : recall(w, m);
    if (e == ERR_OK)
        e = move_in_store(w, m);
    if (e != ERR_OK)
        return give_up(w, m, e);
    FAULT_POINT("part.committed");
    w->parting += m->is_new;
    m->op->target = m->part.target;
    drop_traces(w, m->op->slot);
    return ERR_OK;
}

enum err vault__part_move(struct writer *w, struct vault_part_move *op)
{
    struct move *m;
    enum err e;

    if (op->limit == 0)
        return ERR_INVALID;
    m = mem_alloc(sizeof(*m));
    m->op = op;
    buf_init_secret(&m->value, LIMIT_VALUE_MAX + 1);
    e = run_step(w, m);
    buf_done(&m->value);
    secret_free(&m->from_key);
    secret_free(&m->to_key);
    free(m);
    return e;
}

enum err vault__part_forget(struct writer *w, const struct vault_part_forget *op)
{
    struct store_part part;
    enum err e = store_begin(w->store);

    if (e == ERR_OK && op->class_id == 0)
        e = store_part_get(w->store, op->slot, &part);
    if (e == ERR_OK)
        e = op->class_id == 0 ? store_part_delete(w->store, op->slot)
                              : store_kept_forget(w->store, op->slot, op->class_id);
    if (e == ERR_OK)
        e = store_commit(w->store);
    if (e == ERR_OK)
        w->parting -= op->class_id == 0;
    else
        store_rollback(w->store);
    return e;
}
