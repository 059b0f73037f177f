/* SPDX-License-Identifier: Apache-2.0 */
/* Figures as Prometheus reads them. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/metrics.h"
#include "base/secret.h"

TestSuite(metrics, .init = secret_start, .timeout = 30);

struct text {
    struct buf out;
    struct metrics m;
};

static void begin(struct text *t)
{
    buf_init(&t->out, 1 << 16);
    metrics_begin(&t->m, &t->out);
}

static const char *end(struct text *t)
{
    cr_assert_eq(metrics_end(&t->m), ERR_OK);
    cr_assert_eq(buf_append_byte(&t->out, '\0'), ERR_OK);
    return (const char *)t->out.bytes;
}

Test(metrics, writes_a_family_with_labels)
{
    const struct metric_label labels[] = {
        {"route", SPAN_LIT("/users/{id}")}, {"code", SPAN_LIT("2xx")}, {NULL, SPAN_NONE}};
    struct text t;

    begin(&t);
    metrics_family(&t.m, "lethe_requests_total", "counter", "Requests.");
    metrics_count(&t.m, labels, UINT64_MAX);
    cr_expect_str_eq(end(&t), "# HELP lethe_requests_total Requests.\n"
                              "# TYPE lethe_requests_total counter\n"
                              "lethe_requests_total{route=\"/users/{id}\",code=\"2xx\"} "
                              "18446744073709551615\n");
    buf_done(&t.out);
}

Test(metrics, escapes_what_would_end_a_label_or_a_line)
{
    const struct metric_label labels[] = {{"route", SPAN_LIT("a\"b\\c\nd} 1")}, {NULL, SPAN_NONE}};
    struct text t;

    begin(&t);
    metrics_family(&t.m, "x", "gauge", "X.");
    metrics_count(&t.m, labels, 1);
    cr_expect_not_null(strstr(end(&t), "x{route=\"a\\\"b\\\\c\\nd} 1\"} 1\n"));
    buf_done(&t.out);
}

Test(metrics, writes_whole_numbers_whole_and_others_short)
{
    struct text t;

    begin(&t);
    metrics_one(&t.m, "a", "gauge", "A.", 123456789012);
    metrics_one(&t.m, "b", "gauge", "B.", 0.25);
    metrics_one(&t.m, "c", "gauge", "C.", -1);
    cr_expect_not_null(strstr(end(&t), "\na 123456789012\n"));
    cr_expect_not_null(strstr((char *)t.out.bytes, "\nb 0.25\n"));
    cr_expect_not_null(strstr((char *)t.out.bytes, "\nc -1\n"));
    buf_done(&t.out);
}

Test(metrics, counts_a_value_in_the_bucket_that_holds_it)
{
    struct histogram h = {0}, sum = {0};
    struct text t;

    histogram_add(&h, &histogram_sizes, 0);
    histogram_add(&h, &histogram_sizes, 1);
    histogram_add(&h, &histogram_sizes, 2);
    histogram_add(&h, &histogram_sizes, 2001);
    histogram_merge(&sum, &h);
    histogram_merge(&sum, &h);
    begin(&t);
    metrics_family(&t.m, "g", "histogram", "G.");
    metrics_histogram(&t.m, &histogram_sizes, &sum);
    cr_expect_not_null(strstr(end(&t), "g_bucket{le=\"1\"} 4\ng_bucket{le=\"2\"} 6\n"));
    cr_expect_not_null(strstr((char *)t.out.bytes, "g_bucket{le=\"2000\"} 6\n"
                                                   "g_bucket{le=\"+Inf\"} 8\n"
                                                   "g_sum 4008\ng_count 8\n"));
    buf_done(&t.out);
}

Test(metrics, writes_durations_in_seconds)
{
    struct histogram h = {0};
    struct text t;

    histogram_add(&h, &histogram_durations, 1500);
    begin(&t);
    metrics_family(&t.m, "d", "histogram", "D.");
    metrics_histogram(&t.m, &histogram_durations, &h);
    cr_expect_not_null(strstr(end(&t), "d_bucket{le=\"0.001\"} 0\nd_bucket{le=\"0.0025\"} 1\n"));
    cr_expect_not_null(strstr((char *)t.out.bytes, "d_sum 0.0015\n"));
    buf_done(&t.out);
}

Test(metrics, says_when_there_was_no_room)
{
    struct buf out;
    struct metrics m;

    buf_init(&out, 16);
    metrics_begin(&m, &out);
    metrics_one(&m, "a", "gauge", "A.", 1);
    cr_expect_eq(metrics_end(&m), ERR_TOO_LARGE);
    buf_done(&out);
}

static double value_of(const char *text, const char *name)
{
    char line[64];
    const char *at;

    (void)snprintf(line, sizeof(line), "\n%s ", name);
    at = strstr(text, line);
    cr_assert_not_null(at, "%s is missing", name);
    return strtod(at + strlen(line), NULL);
}

Test(metrics, knows_its_process)
{
    struct text t;
    const char *text;

    begin(&t);
    metrics_process(&t.m);
    text = end(&t);
    cr_expect_gt(value_of(text, "process_resident_memory_bytes"), 1 << 20);
    cr_expect_gt(value_of(text, "process_virtual_memory_bytes"), 1 << 20);
    cr_expect_geq(value_of(text, "process_threads"), 1);
    cr_expect_geq(value_of(text, "process_open_fds"), 3);
    cr_expect_gt(value_of(text, "process_max_fds"), 3);
    cr_expect_gt(value_of(text, "process_start_time_seconds"), (double)time(NULL) - 3600);
    cr_expect_lt(value_of(text, "process_start_time_seconds"), (double)time(NULL) + 60);
    buf_done(&t.out);
}
