/* SPDX-License-Identifier: Apache-2.0 */
/* The operators' listener of a server, and all its figures.
 * Runs on: started and stopped on the control thread; figures are read on the listener's. Holds: a
 * reader of the vault, the listener's thread's. Not here: the listener (admin/http.c), the figures
 * of each part. */
#include "cli/monitor.h"

#include <stdlib.h>

#include "base/mem.h"
#include "retention/notices.h"
#include "ui/ui.h"
#include "version.h"

struct monitor {
    struct vault *vault;
    struct requests *requests;
    struct proxy *proxy;
    struct vault_reader *reader; /* listener's thread */
    struct ui *ui;
    struct admin_http *http;
};

static void write_build(struct metrics *m)
{
    const struct metric_label labels[] = {{"version", SPAN_LIT(LETHE_VERSION)},
                                          {"commit", SPAN_LIT(LETHE_COMMIT)},
                                          {NULL, SPAN_NONE}};

    metrics_family(m, "lethe_build_info", "gauge", "What runs.");
    metrics_count(m, labels, 1);
}

/* Without them when the store cannot be read: vault_metrics() tells of that. */
static void write_requests(struct requests *requests, struct metrics *m)
{
    struct request_figures figures;
    struct metric_label labels[] = {{"standing", SPAN_LIT("on time")}, {NULL, SPAN_NONE}};

    if (requests_figures(requests, &figures) != ERR_OK)
        return;
    metrics_family(m, "lethe_requests_open", "gauge",
                   "Requests of persons that are not answered yet.");
    metrics_count(m, labels, figures.open - figures.soon - figures.past);
    labels[0].value = span_str("due soon");
    metrics_count(m, labels, figures.soon);
    labels[0].value = span_str("past due");
    metrics_count(m, labels, figures.past);
}

static void write_notices(struct vault *vault, struct metrics *m)
{
    uint64_t counts[NOTICE_STATE_COUNT];
    struct metric_label labels[] = {{"state", SPAN_NONE}, {NULL, SPAN_NONE}};

    if (notices_count_states(vault, counts) != ERR_OK)
        return;
    metrics_family(m, "lethe_notices", "gauge", "Notices to recipients.");
    for (unsigned i = 0; i < NOTICE_STATE_COUNT; i++) {
        labels[0].value = span_str(notice_state_word((enum notice_state)i));
        metrics_count(m, labels, counts[i]);
    }
}

/* Listener's pool. */
static void serve_pages(const struct http_request *request, struct http_answer *answer, void *site)
{
    ui_serve(site, request, answer);
}

/* Listener's thread. */
static void collect(struct metrics *m, void *context)
{
    struct monitor *monitor = context;

    write_build(m);
    proxy_metrics(monitor->proxy, m);
    vault_metrics(monitor->reader, m);
    write_requests(monitor->requests, m);
    write_notices(monitor->vault, m);
    metrics_process(m);
}

enum err monitor_start(struct settings *settings, const struct api *api, struct proxy *proxy,
                       struct monitor **ret_monitor, struct errmsg *msg)
{
    struct monitor *m;
    struct admin_http_parts parts = {
        .settings = &settings->admin, .vault = api->admin->vault, .api = api, .collect = collect};
    enum err e;

    if (settings->admin.address == NULL)
        return ERR_OK;
    m = mem_alloc(sizeof(*m));
    m->requests = api->admin->requests;
    m->proxy = proxy;
    m->vault = api->admin->vault;
    parts.context = m;
    e = vault_reader_open(api->admin->vault, &m->reader);
    if (e != ERR_OK)
        (void)errmsg_set(msg, e, "the store cannot be read: %s", err_text(e));
    else
        e = ui_new(api, &m->ui, msg);
    if (e == ERR_OK) {
        parts.site_has = ui_has;
        parts.serve_site = serve_pages;
        parts.site = m->ui;
        e = admin_http_start(&parts, &m->http, msg);
    }
    if (e != ERR_OK)
        monitor_stop(&m);
    else
        *ret_monitor = m;
    return e;
}

const char *monitor_address(const struct monitor *m)
{
    return admin_http_address(m->http);
}

void monitor_reload(struct monitor *m, const struct settings *settings)
{
    if (m != NULL && settings->admin.address != NULL)
        admin_http_reload(m->http, &settings->admin);
}

void monitor_drain(struct monitor *m)
{
    if (m != NULL)
        admin_http_drain(m->http);
}

void monitor_stop(struct monitor **mp)
{
    struct monitor *m = TAKE(*mp);

    if (m == NULL)
        return;
    admin_http_stop(&m->http);
    ui_free(&m->ui);
    vault_reader_close(&m->reader);
    free(m);
}
