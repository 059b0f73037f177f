/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration file as a whole. */
#pragma once

#include <stdint.h>

#include "base/conf.h"
#include "base/err.h"
#include "cli/audit_settings.h"
#include "cli/privilege.h"
#include "cli/sandbox.h"
#include "admin/http.h"
#include "keys/keys.h"
#include "proxy/proxy.h"
#include "retention/breaker.h"
#include "retention/controller.h"
#include "retention/recipients.h"
#include "retention/ropa.h"
#include "retention/request_settings.h"
#include "vault/classes.h"
#include "vault/domains.h"

struct settings {
    struct conf *conf;
    struct controller controller;
    struct breaker breaker; /* `retention.breaker` */
    struct json *ropa;      /* ropa_read() */
    struct classes classes;
    struct domains domains;
    char *store_dir;                  /* from `store: sqlite:PATH`, absolute */
    char *ledger_mirror;              /* absolute; NULL: none */
    struct keys *keys;                /* `root_key`, `root_key_previous`, `key_rotation` */
    int64_t sweep_ms;                 /* `sweep_interval` */
    struct audit_settings audit;      /* `audit` */
    struct request_settings requests; /* `requests`, `holidays`, `registers` */
    struct recipients recipients;     /* `recipients` */
    struct identity user;             /* `user` */
    enum sandbox_mode sandbox;        /* `seccomp` */
    struct proxy_settings *proxy;     /* SETTINGS_ALL only, as is the next */
    struct admin_http_settings admin;
};

/* STORE: what commands on the vault need (classes, store, root key). ALL: routes, upstreams,
 * callers and listeners too; names are resolved and the files they point to are read. */
enum settings_scope { SETTINGS_STORE, SETTINGS_ALL };

/* Read a configuration file in place (the proxy's part points to the classes: do not move it).
 * CONFIG with "FILE:LINE:COLUMN: ..." for the first mistake; empty then. settings_done() ends it.
 * Blocks. */
enum err settings_load(const char *path, enum settings_scope scope, struct settings *settings,
                       struct errmsg *msg) MUST_CHECK;
/* The same by which the process lives from now on: its calendar reckons in the controller's zone. Before any
 * thread is started. */
enum err settings_start(const char *path, enum settings_scope scope, struct settings *settings,
                        struct errmsg *msg) MUST_CHECK;
/* Empty after; fine on an empty one. */
void settings_done(struct settings *settings);
