/* SPDX-License-Identifier: Apache-2.0 */
/* What the help says, held against the tables. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <string.h>

#include "cli/commands.h"
#include "retention/report.h"
#include "tests/unit/cli/cli_rig.h"

TestSuite(help, .timeout = 60);

Test(help, says_all_that_the_table_has_of_each_command)
{
    AUTO(scratch_remove) struct scratch s = scratch_new();
    struct ran ran;

    for (const struct command *c = commands; c < commands + command_count; c++) {
        char head[4096], name[64], *words[2] = {name, NULL};
        struct options o = {.arguments = words, .argument_count = 1};

        (void)snprintf(name, sizeof(name), "%s", c->name);
        words[1] = strchr(name, ' ');
        if (words[1] != NULL) {
            *words[1]++ = '\0';
            o.argument_count = 2;
        }
        cli_rig_run(&s, cmd_help, &o, "", &ran);
        (void)snprintf(head, sizeof(head), "usage: lethe %s %s\n%s.\n%s", c->name, c->arguments,
                       c->summary, c->help == NULL ? "" : c->help);
        cr_expect_eq(strncmp(ran.out, head, strlen(head)), 0, "%s: %s", c->name, ran.out);
    }
}

Test(help, names_every_report)
{
    AUTO(scratch_remove) struct scratch s = scratch_new();
    char word[] = "report", *words[] = {word};
    const struct options o = {.arguments = words, .argument_count = 1};
    struct ran ran;

    cli_rig_run(&s, cmd_help, &o, "", &ran);
    for (size_t i = 0; report_kind_at(i) != NULL; i++) {
        char line[64];

        (void)snprintf(line, sizeof(line), "\n%-14s ", report_kind_at(i)->name);
        cr_expect_not_null(strstr(ran.out, line), "%s", line);
    }
}
