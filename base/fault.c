/* SPDX-License-Identifier: Apache-2.0 */
/* Fault points for tests; empty in a build that users run.
 * Runs on: any thread. Holds: what LETHE_FAULT and LETHE_MUTANT said at the first use. */
#include "base/fault.h"

#ifdef LETHE_FAULTS
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool loaded;
static char fault[96];
static char mutant[96];
static long countdown;
static bool once; /* a failure at one time, not at every one */

static void copy_name(char to[96], const char *from)
{
    (void)snprintf(to, 96, "%s", from == NULL ? "" : from);
}

static void set(const char *new_fault, const char *new_mutant)
{
    const char *mark;
    char *colon;

    copy_name(fault, new_fault);
    copy_name(mutant, new_mutant);
    countdown = 1;
    colon = strchr(fault, ':');
    if (colon != NULL) {
        *colon = '\0';
        countdown = strtol(colon + 1, NULL, 10);
    }
    mark = strchr(fault, '!');
    once = mark != NULL && mark[1] >= '1' && mark[1] <= '9';
    if (once)
        countdown = strtol(mark + 1, NULL, 10);
    loaded = true;
}

static void load(void)
{
    if (!loaded)
        set(getenv("LETHE_FAULT"), getenv("LETHE_MUTANT"));
}

void fault_test_set(const char *new_fault, const char *new_mutant)
{
    (void)pthread_mutex_lock(&lock);
    set(new_fault, new_mutant);
    (void)pthread_mutex_unlock(&lock);
}

bool fault_test_reached(void)
{
    bool reached;

    (void)pthread_mutex_lock(&lock);
    reached = countdown <= 0;
    (void)pthread_mutex_unlock(&lock);
    return reached;
}

void fault_point(const char *name)
{
    bool stop;

    (void)pthread_mutex_lock(&lock);
    load();
    stop = strcmp(fault, name) == 0 && --countdown == 0;
    (void)pthread_mutex_unlock(&lock);
    if (stop)
        (void)raise(SIGKILL);
}

bool fault_fails(const char *name)
{
    size_t n = strlen(name);
    bool fails;

    (void)pthread_mutex_lock(&lock);
    load();
    fails = strncmp(fault, name, n) == 0 && fault[n] == '!';
    if (fails && once)
        fails = --countdown == 0;
    (void)pthread_mutex_unlock(&lock);
    return fails;
}

bool fault_mutant(const char *name)
{
    bool on;

    (void)pthread_mutex_lock(&lock);
    load();
    on = strcmp(mutant, name) == 0;
    (void)pthread_mutex_unlock(&lock);
    return on;
}
#endif
