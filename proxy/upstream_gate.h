/* SPDX-License-Identifier: Apache-2.0 */
/* How many requests may be with one upstream at a time, over all loops: turns, and places in a queue
 * for those that wait for one. A loop comes by its door, which it keeps for as long as it likes. */
#pragma once

#include <h2o.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct upstream_gate {
    pthread_mutex_t lock; /* of everything here and of all doors */
    uint32_t limit;       /* 0: nobody asks */
    uint32_t queue_max;
    uint32_t inside; /* turns given out */
    uint32_t queued; /* over all doors: without a turn yet */
    uint64_t refused;
    h2o_linklist_t doors; /* where somebody waits, longest first */
};

struct gate_door;
/* Turns have come for those who wait at this door: take them with gate_take(). On the door's loop. */
typedef void (*gate_turn_fn)(struct gate_door *door);

struct gate_door {
    struct upstream_gate *gate;
    gate_turn_fn on_turn;
    h2o_multithread_receiver_t receiver;
    h2o_multithread_message_t message;
    bool told;           /* the message is on its way */
    h2o_linklist_t link; /* gate->doors */
    uint32_t waiting;    /* who wait here */
    uint32_t granted;    /* turns that were given to them and are not taken yet */
};

enum gate_answer {
    GATE_COME_IN, /* a turn: gate_leave() gives it back */
    GATE_WAIT,    /* a place in the queue: ends with gate_take() or gate_give_up() */
    GATE_FULL     /* neither */
};

void gate_init(struct upstream_gate *gate, uint32_t limit, uint32_t queue_max);
/* All doors are closed. */
void gate_done(struct upstream_gate *gate);

/* queue: the loop's (NULL: no turn is ever waited for, GATE_FULL in its place). */
void gate_open(struct gate_door *door, struct upstream_gate *gate, h2o_multithread_queue_t *queue,
               gate_turn_fn on_turn);
/* Nobody waits at it any more; turns that were granted go to others. */
void gate_close(struct gate_door *door);

enum gate_answer gate_enter(struct gate_door *door);
/* A turn that was granted, for one who waits; false when there is none. */
bool gate_take(struct gate_door *door);
/* One who waited does not any more. */
void gate_give_up(struct gate_door *door);
/* Give a turn back; who waited longest gets it. */
void gate_leave(struct gate_door *door);
