/* SPDX-License-Identifier: Apache-2.0 */
/* Counter changes of one commit.
 * Runs on: the writer thread. Holds: one entry for each class and pair of days, and for each class,
 * day and reason; few, since a group is short and days are long. Invariant: what is written here
 * equals the rows that the same transaction adds and deletes. */
#include "vault/tally_priv.h"

#include "base/assert.h"

enum { DAY_S = 86400, FIRST_SLOTS = 256 };

enum tally_kind { TALLY_AGGREGATE, TALLY_FLOW, TALLY_STARTED };

/* A count under a key of three numbers; flows use the reason as the third. */
struct tally_entry {
    uint16_t class_id;
    uint8_t kind;
    bool used;
    int64_t day;
    int64_t other; /* aggregate: the due day; flow: the reason; started: 0 */
    int64_t n;
};

struct tally {
    struct tally_entry *entries; /* open addressing */
    size_t capacity;             /* a power of two */
    size_t count;
    int64_t subjects;
    /* The row counted last, and where: rows of one request come in a row, and are alike. */
    struct {
        uint16_t class_id;
        int64_t created_s;
        int64_t due_s;
        struct tally_entry *aggregate; /* NULL: none is known */
        struct tally_entry *created;
    } last;
};

struct tally *tally_new(void)
{
    struct tally *t = mem_alloc(sizeof(*t));

    t->capacity = FIRST_SLOTS;
    t->entries = mem_alloc(t->capacity * sizeof(t->entries[0]));
    return t;
}

void tally_free(struct tally **tally)
{
    struct tally *t = TAKE(*tally);

    if (t == NULL)
        return;
    free(t->entries);
    free(t);
}

static struct tally_entry *place(struct tally *t, const struct tally_entry *key)
{
    uint64_t h = ((uint64_t)key->day * 31 + (uint64_t)key->other) * 1031 +
                 (uint64_t)key->class_id * 3 + key->kind;

    h *= UINT64_C(0x9e3779b97f4a7c15);
    for (size_t i = h >> 32;; i++) {
        struct tally_entry *e = &t->entries[i & (t->capacity - 1)];

        if (!e->used || (e->class_id == key->class_id && e->kind == key->kind &&
                         e->day == key->day && e->other == key->other))
            return e;
    }
}

static void grow(struct tally *t)
{
    struct tally bigger = {.capacity = t->capacity * 2};

    bigger.entries = mem_alloc(bigger.capacity * sizeof(bigger.entries[0]));
    for (size_t i = 0; i < t->capacity; i++)
        if (t->entries[i].used)
            *place(&bigger, &t->entries[i]) = t->entries[i];
    free(t->entries);
    t->entries = bigger.entries;
    t->capacity = bigger.capacity;
    t->last.aggregate = NULL;
}

static void add(struct tally *t, struct tally_entry key, int64_t n)
{
    struct tally_entry *e = place(t, &key);

    if (!e->used) {
        if ((t->count + 1) * 2 > t->capacity) {
            grow(t);
            e = place(t, &key);
        }
        t->count++;
        *e = key;
        e->used = true;
    }
    e->n += n;
}

static int64_t day_of(int64_t at_s)
{
    return at_s >= 0 ? at_s / DAY_S : (at_s - DAY_S + 1) / DAY_S;
}

static struct tally_entry aggregate_key(uint16_t class_id, int64_t created_s, int64_t due_s)
{
    return (struct tally_entry){
        .class_id = class_id, .day = day_of(created_s), .other = day_of(due_s)};
}

static struct tally_entry flow_key(uint16_t class_id, int64_t at_s, enum store_flow why)
{
    return (struct tally_entry){
        .class_id = class_id, .kind = TALLY_FLOW, .day = day_of(at_s), .other = why};
}

static void add_started(struct tally *t, uint16_t class_id, int64_t created_s, int64_t n)
{
    add(t,
        (struct tally_entry){.class_id = class_id, .kind = TALLY_STARTED, .day = day_of(created_s)},
        n);
}

void tally_created(struct tally *t, uint16_t class_id, int64_t created_s, int64_t due_s)
{
    struct tally_entry aggregate, created;

    if (t->last.aggregate != NULL && t->last.class_id == class_id &&
        t->last.created_s == created_s && t->last.due_s == due_s) {
        t->last.aggregate->n++;
        t->last.created->n++;
        return;
    }
    aggregate = aggregate_key(class_id, created_s, due_s);
    created = flow_key(class_id, created_s, STORE_CREATED);
    add(t, aggregate, 1);
    add(t, created, 1);
    t->last.class_id = class_id;
    t->last.created_s = created_s;
    t->last.due_s = due_s;
    t->last.aggregate = place(t, &aggregate);
    t->last.created = place(t, &created);
}

void tally_purged(struct tally *t, uint16_t class_id, const struct store_gone *row,
                  enum store_flow why, int64_t now_s)
{
    add(t, aggregate_key(class_id, row->created_s, row->due_s), -1);
    add(t, flow_key(class_id, now_s, why), 1);
    if (row->start_s != 0)
        add_started(t, class_id, row->created_s, -1);
}

void tally_flow(struct tally *t, uint16_t class_id, enum store_flow why, int64_t now_s, size_t n)
{
    add(t, flow_key(class_id, now_s, why), (int64_t)n);
}

void tally_started(struct tally *t, uint16_t class_id, int64_t created_s)
{
    add_started(t, class_id, created_s, 1);
}

void tally_retimed(struct tally *t, uint16_t class_id, const struct store_timer *before,
                   const struct store_row *after)
{
    const int64_t started = (after->start_s != 0) - (before->start_s != 0);

    add(t, aggregate_key(class_id, before->created_s, before->due_s), -1);
    add(t, aggregate_key(class_id, before->created_s, after->due_s), 1);
    if (started != 0)
        add_started(t, class_id, before->created_s, started);
}

void tally_subjects(struct tally *t, int64_t delta)
{
    t->subjects += delta;
}

void tally_clear(struct tally *t)
{
    if (t->count > 0)
        memset(t->entries, 0, t->capacity * sizeof(t->entries[0]));
    t->count = 0;
    t->subjects = 0;
    t->last.aggregate = NULL;
}

enum err tally_write(struct tally *t, struct store *s)
{
    enum err e = ERR_OK;

    if (t->subjects != 0)
        e = store_meta_add(s, STORE_META_SUBJECTS, t->subjects);
    for (size_t i = 0; t->count > 0 && e == ERR_OK && i < t->capacity; i++) {
        const struct tally_entry *x = &t->entries[i];

        if (!x->used || x->n == 0)
            continue;
        if (x->kind == TALLY_FLOW)
            e = store_flow_add(s, x->class_id, x->day, (enum store_flow)x->other, x->n);
        else if (x->kind == TALLY_STARTED)
            e = store_started_add(s, x->class_id, x->day, x->n);
        else
            e = store_aggregate_add(s, x->class_id, x->day, x->other, x->n);
    }
    tally_clear(t);
    return e;
}
