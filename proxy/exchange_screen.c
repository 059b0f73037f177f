/* SPDX-License-Identifier: Apache-2.0 */
/* What a request has beside its declared values, as far as it looks as if it should have been declared.
 * Runs on: the loop threads. Holds: nothing. Invariant: logs name what the operator wrote, never what the
 * client sent. Not here: how it is found (fields_near.c). */
#include "proxy/exchange_priv.h"

#include "base/log.h"

/* A lenient application would take the member for the declared one. */
static enum err refuse_near_name(const struct exchange *x, const struct part_origin *origin,
                                 uint16_t near)
{
    log_event(
        EV_NEAR_NAME, F_TEXT("request", span_of(x->id, EXCHANGE_ID_LEN)),
        F_TEXT("route", exchange_route_name(x)),
        F_TEXT("field", places_field_name(x->route->request, origin->place, (uint16_t)(near - 1))));
    return ERR_UNPROCESSABLE;
}

enum err exchange_screen(const struct exchange *x)
{
    for (size_t i = 0; i < x->parts.count; i++)
        if (x->parts.at[i].hits.near != 0)
            return refuse_near_name(x, &x->parts.origins[i], x->parts.at[i].hits.near);
    return ERR_OK;
}
