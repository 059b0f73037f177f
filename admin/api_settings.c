/* SPDX-License-Identifier: Apache-2.0 */
/* What `admin` says of the API.
 * Runs on: the control thread. Holds: nothing. Not here: the listener (admin/http.c). */
#include "admin/api.h"

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

enum err api_settings_read(struct conf_node admin, struct api_settings *ret, struct errmsg *msg)
{
    api_settings_init(ret);
    return read_limits(conf_get(admin, "limits"), ret, msg);
}
