/* SPDX-License-Identifier: Apache-2.0 */
/* Explaining a request.
 * Runs on: the command line's thread; what an exchange shows on its loop's; the stand-in for upstreams
 * on one of its own. Holds: the explanation. Invariant: the request takes the very way of others; only
 * sockets at its two ends are ours. Not here: printing it. */
#include "proxy/explain.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/secret.h"
#include "base/tls.h"
#include "proxy/explain_priv.h"

enum { MESSAGE_MAX = 64 << 20, PATIENCE_S = 30, KEY_DIGITS = 32, DRAIN_MS = 2000 };

/* ---- what the exchange shows ---- */

/* As the configuration names them. */
static const char *const place_names[PLACE_COUNT] = {
    [PLACE_JSON] = "json",         [PLACE_FORM] = "form",     [PLACE_PART] = "multipart",
    [PLACE_FILENAME] = "filename", [PLACE_XML] = "xml",       [PLACE_QUERY] = "query",
    [PLACE_SEGMENT] = "path",      [PLACE_HEADER] = "header", [PLACE_COOKIE] = "cookie",
    [PLACE_LOCATION] = "location", [PLACE_TEXT] = "text",
};

static const char *const subject_names[] = {
    [SUBJECT_NONE] = "none",
    [SUBJECT_PATH] = "path",
    [SUBJECT_QUERY] = "query",
    [SUBJECT_HEADER] = "header",
    [SUBJECT_BODY] = "body",
    [SUBJECT_CLAIM] = "claim of the token",
    [SUBJECT_ELEMENT] = "each element",
};

static void set_subject(struct json *out, const struct exchange *x)
{
    const struct route_def *def = x->route->def;
    struct json *subject = json_new_map();

    json_set_str(subject, "from", subject_names[def->subject_from]);
    if (def->subject != NULL)
        json_set_str(subject, "name", def->subject);
    if (def->subject_from != SUBJECT_NONE && def->subject_from != SUBJECT_ELEMENT)
        json_set_bool(subject, "found", !x->subject_missing);
    json_set(out, "subject", subject);
}

static void set_text(struct json *out, const char *name, struct span text)
{
    struct json *value = json_new_text(text);

    if (value != NULL) /* no UTF-8 */
        json_set(out, name, value);
}

static struct json *field_of(enum place place, struct span name, const struct class_def *class,
                             const char *fate)
{
    struct json *field = json_new_map();

    json_set_str(field, "place", place_names[place]);
    set_text(field, "name", name);
    if (class != NULL)
        json_set_str(field, "class", class->name);
    json_set_str(field, "fate", fate);
    return field;
}

/* What the caller gets where a token of the class stands; a text without a class has tokens of any. */
static const char *answer_fate(const struct exchange *x, const struct class_def *class)
{
    static const char *const actions[] = {
        [REVEAL_TOKEN] = "token", [REVEAL_MASK] = "mask", [REVEAL_VALUE] = "value"};

    if (x->route->def->egress)
        return "tokenized";
    return class == NULL ? "scanned"
                         : actions[x->actions[vault_class_id(x->loop->proxy->vault, class)]];
}

static void set_answer(struct json *out, const struct exchange *x)
{
    const struct route_def *def = x->route->def;
    struct json *answer = json_new_map(), *fields = json_new_list();

    for (size_t i = 0; i < def->response_count; i++) {
        const struct field_decl *decl = &def->response[i];
        const char *fate = answer_fate(x, decl->class);

        if (decl->class != NULL)
            json_set_str(answer, decl->class->name, fate);
        json_add(fields, field_of(decl->place, span_str(decl->name), decl->class, fate));
    }
    json_set(out, "answer", answer);
    json_set(out, "answer_fields", fields);
}

void explain_admitted(const struct exchange *x)
{
    struct json *out = x->setup->settings->explained;
    const struct proxy_settings *settings = x->setup->settings;

    json_set_str(out, "upstream", settings->upstreams[x->upstream].config.name);
    set_text(out, "caller", caller_name(x->caller));
    if (x->fields.purpose.at != NULL)
        set_text(out, "purpose", x->fields.purpose);
    if (x->route == NULL)
        return;
    json_set_str(out, "route", x->route->def->pattern);
    json_set_str(out, "domain", settings->domains->names[x->route->def->domain]);
    json_set_bool(out, "websocket", exchange_wants_websocket(x));
    set_subject(out, x);
    set_answer(out, x);
}

static const char *fate_of(const struct exchange *x, const struct part *part, const struct hit *hit,
                           struct buf *scratch)
{
    const enum field_mode mode = part_rule(part, hit)->mode;
    struct span value;

    if (mode == FIELD_SCAN)
        return "scanned";
    if (hit_read(part->text, hit, scratch, &value) == ERR_OK &&
        vault_is_token(x->loop->reader, hit->class_id, value))
        return x->route->def->egress ? "revealed" : "a token already";
    if (x->route->def->egress)
        return "clear";
    return mode == FIELD_LOOKUP ? "looked up" : "tokenized";
}

static void add_hits(const struct exchange *x, size_t at, bool *seen, struct json *fields)
{
    const struct part *part = &x->parts.at[at];
    const struct route_def *def = x->route->def;
    const enum place place = x->parts.origins[at].place;
    struct buf scratch;

    buf_init_secret(&scratch, part->text.len + 1);
    for (size_t i = 0; i < part->hits.count; i++) {
        const struct hit *hit = &part->hits.at[i];
        const enum place of = hit->coding == HIT_QUOTED ? PLACE_FILENAME : place;
        struct span name = places_field_name(x->route->request, place, hit->field);
        const struct class_def *class = vault_class_def(x->loop->proxy->vault, hit->class_id);

        for (size_t j = 0; j < def->request_count; j++)
            if (def->request[j].place == of && span_equal(span_str(def->request[j].name), name))
                seen[j] = true;
        json_add(fields, field_of(of, name, class, fate_of(x, part, hit, &scratch)));
    }
    buf_done(&scratch);
}

void explain_found(const struct exchange *x)
{
    const struct route_def *def = x->route->def;
    bool *seen = mem_alloc((def->request_count + 1) * sizeof(*seen));
    struct json *fields = json_new_list();

    if (vault_read_begin(x->loop->reader) == ERR_OK) {
        for (size_t i = 0; i < x->parts.count; i++)
            add_hits(x, i, seen, fields);
        vault_read_end(x->loop->reader);
    }
    for (size_t i = 0; i < def->request_count; i++)
        if (!seen[i])
            json_add(fields,
                     field_of(def->request[i].place, span_str(def->request[i].name),
                              def->request[i].class,
                              def->request[i].mode == FIELD_SCAN ? "no token in it" : "absent"));
    free(seen);
    json_set(x->setup->settings->explained, "fields", fields);
}

/* ---- sockets ---- */

static int listen_on_loopback(struct sockaddr_in *ret)
{
    socklen_t len = sizeof(*ret);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    *ret = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (fd >= 0 && bind(fd, (struct sockaddr *)ret, len) == 0 && listen(fd, 4) == 0 &&
        getsockname(fd, (struct sockaddr *)ret, &len) == 0)
        return fd;
    if (fd >= 0)
        (void)close(fd);
    return -1;
}

static bool send_all(int fd, const void *bytes, size_t len)
{
    const char *at = bytes;

    while (len > 0) {
        ssize_t n = send(fd, at, len, MSG_NOSIGNAL);

        if (n < 0)
            return false;
        at += n;
        len -= (size_t)n;
    }
    return true;
}

static bool read_some(int fd, struct buf *in)
{
    char bytes[16384];
    ssize_t n = recv(fd, bytes, sizeof(bytes), 0);
    bool ok = n > 0 && buf_append(in, bytes, (size_t)n) == ERR_OK;

    secret_wipe(bytes, sizeof(bytes));
    return ok;
}

/* Is a message whole: a head, and as many bytes as its Content-Length says? */
static bool is_whole(const struct buf *in)
{
    const char *end = in->len == 0 ? NULL : memmem(in->bytes, in->len, "\r\n\r\n", 4);
    const char *at = (const char *)in->bytes;
    size_t length = 0;

    if (end == NULL)
        return false;
    for (; at < end; at = (const char *)memmem(at, (size_t)(end + 2 - at), "\r\n", 2) + 2)
        if ((size_t)(end - at) > 15 && strncasecmp(at, "content-length:", 15) == 0)
            length = strtoul(at + 15, NULL, 10);
    return in->len >= (size_t)(end + 4 - (const char *)in->bytes) + length;
}

static void be_patient(int fd)
{
    const struct timeval patience = {.tv_sec = PATIENCE_S};

    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
}

/* ---- in the upstreams' place ---- */

struct stand_in {
    int fd;
    struct sockaddr_in address;
    pthread_t thread;
    struct buf got; /* the request; secret */
};

static void *stand_in(void *context)
{
    static const char answer[] = "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";
    struct stand_in *s = context;
    int fd;

    while (s->got.len == 0 && (fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
        be_patient(fd);
        while (!is_whole(&s->got) && read_some(fd, &s->got))
            ;
        (void)send_all(fd, answer, sizeof(answer) - 1);
        (void)close(fd);
    }
    return NULL;
}

/* ---- settings for it ---- */

static enum err name_caller(struct proxy_settings *s, const char *name, char key[KEY_DIGITS + 1],
                            struct errmsg *msg)
{
    uint8_t random[KEY_DIGITS / 2];

    for (size_t i = 0; i < s->caller_count; i++) {
        struct caller_def *def = &s->callers[i];

        if (strcmp(def->name, name) != 0)
            continue;
        secret_random(random, sizeof(random));
        for (size_t j = 0; j < sizeof(random); j++)
            (void)snprintf(key + 2 * j, 3, "%02x", random[j]);
        secret_hash(key, KEY_DIGITS, def->key_hash);
        def->has_key = true;
        return ERR_OK;
    }
    return errmsg_set(msg, ERR_INVALID, "there is no caller of that name");
}

static void exchange_ends(struct proxy_settings *s, const struct sockaddr_in *upstream)
{
    struct listen_def only = {.address = mem_strdup("127.0.0.1:0"),
                              .host = mem_strdup("127.0.0.1"),
                              .port = mem_strdup("0")};
    char port[8];

    settings_free_listens(s);
    s->listens = mem_alloc(sizeof(*s->listens));
    s->listens[0] = only;
    s->listen_count = 1;
    s->threads = 1;
    mem_free(&s->access_log);
    for (size_t i = 0; i < s->upstream_count; i++) {
        struct upstream_config *c = &s->upstreams[i].config;

        tls_free(&c->tls);
        mem_free(&c->health.path); /* nobody asks the stand-in */
        c->egress = false;         /* it is no public address, and nobody's either */
        for (size_t j = 0; j < c->server_count; j++) {
            mem_free(&c->servers[j].host);
            mem_free(&c->servers[j].port);
        }
        (void)snprintf(port, sizeof(port), "%u", ntohs(upstream->sin_port));
        c->server_count = 1;
        c->servers[0].host = mem_strdup("127.0.0.1");
        c->servers[0].port = mem_strdup(port);
        c->address_count = 1;
        memcpy(&c->addresses[0].address, upstream, sizeof(*upstream));
        c->addresses[0].len = sizeof(*upstream);
    }
}

/* ---- asking ---- */

static bool has_header(const struct explain_request *r, const char *name)
{
    for (size_t i = 0; i < r->header_count; i++)
        if (strncasecmp(r->headers[i], name, strlen(name)) == 0)
            return true;
    return false;
}

static enum err write_request(const struct explain_request *r, const char *key, struct buf *out,
                              struct errmsg *msg)
{
    char line[128];

    for (size_t i = 0; i < r->header_count; i++)
        if (strchr(r->headers[i], ':') == NULL || strpbrk(r->headers[i], "\r\n") != NULL)
            return errmsg_set(msg, ERR_INVALID, "a header is given as \"Name: value\"");
    if (buf_append_str(out, r->method) != ERR_OK || buf_append_byte(out, ' ') != ERR_OK ||
        buf_append_str(out, r->target) != ERR_OK ||
        buf_append_str(out, " HTTP/1.1\r\n") != ERR_OK ||
        (!has_header(r, "host:") && buf_append_str(out, "Host: localhost\r\n") != ERR_OK))
        return ERR_TOO_LARGE;
    for (size_t i = 0; i < r->header_count; i++)
        if (buf_append_str(out, r->headers[i]) != ERR_OK || buf_append_str(out, "\r\n") != ERR_OK)
            return ERR_TOO_LARGE;
    if (r->caller != NULL) {
        (void)snprintf(line, sizeof(line), "Lethe-Key: %s\r\n", key);
        if (buf_append_str(out, line) != ERR_OK)
            return ERR_TOO_LARGE;
    }
    if (r->purpose != NULL) {
        (void)snprintf(line, sizeof(line), "Lethe-Purpose: %.64s\r\n", r->purpose);
        if (buf_append_str(out, line) != ERR_OK)
            return ERR_TOO_LARGE;
    }
    if (r->body.at != NULL) {
        (void)snprintf(line, sizeof(line), "Content-Length: %zu\r\n", r->body.len);
        if (buf_append_str(out, line) != ERR_OK)
            return ERR_TOO_LARGE;
    }
    if (!has_header(r, "connection:") && buf_append_str(out, "Connection: close\r\n") != ERR_OK)
        return ERR_TOO_LARGE;
    return buf_append_str(out, "\r\n") == ERR_OK && buf_append_span(out, r->body) == ERR_OK
               ? ERR_OK
               : ERR_TOO_LARGE;
}

static enum err ask(const char *address, const struct buf *request, struct buf *answer,
                    struct errmsg *msg)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    in.sin_port = htons((uint16_t)strtoul(strrchr(address, ':') + 1, NULL, 10));
    be_patient(fd);
    if (fd < 0 || connect(fd, (struct sockaddr *)&in, sizeof(in)) != 0 ||
        !send_all(fd, request->bytes, request->len)) {
        if (fd >= 0)
            (void)close(fd);
        return errmsg_set(msg, ERR_IO, "the request cannot be sent: %s", strerror(errno));
    }
    while (!is_whole(answer) && read_some(fd, answer))
        ;
    (void)close(fd);
    return answer->len > 12 ? ERR_OK : errmsg_set(msg, ERR_IO, "no answer came");
}

static void set_result(struct json *out, const struct buf *forwarded, struct buf *answer)
{
    const char *body = memmem(answer->bytes, answer->len, "\r\n\r\n", 4);
    AUTO(json_free) struct json *problem = NULL;
    bool refused = forwarded->len == 0;

    json_set_int(out, "status", (int64_t)strtol((const char *)answer->bytes + 9, NULL, 10));
    json_set_bool(out, "refused", refused);
    if (!refused) {
        set_text(out, "forwarded", buf_span(forwarded));
        return;
    }
    if (body != NULL) {
        const size_t at = (size_t)(body + 4 - (const char *)answer->bytes);

        if (json_parse(span_of(answer->bytes + at, answer->len - at), &problem) == ERR_OK)
            json_set(out, "problem", TAKE(problem));
    }
}

static enum err run(struct proxy_settings *settings, struct vault *vault, const struct buf *request,
                    struct stand_in *s, struct json *out, struct errmsg *msg)
{
    AUTO(buf_done) struct buf answer = {.max = MESSAGE_MAX, .secret = true};
    struct proxy *proxy = NULL;
    enum err e;

    if (pthread_create(&s->thread, NULL, stand_in, s) != 0)
        return errmsg_set(msg, ERR_IO, "cannot start a thread");
    e = proxy_start(settings, vault, &proxy, msg);
    if (e == ERR_OK)
        e = ask(proxy_address(proxy, 0), request, &answer, msg);
    proxy_stop(&proxy, DRAIN_MS);
    (void)shutdown(s->fd, SHUT_RDWR); /* ends a wait for nobody */
    (void)pthread_join(s->thread, NULL);
    if (e == ERR_OK)
        set_result(out, &s->got, &answer);
    return e;
}

enum err proxy_explain(struct proxy_settings *settings, struct vault *vault,
                       const struct explain_request *request, struct json **ret, struct errmsg *msg)
{
    AUTO(json_free) struct json *out = json_new_map();
    AUTO(buf_done) struct buf bytes = {.max = MESSAGE_MAX, .secret = true};
    struct stand_in s = {.got = {.max = MESSAGE_MAX, .secret = true}};
    char key[KEY_DIGITS + 1] = "";
    enum err e = ERR_OK;

    if (request->caller != NULL)
        e = name_caller(settings, request->caller, key, msg);
    if (e == ERR_OK)
        e = write_request(request, key, &bytes, msg);
    if (e != ERR_OK)
        return e;
    s.fd = listen_on_loopback(&s.address);
    if (s.fd < 0)
        return errmsg_set(msg, ERR_IO, "cannot listen on loopback: %s", strerror(errno));
    exchange_ends(settings, &s.address);
    settings->explained = out;
    e = run(settings, vault, &bytes, &s, out, msg);
    settings->explained = NULL;
    (void)close(s.fd);
    buf_done(&s.got);
    if (e == ERR_OK)
        *ret = TAKE(out);
    return e;
}
