/* SPDX-License-Identifier: Apache-2.0 */
/* Which values of a person an erasure destroys, and which it leaves.
 * Runs on: looking on any thread but the writer's, with a connection of its own; judging where it is asked. Holds:
 * nothing. Invariant: what an exception or a law keeps stays, whatever else is said; what is not meant, as newer or of
 * another class, stays without being restricted. Not here: moving what stays (part.c). */
#include "vault/part_priv.h"

#include <stdio.h>

#include "base/secret.h"
#include "vault/writer_priv.h"

/* ---- a set of classes ---- */

void vault_class_set_add(struct vault_class_set *set, uint16_t class_id)
{
    REQUIRE(class_id <= CLASSES_MAX);
    set->bits[class_id / 8] |= (uint8_t)(1u << class_id % 8);
}

bool vault_class_set_is_all(const struct vault_class_set *set)
{
    static const struct vault_class_set empty;

    return memcmp(set, &empty, sizeof(empty)) == 0;
}

bool vault_class_set_has(const struct vault_class_set *set, uint16_t class_id)
{
    return class_id <= CLASSES_MAX &&
           ((set->bits[class_id / 8] >> class_id % 8 & 1) != 0 || vault_class_set_is_all(set));
}

/* ---- which rows stay ---- */

const struct vault_exception *vault__part_exception(const struct part_judge *j, uint16_t class_id)
{
    for (size_t i = 0; i < j->count; i++)
        if (j->exceptions[i].class_id == class_id)
            return &j->exceptions[i];
    return NULL;
}

/* Until when a law demands this value; 0: none does. */
static int64_t minimum_end(const struct vault *v, uint16_t class_id, int64_t created_s)
{
    const struct class_def *def = v->defs[class_id];

    return def == NULL ? 0 : rule_minimum_end(&def->rule, created_s);
}

static bool has_minimum(const struct vault *v, uint16_t class_id)
{
    return minimum_end(v, class_id, 0) != 0;
}

/* Until when it is kept by an exception or a law; 0: by none. */
int64_t vault__part_kept_until(const struct part_judge *j, uint16_t class_id, int64_t created_s)
{
    const struct vault_exception *exception = vault__part_exception(j, class_id);
    const int64_t minimum_s = minimum_end(j->v, class_id, created_s);
    const int64_t until_s = exception == NULL || exception->by_rule ? 0 : exception->until_s;

    return until_s > minimum_s ? until_s : minimum_s;
}

/* A value whose time is over is kept by nothing: an exception is from the duty to erase on request, not
 * from the class's rule. */
enum part_fate vault__part_fate(const struct part_judge *j, uint16_t class_id,
                                const struct store_row *row)
{
    if (!vault_class_set_has(&j->scope, class_id))
        return PART_OTHER;
    if (row->created_s > j->newer_than_s && row->created_s > j->kept_to_s[class_id])
        return PART_OTHER;
    if (row->due_s <= j->now_s)
        return PART_GOES;
    return vault__part_kept_until(j, class_id, row->created_s) > j->now_s ? PART_STAYS : PART_GOES;
}

/* ---- looking ---- */

static bool put_exception(struct vault_part *part, const struct vault_exception *exception)
{
    for (size_t i = 0; i < part->kept_count; i++) {
        if (part->kept[i].class_id != exception->class_id)
            continue;
        if (exception->until_s > part->kept[i].until_s)
            part->kept[i] = *exception;
        return true;
    }
    if (part->kept_count == VAULT_EXCEPTIONS_MAX)
        return false;
    part->kept[part->kept_count++] = *exception;
    return true;
}

enum err vault__part_read_kept(struct store *s, uint64_t slot, struct part_judge *j)
{
    struct vault_kept kept;
    enum err e = store_kept_next(s, slot, 0, &kept);

    while (e == ERR_OK && kept.slot == slot) {
        j->kept_to_s[kept.exception.class_id] = kept.cutoff_s;
        e = store_kept_next(s, slot, kept.exception.class_id, &kept);
    }
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

/* What is asked for, and what stands against an erasure of the classes that are meant already. */
static enum err gather(struct store *s, uint64_t slot, const struct vault_part_ask *ask,
                       const struct part_judge *j, struct vault_part *part)
{
    struct vault_kept kept;
    enum err e;

    for (size_t i = 0; i < ask->count; i++)
        if (!put_exception(part, &ask->exceptions[i]))
            return ERR_TOO_LARGE;
    e = store_kept_next(s, slot, 0, &kept);
    while (e == ERR_OK && kept.slot == slot) {
        if (vault_class_set_has(&j->scope, kept.exception.class_id) &&
            kept.exception.until_s > j->now_s && !kept.exception.by_rule &&
            !put_exception(part, &kept.exception))
            return ERR_TOO_LARGE;
        e = store_kept_next(s, slot, kept.exception.class_id, &kept);
    }
    for (size_t i = 0; i < part->kept_count; i++)
        part->kept[i].values = 0;
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

/* Nothing more can be learned of this class but numbers. */
static bool is_settled(const struct part_judge *j, const struct vault_part *part, uint16_t class_id)
{
    if (!vault_class_set_has(&j->scope, class_id))
        return part->other > 0;
    return part->goes[class_id] > 0 &&
           (part->stays > 0 || (vault__part_exception(j, class_id) == NULL &&
                                !has_minimum(j->v, class_id) && j->newer_than_s == INT64_MAX));
}

struct vault_exception vault__part_by_rule(const struct vault *v, uint16_t class_id)
{
    struct vault_exception x = {.class_id = class_id, .code = 'b', .by_rule = true};
    const struct class_def *def = v->defs[class_id];

    (void)snprintf(x.law, sizeof(x.law), "%s", def->rule.minimum_law);
    return x;
}

/* One more value that stays, under the exception that is there or the class's minimum. */
static enum err count_kept(struct part_judge *j, const struct store_class *c,
                           const struct store_row *row, struct vault_part *part)
{
    const struct vault_exception *found = vault__part_exception(j, c->id);
    const int64_t until_s = vault__part_kept_until(j, c->id, row->created_s);
    struct vault_exception *x;

    if (found == NULL && part->kept_count == VAULT_EXCEPTIONS_MAX)
        return ERR_TOO_LARGE;
    if (found == NULL) {
        part->kept[part->kept_count] = vault__part_by_rule(j->v, c->id);
        j->count = ++part->kept_count;
    }
    x = &part->kept[found == NULL ? part->kept_count - 1 : (size_t)(found - j->exceptions)];
    x->values++;
    if (x->by_rule && until_s > x->until_s)
        x->until_s = until_s;
    part->stays++;
    return ERR_OK;
}

static enum err look_at_class(struct store *s, uint64_t slot, const struct store_class *c,
                              struct part_judge *j, bool exact, struct vault_part *part)
{
    struct store_row row;
    enum err e = store_rows_of(s, c, slot);

    while (e == ERR_OK && (exact || !is_settled(j, part, c->id))) {
        enum part_fate fate;

        e = store_next(s, &row);
        if (e != ERR_OK)
            break;
        fate = vault__part_fate(j, c->id, &row);
        part->goes[c->id] += fate == PART_GOES;
        part->gone += fate == PART_GOES;
        part->other += fate == PART_OTHER;
        if (fate == PART_STAYS)
            e = count_kept(j, c, &row, part);
    }
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

enum err vault__part_reader(struct vault *v, struct store **ret)
{
    AUTO(mem_free) char *path = vault__path(v->dir, VAULT_DB);

    return store_open(path, STORE_READER, slab_store_id(v->slab), ret, NULL);
}

enum err vault_part_look(struct vault *v, uint64_t slot, const struct vault_part_ask *ask,
                         struct vault_part *ret)
{
    AUTO(store_close) struct store *s = NULL;
    struct part_judge j = {.v = v, .newer_than_s = ask->newer_than_s, .now_s = vault__now_s(v)};
    struct store_subject subject;
    enum err e = vault__part_reader(v, &s);

    memset(ret, 0, sizeof(*ret));
    if (e != ERR_OK)
        return e;
    store_read_begin(s);
    if (ask->scope != NULL)
        j.scope = *ask->scope;
    e = store_subject_get(s, slot, &subject);
    if (e == ERR_OK)
        e = vault__part_read_kept(s, slot, &j);
    if (e == ERR_OK)
        e = gather(s, slot, ask, &j, ret);
    j.exceptions = ret->kept;
    j.count = ret->kept_count;
    for (uint16_t id = 1; e == ERR_OK && id <= CLASSES_MAX; id++) {
        const struct store_class *c = vault__class(v, id);

        if (c != NULL)
            e = look_at_class(s, slot, c, &j, ask->exact, ret);
    }
    return e;
}

/* ---- as the writer sees it ---- */

/* What does not open is lost already: no law keeps it. */
static bool opens(struct writer *w, const struct store_class *c, const struct store_row *row)
{
    struct crypto_row bound = {.class_id = c->id,
                               .row = row->id,
                               .revision = row->revision,
                               .due_s = row->due_s,
                               .created_s = row->created_s,
                               .start_s = row->start_s};
    const struct keycache_entry *entry;
    enum value_kind kind;

    if (subject_key(w->v->slab, w->keys, row->slot, &entry) != ERR_OK)
        return false;
    bound.domain = (uint16_t)entry->domain;
    memcpy(bound.subject, entry->subject, VAULT_ID_BYTES);
    memcpy(bound.salt, row->salt, TOKEN_SALT_BYTES);
    return vault__open(entry->key, &bound, row->sealed, &kind, NULL) == ERR_OK;
}

/* Has the person a value of a class that is not meant, and which can be moved? */
static enum err has_other(struct writer *w, uint64_t slot, const struct vault_class_set *scope,
                          bool *ret)
{
    enum err e = ERR_OK;

    for (uint16_t id = 1; e == ERR_OK && !*ret && id <= CLASSES_MAX; id++) {
        const struct store_class *c = vault__class(w->v, id);

        struct store_row row;

        if (c == NULL || vault_class_set_has(scope, id))
            continue;
        e = store_rows_of(w->store, c, slot);
        while (e == ERR_OK && !*ret) {
            e = store_next(w->store, &row);
            *ret = e == ERR_OK && opens(w, c, &row);
        }
        e = e == ERR_NOT_FOUND ? ERR_OK : e;
    }
    return e;
}

enum err vault__part_must_stay(struct writer *w, uint64_t slot, const struct vault_class_set *scope,
                               bool *ret)
{
    const struct part_judge j = {.v = w->v, .newer_than_s = INT64_MAX, .now_s = vault__now_s(w->v)};
    enum err e = ERR_OK;

    *ret = false;
    if (scope != NULL && !vault_class_set_is_all(scope))
        e = has_other(w, slot, scope, ret);
    for (uint16_t id = 1; e == ERR_OK && !*ret && id <= CLASSES_MAX; id++) {
        const struct store_class *c = vault__class(w->v, id);
        struct store_row row;

        if (c == NULL || !has_minimum(w->v, id))
            continue;
        e = store_rows_of(w->store, c, slot);
        while (e == ERR_OK && !*ret) {
            e = store_next(w->store, &row);
            *ret = e == ERR_OK && vault__part_fate(&j, id, &row) == PART_STAYS && opens(w, c, &row);
        }
        e = e == ERR_NOT_FOUND ? ERR_OK : e;
    }
    return e;
}
