/* SPDX-License-Identifier: Apache-2.0 */
/* lethe serve: everything wired together.
 * Runs on: the main thread, which is the control loop; the proxy and the vault's writer have their
 * own. Holds: all parts of the server. Invariant: parts end in the reverse order of their use of
 * the vault: control socket and housekeeping, proxy, vault. Not here: any of the parts. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "admin/access.h"
#include "admin/control.h"
#include "admin/proposals.h"
#include "base/assert.h"
#include "base/log.h"
#include "cli/callers.h"
#include "cli/cli.h"
#include "cli/courier.h"
#include "cli/housekeeping.h"
#include "cli/keywatch.h"
#include "cli/monitor.h"
#include "cli/notify.h"
#include "cli/output.h"
#include "cli/parts.h"
#include "cli/reload.h"
#include "cli/settings.h"
#include "proxy/proxy.h"
#include "vault/backup.h"
#include "vault/vault.h"
#include "version.h"

enum { DRAIN_MS = 10000, READY_LINE_MAX = 64 << 10 };

struct server {
    struct settings settings;
    uv_loop_t loop;
    const char *config_path;
    uv_signal_t signals[3];
    struct vault *vault;
    struct parts parts;
    struct access *access;
    struct admin admin;
    struct api api;
    struct proxy *proxy;
    struct callers_view callers;
    struct control *control;
    struct housekeeping *housekeeping;
    struct keywatch *keywatch;
    struct courier *courier;
    struct reload *reload;
    struct monitor *monitor;
    struct notify *notify;
    bool stopping;
};

/* ---- stop ---- */

static void on_part_stopped(void *context UNUSED)
{
    /* The loop ends by itself when the last part has closed its handles. */
}

/* The listener for operators looks into the proxy: it ends before the proxy is gone. */
static void drain(struct server *s)
{
    proxy_drain(s->proxy, DRAIN_MS);
    monitor_stop(&s->monitor);
    callers_view_use(&s->callers, NULL);
    proxy_stop(&s->proxy, 0);
}

/* Called by a signal, and when the start fails half-way. Waits for the proxy only; the loop runs on
 * until the rest is closed. */
static void begin_stop(struct server *s)
{
    if (s->stopping)
        return;
    s->stopping = true;
    notify_stop(&s->notify);
    /* A second signal then has its default effect: the operator cannot be made to wait. */
    for (size_t i = 0; i < COUNT_OF(s->signals); i++)
        uv_close((uv_handle_t *)&s->signals[i], NULL);
    erasures_stop(s->parts.erasures);
    rotation_stop(s->parts.rotation);
    if (s->vault != NULL)
        vault_backup_stop(s->vault);
    reload_stop(s->reload);
    control_stop(&s->control, on_part_stopped, NULL);
    housekeeping_stop(&s->housekeeping, on_part_stopped, NULL);
    keywatch_stop(&s->keywatch, on_part_stopped, NULL);
    courier_stop(&s->courier, on_part_stopped, NULL);
    monitor_drain(s->monitor);
    if (s->proxy != NULL)
        drain(s);
}

static void on_signal(uv_signal_t *handle, int number)
{
    log_event(EV_STOPPING, F_NUM("signal", number));
    begin_stop(handle->data);
}

/* ---- reload ---- */

static void on_hangup(uv_signal_t *handle, int number UNUSED)
{
    struct server *s = handle->data;

    if (s->reload != NULL)
        reload_start(s->reload);
}

static void on_reloaded(const struct settings *in_force, void *context)
{
    const struct server *s = context;

    audit_settings_use(in_force, s->vault);
    if (audit_record_configuration(in_force, s->vault) != ERR_OK)
        log_event(EV_AUDIT_FAILED, F_LIT("error", "IO"));
    proxy_reopen_logs(s->proxy);
    monitor_reload(s->monitor, in_force);
    api_configure(&s->api, &in_force->admin.api);
    cli_parts_configure(&s->parts, in_force);
}

static enum err run_reload(void *context, struct errmsg *msg)
{
    return reload_run(context, msg);
}

static void with_conf(void *context, void (*use)(struct conf_node root, void *argument),
                      void *argument)
{
    reload_with_conf(context, use, argument);
}

static void start_reload(struct server *s)
{
    const struct reload_parts parts = {.loop = &s->loop,
                                       .path = s->config_path,
                                       .first = &s->settings,
                                       .vault = s->vault,
                                       .proxy = s->proxy,
                                       .done = on_reloaded,
                                       .context = s};

    s->reload = reload_new(&parts);
    s->admin.reload_context = s->reload;
    s->admin.reload = run_reload;
    s->admin.with_conf = with_conf;
}

/* ---- start ---- */

/* A reload reads again what only root may have been able to. */
static void try_reload(const struct server *s)
{
    AUTO(settings_done) struct settings again = {.conf = NULL};
    struct errmsg why = {""};

    if (settings_load(s->config_path, SETTINGS_ALL, &again, &why) != ERR_OK)
        log_event(EV_RELOAD_BLIND, F_TEXT("why", span_str(why.text)));
}

/* The configuration and the keys are read, nothing of the store is open, no thread runs. Who may use
 * ports below 1024 binds first. */
static enum err step_down(struct server *s, struct errmsg *msg)
{
    const struct identity *who = &s->settings.user;
    const bool is_root = geteuid() == 0, may_more = privilege_has_any();
    enum err e = notify_open(&s->notify, msg);

    if (is_root && !who->given)
        log_event(EV_RUNS_AS_ROOT);
    if (may_more && e == ERR_OK)
        e = proxy_settings_bind(s->settings.proxy, msg);
    if (may_more && e == ERR_OK)
        e = admin_http_bind(&s->settings.admin, msg);
    if (e == ERR_OK)
        e = privilege_drop(who, s->settings.store_dir, msg);
    if (is_root && e == ERR_OK && geteuid() != 0)
        try_reload(s);
    return e;
}

/* What is recorded stands before what is done. */
static enum err start_trail(struct server *s, struct errmsg *msg)
{
    const char *risk = vault_medium_risk(s->vault);
    enum err e;

    audit_settings_use(&s->settings, s->vault);
    e = audit_record_start(&s->settings, s->vault);
    if (e != ERR_OK)
        return errmsg_set(msg, e, "%s/audit: the audit trail cannot be written: %s",
                          s->settings.store_dir, err_text(e));
    if (s->settings.audit.options.buffered)
        log_event(EV_AUDIT_BUFFERED);
    if (risk != NULL)
        log_event(EV_RISKY_FILE_SYSTEM, F_LIT("why", risk));
    return ERR_OK;
}

static enum err open_vault(struct server *s, struct errmsg *msg)
{
    AUTO(root_keys_done) struct root_keys roots = {.count = 0};
    struct vault_options options = {.dir = s->settings.store_dir,
                                    .roots = &roots,
                                    .classes = &s->settings.classes,
                                    .domains = &s->settings.domains,
                                    .configuration = conf_digest(s->settings.conf),
                                    .ledger_mirror = s->settings.ledger_mirror};
    enum err e;

    e = keys_load(s->settings.keys, &roots, msg);
    if (e != ERR_OK)
        return ERR_CONFIG;
    keys_end_prompt(s->settings.keys);
    e = step_down(s, msg);
    if (e != ERR_OK)
        return e;
    e = vault_open(&options, &s->vault, msg);
    if (e != ERR_OK)
        return e;
    cli_parts_make(&s->parts, s->vault, &s->settings);
    e = notices_resume(s->parts.notices);
    if (e != ERR_OK)
        return errmsg_set(msg, e, "the notices to recipients cannot be read: %s", err_text(e));
    e = access_open(s->settings.store_dir, s->vault, &s->access, msg);
    if (e != ERR_OK)
        return e;
    s->admin = (struct admin){.vault = s->vault,
                              .classes = &s->settings.classes,
                              .erasures = s->parts.erasures,
                              .ropa = s->parts.ropa,
                              .access = s->access,
                              .proposals = proposals_new(),
                              .requests = s->parts.requests,
                              .exports = s->parts.exports,
                              .keys = s->settings.keys,
                              .rotation = s->parts.rotation,
                              .callers = callers_view_read,
                              .callers_context = &s->callers};
    return start_trail(s, msg);
}

static void start_signals(struct server *s)
{
    static const struct {
        int number;
        uv_signal_cb run;
    } wanted[] = {{SIGTERM, on_signal}, {SIGINT, on_signal}, {SIGHUP, on_hangup}};

    REQUIRE(signal(SIGPIPE, SIG_IGN) != SIG_ERR); /* a peer that went is an error code here */
    for (size_t i = 0; i < COUNT_OF(wanted); i++) {
        REQUIRE(uv_signal_init(&s->loop, &s->signals[i]) == 0);
        s->signals[i].data = s;
        REQUIRE(uv_signal_start(&s->signals[i], wanted[i].run, wanted[i].number) == 0);
    }
}

static enum err start_parts(struct server *s, struct errmsg *msg)
{
    const struct housekeeping_options housekeeping = {
        .loop = &s->loop,
        .vault = s->vault,
        .erasures = s->parts.erasures,
        .admin = &s->admin,
        .requests = s->parts.requests,
        .breaker = &s->settings.breaker,
        .interval_ms = s->settings.sweep_ms,
    };
    const struct control_options control = {
        .loop = &s->loop, .admin = &s->admin, .store_dir = s->settings.store_dir};
    enum err e;

    e = proxy_start(s->settings.proxy, s->vault, &s->proxy, msg);
    if (e == ERR_OK) {
        callers_view_use(&s->callers, s->proxy);
        start_reload(s);
        s->admin.approval_delay_ms = s->settings.admin.approval_delay_ms;
        s->api = (struct api){
            .admin = &s->admin, .access = s->access, .four_eyes = s->settings.admin.four_eyes};
        api_start(&s->api, &s->settings.admin.api);
        e = monitor_start(&s->settings, &s->api, s->proxy, &s->monitor, msg);
    }
    if (e == ERR_OK)
        e = control_start(&control, &s->control, msg);
    if (e == ERR_OK) {
        s->housekeeping = housekeeping_start(&housekeeping);
        (void)rotation_start(s->parts.rotation, ROTATION_RESUME);
        s->keywatch =
            keywatch_start(&s->loop, watch_new(s->vault, s->settings.keys, s->parts.rotation));
        s->courier = courier_start(&s->loop, s->parts.notices);
    }
    return e;
}

/* "ready ADDR [ADDR...]" on the descriptor that was asked for, or standard output. */
static enum err announce(const struct server *s, int fd, struct errmsg *msg)
{
    AUTO(buf_done) struct buf line = {.max = 0};
    enum err e;
    ssize_t n;

    buf_init(&line, READY_LINE_MAX);
    e = buf_append_str(&line, "ready");
    for (size_t i = 0; i < proxy_address_count(s->proxy) && e == ERR_OK; i++) {
        e = buf_append_byte(&line, ' ');
        if (e == ERR_OK)
            e = buf_append_str(&line, proxy_address(s->proxy, i));
        log_event(EV_STARTED, F_TEXT("address", span_str(proxy_address(s->proxy, i))),
                  F_LIT("version", LETHE_VERSION), F_LIT("commit", LETHE_COMMIT));
    }
    if (s->monitor != NULL)
        log_event(EV_STARTED_ADMIN, F_TEXT("address", span_str(monitor_address(s->monitor))));
    if (e == ERR_OK)
        e = buf_append_byte(&line, '\n');
    if (e != ERR_OK)
        return errmsg_set(msg, e, "too many addresses for the ready line");
    if (fd < 0)
        return output_write(buf_span(&line)) == ERR_OK
                   ? ERR_OK
                   : errmsg_set(msg, ERR_IO, "nobody can be told that the server is ready");
    n = write(fd, line.bytes, line.len);
    if (n != (ssize_t)line.len)
        return errmsg_set(msg, ERR_IO, "descriptor %d cannot be written: %s", fd, strerror(errno));
    if (fd > STDERR_FILENO)
        (void)close(fd);
    return ERR_OK;
}

/* All is open, and every thread runs that began before the first request. */
static enum err close_sandbox(const struct server *s, struct errmsg *msg)
{
    if (s->settings.sandbox != SANDBOX_ON)
        log_event(EV_NO_SANDBOX);
    return sandbox_enter(s->settings.sandbox, msg);
}

/* With the vault open: run until a signal comes. */
static enum err run(struct server *s, int ready_fd, struct errmsg *msg)
{
    enum err e;

    REQUIRE(uv_loop_init(&s->loop) == 0);
    start_signals(s);
    e = start_parts(s, msg);
    if (e == ERR_OK)
        e = close_sandbox(s, msg);
    if (e == ERR_OK)
        e = announce(s, ready_fd, msg);
    if (e == ERR_OK)
        notify_ready(s->notify, &s->loop);
    else
        begin_stop(s);
    REQUIRE(uv_run(&s->loop, UV_RUN_DEFAULT) == 0);
    REQUIRE(uv_loop_close(&s->loop) == 0);
    return e;
}

enum cli_exit cmd_serve(const struct options *o)
{
    struct server s = {.stopping = false};
    struct errmsg msg = {""};
    enum err e;

    s.config_path = o->config;
    callers_view_init(&s.callers);
    log_set_level(LOG_INFO);
    e = settings_start(o->config, SETTINGS_ALL, &s.settings, &msg);
    if (e == ERR_OK) {
        keys_use_fd(s.settings.keys, o->passphrase_fd);
        e = open_vault(&s, &msg);
    }
    if (e == ERR_OK)
        e = run(&s, o->ready_fd, &msg);
    notify_stop(&s.notify); /* when it never ran */
    reload_free(&s.reload);
    api_end(&s.api);
    proposals_free(&s.admin.proposals);
    access_close(&s.access);
    cli_parts_done(&s.parts);
    if (s.vault != NULL)
        audit_record_stop(s.vault);
    vault_close(&s.vault);
    settings_done(&s.settings);
    callers_view_done(&s.callers);
    if (e != ERR_OK)
        return cli_fail(e, &msg);
    log_event(EV_STOPPED);
    return CLI_OK;
}
