/* SPDX-License-Identifier: Apache-2.0 */
/* What purges destroyed, what was foreseen to be due, and classes that are paused.
 * Runs on: reading on any thread, each with a connection of its own; writing on the writer's. Holds:
 * which classes are paused. Invariant: a class that is paused is paused on disk, and is not purged.
 * Not here: deleting (sweep.c), what is too much (retention/breaker.c).
 *
 * What is foreseen of a class is made of counters only. When a look finds all well, it leaves behind how
 * many values fall due on which day. A later look may find at most
 *
 *     those of the days that have passed since  +  stored since  -  destroyed since, as being due
 *
 * where a leap of the clock that somebody accepted is no passing of days. More than that is due only if
 * such a leap made it so, or values that were there got other due times. */
#include "vault/purges_priv.h"

#include "vault/writer_priv.h"

enum { DAY_S = 86400 };

struct purges {
    atomic_bool paused[CLASSES_MAX + 1];
};

struct purges *vault__purges_new(void)
{
    return mem_alloc(sizeof(struct purges));
}

void vault__purges_free(struct purges **purges)
{
    free(TAKE(*purges));
}

enum err vault__purges_load(struct purges *p, struct store *s)
{
    struct vault_purge_pause pause = {.class_id = 0};
    enum err e;

    while ((e = store_pause_next(s, pause.class_id, &pause)) == ERR_OK)
        atomic_store(&p->paused[pause.class_id], true);
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

bool vault_purge_is_paused(const struct vault *v, uint16_t class_id)
{
    return class_id <= CLASSES_MAX && atomic_load(&v->purges->paused[class_id]);
}

/* ---- looking ---- */

static int64_t day_of(int64_t at_s)
{
    return at_s / DAY_S;
}

/* Rows of a class by the days they fall due, from a first day on. */
struct days {
    int64_t first;
    uint64_t items;
    uint64_t overdue; /* due before the first */
    uint64_t *due;    /* VAULT_FORESEEN_DAYS */
};

static void add_day(void *context, int64_t created_day UNUSED, int64_t due_day, int64_t n)
{
    struct days *days = context;
    const int64_t at = due_day > days->first ? due_day - days->first : 0;

    if (n <= 0)
        return;
    days->items += (uint64_t)n;
    if (due_day < days->first)
        days->overdue += (uint64_t)n;
    if (at < VAULT_FORESEEN_DAYS)
        days->due[at] += (uint64_t)n;
}

/* What the counters say now, as it will be compared with later. */
static enum err foresee(struct store *s, uint16_t class_id, int64_t now_s, struct days *days,
                        struct vault_purge_foreseen *ret)
{
    uint64_t flows[STORE_FLOWS];
    enum err e;

    *ret = (struct vault_purge_foreseen){.class_id = class_id, .at_s = now_s};
    *days = (struct days){.first = day_of(now_s), .due = ret->due};
    e = store_meta_int(s, STORE_META_LEAPT, &ret->leapt_ms);
    if (e == ERR_OK || e == ERR_NOT_FOUND)
        e = store_aggregate_each(s, class_id, add_day, days);
    if (e == ERR_OK)
        e = store_flow_sums(s, class_id, INT64_MIN, INT64_MAX, flows);
    if (e != ERR_OK)
        return e;
    ret->created = flows[STORE_CREATED];
    ret->purged = flows[STORE_PURGED_TIMER];
    return ERR_OK;
}

/* How many can be due now at most, by what was foreseen then. */
static uint64_t forecast(const struct vault_purge_foreseen *then,
                         const struct vault_purge_foreseen *now)
{
    const int64_t believed_s = now->at_s - (now->leapt_ms - then->leapt_ms) / 1000;
    const int64_t passed = day_of(believed_s) - day_of(then->at_s);
    const uint64_t purged = now->purged - then->purged;
    uint64_t sum = then->due[0] + (now->created - then->created);

    for (int64_t i = 1; i <= passed && i < VAULT_FORESEEN_DAYS; i++)
        sum += then->due[i];
    return sum > purged ? sum - purged : 0;
}

struct vault_purges {
    struct store *store;
};

enum err vault_purges_open(struct vault *v, struct vault_purges **ret_purges)
{
    AUTO(mem_free) char *path = vault__path(v->dir, VAULT_DB);
    struct store *s = NULL;
    enum err e = store_open(path, STORE_READER, slab_store_id(v->slab), &s, NULL);

    if (e != ERR_OK)
        return e;
    *ret_purges = mem_alloc(sizeof(**ret_purges));
    (*ret_purges)->store = s;
    return ERR_OK;
}

void vault_purges_close(struct vault_purges **purges)
{
    struct vault_purges *p = TAKE(*purges);

    if (p == NULL)
        return;
    store_close(&p->store);
    free(p);
}

static enum err look(struct store *s, uint16_t class_id, int64_t now_s,
                     struct vault_purge_outlook *ret)
{
    struct vault_purge_foreseen then;
    struct days days;
    enum err e = foresee(s, class_id, now_s, &days, &ret->next);

    if (e != ERR_OK)
        return e;
    ret->items = days.items;
    ret->overdue = days.overdue;
    ret->due = ret->next.due[0];
    ret->forecast = ret->due;
    e = store_foreseen_get(s, class_id, &then);
    if (e == ERR_OK) {
        ret->is_known = true;
        ret->foreseen_s = then.at_s;
        ret->forecast = forecast(&then, &ret->next);
    }
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

enum err vault_purge_look(struct vault_purges *p, uint16_t class_id, int64_t now_s,
                          struct vault_purge_outlook *ret)
{
    enum err e;

    *ret = (struct vault_purge_outlook){.is_known = false};
    store_read_begin(p->store); /* one state: counters that belong together */
    e = look(p->store, class_id, now_s, ret);
    store_read_end(p->store);
    return e;
}

enum err vault_purge_figures_next(struct vault_purges *p, const struct vault_purge_figures *after,
                                  struct vault_purge_figures *ret)
{
    return store_purge_figures_next(p->store, after == NULL ? 0 : after->run,
                                    after == NULL ? 0 : after->class_id, ret);
}

enum err vault_purge_pause_get(struct vault_purges *p, uint16_t class_id,
                               struct vault_purge_pause *ret)
{
    struct vault_purge_pause pause;
    enum err e;

    if (class_id == 0)
        return ERR_NOT_FOUND;
    e = store_pause_next(p->store, class_id - 1, &pause);
    if (e == ERR_OK && pause.class_id != class_id)
        return ERR_NOT_FOUND;
    if (e == ERR_OK)
        *ret = pause;
    return e;
}

/* ---- writing ---- */

static enum err resume(struct writer *w, uint16_t class_id)
{
    struct vault_purge_foreseen now;
    struct days days;
    enum err e = foresee(w->store, class_id, vault__now_s(w->v), &days, &now);

    if (e == ERR_OK)
        e = store_foreseen_put(w->store, &now);
    return e == ERR_OK ? store_pause_delete(w->store, class_id) : e;
}

static enum err write_all(struct writer *w, const struct vault_purge_note *op)
{
    enum err e = store_purge_forget(w->store, op->forget_run);

    for (size_t i = 0; e == ERR_OK && i < op->foreseen_count; i++)
        e = store_foreseen_put(w->store, &op->foreseen[i]);
    if (e == ERR_OK && op->pause != NULL)
        e = store_pause_put(w->store, op->pause);
    return e == ERR_OK && op->resume != 0 ? resume(w, op->resume) : e;
}

enum err vault__purge_note(struct writer *w, const struct vault_purge_note *op)
{
    struct purges *p = w->v->purges;
    enum err e;

    if (op->resume != 0 && vault__class(w->v, op->resume) == NULL)
        return ERR_NOT_FOUND;
    e = store_begin(w->store);
    if (e == ERR_OK)
        e = write_all(w, op);
    if (e == ERR_OK)
        e = store_commit(w->store);
    if (e != ERR_OK) {
        store_rollback(w->store);
        return e;
    }
    if (op->pause != NULL)
        atomic_store(&p->paused[op->pause->class_id], true);
    if (op->resume != 0)
        atomic_store(&p->paused[op->resume], false);
    return ERR_OK;
}
