/* SPDX-License-Identifier: Apache-2.0 */
/* `limits` of a configuration: what one client, and all of them, may take. */
#pragma once

#include <stdint.h>

#include "base/meter.h"

/* Counts and bytes; milliseconds where the name says so; rates in bytes a second. */
struct limit_settings {
    int64_t head;         /* bytes of a request head */
    int64_t headers;      /* its fields */
    int64_t body;         /* bytes of a request body */
    int64_t json_depth;   /* levels of a request body */
    int64_t json_members; /* of one object in it */
    int64_t connections;
    int64_t connections_per_client;
    int64_t requests; /* being served by one loop */
    int64_t buffered; /* bytes of bodies and answers that wait for slow clients */
    int64_t head_ms;  /* from its first byte to its last */
    int64_t idle_ms;  /* between requests, and before the first */
    int64_t body_ms;  /* that a body may stand still, or fall behind body_rate */
    int64_t body_rate;
    int64_t write_ms; /* that an answer may stand still, or fall behind write_rate */
    int64_t write_rate;
    struct meter_rate client_rate; /* requests of one client */
    struct meter_rate caller_rate; /* requests of one caller */
};
