/* SPDX-License-Identifier: Apache-2.0 */
/* The operators' listener.
 * Runs on: a thread of its own (base/http_server.h); settings are exchanged by any. Holds: the server,
 * the hash of the scrapers' key. Invariant: the table says what each path needs, and nothing is
 * answered that is not in it. Not here: what is counted (metrics_*.c of each folder), the API. */
#include "admin/http.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "admin/api.h"
#include "admin/links.h"
#include "base/assert.h"
#include "base/conf_key.h"
#include "base/http_server.h"
#include "base/mem.h"
#include "base/tls.h"

/* They mostly wait for the disk, and what waits together is written together. */
enum { WORKERS = 16 };

struct admin_http {
    struct admin_http_parts parts;
    struct http_server *server;
    struct links *links; /* NULL: none are served */
    atomic_bool draining;
    pthread_mutex_t lock; /* of what follows */
    bool has_key;
    uint8_t key_hash[SECRET_HASH_BYTES];
};

/* ---- settings ---- */

/* Nobody else on the network can reach it. */
static bool is_loopback(const char *host)
{
    struct in6_addr v6;
    struct in_addr v4;

    if (inet_pton(AF_INET, host, &v4) == 1)
        return ntohl(v4.s_addr) >> 24 == 127;
    if (inet_pton(AF_INET6, host, &v6) == 1)
        return IN6_IS_ADDR_LOOPBACK(&v6);
    return strcmp(host, "localhost") == 0;
}

static enum err read_section(struct conf_node node, struct admin_http_settings *s,
                             struct errmsg *msg)
{
    static const char *const keys[] = {"address",        "tls",    "metrics_key", "four_eyes",
                                       "approval_delay", "limits", "chat",        NULL};
    static const char *const tls_keys[] = {"certificate", "key", "client_ca", "client_certificates",
                                           NULL};
    bool asks = false;
    struct conf_node address, tls = conf_get(node, "tls"), key = conf_get(node, "metrics_key");
    const char *text = NULL;
    enum err e = conf_only(node, keys, msg);

    if (e == ERR_OK)
        e = conf_need(node, "address", &address, msg);
    if (e == ERR_OK)
        e = conf_str(address, &text, msg);
    if (e != ERR_OK)
        return e;
    if (!http_address_split(text, &s->host, &s->port))
        return conf_fail(address, msg,
                         "an address is HOST:PORT or [IPV6]:PORT; port 0 takes any free one");
    s->address = mem_strdup(text);
    if (conf_has(tls))
        e = http_tls_read_of(tls, tls_keys, &s->tls, msg);
    if (e == ERR_OK && conf_has(tls))
        e = http_tls_read_clients(tls, s->tls, http_server_take_certificate, &asks, msg);
    s->has_key = conf_has(key);
    if (e == ERR_OK && s->has_key)
        e = conf_key_hash(key, s->key_hash, msg);
    if (e == ERR_OK)
        e = conf_bool(conf_get(node, "four_eyes"), &s->four_eyes, msg);
    if (e == ERR_OK)
        e = conf_duration_ms(conf_get(node, "approval_delay"), &s->approval_delay_ms, msg);
    if (e == ERR_OK)
        e = api_settings_read(node, &s->api, msg);
    if (e == ERR_OK && !is_loopback(s->host) && (s->tls == NULL || !s->has_key))
        e = conf_fail(address, msg,
                      "an address that others can reach needs \"tls\" and \"metrics_key\"");
    return e;
}

enum err admin_http_read(struct conf_node root, struct admin_http_settings *ret, struct errmsg *msg)
{
    struct conf_node node = conf_get(root, "admin");
    struct admin_http_settings s = {.address = NULL, .four_eyes = true};
    enum err e = conf_has(node) ? read_section(node, &s, msg) : ERR_OK;

    if (e == ERR_OK)
        *ret = s;
    else
        admin_http_settings_done(&s);
    return e;
}

enum err admin_http_bind(struct admin_http_settings *s, struct errmsg *msg)
{
    const struct http_address address = {s->address, s->host, s->port};
    enum err e = s->address == NULL ? ERR_OK : http_listen(&address, &s->bound, 1, msg);

    s->is_bound = s->address != NULL && e == ERR_OK;
    return e;
}

void admin_http_settings_done(struct admin_http_settings *s)
{
    if (s->is_bound)
        (void)close(s->bound);
    free(s->address);
    free(s->host);
    free(s->port);
    tls_free(&s->tls);
    api_settings_done(&s->api);
    *s = (struct admin_http_settings){.address = NULL};
}

/* ---- what is served ---- */

static void say(struct http_answer *answer, int status, const char *text)
{
    answer->status = status;
    if (buf_append(&answer->body, text, strlen(text)) != ERR_OK)
        answer->status = 500;
}

static void serve_health(struct admin_http *http UNUSED, struct http_answer *answer)
{
    say(answer, 200, "ok\n");
}

/* Would a request that wants tokens be served? */
static void serve_ready(struct admin_http *http, struct http_answer *answer)
{
    enum err e = vault_may_serve(http->parts.vault);

    if (atomic_load(&http->draining))
        say(answer, 503, "draining\n");
    else if (e != ERR_OK)
        say(answer, 503, e == ERR_SEALED ? "sealed\n" : "storage failed\n");
    else
        say(answer, 200, "ready\n");
}

static void serve_metrics(struct admin_http *http, struct http_answer *answer)
{
    struct metrics m;

    answer->status = 200;
    answer->content_type = "text/plain; version=0.0.4; charset=utf-8";
    metrics_begin(&m, &answer->body);
    http->parts.collect(&m, http->parts.context);
    if (metrics_end(&m) != ERR_OK) {
        buf_reset(&answer->body);
        answer->status = 500;
    }
}

/* What a request must bring. */
enum need { NEED_NOTHING, NEED_METRICS_KEY };

static const struct page {
    const char *path;
    enum need need;
    void (*serve)(struct admin_http *http, struct http_answer *answer);
} pages[] = {
    {"/healthz", NEED_NOTHING, serve_health},
    {"/readyz", NEED_NOTHING, serve_ready},
    {"/metrics", NEED_METRICS_KEY, serve_metrics},
};

/* "Bearer KEY" (RFC 6750 2.1). */
static bool is_key(struct admin_http *http, struct span authorization)
{
    static const char scheme[] = "Bearer ";
    const size_t len = sizeof(scheme) - 1;
    uint8_t hash[SECRET_HASH_BYTES];
    bool ok;

    (void)pthread_mutex_lock(&http->lock);
    if (!http->has_key) {
        ok = true;
    } else if (authorization.at == NULL || authorization.len <= len ||
               strncasecmp(authorization.at, scheme, len) != 0) {
        ok = false;
    } else {
        secret_hash(authorization.at + len, authorization.len - len, hash);
        ok = secret_equal(hash, http->key_hash, sizeof(hash));
    }
    (void)pthread_mutex_unlock(&http->lock);
    return ok;
}

static bool is_site(const struct admin_http *http, const struct http_request *request)
{
    return http->parts.site != NULL && http->parts.site_has(request->path);
}

/* The API's operations, links and pages block; what a balancer or scraper asks does not wait for them. */
static bool is_slow(const struct http_request *request, void *context)
{
    const struct admin_http *http = context;

    return (http->parts.api != NULL && api_has(request->path)) ||
           (http->links != NULL && links_has(request->path)) || is_site(http, request);
}

static void on_request(const struct http_request *request, struct http_answer *answer,
                       void *context)
{
    struct admin_http *http = context;
    const struct page *page = NULL;

    if (http->links != NULL && links_has(request->path)) {
        links_serve(http->links, request, answer);
        return;
    }
    if (is_site(http, request)) {
        http->parts.serve_site(request, answer, http->parts.site);
        return;
    }
    if (is_slow(request, http)) {
        api_serve(http->parts.api, request, answer);
        return;
    }
    for (size_t i = 0; i < COUNT_OF(pages); i++)
        if (span_equal(request->path, span_str(pages[i].path)))
            page = &pages[i];
    if (page == NULL) {
        say(answer, 404, "not found\n");
    } else if (request->body.at != NULL) {
        say(answer, 400, "no body is taken\n");
    } else if (!span_equal(request->method, SPAN_LIT("GET")) &&
               !span_equal(request->method, SPAN_LIT("HEAD"))) {
        http_answer_field(answer, "allow", "GET, HEAD");
        say(answer, 405, "not allowed\n");
    } else if (page->need == NEED_METRICS_KEY &&
               !is_key(http, request->fields[HTTP_AUTHORIZATION])) {
        http_answer_field(answer, "www-authenticate", "Bearer");
        say(answer, 401, "not known\n");
    } else {
        page->serve(http, answer);
    }
}

/* ---- starting and stopping ---- */

static void use_key(struct admin_http *http, const struct admin_http_settings *settings)
{
    (void)pthread_mutex_lock(&http->lock);
    http->has_key = settings->has_key;
    memcpy(http->key_hash, settings->key_hash, sizeof(http->key_hash));
    (void)pthread_mutex_unlock(&http->lock);
}

static void free_http(struct admin_http *http)
{
    links_free(&http->links);
    (void)pthread_mutex_destroy(&http->lock);
    free(http);
}

/* A stream may be longer than other requests. */
static size_t body_max(const struct admin_http_settings *s)
{
    return s->api.streams.bytes > API_BODY_MAX ? (size_t)s->api.streams.bytes : API_BODY_MAX;
}

enum err admin_http_start(const struct admin_http_parts *parts, struct admin_http **ret_http,
                          struct errmsg *msg)
{
    struct admin_http_settings *s = parts->settings;
    struct admin_http *http = mem_alloc(sizeof(*http));
    const struct http_server_options options = {.address = {s->address, s->host, s->port},
                                                .bound = s->is_bound ? &s->bound : NULL,
                                                .tls = s->tls,
                                                .handler = on_request,
                                                .context = http,
                                                .is_slow = is_slow,
                                                .workers = WORKERS,
                                                .body_max = body_max(s)};
    enum err e;

    http->parts = *parts;
    http->parts.settings = NULL;
    if (parts->api != NULL && parts->api->admin->exports != NULL)
        http->links = links_new(parts->api->admin->exports);
    REQUIRE(pthread_mutex_init(&http->lock, NULL) == 0);
    use_key(http, s);
    s->is_bound = false; /* the server's now */
    e = http_server_start(&options, &http->server, msg);
    if (e != ERR_OK)
        free_http(http);
    else
        *ret_http = http;
    return e;
}

const char *admin_http_address(const struct admin_http *http)
{
    return http_server_address(http->server);
}

void admin_http_reload(struct admin_http *http, const struct admin_http_settings *settings)
{
    use_key(http, settings);
    http_server_use_tls(http->server, settings->tls);
}

void admin_http_drain(struct admin_http *http)
{
    atomic_store(&http->draining, true);
}

void admin_http_stop(struct admin_http **httpp)
{
    struct admin_http *http = TAKE(*httpp);

    if (http == NULL)
        return;
    http_server_stop(&http->server);
    free_http(http);
}
