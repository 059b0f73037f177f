/* SPDX-License-Identifier: Apache-2.0 */
/* What `admin` says of the API.
 * Runs on: the control thread. Holds: nothing. Not here: the listener (admin/http.c). */
#include "admin/api.h"

void api_settings_init(struct api_settings *ret)
{
    /* People click; applications work as fast as the store does. Who has no token has little to say. */
    *ret = (struct api_settings){
        .rates = {.person = {.requests = 100, .per_ms = 1000, .burst = 300},
                  .failures = {.requests = 30, .per_ms = 60000, .burst = 100}}};
}

static enum err read_limits(struct conf_node map, struct api_rates *ret, struct errmsg *msg)
{
    static const char *const keys[] = {"client_rate", "app_rate", "person_rate", "failure_rate",
                                       NULL};
    enum err e = conf_has(map) ? conf_only(map, keys, msg) : ERR_OK;

    if (e != ERR_OK || !conf_has(map))
        return e;
    e = meter_rate_read(conf_get(map, "client_rate"), &ret->client, msg);
    if (e == ERR_OK)
        e = meter_rate_read(conf_get(map, "app_rate"), &ret->app, msg);
    if (e == ERR_OK)
        e = meter_rate_read(conf_get(map, "person_rate"), &ret->person, msg);
    return e == ERR_OK ? meter_rate_read(conf_get(map, "failure_rate"), &ret->failures, msg) : e;
}

enum err api_settings_read(struct conf_node admin, struct api_settings *ret, struct errmsg *msg)
{
    api_settings_init(ret);
    return read_limits(conf_get(admin, "limits"), &ret->rates, msg);
}
