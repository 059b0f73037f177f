/* SPDX-License-Identifier: Apache-2.0 */
/* Listening addresses: as a configuration writes them, and bound.
 * Runs on: any thread; blocks on names and files. Holds: nothing. Not here: what is accepted. */
#include "base/http_listen.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/mem.h"
#include "base/tls.h"

enum { BACKLOG = 4096 };

/* ---- in a configuration ---- */

bool http_address_split(const char *address, char **ret_host, char **ret_port)
{
    const char *colon = strrchr(address, ':');
    size_t host_len, port_len;

    if (colon == NULL)
        return false;
    host_len = (size_t)(colon - address);
    port_len = strlen(colon + 1);
    if (port_len == 0 || port_len > 5 || strspn(colon + 1, "0123456789") != port_len ||
        strtoul(colon + 1, NULL, 10) > 65535)
        return false;
    if (address[0] == '[') {
        if (host_len < 3 || address[host_len - 1] != ']')
            return false;
        address++;
        host_len -= 2;
    } else if (memchr(address, ':', host_len) != NULL) {
        return false;
    }
    if (host_len == 0)
        return false;
    *ret_host = strndup(address, host_len);
    *ret_port = mem_strdup(colon + 1);
    return true;
}

static enum err need_text(struct conf_node map, const char *name, const char **ret,
                          struct errmsg *msg)
{
    struct conf_node node;
    enum err e = conf_need(map, name, &node, msg);

    return e == ERR_OK ? conf_str(node, ret, msg) : e;
}

enum err http_tls_read_of(struct conf_node node, const char *const keys[],
                          struct ssl_ctx_st **ret_tls, struct errmsg *msg)
{
    const char *certificate = NULL, *key = NULL;
    AUTO(mem_free) char *certificate_path = NULL;
    AUTO(mem_free) char *key_path = NULL;
    struct errmsg why = {""};
    enum err e = conf_only(node, keys, msg);

    if (e == ERR_OK)
        e = need_text(node, "certificate", &certificate, msg);
    if (e == ERR_OK)
        e = need_text(node, "key", &key, msg);
    if (e != ERR_OK)
        return e;
    certificate_path = conf_path(node, certificate);
    key_path = conf_path(node, key);
    e = tls_server_new(certificate_path, key_path, ret_tls, &why);
    return e == ERR_OK ? e : conf_fail(node, msg, "%s", why.text);
}

enum err http_tls_read_clients(struct conf_node map, struct ssl_ctx_st *tls, tls_peer_fn told,
                               bool *ret_asks, struct errmsg *msg)
{
    struct conf_node ca = conf_get(map, "client_ca"), mode = conf_get(map, "client_certificates");
    const char *file = NULL, *text = "optional";
    AUTO(mem_free) char *path = NULL;
    struct errmsg why = {""};
    bool required;
    enum err e = conf_str(ca, &file, msg);

    if (e == ERR_OK)
        e = conf_str(mode, &text, msg);
    if (e != ERR_OK)
        return e;
    required = strcmp(text, "required") == 0;
    if (!required && strcmp(text, "optional") != 0)
        return conf_fail(mode, msg, "client certificates are \"optional\" or \"required\"");
    if (file == NULL)
        return conf_has(mode) ? conf_fail(mode, msg, "`client_certificates` needs `client_ca`")
                              : ERR_OK;
    path = conf_path(ca, file);
    e = tls_server_ask_clients(tls, path, required, told, &why);
    *ret_asks = e == ERR_OK;
    return e == ERR_OK ? e : conf_fail(ca, msg, "%s", why.text);
}

/* ---- binding ---- */

static int socket_for(const struct addrinfo *a)
{
    const int on = 1;
    int fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, a->ai_protocol);

    if (fd < 0)
        return -1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (a->ai_family == AF_INET6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    return fd;
}

/* SO_REUSEPORT would let a second server of the same user share our port without a word: bind once
 * without it first. */
static bool is_free(const struct addrinfo *a)
{
    int fd = socket_for(a);
    bool ok = fd >= 0 && bind(fd, a->ai_addr, a->ai_addrlen) == 0;
    int saved = errno;

    if (fd >= 0)
        (void)close(fd);
    errno = saved;
    return ok;
}

static int bind_one(const struct addrinfo *a)
{
    const int on = 1;
    int fd = socket_for(a), saved;

    if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) == 0 &&
        bind(fd, a->ai_addr, a->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    saved = errno;
    if (fd >= 0)
        (void)close(fd);
    errno = saved;
    return -1;
}

char *http_listen_address(int fd)
{
    struct sockaddr_storage bound;
    socklen_t len = sizeof(bound);
    char host[NI_MAXHOST], port[NI_MAXSERV], text[NI_MAXHOST + NI_MAXSERV + 4];

    REQUIRE(getsockname(fd, (struct sockaddr *)&bound, &len) == 0);
    REQUIRE(getnameinfo((struct sockaddr *)&bound, len, host, sizeof(host), port, sizeof(port),
                        NI_NUMERICHOST | NI_NUMERICSERV) == 0);
    (void)snprintf(text, sizeof(text), bound.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host,
                   port);
    return mem_strdup(text);
}

/* Port 0 is settled by the first loop's. */
static enum err bind_all(const struct http_address *address, struct addrinfo *a, int *fds,
                         size_t count, struct errmsg *msg)
{
    if (strtoul(address->port, NULL, 10) != 0 && !is_free(a))
        return errmsg_set(msg, ERR_IO, "cannot listen on %s: %s", address->text, strerror(errno));
    for (size_t i = 0; i < count; i++) {
        fds[i] = bind_one(a);
        if (fds[i] < 0)
            return errmsg_set(msg, ERR_IO, "cannot listen on %s: %s", address->text,
                              strerror(errno));
        REQUIRE(getsockname(fds[i], a->ai_addr, &a->ai_addrlen) == 0);
    }
    return ERR_OK;
}

enum err http_listen(const struct http_address *address, int *fds, size_t count, struct errmsg *msg)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *list = NULL;
    int status = getaddrinfo(address->host, address->port, &hints, &list);
    enum err e;

    if (status != 0)
        return errmsg_set(msg, ERR_IO, "cannot listen on %s: %s", address->text,
                          gai_strerror(status));
    e = bind_all(address, list, fds, count, msg);
    freeaddrinfo(list);
    return e;
}
