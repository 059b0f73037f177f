/* SPDX-License-Identifier: Apache-2.0 */
/* A few threads and a queue.
 * Runs on: any thread adds; its own threads run. Holds: the queue, the threads. Invariant: what was
 * added runs exactly once, also when the pool ends. Not here: what is done. */
#include "base/work_pool.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "base/assert.h"

struct work_pool {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct work *first;
    struct work **end; /* where the next one is put */
    bool stop;
    size_t count;
    pthread_t threads[];
};

static struct work *take(struct work_pool *pool)
{
    struct work *work;

    (void)pthread_mutex_lock(&pool->lock);
    while (pool->first == NULL && !pool->stop)
        (void)pthread_cond_wait(&pool->changed, &pool->lock);
    work = pool->first;
    if (work != NULL) {
        pool->first = work->next;
        if (pool->first == NULL)
            pool->end = &pool->first;
    }
    (void)pthread_mutex_unlock(&pool->lock);
    return work;
}

static void *work_on(void *context)
{
    struct work_pool *pool = context;
    struct work *work;

    while ((work = take(pool)) != NULL)
        work->run(work);
    return NULL;
}

/* Signals are the control thread's. */
static void start_threads(struct work_pool *pool, size_t threads)
{
    sigset_t all, before;

    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_BLOCK, &all, &before);
    while (pool->count < threads &&
           pthread_create(&pool->threads[pool->count], NULL, work_on, pool) == 0)
        pool->count++;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
}

enum err work_pool_start(size_t threads, struct work_pool **ret_pool)
{
    struct work_pool *pool = mem_alloc(sizeof(*pool) + threads * sizeof(pool->threads[0]));

    REQUIRE(pthread_mutex_init(&pool->lock, NULL) == 0 &&
            pthread_cond_init(&pool->changed, NULL) == 0);
    pool->end = &pool->first;
    start_threads(pool, threads);
    if (pool->count < threads) {
        work_pool_free(&pool);
        return ERR_IO;
    }
    *ret_pool = pool;
    return ERR_OK;
}

bool work_pool_add(struct work_pool *pool, struct work *work)
{
    bool added;

    work->next = NULL;
    (void)pthread_mutex_lock(&pool->lock);
    added = !pool->stop;
    if (added) {
        *pool->end = work;
        pool->end = &work->next;
        (void)pthread_cond_signal(&pool->changed);
    }
    (void)pthread_mutex_unlock(&pool->lock);
    return added;
}

void work_pool_end(struct work_pool *pool)
{
    (void)pthread_mutex_lock(&pool->lock);
    pool->stop = true;
    (void)pthread_cond_broadcast(&pool->changed);
    (void)pthread_mutex_unlock(&pool->lock);
    for (; pool->count > 0; pool->count--)
        (void)pthread_join(pool->threads[pool->count - 1], NULL);
}

void work_pool_free(struct work_pool **poolp)
{
    struct work_pool *pool = TAKE(*poolp);

    if (pool == NULL)
        return;
    work_pool_end(pool);
    (void)pthread_cond_destroy(&pool->changed);
    (void)pthread_mutex_destroy(&pool->lock);
    free(pool);
}
