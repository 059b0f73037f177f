/* SPDX-License-Identifier: Apache-2.0 */
#include "base/conf.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/secret.h"

TestSuite(conf, .init = secret_start);

static struct conf *parsed(const char *yaml)
{
    struct errmsg msg = {""};
    struct conf *c = NULL;

    cr_assert_eq(conf_parse("f.yaml", span_str(yaml), &c, &msg), ERR_OK, "%s", msg.text);
    return c;
}

/* What a reader of this made-up section says: the message, or "ok". */
static const char *said(const char *yaml)
{
    static const char *const keys[] = {"classes", "threads", "verbose", "name",
                                       "timeout", "methods", NULL};
    static struct errmsg msg;
    struct errmsg *m = &msg;
    AUTO(conf_free) struct conf *c = parsed(yaml);
    struct conf_node root = conf_root(c), methods = conf_get(root, "methods"), name;
    int64_t threads = 4, timeout = 5000;
    const char *text = "";
    bool verbose = false;

    msg.text[0] = '\0';
    if (conf_only(root, keys, m) != ERR_OK || conf_need(root, "name", &name, m) != ERR_OK ||
        conf_str(name, &text, m) != ERR_OK ||
        conf_int(conf_get(root, "threads"), 1, 64, &threads, m) != ERR_OK ||
        conf_bool(conf_get(root, "verbose"), &verbose, m) != ERR_OK ||
        conf_duration_ms(conf_get(root, "timeout"), &timeout, m) != ERR_OK)
        return msg.text;
    for (size_t i = 0; i < json_count(methods.value); i++)
        if (conf_str(conf_at(methods, i), &text, m) != ERR_OK)
            return msg.text;
    return "ok";
}

Test(conf, is_known_by_the_digest_of_its_bytes)
{
    /* printf 'a: 1\n' | b2sum -l 256 */
    static const uint8_t expected[] = {0x18, 0x54, 0x9d, 0x14, 0xb2, 0xfd, 0xd1, 0x59,
                                       0x7b, 0x09, 0x77, 0x35, 0x1d, 0xc6, 0x42, 0xd2,
                                       0x3a, 0xe7, 0x05, 0x7d, 0xfe, 0xc3, 0x34, 0x2d,
                                       0xcc, 0x0e, 0x22, 0xb4, 0x4a, 0x1a, 0xed, 0x11};
    struct conf *conf = NULL, *other = NULL;
    struct errmsg msg;

    cr_assert_eq(conf_parse("t.yaml", SPAN_LIT("a: 1\n"), &conf, &msg), ERR_OK);
    cr_assert_eq(conf_parse("t.yaml", SPAN_LIT("a:  1\n"), &other, &msg), ERR_OK);
    cr_assert_eq(memcmp(conf_digest(conf), expected, CONF_DIGEST_BYTES), 0);
    cr_assert_neq(memcmp(conf_digest(other), expected, CONF_DIGEST_BYTES), 0);
    conf_free(&conf);
    conf_free(&other);
}

Test(conf, says_what_is_wrong_and_where)
{
    static const struct {
        const char *yaml, *message;
    } cases[] = {
        {"name: x\n", "ok"},
        {"name: x\nthreads: 64\nverbose: true\ntimeout: 2m\nmethods: [GET]\n", "ok"},
        {"name: x\nclassses: 1\n",
         "f.yaml:2:1: unknown key \"classses\", did you mean \"classes\"?"},
        {"name: x\n  \nCLASSES: 1\n",
         "f.yaml:3:1: unknown key \"CLASSES\", did you mean \"classes\"?"},
        {"{name: x, thredas: 1}\n",
         "f.yaml:1:11: unknown key \"thredas\", did you mean \"threads\"?"},
        {"name: x\nlogging: {a: 1}\n", "f.yaml:2:1: unknown key \"logging\", known here: classes, "
                                       "threads, verbose, name, timeout, "
                                       "methods"},
        {"threads: 1\n", "f.yaml:1:1: \"name\" is missing"},
        {"name:\n", "f.yaml:1:6: \"name\" is empty"},
        {"# only a comment\n", "f.yaml:1:1: the configuration is empty"},
        {"[1]\n", "f.yaml:1:1: the configuration must be a map"},
        {"text\n", "f.yaml:1:1: the configuration must be a map"},
        {"name: 12\n", "f.yaml:1:7: \"name\" must be text, put it in quotes"},
        {"name: false\n", "f.yaml:1:7: \"name\" must be text, put it in quotes"},
        {"name: [x]\n", "f.yaml:1:7: \"name\" must be text"},
        {"name: x\nthreads: 0\n", "f.yaml:2:10: \"threads\" must be between 1 and 64"},
        {"name: x\nthreads: 65\n", "f.yaml:2:10: \"threads\" must be between 1 and 64"},
        {"name: x\nthreads: many\n", "f.yaml:2:10: \"threads\" must be a whole number"},
        {"name: x\nthreads: \"4\"\n", "f.yaml:2:10: \"threads\" must be a whole number"},
        {"name: x\nthreads: 4.0\n", "f.yaml:2:10: \"threads\" must be a whole number"},
        {"name: x\nthreads: 010\n", "f.yaml:2:10: \"threads\" must be a whole number"},
        {"name: x\nthreads:\n", "f.yaml:2:9: \"threads\" is empty"},
        {"name: x\nverbose: yes\n", "f.yaml:2:10: \"verbose\" must be true or false"},
        {"name: x\nverbose: 1\n", "f.yaml:2:10: \"verbose\" must be true or false"},
        {"name: x\ntimeout: soon\n",
         "f.yaml:2:10: \"timeout\" must be a duration such as 250ms, 30s, 5m, 2h or 1d"},
        {"name: x\nmethods: [GET, 7]\n",
         "f.yaml:2:16: entry 2 of \"methods\" must be text, put it in quotes"},
        {"name: x\nmethods:\n  - GET\n  - true\n  - true\n",
         "f.yaml:4:5: entry 2 of \"methods\" must be text, put it in quotes"},
        {"name: x\nmethods: [GET,]\nzz: &a 1\n", "f.yaml:3:5: anchors are not supported"},
    };

    for (size_t i = 0; i + 1 < COUNT_OF(cases); i++)
        cr_expect_str_eq(said(cases[i].yaml), cases[i].message, "%s -> %s", cases[i].yaml,
                         said(cases[i].yaml));
}

Test(conf, never_repeats_a_value_in_a_message)
{
    static const char *const wrong[] = {
        "name: x\nthreads: hunter2\n",
        "name: x\nverbose: hunter2\n",
        "name: x\ntimeout: hunter2\n",
        "name: [hunter2]\n",
        "hunter2\n",
        "- hunter2\n",
    };

    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        cr_expect_str_neq(said(wrong[i]), "ok");
        cr_expect_null(strstr(said(wrong[i]), "hunter"), "%s", said(wrong[i]));
    }
}

Test(conf, shows_a_strange_key_without_its_control_characters_and_not_at_length)
{
    cr_expect_str_eq(
        said("\"na\\nme\\e[2J\": x\n"),
        "f.yaml:1:1: unknown key \"na?me?[2J\", known here: classes, threads, verbose, "
        "name, timeout, methods");
    cr_expect_str_eq(
        said("0123456789012345678901234567890123456789012\xc3\xa4-tail: x\n"),
        "f.yaml:1:1: unknown key \"0123456789012345678901234567890123456789012...\", known here: "
        "classes, threads, verbose, name, timeout, methods");
}

Test(conf, places_equal_scalars_each_at_its_own_spot)
{
    AUTO(conf_free)
    struct conf *c = parsed("a: true\nb: [true, null, true]\nc: {d: null, e: true}\n");
    struct conf_node root = conf_root(c);
    struct errmsg msg;

    (void)conf_fail(conf_get(root, "a"), &msg, "!");
    cr_expect_str_eq(msg.text, "f.yaml:1:4: !");
    (void)conf_fail(conf_at(conf_get(root, "b"), 0), &msg, "!");
    cr_expect_str_eq(msg.text, "f.yaml:2:5: !");
    (void)conf_fail(conf_at(conf_get(root, "b"), 1), &msg, "!");
    cr_expect_str_eq(msg.text, "f.yaml:2:11: !");
    (void)conf_fail(conf_at(conf_get(root, "b"), 2), &msg, "!");
    cr_expect_str_eq(msg.text, "f.yaml:2:17: !");
    (void)conf_fail(conf_get(conf_get(root, "c"), "e"), &msg, "!");
    cr_expect_str_eq(msg.text, "f.yaml:3:17: !");
    cr_expect_eq(conf_fail(root, &msg, "%d %s", 7, "x"), ERR_CONFIG);
    cr_expect_str_eq(msg.text, "f.yaml:1:1: 7 x");
}

Test(conf, places_what_is_absent_where_it_would_have_stood)
{
    AUTO(conf_free) struct conf *c = parsed("a: 1\nb:\n  c: 2\n  d: [3]\n");
    struct conf_node root = conf_root(c), b = conf_get(root, "b"), node;
    struct errmsg msg;

    cr_expect_eq(conf_need(b, "zz", &node, &msg), ERR_CONFIG);
    cr_expect_str_eq(msg.text, "f.yaml:3:3: \"zz\" is missing");
    (void)conf_fail(conf_at(conf_get(b, "d"), 1), &msg, "!");
    cr_expect_str_eq(msg.text, "f.yaml:4:6: !");
    (void)conf_fail(conf_get(conf_get(root, "a"), "x"), &msg, "!");
    cr_expect_str_eq(msg.text, "f.yaml:1:1: !", "a number holds nothing");
    cr_expect_eq(conf_need(conf_get(root, "a"), "x", &node, &msg), ERR_CONFIG);
    cr_expect_str_eq(msg.text, "f.yaml:1:4: \"a\" must be a map");
    cr_expect_eq(conf_only(conf_get(root, "q"), (const char *const[]){NULL}, &msg), ERR_CONFIG);
    cr_expect_str_eq(msg.text, "f.yaml:1:1: \"q\" is missing");
}

Test(conf, leaves_the_default_for_what_is_absent)
{
    AUTO(conf_free) struct conf *c = parsed("a: 1\n");
    struct conf_node none = conf_get(conf_root(c), "none");
    const char *text = "default";
    int64_t n = 4, ms = 5;
    bool b = true;
    struct errmsg msg = {""};

    cr_assert_not(conf_has(none));
    cr_assert_eq(conf_str(none, &text, &msg), ERR_OK);
    cr_assert_eq(conf_int(none, 0, 1, &n, &msg), ERR_OK);
    cr_assert_eq(conf_bool(none, &b, &msg), ERR_OK);
    cr_assert_eq(conf_duration_ms(none, &ms, &msg), ERR_OK);
    cr_assert_str_eq(text, "default");
    cr_assert(n == 4 && ms == 5 && b);
    cr_assert_str_eq(msg.text, "");
}

Test(conf, reads_integers_within_their_range)
{
    AUTO(conf_free) struct conf *c = parsed("a: -9223372036854775808\nb: 9223372036854775807\n");
    struct conf_node root = conf_root(c);
    int64_t n = 1;
    struct errmsg msg;

    cr_assert_eq(conf_int(conf_get(root, "a"), INT64_MIN, INT64_MAX, &n, &msg), ERR_OK);
    cr_assert_eq(n, INT64_MIN);
    cr_assert_eq(conf_int(conf_get(root, "b"), INT64_MIN, INT64_MAX, &n, &msg), ERR_OK);
    cr_assert_eq(n, INT64_MAX);
    cr_assert_eq(conf_int(conf_get(root, "a"), 0, INT64_MAX, &n, &msg), ERR_CONFIG);
    cr_assert_str_eq(msg.text, "f.yaml:1:4: \"a\" must be at least 0");
    cr_assert_eq(n, INT64_MAX, "untouched");
}

Test(conf, reads_durations)
{
    static const struct {
        const char *text;
        int64_t ms;
    } cases[] = {
        {"250ms", 250},
        {"30s", 30000},
        {"5m", 300000},
        {"2h", 7200000},
        {"1d", 86400000},
        {"15", 15000},
        {"0", 0},
        {"0ms", 0},
        {"\"7s\"", 7000},
        {"36500d", INT64_C(3153600000000)},
        {"36501d", -1},
        {"-1", -1},
        {"-5s", -1},
        {"5", 5000},
        {"5 s", -1},
        {"5S", -1},
        {"s", -1},
        {"1.5s", -1},
        {"1h30m", -1},
        {"5sec", -1},
        {"1w", -1},
        {"\"\"", -1},
        {"true", -1},
        {"[5s]", -1},
        {"18446744073709551617s", -1},
        {"3153600001", -1},
        {"\"15\"", -1},
        {"0x5s", -1},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char yaml[64];
        int64_t ms = 77;
        enum err e;
        AUTO(conf_free) struct conf *c = NULL;
        struct errmsg msg;

        (void)snprintf(yaml, sizeof(yaml), "t: %s\n", cases[i].text);
        c = parsed(yaml);
        e = conf_duration_ms(conf_get(conf_root(c), "t"), &ms, &msg);
        cr_expect_eq(e, cases[i].ms < 0 ? ERR_CONFIG : ERR_OK, "%s", cases[i].text);
        cr_expect_eq(ms, cases[i].ms < 0 ? 77 : cases[i].ms, "%s", cases[i].text);
    }
}

Test(conf, iterates_maps_in_file_order_with_places)
{
    AUTO(conf_free) struct conf *c = parsed("z: 1\na: 2\nm: 3\n");
    struct conf_node member;
    char order[4] = "";
    struct errmsg msg;
    void *it = NULL;

    while (conf_next(conf_root(c), &it, &member)) {
        strncat(order, member.name, 1);
        (void)conf_fail(member, &msg, "!");
    }
    cr_assert_str_eq(order, "zam");
    cr_assert_str_eq(msg.text, "f.yaml:3:4: !");
}

static void write_file(const char *path, const char *text, size_t len)
{
    FILE *f = fopen(path, "w");

    cr_assert_not_null(f);
    cr_assert_eq(fwrite(text, 1, len, f), len);
    cr_assert_eq(fclose(f), 0);
}

/* A new folder as working directory. */
static void enter_new_folder(char path[64])
{
    (void)snprintf(path, 64, "/tmp/lethe-conf-XXXXXX");
    cr_assert_not_null(mkdtemp(path));
    cr_assert_eq(chdir(path), 0);
}

Test(conf, is_loaded_from_a_file_and_finds_files_beside_it)
{
    static const char *const ways[] = {"sub/lethe.yaml", "./sub/lethe.yaml", NULL};
    char folder[64], absolute[100], expected[128];

    enter_new_folder(folder);
    cr_assert_eq(mkdir("sub", 0700), 0);
    write_file("sub/lethe.yaml", "a: 1\n", 5);
    (void)snprintf(absolute, sizeof(absolute), "%s/sub/lethe.yaml", folder);
    for (size_t i = 0; i < COUNT_OF(ways); i++) {
        AUTO(conf_free) struct conf *c = NULL;
        AUTO(mem_free) char *beside = NULL, *elsewhere = NULL;
        struct errmsg msg = {""};

        cr_assert_eq(conf_load(ways[i] == NULL ? absolute : ways[i], &c, &msg), ERR_OK, "%s",
                     msg.text);
        cr_assert_eq(chdir("/"), 0, "where the process is later does not matter");
        beside = conf_path(conf_root(c), "root.key");
        elsewhere = conf_path(conf_root(c), "/etc/root.key");
        (void)snprintf(expected, sizeof(expected), i == 1 ? "%s/./sub/root.key" : "%s/sub/root.key",
                       folder);
        cr_expect_str_eq(beside, expected);
        cr_expect_str_eq(elsewhere, "/etc/root.key");
        cr_assert_eq(chdir(folder), 0);
    }
    cr_assert_eq(unlink("sub/lethe.yaml") + rmdir("sub") + rmdir(folder), 0);
}

Test(conf, of_the_root_folder_and_of_the_working_directory_is_found)
{
    AUTO(conf_free) struct conf *top = NULL, *here = NULL;
    AUTO(mem_free) char *beside_top = NULL, *beside_here = NULL;
    struct errmsg msg;

    cr_assert_eq(chdir("/tmp"), 0);
    cr_assert_eq(conf_parse("/lethe.yaml", SPAN_LIT("a: 1"), &top, &msg), ERR_OK);
    cr_assert_eq(conf_parse("lethe.yaml", SPAN_LIT("a: 1"), &here, &msg), ERR_OK);
    beside_top = conf_path(conf_root(top), "x");
    beside_here = conf_path(conf_root(here), "x");
    cr_assert_str_eq(beside_top, "/x");
    cr_assert_str_eq(beside_here, "/tmp/x");
}

Test(conf, that_cannot_be_read_is_named)
{
    struct conf *c = NULL;
    struct errmsg msg;

    cr_assert_eq(conf_load("/nonexistent/lethe.yaml", &c, &msg), ERR_CONFIG);
    cr_assert_str_eq(msg.text,
                     "/nonexistent/lethe.yaml: cannot be opened: No such file or directory");
    cr_assert_eq(conf_load("/tmp", &c, &msg), ERR_CONFIG);
    cr_assert_str_eq(msg.text, "/tmp: cannot be read: Is a directory");
    cr_assert_null(c);
}

Test(conf, that_is_too_large_is_refused)
{
    AUTO(mem_free) char *big = mem_try_alloc(1, LIMIT_CONFIG_FILE_MAX + 1);
    struct conf *c = NULL;
    char folder[64];
    struct errmsg msg;

    cr_assert_not_null(big);
    memset(big, '#', LIMIT_CONFIG_FILE_MAX + 1);
    enter_new_folder(folder);
    write_file("big", big, LIMIT_CONFIG_FILE_MAX + 1);
    cr_assert_eq(conf_load("big", &c, &msg), ERR_CONFIG);
    cr_assert_str_eq(msg.text, "big: larger than 4194304 bytes");
    write_file("big", big, LIMIT_CONFIG_FILE_MAX);
    cr_assert_eq(conf_load("big", &c, &msg), ERR_OK);
    conf_free(&c);
    cr_assert_eq(unlink("big") + rmdir(folder), 0);
}
