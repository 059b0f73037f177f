/* SPDX-License-Identifier: Apache-2.0 */
/* A throwaway store for tests.
 * Runs on: one thread. Holds: a temporary directory until fixture_end(). */
#include "tests/support/vault_fixture.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/secret.h"

static void must(enum err e, const struct errmsg *msg)
{
    if (e != ERR_OK)
        (void)fprintf(stderr, "fixture: %s: %s\n", err_name(e), msg->text);
    REQUIRE(e == ERR_OK);
}

static void define(struct class_def *def, const char *name, enum token_format format,
                   bool deterministic, const char *period)
{
    def->name = mem_strdup(name);
    def->format = format;
    def->deterministic = deterministic;
    def->email_domain = mem_strdup("tok.invalid");
    def->basis = mem_strdup("6(1)(b)");
    def->purposes[0] = mem_strdup("test");
    def->purpose_count = 1;
    REQUIRE(period_parse(span_str(period), &def->rule.period) == ERR_OK);
}

void fixture_make(struct vault_fixture *f)
{
    *f = (struct vault_fixture){.base = "/tmp/lethe-vault-XXXXXX"};
    secret_start();
    REQUIRE(mkdtemp(f->base) != NULL);
    (void)snprintf(f->dir, sizeof(f->dir), "%s/store", f->base);
    f->root.epoch = 1;
    f->root.bytes = secret_alloc(ROOT_KEY_BYTES);
    secret_random(f->root.bytes, ROOT_KEY_BYTES);
    define(&f->defs[0], "note", TOKEN_OPAQUE, false, "P90D");
    define(&f->defs[1], "email", TOKEN_EMAIL, true, "P2Y");
    define(&f->defs[2], "phone", TOKEN_OPAQUE, true, "P1Y");
    define(&f->defs[3], "brief", TOKEN_OPAQUE, false, "PT10S");
    f->defs[1].identifies = true;
    f->classes = (struct classes){f->defs, FIXTURE_CLASSES};
    f->domains = (struct domains){f->domain_names, FIXTURE_DOMAINS};
    f->domain_names[0] = mem_strdup(DOMAIN_DEFAULT_NAME);
    f->domain_names[1] = mem_strdup("crm");
    f->domain_names[2] = mem_strdup("analytics");
    must(vault_create(f->dir, &f->root, &f->msg), &f->msg);
}

enum err fixture_open(struct vault_fixture *f)
{
    const struct root_keys roots = {{f->root, f->next}, f->next.bytes == NULL ? 1 : 2};
    struct vault_options options = {.dir = f->dir,
                                    .roots = &roots,
                                    .classes = &f->classes,
                                    .domains = &f->domains,
                                    .ledger_mirror = f->mirror};
    enum err e = vault_open(&options, &f->v, &f->msg);

    if (e != ERR_OK)
        return e;
    f->note = vault_class_id(f->v, &f->defs[0]);
    f->email = vault_class_id(f->v, &f->defs[1]);
    f->phone = vault_class_id(f->v, &f->defs[2]);
    f->brief = vault_class_id(f->v, &f->defs[3]);
    f->crm = vault_domain_id(f->v, SPAN_LIT("crm"));
    f->analytics = vault_domain_id(f->v, SPAN_LIT("analytics"));
    return vault_reader_open(f->v, &f->r);
}

void fixture_start(struct vault_fixture *f)
{
    fixture_make(f);
    must(fixture_open(f), &f->msg);
}

void fixture_close(struct vault_fixture *f)
{
    vault_reader_close(&f->r);
    vault_close(&f->v);
}

static void remove_all(const char *dir)
{
    DIR *d = opendir(dir);
    const struct dirent *entry;

    while (d != NULL && (entry = readdir(d)) != NULL) {
        char path[512];

        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        (void)snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name);
        if (unlink(path) != 0)
            remove_all(path);
    }
    if (d != NULL)
        (void)closedir(d);
    (void)rmdir(dir);
}

void fixture_end(struct vault_fixture *f)
{
    fixture_close(f);
    remove_all(f->base);
    root_key_done(&f->root);
    root_key_done(&f->next);
    for (size_t i = 0; i < FIXTURE_DOMAINS; i++)
        free(f->domain_names[i]);
    for (size_t i = 0; i < FIXTURE_CLASSES; i++) {
        free(f->defs[i].name);
        free(f->defs[i].email_domain);
        free(f->defs[i].basis);
        free(f->defs[i].purposes[0]);
    }
}

const char *fixture_path(const struct vault_fixture *f, const char *name)
{
    static char paths[2][128];
    static size_t turn;

    turn ^= 1;
    (void)snprintf(paths[turn], sizeof(paths[turn]), "%s/%s", f->dir, name);
    return paths[turn];
}

enum err fixture_tokenize(struct vault_fixture *f, uint16_t class_id, const char *subject,
                          const char *value, struct token_text *ret)
{
    struct vault_item item = {.class_id = class_id, .kind = VALUE_STRING, .value = span_str(value)};
    struct vault_tokenize op = {
        .op.kind = VAULT_TOKENIZE, .domain = VAULT_DOMAIN_DEFAULT, .items = &item, .count = 1};
    enum err e;

    if (subject != NULL && subject[0] != '\0')
        op.names[op.name_count++] = span_str(subject);
    e = vault_run(f->v, &op.op);
    if (e == ERR_OK)
        *ret = item.token;
    return e;
}

struct span fixture_span(const struct token_text *token)
{
    return span_of(token->bytes, token->len);
}

struct token_text fixture_decoy(struct vault_fixture *f, uint16_t class_id)
{
    struct vault_item item = {.class_id = class_id, .kind = VALUE_STRING};

    must(vault_decoy(f->r, &item), &f->msg);
    return item.token;
}

enum err fixture_reveal(struct vault_fixture *f, const struct token_text *token, char *out,
                        size_t size)
{
    struct vault_value value;
    struct buf clear;
    enum err e = vault_read_begin(f->r);

    if (e != ERR_OK)
        return e;
    buf_init_secret(&clear, LIMIT_VALUE_MAX);
    e = vault_reveal(f->r, 0, fixture_span(token), 0, &clear, &value);
    vault_read_end(f->r);
    if (e == ERR_OK)
        (void)snprintf(out, size, "%.*s", (int)clear.len, (const char *)clear.bytes);
    buf_done(&clear);
    return e;
}

bool fixture_reveals(struct vault_fixture *f, const struct token_text *token, const char *expected)
{
    char value[4096] = "";

    return fixture_reveal(f, token, value, sizeof(value)) == ERR_OK && strcmp(value, expected) == 0;
}

enum err fixture_subject(struct vault_fixture *f, const char *name, uint64_t *ret_slot)
{
    enum err e = vault_read_begin(f->r);

    if (e == ERR_OK)
        e = vault_read_subject(f->r, VAULT_DOMAIN_DEFAULT, span_str(name), ret_slot);
    vault_read_end(f->r);
    return e;
}

enum err fixture_erase(struct vault_fixture *f, const char *subject, struct vault_erasure *ret)
{
    struct vault_erase op = {.op.kind = VAULT_ERASE,
                             .domain = VAULT_DOMAIN_DEFAULT,
                             .name = span_str(subject),
                             .erasure = ret};

    return vault_run(f->v, &op.op);
}

enum err fixture_sweep(struct vault_fixture *f, uint64_t slot, size_t *ret_deleted)
{
    struct vault_sweep_subject op = {
        .op.kind = VAULT_SWEEP_SUBJECT, .slot = slot, .limit = 100, .more = true};
    size_t deleted = 0;

    while (op.more) {
        enum err e = vault_run(f->v, &op.op);

        if (e != ERR_OK)
            return e;
        deleted += op.deleted;
    }
    *ret_deleted = deleted;
    return ERR_OK;
}

enum err fixture_purge(struct vault_fixture *f, uint16_t class_id, size_t limit,
                       size_t *ret_deleted)
{
    struct vault_purge_due op = {
        .op.kind = VAULT_PURGE_DUE, .class_id = class_id, .now_s = clock_now_s(), .limit = limit};
    enum err e = vault_run(f->v, &op.op);

    if (e == ERR_OK)
        *ret_deleted = op.deleted;
    return e;
}

struct vault_class_stats fixture_stats(struct vault_fixture *f, uint16_t class_id)
{
    struct vault_class_stats stats = {0};

    must(vault_read_begin(f->r), &f->msg);
    must(vault_read_stats(f->r, class_id, clock_now_s(), &stats), &f->msg);
    vault_read_end(f->r);
    return stats;
}
