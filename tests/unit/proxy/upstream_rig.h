/* SPDX-License-Identifier: Apache-2.0 */
/* A loop, a scripted upstream and a pool between them, for the tests of the upstream client. */
#pragma once

#include <criterion/criterion.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/secret.h"
#include "proxy/upstream.h"
#include "tests/support/http_stub.h"

enum { RIG_PATIENCE_MS = 20000, RIG_ADDRESSES = 3 };

struct rig {
    h2o_loop_t *loop;
    struct http_stub *stub;
    struct upstream_address addresses[RIG_ADDRESSES];
    struct upstream_config config;
    h2o_multithread_queue_t *queue;
    struct upstream_group *group;
    struct upstream_pool *pool;
};

/* What the callbacks of one call told. */
struct told {
    struct rig *rig;
    struct upstream_call *call;
    unsigned heads, dones;
    enum err result;
    int status;
    int64_t content_length;
    bool has_body;
    char headers[4096]; /* "name: value\n"... */
    char body[4096];    /* its start */
    size_t body_len;    /* all of it */
    bool pause_always, pause_once, detach_on_head, detach_on_body, detach_on_done;
    struct told *next; /* sent from on_done */
};

static inline void rig_send(struct told *t, const char *method, const char *target,
                            const char *body);

static inline void rig_on_head(struct upstream_call *call, const struct upstream_head *head,
                               void *context)
{
    struct told *t = context;
    size_t at = 0;

    cr_assert_eq(call, t->call);
    cr_assert_eq(t->dones + t->heads + t->body_len, 0, "the head comes first and once");
    t->heads++;
    t->status = head->status;
    t->content_length = head->content_length;
    t->has_body = head->has_body;
    for (size_t i = 0; i < head->header_count && at < sizeof(t->headers) - 200; i++)
        at += (size_t)snprintf(t->headers + at, sizeof(t->headers) - at, "%.*s: %.*s\n",
                               (int)head->headers[i].name.len, head->headers[i].name.at,
                               (int)head->headers[i].value.len, head->headers[i].value.at);
    if (t->pause_always || t->pause_once)
        upstream_pause(call);
    if (t->detach_on_head)
        upstream_detach(call);
}

static inline void rig_on_body(struct upstream_call *call, struct span bytes, void *context)
{
    struct told *t = context;

    cr_assert(t->heads == 1 && t->dones == 0 && bytes.len > 0);
    if (t->body_len < sizeof(t->body) - 1) {
        size_t room = sizeof(t->body) - 1 - t->body_len;

        memcpy(t->body + t->body_len, bytes.at, bytes.len < room ? bytes.len : room);
    }
    t->body_len += bytes.len;
    if (t->pause_always)
        upstream_pause(call);
    if (t->detach_on_body)
        upstream_detach(call);
}

static inline void rig_on_done(struct upstream_call *call, enum err result, void *context)
{
    struct told *t = context;

    cr_assert_eq(call, t->call);
    cr_assert_eq(t->dones, 0, "done comes once");
    t->dones++;
    t->result = result;
    t->call = NULL;
    if (t->detach_on_done)
        upstream_detach(call);
    if (t->next != NULL)
        rig_send(t->next, "GET", "/next", NULL);
}

static const struct upstream_events rig_events = {
    .on_head = rig_on_head, .on_body = rig_on_body, .on_done = rig_on_done};

/* body: NULL for a request without one. */
static inline void rig_send_headers(struct told *t, const char *method, const char *target,
                                    const char *body, const struct upstream_header *headers,
                                    size_t header_count)
{
    struct upstream_request request = {
        .method = span_str(method),
        .target = span_str(target),
        .headers = headers,
        .header_count = header_count,
        .body = body != NULL ? span_str(body) : SPAN_NONE,
        .has_body = body != NULL,
    };

    t->call = upstream_send(t->rig->pool, &request, &rig_events, t);
    cr_assert_not_null(t->call);
    cr_assert_eq(t->dones + t->heads, 0, "no callback from inside upstream_send()");
}

static inline void rig_send(struct told *t, const char *method, const char *target,
                            const char *body)
{
    rig_send_headers(t, method, target, body, NULL, 0);
}

/* Turn the loop until *count is at least n. */
static inline void rig_run_until(struct rig *r, const unsigned *count, unsigned n)
{
    int64_t end = clock_mono_ms() + RIG_PATIENCE_MS;

    while (*count < n) {
        cr_assert_lt(clock_mono_ms(), end, "the call never ended");
        cr_assert_eq(h2o_evloop_run(r->loop, 100), 0);
    }
}

/* One request from sending to its end. */
static inline struct told rig_ask(struct rig *r, const char *method, const char *body)
{
    struct told t = {.rig = r};

    rig_send(&t, method, "/", body);
    rig_run_until(r, &t.dones, 1);
    return t;
}

/* A few turns, so that what happened at sockets is noticed. */
static inline void rig_turn(struct rig *r)
{
    for (int i = 0; i < 5; i++)
        cr_assert_eq(h2o_evloop_run(r->loop, 10), 0);
}

/* Limits are generous; tests that want others change r->config before rig_pool(). */
static inline void rig_start(struct rig *r, const struct stub_step *const *scripts, size_t count,
                             struct ssl_ctx_st *tls)
{
    struct sockaddr_in address;

    *r = (struct rig){.loop = h2o_evloop_create()};
    r->queue = h2o_multithread_create_queue(r->loop);
    r->stub = http_stub_start(scripts, count, tls);
    http_stub_address(r->stub, &address);
    memcpy(&r->addresses[0].address, &address, sizeof(address));
    r->addresses[0].len = sizeof(address);
    r->config = (struct upstream_config){
        .name = (char *)"app",
        .authority = (char *)"app.test:81",
        .host = (char *)"app.test",
        .addresses = r->addresses,
        .address_count = 1,
        .connect_ms = RIG_PATIENCE_MS,
        .tls_ms = RIG_PATIENCE_MS,
        .write_ms = RIG_PATIENCE_MS,
        .response_ms = 4 * RIG_PATIENCE_MS,
        .queue_ms = RIG_PATIENCE_MS,
        .health = {.interval_ms = 10,
                   .timeout_ms = RIG_PATIENCE_MS,
                   .rise = 2,
                   .fall = 2,
                   .status_min = 200,
                   .status_max = 399},
        .first_byte_ms = RIG_PATIENCE_MS,
        .idle_ms = RIG_PATIENCE_MS,
        .keep_alive_ms = RIG_PATIENCE_MS,
        .idle_max = 8,
        .connections_max = 16,
    };
}

static inline void rig_pool(struct rig *r)
{
    r->group = upstream_group_new(&r->config);
    r->pool = upstream_pool_new(r->loop, r->queue, r->group, true);
}

/* The common case: one script for all connections. */
static inline void rig_serve(struct rig *r, const struct stub_step *const *script)
{
    rig_start(r, script, 1, NULL);
    rig_pool(r);
}

static inline void rig_pool_free(struct rig *r)
{
    upstream_pool_free(&r->pool);
    upstream_group_free(&r->group);
}

/* Ends all; the loop must end clean: libh2o asserts that no timer is left. */
static inline void rig_stop(struct rig *r)
{
    rig_pool_free(r);
    cr_assert_null(r->pool);
    http_stub_stop(&r->stub);
    h2o_multithread_destroy_queue(r->queue);
    rig_turn(r);
    free(r->queue); /* the library forgets to, on this event loop */
    h2o_evloop_destroy(r->loop);
}
