/* SPDX-License-Identifier: Apache-2.0 */
/* What a data officer's pages cost over a large store: the overview, the retention report, each figure, the registers, as
 * operations, in this process. The store is one that tests/history has made:
 *
 *   pages DIR [--rounds N]     (DIR/lethe.yaml; 20 rounds unless said) */
#include <string.h>

#include "admin/ops.h"
#include "base/assert.h"
#include "base/conf.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/secret.h"
#include "bench/measure.h"
#include "keys/keys.h"
#include "retention/request_settings.h"
#include "vault/audit.h"

enum { ROUNDS_MAX = 1000 };

static const double BAR_MS = 200;
static const double OVERVIEW_BAR_MS = 50;

static const struct page {
    const char *name;
    const char *request;
} pages[] = {
    {"overview", "{\"op\":\"overview\"}"},
    {"report retention", "{\"op\":\"report\",\"report\":\"retention\"}"},
    {"report requests", "{\"op\":\"report\",\"report\":\"requests\"}"},
    {"report holds", "{\"op\":\"report\",\"report\":\"holds\"}"},
    {"report exceptions", "{\"op\":\"report\",\"report\":\"exceptions\"}"},
    {"report notices", "{\"op\":\"report\",\"report\":\"notices\"}"},
    {"report purges", "{\"op\":\"report\",\"report\":\"purges\"}"},
    {"report purge-days", "{\"op\":\"report\",\"report\":\"purge-days\"}"},
    {"figure expiries", "{\"op\":\"figures\",\"figure\":\"expiries\"}"},
    {"figure ages", "{\"op\":\"figures\",\"figure\":\"ages\"}"},
    {"figure purges", "{\"op\":\"figures\",\"figure\":\"purges\"}"},
    {"figure flow", "{\"op\":\"figures\",\"figure\":\"flow\"}"},
    {"figure burndown", "{\"op\":\"figures\",\"figure\":\"burndown\"}"},
    {"figure matrix", "{\"op\":\"figures\",\"figure\":\"matrix\"}"},
    {"figure holds", "{\"op\":\"figures\",\"figure\":\"holds\"}"},
    {"retention.status", "{\"op\":\"retention.status\"}"},
    {"receipt.list", "{\"op\":\"receipt.list\"}"},
};

static struct admin admin;
static struct classes classes;

static void need(enum err e, const struct errmsg *msg)
{
    if (e == ERR_OK)
        return;
    (void)fprintf(stderr, "pages: %s: %s\n", err_name(e), msg->text);
    exit(1);
}

static void open_store(const char *dir, struct conf *conf)
{
    AUTO(root_keys_done) struct root_keys roots = {.count = 0};
    AUTO(request_settings_done) struct request_settings settings = {.regime = NULL};
    struct conf_node root = conf_root(conf);
    struct errmsg msg = {""};
    char path[512];
    struct vault_options options = {.dir = path, .roots = &roots, .classes = &classes};

    (void)snprintf(path, sizeof(path), "%s/store", dir);
    need(classes_read(conf_get(root, "classes"), &classes, &msg), &msg);
    need(keys_read(root, &admin.keys, &msg), &msg);
    need(keys_load(admin.keys, &roots, &msg), &msg);
    need(vault_open(&options, &admin.vault, &msg), &msg);
    need(request_settings_read(root, "DE", &settings, &msg), &msg);
    admin.classes = &classes;
    admin.erasures = erasures_new(admin.vault, keys_rotation_period(admin.keys));
    admin.requests = requests_new(admin.vault, admin.erasures, NULL);
    requests_configure(admin.requests, &settings);
    admin.conf = conf;
}

/* Milliseconds. */
static double run(const struct json *request)
{
    struct json *answer = NULL;
    struct errmsg msg = {""};
    const double before = now();
    double took;

    need(ops_run(&admin, request, &answer, &msg), &msg);
    took = (now() - before) * 1000;
    json_free(&answer);
    return took;
}

static void measure(const struct page *page, size_t rounds)
{
    static double times[ROUNDS_MAX];
    AUTO(json_free) struct json *request = NULL;
    double first, processor;
    char what[64];

    REQUIRE(json_parse(span_str(page->request), &request) == ERR_OK);
    first = run(request);
    processor = cpu();
    for (size_t i = 0; i < rounds; i++)
        times[i] = run(request);
    processor = (cpu() - processor) * 1000 / (double)rounds;
    (void)snprintf(what, sizeof(what), "%s, ms (first %.1f, processor %.1f)", page->name, first,
                   processor);
    verdict(what, median(times, rounds), page == pages ? OVERVIEW_BAR_MS : BAR_MS, false);
}

static void print_size(void)
{
    AUTO(vault_reader_close) struct vault_reader *reader = NULL;
    uint64_t items = 0, created = 0, people = 0;

    REQUIRE(vault_reader_open(admin.vault, &reader) == ERR_OK &&
            vault_read_begin(reader) == ERR_OK);
    for (size_t i = 0; i < classes.count; i++) {
        struct vault_class_stats stats;

        REQUIRE(vault_read_stats(reader, vault_class_id(admin.vault, &classes.defs[i]),
                                 vault_now_s(admin.vault), &stats) == ERR_OK);
        items += stats.items;
        created += stats.created;
    }
    REQUIRE(vault_read_subject_count(reader, &people) == ERR_OK);
    vault_read_end(reader);
    (void)printf("%" PRIu64 " values of %" PRIu64 " persons in %zu classes; %" PRIu64
                 " stored ever\n",
                 items, people, classes.count, created);
}

int main(int argc, char **argv)
{
    AUTO(conf_free) struct conf *conf = NULL;
    struct errmsg msg = {""};
    size_t rounds = 20;
    char path[512];

    if (argc < 2) {
        (void)fputs("pages DIR [--rounds N]\n", stderr);
        return 2;
    }
    if (argc > 3 && strcmp(argv[2], "--rounds") == 0)
        rounds = strtoul(argv[3], NULL, 10);
    rounds = rounds < 1 || rounds > ROUNDS_MAX ? 20 : rounds;
    secret_start();
    log_set_level(LOG_ERROR);
    (void)snprintf(path, sizeof(path), "%s/lethe.yaml", argv[1]);
    need(conf_load(path, &conf, &msg), &msg);
    open_store(argv[1], conf);
    print_size();
    for (size_t i = 0; i < COUNT_OF(pages); i++)
        measure(&pages[i], rounds);
    requests_free(&admin.requests);
    erasures_free(&admin.erasures);
    vault_close(&admin.vault);
    keys_free(&admin.keys);
    classes_done(&classes);
    return 0;
}
