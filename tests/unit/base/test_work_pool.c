/* SPDX-License-Identifier: Apache-2.0 */
/* A pool of threads: what is added runs once. */
#include <criterion/criterion.h>
#include <stdatomic.h>

#include "base/secret.h"
#include "base/work_pool.h"

TestSuite(work_pool, .init = secret_start, .timeout = 30);

struct counted {
    struct work work;
    atomic_int runs;
};

static void count(struct work *work)
{
    (void)atomic_fetch_add(&CONTAINER_OF(work, struct counted, work)->runs, 1);
}

Test(work_pool, runs_everything_once_before_it_ends)
{
    enum { N = 500 };
    static struct counted all[N];
    struct work_pool *pool = NULL;
    struct counted late = {.work = {.run = count}};

    cr_assert_eq(work_pool_start(3, &pool), ERR_OK);
    for (size_t i = 0; i < N; i++) {
        all[i].work.run = count;
        cr_assert(work_pool_add(pool, &all[i].work));
    }
    work_pool_end(pool);
    for (size_t i = 0; i < N; i++)
        cr_expect_eq(atomic_load(&all[i].runs), 1, "%zu", i);
    cr_expect_not(work_pool_add(pool, &late.work));
    work_pool_end(pool);
    work_pool_free(&pool);
    cr_expect_null(pool);
    cr_expect_eq(atomic_load(&late.runs), 0);
}

Test(work_pool, runs_in_order_with_one_thread)
{
    struct counted a = {.work = {.run = count}}, b = {.work = {.run = count}};
    struct work_pool *pool = NULL;

    cr_assert_eq(work_pool_start(1, &pool), ERR_OK);
    cr_assert(work_pool_add(pool, &a.work) && work_pool_add(pool, &b.work));
    work_pool_free(&pool);
    cr_expect(atomic_load(&a.runs) == 1 && atomic_load(&b.runs) == 1);
}
