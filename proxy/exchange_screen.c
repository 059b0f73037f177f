/* SPDX-License-Identifier: Apache-2.0 */
/* What a request has beside its declared values, as far as it looks as if it should have been declared.
 * Runs on: the loop threads. Holds: nothing. Invariant: logs name what the operator wrote, never what the
 * client sent. Not here: how it is found (fields_near.c, detect_json.c). */
#include "proxy/exchange_priv.h"

#include "base/log.h"
#include "proxy/detect.h"

/* ---- names ---- */

/* A lenient application would take the member for the declared one. */
static enum err refuse_near_name(const struct exchange *x, const struct places *places,
                                 enum place place, uint16_t near)
{
    log_event(EV_NEAR_NAME, F_REQUEST(x), F_TEXT("route", exchange_route_name(x)),
              F_TEXT("field", places_field_name(places, place, (uint16_t)(near - 1))));
    counter_add(&x->loop->figures.near_names, 1);
    return ERR_UNPROCESSABLE;
}

/* ---- what looks like personal data ---- */

static enum err look_through(const struct exchange *x, enum place place, const struct part *part)
{
    const bool block = x->route->def->undeclared == UNDECLARED_BLOCK;
    struct detect_found found = {.shape = "-"};
    enum err e = ERR_OK;

    if (place == PLACE_JSON)
        e = detect_json(part->text, &part->hits, &found);
    else
        e = detect_pairs(part->text, &part->hits, &found.kind);
    if (e != ERR_OK || found.kind == DETECT_NOTHING)
        return e;
    log_event(EV_UNDECLARED, F_REQUEST(x), F_TEXT("route", exchange_route_name(x)),
              F_LIT("place", place == PLACE_JSON   ? "json"
                             : place == PLACE_FORM ? "form"
                                                   : "query"),
              F_LIT("kind", detect_kind_name(found.kind)), F_TEXT("where", span_str(found.shape)));
    counter_add(block ? &x->loop->figures.blocked : &x->loop->figures.alerted, 1);
    return block ? ERR_UNPROCESSABLE : ERR_OK;
}

static enum err look_for_undeclared(const struct exchange *x)
{
    const struct part query = {.text = x->path.query};
    bool seen = false; /* the query, as a part with declared values */
    enum err e = ERR_OK;

    for (size_t i = 0; e == ERR_OK && i < x->parts.count; i++) {
        const enum place place = x->parts.origins[i].place;

        seen = seen || place == PLACE_QUERY;
        if (place == PLACE_JSON || place == PLACE_FORM || place == PLACE_QUERY)
            e = look_through(x, place, &x->parts.at[i]);
    }
    if (e == ERR_OK && !seen && query.text.at != NULL)
        e = look_through(x, PLACE_QUERY, &query);
    return e;
}

enum err exchange_screen(const struct exchange *x)
{
    for (size_t i = 0; i < x->parts.count; i++)
        if (x->parts.at[i].hits.near != 0)
            return refuse_near_name(x, x->route->request, x->parts.origins[i].place,
                                    x->parts.at[i].hits.near);
    return x->route->def->undeclared == UNDECLARED_PASS ? ERR_OK : look_for_undeclared(x);
}

enum err exchange_screen_answer(const struct exchange *x)
{
    const enum place place = x->answer_media.kind == MEDIA_FORM ? PLACE_FORM : PLACE_JSON;

    return x->answer_part.hits.near == 0
               ? ERR_OK
               : refuse_near_name(x, x->route->response, place, x->answer_part.hits.near);
}
