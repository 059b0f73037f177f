/* SPDX-License-Identifier: Apache-2.0 */
/* Typed values of one operation: their numbers are taken before anything is written, so that an
 * operation that finds a token space used up fails alone and leaves nothing behind.
 * Runs on: the writer thread, inside a group's transaction. Holds: a plan for each item while the
 * operation is served. Invariant: numbers that went into a sealed row are never given back.
 * Not here: that numbers are durable before they are given out (sequence.c). */
#include "vault/tokenize_priv.h"

#include <stdlib.h>

#include "base/secret.h"
#include "vault/typed_priv.h"
#include "vault/uses_priv.h"

struct typed_plan {
    size_t item;
    uint64_t number; /* random classes: the row's; deterministic ones: the token's */
    uint64_t dead;   /* the token that stood for the value, with no owner left; 0: none */
    uint8_t fingerprint[CRYPTO_MAC_BYTES];
    uint8_t salt[TOKEN_SALT_BYTES];
    bool fresh; /* the number is taken for this item */
    bool done;  /* nothing to write: the subject has the value, or an item before has it */
    struct sequence *from; /* what was taken, to be given back */
    uint64_t taken;
};

/* ---- looking ---- */

static enum err look(struct writer *w, struct request *r, struct typed_plan *p)
{
    const struct vault_item *item = &r->op->items[p->item];
    const struct store_class *c = &w->v->table[item->class_id];
    struct shared shared;
    struct store_row row;
    enum err e = vault__typed_check(w->v, item);

    if (e != ERR_OK)
        return e;
    p->fresh = true;
    secret_random(p->salt, sizeof(p->salt));
    if (!c->deterministic) {
        e = vault__find_again(w, r, p->item, &row);
        if (e == ERR_OK) {
            p->fresh = false;
            p->done = true;
            p->number = row.id;
        }
        return e == ERR_NOT_FOUND ? ERR_OK : e;
    }
    vault__fingerprint(r->index_key, r->op->domain, c->id, item->kind, item->value, p->fingerprint);
    e = vault__find_shared(w, r, c, p->fingerprint, &shared);
    if (e != ERR_OK)
        return e == ERR_NOT_FOUND ? ERR_OK : e;
    if (!shared.alive) {
        p->dead = shared.token_row;
        return ERR_OK;
    }
    p->fresh = false;
    p->done = shared.own;
    p->number = shared.token_row;
    memcpy(p->salt, shared.salt, TOKEN_SALT_BYTES);
    return ERR_OK;
}

static enum err look_at_all(struct writer *w, struct request *r, size_t *ret_count)
{
    size_t count = 0;
    enum err e = ERR_OK;

    for (size_t i = 0; e == ERR_OK && i < r->op->count; i++) {
        if (!vault__is_typed(w->v, r->op->items[i].class_id))
            continue;
        w->plans[count] = (struct typed_plan){.item = i};
        e = look(w, r, &w->plans[count++]);
    }
    *ret_count = count;
    return e;
}

/* ---- taking ---- */

/* A fingerprint is of domain, class, kind and value; random classes have none. */
static int by_value(const void *a, const void *b)
{
    const struct typed_plan *x = a, *y = b;
    const int order = memcmp(x->fingerprint, y->fingerprint, CRYPTO_MAC_BYTES);

    if (order != 0)
        return order;
    return x->item < y->item ? -1 : x->item > y->item;
}

static int by_item(const void *a, const void *b)
{
    const struct typed_plan *x = a, *y = b;

    return x->item < y->item ? -1 : x->item > y->item;
}

static enum err take(struct writer *w, const struct request *r, struct typed_plan *p)
{
    struct vault_item *item = &r->op->items[p->item];

    if (p->fresh && !p->done) {
        enum err e = vault__typed_take(w->v, item, &p->number, &p->from);

        if (e != ERR_OK)
            return e;
        p->taken = p->number & ((UINT64_C(1) << SEQUENCE_NUMBER_BITS) - 1);
    }
    return vault__typed_write(w->v, item, p->number);
}

/* The same value twice in one operation: the first brings the token for both. */
static bool is_twin(const struct writer *w, const struct request *r, size_t i)
{
    return i > 0 && w->v->table[r->op->items[w->plans[i].item].class_id].deterministic &&
           memcmp(w->plans[i].fingerprint, w->plans[i - 1].fingerprint, CRYPTO_MAC_BYTES) == 0;
}

static enum err take_all(struct writer *w, const struct request *r, size_t count)
{
    enum err e = ERR_OK;

    qsort(w->plans, count, sizeof(w->plans[0]), by_value);
    for (size_t i = 0; e == ERR_OK && i < count; i++) {
        if (is_twin(w, r, i)) {
            w->plans[i].number = w->plans[i - 1].number;
            w->plans[i].done = true;
        }
        e = take(w, r, &w->plans[i]);
    }
    return e;
}

static void give_back(struct writer *w, const struct request *r, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct typed_plan *p = &w->plans[i];

        if (p->from != NULL && p->taken < atomic_load(&p->from->next))
            sequence_give_back(p->from, p->taken);
        r->op->items[p->item].token.len = 0;
    }
}

enum err vault__typed_plan(struct writer *w, struct request *r)
{
    size_t count = 0;
    enum err e;

    if (w->plans_cap < r->op->count) {
        mem_free(&w->plans);
        w->plans_cap = r->op->count;
        w->plans = mem_alloc(w->plans_cap * sizeof(w->plans[0]));
    }
    r->plan_count = 0;
    e = look_at_all(w, r, &count);
    if (e == ERR_OK && count == 0)
        return ERR_OK; /* most operations: no item of a typed class */
    if (e == ERR_OK)
        e = take_all(w, r, count);
    if (e != ERR_OK)
        give_back(w, r, count);
    else
        qsort(w->plans, count, sizeof(w->plans[0]), by_item);
    r->plan_count = count;
    return e;
}

/* ---- writing ---- */

static struct typed_plan *plan_of(const struct writer *w, const struct request *r, size_t number)
{
    const struct typed_plan key = {.item = number};
    struct typed_plan *p = bsearch(&key, w->plans, r->plan_count, sizeof(key), by_item);

    REQUIRE(p != NULL);
    return p;
}

enum err vault__typed_put(struct writer *w, struct request *r, size_t number)
{
    const struct vault_item *item = &r->op->items[number];
    struct store_class *c = &w->v->table[item->class_id];
    const struct typed_plan *p = plan_of(w, r, number);
    struct store_row row = {.id = p->number, .token_row = p->number};
    enum err e = ERR_OK;

    if (r->op->rows != NULL && !c->deterministic)
        r->op->rows[number] = p->number;
    if (p->done)
        return c->deterministic ? vault__use_shared(w, c, p->number, r->slot) : ERR_OK;
    memcpy(row.salt, p->salt, TOKEN_SALT_BYTES);
    if (c->deterministic) {
        if (p->dead != 0)
            e = store_shared_delete(w->store, c, p->dead);
        if (e == ERR_OK && p->fresh)
            e = store_shared_add(w->store, c, p->number, p->salt, p->fingerprint);
        if (!p->fresh)
            row.revision = writer_new_revision();
        if (e == ERR_OK)
            e = writer_next_row(w, &row.id);
    }
    return e == ERR_OK ? vault__put_row(w, r, item, &row) : e;
}

void vault__typed_forget(struct writer *w, struct request *r)
{
    if (r->plan_count > 0)
        secret_wipe(w->plans, r->plan_count * sizeof(w->plans[0]));
    r->plan_count = 0;
}
