/* SPDX-License-Identifier: Apache-2.0 */
/* The operators' listener of a server, and all its figures. */
#pragma once

#include "admin/api.h"
#include "admin/http.h"
#include "base/err.h"
#include "cli/settings.h"
#include "proxy/proxy.h"

struct monitor;

/* Listen as the settings say; without a section `admin` *ret_monitor stays NULL, and the functions below do
 * nothing. Vault, proxy and API must outlive it. IO with a message. */
enum err monitor_start(struct settings *settings, const struct api *api, struct proxy *proxy,
                       struct monitor **ret_monitor, struct errmsg *msg) MUST_CHECK;
const char *monitor_address(const struct monitor *m);
/* Take certificate and key from other settings. */
void monitor_reload(struct monitor *m, const struct settings *settings);
/* Say from now on that the server is not ready. */
void monitor_drain(struct monitor *m);
void monitor_stop(struct monitor **m);
