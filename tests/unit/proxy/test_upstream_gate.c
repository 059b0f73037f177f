/* SPDX-License-Identifier: Apache-2.0 */
/* Turns and places in the queue, with loops that come by doors of their own. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/mem.h"
#include "proxy/upstream_gate.h"

TestSuite(gate, .timeout = 60);

struct side {
    h2o_loop_t *loop;
    h2o_multithread_queue_t *queue;
    struct gate_door door;
    unsigned turns, told;
    bool takes; /* what it is told of */
};

static void on_turn(struct gate_door *door)
{
    struct side *side = CONTAINER_OF(door, struct side, door);

    side->told++;
    while (side->takes && gate_take(door))
        side->turns++;
}

static void side_open(struct side *side, struct upstream_gate *gate)
{
    *side = (struct side){.loop = h2o_evloop_create(), .takes = true};
    side->queue = h2o_multithread_create_queue(side->loop);
    gate_open(&side->door, gate, side->queue, on_turn);
}

static void side_close(struct side *side)
{
    gate_close(&side->door);
    h2o_multithread_destroy_queue(side->queue);
    (void)h2o_evloop_run(side->loop, 0);
    free(side->queue);
    h2o_evloop_destroy(side->loop);
}

static void turn(struct side *side)
{
    for (int i = 0; i < 3; i++)
        (void)h2o_evloop_run(side->loop, 0);
}

Test(gate, lets_in_as_many_as_it_may_and_queues_as_many)
{
    struct upstream_gate gate;
    struct side a;

    gate_init(&gate, 2, 1);
    side_open(&a, &gate);
    cr_expect_eq(gate_enter(&a.door), GATE_COME_IN);
    cr_expect_eq(gate_enter(&a.door), GATE_COME_IN);
    cr_expect_eq(gate_enter(&a.door), GATE_WAIT);
    cr_expect_eq(gate_enter(&a.door), GATE_FULL);
    cr_expect_eq(gate.refused, 1);
    turn(&a);
    cr_expect_eq(a.turns, 0);
    gate_leave(&a.door);
    cr_expect_eq(gate_enter(&a.door), GATE_WAIT, "nobody passes those who wait");
    turn(&a);
    cr_expect_eq(a.turns, 1);
    gate_leave(&a.door);
    gate_leave(&a.door);
    turn(&a);
    cr_expect_eq(a.turns, 2);
    gate_leave(&a.door);
    cr_expect_eq(gate.inside, 0);
    side_close(&a);
    gate_done(&gate);
}

Test(gate, gives_turns_across_loops_in_turn)
{
    struct upstream_gate gate;
    struct side a, b;

    gate_init(&gate, 1, 8);
    side_open(&a, &gate);
    side_open(&b, &gate);
    cr_expect_eq(gate_enter(&a.door), GATE_COME_IN);
    for (int i = 0; i < 2; i++) {
        cr_expect_eq(gate_enter(&a.door), GATE_WAIT);
        cr_expect_eq(gate_enter(&b.door), GATE_WAIT);
    }
    for (unsigned n = 1; n <= 4; n++) {
        gate_leave(n % 2 == 1 ? &a.door : &b.door);
        turn(&a);
        turn(&b);
        cr_expect_eq(a.turns, (n + 1) / 2);
        cr_expect_eq(b.turns, n / 2);
    }
    gate_leave(&b.door);
    cr_expect_eq(gate.inside, 0);
    side_close(&a);
    side_close(&b);
    gate_done(&gate);
}

Test(gate, passes_on_the_turn_of_one_who_left_meanwhile)
{
    struct upstream_gate gate;
    struct side a, b;

    gate_init(&gate, 1, 8);
    side_open(&a, &gate);
    side_open(&b, &gate);
    cr_expect_eq(gate_enter(&a.door), GATE_COME_IN);
    cr_expect_eq(gate_enter(&a.door), GATE_WAIT);
    cr_expect_eq(gate_enter(&b.door), GATE_WAIT);
    gate_leave(&a.door); /* granted to a, which has not looked yet */
    gate_give_up(&a.door);
    turn(&a);
    turn(&b);
    cr_expect_eq(a.turns, 0);
    cr_expect_eq(b.turns, 1);
    gate_leave(&b.door);
    cr_expect_eq(gate.inside + gate.queued, 0);
    side_close(&a);
    side_close(&b);
    gate_done(&gate);
}

Test(gate, forgets_one_who_left_before_a_turn_came)
{
    struct upstream_gate gate;
    struct side a;

    gate_init(&gate, 1, 1);
    side_open(&a, &gate);
    cr_expect_eq(gate_enter(&a.door), GATE_COME_IN);
    cr_expect_eq(gate_enter(&a.door), GATE_WAIT);
    gate_give_up(&a.door);
    cr_expect_eq(gate_enter(&a.door), GATE_WAIT, "its place is free");
    gate_give_up(&a.door);
    gate_leave(&a.door);
    turn(&a);
    cr_expect_eq(a.turns, 0);
    cr_expect_eq(gate_enter(&a.door), GATE_COME_IN);
    gate_leave(&a.door);
    side_close(&a);
    gate_done(&gate);
}

Test(gate, gives_to_others_what_a_door_that_closes_was_granted)
{
    struct upstream_gate gate;
    struct side a, b;

    gate_init(&gate, 1, 8);
    side_open(&a, &gate);
    side_open(&b, &gate);
    cr_expect_eq(gate_enter(&b.door), GATE_COME_IN);
    cr_expect_eq(gate_enter(&a.door), GATE_WAIT);
    cr_expect_eq(gate_enter(&a.door), GATE_WAIT);
    cr_expect_eq(gate_enter(&b.door), GATE_WAIT);
    gate_leave(&b.door);
    a.takes = false;
    turn(&a);
    cr_expect_eq(a.told, 1);
    side_close(&a);
    turn(&b);
    cr_expect_eq(b.turns, 1);
    cr_expect_eq(gate.queued, 0);
    gate_leave(&b.door);
    side_close(&b);
    gate_done(&gate);
}

Test(gate, has_no_queue_without_a_loop_that_can_be_woken)
{
    struct upstream_gate gate;
    struct gate_door door;

    gate_init(&gate, 1, 8);
    gate_open(&door, &gate, NULL, on_turn);
    cr_expect_eq(gate_enter(&door), GATE_COME_IN);
    cr_expect_eq(gate_enter(&door), GATE_FULL);
    gate_leave(&door);
    gate_close(&door);
    gate_done(&gate);
}

enum { THREADS = 4, ROUNDS = 5000, LIMIT = 3 };

static struct upstream_gate shared;
static atomic_int inside, most;

/* Come in, or wait for a turn, again and again. */
static void *visit(void *unused)
{
    struct side side;

    side_open(&side, &shared);
    for (unsigned i = 0; i < ROUNDS; i++) {
        int now;

        side.turns = 0;
        if (gate_enter(&side.door) == GATE_WAIT)
            while (side.turns == 0)
                (void)h2o_evloop_run(side.loop, 10);
        now = atomic_fetch_add(&inside, 1) + 1;
        if (now > atomic_load(&most))
            atomic_store(&most, now);
        atomic_fetch_sub(&inside, 1);
        gate_leave(&side.door);
    }
    side_close(&side);
    return unused;
}

Test(gate, loses_no_turn_among_threads)
{
    pthread_t threads[THREADS];

    gate_init(&shared, LIMIT, THREADS);
    for (size_t i = 0; i < THREADS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, visit, NULL), 0);
    for (size_t i = 0; i < THREADS; i++)
        cr_assert_eq(pthread_join(threads[i], NULL), 0);
    cr_expect_leq(atomic_load(&most), LIMIT);
    cr_expect_eq(shared.inside + shared.queued, 0);
    gate_done(&shared);
}
