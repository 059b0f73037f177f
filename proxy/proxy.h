/* SPDX-License-Identifier: Apache-2.0 */
/* The data path: listeners, routes, tokenizing requests, the upstream, revealing responses. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/conf.h"
#include "base/err.h"
#include "proxy/caller_state.h"
#include "proxy/upstream_state.h"
#include "base/metrics.h"
#include "vault/classes.h"
#include "vault/vault.h"

struct proxy_settings;
struct proxy;

/* Read `listen`, `threads`, `upstreams`, `callers`, `routes`, `default` from the root of a
 * configuration: files named there (certificates, caller keys) are read, upstream names resolved.
 * CONFIG with FILE:LINE:COLUMN. Classes and domains must outlive the settings. Blocks. */
enum err proxy_settings_read(struct conf_node root, const struct classes *classes,
                             const struct domains *domains, struct proxy_settings **ret_settings,
                             struct errmsg *msg) MUST_CHECK;
void proxy_settings_free(struct proxy_settings **settings);
/* How many file descriptors a process may need that serves by these. */
uint64_t proxy_settings_descriptors(const struct proxy_settings *settings);

/* Bind the listeners ahead, as long as the process may: proxy_start() takes the sockets over, and freeing the settings
 * closes what is left of them. IO with a message that names the address. */
enum err proxy_settings_bind(struct proxy_settings *settings, struct errmsg *msg) MUST_CHECK;

/* Bind the listeners and start the loop threads. Vault and settings must outlive the proxy, or the
 * settings until they were given back (proxy_on_released()). IO with a message that names the address when one cannot be bound; nothing runs then. */
enum err proxy_start(const struct proxy_settings *settings, struct vault *vault,
                     struct proxy **ret_proxy, struct errmsg *msg) MUST_CHECK;
/* Settings that nobody uses any more, given back for freeing. Any thread; must not block. */
typedef void (*proxy_released_fn)(const struct proxy_settings *settings, void *context);
/* Ask to be told. Before the first proxy_reload(). */
void proxy_on_released(struct proxy *p, proxy_released_fn released, void *context);
/* Put other settings in force without dropping a connection: requests that come from now on see the new
 * ones, those under way end under the old ones. Listening addresses that stay keep their sockets (and
 * get the new certificates), new ones are bound, those that went are closed and their connections end
 * after the request under way. The number of threads stays. Errors with a message; the old settings
 * stay in force then, and the new ones are not held. One at a time; blocks shortly. */
enum err proxy_reload(struct proxy *p, const struct proxy_settings *settings, struct errmsg *msg)
    MUST_CHECK;
/* How each upstream of the settings in force is doing, in their order: addresses with what health checks
 * and failures say, connections, counters. Any thread but a loop's; shortly takes locks that loops seldom want. */
typedef void (*proxy_upstream_fn)(const struct upstream_state *state, void *context);
void proxy_read_upstreams(struct proxy *p, proxy_upstream_fn each, void *context);
/* What each caller of the settings in force has used of its quotas, in their order. As proxy_read_upstreams(). */
void proxy_read_callers(struct proxy *p, caller_state_fn each, void *context);
/* The access log was moved away: begin it anew under its name. Not while the proxy is being stopped. */
void proxy_reopen_logs(struct proxy *p);
/* All figures of the data path. Any thread but a loop's, until the proxy stops. */
void proxy_metrics(struct proxy *p, struct metrics *m);
/* The bound addresses ("127.0.0.1:8080"), for the ready line; port 0 is filled in. */
size_t proxy_address_count(const struct proxy *p);
const char *proxy_address(const struct proxy *p, size_t index);
/* Stop accepting, finish what is in flight, close idle connections; returns when all is done or after
 * deadline_ms, then ends the threads. Figures can still be read. Control thread; blocks. */
void proxy_drain(struct proxy *p, int64_t deadline_ms);
/* The same, if it was not done, and free. */
void proxy_stop(struct proxy **proxy, int64_t deadline_ms);
