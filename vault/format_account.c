/* SPDX-License-Identifier: Apache-2.0 */
/* Card numbers that no issuer can issue, and account numbers of no country.
 * Runs on: any thread. Holds: constants. Invariant: a card token fails the Luhn check, an account token
 * passes its own. Not here: whether a value's check digits are right; people mistype. */
#include "base/assert.h"
#include "vault/format_priv.h"

static const char SEPARATORS[] = " -";

/* ---- pan ---- */

/* ISO/IEC 7812-1: a number that begins with 9 is followed by the issuing country's ISO 3166-1 numeric code, and 900
 * to 999 of those are for users' own purposes, no country's: nobody issues numbers in 99. Besides, no token passes the Luhn
 * check that every card number passes. */
static const char PAN_PREFIX[] = "99";

enum { PAN_PREFIX_LEN = 2, PAN_MIN = 13, PAN_MAX = 19, KEEP_MAX = 4 };

/* What a digit adds to the Luhn sum (ISO/IEC 7812-1 annex B), `from_end` 0 for the last. */
static unsigned luhn_part(unsigned digit, size_t from_end)
{
    if (from_end % 2 == 0)
        return digit;
    return digit < 5 ? 2 * digit : 2 * digit - 9;
}

/* The one digit that would make the number pass if it stood at `at`. */
static unsigned luhn_digit(const char *digits, size_t len, size_t at)
{
    unsigned sum = 0, digit;

    for (size_t i = 0; i < len; i++) {
        if (i != at)
            sum += luhn_part((unsigned)(digits[i] - '0'), len - 1 - i);
    }
    /* Doubling permutes the ten digits, so exactly one fits. */
    for (digit = 0; digit < 9; digit++) {
        if ((sum + luhn_part(digit, len - 1 - at)) % 10 == 0)
            break;
    }
    return digit;
}

/* Its digits without separators; 0 when it is no card number by shape. */
static size_t pan_digits(struct span text, char digits[PAN_MAX])
{
    size_t len = vault__format_squeeze(text, SEPARATORS, digits, PAN_MAX);

    for (size_t i = 0; i < len; i++) {
        if (!format_is_digit(digits[i]))
            return 0;
    }
    return len >= PAN_MIN ? len : 0;
}

static enum err pan_shape(const struct format_spec *spec, enum value_kind kind, struct span value,
                          struct format_shape *ret)
{
    char digits[PAN_MAX];
    size_t len = pan_digits(value, digits);

    (void)spec, (void)kind;
    if (len == 0)
        return ERR_UNPROCESSABLE;
    vault__format_count_shape(len, ret);
    return ERR_OK;
}

/* Free digits, then the one that spoils the Luhn check: it has nine values. Kept digits come last. */
static bool pan_places(const struct format_spec *spec, const struct format_shape *shape,
                       struct format_places *ret)
{
    size_t len = vault__format_shape_count(shape, PAN_MIN, PAN_MAX);

    if (len == 0)
        return false;
    vault__format_places_add(ret, len - PAN_PREFIX_LEN - 1 - spec->keep_last, 10);
    vault__format_places_add(ret, 1, 9);
    return true;
}

static void pan_write(const struct format_spec *spec, const struct format_places *places,
                      struct span value, struct token_text *ret)
{
    char digits[PAN_MAX];
    size_t at = places->count - 1, len;
    unsigned forbidden;

    format_put_text(ret, PAN_PREFIX);
    for (size_t i = 0; i < at; i++)
        format_put_digit(ret, places->digit[i]);
    at = ret->len;
    format_put(ret, '0');
    if (spec->keep_last > 0) {
        len = pan_digits(value, digits);
        REQUIRE(len > spec->keep_last);
        for (size_t i = len - spec->keep_last; i < len; i++)
            format_put(ret, digits[i]);
    }
    forbidden = luhn_digit(ret->bytes, ret->len, at);
    ret->bytes[at] = (char)('0' + places->digit[places->count - 1]);
    if (places->digit[places->count - 1] >= forbidden)
        ret->bytes[at]++;
}

static bool pan_read(const struct format_spec *spec, struct span token,
                     struct format_shape *ret_shape, struct format_places *ret)
{
    char digits[PAN_MAX];
    size_t len = pan_digits(token, digits), at = len - 1 - spec->keep_last;
    unsigned forbidden, found;

    if (len == 0 || memcmp(digits, PAN_PREFIX, PAN_PREFIX_LEN) != 0)
        return false;
    forbidden = luhn_digit(digits, len, at);
    found = (unsigned)(digits[at] - '0');
    if (found == forbidden)
        return false;
    for (size_t i = PAN_PREFIX_LEN; i < at; i++)
        ret->digit[ret->count++] = (uint64_t)(digits[i] - '0');
    ret->digit[ret->count++] = found > forbidden ? found - 1 : found;
    vault__format_count_shape(len, ret_shape);
    return true;
}

static bool pan_owns(const struct format_spec *spec, struct span value)
{
    char digits[PAN_MAX];

    (void)spec;
    return pan_digits(value, digits) > 0 && memcmp(digits, PAN_PREFIX, PAN_PREFIX_LEN) == 0;
}

const struct format_kind vault__format_pan = {
    .name = "pan",
    .shape = pan_shape,
    .places = pan_places,
    .write = pan_write,
    .read = pan_read,
    .owns = pan_owns,
};

/* ---- iban ---- */

/* ISO 3166-1 leaves ZZ to users: it will never be a country, so no bank can issue an IBAN (ISO 13616) under it. Of the
 * codes left to users XK is taken by Kosovo's banks, and some X. and Q. codes by other registries. */
static const char IBAN_COUNTRY[] = "ZZ";

enum {
    IBAN_HEAD = 4, /* country and check digits */
    IBAN_MIN = 15, /* Norway's, the shortest in use */
    IBAN_MAX = 34  /* ISO 13616 */
};

/* The whole without separators, in upper case; 0 when it is no IBAN by shape. */
static size_t iban_text(struct span text, char iban[IBAN_MAX])
{
    size_t len = vault__format_squeeze(text, SEPARATORS, iban, IBAN_MAX);

    if (len < IBAN_MIN || !format_is_upper(iban[0]) || !format_is_upper(iban[1]) ||
        !format_is_digit(iban[2]) || !format_is_digit(iban[3]))
        return 0;
    for (size_t i = IBAN_HEAD; i < len; i++) {
        if (!format_is_upper(iban[i]) && !format_is_digit(iban[i]))
            return 0;
    }
    return len;
}

/* The check digits of country ZZ and these digits (ISO 7064, MOD 97-10): 98 less the remainder of the digits
 * followed by the country, each letter as two digits (Z is 35), and 00. */
static unsigned iban_check(const char *digits, size_t count)
{
    unsigned rest = 0;

    for (size_t i = 0; i < count; i++)
        rest = (rest * 10 + (unsigned)(digits[i] - '0')) % 97;
    rest = (rest * 100 + 35) % 97;
    rest = (rest * 100 + 35) % 97;
    return 98 - rest * 100 % 97;
}

static enum err iban_shape(const struct format_spec *spec, enum value_kind kind, struct span value,
                           struct format_shape *ret)
{
    char iban[IBAN_MAX];
    size_t len = iban_text(value, iban);

    (void)spec, (void)kind;
    if (len == 0)
        return ERR_UNPROCESSABLE;
    vault__format_count_shape(len, ret);
    return ERR_OK;
}

static bool iban_places(const struct format_spec *spec, const struct format_shape *shape,
                        struct format_places *ret)
{
    size_t len = vault__format_shape_count(shape, IBAN_MIN, IBAN_MAX);

    (void)spec;
    if (len == 0)
        return false;
    vault__format_places_add(ret, len - IBAN_HEAD, 10);
    return true;
}

static void iban_write(const struct format_spec *spec, const struct format_places *places,
                       struct span value, struct token_text *ret)
{
    unsigned check;

    (void)spec, (void)value;
    format_put_text(ret, IBAN_COUNTRY);
    format_put_text(ret, "00");
    for (size_t i = 0; i < places->count; i++)
        format_put_digit(ret, places->digit[i]);
    check = iban_check(ret->bytes + IBAN_HEAD, places->count);
    ret->bytes[2] = (char)('0' + check / 10);
    ret->bytes[3] = (char)('0' + check % 10);
}

static bool iban_read(const struct format_spec *spec, struct span token,
                      struct format_shape *ret_shape, struct format_places *ret)
{
    char iban[IBAN_MAX];
    size_t len = iban_text(token, iban);

    (void)spec;
    if (len == 0 || memcmp(iban, IBAN_COUNTRY, 2) != 0)
        return false;
    for (size_t i = IBAN_HEAD; i < len; i++) {
        if (!format_is_digit(iban[i]))
            return false;
        ret->digit[ret->count++] = (uint64_t)(iban[i] - '0');
    }
    vault__format_count_shape(len, ret_shape);
    return iban_check(iban + IBAN_HEAD, ret->count) ==
           (unsigned)((iban[2] - '0') * 10 + (iban[3] - '0'));
}

static bool iban_owns(const struct format_spec *spec, struct span value)
{
    char iban[IBAN_MAX];

    (void)spec;
    return iban_text(value, iban) > 0 && memcmp(iban, IBAN_COUNTRY, 2) == 0;
}

const struct format_kind vault__format_iban = {
    .name = "iban",
    .shape = iban_shape,
    .places = iban_places,
    .write = iban_write,
    .read = iban_read,
    .owns = iban_owns,
};
