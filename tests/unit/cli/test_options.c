/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/options.h"

#include <criterion/criterion.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

static const uint64_t ALL = OPTION_CONFIG | OPTION_CLASS | OPTION_SUBJECT | OPTION_DOMAIN |
                            OPTION_REASON | OPTION_FORMAT | OPTION_JSON | OPTION_READY_FD;

/* Parse a NULL-terminated list of words behind the command's name. */
static enum err parse(const char *const words[], uint64_t allowed, struct options *o,
                      struct errmsg *msg)
{
    static char *argv[16];
    int argc = 1;

    argv[0] = "command";
    for (; words[argc - 1] != NULL; argc++)
        argv[argc] = (char *)(uintptr_t)words[argc - 1]; /* getopt moves words, it changes none */
    argv[argc] = NULL;
    *msg = (struct errmsg){""};
    return options_parse(argc, argv, allowed, o, msg);
}

#define PARSE(allowed, o, msg, ...) parse((const char *const[]){__VA_ARGS__, NULL}, allowed, o, msg)

TestSuite(options, .timeout = 20);

Test(options, have_defaults)
{
    struct options o;
    struct errmsg msg;

    cr_assert_eq(parse((const char *const[]){NULL}, 0, &o, &msg), ERR_OK);
    cr_assert_str_eq(o.config, "lethe.yaml");
    cr_assert_eq(o.ready_fd, -1);
    cr_assert_not(o.json || o.help);
    cr_assert_null(o.class_name);
    cr_assert_eq(o.argument_count, 0);
}

Test(options, are_all_understood)
{
    struct options o;
    struct errmsg msg;

    cr_assert_eq(PARSE(ALL, &o, &msg, "-c", "x.yaml", "--class", "mail", "--subject=4711",
                       "--domain", "d", "--reason", "a b", "--format=csv", "--json", "--ready-fd",
                       "2"),
                 ERR_OK);
    cr_assert_str_eq(o.config, "x.yaml");
    cr_assert_str_eq(o.class_name, "mail");
    cr_assert_str_eq(o.subject, "4711");
    cr_assert_str_eq(o.domain, "d");
    cr_assert_str_eq(o.reason, "a b");
    cr_assert_str_eq(o.format, "csv");
    cr_assert_eq(o.ready_fd, 2);
    cr_assert(o.json);
    cr_assert_eq(PARSE(OPTION_GROUND, &o, &msg, "--ground", "b"), ERR_OK);
    cr_assert_str_eq(o.ground, "b");
}

Test(options, of_a_report_come_with_its_bits)
{
    struct options o;
    struct errmsg msg;

    cr_assert_eq(PARSE(OPTION_PERIOD | OPTION_OUTPUT | OPTION_WIDE, &o, &msg, "--from",
                       "2026-01-01", "--to=2026-02-01", "-o", "file", "--wide", "retention"),
                 ERR_OK);
    cr_assert_str_eq(o.from, "2026-01-01");
    cr_assert_str_eq(o.to, "2026-02-01");
    cr_assert_str_eq(o.output, "file");
    cr_assert(o.wide);
    cr_assert_eq(o.argument_count, 1);
    cr_assert_eq(PARSE(ALL, &o, &msg, "--to", "2026-02-01"), ERR_INVALID);
    cr_assert_str_eq(msg.text, "option --to does not belong to this command");
    cr_assert_eq(PARSE(ALL, &o, &msg, "-o", "file"), ERR_INVALID);
}

Test(options, name_a_descriptor_for_passphrases_wherever_a_configuration_is_named)
{
    struct options o;
    struct errmsg msg;

    cr_assert_eq(PARSE(OPTION_CONFIG, &o, &msg, "--json"), ERR_INVALID);
    cr_assert_eq(PARSE(OPTION_CONFIG, &o, &msg, "x"), ERR_OK);
    cr_assert(o.passphrase_fd == -1 && !o.config_given && !o.progress);
    cr_assert_eq(PARSE(OPTION_CONFIG | OPTION_PROGRESS, &o, &msg, "--passphrase-fd", "0", "-c", "f",
                       "--progress"),
                 ERR_OK);
    cr_assert(o.passphrase_fd == 0 && o.config_given && o.progress);
    cr_assert_eq(PARSE(OPTION_JSON, &o, &msg, "--passphrase-fd", "0"), ERR_INVALID);
    cr_assert_not_null(strstr(msg.text, "--passphrase-fd"), "%s", msg.text);
    cr_assert_eq(PARSE(OPTION_CONFIG, &o, &msg, "--passphrase-fd", "hunter2hunter2"), ERR_INVALID);
    cr_assert(strstr(msg.text, "--passphrase-fd") != NULL && strstr(msg.text, "hunter") == NULL,
              "%s", msg.text);
    cr_assert_eq(PARSE(OPTION_CONFIG, &o, &msg, "--passphrase", "hunter2hunter2"), ERR_INVALID);
    cr_assert_null(strstr(msg.text, "hunter"), "%s", msg.text);
}

Test(options, may_stand_before_and_behind_arguments)
{
    struct options o;
    struct errmsg msg;

    cr_assert_eq(PARSE(ALL, &o, &msg, "first", "--json", "second", "-c", "f"), ERR_OK);
    cr_assert(o.json);
    cr_assert_str_eq(o.config, "f");
    cr_assert_eq(o.argument_count, 2);
    cr_assert_str_eq(o.arguments[0], "first");
    cr_assert_str_eq(o.arguments[1], "second");
}

Test(options, end_at_two_dashes)
{
    struct options o;
    struct errmsg msg;

    cr_assert_eq(PARSE(ALL, &o, &msg, "--", "--json", "-5"), ERR_OK);
    cr_assert_not(o.json);
    cr_assert_eq(o.argument_count, 2);
    cr_assert_str_eq(o.arguments[1], "-5");
}

Test(options, that_do_not_exist_are_named_without_their_value)
{
    struct options o;
    struct errmsg msg;

    cr_assert_eq(PARSE(ALL, &o, &msg, "--subjcet=ada@example.org"), ERR_INVALID);
    cr_assert_str_eq(msg.text, "unknown option --subjcet");
    cr_assert_eq(PARSE(ALL, &o, &msg, "-x"), ERR_INVALID);
    cr_assert_str_eq(msg.text, "unknown option -x");
    cr_assert_eq(PARSE(ALL, &o, &msg, "--json=ada"), ERR_INVALID);
    cr_assert_str_eq(msg.text, "unknown option --json");
}

Test(options, of_another_command_are_refused)
{
    struct options o;
    struct errmsg msg;

    cr_assert_eq(PARSE(OPTION_CONFIG, &o, &msg, "--reason", "x"), ERR_INVALID);
    cr_assert_str_eq(msg.text, "option --reason does not belong to this command");
    cr_assert_eq(PARSE(0, &o, &msg, "-c", "x"), ERR_INVALID);
    cr_assert_eq(PARSE(0, &o, &msg, "--help"), ERR_OK, "but help always is");
    cr_assert(o.help);
}

Test(options, without_their_argument_are_refused)
{
    struct options o;
    struct errmsg msg;

    cr_assert_eq(PARSE(ALL, &o, &msg, "--class"), ERR_INVALID);
    cr_assert_str_eq(msg.text, "option --class needs an argument");
    cr_assert_eq(PARSE(ALL, &o, &msg, "-c"), ERR_INVALID);
}

Test(options, take_no_key_and_no_password)
{
    static const char *const words[] = {"--key", "--root-key", "--password", "--token", "--secret"};
    struct options o;
    struct errmsg msg;

    for (size_t i = 0; i < COUNT_OF(words); i++)
        cr_assert_eq(PARSE(ALL, &o, &msg, words[i], "hunter2"), ERR_INVALID, "%s", words[i]);
}

Test(options, a_descriptor_is_a_number)
{
    static const char *const wrong[] = {"", "x", "3x", "-1", "99999999999999999999"};
    struct options o;
    struct errmsg msg;

    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        cr_assert_eq(PARSE(ALL, &o, &msg, "--ready-fd", wrong[i]), ERR_INVALID, "%s", wrong[i]);
}

Test(options, a_descriptor_is_open_before_any_file_of_the_store_is)
{
    struct options o;
    struct errmsg msg;

    cr_assert_eq(PARSE(ALL, &o, &msg, "--ready-fd", "977"), ERR_INVALID);
    cr_assert_eq(PARSE(OPTION_CONFIG, &o, &msg, "--passphrase-fd", "977"), ERR_INVALID);
    cr_assert_not_null(strstr(msg.text, "open descriptor"), "%s", msg.text);
}

Test(options, E70_that_name_files_of_secrets_take_no_secret)
{
    static const char code[] = "123456", key[] = "planted0planted0planted0planted0";
    struct options o;
    struct errmsg msg;

    cr_expect_eq(PARSE(OPTION_SERVER, &o, &msg, "--token-file", key), ERR_INVALID);
    cr_expect(strstr(msg.text, "name of a file") != NULL && strstr(msg.text, "planted") == NULL);
    cr_expect_eq(PARSE(OPTION_SERVER, &o, &msg, "--otp-file", code), ERR_INVALID);
    cr_expect_null(strstr(msg.text, code));
    cr_expect_eq(PARSE(OPTION_ROOT_KEY, &o, &msg, "--root-key", key), ERR_INVALID);
    cr_expect_eq(PARSE(OPTION_SERVER, &o, &msg, "--token-file", "op.token"), ERR_OK);
}

Test(options, E70_that_would_be_secrets_do_not_exist_and_say_what_does)
{
    static const char *const words[] = {"--password=planted", "--access-token=planted",
                                        "--api-key=planted", "--pin=planted"};

    for (size_t i = 0; i < COUNT_OF(words); i++) {
        struct options o;
        struct errmsg msg;

        cr_assert_eq(PARSE(OPTION_SERVER, &o, &msg, words[i]), ERR_INVALID);
        cr_expect_not_null(strstr(msg.text, "--token-file"), "%s", msg.text);
        cr_expect_null(strstr(msg.text, "planted"), "%s", msg.text);
    }
}
