/* SPDX-License-Identifier: Apache-2.0 */
/* Meters: parts of a hash table, each with its lock, its entries and their order of use.
 * Runs on: any thread. Holds: `count` entries, allocated at once. Invariant: an entry with open
 * connections stays; of the others the one used longest ago goes first. The hash is keyed, so that
 * nobody can choose addresses that meet. Not here: what is counted. */
#include "base/meter.h"

#include <pthread.h>
#include <string.h>

#include "base/assert.h"
#include "base/mem.h"
#include "base/secret.h"

enum { RATE_MAX = 1 << 20, PER_LEAST_MS = 1000, PER_MOST_MS = 24 * 3600 * 1000 };
enum { PARTS = 16, NONE = -1, KIND_CLIENT = 1, KIND_CALLER = 2, KIND_FAILURE = 3, US_IN_MS = 1000 };

struct entry {
    struct meter_key key;
    uint32_t hash;
    uint32_t connections;
    int64_t full_us;      /* when the bucket will be full again */
    int64_t share_us;     /* of the time, by which one request moved that; 0 before the first */
    int32_t next;         /* of its chain */
    int32_t older, newer; /* in the order of use */
};

struct part {
    pthread_mutex_t lock;
    struct entry *entries;
    int32_t *chains; /* heads, by hash */
    int32_t count;   /* of entries, and of chains */
    int32_t used;    /* entries given out so far */
    int32_t oldest, newest;
};

struct meters {
    uint8_t key[SECRET_TAG_KEY_BYTES];
    struct part parts[PARTS];
};

struct meters *meters_new(size_t count)
{
    struct meters *m = mem_alloc(sizeof(*m));
    int32_t each = (int32_t)(count / PARTS + 1);

    secret_random(m->key, sizeof(m->key));
    for (size_t i = 0; i < PARTS; i++) {
        struct part *p = &m->parts[i];

        (void)pthread_mutex_init(&p->lock, NULL);
        p->entries = mem_alloc((size_t)each * sizeof(*p->entries));
        p->chains = mem_alloc((size_t)each * sizeof(*p->chains));
        memset(p->chains, 0xff, (size_t)each * sizeof(*p->chains)); /* all NONE */
        p->count = each;
        p->oldest = p->newest = NONE;
    }
    return m;
}

void meters_free(struct meters **metersp)
{
    struct meters *m = TAKE(*metersp);

    if (m == NULL)
        return;
    for (size_t i = 0; i < PARTS; i++) {
        free(m->parts[i].entries);
        free(m->parts[i].chains);
        (void)pthread_mutex_destroy(&m->parts[i].lock);
    }
    free(m);
}

struct meter_key meter_client(const struct address *address)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    struct meter_key key = {.kind = KIND_CLIENT};
    bool v4 = memcmp(address->bytes, mapped, sizeof(mapped)) == 0;

    memcpy(key.bytes, address->bytes, v4 ? 16 : 8);
    return key;
}

struct meter_key meter_failure(const struct address *address)
{
    struct meter_key key = meter_client(address);

    key.kind = KIND_FAILURE;
    return key;
}

struct meter_key meter_caller(size_t index)
{
    struct meter_key key = {.kind = KIND_CALLER};

    memcpy(key.bytes, &index, sizeof(index));
    return key;
}

/* ---- one part, locked ---- */

static bool is_key(const struct entry *entry, const struct meter_key *key)
{
    return memcmp(&entry->key, key, sizeof(*key)) == 0;
}

static uint32_t hash_of(const struct meters *m, const struct meter_key *key)
{
    uint8_t tag[SECRET_TAG_BYTES];
    uint32_t hash;

    secret_tag(m->key, key, sizeof(*key), tag);
    memcpy(&hash, tag, sizeof(hash));
    return hash;
}

static int32_t *chain_of(struct part *p, uint32_t hash)
{
    return &p->chains[hash / PARTS % (uint32_t)p->count];
}

static void leave_order(struct part *p, int32_t i)
{
    struct entry *e = &p->entries[i];

    *(e->older == NONE ? &p->oldest : &p->entries[e->older].newer) = e->newer;
    *(e->newer == NONE ? &p->newest : &p->entries[e->newer].older) = e->older;
}

static void become_newest(struct part *p, int32_t i)
{
    struct entry *e = &p->entries[i];

    e->newer = NONE;
    e->older = p->newest;
    *(p->newest == NONE ? &p->oldest : &p->entries[p->newest].newer) = i;
    p->newest = i;
}

static void leave_chain(struct part *p, int32_t i)
{
    int32_t *at = chain_of(p, p->entries[i].hash);

    while (*at != i)
        at = &p->entries[*at].next;
    *at = p->entries[i].next;
}

/* A fresh entry, or the oldest one without connections; NONE when all have some. */
static int32_t make_room(struct part *p)
{
    int32_t i = p->oldest;

    if (p->used < p->count)
        return p->used++;
    while (i != NONE && p->entries[i].connections > 0)
        i = p->entries[i].newer;
    if (i != NONE) {
        leave_chain(p, i);
        leave_order(p, i);
    }
    return i;
}

/* The key's entry, made when `make`; NULL without one. */
static struct entry *find(struct part *p, const struct meter_key *key, uint32_t hash, bool make)
{
    int32_t *chain = chain_of(p, hash), i = *chain;

    while (i != NONE && !is_key(&p->entries[i], key))
        i = p->entries[i].next;
    if (i != NONE) {
        leave_order(p, i);
        become_newest(p, i);
        return &p->entries[i];
    }
    if (!make || (i = make_room(p)) == NONE)
        return NULL;
    p->entries[i] = (struct entry){.key = *key, .hash = hash, .next = *chain};
    *chain = i;
    become_newest(p, i);
    return &p->entries[i];
}

/* ---- counting ---- */

bool meters_connect(struct meters *meters, const struct meter_key *key, size_t most)
{
    uint32_t hash = hash_of(meters, key);
    struct part *p = &meters->parts[hash % PARTS];
    struct entry *entry;
    bool ok;

    (void)pthread_mutex_lock(&p->lock);
    entry = find(p, key, hash, true);
    ok = entry != NULL && entry->connections < most;
    if (ok)
        entry->connections++;
    (void)pthread_mutex_unlock(&p->lock);
    return ok;
}

void meters_disconnect(struct meters *meters, const struct meter_key *key)
{
    uint32_t hash = hash_of(meters, key);
    struct part *p = &meters->parts[hash % PARTS];
    struct entry *entry;

    (void)pthread_mutex_lock(&p->lock);
    entry = find(p, key, hash, false);
    REQUIRE(entry != NULL && entry->connections > 0);
    entry->connections--;
    (void)pthread_mutex_unlock(&p->lock);
}

/* Whoever took ten requests has taken ten at any rate: another rate from now on (a reload) gives them
 * its own share of the time, and no more than an empty bucket, lest a rate that is raised to let somebody
 * in still keeps them out. */
static int64_t missing_us(const struct entry *entry, const struct meter_rate *rate,
                          int64_t share_us, int64_t now_us)
{
    const int64_t missing = entry->full_us > now_us ? entry->full_us - now_us : 0;
    int64_t requests;

    if (missing == 0 || entry->share_us == share_us)
        return missing;
    requests = (missing + entry->share_us - 1) / entry->share_us;
    return (requests < rate->burst ? requests : rate->burst) * share_us;
}

/* The bucket as one instant: when it will be full. Each request moves that by its share of the time;
 * one that would move it further ahead than a whole burst has to wait. */
static int64_t take(struct entry *entry, const struct meter_rate *rate, int64_t now_us)
{
    const int64_t share_us = rate->per_ms * US_IN_MS / rate->requests;
    const int64_t missing = missing_us(entry, rate, share_us, now_us);
    const int64_t wait_us = missing + share_us - share_us * rate->burst;

    entry->full_us = now_us + missing;
    entry->share_us = share_us;
    if (wait_us > 0)
        return wait_us;
    entry->full_us += share_us;
    return 0;
}

int64_t meters_take(struct meters *meters, const struct meter_key *key,
                    const struct meter_rate *rate, int64_t now_ms)
{
    uint32_t hash = hash_of(meters, key);
    struct part *p = &meters->parts[hash % PARTS];
    struct entry *entry;
    int64_t wait_us = US_IN_MS;

    if (rate->requests == 0)
        return 0;
    (void)pthread_mutex_lock(&p->lock);
    entry = find(p, key, hash, true);
    if (entry != NULL)
        wait_us = take(entry, rate, now_ms * US_IN_MS);
    (void)pthread_mutex_unlock(&p->lock);
    return (wait_us + US_IN_MS - 1) / US_IN_MS;
}

/* ---- configuration ---- */

enum err meter_rate_read(struct conf_node node, struct meter_rate *ret, struct errmsg *msg)
{
    static const char *const keys[] = {"requests", "per", "burst", NULL};
    struct conf_node requests_node, per = conf_get(node, "per");
    int64_t requests = 0, burst, per_ms = PER_LEAST_MS;
    enum err e;

    if (!conf_has(node))
        return ERR_OK;
    e = conf_only(node, keys, msg);
    if (e == ERR_OK)
        e = conf_need(node, "requests", &requests_node, msg);
    if (e == ERR_OK)
        e = conf_int(requests_node, 1, RATE_MAX, &requests, msg);
    burst = requests;
    if (e == ERR_OK)
        e = conf_int(conf_get(node, "burst"), 1, RATE_MAX, &burst, msg);
    if (e == ERR_OK)
        e = conf_duration_ms(per, &per_ms, msg);
    if (e == ERR_OK && (per_ms < PER_LEAST_MS || per_ms > PER_MOST_MS))
        e = conf_fail(per, msg, "`per` is at least %d ms and at most a day", PER_LEAST_MS);
    if (e == ERR_OK)
        *ret = (struct meter_rate){
            .requests = (uint32_t)requests, .per_ms = per_ms, .burst = (uint32_t)burst};
    return e;
}
