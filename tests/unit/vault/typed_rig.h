/* SPDX-License-Identifier: Apache-2.0 */
/* A store whose classes are read from a configuration, for tests of typed tokens. */
#pragma once

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/conf.h"
#include "base/fault.h"
#include "base/limits.h"
#include "base/secret.h"
#include "tests/support/vault_fixture.h"
#include "vault/typed_priv.h"

#define TYPED_REST "purposes: [x], basis: \"6(1)(b)\", retain: {period: P1Y}"

static struct vault_fixture f;
static struct classes typed_classes;

static void typed_read(const char *yaml)
{
    struct conf *conf = NULL;
    struct errmsg msg = {""};

    cr_assert_eq(conf_parse("t.yaml", span_str(yaml), &conf, &msg), ERR_OK, "%s", msg.text);
    cr_assert_eq(classes_read(conf_get(conf_root(conf), "classes"), &typed_classes, &msg), ERR_OK,
                 "%s", msg.text);
    conf_free(&conf);
    f.classes = typed_classes;
}

/* A new store with these classes, open. */
static inline void typed_start(const char *yaml)
{
    fixture_make(&f);
    typed_read(yaml);
    cr_assert_eq(fixture_open(&f), ERR_OK, "%s", f.msg.text);
}

static inline void typed_restart(void)
{
    fixture_close(&f);
    cr_assert_eq(fixture_open(&f), ERR_OK, "%s", f.msg.text);
}

/* Close; open again with other classes, which may fail. */
static inline enum err typed_reopen(const char *yaml)
{
    fixture_close(&f);
    classes_done(&typed_classes);
    typed_read(yaml);
    return fixture_open(&f);
}

static inline void typed_end(void)
{
    fault_test_set(NULL, NULL);
    clock_test_set_ms(-1);
    fixture_end(&f);
    classes_done(&typed_classes);
}

static inline uint16_t class_id(const char *name)
{
    const struct class_def *def = classes_find(&typed_classes, span_str(name));

    cr_assert_not_null(def, "%s", name);
    return vault_class_id(f.v, def);
}

static inline enum err try_store(const char *class_name, const char *subject, const char *value,
                                 struct token_text *ret)
{
    return fixture_tokenize(&f, class_id(class_name), subject, value, ret);
}

static inline struct token_text store(const char *class_name, const char *subject,
                                      const char *value)
{
    struct token_text token = {.len = 0};
    enum err e = try_store(class_name, subject, value, &token);

    cr_assert_eq(e, ERR_OK, "%s of %s: %s", class_name, subject, err_name(e));
    return token;
}

static inline bool same(const struct token_text *a, const struct token_text *b)
{
    return span_equal(fixture_span(a), fixture_span(b));
}

/* Reveal as a class ("": any); what it says goes to `out` as a string. */
static inline enum err reveal(const char *class_name, const struct token_text *token, char out[256],
                              struct vault_value *ret)
{
    const struct vault_scope scope = {.class_id = class_name[0] == '\0' ? 0 : class_id(class_name)};
    struct buf clear;
    enum err e = vault_read_begin(f.r);

    cr_assert_eq(e, ERR_OK);
    buf_init_secret(&clear, 4096);
    e = vault_reveal_as(f.r, &scope, fixture_span(token), &clear, ret);
    vault_read_end(f.r);
    if (e == ERR_OK)
        (void)snprintf(out, 256, "%.*s", (int)clear.len, (const char *)clear.bytes);
    buf_done(&clear);
    return e;
}

static inline bool reveals(const char *class_name, const struct token_text *token,
                           const char *expected)
{
    struct vault_value value;
    char out[256] = "";

    return reveal(class_name, token, out, &value) == ERR_OK && strcmp(out, expected) == 0;
}

static inline enum err reveal_result(const char *class_name, const struct token_text *token)
{
    struct vault_value value;
    char out[256];

    return reveal(class_name, token, out, &value);
}

/* Erase and sweep. */
static inline void erase(const char *subject)
{
    struct vault_erasure erasure;
    size_t deleted;

    cr_assert_eq(fixture_erase(&f, subject, &erasure), ERR_OK);
    cr_assert_eq(fixture_sweep(&f, erasure.slot, &deleted), ERR_OK);
    vault_erasure_done(&erasure);
}

static inline struct vault_class_stats stats(const char *class_name)
{
    return fixture_stats(&f, class_id(class_name));
}

static inline void copy_file(const char *from, const char *to)
{
    static char bytes[1 << 16];
    int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ssize_t got;

    cr_assert(in >= 0 && out >= 0, "%s %s", from, to);
    while ((got = read(in, bytes, sizeof(bytes))) > 0)
        cr_assert_eq(write(out, bytes, (size_t)got), got);
    (void)close(in);
    (void)close(out);
}

/* Tokens that were given out; a token that comes twice fails the test. */
struct given {
    struct token_text tokens[2048];
    size_t count;
};

static inline void must_be_new(struct given *g, const struct token_text *token)
{
    for (size_t i = 0; i < g->count; i++)
        cr_assert_not(same(&g->tokens[i], token), "%.*s was given out before", (int)token->len,
                      token->bytes);
    cr_assert_lt(g->count, COUNT_OF(g->tokens));
    g->tokens[g->count++] = *token;
}
