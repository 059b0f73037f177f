/* SPDX-License-Identifier: Apache-2.0 */
/* Every command there is, and finding one. */
#pragma once

#include "cli/cli.h"

extern const struct command commands[];
extern const size_t command_count;

/* The command that argv begins with, and how many words its name has; NULL when there is none. */
const struct command *command_find(int argc, char *const argv[], int *ret_words);
/* The first word of its name; commands that share it are a group. */
struct span command_group(const struct command *c);
/* Is it the first command of its group in the table? */
bool command_begins_group(const struct command *c);
/* Complain that no command begins with this word, or say which second words it takes. CLI_USAGE. */
enum cli_exit command_unknown(const char *first);
/* Why it cannot be asked of another host's server (--server); NULL: it can, or asks nothing. */
const char *command_local(const struct command *c);
/* All options that it takes, as bits. */
uint64_t command_takes(const struct command *c);
/* Parse what follows the command's name (argv[0] is its last word) and run it. */
enum cli_exit command_run(const struct command *c, int argc, char *argv[]);
/* Print the help of one command, or what commands there are. */
enum cli_exit help_command(const struct command *c);
enum cli_exit help_overview(void);
/* What holds for many commands, this one too, as lines; how many there are. */
enum { HELP_NOTES_MAX = 3 };
size_t help_notes(const struct command *c, const char *ret[HELP_NOTES_MAX]);
