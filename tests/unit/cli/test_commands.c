/* SPDX-License-Identifier: Apache-2.0 */
/* The commands on a store that no server has open. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/json.h"
#include "base/log.h"
#include "base/secret.h"
#include "tests/unit/cli/cli_rig.h"

/* A folder made by `lethe init`, and what the last command said. */
struct home {
    struct scratch scratch;
    char dir[64];
    char config[96];
    struct ran ran;
};

static enum cli_exit run(struct home *h, enum cli_exit (*command)(const struct options *),
                         struct options options, const char *in)
{
    if (options.config == NULL)
        options.config = h->config;
    cli_rig_run(&h->scratch, command, &options, in, &h->ran);
    return h->ran.code;
}

/* A command with one argument. */
static enum cli_exit run_on(struct home *h, enum cli_exit (*command)(const struct options *),
                            const char *argument, struct options options)
{
    char *arguments[] = {(char *)(uintptr_t)argument, NULL};

    options.arguments = arguments;
    options.argument_count = 1;
    return run(h, command, options, "");
}

static void home_init(struct home *h)
{
    *h = (struct home){.scratch = scratch_new()};
    (void)snprintf(h->dir, sizeof(h->dir), "%s/home", h->scratch.dir);
    (void)snprintf(h->config, sizeof(h->config), "%s/lethe.yaml", h->dir);
    cr_assert_eq(run_on(h, cmd_init, h->dir, (struct options){0}), CLI_OK, "%s", h->ran.err);
}

static void home_done(struct home *h)
{
    scratch_remove(&h->scratch);
}

static const char *file_of(struct home *h, const char *name)
{
    char path[96];

    (void)snprintf(path, sizeof(path), "home/%s", name);
    return scratch_path(&h->scratch, path);
}

static unsigned mode_of(struct home *h, const char *name)
{
    struct stat st;

    REQUIRE(stat(file_of(h, name), &st) == 0);
    return st.st_mode & 07777;
}

static void start(void)
{
    secret_start();
    log_set_level(LOG_ERROR);
}

/* ---- init ---- */

TestSuite(init, .init = start, .timeout = 60);

Test(init, makes_a_store_keys_and_a_configuration_with_the_right_modes)
{
    AUTO(home_done) struct home h;

    home_init(&h);
    cr_assert_eq(mode_of(&h, ""), 0700);
    cr_assert_eq(mode_of(&h, "root.key"), 0400);
    cr_assert_eq(mode_of(&h, "support.key"), 0400);
    cr_assert_eq(mode_of(&h, "store"), 0700);
    cr_assert_eq(mode_of(&h, "lethe.yaml"), 0644);
    cr_assert_eq(mode_of(&h, "admin.token"), 0400);
    cr_assert_eq(mode_of(&h, "admin.otpauth"), 0400);
    cr_assert_eq(scratch_size(file_of(&h, "support.key")), 65);
    cr_assert_not_null(strstr(h.ran.out, "next: lethe serve -c "));
    cr_assert_eq(run(&h, cmd_check, (struct options){0}, ""), CLI_OK, "%s", h.ran.err);
    cr_assert_str_eq(h.ran.out, "ok\n");
}

Test(init, makes_a_token_that_ends_and_a_second_factor_that_it_does_not_print)
{
    AUTO(home_done) struct home h;
    char token[80] = "", uri[160] = "";

    home_init(&h);
    (void)scratch_read(file_of(&h, "admin.token"), 0, token, sizeof(token) - 1);
    (void)scratch_read(file_of(&h, "admin.otpauth"), 0, uri, sizeof(uri) - 1);
    cr_assert_eq(strncmp(token, "lta_", 4), 0);
    cr_assert_eq(strncmp(uri, "otpauth://totp/Lethe:admin?", 27), 0, "%s", uri);
    cr_assert_null(strstr(h.ran.out, "otpauth://"));
    cr_assert_null(strstr(h.ran.out, "lta_"));
    cr_assert_not_null(strstr(h.ran.out, "delete it"));
    cr_assert_eq(run(&h, cmd_access_list, (struct options){0}, ""), CLI_OK, "%s", h.ran.err);
    cr_assert_not_null(strstr(h.ran.out, "operator"), "%s", h.ran.out);
    cr_assert_not_null(strstr(h.ran.out, "code  admin"), "%s", h.ran.out);
}

Test(init, makes_another_key_each_time)
{
    AUTO(home_done) struct home a;
    AUTO(home_done) struct home b;
    char first[80] = "", second[80] = "";

    home_init(&a);
    home_init(&b);
    (void)scratch_read(file_of(&a, "support.key"), 0, first, sizeof(first) - 1);
    (void)scratch_read(file_of(&b, "support.key"), 0, second, sizeof(second) - 1);
    cr_assert_str_neq(first, second);
}

Test(init, overwrites_nothing_and_leaves_nothing)
{
    static const char *const names[] = {"lethe.yaml", "root.key",    "support.key",
                                        "store",      "admin.token", "admin.otpauth"};

    for (size_t i = 0; i < COUNT_OF(names); i++) {
        AUTO(home_done) struct home h = {.scratch = scratch_new()};
        char before[8] = "";
        struct stat st;

        (void)snprintf(h.dir, sizeof(h.dir), "%s/home", h.scratch.dir);
        REQUIRE(mkdir(h.dir, 0755) == 0);
        scratch_write(file_of(&h, names[i]), 0, "mine", 4);
        cr_assert_eq(run_on(&h, cmd_init, h.dir, (struct options){0}), CLI_FAILED);
        cr_assert_not_null(strstr(h.ran.err, "exists already"), "%s", h.ran.err);
        cr_assert_eq(scratch_read(file_of(&h, names[i]), 0, before, 8), 4, "%s", names[i]);
        for (size_t j = 0; j < COUNT_OF(names); j++)
            cr_assert(j == i || stat(file_of(&h, names[j]), &st) != 0, "%s", names[j]);
    }
}

Test(init, uses_an_empty_folder_that_is_there)
{
    AUTO(home_done) struct home h = {.scratch = scratch_new()};

    (void)snprintf(h.dir, sizeof(h.dir), "%s/home", h.scratch.dir);
    REQUIRE(mkdir(h.dir, 0755) == 0);
    cr_assert_eq(run_on(&h, cmd_init, h.dir, (struct options){0}), CLI_OK, "%s", h.ran.err);
    cr_assert_eq(mode_of(&h, "root.key"), 0400);
}

Test(init, that_cannot_finish_undoes_what_it_made)
{
    AUTO(home_done) struct home h = {.scratch = scratch_new()};
    struct stat st;

    (void)snprintf(h.dir, sizeof(h.dir), "%s/home", h.scratch.dir);
    fault_test_set("commit.fail!io", NULL); /* the key is made by then, the store is not */
    cr_assert_eq(run_on(&h, cmd_init, h.dir, (struct options){0}), CLI_FAILED);
    fault_test_set(NULL, NULL);
    cr_assert_eq(stat(h.dir, &st), -1);
    cr_assert_eq(run_on(&h, cmd_init, h.dir, (struct options){0}), CLI_OK,
                 "and can be tried again");
}

/* ---- check ---- */

TestSuite(check, .init = start, .timeout = 60);

Test(check, of_a_key_that_others_may_read_is_a_wrong_configuration)
{
    AUTO(home_done) struct home h;

    home_init(&h);
    cr_assert_eq(chmod(file_of(&h, "root.key"), 0440), 0);
    cr_assert_eq(run(&h, cmd_check, (struct options){0}, ""), CLI_CONFIG);
    cr_assert_not_null(strstr(h.ran.err, "root.key"));
    cr_assert_not_null(strstr(h.ran.err, "chmod 0400"));
    cr_assert_str_eq(h.ran.out, "");
    cr_assert_eq(run_on(&h, cmd_reveal, "lt_x", (struct options){0}), CLI_CONFIG);
}

Test(check, names_file_line_and_column)
{
    AUTO(home_done) struct home h;
    char expected[256];

    home_init(&h);
    scratch_cut(h.config, 0);
    scratch_write(h.config, 0, "listen: []\nsotre: x\n", 20);
    cr_assert_eq(run(&h, cmd_check, (struct options){0}, ""), CLI_CONFIG);
    (void)snprintf(expected, sizeof(expected),
                   "lethe: %s:2:1: unknown key \"sotre\", did you mean \"store\"?\n", h.config);
    cr_assert_str_eq(h.ran.err, expected);
}

Test(check, misses_a_store_that_is_not_there)
{
    AUTO(home_done) struct home h;

    home_init(&h);
    cr_assert_eq(rename(file_of(&h, "store"), file_of(&h, "elsewhere")), 0);
    cr_assert_eq(run(&h, cmd_check, (struct options){0}, ""), CLI_CONFIG);
    cr_assert_not_null(strstr(h.ran.err, "there is no store"));
}

/* ---- tokenize, reveal ---- */

TestSuite(tokens, .init = start, .timeout = 60);

static const struct options note = {.class_name = "note", .subject = "person-4711"};

Test(tokens, of_one_value_and_back)
{
    AUTO(home_done) struct home h;
    char token[64];

    home_init(&h);
    cr_assert_eq(run_on(&h, cmd_tokenize, "likes tea", note), CLI_OK, "%s", h.ran.err);
    cr_assert_eq(strlen(h.ran.out), 33);
    cr_assert_eq(strncmp(h.ran.out, "lt_", 3), 0);
    (void)snprintf(token, sizeof(token), "%.32s", h.ran.out);
    cr_assert_eq(run_on(&h, cmd_reveal, token, (struct options){0}), CLI_OK);
    cr_assert_str_eq(h.ran.out, "likes tea\n");
    cr_assert_eq(run_on(&h, cmd_reveal, token, (struct options){.json = true}), CLI_OK);
    cr_assert_str_eq(h.ran.out, "\"likes tea\"\n");
}

Test(tokens, of_many_lines_stay_in_step)
{
    AUTO(home_done) struct home h;
    char tokens[256];

    home_init(&h);
    cr_assert_eq(run(&h, cmd_tokenize, note, "one\n\nthree\r\nf\xc3\xbcnf"), CLI_OK);
    (void)snprintf(tokens, sizeof(tokens), "%.200s", h.ran.out);
    cr_assert_eq(strlen(tokens), 4 * 33);
    cr_assert_eq(run(&h, cmd_reveal, (struct options){0}, tokens), CLI_OK);
    cr_assert_str_eq(h.ran.out, "one\n\nthree\nf\xc3\xbcnf\n");
}

Test(tokens, that_are_dead_give_nothing_and_exit_1)
{
    AUTO(home_done) struct home h;
    char lines[128];

    home_init(&h);
    cr_assert_eq(run_on(&h, cmd_tokenize, "tea", note), CLI_OK);
    (void)snprintf(lines, sizeof(lines), "dead\n%.33slt_\n", h.ran.out);
    cr_assert_eq(run(&h, cmd_reveal, (struct options){0}, lines), CLI_FAILED);
    cr_assert_str_eq(h.ran.out, "\ntea\n\n");
    cr_assert_str_eq(h.ran.err, "");
    cr_assert_eq(run(&h, cmd_reveal, (struct options){.json = true}, lines), CLI_FAILED);
    cr_assert_str_eq(h.ran.out, "null\n\"tea\"\nnull\n");
    cr_assert_eq(run_on(&h, cmd_reveal, "dead", (struct options){0}), CLI_FAILED);
    cr_assert_str_eq(h.ran.out, "");
}

Test(tokens, need_a_class_and_a_subject)
{
    AUTO(home_done) struct home h;

    home_init(&h);
    cr_assert_eq(run_on(&h, cmd_tokenize, "tea", (struct options){.class_name = "note"}),
                 CLI_USAGE);
    cr_assert_eq(run_on(&h, cmd_tokenize, "tea", (struct options){.subject = "1"}), CLI_USAGE);
    cr_assert_eq(
        run_on(&h, cmd_tokenize, "tea", (struct options){.class_name = "no-such", .subject = "1"}),
        CLI_FAILED);
    cr_assert_str_eq(h.ran.err, "lethe: the configuration has no such class\n");
}

Test(tokens, stop_at_a_line_that_is_no_text_and_say_which)
{
    AUTO(home_done) struct home h;

    home_init(&h);
    cr_assert_eq(run(&h, cmd_tokenize, note,
                     "good\nb\xff"
                     "d\n"),
                 CLI_FAILED);
    cr_assert_str_eq(h.ran.err, "lethe: line 2 is not UTF-8\n");
    cr_assert_str_eq(h.ran.out, "", "a batch is all or nothing");
}

/* ---- subjects ---- */

TestSuite(subject, .init = start, .timeout = 60);

Test(subject, is_shown_erased_and_gone)
{
    AUTO(home_done) struct home h;
    AUTO(json_free) struct json *receipt = NULL;
    char token[64];

    home_init(&h);
    cr_assert_eq(run_on(&h, cmd_tokenize, "likes tea", note), CLI_OK);
    (void)snprintf(token, sizeof(token), "%.32s", h.ran.out);
    cr_assert_eq(run_on(&h, cmd_subject_show, "person-4711", (struct options){0}), CLI_OK);
    cr_assert_not_null(strstr(h.ran.out, "values of note        1\n"), "%s", h.ran.out);
    cr_assert_null(strstr(h.ran.out, "person-4711"));
    cr_assert_eq(
        run_on(&h, cmd_subject_erase, "person-4711", (struct options){.reason = "17(1)(a)"}),
        CLI_OK);
    cr_assert_eq(json_parse(span_str(h.ran.out), &receipt), ERR_OK);
    cr_assert_str_eq(json_str_of(json_get(receipt, "state")), "completed");
    cr_assert_str_eq(json_str_of(json_get(receipt, "reason")), "17(1)(a)");
    cr_assert_eq(json_int_of(json_get(json_get(receipt, "method"), "epoch"), -1), 1);
    cr_assert_null(strstr(h.ran.out, "person-4711"));
    cr_assert_eq(run_on(&h, cmd_reveal, token, (struct options){0}), CLI_FAILED);
    cr_assert_str_eq(h.ran.out, "");
    cr_assert_eq(run_on(&h, cmd_subject_show, "person-4711", (struct options){0}), CLI_FAILED);
    cr_assert_str_eq(h.ran.err,
                     "lethe: no subject of this domain has this identifier (or it was erased)\n");
    cr_assert_eq(run_on(&h, cmd_subject_erase, "person-4711", (struct options){0}), CLI_FAILED);
}

Test(subject, as_json_is_one_document)
{
    AUTO(home_done) struct home h;
    AUTO(json_free) struct json *tree = NULL;

    home_init(&h);
    cr_assert_eq(run_on(&h, cmd_tokenize, "tea", note), CLI_OK);
    cr_assert_eq(run_on(&h, cmd_subject_show, "person-4711",
                        (struct options){.json = true, .domain = "default"}),
                 CLI_OK);
    cr_assert_eq(json_parse(span_str(h.ran.out), &tree), ERR_OK);
    cr_assert_eq(json_int_of(json_get(tree, "identifiers"), -1), 1);
    cr_assert_eq(run_on(&h, cmd_subject_show, "person-4711", (struct options){.domain = "other"}),
                 CLI_FAILED);
}

Test(subject, named_in_bytes_that_are_no_text_is_a_usage_error)
{
    AUTO(home_done) struct home h;

    home_init(&h);
    cr_assert_eq(run_on(&h, cmd_subject_show, "\xff", (struct options){0}), CLI_USAGE);
}

/* ---- report ---- */

TestSuite(report, .init = start, .timeout = 60);

static enum cli_exit report(struct home *h, struct options options)
{
    return run_on(h, cmd_report, "retention", options);
}

Test(report, comes_in_all_formats_and_exits_3_when_something_is_overdue)
{
    AUTO(home_done) struct home h;
    AUTO(json_free) struct json *tree = NULL;

    home_init(&h);
    cr_assert_eq(run_on(&h, cmd_tokenize, "tea", note), CLI_OK);
    cr_assert_eq(report(&h, (struct options){0}), CLI_OK);
    cr_assert_eq(strncmp(h.ran.out, "Retention as of ", 16), 0);
    cr_assert_null(strstr(h.ran.out, "Legal basis"));
    cr_assert_eq(report(&h, (struct options){.wide = true}), CLI_OK);
    cr_assert_not_null(strstr(h.ran.out, "Legal basis"));
    cr_assert_eq(report(&h, (struct options){.format = "csv"}), CLI_OK);
    cr_assert_eq(strncmp(h.ran.out, "as_of,class,", 12), 0);
    cr_assert_eq(report(&h, (struct options){.format = "csv-excel"}), CLI_OK);
    cr_assert_eq(strncmp(h.ran.out,
                         "\xef\xbb\xbf"
                         "as_of;class;",
                         15),
                 0);
    cr_assert_eq(report(&h, (struct options){.format = "html"}), CLI_OK);
    cr_assert_eq(strncmp(h.ran.out, "<!doctype html>", 15), 0);
    cr_assert_eq(report(&h, (struct options){.json = true}), CLI_OK);
    cr_assert_eq(json_parse(span_str(h.ran.out), &tree), ERR_OK);
    clock_test_set_ms(clock_now_ms() + 200 * INT64_C(86400000));
    cr_assert_eq(report(&h, (struct options){0}), CLI_ATTENTION);
}

Test(report, that_makes_no_sense_is_refused)
{
    AUTO(home_done) struct home h;

    home_init(&h);
    cr_assert_eq(report(&h, (struct options){.format = "docx"}), CLI_USAGE);
    cr_assert_eq(run_on(&h, cmd_report, "nonsense", (struct options){0}), CLI_USAGE);
    cr_assert_not_null(strstr(h.ran.err, "there are: retention"), "%s", h.ran.err);
    cr_assert_eq(report(&h, (struct options){.from = "\xff"}), CLI_USAGE);
    cr_assert_eq(report(&h, (struct options){.from = "yesterday"}), CLI_FAILED);
    cr_assert_not_null(strstr(h.ran.err, "\"from\" must be a day"), "%s", h.ran.err);
}

Test(report, of_a_period_goes_into_a_file_that_is_replaced_as_a_whole)
{
    AUTO(home_done) struct home h;
    AUTO(json_free) struct json *tree = NULL;
    static char text[1 << 16];
    char file[96], nowhere[96];
    struct options options = {
        .json = true, .from = "2026-01-01", .to = "2026-02-01", .output = file};

    home_init(&h);
    (void)snprintf(file, sizeof(file), "%s/report.json", h.dir);
    (void)snprintf(nowhere, sizeof(nowhere), "%s/none/report.json", h.dir);
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(report(&h, options), CLI_OK, "%s", h.ran.err);
        cr_assert_str_eq(h.ran.out, "");
    }
    cr_assert_eq(mode_of(&h, "report.json"), 0600);
    text[scratch_read(file, 0, text, sizeof(text) - 1)] = '\0';
    cr_assert_eq(json_parse(span_str(text), &tree), ERR_OK);
    cr_assert_str_eq(json_str_of(json_get(json_get(tree, "period"), "to")), "2026-02-01");
    options.output = nowhere;
    cr_assert_eq(report(&h, options), CLI_FAILED);
}
