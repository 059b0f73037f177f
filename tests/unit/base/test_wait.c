/* SPDX-License-Identifier: Apache-2.0 */
#include "base/wait.h"

#include <criterion/criterion.h>

#include "base/clock.h"
#include "base/secret.h"

TestSuite(wait, .init = secret_start, .timeout = 30);

struct gate {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool open;
};

static struct gate *gate_new(struct gate *g)
{
    cr_assert_eq(pthread_mutex_init(&g->lock, NULL), 0);
    wait_init(&g->changed);
    g->open = false;
    return g;
}

static void *open_gate(void *gate)
{
    struct gate *g = gate;

    (void)pthread_mutex_lock(&g->lock);
    g->open = true;
    (void)pthread_cond_signal(&g->changed);
    (void)pthread_mutex_unlock(&g->lock);
    return NULL;
}

/* Until the gate is open; false: the time was over before. */
static bool await(struct gate *g, int64_t at_ms)
{
    bool in_time = true;

    (void)pthread_mutex_lock(&g->lock);
    while (!g->open && in_time)
        in_time = wait_until_ms(&g->changed, &g->lock, at_ms);
    (void)pthread_mutex_unlock(&g->lock);
    return in_time;
}

Test(wait, ends_when_the_time_is_over_and_not_before)
{
    struct gate gate, *g = gate_new(&gate);
    const int64_t at_ms = clock_mono_ms() + 30;

    cr_assert_not(await(g, at_ms));
    cr_assert_geq(clock_mono_ms(), at_ms);
    cr_assert_not(await(g, 0), "a time that is long over");
}

Test(wait, ends_when_it_is_signalled)
{
    struct gate gate, *g = gate_new(&gate);
    pthread_t thread;

    cr_assert_eq(pthread_create(&thread, NULL, open_gate, g), 0);
    cr_assert(await(g, clock_mono_ms() + 25000));
    cr_assert_eq(pthread_join(thread, NULL), 0);
}
