/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/leaks.h"

#include <criterion/criterion.h>
#include <stdint.h>
#include <string.h>

#include "base/mem.h"

#define HEX32 "0123456789abcdef0123456789abcdef"

TestSuite(leaks, .timeout = 20);

static enum err look_at(const char *argument, struct errmsg *msg)
{
    char *argv[] = {(char *)(uintptr_t) "lethe", (char *)(uintptr_t) "command",
                    (char *)(uintptr_t)argument, NULL};

    *msg = (struct errmsg){""};
    return leaks_in_arguments(3, argv, msg);
}

Test(leaks, E70_in_arguments_are_refused_and_not_repeated)
{
    static const struct {
        const char *argument, *secret, *advice;
    } cases[] = {
        {"lta_" HEX32 HEX32, HEX32, "--token-file"},
        {"--token=lta_" HEX32 HEX32, HEX32, "--token-file"},
        {"Authorization: Bearer lta_" HEX32 HEX32, HEX32, "--token-file"},
        {"lta_x lta_" HEX32, HEX32, "--token-file"},
        {"lethe-root-1 1 " HEX32, HEX32, "root_key"},
        {"-----BEGIN EC PRIVATE KEY-----\nMHcCAQEE", "MHcC", "file"},
        {"otpauth://totp/Lethe:op?secret=JBSWY3DP", "JBSW", "authenticator"},
        {"hvs.CAESIJlU02LQZq4ewxmlKrf9", "CAES", "root_key"},
        {"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N", "eyJ", "file"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct errmsg msg;

        cr_assert_eq(look_at(cases[i].argument, &msg), ERR_INVALID, "%s", cases[i].argument);
        cr_expect_not_null(strstr(msg.text, cases[i].advice), "%s", msg.text);
        cr_expect_null(strstr(msg.text, cases[i].secret), "%s", msg.text);
    }
}

Test(leaks, are_not_seen_where_there_are_none)
{
    static const char *const harmless[] = {
        "lt_4711",  "ada@example.org", "t~Zk3",         HEX32 HEX32,        "lta_",
        "lta_4711", "hvs.note",        "eyJ.short.one", "+44 20 7946 0958", "",
        "--class",  "file:root.key",
    };

    for (size_t i = 0; i < COUNT_OF(harmless); i++) {
        struct errmsg msg;

        cr_expect_eq(look_at(harmless[i], &msg), ERR_OK, "%s: %s", harmless[i], msg.text);
    }
}

static enum err look_around(const char *variable, struct errmsg *msg)
{
    char *variables[] = {(char *)(uintptr_t) "PATH=/bin", (char *)(uintptr_t)variable, NULL};

    *msg = (struct errmsg){""};
    return leaks_in_environment(variables, msg);
}

Test(leaks, E73_in_the_environment_are_refused_by_name_or_by_what_they_hold)
{
    static const char *const leaking[] = {
        "LETHE_TOKEN=planted-1",      "LETHE_ACCESS_TOKEN=planted-1",  "LETHE_ROOT_KEY=planted-1",
        "LETHE_PASSWORD=planted-1",   "LETHE_PASSPHRASE=planted-1",    "LETHE_PIN=planted-1",
        "LETHE_OTP=planted-1",        "LETHE_CLIENT_SECRET=planted-1", "lethe_api_key=planted-1",
        "TOKEN=lta_" HEX32 "planted", "X=lethe-root-1 1 planted",
    };
    static const char *const harmless[] = {
        "LETHE_TOKEN=",          "LETHE_TOKEN_FILE=/run/t",
        "LETHE_PASSPHRASE_FD=3", "LETHE_MUTANT=a.b",
        "VAULT_ADDR=https://v",  "TOKEN=of-somebody-else",
        "LETHE_KEYS_DIR=/k",     "broken",
    };

    for (size_t i = 0; i < COUNT_OF(leaking); i++) {
        struct errmsg msg;

        cr_assert_eq(look_around(leaking[i], &msg), ERR_CONFIG, "%s", leaking[i]);
        cr_expect_not_null(strstr(msg.text, "--token-file"), "%s", msg.text);
        cr_expect_null(strstr(msg.text, "planted"), "%s", msg.text);
        cr_expect_null(strstr(msg.text, HEX32), "%s", msg.text);
    }
    for (size_t i = 0; i < COUNT_OF(harmless); i++) {
        struct errmsg msg;

        cr_expect_eq(look_around(harmless[i], &msg), ERR_OK, "%s: %s", harmless[i], msg.text);
    }
}

Test(leaks, are_told_from_names_of_files)
{
    cr_expect(leaks_instead_of_file(HEX32));
    cr_expect(leaks_instead_of_file("AAAABBBBCCCCDDDDEEEEFFFFGGGGHHHH+w=="));
    cr_expect(leaks_instead_of_file("123456"));
    cr_expect(leaks_instead_of_file("12345678"));
    cr_expect_not(leaks_instead_of_file("12345"));
    cr_expect_not(leaks_instead_of_file("./" HEX32));
    cr_expect_not(leaks_instead_of_file("operator.token"));
    cr_expect_not(leaks_instead_of_file("/etc/lethe/a-very-long-name-of-an-operators-token"));
    cr_expect_not(leaks_instead_of_file(""));
}

Test(leaks, are_fields_that_senders_are_known_by)
{
    cr_expect(leaks_in_header("Lethe-Key: x"));
    cr_expect(leaks_in_header("AUTHORIZATION:x"));
    cr_expect(leaks_in_header("proxy-authorization : x"));
    cr_expect_not(leaks_in_header("Content-Type: application/json"));
    cr_expect_not(leaks_in_header(
        "Cookie: lang=en")); /* a place of personal data, which it is there to explain */
    cr_expect_not(leaks_in_header("Lethe-Keys: x"));
    cr_expect_not(leaks_in_header(""));
}
