/* SPDX-License-Identifier: Apache-2.0 */
/* What storing rows of many people in groups costs the vault alone: what bench/bulk is held against.
 *
 *   groups [--rows N] [--dir DIR]       (100,000 rows under the current directory unless said)
 *
 * Each row is a person with three values (an e-mail address that names them and a phone number, both deterministic,
 * and a note), a thousand rows a group, one group after the other, each durable before the next one is asked for.
 * Prints rows a second and processor time a row, as JSON. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/mem.h"
#include "base/conf.h"
#include "base/secret.h"
#include "bench/measure.h"
#include "vault/bulk.h"

enum { GROUP = 1000, EACH = 3, TEXT_MAX = 64 };

static const char classes_yaml[] =
    "email: {format: email, deterministic: true, identifies: true, purposes: [account],"
    " basis: \"6(1)(b)\", retain: {period: P2Y}}\n"
    "phone: {deterministic: true, purposes: [account], basis: \"6(1)(b)\", retain: {period: P1Y}}\n"
    "note: {purposes: [account], basis: \"6(1)(f)\", retain: {period: P90D}}\n";

static struct vault_tokenize people[GROUP];
static struct vault_item items[GROUP][EACH];
static char texts[GROUP][EACH + 1][TEXT_MAX];

static void fill(const uint16_t ids[EACH], size_t first)
{
    for (size_t p = 0; p < GROUP; p++) {
        (void)snprintf(texts[p][0], TEXT_MAX, "person%zu@example.org", first + p);
        (void)snprintf(texts[p][1], TEXT_MAX, "+49 30 %07zu", first + p);
        (void)snprintf(texts[p][2], TEXT_MAX, "said \"%zu\", and left", first + p);
        (void)snprintf(texts[p][EACH], TEXT_MAX, "%zu", first + p);
        for (size_t i = 0; i < EACH; i++)
            items[p][i] = (struct vault_item){
                .class_id = ids[i], .kind = VALUE_STRING, .value = span_str(texts[p][i])};
        people[p] =
            (struct vault_tokenize){.op = {.kind = VAULT_TOKENIZE},
                                    .domain = VAULT_DOMAIN_DEFAULT,
                                    .names = {span_str(texts[p][EACH]), span_str(texts[p][0])},
                                    .name_count = 2,
                                    .items = items[p],
                                    .count = EACH,
                                    .also = p + 1 < GROUP ? &people[p + 1] : NULL};
    }
}

static void store(struct vault *v, const struct classes *classes, size_t rows)
{
    struct vault_bulk op = {.op = {.kind = VAULT_BULK}, .job = "bench", .first = &people[0]};
    uint16_t ids[EACH];
    double start = 0, start_cpu = 0, took = 0, took_cpu = 0;

    for (size_t i = 0; i < EACH; i++)
        ids[i] = vault_class_id(v, &classes->defs[i]);
    for (size_t first = 0; first < rows; first += GROUP) {
        fill(ids, first);
        op.group++;
        start = now();
        start_cpu = cpu();
        must(vault_run(v, &op.op) == ERR_OK, "a group");
        took += now() - start;
        took_cpu += cpu() - start_cpu;
    }
    (void)printf("{\"rows\": %zu, \"rows_per_s\": %.0f, \"cpu_us_per_row\": %.2f}\n", rows,
                 (double)rows / took, took_cpu * 1e6 / (double)rows);
}

int main(int argc, char *argv[])
{
    size_t rows = 100000;
    const char *dir = ".";
    uint8_t root[ROOT_KEY_BYTES] = "this store is thrown away";
    const struct root_keys roots = {{{1, root}}, 1};
    struct conf *conf = NULL;
    struct classes classes = {.count = 0};
    struct vault_options options = {.roots = &roots, .classes = &classes};
    struct vault *v = NULL;
    struct errmsg msg = {""};
    char *path = NULL;

    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--rows") == 0)
            rows = strtoull(argv[i + 1], NULL, 10) / GROUP * GROUP;
        else if (strcmp(argv[i], "--dir") == 0)
            dir = argv[i + 1];
    }
    secret_start();
    REQUIRE(asprintf(&path, "%s/groups.store", dir) > 0);
    options.dir = path;
    must(conf_parse("groups", span_str(classes_yaml), &conf, &msg) == ERR_OK &&
             classes_read(conf_root(conf), &classes, &msg) == ERR_OK,
         "reading classes");
    must(vault_create(path, &roots.at[0], &msg) == ERR_OK &&
             vault_open(&options, &v, &msg) == ERR_OK,
         msg.text);
    store(v, &classes, rows);
    vault_close(&v);
    classes_done(&classes);
    conf_free(&conf);
    free(path);
    return 0;
}
