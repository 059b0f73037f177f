/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens written as text and read back.
 * Runs on: any thread; never blocks. Holds: constant tables. Invariant: a token has one spelling
 * (but for the case of an e-mail token), and token_read(token_write(x)) is x. Not here: whether a
 * token stands for anything. */
#include "vault/token.h"

#include <endian.h>
#include <string.h>
#include <zlib.h>

#include "base/assert.h"
#include "vault/crypto_priv.h"
#include "vault/file_priv.h"

/* The 128 bits, as two big-endian numbers:
 *   high: salt bytes 0..7      low: salt bytes 8..9 | row XOR mask, 48 bits
 *   mask = low 48 bits of SipHash-2-4(locator key, salt | u16 class, little-endian)
 * Base 62 spells each half in 11 digits, base 32 all of it in 26 (the first is below 8). A half of
 * 2^64 or more is refused: there is one spelling only. */
struct bits {
    uint64_t high, low;
};

enum {
    PREFIX_LEN = 3,
    CHECK_LEN = 4,
    OPAQUE_CLASS_LEN = 3,
    HALF62_LEN = 11,
    EMAIL_CLASS_LEN = 4,
    HOST_NAME_MAX_LEN = 253
};

static const uint64_t ROW_MAX = (UINT64_C(1) << 48) - 1;
static const uint32_t OPAQUE_CHECKS = 62u * 62u * 62u * 62u;
static const uint32_t EMAIL_CHECKS = 32u * 32u * 32u * 32u;
static const uint32_t POWER_5 = 62u * 62u * 62u * 62u * 62u;

static const char BASE62[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
static const char BASE32[] = "0123456789abcdefghjkmnpqrstvwxyz"; /* Crockford: no i, l, o, u */

static uint64_t mask(const uint8_t *key, const uint8_t salt[TOKEN_SALT_BYTES], uint16_t class_id)
{
    uint8_t head[TOKEN_SALT_BYTES + 2];

    memcpy(head, salt, TOKEN_SALT_BYTES);
    put_le(head + TOKEN_SALT_BYTES, class_id, 2);
    return vault__short_hash(key, head, sizeof(head)) & ROW_MAX;
}

static struct bits pack(const uint8_t salt[TOKEN_SALT_BYTES], uint64_t masked_row)
{
    uint64_t high;

    memcpy(&high, salt, 8);
    return (struct bits){be64toh(high),
                         (uint64_t)salt[8] << 56 | (uint64_t)salt[9] << 48 | masked_row};
}

static void unpack_salt(struct bits b, uint8_t salt[TOKEN_SALT_BYTES])
{
    uint64_t high = htobe64(b.high);

    memcpy(salt, &high, 8);
    salt[8] = (uint8_t)(b.low >> 56);
    salt[9] = (uint8_t)(b.low >> 48);
}

/* A digit's value plus one; 0 is no digit. */
/* clang-format off */
static const uint8_t DIGIT62[256] = {
    ['0'] = 1, ['1'] = 2, ['2'] = 3, ['3'] = 4, ['4'] = 5, ['5'] = 6, ['6'] = 7, ['7'] = 8,
    ['8'] = 9, ['9'] = 10, ['A'] = 11, ['B'] = 12, ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16,
    ['G'] = 17, ['H'] = 18, ['I'] = 19, ['J'] = 20, ['K'] = 21, ['L'] = 22, ['M'] = 23, ['N'] = 24,
    ['O'] = 25, ['P'] = 26, ['Q'] = 27, ['R'] = 28, ['S'] = 29, ['T'] = 30, ['U'] = 31, ['V'] = 32,
    ['W'] = 33, ['X'] = 34, ['Y'] = 35, ['Z'] = 36, ['a'] = 37, ['b'] = 38, ['c'] = 39, ['d'] = 40,
    ['e'] = 41, ['f'] = 42, ['g'] = 43, ['h'] = 44, ['i'] = 45, ['j'] = 46, ['k'] = 47, ['l'] = 48,
    ['m'] = 49, ['n'] = 50, ['o'] = 51, ['p'] = 52, ['q'] = 53, ['r'] = 54, ['s'] = 55, ['t'] = 56,
    ['u'] = 57, ['v'] = 58, ['w'] = 59, ['x'] = 60, ['y'] = 61, ['z'] = 62,
};
/* Either case: mail systems fold it. */
static const uint8_t DIGIT32[256] = {
    ['0'] = 1, ['1'] = 2, ['2'] = 3, ['3'] = 4, ['4'] = 5, ['5'] = 6, ['6'] = 7, ['7'] = 8,
    ['8'] = 9, ['9'] = 10, ['A'] = 11, ['B'] = 12, ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16,
    ['G'] = 17, ['H'] = 18, ['J'] = 19, ['K'] = 20, ['M'] = 21, ['N'] = 22, ['P'] = 23, ['Q'] = 24,
    ['R'] = 25, ['S'] = 26, ['T'] = 27, ['V'] = 28, ['W'] = 29, ['X'] = 30, ['Y'] = 31, ['Z'] = 32,
    ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16, ['g'] = 17, ['h'] = 18,
    ['j'] = 19, ['k'] = 20, ['m'] = 21, ['n'] = 22, ['p'] = 23, ['q'] = 24, ['r'] = 25, ['s'] = 26,
    ['t'] = 27, ['v'] = 28, ['w'] = 29, ['x'] = 30, ['y'] = 31, ['z'] = 32,
};
/* clang-format on */

/* `count` digits as a number; a character that is no digit sets *bad. */
static inline uint64_t get_digits(const char *from, size_t count, const uint8_t digits[256],
                                  uint32_t base, uint32_t *bad)
{
    uint64_t n = 0;
    uint32_t wrong = 0; /* of its own: through the pointer it would go to memory at each digit */

#pragma GCC unroll 12 /* the count is a constant wherever this is inlined */
    for (size_t i = 0; i < count; i++) {
        uint32_t digit = (uint32_t)digits[(unsigned char)from[i]] - 1; /* no digit: all ones */

        wrong |= digit;
        n = n * base + digit;
    }
    *bad |= wrong >> 31;
    return n;
}

/* ---- base 62: halves as 1 + 5 + 5 digits, since five of them fit in 32 bits ---- */

static inline void put_digits62(char *to, uint32_t n, size_t count)
{
#pragma GCC unroll 5
    while (count > 0) {
        to[--count] = BASE62[n % 62];
        n /= 62;
    }
}

static void put_half62(char *to, uint64_t n)
{
    uint64_t upper = n / POWER_5;

    to[0] = BASE62[upper / POWER_5];
    put_digits62(to + 1, (uint32_t)(upper % POWER_5), 5);
    put_digits62(to + 6, (uint32_t)(n % POWER_5), 5);
}

static uint64_t get_half62(const char *from, uint32_t *bad)
{
    uint64_t top = get_digits(from, 1, DIGIT62, 62, bad);
    uint64_t middle = get_digits(from + 1, 5, DIGIT62, 62, bad);
    uint64_t bottom = get_digits(from + 6, 5, DIGIT62, 62, bad);
    uint64_t n, upper = top * POWER_5 + middle;

    *bad |= __builtin_mul_overflow(upper, (uint64_t)POWER_5, &n);
    *bad |= __builtin_add_overflow(n, bottom, &n);
    return n;
}

/* ---- base 32: 26 digits of 5 bits; the first has 3 ---- */

static inline void put_digits32(char *to, uint64_t n, size_t count)
{
    while (count > 0) {
        to[--count] = BASE32[n % 32];
        n /= 32;
    }
}

static void put_bits32(char *to, struct bits b)
{
    /* 13 digits are 65 bits: the digit in the middle takes one from each half. */
    put_digits32(to, b.high >> 1, 13);
    put_digits32(to + 13, b.low, 13);
    to[13] = BASE32[(b.high & 1) << 4 | b.low >> 60];
}

static struct bits get_bits32(const char *from, uint32_t *bad)
{
    uint64_t top = get_digits(from, 1, DIGIT32, 32, bad);
    uint64_t high = get_digits(from + 1, 12, DIGIT32, 32, bad);
    uint64_t middle = get_digits(from + 13, 1, DIGIT32, 32, bad);
    uint64_t low = get_digits(from + 14, 12, DIGIT32, 32, bad);

    *bad |= top > 7;
    return (struct bits){top << 61 | high << 1 | (middle >> 4 & 1), middle << 60 | low};
}

/* ---- whole tokens ---- */

/* CRC-32 of what stands before the check characters. */
static uint32_t checksum(const char *text, size_t len)
{
    return (uint32_t)crc32(0, (const Bytef *)text, (uInt)len);
}

static void write_opaque(char *to, uint16_t class_id, struct bits b)
{
    memcpy(to, "lt_", PREFIX_LEN);
    put_digits62(to + PREFIX_LEN, class_id, OPAQUE_CLASS_LEN);
    put_half62(to + PREFIX_LEN + OPAQUE_CLASS_LEN, b.high);
    put_half62(to + PREFIX_LEN + OPAQUE_CLASS_LEN + HALF62_LEN, b.low);
    put_digits62(to + TOKEN_OPAQUE_LEN - CHECK_LEN,
                 checksum(to, TOKEN_OPAQUE_LEN - CHECK_LEN) % OPAQUE_CHECKS, CHECK_LEN);
}

static void write_email_local(char *to, uint16_t class_id, struct bits b)
{
    memcpy(to, "lt-", PREFIX_LEN);
    put_digits32(to + PREFIX_LEN, class_id, EMAIL_CLASS_LEN);
    put_bits32(to + PREFIX_LEN + EMAIL_CLASS_LEN, b);
    put_digits32(to + TOKEN_EMAIL_LOCAL_LEN - CHECK_LEN,
                 checksum(to, TOKEN_EMAIL_LOCAL_LEN - CHECK_LEN) % EMAIL_CHECKS, CHECK_LEN);
}

void token_write(const struct token_ref *ref, enum token_format format, const char *email_domain,
                 const uint8_t locator_key[TOKEN_LOCATOR_KEY_BYTES], struct token_text *ret)
{
    struct bits b;
    size_t domain_len;

    REQUIRE(ref->row <= ROW_MAX);
    b = pack(ref->salt, ref->row ^ mask(locator_key, ref->salt, ref->class_id));
    if (format == TOKEN_OPAQUE) {
        write_opaque(ret->bytes, ref->class_id, b);
        ret->len = TOKEN_OPAQUE_LEN;
        return;
    }
    domain_len = strlen(email_domain);
    REQUIRE(domain_len <= HOST_NAME_MAX_LEN);
    write_email_local(ret->bytes, ref->class_id, b);
    ret->bytes[TOKEN_EMAIL_LOCAL_LEN] = '@';
    memcpy(ret->bytes + TOKEN_EMAIL_LOCAL_LEN + 1, email_domain, domain_len);
    ret->len = (uint16_t)(TOKEN_EMAIL_LOCAL_LEN + 1 + domain_len);
}

/* Text is taken apart into these; *bad is set when it is no token. */
static struct bits parse_opaque(const char *text, uint64_t *ret_class, uint32_t *bad)
{
    const char *check = text + TOKEN_OPAQUE_LEN - CHECK_LEN;
    struct bits b;

    *ret_class = get_digits(text + PREFIX_LEN, OPAQUE_CLASS_LEN, DIGIT62, 62, bad);
    b.high = get_half62(text + PREFIX_LEN + OPAQUE_CLASS_LEN, bad);
    b.low = get_half62(text + PREFIX_LEN + OPAQUE_CLASS_LEN + HALF62_LEN, bad);
    *bad |= get_digits(check, CHECK_LEN, DIGIT62, 62, bad) !=
            checksum(text, TOKEN_OPAQUE_LEN - CHECK_LEN) % OPAQUE_CHECKS;
    return b;
}

static struct bits parse_email_local(const char *text, uint64_t *ret_class, uint32_t *bad)
{
    char folded[TOKEN_EMAIL_LOCAL_LEN]; /* the check characters are of the lower-case spelling */
    struct bits b;

    for (size_t i = 0; i < TOKEN_EMAIL_LOCAL_LEN; i++)
        folded[i] = (char)(text[i] | ((unsigned)text[i] - 'A' < 26) << 5);
    *ret_class = get_digits(folded + PREFIX_LEN, EMAIL_CLASS_LEN, DIGIT32, 32, bad);
    b = get_bits32(folded + PREFIX_LEN + EMAIL_CLASS_LEN, bad);
    *bad |= get_digits(folded + TOKEN_EMAIL_LOCAL_LEN - CHECK_LEN, CHECK_LEN, DIGIT32, 32, bad) !=
            checksum(folded, TOKEN_EMAIL_LOCAL_LEN - CHECK_LEN) % EMAIL_CHECKS;
    return b;
}

/* Only characters of host names: text after the domain (", bob@example.com") is no part of a token,
 * and taking it for one would let it pass as already tokenized. */
static bool is_host_name(const char *text, size_t len)
{
    if (len == 0 || len > HOST_NAME_MAX_LEN)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (DIGIT62[(unsigned char)text[i]] == 0 && text[i] != '.' && text[i] != '-')
            return false;
    }
    return true;
}

static bool parse(struct span text, struct bits *ret, uint64_t *ret_class)
{
    uint32_t bad = 0;

    if (text.len == TOKEN_OPAQUE_LEN && memcmp(text.at, "lt_", PREFIX_LEN) == 0) {
        *ret = parse_opaque(text.at, ret_class, &bad);
    } else if (text.len > TOKEN_EMAIL_LOCAL_LEN + 1 && text.at[TOKEN_EMAIL_LOCAL_LEN] == '@' &&
               span_equal_nocase(span_of(text.at, PREFIX_LEN), SPAN_LIT("lt-")) &&
               is_host_name(text.at + TOKEN_EMAIL_LOCAL_LEN + 1,
                            text.len - TOKEN_EMAIL_LOCAL_LEN - 1)) {
        *ret = parse_email_local(text.at, ret_class, &bad);
    } else {
        return false;
    }
    return bad == 0 && *ret_class <= UINT16_MAX;
}

enum err token_read(struct span text, const uint8_t locator_key[TOKEN_LOCATOR_KEY_BYTES],
                    struct token_ref *ret)
{
    struct bits b;
    uint64_t class_id;

    if (!parse(text, &b, &class_id))
        return ERR_NOT_FOUND;
    ret->class_id = (uint16_t)class_id;
    unpack_salt(b, ret->salt);
    ret->row = (b.low & ROW_MAX) ^ mask(locator_key, ret->salt, ret->class_id);
    return ERR_OK;
}

bool token_is(struct span text)
{
    struct bits b;
    uint64_t class_id;

    return parse(text, &b, &class_id);
}
