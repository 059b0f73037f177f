/* SPDX-License-Identifier: Apache-2.0 */
/* What providers share that keep the root key in an envelope file, wrapped by something elsewhere.
 * A line's bytes are a check value of the root key (BLAKE2b-256 over a label, the epoch and the
 * key) and behind it what the wrapper made of the key, so that a service which gives back another
 * key is found out before anything is opened with it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/conf.h"
#include "keys/envelope.h"
#include "vault/rootkey.h"

enum { KEYS_WRAPPED_MAX = ENVELOPE_BYTES_MAX - 32 };

/* A line's bytes without the check value. */
struct keys_wrapped {
    uint32_t epoch;
    size_t len;
    uint8_t bytes[KEYS_WRAPPED_MAX];
};

struct keys_wrapper {
    const char *path; /* the envelope */
    const char *scheme;
    /* Make `out` of a new key; out->epoch is set. `newest`: of the lines that are there; NULL: it is
     * the first. Anything but OK fails an add(). */
    enum err (*wrap)(void *context, const struct keys_wrapped *newest, const uint8_t *key,
                     struct keys_wrapped *out, struct errmsg *msg);
    /* `key`: ROOT_KEY_BYTES in guarded memory. */
    enum err (*unwrap)(void *context, const struct keys_wrapped *in, uint8_t *key,
                       struct errmsg *msg);
    void *context;
};

/* provider_ops.load and .add on it. Whatever the wrapper fails with becomes SEALED, but for
 * UNSUPPORTED in add(), and its message stands. add() unwraps what it wrapped before it writes it
 * down. */
enum err keys__wrapped_load(const struct keys_wrapper *w, struct root_keys *ret, struct errmsg *msg)
    MUST_CHECK;
enum err keys__wrapped_add(const struct keys_wrapper *w, uint32_t epoch, struct root_key *ret,
                           struct errmsg *msg) MUST_CHECK;
/* Unwrap the newest line and forget it: whether the service would still give it. The wrapper's own
 * error; SEALED when the envelope cannot be read or is missing. */
enum err keys__wrapped_try(const struct keys_wrapper *w, struct errmsg *msg) MUST_CHECK;
/* The lines, without their check values. Errors as envelope_read(). ret: [ROOT_KEYS_MAX]. */
enum err keys__wrapped_lines(const struct keys_wrapper *w, struct keys_wrapped *ret,
                             size_t *ret_count, struct errmsg *msg) MUST_CHECK;

/* Members of a provider's map. A path is made absolute by the configuration's folder; *ret stays as
 * it is when the member is absent. ret: free(). */
enum err keys__conf_path(struct conf_node map, const char *name, char **ret, struct errmsg *msg)
    MUST_CHECK;
/* A duration between two bounds, both named in the message. */
enum err keys__conf_span_ms(struct conf_node map, const char *name, int64_t min_ms, int64_t max_ms,
                            int64_t *ret, struct errmsg *msg) MUST_CHECK;

/* For how long Lethe goes on without its key service: what `lease` in the configuration says. */
static const int64_t KEYS_LEASE_DEFAULT_MS = 3600000, KEYS_LEASE_MIN_MS = 1000,
                     KEYS_LEASE_MAX_MS = 30 * INT64_C(86400000);
/* When to ask again: a third of the lease, but within a second and a minute. After a failure sooner.
 */
int64_t keys__again_ms(int64_t lease_ms, bool failed);
