/* SPDX-License-Identifier: Apache-2.0 */
/* The access log: one JSON object a line for each request, without a value, an identifier, a token or a
 * path of it. Loops put records into rings of their own and never wait; a thread writes them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/metrics.h"
#include "proxy/transform.h"

enum access_limits {
    ACCESS_NAME_MAX = 128, /* bytes of a name; longer ones are cut */
    ACCESS_RING = 2048     /* records that wait, a loop; more are dropped, and counted */
};

struct access_name {
    uint8_t len;
    char text[ACCESS_NAME_MAX];
};

struct access_record {
    int64_t time_ms; /* of the end */
    char request[32];
    char trace[32];            /* all zero: none */
    struct access_name route;  /* as the configuration writes it; "-" */
    struct access_name caller; /* "-" */
    struct access_name purpose;
    struct access_name domain;
    struct access_name method;
    int status; /* 0: the client left before an answer */
    uint64_t bytes_in, bytes_out;
    int64_t total_us, upstream_us, store_us; /* -1: there was none */
    uint64_t tokens;                         /* values in whose places tokens went up */
    struct reveal_counts reveals;
};

struct access_log;

/* For so many loops; writes nothing before access_log_use(). */
struct access_log *access_log_new(size_t loops);
/* Write there from now on: a file (made 0640 when it is missing, appended to), "stdout", or NULL:
 * nowhere. IO with a message when it cannot be opened, and nothing changes. Control thread. */
enum err access_log_use(struct access_log *log, const char *target, struct errmsg *msg) MUST_CHECK;
/* Open the file again by its name: it was moved away. Any thread; one that cannot be opened is logged, and
 * the old one kept. */
void access_log_reopen(struct access_log *log);
/* Is anything written? Loops. */
bool access_log_is_on(const struct access_log *log);
/* A loop's record; copied. Never waits. */
void access_log_put(struct access_log *log, size_t loop, const struct access_record *record);
/* Written, dropped for want of room, lost since they could not be written. */
void access_log_metrics(const struct access_log *log, struct metrics *m);
/* Write what is there and end. The loops have ended. */
void access_log_free(struct access_log **log);

void access_name_set(struct access_name *name, struct span text);
/* A record as it is written, with its line end. TOO_LARGE. */
enum err access_record_write(const struct access_record *record, struct buf *out) MUST_CHECK;
