/* SPDX-License-Identifier: Apache-2.0 */
/* What an upstream's pools are doing, to be shown: nothing here comes from a request. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/endpoint.h"

enum { UPSTREAM_ADDRESSES_MAX = 64 };

/* Counters begin at 0 with each configuration that is put in force, and with an address that is new. */
struct upstream_address_state {
    char address[ENDPOINT_TEXT_MAX];
    bool down;     /* health checks say so */
    bool ejected;  /* too many requests in a row failed there */
    uint32_t open; /* connections, all loops */
    uint32_t idle; /* of these */
    uint64_t requests;
    uint64_t failures; /* requests and attempts to connect */
    uint64_t timeouts; /* of these */
};

struct upstream_state {
    const char *name;    /* the settings' */
    uint32_t concurrent; /* with a limit only */
    uint32_t queued;     /* waiting for their turn */
    uint64_t refused;    /* turned away: neither turn nor place in the queue */
    size_t address_count;
    struct upstream_address_state addresses[UPSTREAM_ADDRESSES_MAX];
};
