/* SPDX-License-Identifier: Apache-2.0 */
/* Turns at an upstream.
 * Runs on: the loop threads. Holds: counts under one lock, which is taken a few times a request and
 * only where a limit is configured. Invariant: no more turns are out (taken or granted) than the
 * limit, and no turn is kept back while somebody waits. Not here: the calls that wait (upstream.c). */
#include "proxy/upstream_gate.h"

#include "base/assert.h"
#include "base/mem.h"

void gate_init(struct upstream_gate *gate, uint32_t limit, uint32_t queue_max)
{
    *gate = (struct upstream_gate){.limit = limit, .queue_max = queue_max};
    (void)pthread_mutex_init(&gate->lock, NULL);
    h2o_linklist_init_anchor(&gate->doors);
}

void gate_done(struct upstream_gate *gate)
{
    REQUIRE(gate->queued == 0 && h2o_linklist_is_empty(&gate->doors));
    (void)pthread_mutex_destroy(&gate->lock);
}

/* The door is among those that wait as long as one of its places has no turn. */
static void set_place(struct gate_door *door)
{
    const bool waits = door->waiting > door->granted;

    if (waits && !h2o_linklist_is_linked(&door->link))
        h2o_linklist_insert(&door->gate->doors, &door->link);
    else if (!waits && h2o_linklist_is_linked(&door->link))
        h2o_linklist_unlink(&door->link);
}

/* Turns that are free go to the doors in their order, each one turn at a time. */
static void give_turns(struct upstream_gate *gate)
{
    while (gate->inside < gate->limit && !h2o_linklist_is_empty(&gate->doors)) {
        struct gate_door *door = CONTAINER_OF(gate->doors.next, struct gate_door, link);

        gate->inside++;
        gate->queued--;
        door->granted++;
        h2o_linklist_unlink(&door->link);
        set_place(door);
        if (!door->told)
            h2o_multithread_send_message(&door->receiver, &door->message);
        door->told = true;
    }
}

static void on_message(h2o_multithread_receiver_t *receiver, h2o_linklist_t *messages UNUSED)
{
    struct gate_door *door = CONTAINER_OF(receiver, struct gate_door, receiver);

    (void)pthread_mutex_lock(&door->gate->lock);
    h2o_linklist_unlink(&door->message.link);
    door->told = false;
    (void)pthread_mutex_unlock(&door->gate->lock);
    door->on_turn(door);
}

void gate_open(struct gate_door *door, struct upstream_gate *gate, h2o_multithread_queue_t *queue,
               gate_turn_fn on_turn)
{
    *door = (struct gate_door){.gate = gate, .on_turn = on_turn};
    if (gate->limit != 0 && queue != NULL)
        h2o_multithread_register_receiver(queue, &door->receiver, on_message);
}

void gate_close(struct gate_door *door)
{
    struct upstream_gate *gate = door->gate;

    (void)pthread_mutex_lock(&gate->lock);
    gate->inside -= door->granted;
    gate->queued -= door->waiting - door->granted;
    door->granted = door->waiting = 0;
    set_place(door);
    if (door->told) /* nobody is sending: that takes the lock */
        h2o_linklist_unlink(&door->message.link);
    if (door->receiver.queue != NULL)
        h2o_multithread_unregister_receiver(door->receiver.queue, &door->receiver);
    give_turns(gate);
    (void)pthread_mutex_unlock(&gate->lock);
}

enum gate_answer gate_enter(struct gate_door *door)
{
    struct upstream_gate *gate = door->gate;
    enum gate_answer answer = GATE_FULL;

    (void)pthread_mutex_lock(&gate->lock);
    if (gate->inside < gate->limit) { /* then nobody waits */
        gate->inside++;
        answer = GATE_COME_IN;
    } else if (gate->queued < gate->queue_max && door->receiver.queue != NULL) {
        gate->queued++;
        door->waiting++;
        set_place(door);
        answer = GATE_WAIT;
    } else {
        gate->refused++;
    }
    (void)pthread_mutex_unlock(&gate->lock);
    return answer;
}

bool gate_take(struct gate_door *door)
{
    struct upstream_gate *gate = door->gate;
    bool taken;

    (void)pthread_mutex_lock(&gate->lock);
    taken = door->granted > 0;
    if (taken) {
        REQUIRE(door->waiting > 0);
        door->granted--;
        door->waiting--;
    }
    (void)pthread_mutex_unlock(&gate->lock);
    return taken;
}

void gate_give_up(struct gate_door *door)
{
    struct upstream_gate *gate = door->gate;

    (void)pthread_mutex_lock(&gate->lock);
    REQUIRE(door->waiting > 0);
    door->waiting--;
    if (door->granted > door->waiting) { /* a turn came too late for this one */
        door->granted--;
        gate->inside--;
    } else {
        gate->queued--;
    }
    set_place(door);
    give_turns(gate);
    (void)pthread_mutex_unlock(&gate->lock);
}

void gate_leave(struct gate_door *door)
{
    struct upstream_gate *gate = door->gate;

    (void)pthread_mutex_lock(&gate->lock);
    REQUIRE(gate->inside > 0);
    gate->inside--;
    give_turns(gate);
    (void)pthread_mutex_unlock(&gate->lock);
}
