/* SPDX-License-Identifier: Apache-2.0 */
/* URLs of upstreams, and HOST:PORT of servers, taken apart.
 * Runs on: the control thread, at start. Holds: nothing. Not here: what the parts mean
 * (settings_upstreams.c). */
#include "proxy/settings_priv.h"

#include <string.h>

void settings_url_done(struct settings_url *url)
{
    free(url->host);
    free(url->port);
    free(url->authority);
    free(url->path);
}

static bool is_host(const char *host, size_t len, bool bracketed)
{
    const char *allowed = bracketed ? "0123456789abcdefABCDEF:."
                                    : "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                      "0123456789.-";

    return len > 0 && len <= 253 && strspn(host, allowed) >= len;
}

static bool is_port(const char *port, size_t len)
{
    unsigned long n = 0;

    if (len == 0 || len > 5)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (port[i] < '0' || port[i] > '9')
            return false;
        n = n * 10 + (unsigned long)(port[i] - '0');
    }
    return n > 0 && n <= 65535;
}

/* HOST or HOST:PORT into its halves; port stays NULL without one. */
static bool split(const char *at, size_t len, char **ret_host, char **ret_port)
{
    bool bracketed = len > 0 && at[0] == '[';
    const char *end = bracketed ? memchr(at, ']', len) : memchr(at, ':', len);
    const char *host = bracketed ? at + 1 : at;
    size_t host_len, after;

    if (bracketed && end == NULL)
        return false;
    host_len = end == NULL ? len : (size_t)(end - host);
    after = bracketed ? host_len + 2 : host_len;
    if (!is_host(host, host_len, bracketed))
        return false;
    if (after < len && (at[after] != ':' || !is_port(at + after + 1, len - after - 1)))
        return false;
    *ret_host = strndup(host, host_len);
    *ret_port = after < len ? strndup(at + after + 1, len - after - 1) : NULL;
    return true;
}

bool settings_server_read(const char *text, const char *port, struct upstream_server *ret)
{
    char *own_port = NULL;

    if (!split(text, strlen(text), &ret->host, &own_port))
        return false;
    ret->port = own_port != NULL ? own_port : mem_strdup(port);
    return true;
}

/* The authority of a URL, up to its path. No user names: they would be credentials in a file. */
static bool read_authority(const char *at, size_t len, struct settings_url *url)
{
    if (!split(at, len, &url->host, &url->port))
        return false;
    if (url->port == NULL)
        url->port = mem_strdup(url->https ? "443" : "80");
    url->authority = strndup(at, len);
    return true;
}

/* Visible ASCII in normal form, without query or escapes. */
static bool is_path(const char *path)
{
    if (strpbrk(path, "?#;\\% ") != NULL || strstr(path, "//") != NULL ||
        strstr(path, "/.") != NULL)
        return false;
    for (const char *c = path; *c != '\0'; c++)
        if (*c <= ' ' || *c > '~')
            return false;
    return true;
}

bool settings_url_read(const char *text, struct settings_url *url)
{
    const char *path;
    size_t path_len;

    if (strncmp(text, "https://", 8) == 0)
        url->https = true;
    else if (strncmp(text, "http://", 7) != 0)
        return false;
    text += url->https ? 8 : 7;
    path = text + strcspn(text, "/");
    path_len = strlen(path);
    if (!is_path(path))
        return false;
    if (path_len > 0 && path[path_len - 1] == '/')
        path_len--;
    url->path = strndup(path, path_len);
    return read_authority(text, (size_t)(path - text), url);
}
