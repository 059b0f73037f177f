/* SPDX-License-Identifier: Apache-2.0 */
/* Resolving an upstream's names.
 * Runs on: the control thread at start; then a thread of its own, which blocks on name servers. Holds:
 * jobs under one lock; the thread holds the resolver itself, so that nobody must wait for it. Invariant:
 * without the lock the thread touches nothing but copies of names. Not here: who uses the addresses. */
#include "proxy/upstream_resolve.h"

#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/wait.h"

/* ---- one server ---- */

int upstream_resolve_system(const struct upstream_server *server, struct upstream_address *ret,
                            size_t max, size_t *ret_count)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
    struct addrinfo *list = NULL;
    size_t count = 0;
    int status = getaddrinfo(server->host, server->port, &hints, &list);

    if (status != 0) /* ADDRCONFIG also hides loopback where there is no other interface */
        status = getaddrinfo(server->host, server->port,
                             &(struct addrinfo){.ai_socktype = SOCK_STREAM}, &list);
    if (status != 0)
        return status;
    for (struct addrinfo *a = list; a != NULL && count < max; a = a->ai_next) {
        struct upstream_address *to = &ret[count++];

        *to = (struct upstream_address){.len = a->ai_addrlen};
        memcpy(&to->address, a->ai_addr, a->ai_addrlen);
    }
    freeaddrinfo(list);
    *ret_count = count;
    return 0;
}

bool upstream_may_connect(const struct upstream_config *config,
                          const struct upstream_address *address)
{
    const struct address where = address_of((const struct sockaddr *)&address->address);

    if (!config->egress || endpoint_is_public(address))
        return true;
    if (endpoint_is_mapped(address)) /* a range of IPv4 addresses does not mean this way to them */
        return false;
    for (size_t i = 0; i < config->allowed_count; i++)
        if (network_has(&config->allowed[i], &where))
            return true;
    return false;
}

/* Leave out what may not be connected to; ret_refused: the first such, as text. */
static size_t keep_allowed(const struct upstream_config *config, struct upstream_address *list,
                           size_t count, char ret_refused[ENDPOINT_TEXT_MAX])
{
    size_t kept = 0;

    for (size_t i = 0; i < count; i++) {
        if (upstream_may_connect(config, &list[i]))
            list[kept++] = list[i];
        else if (ret_refused[0] == '\0')
            endpoint_write(&list[i], ret_refused);
    }
    return kept;
}

enum err upstream_resolve_config(struct upstream_config *config, upstream_resolve_fn resolve,
                                 size_t *ret_server, struct errmsg *msg)
{
    config->addresses = mem_alloc(UPSTREAM_ADDRESSES_MAX * sizeof(*config->addresses));
    config->address_count = 0;
    for (size_t i = 0; i < config->server_count; i++) {
        const char *host = config->servers[i].host;
        struct upstream_address *list = &config->addresses[config->address_count];
        char refused[ENDPOINT_TEXT_MAX] = "";
        size_t count = 0;
        int status = resolve(&config->servers[i], list,
                             UPSTREAM_ADDRESSES_MAX - config->address_count, &count);

        *ret_server = i;
        if (status != 0)
            return errmsg_set(msg, ERR_CONFIG, "the host \"%s\" cannot be resolved: %s", host,
                              gai_strerror(status));
        count = keep_allowed(config, list, count, refused);
        if (count == 0 && refused[0] != '\0')
            return errmsg_set(
                msg, ERR_CONFIG,
                "\"%s\" is %s, where an egress upstream does not go: it is not public and "
                "not in `allow`",
                host, refused);
        if (count == 0)
            return errmsg_set(msg, ERR_CONFIG, "more than %d addresses", UPSTREAM_ADDRESSES_MAX);
        for (size_t k = 0; k < count; k++)
            list[k].server = (uint16_t)i;
        config->address_count += count;
    }
    return ERR_OK;
}

/* ---- again and again ---- */

enum verdict { NAME_GOOD, NAME_UNRESOLVED, NAME_REFUSED };

struct upstream_resolver_job {
    struct upstream_resolver *resolver;
    struct upstream_resolver_job *next;
    const struct upstream_config *config; /* NULL: removed */
    struct upstream_group *group;
    struct upstream_server *servers; /* copies, for when the lock is not held */
    size_t server_count;
    enum verdict *verdicts; /* by server: what was logged last */
    struct upstream_address last[UPSTREAM_ADDRESSES_MAX];
    size_t last_count;
    struct upstream_address found[UPSTREAM_ADDRESSES_MAX]; /* the next `last`, while it is made */
    int64_t due_ms;
    bool busy; /* the thread has it in hand, and frees it when it is removed meanwhile */
};

struct upstream_resolver {
    upstream_resolve_fn resolve;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct upstream_resolver_job *jobs;
    pthread_t thread;
    bool started;
    bool stopping;
    bool waits_for_names; /* the thread is with a name server */
    bool left_alone;      /* the thread frees the resolver */
};

struct upstream_resolver *upstream_resolver_new(upstream_resolve_fn resolve)
{
    struct upstream_resolver *resolver = mem_alloc(sizeof(*resolver));

    resolver->resolve = resolve;
    (void)pthread_mutex_init(&resolver->lock, NULL);
    wait_init(&resolver->changed);
    return resolver;
}

static void free_resolver(struct upstream_resolver *resolver)
{
    REQUIRE(resolver->jobs == NULL);
    (void)pthread_cond_destroy(&resolver->changed);
    (void)pthread_mutex_destroy(&resolver->lock);
    free(resolver);
}

void upstream_resolver_free(struct upstream_resolver **resolverp)
{
    struct upstream_resolver *resolver = TAKE(*resolverp);
    pthread_t thread;
    bool left_alone, started;

    if (resolver == NULL)
        return;
    (void)pthread_mutex_lock(&resolver->lock);
    resolver->stopping = true;
    resolver->left_alone = left_alone = resolver->waits_for_names;
    started = resolver->started;
    thread = resolver->thread;
    (void)pthread_cond_broadcast(&resolver->changed);
    (void)pthread_mutex_unlock(&resolver->lock);
    if (left_alone) {
        (void)pthread_detach(thread);
        return;
    }
    if (started)
        (void)pthread_join(thread, NULL);
    free_resolver(resolver);
}

static void free_job(struct upstream_resolver_job *job)
{
    for (size_t i = 0; i < job->server_count; i++) {
        free(job->servers[i].host);
        free(job->servers[i].port);
    }
    free(job->servers);
    free(job->verdicts);
    free(job);
}

static void unlink_job(struct upstream_resolver_job *job)
{
    struct upstream_resolver_job **at = &job->resolver->jobs;

    while (*at != job)
        at = &(*at)->next;
    *at = job->next;
}

void upstream_resolver_remove(struct upstream_resolver_job **jobp)
{
    struct upstream_resolver_job *job = TAKE(*jobp);
    struct upstream_resolver *resolver;
    bool busy;

    if (job == NULL)
        return;
    resolver = job->resolver;
    (void)pthread_mutex_lock(&resolver->lock);
    unlink_job(job);
    job->config = NULL;
    busy = job->busy;
    (void)pthread_mutex_unlock(&resolver->lock);
    if (!busy)
        free_job(job);
}

/* What one server's name stands for now: good addresses, or the ones it had. Under the lock. */
static enum verdict judge(struct upstream_resolver_job *job, size_t server, int status,
                          struct upstream_address *list, size_t *count,
                          char ret_refused[ENDPOINT_TEXT_MAX])
{
    enum verdict verdict = NAME_UNRESOLVED;

    ret_refused[0] = '\0';
    if (status == 0) {
        *count = keep_allowed(job->config, list, *count, ret_refused);
        verdict = ret_refused[0] != '\0' ? NAME_REFUSED : NAME_GOOD;
    }
    if (status == 0 && *count > 0)
        return verdict;
    *count = 0;
    for (size_t i = 0; i < job->last_count; i++)
        if (job->last[i].server == server)
            list[(*count)++] = job->last[i];
    return verdict;
}

static void tell(struct upstream_resolver_job *job, size_t server, enum verdict verdict,
                 const char *refused)
{
    static const enum log_event events[] = {[NAME_GOOD] = EV_UPSTREAM_RESOLVED,
                                            [NAME_UNRESOLVED] = EV_UPSTREAM_UNRESOLVED,
                                            [NAME_REFUSED] = EV_EGRESS_REFUSED};
    const struct span upstream = span_str(job->config->name),
                      host = span_str(job->servers[server].host);

    if (verdict == job->verdicts[server])
        return;
    job->verdicts[server] = verdict;
    if (verdict == NAME_REFUSED)
        log_event(events[verdict], F_TEXT("upstream", upstream), F_TEXT("host", host),
                  F_TEXT("address", span_str(refused)));
    else
        log_event(events[verdict], F_TEXT("upstream", upstream), F_TEXT("host", host));
}

/* All servers of a job. The lock is let go of while a name server is asked. */
static void work(struct upstream_resolver *resolver, struct upstream_resolver_job *job)
{
    size_t total = 0;

    for (size_t i = 0; i < job->server_count; i++) {
        struct upstream_address one[UPSTREAM_ADDRESSES_MAX];
        char refused[ENDPOINT_TEXT_MAX];
        size_t count = 0;
        int status;

        resolver->waits_for_names = true;
        (void)pthread_mutex_unlock(&resolver->lock);
        status = resolver->resolve(&job->servers[i], one, COUNT_OF(one), &count);
        (void)pthread_mutex_lock(&resolver->lock);
        resolver->waits_for_names = false;
        if (job->config == NULL)
            return;
        tell(job, i, judge(job, i, status, one, &count, refused), refused);
        for (size_t k = 0; k < count && total < COUNT_OF(job->found); k++) {
            job->found[total] = one[k];
            job->found[total++].server = (uint16_t)i;
        }
    }
    memcpy(job->last, job->found, total * sizeof(job->last[0]));
    job->last_count = total;
    if (upstream_group_publish(job->group, job->last, total))
        log_event(EV_UPSTREAM_MOVED, F_TEXT("upstream", span_str(job->config->name)),
                  F_NUM("addresses", total));
}

static struct upstream_resolver_job *next_due(const struct upstream_resolver *resolver)
{
    struct upstream_resolver_job *next = resolver->jobs;

    for (struct upstream_resolver_job *job = next; job != NULL; job = job->next)
        if (job->due_ms < next->due_ms)
            next = job;
    return next;
}

static void wait_for(struct upstream_resolver *resolver, const struct upstream_resolver_job *job)
{
    if (job == NULL)
        (void)pthread_cond_wait(&resolver->changed, &resolver->lock);
    else
        (void)wait_until_ms(&resolver->changed, &resolver->lock, job->due_ms);
}

static void *resolver_main(void *argument)
{
    struct upstream_resolver *resolver = argument;
    bool left_alone;

    (void)pthread_mutex_lock(&resolver->lock);
    while (!resolver->stopping) {
        struct upstream_resolver_job *job = next_due(resolver);

        if (job == NULL || job->due_ms > clock_mono_ms()) {
            wait_for(resolver, job);
            continue;
        }
        job->busy = true;
        work(resolver, job);
        job->busy = false;
        if (job->config == NULL)
            free_job(job);
        else
            job->due_ms = clock_mono_ms() + job->config->resolve_ms;
    }
    left_alone = resolver->left_alone;
    (void)pthread_mutex_unlock(&resolver->lock);
    if (left_alone)
        free_resolver(resolver);
    return NULL;
}

/* Without signals: those are the control thread's. Under the lock. */
static void start(struct upstream_resolver *resolver)
{
    sigset_t all, before;

    if (resolver->started)
        return;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_BLOCK, &all, &before);
    resolver->started = pthread_create(&resolver->thread, NULL, resolver_main, resolver) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    REQUIRE(resolver->started);
}

static bool has_names(const struct upstream_config *config)
{
    for (size_t i = 0; i < config->server_count; i++)
        if (!endpoint_is_literal(config->servers[i].host))
            return true;
    return false;
}

struct upstream_resolver_job *upstream_resolver_add(struct upstream_resolver *resolver,
                                                    const struct upstream_config *config,
                                                    struct upstream_group *group)
{
    struct upstream_resolver_job *job;

    if (config->resolve_ms == 0 || !has_names(config))
        return NULL;
    job = mem_alloc(sizeof(*job));
    job->resolver = resolver;
    job->config = config;
    job->group = group;
    job->server_count = config->server_count;
    job->servers = mem_alloc(config->server_count * sizeof(*job->servers));
    job->verdicts = mem_alloc(config->server_count * sizeof(*job->verdicts));
    for (size_t i = 0; i < config->server_count; i++)
        job->servers[i] = (struct upstream_server){mem_strdup(config->servers[i].host),
                                                   mem_strdup(config->servers[i].port)};
    memcpy(job->last, config->addresses, config->address_count * sizeof(job->last[0]));
    job->last_count = config->address_count;
    job->due_ms = clock_mono_ms() + config->resolve_ms;
    (void)pthread_mutex_lock(&resolver->lock);
    job->next = resolver->jobs;
    resolver->jobs = job;
    start(resolver);
    (void)pthread_cond_broadcast(&resolver->changed);
    (void)pthread_mutex_unlock(&resolver->lock);
    return job;
}
