/* SPDX-License-Identifier: Apache-2.0 */
/* HTTPS on libcurl.
 * Runs on: any thread; blocks. Holds: nothing between two calls. Invariant: no byte that libcurl
 * allocated is given back to the heap unwiped. Not here: what is asked (keys/http.c,
 * retention/notice_send.c, cli/remote.c). */
#include "base/webclient.h"

#include <curl/curl.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/endpoint.h"
#include "base/mem.h"
#include "base/secret.h"
#include "base/tls.h"

enum { URL_MAX = 2048 };

/* ---- libcurl's memory ---- */

/* All of it is wiped when it is freed: tokens and keys pass through header lists, send and receive buffers. */

static void *wiping_realloc(void *bytes, size_t size)
{
    void *moved = mem_wiped_alloc(size);

    if (moved != NULL && bytes != NULL) {
        size_t old = mem_wiped_size(bytes);

        memcpy(moved, bytes, old < size ? old : size);
        mem_wiped_free(bytes);
    }
    return moved;
}

static void *wiping_calloc(size_t count, size_t size)
{
    void *bytes;

    if (size != 0 && count > SIZE_MAX / size)
        return NULL;
    bytes = mem_wiped_alloc(count * size);
    if (bytes != NULL)
        memset(bytes, 0, count * size);
    return bytes;
}

static char *wiping_strdup(const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = mem_wiped_alloc(size);

    if (copy != NULL)
        memcpy(copy, text, size);
    return copy;
}

static void start(void)
{
    REQUIRE(curl_global_init_mem(CURL_GLOBAL_DEFAULT, mem_wiped_alloc, mem_wiped_free,
                                 wiping_realloc, wiping_strdup, wiping_calloc) == CURLE_OK);
}

/* ---- one request ---- */

struct call {
    CURL *easy;
    struct curl_slist *headers;
    const struct web_server *server;
    struct web_answer *answer;
    size_t head_bytes;
    bool too_large;
    bool unwritten; /* the file takes no more */
    bool not_there; /* the address is one that this request must not go to */
};

static void end_call(struct call *c)
{
    curl_easy_cleanup(c->easy);
    curl_slist_free_all(c->headers);
}

static size_t on_head(char *bytes UNUSED, size_t size, size_t count, void *context)
{
    struct call *c = context;

    c->head_bytes += size * count;
    if (c->head_bytes > WEB_HEAD_MAX) {
        c->too_large = true;
        return 0;
    }
    return size * count;
}

static bool write_file(int file, struct span bytes)
{
    while (bytes.len > 0) {
        const ssize_t n = write(file, bytes.at, bytes.len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        bytes = span_of(bytes.at + n, bytes.len - (size_t)n);
    }
    return true;
}

static long status_of(CURL *easy)
{
    long status = 0;

    REQUIRE(curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status) == CURLE_OK);
    return status;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *context)
{
    struct call *c = context;

    if (c->answer->file >= 0 && status_of(c->easy) == 200) {
        c->unwritten = !write_file(c->answer->file, span_of(bytes, size * count));
        return c->unwritten ? 0 : size * count;
    }
    if (buf_append(c->answer->body, bytes, size * count) != ERR_OK) {
        c->too_large = true;
        return 0;
    }
    return size * count;
}

/* libcurl copies an option's text and fails for want of memory only. */
#define SET(easy, option, value) REQUIRE(curl_easy_setopt((easy), (option), (value)) == CURLE_OK)

static void add_header(struct call *c, const char *line)
{
    struct curl_slist *longer = curl_slist_append(c->headers, line);

    REQUIRE(longer != NULL);
    c->headers = longer;
}

/* The last moment before a connection: this is the address that it goes to. */
static curl_socket_t on_socket(void *context, curlsocktype purpose UNUSED, struct curl_sockaddr *to)
{
    struct call *c = context;
    struct upstream_address a = {.len = to->addrlen};

    if (to->addrlen > sizeof(a.address))
        return CURL_SOCKET_BAD;
    memcpy(&a.address, &to->addr, to->addrlen);
    if ((c->server->public_only && !endpoint_is_public(&a)) ||
        (c->server->plain && !endpoint_is_loopback(&a))) {
        c->not_there = true;
        return CURL_SOCKET_BAD;
    }
    return socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
}

static int on_progress(void *context, curl_off_t total UNUSED, curl_off_t now UNUSED,
                       curl_off_t up_total UNUSED, curl_off_t up_now UNUSED)
{
    const struct call *c = context;

    return c->server->stop != NULL && atomic_load(c->server->stop);
}

static CURLcode on_tls_context(CURL *easy UNUSED, void *ctx, void *context UNUSED)
{
    return tls_guard(ctx) ? CURLE_OK : CURLE_SSL_CONNECT_ERROR;
}

static void set_security(CURL *easy, const struct web_server *server)
{
    SET(easy, CURLOPT_PROTOCOLS_STR, server->plain ? "http" : "https");
    SET(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    SET(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    SET(easy, CURLOPT_SSL_CTX_FUNCTION, on_tls_context);
    SET(easy, CURLOPT_FOLLOWLOCATION, 0L);
    SET(easy, CURLOPT_PROXY, ""); /* also none that the environment names */
    SET(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    if (server->ca != NULL) {
        SET(easy, CURLOPT_CAINFO, server->ca);
        SET(easy, CURLOPT_CAPATH, NULL); /* Debian's default would trust the system's as well */
    }
}

static void set_body(struct call *c, const struct web_request *request)
{
    const char *method = request->method;

    if (request->body != NULL || (method != NULL && strcmp(method, "POST") == 0)) {
        const struct buf *body = request->body;
        const size_t len = body == NULL ? 0 : body->len;

        if (body != NULL)
            add_header(c, "Content-Type: application/json");
        add_header(c, "Expect:"); /* an answer to a long body would come a second late */
        SET(c->easy, CURLOPT_POST, 1L);
        SET(c->easy, CURLOPT_POSTFIELDSIZE, (long)len);
        SET(c->easy, CURLOPT_POSTFIELDS, len == 0 ? "" : (const char *)body->bytes);
    }
    if (method != NULL)
        SET(c->easy, CURLOPT_CUSTOMREQUEST, method);
}

static void set_request(struct call *c, const struct web_server *server,
                        const struct web_request *request)
{
    char url[URL_MAX];

    REQUIRE(snprintf(url, sizeof(url), "%s%s", server->address, request->path) < (int)sizeof(url));
    SET(c->easy, CURLOPT_URL, url);
    SET(c->easy, CURLOPT_NOSIGNAL, 1L);
    SET(c->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)server->connect_ms);
    SET(c->easy, CURLOPT_TIMEOUT_MS, (long)server->total_ms);
    SET(c->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(c->easy, CURLOPT_HEADERFUNCTION, on_head);
    SET(c->easy, CURLOPT_HEADERDATA, c);
    SET(c->easy, CURLOPT_WRITEFUNCTION, on_body);
    SET(c->easy, CURLOPT_WRITEDATA, c);
    SET(c->easy, CURLOPT_OPENSOCKETFUNCTION, on_socket);
    SET(c->easy, CURLOPT_OPENSOCKETDATA, c);
    SET(c->easy, CURLOPT_XFERINFOFUNCTION, on_progress);
    SET(c->easy, CURLOPT_XFERINFODATA, c);
    SET(c->easy, CURLOPT_NOPROGRESS, 0L);
    for (const char *const *line = request->headers; line != NULL && *line != NULL; line++)
        add_header(c, *line);
    set_body(c, request);
    SET(c->easy, CURLOPT_HTTPHEADER, c->headers);
}

/* libcurl's code, translated once. */
static enum err fail(const struct call *c, const struct web_server *server, CURLcode code,
                     struct errmsg *msg)
{
    enum err e = ERR_UPSTREAM;
    const char *what;

    if (c->too_large)
        return errmsg_set(msg, ERR_UPSTREAM, "%s: the answer is larger than %zu bytes",
                          server->address, c->answer->body->max);
    if (c->unwritten)
        return errmsg_set(msg, ERR_IO, "the file cannot be written");
    if (c->not_there)
        return errmsg_set(msg, ERR_DENIED, "%s: the host has an address that is not %s",
                          server->address, server->plain ? "this host's own" : "public");
    switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
        return errmsg_set(msg, ERR_TIMEOUT, "%s: no answer in time", server->address);
    case CURLE_ABORTED_BY_CALLBACK:
        return errmsg_set(msg, ERR_CANCELED, "%s: stopped", server->address);
    case CURLE_SSL_CACERT_BADFILE:
        return errmsg_set(msg, ERR_CONFIG, "%s: no certificates in PEM form can be read from it",
                          server->ca != NULL ? server->ca : "the system's CA certificates");
    case CURLE_COULDNT_RESOLVE_HOST:
        what = "the host's name cannot be resolved";
        break;
    case CURLE_COULDNT_CONNECT:
        e = ERR_UNAVAILABLE;
        what = "no connection can be made";
        break;
    case CURLE_PEER_FAILED_VERIFICATION:
        what = "the server's certificate is not trusted, or is for another name";
        break;
    case CURLE_SSL_CONNECT_ERROR:
        what = "TLS cannot be agreed upon";
        break;
    case CURLE_PARTIAL_FILE:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_GOT_NOTHING:
        e = ERR_UNAVAILABLE;
        what = "the connection ended before the answer did";
        break;
    default:
        what = "the request failed";
    }
    return errmsg_set(msg, e, "%s: %s", server->address, what);
}

enum err web_fetch(const struct web_server *server, const struct web_request *request,
                   struct web_answer *answer, struct errmsg *msg)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    AUTO(end_call) struct call c = {.server = server, .answer = answer};
    CURLcode code;
    curl_off_t retry_after_s = 0;

    REQUIRE(answer->body->secret);
    REQUIRE(pthread_once(&once, start) == 0);
    buf_reset(answer->body);
    if (server->ca != NULL && access(server->ca, R_OK) != 0)
        return errmsg_set(msg, ERR_CONFIG, "%s: cannot be read", server->ca);
    c.easy = curl_easy_init();
    REQUIRE(c.easy != NULL);
    set_security(c.easy, server);
    set_request(&c, server, request);
    code = curl_easy_perform(c.easy);
    if (code != CURLE_OK) {
        buf_reset(answer->body);
        return fail(&c, server, code, msg);
    }
    REQUIRE(curl_easy_getinfo(c.easy, CURLINFO_RETRY_AFTER, &retry_after_s) == CURLE_OK);
    answer->status = (int)status_of(c.easy);
    answer->retry_after_s = retry_after_s;
    return ERR_OK;
}

enum err web_ask(const struct web_server *server, const struct web_request *request,
                 struct buf *answer, int *ret_status, struct errmsg *msg)
{
    struct web_answer whole = {.body = answer, .file = -1};
    const enum err e = web_fetch(server, request, &whole, msg);

    if (e == ERR_OK)
        *ret_status = whole.status;
    return e;
}
