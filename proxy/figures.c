/* SPDX-License-Identifier: Apache-2.0 */
/* What the data path counts, written down.
 * Runs on: the thread that scrapes; counting on the loops. Holds: the figures of routes. Invariant:
 * labels are patterns, hosts, names and codes from configuration and code, never from a request.
 * Not here: when something is counted (exchange_account.c). */
#include "proxy/figures.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "proxy/proxy_priv.h"

void figures_reveal(struct loop_figures *m, const struct reveal_counts *counts)
{
    counter_add(&m->values, counts->values);
    counter_add(&m->masks, counts->masks);
    counter_add(&m->tokens, counts->tokens);
    counter_add(&m->foreign, counts->foreign);
    counter_add(&m->clear, counts->clear);
    counter_add(&m->unfit, counts->unfit);
}

/* ---- routes ---- */

static struct route_figures *new_figures(const char *pattern, const char *host, size_t loops)
{
    struct route_figures *route = mem_alloc(sizeof(*route));

    route->pattern = mem_strdup(pattern);
    route->host = mem_strdup(host);
    route->cells = aligned_alloc(alignof(struct route_cell), loops * sizeof(*route->cells));
    REQUIRE(route->cells != NULL);
    memset(route->cells, 0, loops * sizeof(*route->cells));
    return route;
}

struct route_figures *proxy_route_figures(struct proxy *proxy, const char *pattern,
                                          const char *host)
{
    struct route_figures *route;

    if (host == NULL)
        host = "";
    (void)pthread_mutex_lock(&proxy->lock);
    for (route = proxy->route_figures_list; route != NULL; route = route->next)
        if (strcmp(route->pattern, pattern) == 0 && strcmp(route->host, host) == 0)
            break;
    if (route == NULL) {
        route = new_figures(pattern, host, proxy->loop_count);
        route->next = proxy->route_figures_list;
        proxy->route_figures_list = route;
    }
    (void)pthread_mutex_unlock(&proxy->lock);
    return route;
}

void proxy_free_figures(struct proxy *proxy)
{
    while (proxy->route_figures_list != NULL) {
        struct route_figures *route = proxy->route_figures_list;

        proxy->route_figures_list = route->next;
        free(route->pattern);
        free(route->host);
        free(route->cells);
        free(route);
    }
}

static void write_route(const struct proxy *proxy, const struct route_figures *route,
                        struct metrics *m)
{
    static const char *const codes[FIGURE_CLASSES] = {"aborted", "1xx", "2xx", "3xx", "4xx", "5xx"};

    for (size_t class = 0; class < FIGURE_CLASSES; class ++) {
        const struct metric_label labels[] = {{"route", span_str(route->pattern)},
                                              {"host", span_str(route->host)},
                                              {"code", span_str(codes[class])},
                                              {NULL, SPAN_NONE}};
        uint64_t sum = 0;

        for (size_t i = 0; i < proxy->loop_count; i++)
            sum += counter_read(&route->cells[i].by_class[class]);
        if (sum > 0)
            metrics_count(m, labels, sum);
    }
}

static void write_routes(struct proxy *proxy, struct metrics *m)
{
    const struct route_figures *route;

    metrics_family(m, "lethe_requests_total", "counter",
                   "Requests by route (\"-\": none) and status; aborted: the client left.");
    (void)pthread_mutex_lock(&proxy->lock);
    route = proxy->route_figures_list;
    (void)pthread_mutex_unlock(&proxy->lock);
    for (; route != NULL; route = route->next) /* only ever grows at its head */
        write_route(proxy, route, m);
}

/* ---- loops ---- */

static uint64_t sum_of(const struct proxy *proxy, size_t offset)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < proxy->loop_count; i++) {
        const struct counter *counter =
            (const void *)((const char *)&proxy->loops[i].figures + offset);

        sum += counter_read(counter);
    }
    return sum;
}

#define SUM(proxy, member) sum_of((proxy), offsetof(struct loop_figures, member))

static void write_refusals(const struct proxy *proxy, struct metrics *m)
{
    metrics_family(m, "lethe_refusals_total", "counter", "Requests that Lethe refused, by reason.");
    for (size_t e = 1; e < FIGURE_ERRORS; e++) {
        const struct metric_label labels[] = {{"error", span_str(err_name((enum err)e))},
                                              {NULL, SPAN_NONE}};
        uint64_t sum =
            sum_of(proxy, offsetof(struct loop_figures, refusals) + e * sizeof(struct counter));

        if (sum > 0)
            metrics_count(m, labels, sum);
    }
}

static void write_reveals(const struct proxy *proxy, struct metrics *m)
{
    const struct {
        const char *outcome;
        uint64_t count;
    } outcomes[] = {
        {"value", SUM(proxy, values)}, {"mask", SUM(proxy, masks)},
        {"token", SUM(proxy, tokens)}, {"foreign", SUM(proxy, foreign)},
        {"clear", SUM(proxy, clear)},  {"unfit", SUM(proxy, unfit)},
    };

    metrics_family(m, "lethe_reveals_total", "counter",
                   "Declared values of answers, by what the caller got.");
    for (size_t i = 0; i < COUNT_OF(outcomes); i++) {
        const struct metric_label labels[] = {{"outcome", span_str(outcomes[i].outcome)},
                                              {NULL, SPAN_NONE}};

        metrics_count(m, labels, outcomes[i].count);
    }
}

static void write_guard(const struct proxy *proxy, struct metrics *m)
{
    const struct {
        const char *name, *help;
        uint64_t count;
    } all[] = {
        {"lethe_quotas_reached_total", "Quotas of callers that were used up.",
         SUM(proxy, guard.crossed)},
        {"lethe_lookups_refused_total", "Requests refused for a quota of look-ups.",
         SUM(proxy, guard.lookups)},
        {"lethe_reveals_stepped_down_total", "Values that a quota kept from a caller.",
         SUM(proxy, guard.stepped_down)},
        {"lethe_reveals_withheld_total", "Values of people that were too many for one answer.",
         SUM(proxy, guard.withheld)},
        {"lethe_misses_reached_total", "Callers that missed too often to see more for a while.",
         SUM(proxy, guard.missed)},
        {"lethe_misses_throttled_total", "Requests of callers that see tokens only for it.",
         SUM(proxy, guard.throttled)},
        {"lethe_honeytokens_total", "Answers that would have shown a honeytoken's value.",
         SUM(proxy, guard.canaries)},
        {"lethe_near_names_total", "Requests refused for names that come near declared ones.",
         SUM(proxy, near_names)},
        {"lethe_tokens_not_sent_total",
         "Requests refused since a third party would have got a token.", SUM(proxy, not_sent)},
    };

    for (size_t i = 0; i < COUNT_OF(all); i++)
        metrics_one(m, all[i].name, "counter", all[i].help, (double)all[i].count);
}

static void write_pair(struct metrics *m, const char *label, const char *const names[2],
                       const uint64_t counts[2])
{
    for (size_t i = 0; i < 2; i++) {
        const struct metric_label labels[] = {{label, span_str(names[i])}, {NULL, SPAN_NONE}};

        metrics_count(m, labels, counts[i]);
    }
}

static void write_findings(const struct proxy *proxy, struct metrics *m)
{
    metrics_family(m, "lethe_undeclared_total", "counter",
                   "Requests in which undeclared data looked personal.");
    write_pair(m, "action", (const char *const[]){"alert", "block"},
               (const uint64_t[]){SUM(proxy, alerted), SUM(proxy, blocked)});
    metrics_family(m, "lethe_rate_limited_total", "counter", "Requests refused for a rate.");
    write_pair(m, "of", (const char *const[]){"client", "caller"},
               (const uint64_t[]){SUM(proxy, rate_client), SUM(proxy, rate_caller)});
}

static void write_histogram(const struct proxy *proxy, size_t offset, const char *name,
                            const char *help, struct metrics *m)
{
    struct histogram sum = {0};

    for (size_t i = 0; i < proxy->loop_count; i++)
        histogram_merge(&sum, (const void *)((const char *)&proxy->loops[i].figures + offset));
    metrics_family(m, name, "histogram", help);
    metrics_histogram(m, &histogram_durations, &sum);
}

/* ---- upstreams ---- */

/* One family at a time: which number of an address it is. */
enum upstream_figure { UP, OPEN, IDLE, REQUESTS, FAILURES, TIMEOUTS };

struct upstream_walk {
    struct metrics *m;
    enum upstream_figure figure;
};

static uint64_t figure_of(const struct upstream_address_state *a, enum upstream_figure figure)
{
    switch (figure) {
    case UP:
        return !a->down && !a->ejected;
    case OPEN:
        return a->open;
    case IDLE:
        return a->idle;
    case REQUESTS:
        return a->requests;
    case FAILURES:
        return a->failures;
    case TIMEOUTS:
        return a->timeouts;
    }
    return 0;
}

static void write_addresses(const struct upstream_state *state, void *context)
{
    const struct upstream_walk *walk = context;

    for (size_t i = 0; i < state->address_count; i++) {
        const struct metric_label labels[] = {{"upstream", span_str(state->name)},
                                              {"address", span_str(state->addresses[i].address)},
                                              {NULL, SPAN_NONE}};

        metrics_count(walk->m, labels, figure_of(&state->addresses[i], walk->figure));
    }
}

static void write_upstreams(struct proxy *proxy, struct metrics *m)
{
    static const struct {
        enum upstream_figure figure;
        const char *name, *type, *help;
    } kinds[] = {
        {UP, "lethe_upstream_up", "gauge", "0: health checks fail, or requests did in a row."},
        {OPEN, "lethe_upstream_connections", "gauge", "Connections to an address."},
        {IDLE, "lethe_upstream_connections_idle", "gauge", "Of these, waiting for a request."},
        {REQUESTS, "lethe_upstream_requests_total", "counter", "Since it is configured as it is."},
        {FAILURES, "lethe_upstream_failures_total", "counter",
         "Requests and connects that failed."},
        {TIMEOUTS, "lethe_upstream_timeouts_total", "counter", "Of these, for time."},
    };

    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        struct upstream_walk walk = {.m = m, .figure = kinds[i].figure};

        metrics_family(m, kinds[i].name, kinds[i].type, kinds[i].help);
        proxy_read_upstreams(proxy, write_addresses, &walk);
    }
}

/* ---- all ---- */

void proxy_metrics(struct proxy *proxy, struct metrics *m)
{
    write_routes(proxy, m);
    write_refusals(proxy, m);
    metrics_one(m, "lethe_tokenized_total", "counter",
                "Values of requests in whose places tokens went up.",
                (double)SUM(proxy, tokenized));
    write_reveals(proxy, m);
    metrics_one(m, "lethe_connections_total", "counter", "Connections accepted.",
                (double)SUM(proxy, accepted));
    metrics_one(m, "lethe_connections_open", "gauge", "Connections open.",
                (double)SUM(proxy, open));
    metrics_one(m, "lethe_connections_turned_away_total", "counter",
                "Connections for which there was no room.", (double)SUM(proxy, turned_away));
    metrics_one(m, "lethe_connections_cut_total", "counter", "Connections cut for being slow.",
                (double)SUM(proxy, cut));
    metrics_one(m, "lethe_requests_timed_out_total", "counter",
                "Of these, in the midst of a request: answered with 408.",
                (double)SUM(proxy, told));
    metrics_one(m, "lethe_websockets_open", "gauge", "WebSocket connections open.",
                (double)SUM(proxy, websockets));
    write_guard(proxy, m);
    write_findings(proxy, m);
    write_upstreams(proxy, m);
    access_log_metrics(proxy->access_log, m);
    write_histogram(proxy, offsetof(struct loop_figures, requests),
                    "lethe_request_duration_seconds",
                    "From the whole request to the end of its answer.", m);
    write_histogram(proxy, offsetof(struct loop_figures, upstream),
                    "lethe_upstream_duration_seconds",
                    "From forwarding to the last byte of the upstream's answer.", m);
    write_histogram(proxy, offsetof(struct loop_figures, store), "lethe_store_wait_seconds",
                    "Requests waiting for the vault's writer.", m);
    write_histogram(proxy, offsetof(struct loop_figures, lag), "lethe_loop_lag_seconds",
                    "How late a timer of a loop was, looked at once a second.", m);
}
