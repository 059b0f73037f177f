/* SPDX-License-Identifier: Apache-2.0 */
/* What providers need of libsodium: base64, and a key out of a passphrase. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/span.h"
#include "vault/rootkey.h"

/* RFC 4648 4 with padding. The text of `len` bytes is KEYS_BASE64_LEN(len) characters. */
#define KEYS_BASE64_LEN(len) (((len) + 2) / 3 * 4)

/* Write the text, without a NUL. `text` has room for KEYS_BASE64_LEN(len) and one more. */
void keys__base64_write(const uint8_t *bytes, size_t len, char *text);
/* Read a text that is nothing but base64 in its only spelling (padded; unused bits zero). False when
 * it is not, or would fill more than `max` bytes. */
bool keys__base64_read(struct span text, uint8_t *bytes, size_t max, size_t *ret_len) MUST_CHECK;

enum { KEYS_SALT_BYTES = 16, KEYS_NONCE_BYTES = 24, KEYS_TAG_BYTES = 16 };

/* Argon2id version 1.3 (RFC 9106), parallelism 1, as libsodium's crypto_pwhash. */
struct keys_argon2 {
    uint32_t passes;
    uint32_t memory_kib;
    uint8_t salt[KEYS_SALT_BYTES];
};

/* A key of ROOT_KEY_BYTES out of a passphrase. Blocks for a second or so and takes the memory it
 * says; NO_SPACE when there is not so much. */
enum err keys__argon2(const struct keys_argon2 *parameters, struct span passphrase, uint8_t *key)
    MUST_CHECK;

/* XChaCha20-Poly1305 of one root key: `sealed` gets ROOT_KEY_BYTES + KEYS_TAG_BYTES. */
void keys__seal(const uint8_t *key, const uint8_t nonce[KEYS_NONCE_BYTES], struct span associated,
                const uint8_t root[ROOT_KEY_BYTES], uint8_t *sealed);
/* False when it does not open. */
bool keys__open(const uint8_t *key, const uint8_t nonce[KEYS_NONCE_BYTES], struct span associated,
                const uint8_t *sealed, uint8_t root[ROOT_KEY_BYTES]) MUST_CHECK;
