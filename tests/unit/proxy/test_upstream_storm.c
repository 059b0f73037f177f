/* SPDX-License-Identifier: Apache-2.0 */
/* Many calls at once against upstreams that do all they should not, and owners that pause, resume and
 * leave at any time: every call that is not left ends exactly once, and nothing leaks. */
#include <stdlib.h>

#include "tests/unit/proxy/upstream_rig.h"

TestSuite(upstream_storm, .init = secret_start, .timeout = 120);

enum { CALLS = 400, AT_ONCE = 24, SCRIPTS = 200, STEPS = 8 };

#define OK "HTTP/1.1 200 OK\r\n"

static const struct stub_step moves[] = {
    {STUB_SEND, OK "Content-Length: 5\r\n\r\nhello", 0},
    {STUB_SEND, OK "Content-Length: 5\r\n\r\nhello", 0},
    {STUB_SEND, OK "Content-Length: 5\r\n\r\nhello", 0},
    {STUB_TRICKLE, OK "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 0},
    {STUB_SEND, OK "Transfer-Encoding: chunked\r\n\r\n3\r\nab", 0},
    {STUB_SEND, OK "Content-Length: 70000\r\n\r\n", 0},
    {STUB_FILL, NULL, 70000},
    {STUB_FILL, NULL, 100},
    {STUB_SEND, OK "\r\nuntil", 0},
    {STUB_SEND, "HTTP/1.1 100 Continue\r\n\r\n", 0},
    {STUB_SEND, "HTTP/1.1 204 \r\n\r\n", 0},
    {STUB_SEND, OK "Content-Length: 5\r\nContent-Length: 6\r\n\r\n", 0},
    {STUB_SEND, "garbage", 0},
    {STUB_END, NULL, 0},
    {STUB_RESET, NULL, 0},
};

static struct stub_step scripts[SCRIPTS][2 * STEPS + 1];
static const struct stub_step *script_list[SCRIPTS];

static void write_scripts(unsigned *seed)
{
    for (size_t s = 0; s < SCRIPTS; s++) {
        for (size_t i = 0; i < STEPS; i++) {
            scripts[s][2 * i].kind = STUB_REQUEST;
            scripts[s][2 * i + 1] = moves[(size_t)rand_r(seed) % COUNT_OF(moves)];
        }
        scripts[s][2 * STEPS].kind = STUB_END;
        script_list[s] = scripts[s];
    }
}

struct storm {
    struct rig rig;
    struct told told[AT_ONCE];
    bool left[AT_ONCE];
    unsigned seed;
    size_t sent, detached, ended;
};

/* Start a call in a place that is free. */
static void send_one(struct storm *s, size_t at)
{
    static const char *const methods[] = {"GET", "POST", "HEAD", "PUT", "DELETE"};
    const char *method = methods[(size_t)rand_r(&s->seed) % COUNT_OF(methods)];
    int fate = rand_r(&s->seed) % 12;

    s->left[at] = false;
    s->told[at] = (struct told){.rig = &s->rig, .pause_once = fate == 0};
    rig_send(&s->told[at], method, "/", method[1] == 'O' || method[1] == 'U' ? "body" : NULL);
    s->sent++;
}

/* Something happens to a call under way. */
static void disturb(struct storm *s, size_t at)
{
    struct told *t = &s->told[at];

    switch (rand_r(&s->seed) % 40) {
    case 0:
        upstream_detach(t->call);
        s->left[at] = true;
        s->detached++;
        break;
    case 1:
    case 2:
        upstream_pause(t->call);
        break;
    default:
        upstream_resume(t->call);
        break;
    }
}

static void turn(struct storm *s)
{
    for (size_t i = 0; i < AT_ONCE; i++) {
        if (s->told[i].dones > 0) {
            s->told[i].dones = 0;
            s->left[i] = true;
            s->ended++;
        }
        if (!s->left[i])
            disturb(s, i);
        else if (s->sent < CALLS)
            send_one(s, i);
    }
    cr_assert_eq(h2o_evloop_run(s->rig.loop, 1), 0);
}

Test(upstream_storm, ends_every_call_once)
{
    struct storm *s = mem_alloc(sizeof(*s));
    int64_t end = clock_mono_ms() + 4 * RIG_PATIENCE_MS;

    s->seed = 5;
    write_scripts(&s->seed);
    rig_start(&s->rig, script_list, SCRIPTS, NULL);
    s->rig.config.first_byte_ms = 100;
    s->rig.config.idle_ms = 100;
    s->rig.config.keep_alive_ms = 50;
    rig_pool(&s->rig);
    for (size_t i = 0; i < AT_ONCE; i++)
        s->left[i] = true;
    while (s->ended + s->detached < CALLS / 2) {
        cr_assert_lt(clock_mono_ms(), end, "%zu of %zu ended", s->ended, s->sent);
        turn(s);
    }
    rig_stop(&s->rig); /* with many under way */
    free(s);
}
