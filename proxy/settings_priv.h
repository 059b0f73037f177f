/* SPDX-License-Identifier: Apache-2.0 */
/* What the settings say, read and checked: the proxy's part of a configuration. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/conf.h"
#include "base/err.h"
#include "proxy/caller.h"
#include "proxy/edge.h"
#include "proxy/limit_settings.h"
#include "proxy/places.h"
#include "proxy/proxy.h"
#include "proxy/route.h"
#include "proxy/trace.h"
#include "proxy/upstream.h"
#include "vault/classes.h"
#include "vault/domains.h"

enum { HSTS_TEXT_MAX = 32 };

enum settings_limits {
    SETTINGS_THREADS_MAX = 256,
    SETTINGS_NAME_MAX = 64 /* of an upstream, a caller, a purpose */
};

struct listen_def {
    char *address;          /* as it was written: "127.0.0.1:8443", "[::1]:0" */
    char *host;             /* without brackets */
    char *port;             /* digits */
    struct ssl_ctx_st *tls; /* NULL: plain */
    bool proxy_protocol;    /* a trusted proxy says first whom it brings */
    bool asks_clients;      /* for certificates */
    int *bound;             /* a socket a loop, -1 once it is in use; NULL: not bound ahead */
};

struct upstream_def {
    struct upstream_config config;
    char *base_path; /* in front of every path: "" or "/api", no '/' at its end */
};

enum subject_from {
    SUBJECT_NONE,
    SUBJECT_PATH,
    SUBJECT_QUERY,
    SUBJECT_HEADER,
    SUBJECT_BODY,   /* a field of it */
    SUBJECT_CLAIM,  /* of the JWT that names the caller */
    SUBJECT_ELEMENT /* each element of a JSON body names its own */
};

/* What becomes of a request in which something that is not declared looks like personal data. */
enum undeclared { UNDECLARED_PASS, UNDECLARED_ALERT, UNDECLARED_BLOCK };

/* The start event that a route's answers post. */
struct route_event {
    char *name;         /* NULL: none */
    uint16_t *statuses; /* of the answers that post it; NULL: 200 to 299 */
    size_t status_count;
};

struct route_def {
    char *pattern;
    char *host; /* lower case; NULL: any */
    uint32_t methods;
    size_t upstream; /* index */
    enum subject_from subject_from;
    char *subject; /* the parameter's, header's (lower case), claim's name, or what the place has */
    struct field_decl subject_field; /* SUBJECT_BODY: where; its name is `subject` */
    size_t subject_param;            /* SUBJECT_PATH: which parameter of the pattern */
    struct field_decl *request;
    size_t request_count;
    struct field_decl *response;
    size_t response_count;
    size_t body_max;
    size_t subjects_max; /* people that one answer shows */
    size_t domain;       /* index into the settings' domains */
    struct route_event event;
    enum undeclared undeclared;
    bool near_names; /* members whose names come near a declared one pass */
    bool websocket;  /* it passes; nothing is declared then */
    bool egress;     /* towards a third party: reveals requests, tokenizes answers */
    bool strict;     /* an answer shows nobody's values where the subject's name is unknown */
};

struct proxy_settings {
    const struct classes *classes;
    const struct domains *domains;
    struct listen_def *listens;
    size_t listen_count;
    size_t threads;
    struct upstream_def *upstreams;
    size_t upstream_count;
    struct caller_def *callers;
    size_t caller_count;
    char **legal; /* purposes that are legal claims (`holds`) */
    size_t legal_count;
    struct route_def *route_defs;
    size_t route_count;
    struct routes *routes;  /* ids are indices into route_defs */
    struct json *explained; /* what a request shows of itself; NULL, but for lethe explain */
    char *access_log;       /* a path or "stdout"; NULL: none */
    enum trace_mode trace;
    struct span hsts; /* what answers over TLS say; at is NULL: nothing */
    char hsts_text[HSTS_TEXT_MAX];
    bool pass_undeclared;
    size_t default_upstream; /* with pass_undeclared */
    struct limit_settings limits;
    struct edge_trust trust;
};

/* Each reads one section into the settings; what was read before an error stays there and is freed
 * with them. CONFIG with FILE:LINE:COLUMN. */
enum err settings_read_limits(struct conf_node root, struct proxy_settings *settings,
                              struct errmsg *msg) MUST_CHECK;
enum err settings_read_edge(struct conf_node root, struct proxy_settings *settings,
                            struct errmsg *msg) MUST_CHECK;
/* After the edge, which may be needed. */
enum err settings_read_listens(struct conf_node root, struct proxy_settings *settings,
                               struct errmsg *msg) MUST_CHECK;
enum err settings_read_upstreams(struct conf_node root, struct proxy_settings *settings,
                                 struct errmsg *msg) MUST_CHECK;
/* `holds`: before the callers, whose purposes it is about. */
enum err settings_read_holds(struct conf_node root, struct proxy_settings *settings,
                             struct errmsg *msg) MUST_CHECK;
enum err settings_read_callers(struct conf_node root, struct proxy_settings *settings,
                               struct errmsg *msg) MUST_CHECK;
/* After the upstreams, to which routes refer. */
enum err settings_read_routes(struct conf_node root, struct proxy_settings *settings,
                              struct errmsg *msg) MUST_CHECK;
void settings_free_edge(struct proxy_settings *settings);
enum err settings_read_operate(struct conf_node root, struct proxy_settings *settings,
                               struct errmsg *msg) MUST_CHECK;
void settings_free_listens(struct proxy_settings *settings);
/* The receiver of verified certificates (tls_peer_fn): the client's, from now on. client.c */
void client_on_certificate(void *transport, struct tls_peer *peer);
void settings_free_upstreams(struct proxy_settings *settings);
void settings_free_callers(struct proxy_settings *settings);
void settings_free_routes(struct proxy_settings *settings);

/* The `request` and `response` of a route, whose pattern is read already. CONFIG with a message. */
enum err settings_read_fields(struct conf_node map, const struct classes *classes,
                              struct route_def *route, struct errmsg *msg) MUST_CHECK;
void settings_free_fields(struct route_def *route);
/* A route's `event`, absent or not, once its subject is known. */
enum err settings_read_event(struct conf_node node, const struct proxy_settings *settings,
                             struct route_def *route, struct errmsg *msg) MUST_CHECK;
/* Is everybody whom `events` lists a caller? After the callers. */
enum err settings_check_events(struct conf_node root, const struct proxy_settings *settings,
                               struct errmsg *msg) MUST_CHECK;
/* Does a request of it hold values that are stored, so that somebody must be named? Any in this place? */
bool settings_store_values(const struct route_def *route);
bool settings_have_fields(const struct route_def *route, enum place place);
/* CONFIG with a message unless a JSONPath compiles. */
enum err settings_json_path(struct conf_node node, const char *path, bool deep, struct errmsg *msg)
    MUST_CHECK;
/* CONFIG with a message unless each JSON field of the route has elements of which this path (`@...`) is a
 * subject, and there is one. */
enum err settings_element_path(struct conf_node node, const char *path,
                               const struct route_def *route, struct errmsg *msg) MUST_CHECK;
/* Is it a header that may name a subject? */
bool settings_is_header_name(const char *name);
/* A copy in lower case (ASCII); never NULL. */
char *settings_lower_case(const char *text);

/* An upstream's URL in its parts. */
struct settings_url {
    bool https;
    char *host; /* without brackets */
    char *port;
    char *authority; /* as written */
    char *path;      /* no '/' at its end */
};

/* http://HOST[:PORT][/PATH] or https://...; false for anything else. What was read before a mistake is
 * freed with the rest. */
bool settings_url_read(const char *text, struct settings_url *url);
void settings_url_done(struct settings_url *url);
/* HOST[:PORT] or [IPV6][:PORT]; without one the port is `port`. False for anything else; then nothing is
 * in ret. */
bool settings_server_read(const char *text, const char *port, struct upstream_server *ret);

/* CONFIG unless the node, when there, is a list (ret_count: its length, 0 when absent). */
enum err settings_list(struct conf_node node, size_t *ret_count, struct errmsg *msg) MUST_CHECK;
/* A string that must be there. Borrowed from the configuration. */
enum err settings_text(struct conf_node map, const char *name, const char **ret, struct errmsg *msg)
    MUST_CHECK;
/* CONFIG unless the text is 1-SETTINGS_NAME_MAX of a-z A-Z 0-9 _ . - (names that stand in headers
 * and logs). what: for the message. */
enum err settings_name(struct conf_node node, const char *text, const char *what,
                       struct errmsg *msg) MUST_CHECK;
/* A caller's `jwt`, absent or not; the callers before it are read. CONFIG with a message. */
enum err settings_read_token(struct conf_node node, const struct proxy_settings *settings,
                             struct caller_def *def, struct errmsg *msg) MUST_CHECK;
void settings_free_token(struct caller_def *def);
/* A caller's `quota`, absent or not; its purposes are read. CONFIG with a message. */
enum err settings_read_quota(struct conf_node node, struct caller_def *def, struct errmsg *msg)
    MUST_CHECK;
/* The upstream of this name. CONFIG at `node` when there is none. */
enum err settings_upstream(struct conf_node node, const struct proxy_settings *settings,
                           size_t *ret_index, struct errmsg *msg) MUST_CHECK;
/* The domain of this name. CONFIG at `node` when there is none. */
enum err settings_domain(struct conf_node node, const char *name,
                         const struct proxy_settings *settings, size_t *ret_index,
                         struct errmsg *msg) MUST_CHECK;
