/* SPDX-License-Identifier: Apache-2.0 */
/* Another configuration for a server that runs. */
#pragma once

#include <stdint.h>
#include <uv.h>

#include "base/err.h"
#include "cli/settings.h"
#include "proxy/proxy.h"
#include "vault/vault.h"

struct reload;

struct reload_parts {
    uv_loop_t *loop;
    const char *path;       /* of the configuration */
    struct settings *first; /* what the server started with; outlives the rest */
    struct vault *vault;
    struct proxy *proxy;
    /* Called after each try, whether it succeeded or not, with what is in force; not once reload_stop() has
     * come back. Worker thread. */
    void (*done)(const struct settings *in_force, void *context);
    void *context;
};

/* Before the first request. All parts outlive it, but for the proxy: reload_stop() first. */
struct reload *reload_new(const struct reload_parts *parts);
/* Read the configuration again, check it, and put it in force; what a bad one or one that needs a
 * restart says comes back with its place, and everything stays as it was. Logs either. CANCELED: the
 * server stops. Worker thread; blocks (files, names). Any number at once, one after the other. */
enum err reload_run(struct reload *r, struct errmsg *msg) MUST_CHECK;
/* The same from the control loop: in a worker, and once more when it is asked for meanwhile. */
void reload_start(struct reload *r);
/* Call `use` with the configuration in force, which stays as long; not once reload_stop() has come back. Any thread but
 * one in reload_run(). */
void reload_with_conf(struct reload *r, void (*use)(struct conf_node root, void *argument),
                      void *argument);
/* From here on nothing is put in force. Before the proxy stops; control thread. */
void reload_stop(struct reload *r);
/* After the proxy has stopped and the control loop has ended. */
void reload_free(struct reload **r);
