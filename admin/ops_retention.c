/* SPDX-License-Identifier: Apache-2.0 */
/* Operations on deletion rules: what will be destroyed by when, what a changed rule would do to the values that
 * are there, and doing it.
 * Runs on: worker threads and the command line; blocks. Holds: nothing. Not here: counting and re-timing
 * (retention/simulation.c, retention/retiming.c). */
#include <string.h>

#include "admin/ops_priv.h"
#include "base/calendar.h"
#include "retention/proof.h"
#include "retention/receipt.h"
#include "retention/retiming.h"
#include "retention/simulation.h"
#include "vault/rules.h"

enum err ops_retention_simulate(struct admin *admin, const struct json *request,
                                struct json **ret_response, struct errmsg *msg)
{
    AUTO(vault_reader_close) struct vault_reader *reader = NULL;
    struct simulation s = {
        .vault = admin->vault, .classes = admin->classes, .now_s = vault_now_s(admin->vault)};
    struct span text;
    enum err e = ops_need_text(request, "at", &text, msg);

    if (e == ERR_OK && !civil_parse(text, &s.at))
        e = errmsg_set(msg, ERR_INVALID, "\"at\" must be a day, as in 2026-01-31");
    if (e == ERR_OK)
        e = vault_reader_open(admin->vault, &reader);
    if (e != ERR_OK)
        return e;
    s.reader = reader;
    return simulation_make(&s, ret_response, msg);
}

/* Due times are reckoned in the zone that the process was started with. */
static enum err check_zone(const struct json *request, struct errmsg *msg)
{
    struct span zone;
    enum err e;

    if (json_get(request, "timezone") == NULL)
        return ERR_OK;
    e = ops_need_text(request, "timezone", &zone, msg);
    if (e == ERR_OK && !span_equal(zone, span_str(calendar_zone())))
        return errmsg_set(msg, ERR_CONFLICT,
                          "the server reckons in another time zone: a changed one needs a restart, "
                          "and can be previewed then");
    return e;
}

/* `classes`: that section of a configuration, as JSON text, which is YAML, too. Without it: those in force. */
static enum err read_classes(const struct json *request, struct classes *ret, struct errmsg *msg)
{
    AUTO(conf_free) struct conf *conf = NULL;
    struct span text;
    enum err e = ops_need_text(request, "classes", &text, msg);

    if (e == ERR_OK)
        e = conf_parse("classes", text, &conf, msg);
    if (e == ERR_OK)
        e = classes_read(conf_root(conf), ret, msg);
    return e == ERR_CONFIG ? ERR_INVALID : e;
}

enum err ops_retention_preview(struct admin *admin, const struct json *request,
                               struct json **ret_response, struct errmsg *msg)
{
    AUTO(classes_done) struct classes classes = {NULL, 0};
    enum err e = check_zone(request, msg);

    if (e == ERR_OK && json_get(request, "classes") == NULL)
        return retiming_preview(admin->vault, vault_classes(admin->vault), ret_response, msg);
    if (e == ERR_OK)
        e = read_classes(request, &classes, msg);
    return e == ERR_OK ? retiming_preview(admin->vault, &classes, ret_response, msg) : e;
}

enum err ops_retention_apply(struct admin *admin, const struct json *request,
                             struct json **ret_response, struct errmsg *msg)
{
    struct span digest;
    enum err e = ops_need_text(request, "confirm", &digest, msg);

    return e == ERR_OK ? retiming_apply(admin->vault, digest, ret_response, msg) : e;
}

/* ---- versions ---- */

struct listing {
    struct json *list;
    size_t skip; /* entries that were asked for before */
    size_t limit;
    bool more;
};

static enum err add_version(const struct vault_rule_version *version, void *context)
{
    struct listing *l = context;
    char configuration[2 * CONF_DIGEST_BYTES + 1];
    struct json *map, *rule = NULL;
    enum err e;

    if (l->skip > 0) {
        l->skip--;
        return ERR_OK;
    }
    if (json_count(l->list) == l->limit) {
        l->more = true;
        return ERR_NOT_FOUND; /* enough */
    }
    e = json_parse(version->body, &rule);
    if (e != ERR_OK)
        return ERR_CORRUPT;
    map = json_new_map();
    json_set_str(map, "class", version->class_name);
    json_set_int(map, "version", version->version);
    receipt_set_instant(map, "since", version->since_s * 1000);
    proof_hex(version->configuration, CONF_DIGEST_BYTES, configuration);
    json_set_str(map, "configuration", configuration);
    json_set(map, "rule", rule);
    json_add(l->list, map);
    return ERR_OK;
}

enum err ops_retention_versions(struct admin *admin, const struct json *request,
                                struct json **ret_response, struct errmsg *msg)
{
    AUTO(json_free) struct json *list = json_new_list();
    struct listing l = {.list = list};
    struct ops_page page = {.after = 0};
    char name[CLASS_NAME_MAX + 1] = "";
    struct span text = SPAN_NONE;
    struct json *map;
    enum err e = ops_read_page(request, OPS_VALUES_MAX, &page, msg);

    l.skip = (size_t)page.after;
    l.limit = page.limit;
    if (e == ERR_OK && json_get(request, "class") != NULL)
        e = ops_need_text(request, "class", &text, msg);
    if (e == ERR_OK && text.len > CLASS_NAME_MAX)
        e = errmsg_set(msg, ERR_NOT_FOUND, "there never was such a class");
    if (e != ERR_OK)
        return e;
    if (text.len > 0)
        memcpy(name, text.at, text.len);
    e = vault_rules_each(admin->vault, text.len > 0 ? name : NULL, add_version, &l);
    if (e != ERR_OK)
        return e;
    map = json_new_map();
    ops_set_next(map, l.more, page.after + json_count(list));
    json_set(map, "versions", TAKE(list));
    *ret_response = map;
    return ERR_OK;
}
