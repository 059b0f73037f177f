/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/settings.h"

#include <criterion/criterion.h>

#include "base/secret.h"
#include "cli/example.h"
#include "tests/support/scratch.h"

#define CLASSES                                                                                    \
    "classes:\n  note: {purposes: [support], basis: \"6(1)(f)\", retain: {period: P90D}}\n"
#define STORE "store: sqlite:store\nroot_key: file:root.key\n"
#define UPSTREAM                                                                                   \
    "listen: [{address: \"127.0.0.1:0\"}]\nupstreams: {app: {url: \"http://127.0.0.1:9\"}}\n"

static enum err load(struct scratch *s, const char *text, enum settings_scope scope,
                     struct settings *settings, struct errmsg *msg)
{
    const char *path = scratch_path(s, "lethe.yaml");

    (void)unlink(path);
    scratch_write(path, 0, text, strlen(text));
    *msg = (struct errmsg){""};
    return settings_load(path, scope, settings, msg);
}

/* The text is refused with a message that ends so, behind the file's name and place. */
static void refused(const char *text, const char *place, const char *what)
{
    AUTO(scratch_remove) struct scratch s = scratch_new();
    AUTO(settings_done) struct settings settings = {.conf = NULL};
    char expected[600];
    struct errmsg msg;

    cr_assert_eq(load(&s, text, SETTINGS_ALL, &settings, &msg), ERR_CONFIG, "%s", text);
    (void)snprintf(expected, sizeof(expected), "%s:%s: %s", scratch_path(&s, "lethe.yaml"), place,
                   what);
    cr_assert_str_eq(msg.text, expected);
    cr_assert_null(settings.conf);
}

TestSuite(settings, .init = secret_start, .timeout = 20);

Test(settings, are_read_with_paths_beside_the_file)
{
    AUTO(scratch_remove) struct scratch s = scratch_new();
    AUTO(settings_done) struct settings settings = {.conf = NULL};
    struct errmsg msg;
    char path[128];

    cr_assert_eq(load(&s, STORE CLASSES UPSTREAM, SETTINGS_ALL, &settings, &msg), ERR_OK, "%s",
                 msg.text);
    (void)snprintf(path, sizeof(path), "%s/store", s.dir);
    cr_assert_str_eq(settings.store_dir, path);
    (void)snprintf(path, sizeof(path), "file:%s/root.key", s.dir);
    cr_assert_str_eq(keys_name(settings.keys), path);
    cr_assert_eq(settings.sweep_ms, 60000);
    cr_assert_eq(settings.classes.count, 1);
    cr_assert_not_null(settings.proxy);
}

Test(settings, for_the_store_alone_need_no_upstream_and_look_up_no_name)
{
    AUTO(scratch_remove) struct scratch s = scratch_new();
    AUTO(settings_done) struct settings settings = {.conf = NULL};
    struct errmsg msg;

    cr_assert_eq(
        load(&s,
             "sweep_interval: 5m\nupstreams: {app: {url: \"http://no.such.host.invalid\"}}\n"
             "store: sqlite:/var/lib/lethe\nroot_key: file:/etc/lethe/root.key\n" CLASSES,
             SETTINGS_STORE, &settings, &msg),
        ERR_OK, "%s", msg.text);
    cr_assert_str_eq(settings.store_dir, "/var/lib/lethe");
    cr_assert_str_eq(keys_name(settings.keys), "file:/etc/lethe/root.key");
    cr_assert_eq(settings.sweep_ms, 300000);
    cr_assert_null(settings.proxy);
}

Test(settings, mistakes_are_refused_with_their_place)
{
    refused(STORE CLASSES UPSTREAM "clases: {}\n", "7:1",
            "unknown key \"clases\", did you mean \"classes\"?");
    refused(STORE UPSTREAM, "1:1", "\"classes\" is missing");
    refused("root_key: file:r\n" CLASSES UPSTREAM, "1:1", "\"store\" is missing");
    refused("store: sqlite:s\n" CLASSES UPSTREAM, "1:1", "\"root_key\" is missing");
    refused("store: postgresql://db\nroot_key: file:r\n" CLASSES UPSTREAM, "1:8",
            "\"store\" must be sqlite:PATH in this version");
    refused("store: \"sqlite:\"\nroot_key: file:r\n" CLASSES UPSTREAM, "1:8",
            "\"store\" names no path");
    refused(
        "store: sqlite:s\nroot_key: env:KEY\n" CLASSES UPSTREAM, "2:11",
        "\"root_key\" names where the key is, never the key itself: file:PATH, credential:NAME, "
        "passphrase:PATH, or a map with \"provider\"");
    refused(STORE CLASSES UPSTREAM "sweep_interval: 500ms\n", "7:17",
            "\"sweep_interval\" must be between 1s and 1d");
    refused(STORE CLASSES UPSTREAM "sweep_interval: 2d\n", "7:17",
            "\"sweep_interval\" must be between 1s and 1d");
    refused(STORE CLASSES UPSTREAM "retention: {braker: {}}\n", "7:13",
            "unknown key \"braker\", did you mean \"breaker\"?");
    refused(STORE CLASSES UPSTREAM "retention: {breaker: {factor: 1}}\n", "7:31",
            "\"factor\" must be between 2 and 1000000");
}

Test(settings, of_the_proxy_are_read_too)
{
    AUTO(scratch_remove) struct scratch s = scratch_new();
    AUTO(settings_done) struct settings settings = {.conf = NULL};
    struct errmsg msg;

    cr_assert_eq(load(&s, STORE CLASSES, SETTINGS_ALL, &settings, &msg), ERR_CONFIG);
    cr_assert_not_null(strstr(msg.text, "\"listen\" is missing"));
}

Test(settings, of_a_file_that_is_not_there_name_it)
{
    AUTO(settings_done) struct settings settings = {.conf = NULL};
    struct errmsg msg = {""};

    cr_assert_eq(settings_load("/no/such/file.yaml", SETTINGS_ALL, &settings, &msg), ERR_CONFIG);
    cr_assert_str_eq(msg.text, "/no/such/file.yaml: cannot be opened: No such file or directory");
}

Test(settings, the_example_is_a_good_one)
{
    AUTO(scratch_remove) struct scratch s = scratch_new();
    AUTO(settings_done) struct settings settings = {.conf = NULL};
    static const char key[] = "0123456789abcdef0123456789abcdef\n";
    struct errmsg msg;

    scratch_write(scratch_path(&s, "support.key"), 0, key, sizeof(key) - 1);
    cr_assert_eq(load(&s, EXAMPLE_CONFIGURATION, SETTINGS_ALL, &settings, &msg), ERR_OK, "%s",
                 msg.text);
    cr_assert_eq(settings.classes.count, 3);
}
