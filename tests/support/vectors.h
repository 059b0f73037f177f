/* SPDX-License-Identifier: Apache-2.0 */
/* Known answers from tests/vectors: lines "name value", "#" starts a comment. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

enum { VECTOR_VALUE_MAX = 4096 };

/* The value of a name as text, NUL-terminated. The test must run in the project's folder. */
static inline void vector_text(const char *file, const char *name, char value[VECTOR_VALUE_MAX])
{
    char line[VECTOR_VALUE_MAX + 128];
    size_t len = strlen(name);
    FILE *f = fopen(file, "re");
    bool found = false;

    REQUIRE(f != NULL);
    while (!found && fgets(line, sizeof(line), f) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        found = strncmp(line, name, len) == 0 && line[len] == ' ';
    }
    REQUIRE(found);
    (void)fclose(f);
    (void)snprintf(value, VECTOR_VALUE_MAX, "%s", line + len + 1);
}

/* The value of a name as bytes; how many. */
static inline size_t vector_bytes(const char *file, const char *name, uint8_t *bytes, size_t max)
{
    char text[VECTOR_VALUE_MAX];
    size_t len;

    vector_text(file, name, text);
    len = strlen(text) / 2;
    REQUIRE(strlen(text) % 2 == 0 && len <= max);
    for (size_t i = 0; i < len; i++) {
        char digits[3] = {text[2 * i], text[2 * i + 1], '\0'};

        bytes[i] = (uint8_t)strtoul(digits, NULL, 16);
    }
    return len;
}
