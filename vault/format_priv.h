/* SPDX-License-Identifier: Apache-2.0 */
/* How a typed format is made. Each format knows how its tokens are spelled: which places of a token are
 * free, how many values each can take (its radix), and how a text is written from them and read into
 * them. What stands in the places, vault/format.c knows: the permuted number in the first ones, as many
 * as have a product of up to FORMAT_NUMBERS_MAX, and a keyed check in the rest.
 *
 * One number must have one meaning whatever an application does to a token's spelling. So what
 * applications change (separators, case, a time behind a date) is no part of a shape: it is written as
 * the value has it, and ignored when read. */
#pragma once

#include <string.h>

#include "vault/format.h"
#include "vault/token.h"

enum { FORMAT_PLACES_MAX = FORMAT_SHAPE_MAX };

struct format_places {
    size_t count;
    uint64_t radix[FORMAT_PLACES_MAX];
    uint64_t digit[FORMAT_PLACES_MAX]; /* below its radix */
};

struct format_kind {
    const char *name;
    /* See format_shape(); the kind is never a boolean. NULL: any value, shape "*". */
    enum err (*shape)(const struct format_spec *spec, enum value_kind kind, struct span value,
                      struct format_shape *ret);
    /* Count and radices of a shape's places; false when the text is no shape of this format. */
    bool (*places)(const struct format_spec *spec, const struct format_shape *shape,
                   struct format_places *ret);
    void (*write)(const struct format_spec *spec, const struct format_places *places,
                  struct span value, struct token_text *ret);
    /* Text into its shape and the digits of its places (radices are looked up and checked by the
     * caller). False when it is not spelled like a token. */
    bool (*read)(const struct format_spec *spec, struct span token, struct format_shape *ret_shape,
                 struct format_places *ret);
    /* See format_owns(). NULL: exactly what is read. */
    bool (*owns)(const struct format_spec *spec, struct span value);
};

extern const struct format_kind vault__format_phone, vault__format_pan, vault__format_iban,
    vault__format_uuid, vault__format_date, vault__format_digits, vault__format_alnum,
    vault__format_ipv4, vault__format_ipv6, vault__format_name, vault__format_integer;

/* The kind of a typed format; NULL for the others. */
const struct format_kind *vault__format_kind(enum token_format format);

/* Append `count` places of one radix. */
void vault__format_places_add(struct format_places *places, size_t count, uint64_t radix);
/* The text without the characters of `separators`, ASCII letters in upper case, into out (at most
 * max). 0 when it is longer, or when a separator stands at an end or beside another. */
size_t vault__format_squeeze(struct span text, const char *separators, char *out, size_t max);
/* The shape "*", for formats that have one only. */
void vault__format_one_shape(struct format_shape *ret);
bool vault__format_is_one_shape(const struct format_shape *shape);
/* The shape of a count of 1-99: "16"; and back: 0 when it is none of min..max. */
void vault__format_count_shape(size_t count, struct format_shape *ret);
size_t vault__format_shape_count(const struct format_shape *shape, size_t min, size_t max);

static inline bool format_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static inline bool format_is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

static inline void format_put(struct token_text *text, char c)
{
    text->bytes[text->len++] = c;
}

static inline void format_put_digit(struct token_text *text, uint64_t digit)
{
    format_put(text, (char)('0' + digit));
}

static inline void format_put_text(struct token_text *text, const char *from)
{
    size_t len = strlen(from);

    memcpy(text->bytes + text->len, from, len);
    text->len = (uint16_t)(text->len + len);
}
