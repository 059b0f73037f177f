/* SPDX-License-Identifier: Apache-2.0 */
/* A whole proxy for component tests: a real store in a folder of its own, a scripted upstream, and
 * clients that speak in raw bytes. */
#pragma once

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/conf.h"
#include "base/log.h"
#include "base/secret.h"
#include "proxy/proxy.h"
#include "tests/support/http_stub.h"
#include "tests/support/scratch.h"
#include "vault/rootkey.h"
#include "vault/vault.h"

enum { RIG_PATIENCE_MS = 20000, RIG_ANSWER_MAX = 1 << 20 };

struct rig {
    struct scratch scratch;
    struct http_stub *stub;
    struct conf *conf;
    struct classes classes;
    struct domains domains;
    struct root_keys roots;
    struct vault *vault;
    struct proxy_settings *settings;
    struct proxy *proxy;
    struct errmsg msg;
    int log; /* what was logged; read it with rig_log() */
    uint16_t port;
};

/* The configuration of a test, around its routes. `desk` may see much, `clerk` has two purposes,
 * `crm` sees one domain. */
static const char rig_head[] =
    "listen: [{address: \"127.0.0.1:0\"%s}]\n"
    "threads: %d\n"
    "upstreams: {app: {url: \"http://127.0.0.1:%u%s\"%s}}\n"
    "domains: [crm, analytics]\n"
    "classes:\n"
    "  email: {format: email, deterministic: true, identifies: true, purposes: [account, support],"
    " basis: \"6(1)(b)\", retain: {period: P2Y, from: created}}\n"
    "  phone: {format: opaque, deterministic: true, purposes: [support], basis: \"6(1)(b)\","
    " retain: {period: P1Y, from: created}}\n"
    "  note: {format: opaque, purposes: [support], basis: \"6(1)(f)\","
    " retain: {period: P90D, from: created}}\n"
    "%s"
    "callers:\n"
    "  desk: {key: file:desk.key, purposes: [support],"
    " reveal: {phone: value, email: mask, note: value%s}}\n"
    "  clerk: {key: file:clerk.key, purposes: [account, support], reveal: {email: value}}\n"
    "  crm: {key: file:crm.key, purposes: [support], domains: [crm],"
    " reveal: {phone: value, email: value, note: value}}\n";

#define DESK_KEY  "desk-key-desk-key-desk"
#define CLERK_KEY "clerk-key-clerk-key-clerk"
#define CRM_KEY   "crm-key-crm-key-crm-key"

struct rig_options {
    const struct stub_step *const *scripts; /* of the upstream; NULL: it answers 200 "ok" */
    size_t script_count;
    const char *routes;  /* the rest of the configuration */
    const char *classes; /* more of them, for purpose support; whole lines */
    const char *reveal;  /* what the desk sees of these: ", pan: value" */
    int threads;         /* 0: one */
    const char *listen;  /* more members of the listener: ", tls: ..." */
    const char *base_path;
    const char *upstream; /* more members of it: ", idle_timeout: 1s" */
    bool no_upstream;     /* nothing listens at its port */
};

static const struct stub_step rig_ok_script[] = {
    {STUB_REQUEST, NULL, 0},
    {STUB_SEND, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok", 0},
    {STUB_AGAIN, NULL, 0}};
static const struct stub_step *const rig_ok[] = {rig_ok_script};

static inline void rig_must(const struct rig *r, enum err e)
{
    cr_assert_eq(e, ERR_OK, "%s: %s", err_name(e), r->msg.text);
}

static inline void rig_store(struct rig *r)
{
    struct vault_options options = {
        .roots = &r->roots, .classes = &r->classes, .domains = &r->domains};

    r->roots = (struct root_keys){{{1, secret_alloc(ROOT_KEY_BYTES)}}, 1};
    secret_random(r->roots.at[0].bytes, ROOT_KEY_BYTES);
    rig_must(
        r, vault_create(scratch_path(&r->scratch, "store"), root_keys_newest(&r->roots), &r->msg));
    options.dir = scratch_path(&r->scratch, "store");
    rig_must(r, vault_open(&options, &r->vault, &r->msg));
}

static inline void rig_settings(struct rig *r, const struct rig_options *o, uint16_t upstream)
{
    char *yaml = mem_alloc(65536), name[64];
    int len = snprintf(
        yaml, 65536, rig_head, o->listen == NULL ? "" : o->listen, o->threads == 0 ? 1 : o->threads,
        upstream, o->base_path == NULL ? "" : o->base_path, o->upstream == NULL ? "" : o->upstream,
        o->classes == NULL ? "" : o->classes, o->reveal == NULL ? "" : o->reveal);

    scratch_write(scratch_path(&r->scratch, "desk.key"), 0, DESK_KEY, strlen(DESK_KEY));
    scratch_write(scratch_path(&r->scratch, "clerk.key"), 0, CLERK_KEY, strlen(CLERK_KEY));
    scratch_write(scratch_path(&r->scratch, "crm.key"), 0, CRM_KEY, strlen(CRM_KEY));
    cr_assert_lt(snprintf(yaml + len, 65536 - (size_t)len, "%s", o->routes), 65536 - len);
    (void)snprintf(name, sizeof(name), "%s/lethe.yaml", r->scratch.dir);
    rig_must(r, conf_parse(name, span_str(yaml), &r->conf, &r->msg));
    rig_must(r, classes_read(conf_get(conf_root(r->conf), "classes"), &r->classes, &r->msg));
    rig_must(r, classes_read_events(conf_get(conf_root(r->conf), "events"), &r->classes, &r->msg));
    rig_must(r, domains_read(conf_get(conf_root(r->conf), "domains"), &r->domains, &r->msg));
    rig_must(r, proxy_settings_read(conf_root(r->conf), &r->classes, &r->domains, &r->settings,
                                    &r->msg));
    free(yaml);
}

/* A port where nothing listens. */
static inline uint16_t rig_dead_port(void)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(in);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    cr_assert_eq(bind(fd, (struct sockaddr *)&in, len), 0);
    cr_assert_eq(getsockname(fd, (struct sockaddr *)&in, &len), 0);
    close(fd);
    return ntohs(in.sin_port);
}

static inline void rig_start(struct rig *r, const struct rig_options *o)
{
    struct sockaddr_in in = {0};

    *r = (struct rig){.scratch = scratch_new()};
    (void)signal(SIGPIPE, SIG_IGN);
    r->log = open(scratch_path(&r->scratch, "log"), O_RDWR | O_CREAT | O_CLOEXEC | O_APPEND, 0600);
    log_set_fd(r->log);
    if (!o->no_upstream) {
        r->stub = http_stub_start(o->scripts == NULL ? rig_ok : o->scripts,
                                  o->scripts == NULL ? 1 : o->script_count, NULL);
        http_stub_address(r->stub, &in);
    }
    rig_settings(r, o, o->no_upstream ? rig_dead_port() : ntohs(in.sin_port));
    rig_store(r);
    rig_must(r, proxy_start(r->settings, r->vault, &r->proxy, &r->msg));
    cr_assert_eq(proxy_address_count(r->proxy), 1);
    r->port = (uint16_t)strtoul(strrchr(proxy_address(r->proxy, 0), ':') + 1, NULL, 10);
}

static inline void rig_stop(struct rig *r)
{
    proxy_stop(&r->proxy, RIG_PATIENCE_MS);
    http_stub_stop(&r->stub);
    proxy_settings_free(&r->settings);
    vault_close(&r->vault);
    root_keys_done(&r->roots);
    classes_done(&r->classes);
    domains_done(&r->domains);
    conf_free(&r->conf);
    log_set_fd(2);
    close(r->log);
    scratch_remove(&r->scratch);
}

/* What was logged until now; static. */
static inline const char *rig_log(struct rig *r)
{
    static char text[65536];
    ssize_t n = pread(r->log, text, sizeof(text) - 1, 0);

    text[n < 0 ? 0 : n] = '\0';
    return text;
}

/* ---- clients ---- */

static inline int rig_connect(const struct rig *r)
{
    const struct sockaddr_in in = {.sin_family = AF_INET,
                                   .sin_port = htons(r->port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const struct timeval patience = {.tv_sec = RIG_PATIENCE_MS / 1000};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    cr_assert_eq(connect(fd, (const struct sockaddr *)&in, sizeof(in)), 0, "%s", strerror(errno));
    cr_assert_eq(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
    return fd;
}

static inline void rig_say(int fd, const char *text, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, text, len, MSG_NOSIGNAL);

        if (n < 0) /* refused and closed before we were through */
            return;
        text += n;
        len -= (size_t)n;
    }
}

/* One answer, or what came before the connection ended. */
struct rig_answer {
    int status; /* 0: no head came */
    bool whole; /* by its own framing */
    char *text; /* head and body as they came, ended by NUL; rig_answer_done() frees */
    size_t len;
    char *body; /* in text; chunks undone */
    size_t body_len;
};

static inline void rig_answer_done(struct rig_answer *a)
{
    free(a->text);
    a->text = NULL;
}

/* Does the head have this line ("Name: value", case folded)? */
static inline bool rig_has(const struct rig_answer *a, const char *line)
{
    const char *at = a->text;

    while ((at = strstr(at, "\r\n")) != NULL && at < a->body) {
        at += 2;
        if (strncasecmp(at, line, strlen(line)) == 0 && at[strlen(line)] == '\r')
            return true;
    }
    return false;
}

static inline const char *rig_field(const struct rig_answer *a, const char *name)
{
    const char *at = a->text;

    while ((at = strstr(at, "\r\n")) != NULL && at < a->body) {
        at += 2;
        if (strncasecmp(at, name, strlen(name)) == 0 && at[strlen(name)] == ':')
            return at + strlen(name) + 2;
    }
    return NULL;
}

/* Undo chunks in place; whole when the last one has come. */
static inline void rig_unchunk(struct rig_answer *a)
{
    char *from = a->body, *to = a->body, *end = a->text + a->len;

    for (;;) {
        char *line_end = memmem(from, (size_t)(end - from), "\r\n", 2);
        size_t n;

        if (line_end == NULL)
            break;
        n = strtoul(from, NULL, 16);
        from = line_end + 2;
        if (n == 0) {
            a->whole = true;
            break;
        }
        if ((size_t)(end - from) < n + 2)
            break;
        memmove(to, from, n);
        to += n;
        from += n + 2;
    }
    a->body_len = (size_t)(to - a->body);
    *to = '\0';
}

static inline bool rig_is_whole(struct rig_answer *a, bool head_only)
{
    char *end = strstr(a->text, "\r\n\r\n");
    const char *length;

    if (end == NULL)
        return false;
    a->body = end + 4;
    a->body_len = a->len - (size_t)(a->body - a->text);
    a->status = (int)strtol(a->text + 9, NULL, 10);
    if (head_only || a->status == 204 || a->status == 304)
        return a->whole = true;
    length = rig_field(a, "content-length");
    if (length != NULL)
        return a->whole = a->body_len >= strtoul(length, NULL, 10);
    if (rig_has(a, "transfer-encoding: chunked"))
        return a->len >= 5 && memcmp(a->text + a->len - 5, "0\r\n\r\n", 5) == 0;
    return false;
}

/* Read one answer. head_only: of a HEAD request. A reset is an end that leaves `whole` false. */
static inline struct rig_answer rig_hear(int fd, bool head_only)
{
    struct rig_answer a = {.text = mem_alloc(RIG_ANSWER_MAX)};
    ssize_t n = 0;

    a.body = a.text;
    while (!rig_is_whole(&a, head_only)) {
        n = recv(fd, a.text + a.len, RIG_ANSWER_MAX - 1 - a.len, 0);
        cr_assert(n >= 0 || errno != EAGAIN, "no answer in time; so far:\n%s", a.text);
        if (n <= 0)
            break;
        a.len += (size_t)n;
    }
    if (n == 0 && a.status != 0 && rig_field(&a, "content-length") == NULL &&
        !rig_has(&a, "transfer-encoding: chunked"))
        a.whole = true; /* ended by an orderly end */
    if (a.status != 0 && rig_has(&a, "transfer-encoding: chunked"))
        rig_unchunk(&a);
    return a;
}

/* A request on a connection of its own. */
static inline struct rig_answer rig_ask(const struct rig *r, const char *request)
{
    int fd = rig_connect(r);
    struct rig_answer a;

    rig_say(fd, request, strlen(request));
    a = rig_hear(fd, strncmp(request, "HEAD ", 5) == 0);
    close(fd);
    return a;
}

/* The status of a request on a connection of its own. */
static inline int rig_status(const struct rig *r, const char *request)
{
    struct rig_answer a = rig_ask(r, request);
    int status = a.status;

    rig_answer_done(&a);
    return status;
}

/* Is the connection at its end (or reset)? Waits for it. */
static inline bool rig_is_closed(int fd)
{
    char byte;
    ssize_t n = recv(fd, &byte, 1, 0);

    return n == 0 || (n < 0 && errno == ECONNRESET);
}
