/* SPDX-License-Identifier: Apache-2.0 */
/* What is compiled in: templates, words, style sheets and scripts. The table is made by the build (ui/files.cmake). */
#pragma once

#include <stddef.h>

struct file {
    const char *name; /* "templates/overview.html" */
    const char *start, *end;
};

extern const struct file files[];
extern const size_t file_count;
