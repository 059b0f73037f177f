/* SPDX-License-Identifier: Apache-2.0 */
/* A small real store for one test: classes from text, a root key, values in and out. Failures of
 * the rig's own steps abort the test. */
#pragma once

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/conf.h"
#include "base/log.h"
#include "base/secret.h"
#include "tests/support/scratch.h"
#include "vault/classes.h"
#include "vault/holds.h"
#include "vault/rootkey.h"
#include "vault/vault.h"

struct rig {
    struct scratch scratch;
    struct conf *conf;
    struct classes classes;
    struct domains domains;       /* "default", "crm" */
    uint8_t root[ROOT_KEY_BYTES]; /* a throwaway key needs no guard */
    struct vault *vault;
};

/* mail identifies and lives two years, note lives ten days, brief one hour. */
#define RIG_CLASSES                                                                                \
    "mail: {format: email, deterministic: true, identifies: true, purposes: [account], "           \
    "basis: \"6(1)(b)\", retain: {period: P2Y}}\n"                                                 \
    "note: {purposes: [support, account], basis: \"6(1)(f)\", retain: {period: P10D}}\n"           \
    "brief: {purposes: [support], basis: \"6(1)(a)\", retain: {period: PT1H}}\n"

/* 2026-01-10T12:00:00Z, where the rig's clock stands at first. */
enum { RIG_DAY_S = 86400 };
static const int64_t RIG_NOW_S = 1768046400;

static inline void rig_clock(int64_t now_s)
{
    clock_test_set_ms(now_s * 1000);
}

static inline void rig_open(struct rig *r)
{
    const struct root_keys roots = {{{1, r->root}}, 1};
    struct vault_options options = {
        .roots = &roots, .classes = &r->classes, .domains = &r->domains};
    struct errmsg msg = {""};
    char dir[128];

    (void)snprintf(dir, sizeof(dir), "%s/store", r->scratch.dir);
    options.dir = dir;
    if (vault_open(&options, &r->vault, &msg) != ERR_OK) {
        (void)fprintf(stderr, "rig: %s\n", msg.text);
        REQUIRE(r->vault != NULL);
    }
}

static inline void rig_init_in(struct rig *r, struct scratch scratch, const char *classes)
{
    struct errmsg msg = {""};

    *r = (struct rig){.scratch = scratch};
    rig_clock(RIG_NOW_S);
    if (conf_parse("rig.yaml", span_str(classes), &r->conf, &msg) != ERR_OK ||
        classes_read(conf_root(r->conf), &r->classes, &msg) != ERR_OK) {
        (void)fprintf(stderr, "rig: %s\n", msg.text);
        REQUIRE(r->classes.count > 0);
    }
    r->domains.names = mem_alloc(2 * sizeof(*r->domains.names));
    r->domains.names[r->domains.count++] = mem_strdup(DOMAIN_DEFAULT_NAME);
    r->domains.names[r->domains.count++] = mem_strdup("crm");
    secret_random(r->root, ROOT_KEY_BYTES);
    if (vault_create(scratch_path(&r->scratch, "store"), &(struct root_key){1, r->root}, &msg) !=
        ERR_OK) {
        (void)fprintf(stderr, "rig: %s\n", msg.text);
        REQUIRE(r->vault != NULL);
    }
    rig_open(r);
}

static inline void rig_init_with(struct rig *r, const char *classes)
{
    rig_init_in(r, scratch_new(), classes);
}

static inline void rig_init(struct rig *r)
{
    rig_init_with(r, RIG_CLASSES);
}

/* Also AUTO(rig_done). */
static inline void rig_done(struct rig *r)
{
    vault_close(&r->vault);
    classes_done(&r->classes);
    domains_done(&r->domains);
    conf_free(&r->conf);
    scratch_remove(&r->scratch);
    clock_test_set_ms(-1);
}

static inline uint16_t rig_class(const struct rig *r, const char *name)
{
    const struct class_def *def = classes_find(&r->classes, span_str(name));

    REQUIRE(def != NULL);
    return vault_class_id(r->vault, def);
}

/* What is logged from now on goes to a file of the rig's, "log". */
static inline void rig_log(struct rig *r)
{
    const int fd = open(scratch_path(&r->scratch, "log"), O_CREAT | O_RDWR | O_APPEND, 0600);

    REQUIRE(fd >= 0);
    log_set_fd(fd);
}

/* A person's key slot; 0: nobody has the name. */
static inline uint64_t rig_slot(struct rig *r, const char *name)
{
    struct vault_reader *reader = NULL;
    uint64_t slot = 0;

    REQUIRE(vault_reader_open(r->vault, &reader) == ERR_OK);
    REQUIRE(vault_read_begin(reader) == ERR_OK);
    if (vault_read_subject(reader, VAULT_DOMAIN_DEFAULT, span_str(name), &slot) != ERR_OK)
        slot = 0;
    vault_read_end(reader);
    vault_reader_close(&reader);
    return slot;
}

/* The database as it is now, beside the store; and back into it, with the keys and the ledger of now. */
static inline void rig_copy_database(struct rig *r, bool back)
{
    char command[512];

    vault_close(&r->vault);
    (void)snprintf(command, sizeof(command),
                   back ? "cd %s && rm -f store/vault.db-* && cp old.db store/vault.db"
                        : "cd %s && cp store/vault.db old.db",
                   r->scratch.dir);
    REQUIRE(system(command) == 0);
    rig_open(r);
}

/* A legal hold on a person, its number; and its end. */
static inline uint64_t rig_hold(struct rig *r, uint64_t slot)
{
    struct vault_hold hold = {.slot = slot,
                              .code = "17(3)(e)",
                              .ground = "case 12/2026",
                              .owner = "legal",
                              .set_by = "test",
                              .review_s = vault_now_s(r->vault) + 30 * RIG_DAY_S};
    struct vault_holds op = {.op = {.kind = VAULT_HOLDS}, .act = VAULT_HOLD_SET, .hold = &hold};

    REQUIRE(vault_run(r->vault, &op.op) == ERR_OK);
    return hold.number;
}

static inline void rig_lift(struct rig *r, uint64_t number)
{
    struct vault_hold hold = {.number = number, .lifted_by = "test", .lifted_why = "settled"};
    struct vault_holds op = {.op = {.kind = VAULT_HOLDS}, .act = VAULT_HOLD_LIFT, .hold = &hold};

    REQUIRE(vault_run(r->vault, &op.op) == ERR_OK);
}

/* One value of one person. */
static inline struct token_text rig_store(struct rig *r, const char *class_name,
                                          const char *subject, const char *value)
{
    struct vault_item item = {
        .class_id = rig_class(r, class_name), .kind = VALUE_STRING, .value = span_str(value)};
    struct vault_tokenize op = {.op = {.kind = VAULT_TOKENIZE},
                                .domain = VAULT_DOMAIN_DEFAULT,
                                .names = {span_str(subject)},
                                .name_count = 1,
                                .items = &item,
                                .count = 1};

    REQUIRE(vault_run(r->vault, &op.op) == ERR_OK);
    return item.token;
}

/* `count` values of one person in one operation. */
static inline void rig_store_many(struct rig *r, const char *class_name, const char *subject,
                                  size_t count)
{
    struct vault_item *items = mem_try_alloc(count, sizeof(*items));
    struct vault_tokenize op = {.op = {.kind = VAULT_TOKENIZE},
                                .domain = VAULT_DOMAIN_DEFAULT,
                                .names = {span_str(subject)},
                                .name_count = 1,
                                .items = items,
                                .count = count};

    REQUIRE(items != NULL);
    for (size_t i = 0; i < count; i++)
        items[i] = (struct vault_item){.class_id = rig_class(r, class_name),
                                       .kind = VALUE_STRING,
                                       .value = span_str("some value")};
    REQUIRE(vault_run(r->vault, &op.op) == ERR_OK);
    free(items);
}

/* What a token stands for, as a C string in `out` when OK. */
static inline enum err rig_reveal_as(struct rig *r, const struct token_text *token, bool legal,
                                     char out[256])
{
    const struct vault_scope scope = {.legal = legal};
    struct vault_reader *reader = NULL;
    struct vault_value value;
    struct buf text;
    enum err e;

    buf_init_secret(&text, 255);
    REQUIRE(vault_reader_open(r->vault, &reader) == ERR_OK);
    REQUIRE(vault_read_begin(reader) == ERR_OK);
    e = vault_reveal_as(reader, &scope, span_of(token->bytes, token->len), &text, &value);
    vault_read_end(reader);
    vault_reader_close(&reader);
    if (e == ERR_OK) {
        if (text.len > 0)
            memcpy(out, text.bytes, text.len);
        out[text.len] = '\0';
    }
    buf_done(&text);
    return e;
}

static inline enum err rig_reveal(struct rig *r, const struct token_text *token, char out[256])
{
    return rig_reveal_as(r, token, false, out);
}
