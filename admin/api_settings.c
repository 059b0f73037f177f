/* SPDX-License-Identifier: Apache-2.0 */
/* What `admin` says of the API.
 * Runs on: the control thread. Holds: nothing. Not here: the listener (admin/http.c). */
#include "admin/api.h"

#include <stdio.h>
#include <string.h>

#include "base/secret.h"

enum { STREAM_BYTES_MAX = 64 << 20, STREAM_LINES_MAX = 10000000 };

void api_settings_init(struct api_settings *ret)
{
    /* People click; applications work as fast as the store does. Who has no token has little to say. */
    *ret = (struct api_settings){
        .rates = {.person = {.requests = 100, .per_ms = 1000, .burst = 300},
                  .failures = {.requests = 30, .per_ms = 60000, .burst = 100}},
        .streams = {.bytes = API_BODY_MAX, .lines = 100000}};
}

static enum err read_streams(struct conf_node map, struct api_streams *ret, struct errmsg *msg)
{
    enum err e = conf_int(conf_get(map, "stream_bytes"), 1, STREAM_BYTES_MAX, &ret->bytes, msg);

    return e == ERR_OK
               ? conf_int(conf_get(map, "stream_lines"), 1, STREAM_LINES_MAX, &ret->lines, msg)
               : e;
}

static enum err read_limits(struct conf_node map, struct api_settings *s, struct errmsg *msg)
{
    static const char *const keys[] = {
        "client_rate",  "app_rate",     "person_rate", "failure_rate",
        "stream_bytes", "stream_lines", NULL};
    struct api_rates *ret = &s->rates;
    enum err e = conf_has(map) ? conf_only(map, keys, msg) : ERR_OK;

    if (e != ERR_OK || !conf_has(map))
        return e;
    e = meter_rate_read(conf_get(map, "client_rate"), &ret->client, msg);
    if (e == ERR_OK)
        e = meter_rate_read(conf_get(map, "app_rate"), &ret->app, msg);
    if (e == ERR_OK)
        e = meter_rate_read(conf_get(map, "person_rate"), &ret->person, msg);
    if (e == ERR_OK)
        e = meter_rate_read(conf_get(map, "failure_rate"), &ret->failures, msg);
    return e == ERR_OK ? read_streams(map, &s->streams, msg) : e;
}

static bool is_link(const char *text)
{
    const size_t len = strlen(text);

    return len <= API_LINK_MAX && len > 8 && strncmp(text, "https://", 8) == 0 &&
           text[len - 1] != '/' &&
           strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~:/[]") ==
               len;
}

static enum err read_chat(struct conf_node map, struct api_chat *ret, struct errmsg *msg)
{
    static const char *const keys[] = {"secret", "link", NULL};
    AUTO(buf_done) struct buf secret = {.max = 0};
    struct conf_node secret_node, link_node;
    const char *link = NULL;
    enum err e = conf_has(map) ? conf_only(map, keys, msg) : ERR_OK;

    if (e != ERR_OK || !conf_has(map))
        return e;
    buf_init_secret(&secret, CONF_KEY_MAX);
    e = conf_need(map, "secret", &secret_node, msg);
    if (e == ERR_OK)
        e = conf_key_read(secret_node, &secret, msg);
    if (e == ERR_OK)
        e = conf_need(map, "link", &link_node, msg);
    if (e == ERR_OK)
        e = conf_str(link_node, &link, msg);
    if (e == ERR_OK && !is_link(link))
        e = conf_fail(link_node, msg,
                      "`link` is an https:// address of this server, without a slash at its end");
    if (e != ERR_OK)
        return e;
    (void)snprintf(ret->link, sizeof(ret->link), "%s", link);
    memcpy(ret->secret, secret.bytes, secret.len);
    ret->secret_len = secret.len;
    return ERR_OK;
}

enum err api_settings_read(struct conf_node admin, struct api_settings *ret, struct errmsg *msg)
{
    enum err e;

    api_settings_init(ret);
    e = read_limits(conf_get(admin, "limits"), ret, msg);
    return e == ERR_OK ? read_chat(conf_get(admin, "chat"), &ret->chat, msg) : e;
}

void api_settings_done(struct api_settings *s)
{
    secret_wipe(&s->chat, sizeof(s->chat));
}
