/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting on a condition for a time that no setting of the wall clock makes longer or shorter. */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* A condition variable for wait_until_ms(); end it with pthread_cond_destroy(). */
void wait_init(pthread_cond_t *cond);
/* Under `lock`, which is given away meanwhile: until the condition is signalled, or clock_mono_ms()
 * has come to `at_ms` (false). As with every condition variable, true may mean nothing: look again. */
bool wait_until_ms(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t at_ms);
