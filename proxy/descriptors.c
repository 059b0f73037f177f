/* SPDX-License-Identifier: Apache-2.0 */
/* File descriptors: as many as the limits of connections promise.
 * Runs on: the control thread, at start. Holds: nothing. */
#include <sys/resource.h>

#include "base/log.h"
#include "proxy/proxy_priv.h"

enum { FOR_THE_REST = 256 /* the store, listening sockets, event loops, the control socket */ };

uint64_t proxy_settings_descriptors(const struct proxy_settings *settings)
{
    uint64_t n = FOR_THE_REST + (uint64_t)settings->limits.connections;

    for (size_t i = 0; i < settings->upstream_count; i++)
        n += settings->threads * settings->upstreams[i].config.connections_max;
    return n;
}

void descriptors_raise(const struct proxy_settings *settings)
{
    rlim_t wanted = proxy_settings_descriptors(settings);
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted)
        return;
    limit.rlim_cur = wanted < limit.rlim_max ? wanted : limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < wanted)
        log_event(EV_FEW_DESCRIPTORS, F_NUM("needed", wanted), F_NUM("allowed", limit.rlim_cur));
}
