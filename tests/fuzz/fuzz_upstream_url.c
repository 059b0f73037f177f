/* SPDX-License-Identifier: Apache-2.0 */
/* URLs and servers of upstreams from anywhere: what is taken has a host and a port in sane characters, and
 * nothing in it could end a line of a request. */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "proxy/settings_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_place(const char *host, const char *port)
{
    unsigned long number = strtoul(port, NULL, 10);

    REQUIRE(host[0] != '\0' && strlen(host) <= 253);
    REQUIRE(strpbrk(host, " /@[]%?#\\\r\n") == NULL);
    REQUIRE(strspn(port, "0123456789") == strlen(port) && number > 0 && number <= 65535);
}

static void check_url(const struct settings_url *url)
{
    size_t len = strlen(url->path);

    check_place(url->host, url->port);
    REQUIRE(len == 0 || (url->path[0] == '/' && url->path[len - 1] != '/'));
    REQUIRE(strstr(url->path, "//") == NULL && strstr(url->path, "/.") == NULL);
    for (const char *c = url->path; *c != '\0'; c++)
        REQUIRE(*c > ' ' && *c <= '~' && *c != '?' && *c != '#');
    for (const char *c = url->authority; *c != '\0'; c++)
        REQUIRE(*c > ' ' && *c <= '~' && *c != '/' && *c != '@');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct settings_url url = {0};
    struct upstream_server server = {0};
    char *text = malloc(size + 1);

    REQUIRE(text != NULL);
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    if (settings_url_read(text, &url))
        check_url(&url);
    settings_url_done(&url);
    if (settings_server_read(text, "80", &server))
        check_place(server.host, server.port);
    free(server.host);
    free(server.port);
    free(text);
    return 0;
}
