/* SPDX-License-Identifier: Apache-2.0 */
/* The program: which command, with which options.
 * Runs on: the main thread. Holds: nothing. Invariant: every process of ours is closed to debuggers
 * and leaves no core file before it reads anything. Not here: the commands (cmd_*.c) and their
 * table (commands.c). */
#include <string.h>

#include "base/log.h"
#include "base/secret.h"
#include "cli/bom.h"
#include "cli/commands.h"
#include "cli/output.h"

static enum cli_exit print_bom(void)
{
    return output_write(bom_text()) == ERR_OK ? CLI_OK : CLI_FAILED;
}

static enum cli_exit run(int argc, char *argv[])
{
    const struct command *c;
    int words = 0;

    if (argc < 2)
        return cli_usage("which command?");
    if (strcmp(argv[1], "--version") == 0)
        return cmd_version(NULL);
    if (strcmp(argv[1], "--bom") == 0)
        return print_bom();
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
        return help_overview();
    c = command_find(argc - 1, argv + 1, &words);
    if (c == NULL)
        return command_unknown(argv[1]);
    return command_run(c, argc - words, argv + words);
}

int main(int argc, char *argv[])
{
    secret_start();
    log_set_level(LOG_WARNING);
    if (secret_harden_process() != ERR_OK)
        return (int)cli_fail(ERR_INTERNAL, &(struct errmsg){"the process cannot be protected"});
    return (int)run(argc, argv);
}
