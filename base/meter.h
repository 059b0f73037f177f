/* SPDX-License-Identifier: Apache-2.0 */
/* What each client and caller uses: connections open now, and requests over time (a token bucket).
 * A fixed number of entries; the one unused longest makes room, which gives back at most a full
 * bucket. Any thread; takes a lock for the time of one look-up. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/conf.h"
#include "base/err.h"

/* `requests` in each `per_ms`, and `burst` at once. */
struct meter_rate {
    uint32_t requests; /* 0: without limit */
    int64_t per_ms;
    uint32_t burst;
};

struct meter_key {
    uint8_t kind; /* apart: a client, a caller */
    uint8_t bytes[16];
};

/* {requests: 100, per: 1s, burst: 200}; an absent node leaves *ret alone. CONFIG with its place. */
enum err meter_rate_read(struct conf_node node, struct meter_rate *ret, struct errmsg *msg)
    MUST_CHECK;

struct meters;

/* Room for `count` keys. Free with meters_free(). */
struct meters *meters_new(size_t count);
void meters_free(struct meters **meters);

/* A client is its IPv4 address, or the /64 network of an IPv6 one: whoever has one has all of it. */
struct meter_key meter_client(const struct address *address);
struct meter_key meter_caller(size_t index);
/* Of the same client, what it does wrong. */
struct meter_key meter_failure(const struct address *address);

/* Count one more connection; false (and not counted) when there are `most`, or no room for another
 * key. Each counted one is uncounted once. */
bool meters_connect(struct meters *meters, const struct meter_key *key, size_t most) MUST_CHECK;
void meters_disconnect(struct meters *meters, const struct meter_key *key);

/* Take one request from the bucket: 0, or the milliseconds until there will be one. */
int64_t meters_take(struct meters *meters, const struct meter_key *key,
                    const struct meter_rate *rate, int64_t now_ms) MUST_CHECK;
