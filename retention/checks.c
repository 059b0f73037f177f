/* SPDX-License-Identifier: Apache-2.0 */
/* One look for many erasures.
 * Runs on: worker threads and the command line; blocks. Holds: the checks that wait. Invariant: a check is
 * served by a truncation and a reading that both began after it came, since only these can say something
 * of it. Not here: what is looked at (vault/verify.c).
 *
 *   whoever comes while nobody looks takes all that wait, his own among them, and looks; the others wait
 *   until theirs are done, or until it is their turn to look */
#include "retention/checks.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"
#include "retention/erasure.h"

struct checks {
    pthread_mutex_t lock; /* guards the rest */
    pthread_cond_t done;
    bool looking;
    struct check *first;
    struct check **last;
};

struct checks *checks_new(void)
{
    struct checks *c = mem_alloc(sizeof(*c));

    REQUIRE(pthread_mutex_init(&c->lock, NULL) == 0 && pthread_cond_init(&c->done, NULL) == 0);
    c->last = &c->first;
    return c;
}

void checks_free(struct checks **checks)
{
    struct checks *c = TAKE(*checks);

    if (c == NULL)
        return;
    REQUIRE(c->first == NULL && !c->looking);
    (void)pthread_cond_destroy(&c->done);
    (void)pthread_mutex_destroy(&c->lock);
    free(c);
}

/* The first that wait, in the order in which they came. Under the lock. */
static size_t take(struct checks *c, struct check **list)
{
    size_t count = 0;

    while (c->first != NULL && count < CHECKS_AT_ONCE) {
        list[count++] = c->first;
        c->first = c->first->next;
    }
    if (c->first == NULL)
        c->last = &c->first;
    return count;
}

static void look(struct erasures *e, struct vault *v, struct check **list, size_t count)
{
    struct vault_verify *each = mem_alloc(count * sizeof(*each));
    struct vault_truncate op = {.op = {.kind = VAULT_TRUNCATE}};
    const enum err truncated = erasures_run_op(e, &op.op);

    for (size_t i = 0; i < count; i++)
        each[i] = (struct vault_verify){.erasure = list[i]->erasure, .result = truncated};
    if (truncated == ERR_OK)
        vault_erasures_verify(v, each, count);
    for (size_t i = 0; i < count; i++) {
        list[i]->truncated = truncated;
        list[i]->result = each[i].result;
        list[i]->found = each[i].found;
    }
    free(each);
}

static bool all_done(const struct check *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!list[i].done)
            return false;
    return true;
}

void checks_run(struct checks *c, struct erasures *e, struct vault *v, struct check *list,
                size_t count)
{
    (void)pthread_mutex_lock(&c->lock);
    for (size_t i = 0; i < count; i++) {
        list[i].done = false;
        list[i].next = NULL;
        *c->last = &list[i];
        c->last = &list[i].next;
    }
    while (!all_done(list, count)) {
        struct check *taken[CHECKS_AT_ONCE];
        size_t n;

        if (c->looking) {
            (void)pthread_cond_wait(&c->done, &c->lock);
            continue;
        }
        c->looking = true;
        n = take(c, taken);
        (void)pthread_mutex_unlock(&c->lock);
        look(e, v, taken, n);
        (void)pthread_mutex_lock(&c->lock);
        for (size_t i = 0; i < n; i++)
            taken[i]->done = true;
        c->looking = false;
        (void)pthread_cond_broadcast(&c->done);
    }
    (void)pthread_mutex_unlock(&c->lock);
}
