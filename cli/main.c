/* SPDX-License-Identifier: Apache-2.0 */
/* The program: which command, with which options.
 * Runs on: the main thread. Holds: nothing. Invariant: every process of ours is closed to debuggers
 * and leaves no core file before it reads anything; secrets in arguments and in the environment are refused; the three
 * standard streams are there, whatever was closed. Not here: the commands (cmd_*.c) and their table (commands.c). */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/secret.h"
#include "cli/bom.h"
#include "cli/commands.h"
#include "cli/leaks.h"
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

/* The next file that is opened takes the place of a standard stream that is closed, and a file of the store would get
 * what is said there. What is in its place can be neither read nor written, just as nothing at all. */
static enum err keep_standard_streams(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) >= 0)
            continue;
        if (errno != EBADF || open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
            return ERR_IO;
    }
    return ERR_OK;
}

/* What others could read is not worked with, whatever it is for. */
static enum cli_exit look_for_leaks(int argc, char *argv[])
{
    struct errmsg msg;
    enum err e = leaks_in_environment(environ, &msg);

    if (e != ERR_OK)
        return cli_fail(e, &msg);
    return leaks_in_arguments(argc, argv, &msg) == ERR_OK ? CLI_OK : cli_usage(msg.text);
}

int main(int argc, char *argv[])
{
    enum cli_exit code;

    if (keep_standard_streams() != ERR_OK)
        return (int)cli_fail(
            ERR_IO, &(struct errmsg){"a standard stream is closed, and there is no /dev/null"});
    secret_start();
    log_set_level(LOG_WARNING);
    if (secret_harden_process() != ERR_OK)
        return (int)cli_fail(ERR_INTERNAL, &(struct errmsg){"the process cannot be protected"});
    code = look_for_leaks(argc, argv);
    return (int)(code == CLI_OK ? run(argc, argv) : code);
}
