/* SPDX-License-Identifier: Apache-2.0 */
/* Completion for bash, written from the tables of commands and options. */
#pragma once

#include <stdio.h>

/* Write a script that bash reads (also one without the package bash-completion); ferror(out) tells whether that went
 * well. */
void completion_bash(FILE *out);
