/* SPDX-License-Identifier: Apache-2.0 */
/* What each byte can be in a JSON text (RFC 8259), as one table of bits. */
#pragma once

#include <stdint.h>

enum json_class {
    JSON_CLASS_PLAIN = 1, /* ASCII that stands for itself in a string */
    JSON_CLASS_SPACE = 2,
    JSON_CLASS_DIGIT = 4,
    JSON_CLASS_ESCAPE = 8 /* after a backslash: a whole escape */
};

/* Hashes that may be read, without meaning, after those that are searched. */
enum { HASHES_BEYOND = 15 };

extern const uint8_t proxy__class[256];
