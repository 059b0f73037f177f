/* SPDX-License-Identifier: Apache-2.0 */
#include "keys_rig.h"

static void begin(void)
{
    static const char *const names[] = {"LETHE_PASSPHRASE", "VAULT_TOKEN", "CREDENTIALS_DIRECTORY"};

    secret_start();
    for (size_t i = 0; i < COUNT_OF(names); i++)
        (void)unsetenv(names[i]);
}

TestSuite(keys, .init = begin);

/* Keys of a configuration; the rig's conf holds it. */
static enum err read_keys(struct keys_rig *r, const char *text, struct keys **ret)
{
    char name[64];

    conf_free(&r->conf);
    (void)snprintf(name, sizeof(name), "%s/lethe.yaml", r->scratch.dir);
    cr_assert_eq(conf_parse(name, span_str(text), &r->conf, &r->msg), ERR_OK, "%s", r->msg.text);
    return keys_read(conf_root(r->conf), ret, &r->msg);
}

static const char *epochs(struct keys_rig *r, struct keys *keys)
{
    AUTO(root_keys_done) struct root_keys found = {.count = 0};
    static char text[64];
    enum err e = keys_load(keys, &found, &r->msg);

    if (e != ERR_OK)
        return err_name(e);
    (void)snprintf(text, sizeof(text), "%u", found.at[0].epoch);
    if (found.count == 2)
        (void)snprintf(text, sizeof(text), "%u %u", found.at[0].epoch, found.at[1].epoch);
    return text;
}

#define LINE(n, hex) "lethe-root-1 " #n " " hex "\n"

static void give(struct keys_rig *r, const char *name, const char *text)
{
    const char *path = scratch_path(&r->scratch, name);

    (void)unlink(path);
    if (text != NULL)
        scratch_write(path, 0, text, strlen(text));
}

Test(keys, of_two_providers_are_the_union)
{
    AUTO(rig_end) struct keys_rig r;
    AUTO(keys_free) struct keys *keys = NULL;
    static const struct {
        const char *current, *previous, *epochs;
    } cases[] = {
        {NULL, NULL, "CONFIG"},
        {LINE(1, HEX), NULL, "1"},
        {NULL, LINE(1, HEX), "1"},
        {LINE(2, HEX2), LINE(1, HEX), "1 2"},
        {LINE(1, HEX2), LINE(3, HEX), "1 3"},
        {LINE(1, HEX), LINE(1, HEX), "1"},
        {LINE(1, HEX2), LINE(1, HEX), "CONFIG"},
        {LINE(3, HEX2), LINE(1, HEX) LINE(2, HEX), "CONFIG"},
        {"garbage", LINE(1, HEX), "SEALED"},
        {LINE(1, HEX), "garbage", "SEALED"},
    };

    rig_begin(&r);
    cr_assert_eq(read_keys(&r, "root_key: file:new\nroot_key_previous: file:old\n", &keys), ERR_OK,
                 "%s", r.msg.text);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        give(&r, "new", cases[i].current);
        give(&r, "old", cases[i].previous);
        cr_assert_str_eq(epochs(&r, keys), cases[i].epochs, "case %zu: %s", i, r.msg.text);
    }
    cr_assert_not_null(strstr(keys_previous_name(keys), "/old"));
}

Test(keys, are_dropped_wherever_they_are)
{
    AUTO(rig_end) struct keys_rig r;
    AUTO(keys_free) struct keys *keys = NULL;
    AUTO(root_key_done) struct root_key made = {.bytes = NULL};

    rig_begin(&r);
    cr_assert_eq(read_keys(&r, "root_key: file:new\nroot_key_previous: file:old\n", &keys), ERR_OK);
    give(&r, "old", LINE(1, HEX));
    cr_assert_eq(keys_create(keys, &made, &r.msg), ERR_CONFLICT, "there is one in the other");
    cr_assert_eq(keys_add(keys, 2, &made, &r.msg), ERR_OK, "%s", r.msg.text);
    cr_assert_eq(keys_drop(keys, 1, &r.msg), ERR_OK);
    cr_assert_neq(access(scratch_path(&r.scratch, "old"), F_OK), 0);
    cr_assert_str_eq(epochs(&r, keys), "2");
}

Test(keys, begin_with_what_a_read_only_provider_has)
{
    AUTO(rig_end) struct keys_rig r;
    AUTO(keys_free) struct keys *keys = NULL;
    AUTO(root_key_done) struct root_key made = {.bytes = NULL};

    rig_begin(&r);
    cr_assert_eq(setenv("CREDENTIALS_DIRECTORY", r.scratch.dir, 1), 0);
    cr_assert_eq(read_keys(&r, "root_key: credential:root\n", &keys), ERR_OK);
    cr_assert_eq(keys_create(keys, &made, &r.msg), ERR_SEALED);
    give(&r, "root", LINE(1, HEX) LINE(2, HEX2));
    cr_assert_eq(keys_create(keys, &made, &r.msg), ERR_CONFLICT);
    give(&r, "root", LINE(1, HEX));
    cr_assert_eq(keys_create(keys, &made, &r.msg), ERR_OK);
    cr_assert_eq(made.epoch, 1);
    cr_assert_eq(keys_drop(keys, 1, &r.msg), ERR_UNSUPPORTED);
    cr_assert_eq(keys_drop(keys, 2, &r.msg), ERR_OK, "it is not there");
    cr_assert_eq(unsetenv("CREDENTIALS_DIRECTORY"), 0);
    cr_assert_str_eq(epochs(&r, keys), "SEALED");
}

Test(keys, are_not_touched_with_a_secret_in_the_environment)
{
    AUTO(rig_end) struct keys_rig r;
    AUTO(keys_free) struct keys *keys = NULL;
    AUTO(root_key_done) struct root_key made = {.bytes = NULL};

    rig_begin(&r);
    cr_assert_eq(read_keys(&r, "root_key: file:new\n", &keys), ERR_OK);
    cr_assert_eq(setenv("VAULT_TOKEN", "hvs.secret", 1), 0);
    cr_assert_eq(keys_create(keys, &made, &r.msg), ERR_CONFIG);
    cr_assert(strstr(r.msg.text, "VAULT_TOKEN") != NULL && strstr(r.msg.text, "hvs") == NULL, "%s",
              r.msg.text);
    cr_assert_eq(rig_files(&r), 0);
    cr_assert_eq(unsetenv("VAULT_TOKEN"), 0);
    cr_assert_eq(keys_create(keys, &made, &r.msg), ERR_OK);
    cr_assert_eq(setenv("LETHE_PASSPHRASE", "x", 1), 0);
    cr_assert_str_eq(epochs(&r, keys), "CONFIG");
    cr_assert_eq(unsetenv("LETHE_PASSPHRASE"), 0);
}

Test(keys, mistakes_are_refused_with_their_place)
{
    static const struct {
        const char *text, *place, *words;
    } cases[] = {
        {"x: 1\n", ":1:1: ", "\"root_key\" is missing"},
        {"root_key: " HEX "\n", ":1:11: ", "never the key itself"},
        {"root_key: file:" HEX "\n", ":1:11: ", "never the key itself"},
        {"root_key: passphrase:correct-horse\n", ":1:11: ", "never the passphrase"},
        {"root_key: \"file:\"\n", ":1:11: ", "names no path"},
        {"root_key: credential:a/b\n", ":1:11: ", "no path"},
        {"root_key: {provider: file}\n", ":1:22: ", "written as a text"},
        {"root_key: {provider: x}\n", ":1:22: ", "vault or pkcs11"},
        {"root_key: {file: x}\n", ":1:11: ", "\"provider\" is missing"},
        {"root_key: vault:x\n", ":1:11: ", "is a map"},
        {"root_key: file:a\nroot_key_previous: file:a\n", ":2:20: ", "must be another"},
        {"root_key: file:a\nkey_rotation: 90d\n", ":2:15: ", "P90D"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        AUTO(rig_end) struct keys_rig r;
        AUTO(keys_free) struct keys *keys = NULL;

        rig_begin(&r);
        cr_assert_eq(read_keys(&r, cases[i].text, &keys), ERR_CONFIG, "%s", cases[i].text);
        cr_assert(strstr(r.msg.text, cases[i].place) != NULL &&
                      strstr(r.msg.text, cases[i].words) != NULL,
                  "%s", r.msg.text);
        cr_assert(strstr(r.msg.text, "0102") == NULL && strstr(r.msg.text, "horse") == NULL);
    }
}
