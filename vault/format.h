/* SPDX-License-Identifier: Apache-2.0 */
/* Typed tokens: tokens that look like a phone number, a card number, a date, ..., each in a space
 * in which no real person's value lies. Pure functions; docs/TOKENS.md shows each format.
 *
 * A class of a typed format has one sequence of numbers n = 0, 1, 2, ... for each *shape* its values
 * have ("16": a card number of 16 digits). A token is number n of its sequence, permuted with a keyed
 * permutation so that it looks random, and written as the format wants it. So a token reads back to
 * (shape, n) without any table, no two numbers of a class give the same token, and the sequence ends
 * exactly at format_capacity(). Where the space is larger than FORMAT_NUMBERS_MAX the places left over
 * hold a keyed check, so that text made up by others is not read as a token.
 *
 * Everything below is for the formats from TOKEN_PHONE on; the two others are vault/token.h's.
 * All functions: any thread, never block, allocate nothing. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/span.h"

struct token_text; /* vault/token.h */

/* Numbers stand in files: never renumber. */
enum token_format {
    TOKEN_OPAQUE = 1,
    TOKEN_EMAIL = 2,
    TOKEN_PHONE = 3,
    TOKEN_PAN = 4,
    TOKEN_IBAN = 5,
    TOKEN_UUID = 6,
    TOKEN_DATE = 7,
    TOKEN_DIGITS = 8,
    TOKEN_ALNUM = 9,
    TOKEN_IPV4 = 10,
    TOKEN_IPV6 = 11,
    TOKEN_NAME = 12,
    TOKEN_INTEGER = 13
};

/* The JSON type a value had, so that it comes back as it went in. Part of what is sealed, and of
 * equality in deterministic classes. */
enum value_kind { VALUE_STRING = 1, VALUE_NUMBER = 2, VALUE_BOOL = 3 };

enum format_limits {
    FORMAT_KEY_BYTES = 32,
    FORMAT_SHAPE_MAX = 64,    /* characters of a shape; also of a digits or alnum value */
    FORMAT_RESERVED_MAX = 16, /* characters of the option `reserved` */
    FORMAT_SPEC_TEXT_MAX = 80 /* with the NUL */
};

/* No sequence is longer: a row number is shape index << 40 | n. */
#define FORMAT_NUMBERS_MAX (UINT64_C(1) << 40)

enum format_range {
    FORMAT_RANGE_RESERVED = 0, /* phone: an unassigned country code; ipv4: 240.0.0.0/4 */
    FORMAT_RANGE_US = 1,
    FORMAT_RANGE_GB = 2,
    FORMAT_RANGE_DE = 3,
    FORMAT_RANGE_DOCUMENTATION = 4 /* ipv4 */
};

/* A format with its options, as a class has it. Plain data: copied freely, nothing to free. Made by
 * format_spec_read(); options a format does not have are zero. */
struct format_spec {
    enum token_format format;
    enum format_range range;                /* phone, ipv4 */
    uint8_t keep_last;                      /* pan: 0 or 4 */
    char reserved[FORMAT_RESERVED_MAX + 1]; /* digits, alnum: what every token begins with */
    uint64_t low, high;                     /* integer: tokens are low..high */
};

/* Options as a configuration spells them. NULL and -1: not given. */
struct format_options {
    const char *range;    /* phone: reserved, us, gb, de; ipv4: reserved, documentation;
                           * integer: LOW-HIGH */
    const char *reserved; /* digits, alnum */
    int64_t keep_last;    /* pan: 0 or 4 */
};

/* The format called `name` ("phone"); false when there is none. Knows opaque and email, too. */
bool format_named(const char *name, enum token_format *ret);
/* Its name; NULL when the number is no format's (a damaged store). */
const char *format_name(enum token_format format);
/* True from TOKEN_PHONE on: tokens come from sequences. */
bool format_is_typed(enum token_format format);

/* Check options and fill in defaults; opaque and email take none. CONFIG: *ret_option is the
 * offending key ("range", "reserved", "keep_last", a static text), msg a sentence without position
 * for conf_fail(). ret is written on success only. */
enum err format_spec_read(enum token_format format, const struct format_options *options,
                          struct format_spec *ret, const char **ret_option, struct errmsg *msg)
    MUST_CHECK;
/* The spec in one line of printable ASCII ("pan keep_last=4"), equal exactly when the tokens are: a class
 * that has values must not change it, or its tokens could not be read any more. NUL-terminated. */
void format_spec_text(const struct format_spec *spec, char ret[FORMAT_SPEC_TEXT_MAX]);

/* The sequence a token comes from: 1-64 characters of printable ASCII, NUL-terminated, one text a
 * shape ("*" where a format has one shape only, "16", "AA9999"). What applications change of a value's
 * spelling (separators, case, a time behind a date) is no part of it. */
struct format_shape {
    char text[FORMAT_SHAPE_MAX + 1];
};

/* The shape that a value's token has. UNPROCESSABLE when the value is not what the format is for (no
 * digits, no calendar date, no address, ..., shorter than `reserved`), and for any boolean; a number is read as
 * it is spelled. phone and name take any text, since people write them as they like.
 * digits and pan have one shape a count of digits, iban one a length, alnum one a pattern of letters and
 * digits, the others one in all. */
enum err format_shape(const struct format_spec *spec, enum value_kind kind, struct span value,
                      struct format_shape *ret) MUST_CHECK;

/* How many numbers a sequence has: n runs from 0 to below it. 1 to FORMAT_NUMBERS_MAX; 0 for a text that
 * is no shape of this spec (in a damaged store, or of other options). */
uint64_t format_capacity(const struct format_spec *spec, const struct format_shape *shape);

/* Write token n (below the capacity) of a sequence. The key is the class's own: 32 random bytes. `value`
 * is the value it stands for, whose shape it must be: pan with keep_last takes its last four digits,
 * digits, alnum and date its spelling (separators, case, the time behind a date); they are not covered by
 * n, and read back whatever they are. No number is ever skipped. */
void format_write(const struct format_spec *spec, const struct format_shape *shape,
                  const uint8_t key[FORMAT_KEY_BYTES], uint64_t n, struct span value,
                  struct token_text *ret);

/* Read text that must be a token of this class and nothing else: the inverse of format_write().
 * NOT_FOUND when it is none. OK does not say that the number was given out: the caller compares it
 * with the sequence's. Other spellings that mean the same are read, too: in another case, an
 * IBAN or card number in groups, a phone, digits or alnum with other separators or none, other zeroes of
 * an IPv6 address, midnight in any spelling behind a date.
 * ret_shape and ret_n are written on success only. */
enum err format_read(const struct format_spec *spec, const uint8_t key[FORMAT_KEY_BYTES],
                     struct span token, struct format_shape *ret_shape, uint64_t *ret_n) MUST_CHECK;

/* Whether a value lies where tokens of this class lie, in any spelling that means the same. Such a value
 * is not stored (CONFLICT): otherwise a token could be somebody's value. A superset of what format_read()
 * reads: the whole of the reserved prefix, range or country, used or not; for uuid and ipv6 exactly what
 * it reads, the keyed check decides. To be asked after it is known that the value is no token that was
 * given out. */
bool format_owns(const struct format_spec *spec, const uint8_t key[FORMAT_KEY_BYTES],
                 struct span value);

/* Whether the token of such a value is written without quotes in JSON: an integer's, where the value
 * was a JSON number. */
static inline bool format_is_bare(enum token_format format, enum value_kind kind)
{
    return format == TOKEN_INTEGER && kind == VALUE_NUMBER;
}
