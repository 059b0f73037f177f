/* SPDX-License-Identifier: Apache-2.0 */
/* Showing how far long work is while somebody else does it: another thread of this process, or a server. */
#pragma once

#include <pthread.h>
#include <stdbool.h>

#include "base/effort.h"
#include "cli/progress.h"
#include "cli/session.h"

struct waiting {
    struct progress progress;
    enum effort kind;
    struct session *session; /* where the work is done; NULL: in this process */
    pthread_t thread;
    bool started;
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t changed;
    bool over;
};

/* Look again and again how far it is, from a thread of its own, and draw it (cli/progress.h). Nothing happens where
 * nothing is shown. The session is borrowed to the end. */
void waiting_begin(struct waiting *w, enum effort kind, const char *unit, bool asked,
                   struct session *session);
/* The work has ended: take the bar away. Also AUTO(waiting_end), and a second time. */
void waiting_end(struct waiting *w);
