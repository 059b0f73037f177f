/* SPDX-License-Identifier: Apache-2.0 */
/* The operation that gives out what is kept of a person.
 * Runs on: worker threads and the command line; blocks. Holds: the document, shortly, in memory that is wiped.
 * Not here: what stands in it, and that it is recorded (retention/export*.c); links (admin/links.c). */
#include <stdio.h>

#include "admin/access.h"
#include "admin/links.h"
#include "admin/ops_priv.h"
#include "base/secret.h"
#include "retention/exports.h"

#define LINK_LIFETIME "PT72H"

static bool read_flag(const struct json *request, const char *name)
{
    return json_bool_of(json_get(request, name), false);
}

static enum err read_order(const struct admin *admin, const struct json *request,
                           struct export_order *ret, struct errmsg *msg)
{
    struct span format = SPAN_LIT("json"), lang = SPAN_LIT("en");
    enum err e = ERR_OK;

    if (json_get(request, "format") != NULL)
        e = ops_need_text(request, "format", &format, msg);
    if (e == ERR_OK && json_get(request, "lang") != NULL)
        e = ops_need_text(request, "lang", &lang, msg);
    if (e != ERR_OK)
        return e;
    if (!export_format_of(format, &ret->format))
        return errmsg_set(msg, ERR_INVALID, "\"format\" must be json, html or csv");
    if (!letter_lang_of(lang, &ret->ask.lang))
        return errmsg_set(msg, ERR_INVALID, "\"lang\" must be en or de");
    ret->ask.portable = read_flag(request, "portable");
    ret->who = span_str(admin->executed_by == NULL ? "cli" : admin->executed_by);
    return ERR_OK;
}

/* A token that is for a part of what is kept would give a document that says to be all of it. */
enum err ops_may_export(const struct admin *admin, struct errmsg *msg)
{
    const struct access_who *who = admin->who;

    return who == NULL || (who->classes.count == 0 && who->purposes.count == 0)
               ? ERR_OK
               : errmsg_set(msg, ERR_DENIED,
                            "an export shows everything, and the token is bound to some classes "
                            "or purposes");
}

struct json *ops_link_map(const struct export_link *link)
{
    char path[LINKS_PATH_MAX], expires[24];
    struct json *map = json_new_map();

    (void)snprintf(path, sizeof(path), LINKS_PREFIX "%s", link->token);
    period_format_instant(link->expires_s, expires);
    json_set_int(map, "number", (int64_t)link->number);
    json_set_str(map, "path", path);
    json_set_str(map, "expires", expires);
    secret_wipe(path, sizeof(path));
    return map;
}

static enum err make_link(struct admin *admin, const struct json *request,
                          const struct export_order *order, struct json **ret_response,
                          struct errmsg *msg)
{
    struct span text = SPAN_LIT(LINK_LIFETIME);
    struct export_link link;
    struct period lifetime;
    enum err e = ERR_OK;

    if (json_get(request, "format") != NULL)
        return errmsg_set(msg, ERR_INVALID, "a link gives HTML: no format");
    if (json_get(request, "expires") != NULL)
        e = ops_need_text(request, "expires", &text, msg);
    if (e == ERR_OK && period_parse(text, &lifetime) != ERR_OK)
        e = errmsg_set(msg, ERR_INVALID, "\"expires\" must be a period, as PT72H or P7D");
    if (e == ERR_OK)
        e = exports_link(admin->exports, order, &lifetime, &link, msg);
    if (e != ERR_OK)
        return e;
    *ret_response = ops_link_map(&link);
    secret_wipe(&link, sizeof(link));
    return ERR_OK;
}

enum err ops_document_map(struct json **document, enum export_format format, uint64_t number,
                          struct json **ret_map)
{
    AUTO(json_free) struct json *map = json_new_map();
    AUTO(buf_done) struct buf text = {.max = 0};
    struct json *value;
    enum err e;

    buf_init_secret(&text, EXPORT_TEXT_MAX);
    json_set_int(map, "number", (int64_t)number);
    json_set_str(map, "format", export_format_word(format));
    if (format == EXPORT_JSON) {
        json_set(map, "document", TAKE(*document));
    } else {
        e = export_write(*document, format, &text);
        if (e != ERR_OK)
            return e;
        value = json_new_text(buf_span(&text));
        if (value == NULL)
            return ERR_CORRUPT; /* values and labels are UTF-8 */
        json_set(map, "text", value);
    }
    *ret_map = TAKE(map);
    return ERR_OK;
}

static enum err make_document(struct admin *admin, const struct export_order *order,
                              struct json **ret_response, struct errmsg *msg)
{
    AUTO(json_free) struct json *tree = NULL;
    uint64_t number = 0;
    enum err e = exports_make(admin->exports, order, &tree, &number, msg);

    return e == ERR_OK ? ops_document_map(&tree, order->format, number, ret_response) : e;
}

enum err ops_subject_export(struct admin *admin, const struct json *request,
                            struct json **ret_response, struct errmsg *msg)
{
    struct export_order order = {.format = EXPORT_JSON};
    enum err e = ops_may_export(admin, msg);

    if (e == ERR_OK)
        e = read_order(admin, request, &order, msg);
    if (e == ERR_OK)
        e = ops_find_person_now(admin, request, &order.ask.slot, msg);
    if (e != ERR_OK)
        return e;
    if (read_flag(request, "link"))
        return make_link(admin, request, &order, ret_response, msg);
    if (json_get(request, "expires") != NULL)
        return errmsg_set(msg, ERR_INVALID, "a link expires: say \"link\", too");
    return make_document(admin, &order, ret_response, msg);
}
