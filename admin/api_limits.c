/* SPDX-License-Identifier: Apache-2.0 */
/* How much of the admin API one client and one token may take.
 * Runs on: the listener's pool. Holds: meters of clients and tokens; the rates in force. Invariant: what one client
 * does wrong keeps nobody else out, and no right token is refused for it: failures are counted after the token was
 * looked for, which takes the same time for all. Not here: one-time codes (admin/access.c). */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "admin/api_priv.h"
#include "base/assert.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/meter.h"

enum { METERS = 4096, MS_IN_S = 1000, RECORDS_PER_S = 100 };

struct api_limits {
    struct meters *meters;
    pthread_mutex_t lock; /* of what follows */
    struct api_settings settings;
    int64_t second;     /* by the monotonic clock */
    unsigned recorded;  /* refusals in it */
    uint64_t forgotten; /* since the last that was recorded */
};

struct api_limits *api__limits_new(const struct api_settings *settings)
{
    struct api_limits *limits = mem_alloc(sizeof(*limits));

    limits->meters = meters_new(METERS);
    limits->settings = *settings;
    REQUIRE(pthread_mutex_init(&limits->lock, NULL) == 0);
    return limits;
}

void api__limits_free(struct api_limits **limitsp)
{
    struct api_limits *limits = TAKE(*limitsp);

    if (limits == NULL)
        return;
    meters_free(&limits->meters);
    api_settings_done(&limits->settings);
    (void)pthread_mutex_destroy(&limits->lock);
    free(limits);
}

void api__limits_use(struct api_limits *limits, const struct api_settings *settings)
{
    (void)pthread_mutex_lock(&limits->lock);
    limits->settings = *settings;
    (void)pthread_mutex_unlock(&limits->lock);
}

static struct api_rates in_force(struct api_limits *limits)
{
    struct api_rates rates;

    (void)pthread_mutex_lock(&limits->lock);
    rates = limits->settings.rates;
    (void)pthread_mutex_unlock(&limits->lock);
    return rates;
}

struct api_streams api__streams(const struct api *api)
{
    struct api_limits *limits = api->state->limits;
    struct api_streams streams;

    (void)pthread_mutex_lock(&limits->lock);
    streams = limits->settings.streams;
    (void)pthread_mutex_unlock(&limits->lock);
    return streams;
}

void api__chat_settings(const struct api *api, struct api_chat *ret)
{
    struct api_limits *limits = api->state->limits;

    (void)pthread_mutex_lock(&limits->lock);
    *ret = limits->settings.chat;
    (void)pthread_mutex_unlock(&limits->lock);
}

/* ---- taking ---- */

static enum err take(struct call *c, const struct meter_key *key, const struct meter_rate *rate,
                     const char *what)
{
    const int64_t wait_ms = meters_take(c->api->state->limits->meters, key, rate, clock_mono_ms());

    if (wait_ms == 0)
        return ERR_OK;
    c->retry_s = (wait_ms + MS_IN_S - 1) / MS_IN_S;
    return errmsg_set(&c->msg, ERR_LIMIT, "too many requests %s", what);
}

/* Nobody's when it cannot be read: those share one meter. */
static struct address address_of_peer(const struct call *c)
{
    struct address address;

    return address_parse(c->request->peer, &address) == ERR_OK ? address
                                                               : (struct address){.known = false};
}

enum err api__admit_client(struct call *c)
{
    const struct api_rates rates = in_force(c->api->state->limits);
    const struct address address = address_of_peer(c);
    const struct meter_key key = meter_client(&address);

    return take(c, &key, &rates.client, "from this address");
}

enum err api__admit_token(struct call *c)
{
    const struct api_rates rates = in_force(c->api->state->limits);
    const struct meter_key key = meter_caller((size_t)c->who.number);
    const bool is_person = c->who.role != ACCESS_APP;

    return take(c, &key, is_person ? &rates.person : &rates.app, "with this token");
}

enum err api__count_failure(struct call *c)
{
    const struct api_rates rates = in_force(c->api->state->limits);
    const struct address address = address_of_peer(c);
    const struct meter_key key = meter_failure(&address);
    const enum err e = take(c, &key, &rates.failures, "without a token from this address");

    return e == ERR_OK ? ERR_UNAUTHORIZED : e;
}

/* ---- records of refusals ---- */

bool api__may_record(struct call *c, enum err e, uint64_t *ret_more)
{
    struct api_limits *limits = c->api->state->limits;
    const int64_t second = clock_mono_ms() / MS_IN_S;
    bool may;

    *ret_more = 0;
    if (e != ERR_LIMIT && e != ERR_UNAUTHORIZED)
        return true;
    (void)pthread_mutex_lock(&limits->lock);
    if (limits->second != second) {
        limits->second = second;
        limits->recorded = 0;
    }
    may = limits->recorded < RECORDS_PER_S;
    if (may) {
        limits->recorded++;
        *ret_more = limits->forgotten;
        limits->forgotten = 0;
    } else {
        limits->forgotten++;
    }
    (void)pthread_mutex_unlock(&limits->lock);
    return may;
}
