/* SPDX-License-Identifier: Apache-2.0 */
/* The forms that detect_personal() knows; each is given a whole candidate, without separators. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum {
    DETECT_RUN_MAX = 34, /* characters of the longest candidate, an IBAN */
    DETECT_DIGITS_MIN = 7
};

/* detect_number.c: digits and capital letters. */
bool detect__is_card(const char *digits, size_t len);
bool detect__is_iban(const char *text, size_t len);

/* detect_id.c. `whole`: nothing else stands in the text. */
bool detect__is_id(const char *text, size_t len, bool whole);
