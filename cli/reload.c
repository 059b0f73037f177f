/* SPDX-License-Identifier: Apache-2.0 */
/* Reloading: read, check, compare, put in force, or keep what there is and say why.
 * Runs on: worker threads; settings are given back on the proxy's loops. Holds: every configuration
 * that something still uses. Invariant: one reload at a time; after a refusal vault and proxy are
 * what they were. Not here: how a loop exchanges its settings (proxy/setup.c), how the vault takes
 * classes (vault/configure.c). */
#include "cli/reload.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/log.h"
#include "base/mem.h"

enum { SECTION_TEXT_MAX = 4 << 20 };

/* One configuration. */
struct generation {
    struct settings *settings;
    struct settings own; /* but for the first, which is the server's */
    bool in_vault;       /* the vault points into its classes: they stay */
    bool released;       /* the proxy has done with it; under list_lock */
    struct generation *next;
};

struct reload {
    struct reload_parts parts;
    pthread_mutex_t turn;      /* held by who reloads */
    pthread_mutex_t take_over; /* held while something is put in force; over `stopped` */
    bool stopped;
    pthread_mutex_t list_lock; /* over the list; never held while anything else is waited for */
    struct generation *list;   /* newest first */
    struct generation *in_force;
    const struct settings *registered; /* whose classes and domains the vault has */
    uv_work_t work;                    /* control thread, as are these two */
    bool working;
    bool again;
};

/* ---- generations ---- */

/* Loop thread: a configuration that no request uses any more. What the vault uses of it stays. */
static void on_released(const struct proxy_settings *settings, void *context)
{
    struct reload *r = context;
    struct generation *g;

    (void)pthread_mutex_lock(&r->list_lock);
    for (g = r->list; g != NULL && g->settings->proxy != settings; g = g->next)
        ;
    REQUIRE(g != NULL);
    if (g->in_vault)
        proxy_settings_free(&g->settings->proxy);
    else
        settings_done(g->settings);
    g->released = true;
    (void)pthread_mutex_unlock(&r->list_lock);
}

static struct generation *add_generation(struct reload *r, struct settings *settings)
{
    struct generation *g = mem_alloc(sizeof(*g));

    g->settings = settings == NULL ? &g->own : settings;
    (void)pthread_mutex_lock(&r->list_lock);
    g->next = r->list;
    r->list = g;
    (void)pthread_mutex_unlock(&r->list_lock);
    return g;
}

/* Take those out that nothing uses; `all`: at the end. */
static void prune(struct reload *r, bool all)
{
    (void)pthread_mutex_lock(&r->list_lock);
    for (struct generation **at = &r->list; *at != NULL;) {
        struct generation *g = *at;

        if (!all && (!g->released || g->in_vault)) {
            at = &g->next;
            continue;
        }
        *at = g->next;
        settings_done(&g->own);
        free(g);
    }
    (void)pthread_mutex_unlock(&r->list_lock);
}

/* ---- comparing ---- */

static struct conf_node section(const struct settings *s, const char *name)
{
    return conf_get(conf_root(s->conf), name);
}

/* Does a section say the same in both? */
static bool is_same(const struct settings *a, const struct settings *b, const char *name)
{
    AUTO(buf_done) struct buf x = {.max = SECTION_TEXT_MAX}, y = {.max = SECTION_TEXT_MAX};
    struct conf_node from = section(a, name), to = section(b, name);

    if (!conf_has(from) || !conf_has(to))
        return conf_has(from) == conf_has(to);
    return json_write(from.value, &x) == ERR_OK && json_write(to.value, &y) == ERR_OK &&
           span_equal(buf_span(&x), buf_span(&y));
}

/* The listener stays; its certificate and keys may change. */
static bool same_admin(const struct admin_http_settings *a, const struct admin_http_settings *b)
{
    if (a->address == NULL || b->address == NULL)
        return a->address == b->address;
    return strcmp(a->address, b->address) == 0 && (a->tls == NULL) == (b->tls == NULL);
}

/* How many eyes: what waits for approval was kept under the rule that the server began with. */
static bool same_eyes(const struct admin_http_settings *a, const struct admin_http_settings *b)
{
    return a->four_eyes == b->four_eyes && a->approval_delay_ms == b->approval_delay_ms;
}

static enum err check_fixed(const struct settings *from, const struct settings *to,
                            struct errmsg *msg)
{
    static const char *const fixed[] = {
        "store",        "ledger_mirror",  "threads",   "root_key", "root_key_previous",
        "key_rotation", "sweep_interval", "retention", "seccomp",  "user"};
    const struct conf_node admin = section(to, "admin");

    for (size_t i = 0; i < COUNT_OF(fixed); i++) {
        struct conf_node node = section(to, fixed[i]);

        if (!is_same(from, to, fixed[i]))
            return conf_fail(conf_has(node) ? node : conf_root(to->conf), msg,
                             "\"%s\" changes at a restart only", fixed[i]);
    }
    if (strcmp(from->controller.timezone, to->controller.timezone) != 0)
        return conf_fail(conf_has(section(to, "controller")) ? section(to, "controller")
                                                             : conf_root(to->conf),
                         msg,
                         "the \"timezone\" of \"controller\" needs a restart: due times are "
                         "reckoned in it");
    if (!same_admin(&from->admin, &to->admin))
        return conf_fail(conf_has(admin) ? admin : conf_root(to->conf), msg,
                         "the address of \"admin\", and whether it has \"tls\", change at a "
                         "restart only");
    if (!same_eyes(&from->admin, &to->admin))
        return conf_fail(conf_has(admin) ? admin : conf_root(to->conf), msg,
                         "\"four_eyes\" and \"approval_delay\" of \"admin\" change at a restart "
                         "only");
    return ERR_OK;
}

/* ---- putting in force ---- */

static enum err configure_vault(struct reload *r, const struct settings *s, struct errmsg *msg)
{
    struct errmsg why = {""};
    struct vault_configure op = {.op = {.kind = VAULT_CONFIGURE},
                                 .classes = &s->classes,
                                 .domains = &s->domains,
                                 .configuration = conf_digest(s->conf),
                                 .msg = &why};
    enum err e = vault_run(r->parts.vault, &op.op);

    if (e == ERR_OK)
        return e;
    if (e == ERR_CONFIG)
        return conf_fail(section(s, "classes"), msg, "%s", why.text);
    return errmsg_set(msg, e, "%s", why.text[0] == '\0' ? err_text(e) : why.text);
}

static enum err reload_proxy(struct reload *r, const struct settings *s, struct errmsg *msg)
{
    struct errmsg why = {""};

    return proxy_reload(r->parts.proxy, s->proxy, &why) == ERR_OK
               ? ERR_OK
               : conf_fail(section(s, "listen"), msg, "%s", why.text);
}

/* The vault first, since routes are compiled with its numbers; back to what it had when the proxy
 * cannot follow. */
static enum err put_in_force(struct reload *r, struct generation *g, struct errmsg *msg)
{
    struct settings *s = g->settings;
    const struct settings *before = r->registered;
    bool same = is_same(before, s, "classes") && is_same(before, s, "domains");
    enum err e;

    e = same ? ERR_OK : configure_vault(r, s, msg);
    if (e != ERR_OK)
        return e;
    g->in_vault = !same;
    r->registered = same ? before : s;
    e = reload_proxy(r, s, msg);
    if (e != ERR_OK && !same) {
        struct errmsg ignored;

        if (configure_vault(r, before, &ignored) == ERR_OK)
            r->registered = before;
    }
    return e;
}

static enum err take_over(struct reload *r, struct generation *g, struct errmsg *msg)
{
    enum err e;

    (void)pthread_mutex_lock(&r->take_over);
    e = r->stopped ? errmsg_set(msg, ERR_CANCELED, "the server is stopping")
                   : put_in_force(r, g, msg);
    if (e == ERR_OK)
        r->in_force = g;
    (void)pthread_mutex_unlock(&r->take_over);
    return e;
}

static enum err load(struct reload *r, struct generation *g, struct errmsg *msg)
{
    enum err e = settings_load(r->parts.path, SETTINGS_ALL, g->settings, msg);

    return e == ERR_OK ? check_fixed(r->in_force->settings, g->settings, msg) : e;
}

enum err reload_run(struct reload *r, struct errmsg *msg)
{
    struct generation *g;
    enum err e;

    (void)pthread_mutex_lock(&r->turn);
    prune(r, false);
    g = add_generation(r, NULL);
    e = load(r, g, msg);
    if (e == ERR_OK)
        e = take_over(r, g, msg);
    if (e == ERR_OK)
        log_event(EV_RELOADED);
    else
        log_event(EV_RELOAD_REFUSED, F_LIT("error", err_name(e)),
                  F_TEXT("why", span_str(msg->text)));
    if (e != ERR_OK)
        g->released = true; /* it never was in force */
    (void)pthread_mutex_lock(&r->take_over);
    if (!r->stopped && r->parts.done != NULL)
        r->parts.done(r->in_force->settings, r->parts.context);
    (void)pthread_mutex_unlock(&r->take_over);
    (void)pthread_mutex_unlock(&r->turn);
    return e;
}

void reload_with_conf(struct reload *r, void (*use)(struct conf_node root, void *argument),
                      void *argument)
{
    (void)pthread_mutex_lock(&r->take_over);
    if (!r->stopped) /* afterwards the proxy's last loop gives it back */
        use(conf_root(r->in_force->settings->conf), argument);
    (void)pthread_mutex_unlock(&r->take_over);
}

/* ---- from the control loop ---- */

static void on_work(uv_work_t *work)
{
    struct reload *r = CONTAINER_OF(work, struct reload, work);
    struct errmsg msg = {""};

    (void)!reload_run(r, &msg); /* logged there */
}

static void on_worked(uv_work_t *work, int status UNUSED)
{
    struct reload *r = CONTAINER_OF(work, struct reload, work);

    r->working = false;
    if (r->again) {
        r->again = false;
        reload_start(r);
    }
}

void reload_start(struct reload *r)
{
    if (r->working) {
        r->again = true;
        return;
    }
    r->working = true;
    REQUIRE(uv_queue_work(r->parts.loop, &r->work, on_work, on_worked) == 0);
}

/* ---- beginning and end ---- */

struct reload *reload_new(const struct reload_parts *parts)
{
    struct reload *r = mem_alloc(sizeof(*r));

    r->parts = *parts;
    REQUIRE(pthread_mutex_init(&r->turn, NULL) == 0 &&
            pthread_mutex_init(&r->take_over, NULL) == 0 &&
            pthread_mutex_init(&r->list_lock, NULL) == 0);
    r->in_force = add_generation(r, parts->first);
    r->in_force->in_vault = true;
    r->registered = parts->first;
    proxy_on_released(parts->proxy, on_released, r);
    return r;
}

void reload_stop(struct reload *r)
{
    if (r == NULL)
        return;
    (void)pthread_mutex_lock(&r->take_over);
    r->stopped = true;
    (void)pthread_mutex_unlock(&r->take_over);
    r->again = false;
}

void reload_free(struct reload **rp)
{
    struct reload *r = TAKE(*rp);

    if (r == NULL)
        return;
    prune(r, true);
    (void)pthread_mutex_destroy(&r->turn);
    (void)pthread_mutex_destroy(&r->take_over);
    (void)pthread_mutex_destroy(&r->list_lock);
    free(r);
}
