/* SPDX-License-Identifier: Apache-2.0 */
/* Names of upstreams: resolved at start and, on a thread of its own, again and again, so that an
 * upstream that moves is followed. What an egress upstream's name stands for is judged each time. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "proxy/upstream.h"

/* The addresses of one server, at most `max`; returns 0 or a getaddrinfo() status. Blocks. */
typedef int (*upstream_resolve_fn)(const struct upstream_server *server,
                                   struct upstream_address *ret, size_t max, size_t *ret_count);

/* The system's resolver. */
int upstream_resolve_system(const struct upstream_server *server, struct upstream_address *ret,
                            size_t max, size_t *ret_count);

/* May this upstream be connected to there? False for an egress upstream whose address is neither public
 * nor allowed. */
bool upstream_may_connect(const struct upstream_config *config,
                          const struct upstream_address *address);

/* Resolve all servers into config->addresses; each must give at least one address that may be connected
 * to. CONFIG with a message and the server it is about (ret_server). Blocks. */
enum err upstream_resolve_config(struct upstream_config *config, upstream_resolve_fn resolve,
                                 size_t *ret_server, struct errmsg *msg) MUST_CHECK;

/* The thread that resolves again; it starts with the first job. */
struct upstream_resolver;
struct upstream_resolver_job;

struct upstream_resolver *upstream_resolver_new(upstream_resolve_fn resolve);
/* All jobs are removed. Does not wait for a name server: a thread that does is left to itself. */
void upstream_resolver_free(struct upstream_resolver **resolver);
/* Resolve the config's names every resolve_ms and publish what they stand for in the group. A name that
 * fails keeps its addresses, as does one that stands for nothing that is allowed. NULL when there is
 * nothing to do: addresses only, or resolve_ms is 0. Control thread. */
struct upstream_resolver_job *upstream_resolver_add(struct upstream_resolver *resolver,
                                                    const struct upstream_config *config,
                                                    struct upstream_group *group);
/* Config and group are not touched any more afterwards. Any thread; NULL inside is fine. */
void upstream_resolver_remove(struct upstream_resolver_job **job);
