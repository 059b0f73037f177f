/* SPDX-License-Identifier: Apache-2.0 */
/* How often somebody may try. Runs on: any thread. Holds: counts, one lock. Invariant: a place is chosen by a keyed
 * hash, so that nobody can choose whose count they raise. */
#include "ui/throttle.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"
#include "base/secret.h"

enum { PLACES = 4096, WINDOW_MS = 60000 };

struct place {
    int64_t until_ms;
    unsigned count;
};

struct throttle {
    uint8_t key[SECRET_TAG_KEY_BYTES];
    pthread_mutex_t lock; /* of what follows */
    struct place places[PLACES];
};

struct throttle *throttle_new(void)
{
    struct throttle *t = mem_alloc(sizeof(*t));

    secret_random(t->key, sizeof(t->key));
    REQUIRE(pthread_mutex_init(&t->lock, NULL) == 0);
    return t;
}

void throttle_free(struct throttle **tp)
{
    struct throttle *t = TAKE(*tp);

    if (t == NULL)
        return;
    (void)pthread_mutex_destroy(&t->lock);
    free(t);
}

static struct place *place_of(struct throttle *t, struct span who)
{
    uint8_t tag[SECRET_TAG_BYTES];

    secret_tag(t->key, who.at, who.len, tag);
    return &t->places[(tag[0] | tag[1] << 8) % PLACES];
}

void throttle_count(struct throttle *t, struct span who, int64_t now_ms)
{
    struct place *place = place_of(t, who);

    (void)pthread_mutex_lock(&t->lock);
    if (now_ms >= place->until_ms)
        *place = (struct place){.until_ms = now_ms + WINDOW_MS};
    place->count++;
    (void)pthread_mutex_unlock(&t->lock);
}

bool throttle_is_tired(struct throttle *t, struct span who, unsigned limit, int64_t now_ms)
{
    const struct place *place = place_of(t, who);
    bool tired;

    (void)pthread_mutex_lock(&t->lock);
    tired = now_ms < place->until_ms && place->count >= limit;
    (void)pthread_mutex_unlock(&t->lock);
    return tired;
}
