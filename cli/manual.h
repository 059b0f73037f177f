/* SPDX-License-Identifier: Apache-2.0 */
/* Manual pages in man(7), written from the tables of commands, options and settings. */
#pragma once

#include <stdio.h>

#include "base/span.h"

/* Write one page; ferror(out) tells whether that went well. group: of commands (command_group()). */
void manual_overview(FILE *out);
void manual_group(FILE *out, struct span group);
void manual_settings(FILE *out);
