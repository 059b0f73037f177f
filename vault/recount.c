/* SPDX-License-Identifier: Apache-2.0 */
/* Counting all rows.
 * Runs on: any thread but the writer's, with a connection of its own; blocks long. Holds: one number for each
 * pair of days. Invariant: rows and counters are read in one state of the database, so that any difference is
 * real. Not here: what is done about one (retention/recount.c).
 *
 * A state that is kept holds back the cutting of the log, for which an erasure waits. So every few rows it is
 * looked whether somebody wants to cut; then everything read so far is given up. */
#include "vault/recount.h"

#include <stdlib.h>
#include <time.h>

#include "base/effort.h"
#include "vault/renew_priv.h"
#include "vault/vault_priv.h"

enum {
    DAY_S = 86400,
    FIRST_SLOTS = 1024,
    LOOK_ROWS = 4096, /* about a millisecond */
    TRIES = 20,
    WAIT_NS = 5000000
};

struct pair {
    int64_t created_day, due_day;
    int64_t n; /* rows less counter */
    bool used;
};

struct counting {
    const struct vault *v;
    const atomic_bool *stop;
    struct pair *pairs; /* open addressing */
    size_t capacity, used;
    uint64_t *lost; /* old tokens */
    size_t lost_room;
    uint64_t looked;
    struct vault_recount found;
};

static void counting_done(struct counting *c)
{
    free(c->pairs);
    free(c->lost);
}

static void counting_init(struct counting *c)
{
    c->capacity = FIRST_SLOTS;
    c->pairs = mem_alloc(c->capacity * sizeof(c->pairs[0]));
}

static struct pair *place(const struct counting *c, int64_t created_day, int64_t due_day)
{
    uint64_t h = ((uint64_t)created_day * 31 + (uint64_t)due_day) * UINT64_C(0x9e3779b97f4a7c15);

    for (size_t i = h >> 32;; i++) {
        struct pair *p = &c->pairs[i & (c->capacity - 1)];

        if (!p->used || (p->created_day == created_day && p->due_day == due_day))
            return p;
    }
}

static void grow(struct counting *c)
{
    struct counting bigger = {.capacity = 2 * c->capacity};

    bigger.pairs = mem_alloc(bigger.capacity * sizeof(bigger.pairs[0]));
    for (size_t i = 0; i < c->capacity; i++)
        if (c->pairs[i].used)
            *place(&bigger, c->pairs[i].created_day, c->pairs[i].due_day) = c->pairs[i];
    free(c->pairs);
    c->pairs = bigger.pairs;
    c->capacity = bigger.capacity;
}

static void add(struct counting *c, int64_t created_day, int64_t due_day, int64_t n)
{
    struct pair *p = place(c, created_day, due_day);

    if (!p->used) {
        if (2 * (c->used + 1) > c->capacity) {
            grow(c);
            p = place(c, created_day, due_day);
        }
        c->used++;
        *p = (struct pair){.created_day = created_day, .due_day = due_day, .used = true};
    }
    p->n += n;
}

/* As tally.c has it. */
static int64_t day_of(int64_t at_s)
{
    return at_s >= 0 ? at_s / DAY_S : (at_s - DAY_S + 1) / DAY_S;
}

/* ---- what is met ---- */

/* BUSY: the log is to be cut. */
static enum err may_go_on(struct counting *c)
{
    uint64_t done, total;

    if (++c->looked % LOOK_ROWS != 0)
        return ERR_OK;
    effort_get(EFFORT_RECOUNT, &done, &total);
    effort_set(EFFORT_RECOUNT, done + LOOK_ROWS, total);
    if (c->stop != NULL && atomic_load(c->stop))
        return ERR_CANCELED;
    return atomic_load(&c->v->cut_wanted) ? ERR_BUSY : ERR_OK;
}

static enum err on_row(void *context, int64_t created_s, int64_t due_s)
{
    struct counting *c = context;

    c->found.counted++;
    add(c, day_of(created_s), day_of(due_s), 1);
    return may_go_on(c);
}

static enum err on_subject(void *context)
{
    struct counting *c = context;

    c->found.subjects++;
    return may_go_on(c);
}

static enum err on_renewed(void *context, uint64_t old_number, bool lost)
{
    struct counting *c = context;

    if (lost && c->found.lost == c->lost_room) {
        c->lost_room = c->lost_room == 0 ? FIRST_SLOTS : 2 * c->lost_room;
        c->lost = realloc(c->lost, c->lost_room * sizeof(c->lost[0]));
        REQUIRE(c->lost != NULL);
    }
    if (lost)
        c->lost[c->found.lost++] = old_number;
    return may_go_on(c);
}

static void on_counter(void *context, int64_t created_day, int64_t due_day, int64_t n)
{
    struct counting *c = context;

    c->found.items += n > 0 ? (uint64_t)n : 0;
    add(c, created_day, due_day, -n);
}

/* ---- one state ---- */

static enum err count(struct store *s, const struct store_class *class, struct counting *c)
{
    enum err e = store_rows_each(s, class, on_row, c);

    if (e == ERR_OK)
        e = store_owners_each(s, class, on_subject, c);
    if (e == ERR_OK)
        e = store_renewed_each(s, class, on_renewed, c);
    if (e == ERR_OK)
        e = store_aggregate_each(s, class->id, on_counter, c);
    for (size_t i = 0; i < c->capacity; i++)
        c->found.differ += c->pairs[i].used && c->pairs[i].n != 0;
    return e;
}

static int by_days(const void *one, const void *other)
{
    const struct vault_recount_difference *a = one, *b = other;

    if (a->created_day != b->created_day)
        return a->created_day < b->created_day ? -1 : 1;
    return a->due_day < b->due_day ? -1 : a->due_day > b->due_day;
}

static struct vault_recount_difference *list_of(const struct counting *c, uint16_t class_id)
{
    struct vault_recount_difference *list =
        mem_alloc((c->found.differ + c->found.lost + 1) * sizeof(*list));
    size_t count = 0;

    for (size_t i = 0; i < c->capacity; i++)
        if (c->pairs[i].used && c->pairs[i].n != 0)
            list[count++] =
                (struct vault_recount_difference){.class_id = class_id,
                                                  .created_day = c->pairs[i].created_day,
                                                  .due_day = c->pairs[i].due_day,
                                                  .n = c->pairs[i].n};
    qsort(list, count, sizeof(*list), by_days);
    for (size_t i = 0; i < c->found.lost; i++)
        list[count++] = (struct vault_recount_difference){
            .class_id = class_id, .is_lost = true, .old_number = c->lost[i]};
    return list;
}

static enum err try_once(struct vault *v, const struct store_class *class, const atomic_bool *stop,
                         struct vault_recount *ret, struct vault_recount_difference **ret_list)
{
    AUTO(mem_free) char *path = vault__path(v->dir, VAULT_DB);
    AUTO(store_close) struct store *s = NULL;
    AUTO(counting_done) struct counting c = {.v = v, .stop = stop};
    enum err e = store_open(path, STORE_READER, slab_store_id(v->slab), &s, NULL);

    if (e != ERR_OK)
        return e;
    counting_init(&c);
    e = store_snapshot_begin(s);
    if (e != ERR_OK)
        return e;
    e = count(s, class, &c);
    store_snapshot_end(s);
    if (e == ERR_OK)
        *ret = c.found;
    if (e == ERR_OK && ret_list != NULL)
        *ret_list = list_of(&c, class->id);
    return e;
}

enum err vault_recount_list(struct vault *v, uint16_t class_id, const atomic_bool *stop,
                            struct vault_recount *ret, struct vault_recount_difference **ret_list)
{
    static const struct timespec pause = {.tv_nsec = WAIT_NS};
    enum err e = ERR_BUSY;

    if (vault__class(v, class_id) == NULL)
        return ERR_NOT_FOUND;
    for (int i = 0; i < TRIES && e == ERR_BUSY; i++) {
        e = try_once(v, &v->table[class_id], stop, ret, ret_list);
        for (int waited = 0; e == ERR_BUSY && waited < 200 && atomic_load(&v->cut_wanted); waited++)
            (void)nanosleep(&pause, NULL);
    }
    return e;
}

enum err vault_recount(struct vault *v, uint16_t class_id, const atomic_bool *stop,
                       struct vault_recount *ret)
{
    return vault_recount_list(v, class_id, stop, ret, NULL);
}
