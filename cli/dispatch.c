/* SPDX-License-Identifier: Apache-2.0 */
/* From words to a command of the table.
 * Runs on: the main thread. Holds: nothing. Not here: the table (commands.c). */
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/remote.h"

enum { CHOICE_MAX = 256 };

/* How many leading words of argv are the command's name; 0 when they are not. */
static int words_matched(const struct command *c, int argc, char *const argv[])
{
    const char *space = strchr(c->name, ' ');
    size_t first = space == NULL ? strlen(c->name) : (size_t)(space - c->name);

    if (argc < 1 || strlen(argv[0]) != first || strncmp(argv[0], c->name, first) != 0)
        return 0;
    if (space == NULL)
        return 1;
    return argc > 1 && strcmp(argv[1], space + 1) == 0 ? 2 : 0;
}

const struct command *command_find(int argc, char *const argv[], int *ret_words)
{
    for (size_t i = 0; i < command_count; i++) {
        int words = words_matched(&commands[i], argc, argv);

        if (words > 0) {
            *ret_words = words;
            return &commands[i];
        }
    }
    return NULL;
}

struct span command_group(const struct command *c)
{
    return span_of(c->name, strcspn(c->name, " "));
}

bool command_begins_group(const struct command *c)
{
    for (const struct command *before = commands; before < c; before++)
        if (span_equal(command_group(before), command_group(c)))
            return false;
    return true;
}

enum cli_exit command_unknown(const char *first)
{
    size_t len = strlen(first);
    struct errmsg msg = {"there is no such command"};
    char choice[CHOICE_MAX] = "";

    for (size_t i = 0; i < command_count; i++) {
        const char *name = commands[i].name;
        size_t used = strlen(choice);

        if (strncmp(name, first, len) == 0 && name[len] == ' ')
            (void)snprintf(choice + used, sizeof(choice) - used, "%s%s", used == 0 ? "" : " or ",
                           name + len + 1);
    }
    if (choice[0] != '\0')
        (void)cli_message(&msg, "%s what? %s", first, choice);
    return cli_usage(msg.text);
}

/* What needs the host says so, instead of "no such option". */
static enum err check_server(const struct command *c, const struct options *o, struct errmsg *msg)
{
    const char *why = command_local(c);

    if (o->server == NULL && o->token_file == NULL && o->ca == NULL && o->otp_file == NULL)
        return ERR_OK;
    if (why != NULL)
        return errmsg_set(msg, ERR_INVALID, "lethe %s does not take --server: %s", c->name, why);
    if ((command_takes(c) & OPTION_SERVER) == 0)
        return errmsg_set(msg, ERR_INVALID, "lethe %s does not take --server: it asks no server",
                          c->name);
    if (o->server == NULL)
        return errmsg_set(
            msg, ERR_INVALID,
            "--token-file, --ca and --otp-file are for --server URL, which is missing");
    return remote_check(o, msg);
}

enum cli_exit command_run(const struct command *c, int argc, char *argv[])
{
    struct options options;
    struct errmsg msg;

    if (options_parse(argc, argv, command_takes(c) | OPTION_SERVER, &options, &msg) != ERR_OK)
        return cli_usage(msg.text);
    if (options.help)
        return help_command(c);
    if (check_server(c, &options, &msg) != ERR_OK)
        return cli_usage(msg.text);
    if (options.argument_count < c->arguments_min || options.argument_count > c->arguments_max) {
        (void)cli_message(&msg, "usage: lethe %s %s", c->name, c->arguments);
        return cli_usage(msg.text);
    }
    return c->run(&options);
}
