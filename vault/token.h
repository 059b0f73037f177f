/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens as text: what a token looks like and how it is read back. No storage here.
 *
 *   opaque  lt_ CCC RRRRRRRRRRRRRRRRRRRRRR KKKK      32 characters of [0-9A-Za-z_]
 *           class (3 base62), 128 bits (22 base62), check (4 base62 of CRC-32 of what stands before)
 *   email   lt-CCCCRRRRRRRRRRRRRRRRRRRRRRRRRRKKKK@DOMAIN
 *           the same in lower-case Crockford base32 (4, 26 and 4 characters), since mail systems fold
 *           case; 37 characters of local part
 *
 * The 128 bits hide the row: 80 random bits (the salt), and the 48-bit row number masked with a keyed
 * hash (SipHash-2-4 under the locator key) of salt and class. The row keeps the salt; the vault
 * compares it in constant time. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/span.h"
#include "vault/classes.h"

enum {
    TOKEN_SALT_BYTES = 10,
    TOKEN_LOCATOR_KEY_BYTES = 16,
    TOKEN_OPAQUE_LEN = 32,
    TOKEN_EMAIL_LOCAL_LEN = 37,
    TOKEN_TEXT_MAX = 37 + 1 + 253
};

/* What a token says, after unmasking. */
struct token_ref {
    uint16_t class_id;
    uint64_t row; /* 48 bits */
    uint8_t salt[TOKEN_SALT_BYTES];
};

struct token_text {
    char bytes[TOKEN_TEXT_MAX];
    uint16_t len;
};

/* Write a token; email_domain is used by TOKEN_EMAIL only. */
void token_write(const struct token_ref *ref, enum token_format format, const char *email_domain,
                 const uint8_t locator_key[TOKEN_LOCATOR_KEY_BYTES], struct token_text *ret);
/* Read text that must be a token and nothing else. An email token's domain is not looked at here (the
 * check characters decide). NOT_FOUND when it has not the form or the check fails. Constant-shape. */
enum err token_read(struct span text, const uint8_t locator_key[TOKEN_LOCATOR_KEY_BYTES],
                    struct token_ref *ret) MUST_CHECK;
/* Form and check only, no key: tells tokens from real values. */
bool token_is(struct span text);
