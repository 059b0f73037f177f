/* SPDX-License-Identifier: Apache-2.0 */
/* A bar for work that is done elsewhere.
 * Runs on: the main thread, and one of its own that looks. Holds: that thread. Invariant: between waiting_begin() and
 * waiting_end() that thread alone touches the progress. Not here: who does the work and counts it (base/effort.h). */
#include "cli/waiting.h"

#include <string.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/wait.h"

enum { LOOK_MS = 200 };

/* False: it cannot be found out now. */
static bool look(struct waiting *w, uint64_t *ret_done, uint64_t *ret_total)
{
    AUTO(json_free) struct json *request = NULL;
    AUTO(reply_done) struct reply reply = {NULL, NULL};
    const struct json *effort;

    if (w->session == NULL) {
        effort_get(w->kind, ret_done, ret_total);
        return true;
    }
    request = json_new_map();
    json_set_str(request, "op", "progress");
    if (session_call(w->session, request, &reply, NULL) != ERR_OK)
        return false;
    effort = json_get(reply.result, effort_name(w->kind));
    *ret_done = (uint64_t)json_int_of(json_get(effort, "done"), 0);
    *ret_total = (uint64_t)json_int_of(json_get(effort, "total"), 0);
    return true;
}

/* True: the work has ended. */
static bool pause_for(struct waiting *w)
{
    bool over;

    (void)pthread_mutex_lock(&w->lock);
    if (!w->over)
        (void)wait_until_ms(&w->changed, &w->lock, clock_mono_ms() + LOOK_MS);
    over = w->over;
    (void)pthread_mutex_unlock(&w->lock);
    return over;
}

static void *run(void *argument)
{
    struct waiting *w = argument;
    uint64_t done, total;

    while (!pause_for(w))
        if (look(w, &done, &total) && done > 0) /* before, somebody may be asked for a passphrase */
            progress_show(&w->progress, done, total);
    return NULL;
}

void waiting_begin(struct waiting *w, enum effort kind, const char *unit, bool asked,
                   struct session *session)
{
    *w = (struct waiting){.kind = kind, .session = session};
    progress_start(&w->progress, unit, asked);
    if (!w->progress.shown)
        return;
    REQUIRE(pthread_mutex_init(&w->lock, NULL) == 0);
    wait_init(&w->changed);
    REQUIRE(pthread_create(&w->thread, NULL, run, w) == 0);
    w->started = true;
}

void waiting_end(struct waiting *w)
{
    if (!w->started)
        return;
    (void)pthread_mutex_lock(&w->lock);
    w->over = true;
    (void)pthread_cond_signal(&w->changed);
    (void)pthread_mutex_unlock(&w->lock);
    REQUIRE(pthread_join(w->thread, NULL) == 0);
    (void)pthread_cond_destroy(&w->changed);
    (void)pthread_mutex_destroy(&w->lock);
    w->started = false;
    progress_end(&w->progress);
}
