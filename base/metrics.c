/* SPDX-License-Identifier: Apache-2.0 */
/* Figures for monitoring, and how they are written.
 * Runs on: any thread. Holds: nothing. Invariant: a text that is written is one that Prometheus
 * reads, whatever stands in a label. Not here: what is counted. */
#include "base/metrics.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

const struct histogram_scale histogram_durations = {
    .count = 16,
    .bounds = {50, 100, 250, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 500000,
               1000000, 2500000, 10000000},
    .unit = 1e-6,
};
const struct histogram_scale histogram_sizes = {
    .count = 11,
    .bounds = {1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000},
    .unit = 1,
};

void histogram_add(struct histogram *h, const struct histogram_scale *scale, uint64_t value)
{
    size_t i = 0;

    while (i < scale->count && value > scale->bounds[i])
        i++;
    counter_add(&h->buckets[i], 1);
    counter_add(&h->sum, value);
}

void histogram_merge(struct histogram *into, const struct histogram *from)
{
    for (size_t i = 0; i < COUNT_OF(into->buckets); i++)
        counter_add(&into->buckets[i], counter_read(&from->buckets[i]));
    counter_add(&into->sum, counter_read(&from->sum));
}

/* ---- writing ---- */

void metrics_begin(struct metrics *m, struct buf *out)
{
    *m = (struct metrics){.out = out, .name = "", .error = ERR_OK};
}

enum err metrics_end(struct metrics *m)
{
    return m->error;
}

static void put(struct metrics *m, const char *text, size_t len)
{
    if (m->error == ERR_OK)
        m->error = buf_append(m->out, text, len);
}

static void put_str(struct metrics *m, const char *text)
{
    put(m, text, strlen(text));
}

void metrics_family(struct metrics *m, const char *name, const char *type, const char *help)
{
    m->name = name;
    put_str(m, "# HELP ");
    put_str(m, name);
    put_str(m, " ");
    put_str(m, help);
    put_str(m, "\n# TYPE ");
    put_str(m, name);
    put_str(m, " ");
    put_str(m, type);
    put_str(m, "\n");
}

static void put_escaped(struct metrics *m, struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];

        if (c == '\n')
            put_str(m, "\\n");
        else if (c == '"' || c == '\\')
            put(m, (const char[]){'\\', c}, 2);
        else
            put(m, &c, 1);
    }
}

static void put_labels(struct metrics *m, const struct metric_label *labels)
{
    if (labels == NULL || labels[0].name == NULL)
        return;
    for (size_t i = 0; labels[i].name != NULL; i++) {
        put_str(m, i == 0 ? "{" : ",");
        put_str(m, labels[i].name);
        put_str(m, "=\"");
        put_escaped(m, labels[i].value);
        put_str(m, "\"");
    }
    put_str(m, "}");
}

static void put_number(struct metrics *m, double value)
{
    char text[40];

    if (value > -1e15 && value < 1e15 && (double)(int64_t)value == value)
        (void)snprintf(text, sizeof(text), "%.0f", value);
    else
        (void)snprintf(text, sizeof(text), "%.9g", value);
    put_str(m, text);
}

void metrics_count(struct metrics *m, const struct metric_label *labels, uint64_t value)
{
    char text[32];

    put_str(m, m->name);
    put_labels(m, labels);
    (void)snprintf(text, sizeof(text), " %" PRIu64 "\n", value);
    put_str(m, text);
}

void metrics_number(struct metrics *m, const struct metric_label *labels, double value)
{
    put_str(m, m->name);
    put_labels(m, labels);
    put_str(m, " ");
    put_number(m, value);
    put_str(m, "\n");
}

void metrics_one(struct metrics *m, const char *name, const char *type, const char *help,
                 double value)
{
    metrics_family(m, name, type, help);
    metrics_number(m, NULL, value);
}

static void put_bucket(struct metrics *m, const char *bound, uint64_t below)
{
    char text[32];

    put_str(m, m->name);
    put_str(m, "_bucket{le=\"");
    put_str(m, bound);
    (void)snprintf(text, sizeof(text), "\"} %" PRIu64 "\n", below);
    put_str(m, text);
}

void metrics_histogram(struct metrics *m, const struct histogram_scale *scale,
                       const struct histogram *h)
{
    uint64_t below = 0;
    char text[64];

    for (size_t i = 0; i <= scale->count; i++) {
        below += counter_read(&h->buckets[i]);
        if (i < scale->count)
            (void)snprintf(text, sizeof(text), "%.9g", (double)scale->bounds[i] * scale->unit);
        put_bucket(m, i < scale->count ? text : "+Inf", below);
    }
    put_str(m, m->name);
    put_str(m, "_sum ");
    put_number(m, (double)counter_read(&h->sum) * scale->unit);
    (void)snprintf(text, sizeof(text), "_count %" PRIu64 "\n", below);
    put_str(m, "\n");
    put_str(m, m->name);
    put_str(m, text);
}

/* ---- the process ---- */

/* A file of /proc, ended by NUL; empty when it cannot be read. */
static void read_file(const char *path, char *out, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, out, size - 1);

    out[n < 0 ? 0 : n] = '\0';
    if (fd >= 0)
        (void)close(fd);
}

/* The n-th field of /proc/self/stat (proc(5)), counted from 1; the second may hold anything and ends at the
 * last parenthesis. */
static uint64_t stat_field(const char *stat, int n)
{
    const char *at = strrchr(stat, ')');

    for (int i = 2; at != NULL && i < n; i++) {
        at = strchr(at, ' ');
        if (at != NULL)
            at++;
    }
    return at == NULL ? 0 : strtoull(at, NULL, 10);
}

static size_t open_descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    size_t count = 0;

    if (dir == NULL)
        return 0;
    while (readdir(dir) != NULL)
        count++;
    (void)closedir(dir);
    return count > 3 ? count - 3 : 0; /* ".", ".." and the one of opendir() */
}

static double boot_time_s(void)
{
    char text[8192];
    const char *at;

    read_file("/proc/stat", text, sizeof(text));
    at = strstr(text, "\nbtime ");
    return at == NULL ? 0 : strtod(at + 7, NULL);
}

void metrics_process(struct metrics *m)
{
    const double ticks = (double)sysconf(_SC_CLK_TCK), page = (double)sysconf(_SC_PAGESIZE);
    struct rlimit fds = {0};
    struct rusage usage;
    char stat[1024];
    double cpu_s = 0;

    read_file("/proc/self/stat", stat, sizeof(stat));
    if (getrusage(RUSAGE_SELF, &usage) == 0)
        cpu_s = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
    (void)getrlimit(RLIMIT_NOFILE, &fds);
    metrics_one(m, "process_cpu_seconds_total", "counter", "CPU time, user and system.", cpu_s);
    metrics_one(m, "process_resident_memory_bytes", "gauge", "Memory in RAM.",
                (double)stat_field(stat, 24) * page);
    metrics_one(m, "process_virtual_memory_bytes", "gauge", "Address space in use.",
                (double)stat_field(stat, 23));
    metrics_one(m, "process_threads", "gauge", "Threads.", (double)stat_field(stat, 20));
    metrics_one(m, "process_open_fds", "gauge", "Open descriptors.", (double)open_descriptors());
    metrics_one(m, "process_max_fds", "gauge", "Descriptors that may be open.",
                (double)fds.rlim_cur);
    metrics_one(m, "process_start_time_seconds", "gauge", "Begin of the process.",
                boot_time_s() + (double)stat_field(stat, 22) / ticks);
}
