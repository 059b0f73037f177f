/* SPDX-License-Identifier: Apache-2.0 */
/* The data path: listeners, routes, tokenizing requests, the upstream, revealing responses. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/conf.h"
#include "base/err.h"
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

/* Bind the listeners and start the loop threads. Settings and vault must outlive the proxy. IO with a
 * message that names the address when one cannot be bound; nothing runs then. */
enum err proxy_start(const struct proxy_settings *settings, struct vault *vault,
                     struct proxy **ret_proxy, struct errmsg *msg) MUST_CHECK;
/* The bound addresses ("127.0.0.1:8080"), for the ready line; port 0 is filled in. */
size_t proxy_address_count(const struct proxy *p);
const char *proxy_address(const struct proxy *p, size_t index);
/* Stop accepting, finish what is in flight, close idle connections; returns when all is done or after
 * deadline_ms, then ends the threads and frees. Control thread; blocks. */
void proxy_stop(struct proxy **proxy, int64_t deadline_ms);
