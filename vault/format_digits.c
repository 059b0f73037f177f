/* SPDX-License-Identifier: Apache-2.0 */
/* Digits, letters and digits, and whole numbers, in a part of their space that real values leave free.
 * Runs on: any thread. Holds: constants. Invariant: a token of digits or letters begins with what the
 * operator reserved; an integer lies in the range reserved. Not here: whether that is true of real values; one
 * that lies there is refused, so a mistake shows at once. */
#include "base/assert.h"
#include "vault/format_priv.h"

/* What may stand between digits and letters, anywhere and any number of times. It is no part of the
 * shape: it is written where the value has it, and whatever an application makes of it ("123-45" stored as
 * "12345") is read as the same token. */
static const char SEPARATORS[] = " -./:_()+#,";

/* ---- digits and alnum ---- */

/* A value or token taken apart. */
struct code {
    size_t count;                 /* digits and letters */
    char chars[FORMAT_SHAPE_MAX]; /* letters in upper case */
};

static bool is_separator(char c)
{
    return c != '\0' && strchr(SEPARATORS, c) != NULL;
}

static char upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

static bool is_member(const struct format_spec *spec, char c)
{
    return format_is_digit(c) || (spec->format == TOKEN_ALNUM && format_is_upper(upper(c)));
}

static bool take_apart(const struct format_spec *spec, struct span text, struct code *ret)
{
    ret->count = 0;
    if (text.len > FORMAT_SHAPE_MAX)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (is_member(spec, text.at[i]))
            ret->chars[ret->count++] = upper(text.at[i]);
        else if (!is_separator(text.at[i]))
            return false;
    }
    return ret->count > 0;
}

/* The character that every token has at this place; '\0' when the place is free. Of `c` only the class
 * (letter or digit) matters.
 * Unless the operator reserves something else (vault/format_options.c), letters and digits begin with
 * two characters of the ends that are seldom used: ZZ, Z0, 0Z or 00, whichever the shape wants. */
static char reserved_at(const struct format_spec *spec, size_t i, char c)
{
    size_t len = strlen(spec->reserved);

    if (len > 0)
        return i < len ? spec->reserved[i] : '\0';
    if (i >= 2)
        return '\0';
    return format_is_digit(c) ? '0' : 'Z';
}

/* Whether a token of this shape can begin with what is reserved. */
static bool has_room(const struct format_spec *spec, const struct code *code)
{
    size_t len = strlen(spec->reserved);

    if (code->count < len)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (format_is_digit(code->chars[i]) != format_is_digit(spec->reserved[i]))
            return false;
    }
    return true;
}

static bool begins_reserved(const struct format_spec *spec, const struct code *code)
{
    char reserved;

    for (size_t i = 0; i < code->count; i++) {
        reserved = reserved_at(spec, i, code->chars[i]);
        if (reserved != '\0' && reserved != code->chars[i])
            return false;
    }
    return code->count >= strlen(spec->reserved);
}

/* Digits: their count. Letters and digits: an A for a letter, a 9 for a digit. */
static void shape_of(const struct format_spec *spec, const struct code *code,
                     struct format_shape *ret)
{
    if (spec->format == TOKEN_DIGITS) {
        vault__format_count_shape(code->count, ret);
        return;
    }
    for (size_t i = 0; i < code->count; i++)
        ret->text[i] = format_is_digit(code->chars[i]) ? '9' : 'A';
    ret->text[code->count] = '\0';
}

/* Any text of a shape; false when it is none. */
static bool code_of_shape(const struct format_spec *spec, const struct format_shape *shape,
                          struct code *ret)
{
    if (spec->format == TOKEN_DIGITS) {
        ret->count = vault__format_shape_count(shape, 1, FORMAT_SHAPE_MAX);
        memset(ret->chars, '9', ret->count);
    } else {
        ret->count = strnlen(shape->text, sizeof(shape->text));
        if (ret->count > FORMAT_SHAPE_MAX)
            return false;
        for (size_t i = 0; i < ret->count; i++) {
            if (shape->text[i] != 'A' && shape->text[i] != '9')
                return false;
        }
        memcpy(ret->chars, shape->text, ret->count);
    }
    return ret->count > 0 && has_room(spec, ret);
}

static enum err code_shape(const struct format_spec *spec, enum value_kind kind, struct span value,
                           struct format_shape *ret)
{
    struct code code;

    /* A sign or a fraction would be lost on whoever reads a number. */
    if (!take_apart(spec, value, &code) || !has_room(spec, &code) ||
        (kind == VALUE_NUMBER && code.count != value.len))
        return ERR_UNPROCESSABLE;
    shape_of(spec, &code, ret);
    return ERR_OK;
}

static bool code_places(const struct format_spec *spec, const struct format_shape *shape,
                        struct format_places *ret)
{
    struct code code;

    if (!code_of_shape(spec, shape, &code))
        return false;
    for (size_t i = 0; i < code.count; i++) {
        if (reserved_at(spec, i, code.chars[i]) == '\0')
            vault__format_places_add(ret, 1, format_is_digit(code.chars[i]) ? 10 : 26);
    }
    return true;
}

static void code_write(const struct format_spec *spec, const struct format_places *places,
                       struct span value, struct token_text *ret)
{
    size_t place = 0, free_place = 0;
    char c;

    for (size_t i = 0; i < value.len; i++) {
        c = value.at[i];
        if (is_separator(c)) {
            format_put(ret, c);
            continue;
        }
        c = reserved_at(spec, place++, upper(value.at[i]));
        if (c == '\0') {
            REQUIRE(free_place < places->count);
            c = (char)((format_is_digit(value.at[i]) ? '0' : 'A') + places->digit[free_place++]);
        }
        if (upper(value.at[i]) != value.at[i])
            c = (char)(c - 'A' + 'a');
        format_put(ret, c);
    }
    REQUIRE(free_place == places->count);
}

static bool code_read(const struct format_spec *spec, struct span token,
                      struct format_shape *ret_shape, struct format_places *ret)
{
    struct code code;
    char c;

    if (!take_apart(spec, token, &code) || !has_room(spec, &code) || !begins_reserved(spec, &code))
        return false;
    for (size_t i = 0; i < code.count; i++) {
        c = code.chars[i];
        if (reserved_at(spec, i, c) == '\0')
            ret->digit[ret->count++] = (uint64_t)(c - (format_is_digit(c) ? '0' : 'A'));
    }
    shape_of(spec, &code, ret_shape);
    return true;
}

static bool code_owns(const struct format_spec *spec, struct span value)
{
    struct code code;

    return take_apart(spec, value, &code) && begins_reserved(spec, &code);
}

const struct format_kind vault__format_digits = {
    .name = "digits",
    .shape = code_shape,
    .places = code_places,
    .write = code_write,
    .read = code_read,
    .owns = code_owns,
};

const struct format_kind vault__format_alnum = {
    .name = "alnum",
    .shape = code_shape,
    .places = code_places,
    .write = code_write,
    .read = code_read,
    .owns = code_owns,
};

/* ---- integer ---- */

/* Tokens fit into 53 bits, so every JSON reader sees them exactly (RFC 8259 section 6). */
static bool integer_places(const struct format_spec *spec, const struct format_shape *shape,
                           struct format_places *ret)
{
    uint64_t size = spec->high - spec->low + 1;

    if (!vault__format_is_one_shape(shape))
        return false;
    if (size <= FORMAT_NUMBERS_MAX) {
        vault__format_places_add(ret, 1, size);
    } else {
        vault__format_places_add(ret, 1, FORMAT_NUMBERS_MAX);
        vault__format_places_add(ret, 1, size / FORMAT_NUMBERS_MAX);
    }
    return true;
}

static enum err integer_shape(const struct format_spec *spec, enum value_kind kind,
                              struct span value, struct format_shape *ret)
{
    size_t sign = value.len > 0 && value.at[0] == '-';

    (void)spec, (void)kind;
    if (value.len == sign || (value.at[sign] == '0' && value.len > 1))
        return ERR_UNPROCESSABLE;
    for (size_t i = sign; i < value.len; i++) {
        if (!format_is_digit(value.at[i]))
            return ERR_UNPROCESSABLE;
    }
    vault__format_one_shape(ret);
    return ERR_OK;
}

/* Whether the text is a number of the range, as it would be written. */
static bool in_range(const struct format_spec *spec, struct span text, uint64_t *ret)
{
    enum { DIGITS_MAX = 16 }; /* of 2^53 */
    uint64_t n = 0;

    if (text.len == 0 || text.len > DIGITS_MAX || (text.at[0] == '0' && text.len > 1))
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (!format_is_digit(text.at[i]))
            return false;
        n = n * 10 + (uint64_t)(text.at[i] - '0');
    }
    *ret = n;
    return n >= spec->low && n <= spec->high;
}

static void integer_write(const struct format_spec *spec, const struct format_places *places,
                          struct span value, struct token_text *ret)
{
    uint64_t n = places->digit[0];
    char digits[20];
    size_t len = sizeof(digits);

    (void)value;
    if (places->count == 2)
        n = n * places->radix[1] + places->digit[1];
    n += spec->low;
    do {
        digits[--len] = (char)('0' + n % 10);
        n /= 10;
    } while (n > 0);
    while (len < sizeof(digits))
        format_put(ret, digits[len++]);
}

static bool integer_read(const struct format_spec *spec, struct span token,
                         struct format_shape *ret_shape, struct format_places *ret)
{
    uint64_t n;

    if (!in_range(spec, token, &n))
        return false;
    vault__format_one_shape(ret_shape);
    (void)integer_places(spec, ret_shape, ret);
    n -= spec->low;
    if (ret->count == 2) {
        ret->digit[1] = n % ret->radix[1];
        n /= ret->radix[1];
    }
    ret->digit[0] = n;
    return true;
}

static bool integer_owns(const struct format_spec *spec, struct span value)
{
    uint64_t n;

    return in_range(spec, value, &n);
}

const struct format_kind vault__format_integer = {
    .name = "integer",
    .shape = integer_shape,
    .places = integer_places,
    .write = integer_write,
    .read = integer_read,
    .owns = integer_owns,
};
