/* SPDX-License-Identifier: Apache-2.0 */
/* The adapter around libsodium for providers.
 * Runs on: any thread; keys__argon2() blocks. Holds: nothing. Not here: formats. */
#include "keys/crypto_priv.h"

#include <sodium.h>

#include "base/assert.h"

void keys__base64_write(const uint8_t *bytes, size_t len, char *text)
{
    (void)sodium_bin2base64(text, KEYS_BASE64_LEN(len) + 1, bytes, len,
                            sodium_base64_VARIANT_ORIGINAL);
}

bool keys__base64_read(struct span text, uint8_t *bytes, size_t max, size_t *ret_len)
{
    const char *end = NULL;
    size_t len = 0;

    if (text.len == 0 || sodium_base642bin(bytes, max, text.at, text.len, NULL, &len, &end,
                                           sodium_base64_VARIANT_ORIGINAL) != 0)
        return false;
    if (end != text.at + text.len)
        return false;
    *ret_len = len;
    return true;
}

enum err keys__argon2(const struct keys_argon2 *parameters, struct span passphrase, uint8_t *key)
{
    _Static_assert(KEYS_SALT_BYTES == crypto_pwhash_SALTBYTES, "libsodium's salt");

    return crypto_pwhash(key, ROOT_KEY_BYTES, passphrase.at, passphrase.len, parameters->salt,
                         parameters->passes, (size_t)parameters->memory_kib * 1024,
                         crypto_pwhash_ALG_ARGON2ID13) == 0
               ? ERR_OK
               : ERR_NO_SPACE;
}

void keys__seal(const uint8_t *key, const uint8_t nonce[KEYS_NONCE_BYTES], struct span associated,
                const uint8_t root[ROOT_KEY_BYTES], uint8_t *sealed)
{
    _Static_assert(KEYS_NONCE_BYTES == crypto_aead_xchacha20poly1305_ietf_NPUBBYTES, "nonce");
    _Static_assert(KEYS_TAG_BYTES == crypto_aead_xchacha20poly1305_ietf_ABYTES, "tag");

    REQUIRE(crypto_aead_xchacha20poly1305_ietf_encrypt(sealed, NULL, root, ROOT_KEY_BYTES,
                                                       (const unsigned char *)associated.at,
                                                       associated.len, NULL, nonce, key) == 0);
}

bool keys__open(const uint8_t *key, const uint8_t nonce[KEYS_NONCE_BYTES], struct span associated,
                const uint8_t *sealed, uint8_t root[ROOT_KEY_BYTES])
{
    return crypto_aead_xchacha20poly1305_ietf_decrypt(
               root, NULL, NULL, sealed, ROOT_KEY_BYTES + KEYS_TAG_BYTES,
               (const unsigned char *)associated.at, associated.len, nonce, key) == 0;
}
