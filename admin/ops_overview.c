/* SPDX-License-Identifier: Apache-2.0 */
/* The operations behind a data officer's first page: the overview, and what pictures are drawn from.
 * Runs on: worker threads and the command line; blocks shortly. Holds: nothing. Not here: what they say
 * (retention/overview*.c, retention/figure*.c). */
#include "admin/ops_priv.h"

#include "base/certificates.h"
#include "base/mem.h"
#include "base/tls.h"
#include "retention/figures.h"
#include "retention/overview.h"

enum { KEY_SOON_DAYS = 14, CERTIFICATE_SOON_DAYS = 21 };

/* ---- clocks that only the server knows of ---- */

/* By the rule the root key of this epoch ends then, and with it whatever old backups hold of erased people. */
static void add_key_end(const struct admin *admin, struct json *tree, int64_t now_s)
{
    const struct period *rotation = keys_rotation_period(admin->keys);
    struct overview_clock clock = {"key_epoch_end", NULL, INT64_MAX, KEY_SOON_DAYS};
    struct vault_key_status keys;

    vault_key_status(admin->vault, &keys);
    if (!period_is_none(rotation))
        clock.at_s = period_add(keys.epoch_began_ms / 1000, rotation);
    overview_add_clock(tree, &clock, now_s);
}

struct certificates {
    struct json *tree;
    int64_t now_s;
};

/* One that cannot be read is one that ends now. */
static void add_certificate(struct conf_node certificate, struct conf_node key UNUSED,
                            void *context)
{
    const struct certificates *c = context;
    AUTO(mem_free) char *path = conf_path(certificate, json_str_of(certificate.value));
    struct overview_clock clock = {"certificate_end", path, c->now_s, CERTIFICATE_SOON_DAYS};
    int64_t end_s;
    struct errmsg msg;

    if (tls_certificate_end(path, &end_s, &msg) == ERR_OK)
        clock.at_s = end_s;
    overview_add_clock(c->tree, &clock, c->now_s);
}

static void add_certificates(struct conf_node root, void *context)
{
    certificates_each(root, add_certificate, context);
}

enum err ops_overview(struct admin *admin, const struct json *request, struct json **ret_response,
                      struct errmsg *msg)
{
    AUTO(ops_desk_done) struct ops_desk desk = {.reader = NULL};
    struct certificates certificates;
    struct json *tree = NULL;
    enum err e = ops_desk_init(&desk, admin, request, msg);

    if (e == ERR_OK)
        e = overview_make(&desk.context, &tree, msg);
    if (e != ERR_OK)
        return e;
    if (admin->keys != NULL)
        add_key_end(admin, tree, desk.context.now_s);
    certificates = (struct certificates){tree, desk.context.now_s};
    if (admin->with_conf != NULL)
        admin->with_conf(admin->reload_context, add_certificates, &certificates);
    else if (admin->conf != NULL)
        add_certificates(conf_root(admin->conf), &certificates);
    *ret_response = tree;
    return ERR_OK;
}

/* ---- pictures ---- */

enum err ops_figures(struct admin *admin, const struct json *request, struct json **ret_response,
                     struct errmsg *msg)
{
    AUTO(ops_desk_done) struct ops_desk desk = {.reader = NULL};
    struct span name;
    const struct figure_kind *kind = NULL;
    enum err e = ops_need_text(request, "figure", &name, msg);

    if (e == ERR_OK)
        kind = figure_kind_find(name);
    if (e == ERR_OK && kind == NULL)
        e = errmsg_set(msg, ERR_NOT_FOUND, "there is no such figure");
    if (e == ERR_OK)
        e = ops_desk_init(&desk, admin, request, msg);
    return e == ERR_OK ? figure_make(kind, &desk.context, ret_response, msg) : e;
}
