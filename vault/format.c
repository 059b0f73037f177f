/* SPDX-License-Identifier: Apache-2.0 */
/* Typed tokens: from numbers to places and back, for every format alike.
 * Runs on: any thread; never blocks. Holds: nothing. Invariant: format_read(format_write(n)) is n.
 * Not here: how a format is spelled (format_*.c), which numbers were given out (the store). */
#include "vault/format.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/secret.h"
#include "vault/crypto_priv.h"
#include "vault/file_priv.h"
#include "vault/format_priv.h"
#include "vault/permute.h"

/* The 32 bytes of a class's key are two keys of SipHash: one permutes, one checks. */
enum { CHECK_KEY_AT = PERMUTE_KEY_BYTES };

_Static_assert(FORMAT_KEY_BYTES == CHECK_KEY_AT + TOKEN_LOCATOR_KEY_BYTES, "two keys");

const struct format_kind *vault__format_kind(enum token_format format)
{
    switch (format) {
    case TOKEN_PHONE:
        return &vault__format_phone;
    case TOKEN_PAN:
        return &vault__format_pan;
    case TOKEN_IBAN:
        return &vault__format_iban;
    case TOKEN_UUID:
        return &vault__format_uuid;
    case TOKEN_DATE:
        return &vault__format_date;
    case TOKEN_DIGITS:
        return &vault__format_digits;
    case TOKEN_ALNUM:
        return &vault__format_alnum;
    case TOKEN_IPV4:
        return &vault__format_ipv4;
    case TOKEN_IPV6:
        return &vault__format_ipv6;
    case TOKEN_NAME:
        return &vault__format_name;
    case TOKEN_INTEGER:
        return &vault__format_integer;
    case TOKEN_OPAQUE:
    case TOKEN_EMAIL:
        break;
    }
    return NULL;
}

bool format_is_typed(enum token_format format)
{
    return vault__format_kind(format) != NULL;
}

static const struct format_kind *kind_of(const struct format_spec *spec)
{
    const struct format_kind *kind = vault__format_kind(spec->format);

    REQUIRE(kind != NULL);
    return kind;
}

/* ---- numbers and places ---- */

/* How many of the first places hold the number, and how many numbers they can hold. */
static size_t number_places(const struct format_places *places, uint64_t *ret_capacity)
{
    uint64_t product = 1;
    size_t i;

    for (i = 0; i < places->count; i++) {
        if (places->radix[i] > FORMAT_NUMBERS_MAX / product)
            break;
        product *= places->radix[i];
    }
    *ret_capacity = product;
    return i;
}

/* One sequence of one class: u8 format | shape text, hashed. */
static struct permute permutation(const struct format_spec *spec, const struct format_shape *shape,
                                  const uint8_t key[FORMAT_KEY_BYTES], uint64_t capacity)
{
    uint8_t in[1 + FORMAT_SHAPE_MAX];
    size_t len = strnlen(shape->text, FORMAT_SHAPE_MAX);

    in[0] = (uint8_t)spec->format;
    memcpy(in + 1, shape->text, len);
    return (struct permute){key, vault__short_hash(key, in, 1 + len), capacity};
}

/* Digits of the places from `first` on: each a keyed hash of u64 tweak | u64 number | u8 place, scaled
 * to the place's radix. */
static void put_check(const struct permute *p, const uint8_t key[FORMAT_KEY_BYTES], uint64_t number,
                      size_t first, struct format_places *places)
{
    uint8_t in[17];
    uint64_t hash;

    put_le(in, p->tweak, 8);
    put_le(in + 8, number, 8);
    for (size_t i = first; i < places->count; i++) {
        in[16] = (uint8_t)i;
        hash = vault__short_hash(key + CHECK_KEY_AT, in, sizeof(in));
        places->digit[i] = (uint64_t)((unsigned __int128)hash * places->radix[i] >> 64);
    }
}

uint64_t format_capacity(const struct format_spec *spec, const struct format_shape *shape)
{
    struct format_places places;
    uint64_t capacity;

    places.count = 0;
    if (!kind_of(spec)->places(spec, shape, &places))
        return 0;
    (void)number_places(&places, &capacity);
    return capacity;
}

void format_write(const struct format_spec *spec, const struct format_shape *shape,
                  const uint8_t key[FORMAT_KEY_BYTES], uint64_t n, struct span value,
                  struct token_text *ret)
{
    const struct format_kind *kind = kind_of(spec);
    struct format_places places;
    struct permute p;
    uint64_t capacity, number;
    size_t count;

    places.count = 0;
    REQUIRE(kind->places(spec, shape, &places));
    count = number_places(&places, &capacity);
    REQUIRE(n < capacity);
    p = permutation(spec, shape, key, capacity);
    number = permute_apply(&p, n);
    put_check(&p, key, number, count, &places);
    while (count-- > 0) {
        places.digit[count] = number % places.radix[count];
        number /= places.radix[count];
    }
    ret->len = 0;
    kind->write(spec, &places, value, ret);
}

enum err format_read(const struct format_spec *spec, const uint8_t key[FORMAT_KEY_BYTES],
                     struct span token, struct format_shape *ret_shape, uint64_t *ret_n)
{
    const struct format_kind *kind = kind_of(spec);
    struct format_shape shape;
    struct format_places places, expected;
    struct permute p;
    uint64_t capacity, number = 0;
    size_t count;

    places.count = expected.count = 0;
    if (!kind->read(spec, token, &shape, &places) || !kind->places(spec, &shape, &expected) ||
        places.count != expected.count)
        return ERR_NOT_FOUND;
    count = number_places(&expected, &capacity);
    for (size_t i = 0; i < places.count; i++) {
        if (places.digit[i] >= expected.radix[i])
            return ERR_NOT_FOUND;
        if (i < count)
            number = number * expected.radix[i] + places.digit[i];
    }
    p = permutation(spec, &shape, key, capacity);
    put_check(&p, key, number, count, &expected);
    if (!secret_equal(places.digit + count, expected.digit + count,
                      (places.count - count) * sizeof(places.digit[0])))
        return ERR_NOT_FOUND;
    *ret_shape = shape;
    *ret_n = permute_invert(&p, number);
    return ERR_OK;
}

enum err format_shape(const struct format_spec *spec, enum value_kind kind, struct span value,
                      struct format_shape *ret)
{
    const struct format_kind *format = kind_of(spec);

    if (kind == VALUE_BOOL)
        return ERR_UNPROCESSABLE;
    if (format->shape != NULL)
        return format->shape(spec, kind, value, ret);
    vault__format_one_shape(ret);
    return ERR_OK;
}

bool format_owns(const struct format_spec *spec, const uint8_t key[FORMAT_KEY_BYTES],
                 struct span value)
{
    const struct format_kind *kind = kind_of(spec);
    struct format_shape shape;
    uint64_t n;

    if (kind->owns != NULL)
        return kind->owns(spec, value);
    return format_read(spec, key, value, &shape, &n) == ERR_OK;
}

/* ---- what formats share ---- */

void vault__format_places_add(struct format_places *places, size_t count, uint64_t radix)
{
    REQUIRE(places->count + count <= FORMAT_PLACES_MAX);
    while (count-- > 0)
        places->radix[places->count++] = radix;
}

size_t vault__format_squeeze(struct span text, const char *separators, char *out, size_t max)
{
    size_t len = 0;
    bool after_separator = true;

    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];

        if (c != '\0' && strchr(separators, c) != NULL) {
            if (after_separator)
                return 0;
            after_separator = true;
            continue;
        }
        if (len == max)
            return 0;
        out[len++] = c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
        after_separator = false;
    }
    return after_separator ? 0 : len;
}

void vault__format_one_shape(struct format_shape *ret)
{
    memcpy(ret->text, "*", 2);
}

bool vault__format_is_one_shape(const struct format_shape *shape)
{
    return memcmp(shape->text, "*", 2) == 0;
}

void vault__format_count_shape(size_t count, struct format_shape *ret)
{
    (void)snprintf(ret->text, sizeof(ret->text), "%zu", count);
}

size_t vault__format_shape_count(const struct format_shape *shape, size_t min, size_t max)
{
    const char *text = shape->text;
    size_t count = 0, len = strnlen(text, sizeof(shape->text));

    if (len == 0 || len > 2 || text[0] == '0')
        return 0;
    for (size_t i = 0; i < len; i++) {
        if (!format_is_digit(text[i]))
            return 0;
        count = count * 10 + (size_t)(text[i] - '0');
    }
    return count >= min && count <= max ? count : 0;
}
