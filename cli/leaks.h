/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets where others can read them: arguments stand in `ps` and in the shell's history, the environment in /proc and
 * in every child. Whatever looks like one is refused; messages say where it belongs, and never repeat it. */
#pragma once

#include <stdbool.h>

#include "base/err.h"

/* Does a word of the command line hold an access token, a private key or the like? INVALID with a message. */
enum err leaks_in_arguments(int argc, char *const argv[], struct errmsg *msg) MUST_CHECK;
/* Is there a variable LETHE_... that is named as a secret, or one with a token of ours in it? CONFIG with a
 * message that names the variable. `variables` as `environ`. */
enum err leaks_in_environment(char *const variables[], struct errmsg *msg) MUST_CHECK;
/* Is it a secret where the name of its file should stand: random letters, or a one-time code? */
bool leaks_instead_of_file(const char *value);
/* Does a name (of an option, of a variable) say that it is a secret? Case does not matter. */
bool leaks_by_name(const char *name, size_t len);
/* A line "Name: value" of a request: does the field hold what its sender is known by? */
bool leaks_in_header(const char *line);
