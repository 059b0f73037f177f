/* SPDX-License-Identifier: Apache-2.0 */
/* Distinct subjects in a sliding window.
 * Runs on: any thread, under one lock; the vault's writer thread when something was written. Holds: for
 * each quota a ring of what counts, in the order in which it ends, and a table to find it in; at most
 * `limit` entries, since what is refused is not remembered. Invariant: at no time do more than `limit`
 * different subjects count. Not here: what follows from a verdict (guard.c). */
#include "proxy/quota.h"

#include <pthread.h>
#include <string.h>

#include "base/assert.h"
#include "base/log.h"
#include "base/secret.h"
#include "vault/watch.h"

enum { FIRST_ROOM = 64, WRITE_MAX = 4096 };

struct entry {
    uint64_t subject;
    int64_t until_s;
};

struct quota {
    struct quota *next;
    uint64_t key; /* of its name */
    int64_t window_s;
    size_t limit;
    bool kept;
    bool crossed; /* somebody was refused since half of it was free */
    struct entry *ring;
    size_t first, count, room; /* room: a power of two */
    uint64_t *table;           /* 2 * room places; 0: free */
};

/* What is on its way into the vault. */
struct writing {
    struct vault_watch watch;
    struct quotas *quotas;
    struct vault_seen seen[WRITE_MAX];
};

struct quotas {
    struct vault *vault;
    uint8_t secret[SECRET_HASH_BYTES]; /* of this process: hashes of texts mean nothing outside */
    pthread_mutex_t lock;              /* of all below */
    pthread_cond_t idle;
    struct quota *list;
    struct vault_seen *loaded; /* what a restart remembered, for quotas to come */
    size_t loaded_count, loaded_room;
    struct vault_seen *waiting; /* to be written */
    size_t waiting_count, waiting_room;
    bool writing;
};

/* ---- one quota ---- */

static size_t place_of(const struct quota *q, uint64_t subject)
{
    return (size_t)(subject * 0x9e3779b97f4a7c15u >> 20) & (2 * q->room - 1);
}

static size_t find_place(const struct quota *q, uint64_t subject)
{
    size_t at = place_of(q, subject);

    while (q->table[at] != 0 && q->table[at] != subject)
        at = (at + 1) & (2 * q->room - 1);
    return at;
}

static bool counts(const struct quota *q, uint64_t subject)
{
    return q->room > 0 && q->table[find_place(q, subject)] == subject;
}

/* Close the gap, so that no run of full places is broken. */
static void drop_from_table(struct quota *q, uint64_t subject)
{
    const size_t mask = 2 * q->room - 1;
    size_t gap = find_place(q, subject);

    for (size_t at = (gap + 1) & mask; q->table[at] != 0; at = (at + 1) & mask) {
        size_t home = place_of(q, q->table[at]);

        if (((at - home) & mask) >= ((at - gap) & mask)) {
            q->table[gap] = q->table[at];
            gap = at;
        }
    }
    q->table[gap] = 0;
}

static void forget_old(struct quota *q, int64_t now_s)
{
    while (q->count > 0 && q->ring[q->first].until_s <= now_s) {
        drop_from_table(q, q->ring[q->first].subject);
        q->first = (q->first + 1) & (q->room - 1);
        q->count--;
    }
    if (q->count <=
        q->limit / 2) /* not at every one that goes: that would be told again and again */
        q->crossed = false;
}

static void grow(struct quota *q)
{
    struct quota larger = *q;

    larger.room = q->room == 0 ? FIRST_ROOM : 2 * q->room;
    larger.first = 0;
    larger.ring = mem_alloc(larger.room * sizeof(*larger.ring));
    larger.table = mem_alloc(2 * larger.room * sizeof(*larger.table));
    for (size_t i = 0; i < q->count; i++) {
        larger.ring[i] = q->ring[(q->first + i) & (q->room - 1)];
        larger.table[find_place(&larger, larger.ring[i].subject)] = larger.ring[i].subject;
    }
    free(q->ring);
    free(q->table);
    *q = larger;
}

static void add(struct quota *q, uint64_t subject, int64_t until_s)
{
    if (q->count == q->room)
        grow(q);
    q->ring[(q->first + q->count++) & (q->room - 1)] =
        (struct entry){.subject = subject, .until_s = until_s};
    q->table[find_place(q, subject)] = subject;
}

/* ---- writing ---- */

static void push(struct vault_seen **list, size_t *count, size_t *room,
                 const struct vault_seen *seen)
{
    if (*count == *room) {
        const size_t larger = *room == 0 ? FIRST_ROOM : 2 * *room;
        struct vault_seen *moved = mem_alloc(larger * sizeof(*moved));

        if (*count > 0)
            memcpy(moved, *list, *count * sizeof(*moved));
        free(*list);
        *list = moved;
        *room = larger;
    }
    (*list)[(*count)++] = *seen;
}

static void on_written(struct vault_op *op);

/* Hand what waits to the vault's writer, one batch at a time. Under the lock. */
static void write_soon(struct quotas *quotas)
{
    struct writing *w;
    size_t count = quotas->waiting_count < WRITE_MAX ? quotas->waiting_count : WRITE_MAX;

    if (quotas->writing || count == 0)
        return;
    w = mem_alloc(sizeof(*w));
    w->quotas = quotas;
    memcpy(w->seen, quotas->waiting, count * sizeof(w->seen[0]));
    w->watch = (struct vault_watch){
        .op = {.kind = VAULT_WATCH, .done = on_written, .owner = w},
        .seen = w->seen,
        .seen_count = count,
        .forget_s = vault_now_s(quotas->vault),
    };
    if (vault_submit(quotas->vault, &w->watch.op) != ERR_OK) {
        free(w); /* the queue is full: with the next one */
        return;
    }
    quotas->writing = true;
    quotas->waiting_count -= count;
    memmove(quotas->waiting, quotas->waiting + count,
            quotas->waiting_count * sizeof(quotas->waiting[0]));
}

/* Writer thread. */
static void on_written(struct vault_op *op)
{
    struct writing *w = op->owner;
    struct quotas *quotas = w->quotas;

    if (op->result != ERR_OK)
        log_event(EV_STORE_FAILED, F_LIT("error", err_name(op->result)));
    free(w);
    (void)pthread_mutex_lock(&quotas->lock);
    quotas->writing = false;
    write_soon(quotas);
    if (!quotas->writing)
        (void)pthread_cond_broadcast(&quotas->idle);
    (void)pthread_mutex_unlock(&quotas->lock);
}

/* ---- counting ---- */

static enum quota_verdict refuse(struct quota *q)
{
    const bool first = !q->crossed;

    q->crossed = true;
    return first ? QUOTA_CROSSED : QUOTA_USED_UP;
}

static enum quota_verdict take(struct quotas *quotas, struct quota *const *list, size_t count,
                               uint64_t subject, int64_t now_s)
{
    bool added = false;

    for (size_t i = 0; i < count; i++) {
        forget_old(list[i], now_s);
        if (!counts(list[i], subject) && list[i]->count >= list[i]->limit)
            return refuse(list[i]);
    }
    for (size_t i = 0; i < count; i++) {
        const struct vault_seen seen = {
            .quota = list[i]->key, .subject = subject, .until_s = now_s + list[i]->window_s};

        if (counts(list[i], subject))
            continue;
        add(list[i], subject, seen.until_s);
        if (list[i]->kept)
            push(&quotas->waiting, &quotas->waiting_count, &quotas->waiting_room, &seen);
        added = added || list[i]->kept;
    }
    if (added)
        write_soon(quotas);
    return QUOTA_ROOM;
}

enum quota_verdict quotas_take(struct quotas *quotas, struct quota *const *list, size_t count,
                               uint64_t subject, int64_t now_s)
{
    enum quota_verdict verdict;

    REQUIRE(subject != 0);
    (void)pthread_mutex_lock(&quotas->lock);
    verdict = take(quotas, list, count, subject, now_s);
    (void)pthread_mutex_unlock(&quotas->lock);
    return verdict;
}

bool quota_is_used_up(struct quotas *quotas, struct quota *quota, int64_t now_s)
{
    bool used_up;

    (void)pthread_mutex_lock(&quotas->lock);
    forget_old(quota, now_s);
    used_up = quota->count >= quota->limit;
    (void)pthread_mutex_unlock(&quotas->lock);
    return used_up;
}

void quota_read(struct quotas *quotas, struct quota *quota, int64_t now_s, struct quota_state *ret)
{
    (void)pthread_mutex_lock(&quotas->lock);
    forget_old(quota, now_s);
    *ret = (struct quota_state){quota->window_s, quota->limit, quota->count};
    (void)pthread_mutex_unlock(&quotas->lock);
}

static uint64_t first_bytes(const uint8_t hash[SECRET_HASH_BYTES])
{
    uint64_t number;

    memcpy(&number, hash, sizeof(number));
    number &= INT64_MAX; /* a column of the database */
    return number == 0 ? 1 : number;
}

uint64_t quotas_hash(const struct quotas *quotas, uint16_t kind, struct span text)
{
    uint8_t both[2 * SECRET_HASH_BYTES + sizeof(kind)], hash[SECRET_HASH_BYTES];

    memcpy(both, quotas->secret, SECRET_HASH_BYTES);
    secret_hash(text.at, text.len, both + SECRET_HASH_BYTES);
    memcpy(both + 2 * SECRET_HASH_BYTES, &kind, sizeof(kind));
    secret_hash(both, sizeof(both), hash);
    secret_wipe(both, sizeof(both));
    return first_bytes(hash);
}

/* ---- all of them ---- */

struct quota *quotas_get(struct quotas *quotas, const char *name, int64_t window_s, size_t limit,
                         bool kept)
{
    uint8_t hash[SECRET_HASH_BYTES];
    struct quota *q;

    REQUIRE(limit > 0 && limit <= QUOTA_SUBJECTS_MAX);
    secret_hash(name, strlen(name), hash);
    (void)pthread_mutex_lock(&quotas->lock);
    for (q = quotas->list; q != NULL; q = q->next)
        if (q->key == first_bytes(hash))
            break;
    if (q == NULL) {
        q = mem_alloc(sizeof(*q));
        q->key = first_bytes(hash);
        for (size_t i = 0; i < quotas->loaded_count; i++)
            if (quotas->loaded[i].quota == q->key)
                add(q, quotas->loaded[i].subject, quotas->loaded[i].until_s);
        q->next = quotas->list;
        quotas->list = q;
    }
    q->window_s = window_s;
    q->limit = limit;
    q->kept = kept;
    (void)pthread_mutex_unlock(&quotas->lock);
    return q;
}

static void on_seen(const struct vault_seen *seen, void *context)
{
    struct quotas *quotas = context;

    if (seen->subject != 0)
        push(&quotas->loaded, &quotas->loaded_count, &quotas->loaded_room, seen);
}

enum err quotas_open(struct vault *v, struct quotas **ret_quotas)
{
    AUTO(quotas_free) struct quotas *quotas = mem_alloc(sizeof(*quotas));
    enum err e;

    quotas->vault = v;
    REQUIRE(pthread_mutex_init(&quotas->lock, NULL) == 0 &&
            pthread_cond_init(&quotas->idle, NULL) == 0);
    secret_random(quotas->secret, sizeof(quotas->secret));
    e = vault_seen_each(v, vault_now_s(v), on_seen, quotas);
    if (e == ERR_OK)
        *ret_quotas = TAKE(quotas);
    return e;
}

void quotas_free(struct quotas **quotasp)
{
    struct quotas *quotas = TAKE(*quotasp);

    if (quotas == NULL)
        return;
    (void)pthread_mutex_lock(&quotas->lock);
    write_soon(quotas);
    while (quotas->writing)
        (void)pthread_cond_wait(&quotas->idle, &quotas->lock);
    (void)pthread_mutex_unlock(&quotas->lock);
    while (quotas->list != NULL) {
        struct quota *q = quotas->list;

        quotas->list = q->next;
        free(q->ring);
        free(q->table);
        free(q);
    }
    free(quotas->loaded);
    free(quotas->waiting);
    (void)pthread_cond_destroy(&quotas->idle);
    (void)pthread_mutex_destroy(&quotas->lock);
    free(quotas);
}
