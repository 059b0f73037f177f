/* SPDX-License-Identifier: Apache-2.0 */
/* The scripted upstream of tests.
 * Runs on: an accepting thread and one a connection. Holds: sockets, one lock around all counters.
 * Not here: HTTP beyond finding the end of a request. */
#include "tests/support/http_stub.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/wait.h"

enum { CONNECTIONS_MAX = 256, REQUEST_MAX = 1 << 20, PATIENCE_S = 20, FILL_SIZE = 65536 };

struct stub_conn {
    struct http_stub *stub;
    const struct stub_step *script;
    pthread_t thread;
    int fd;
    SSL *ssl;
    bool cut;
    char *in; /* REQUEST_MAX bytes */
    size_t in_len;
};

struct http_stub {
    const struct stub_step *const *scripts;
    size_t script_count;
    SSL_CTX *tls;
    int fd;
    struct sockaddr_in address;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct stub_conn conns[CONNECTIONS_MAX];
    size_t accepted;
    size_t closed;
    size_t requests;
    size_t sent;
    size_t go;
    bool stopping;
    char last[8192];
    size_t last_len;
    char fill[FILL_SIZE];
};

static void must(bool ok)
{
    if (!ok)
        abort();
}

static bool send_bytes(struct stub_conn *c, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = c->ssl != NULL ? SSL_write(c->ssl, bytes, (int)(len < 16384 ? len : 16384))
                                   : send(c->fd, bytes, len, MSG_NOSIGNAL);

        if (n <= 0)
            return false;
        bytes += n;
        len -= (size_t)n;
    }
    return true;
}

static bool receive(struct stub_conn *c)
{
    char *at = c->in + c->in_len;
    size_t room = REQUEST_MAX - 1 - c->in_len;
    ssize_t n;

    if (room == 0)
        return false;
    n = c->ssl != NULL ? SSL_read(c->ssl, at, (int)room) : recv(c->fd, at, room, 0);
    if (n <= 0)
        return false;
    c->in_len += (size_t)n;
    c->in[c->in_len] = '\0';
    return true;
}

static void count_request(struct stub_conn *c, size_t len)
{
    struct http_stub *s = c->stub;

    pthread_mutex_lock(&s->lock);
    s->requests++;
    s->last_len = len < sizeof(s->last) - 1 ? len : sizeof(s->last) - 1;
    memcpy(s->last, c->in, s->last_len);
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    memmove(c->in, c->in + len, c->in_len - len + 1);
    c->in_len -= len;
}

static bool read_request(struct stub_conn *c, bool with_body)
{
    const char *end, *length;
    size_t len;

    while (c->in_len == 0 || (end = strstr(c->in, "\r\n\r\n")) == NULL) {
        if (!receive(c))
            return false;
    }
    len = (size_t)(end - c->in) + 4;
    length = strcasestr(c->in, "\r\nContent-Length: ");
    if (with_body && length != NULL && length < end)
        len += strtoul(length + 18, NULL, 10);
    while (c->in_len < len) {
        if (!receive(c))
            return false;
    }
    count_request(c, len);
    return true;
}

static bool await_go(struct http_stub *s)
{
    bool go;

    pthread_mutex_lock(&s->lock);
    while (s->go == 0 && !s->stopping)
        pthread_cond_wait(&s->changed, &s->lock);
    go = !s->stopping;
    if (go)
        s->go--;
    pthread_mutex_unlock(&s->lock);
    return go;
}

static bool fill(struct stub_conn *c, size_t n)
{
    while (n > 0) {
        size_t part = n < FILL_SIZE ? n : FILL_SIZE;

        if (!send_bytes(c, c->stub->fill, part))
            return false;
        n -= part;
    }
    return true;
}

static bool trickle(struct stub_conn *c, const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!send_bytes(c, text + i, 1))
            return false;
    }
    return true;
}

static bool count_sent(struct http_stub *s)
{
    pthread_mutex_lock(&s->lock);
    s->sent++;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    return true;
}

static void reset(struct stub_conn *c)
{
    struct linger now = {.l_onoff = 1};

    must(setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)) == 0);
    c->cut = true;
}

/* False: the script is over. */
static bool play(struct stub_conn *c, const struct stub_step *step)
{
    size_t n = step->n > 0 || step->text == NULL ? step->n : strlen(step->text);

    switch (step->kind) {
    case STUB_REQUEST:
    case STUB_HEAD:
        return read_request(c, step->kind == STUB_REQUEST);
    case STUB_SEND:
        return send_bytes(c, step->text, n) && count_sent(c->stub);
    case STUB_TRICKLE:
        return trickle(c, step->text, n);
    case STUB_FILL:
        return fill(c, n);
    case STUB_AWAIT:
        return await_go(c->stub);
    case STUB_HOLD:
        while (receive(c))
            c->in_len = 0;
        return false;
    case STUB_RESET:
        reset(c);
        return false;
    case STUB_CUT:
        c->cut = true;
        return false;
    case STUB_AGAIN:
    case STUB_END:
        break;
    }
    return false;
}

static void *serve(void *arg)
{
    struct stub_conn *c = arg;
    struct http_stub *s = c->stub;
    int on = 1;

    (void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    c->in = mem_alloc(REQUEST_MAX);
    if (s->tls != NULL) {
        c->ssl = SSL_new(s->tls);
        must(SSL_set_fd(c->ssl, c->fd) == 1);
    }
    if (c->ssl == NULL || SSL_accept(c->ssl) == 1) {
        for (size_t i = 0; c->script[i].kind == STUB_AGAIN || play(c, &c->script[i]);)
            i = c->script[i].kind == STUB_AGAIN ? 0 : i + 1;
        if (c->ssl != NULL && !c->cut)
            (void)SSL_shutdown(c->ssl);
    }
    pthread_mutex_lock(&s->lock);
    SSL_free(c->ssl);
    close(c->fd);
    c->fd = -1;
    s->closed++;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    free(c->in);
    return NULL;
}

static void *accept_all(void *arg)
{
    struct http_stub *s = arg;

    for (;;) {
        int fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC);
        struct stub_conn *c;
        size_t k;

        if (fd < 0)
            return NULL; /* shut down */
        pthread_mutex_lock(&s->lock);
        must(s->accepted < CONNECTIONS_MAX);
        k = s->accepted++;
        c = &s->conns[k];
        c->stub = s;
        c->fd = fd;
        c->script = s->scripts[k < s->script_count ? k : s->script_count - 1];
        must(pthread_create(&c->thread, NULL, serve, c) == 0);
        pthread_cond_broadcast(&s->changed);
        pthread_mutex_unlock(&s->lock);
    }
}

struct http_stub *http_stub_start(const struct stub_step *const *scripts, size_t count,
                                  struct ssl_ctx_st *tls)
{
    struct http_stub *s = mem_alloc(sizeof(*s));
    socklen_t len = sizeof(s->address);

    (void)signal(SIGPIPE, SIG_IGN); /* OpenSSL's writes and libh2o's raise it */
    s->scripts = scripts;
    s->script_count = count;
    s->tls = tls;
    memset(s->fill, 'x', sizeof(s->fill));
    must(pthread_mutex_init(&s->lock, NULL) == 0);
    wait_init(&s->changed);
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    s->address.sin_family = AF_INET;
    s->address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    must(s->fd >= 0 && bind(s->fd, (struct sockaddr *)&s->address, len) == 0);
    must(listen(s->fd, 128) == 0);
    must(getsockname(s->fd, (struct sockaddr *)&s->address, &len) == 0);
    must(pthread_create(&s->thread, NULL, accept_all, s) == 0);
    return s;
}

void http_stub_stop(struct http_stub **stub)
{
    struct http_stub *s = TAKE(*stub);

    if (s == NULL)
        return;
    (void)shutdown(s->fd, SHUT_RDWR);
    pthread_join(s->thread, NULL);
    pthread_mutex_lock(&s->lock);
    s->stopping = true;
    for (size_t i = 0; i < s->accepted; i++) {
        if (s->conns[i].fd >= 0)
            (void)shutdown(s->conns[i].fd, SHUT_RDWR);
    }
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    for (size_t i = 0; i < s->accepted; i++)
        pthread_join(s->conns[i].thread, NULL);
    close(s->fd);
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

void http_stub_address(const struct http_stub *stub, struct sockaddr_in *ret)
{
    *ret = stub->address;
}

void http_stub_go(struct http_stub *stub)
{
    pthread_mutex_lock(&stub->lock);
    stub->go++;
    pthread_cond_broadcast(&stub->changed);
    pthread_mutex_unlock(&stub->lock);
}

static size_t get(struct http_stub *stub, const size_t *counter)
{
    size_t n;

    pthread_mutex_lock(&stub->lock);
    n = *counter;
    pthread_mutex_unlock(&stub->lock);
    return n;
}

size_t http_stub_connections(struct http_stub *stub)
{
    return get(stub, &stub->accepted);
}

size_t http_stub_requests(struct http_stub *stub)
{
    return get(stub, &stub->requests);
}

static bool await(struct http_stub *stub, const size_t *counter, size_t count)
{
    const int64_t until_ms = clock_mono_ms() + PATIENCE_S * 1000;
    bool there;

    pthread_mutex_lock(&stub->lock);
    while (*counter < count && wait_until_ms(&stub->changed, &stub->lock, until_ms))
        ;
    there = *counter >= count;
    pthread_mutex_unlock(&stub->lock);
    return there;
}

bool http_stub_await_closed(struct http_stub *stub, size_t count)
{
    return await(stub, &stub->closed, count);
}

bool http_stub_await_requests(struct http_stub *stub, size_t count)
{
    return await(stub, &stub->requests, count);
}

bool http_stub_await_sent(struct http_stub *stub, size_t count)
{
    return await(stub, &stub->sent, count);
}

void http_stub_last_request(struct http_stub *stub, char *out, size_t size)
{
    pthread_mutex_lock(&stub->lock);
    must(stub->last_len < size);
    memcpy(out, stub->last, stub->last_len);
    out[stub->last_len] = '\0';
    pthread_mutex_unlock(&stub->lock);
}
