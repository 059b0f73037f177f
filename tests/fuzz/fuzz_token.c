/* SPDX-License-Identifier: Apache-2.0 */
/* Token text from anywhere: what is read as a token has one spelling, and random check characters
 * do not stop the fuzzer from reaching what lies behind them (they are also computed here). */
#include <string.h>

#include <zlib.h>

#include "base/assert.h"
#include "base/secret.h"
#include "vault/token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t locator[TOKEN_LOCATOR_KEY_BYTES] = {7};
static const char BASE62[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
static const char BASE32[] = "0123456789abcdefghjkmnpqrstvwxyz";

static void write_again(struct span text, const struct token_ref *ref)
{
    bool opaque = text.len == TOKEN_OPAQUE_LEN && text.at[2] == '_';
    char domain[TOKEN_TEXT_MAX] = "";
    struct token_text again;

    if (!opaque)
        memcpy(domain, text.at + TOKEN_EMAIL_LOCAL_LEN + 1, text.len - TOKEN_EMAIL_LOCAL_LEN - 1);
    token_write(ref, opaque ? TOKEN_OPAQUE : TOKEN_EMAIL, domain, locator, &again);
    if (opaque)
        REQUIRE(span_equal(text, span_of(again.bytes, again.len)));
    else
        REQUIRE(span_equal_nocase(text, span_of(again.bytes, again.len)));
}

static void try_text(struct span text)
{
    struct token_ref ref;
    enum err e = token_read(text, locator, &ref);

    REQUIRE(e == ERR_OK || e == ERR_NOT_FOUND);
    REQUIRE(token_is(text) == (e == ERR_OK));
    if (e == ERR_OK)
        write_again(text, &ref);
}

/* The same text with the check characters that it should have. */
static void try_with_check(struct span text, size_t at, const char *digits, uint32_t base)
{
    char fixed[TOKEN_TEXT_MAX];
    uint32_t crc;

    if (text.len < at + 4 || text.len > sizeof(fixed))
        return;
    memcpy(fixed, text.at, text.len);
    crc = (uint32_t)crc32(0, (const Bytef *)fixed, (uInt)at) % (base * base * base * base);
    for (size_t i = 4; i > 0; i--, crc /= base)
        fixed[at + i - 1] = digits[crc % base];
    try_text(span_of(fixed, text.len));
}

static void try_row(const uint8_t *data, size_t size)
{
    struct token_ref ref = {0}, read;
    struct token_text text;

    if (size < 2 + 6 + TOKEN_SALT_BYTES)
        return;
    memcpy(&ref.class_id, data, 2);
    memcpy(&ref.row, data + 2, 6);
    memcpy(ref.salt, data + 8, TOKEN_SALT_BYTES);
    for (enum token_format format = TOKEN_OPAQUE; format <= TOKEN_EMAIL; format++) {
        token_write(&ref, format, "tok.invalid", locator, &text);
        REQUIRE(token_read(span_of(text.bytes, text.len), locator, &read) == ERR_OK);
        REQUIRE(read.class_id == ref.class_id && read.row == ref.row);
        REQUIRE(memcmp(read.salt, ref.salt, TOKEN_SALT_BYTES) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span text = span_of(data, size);

    secret_start();
    try_text(text);
    try_with_check(text, TOKEN_OPAQUE_LEN - 4, BASE62, 62);
    try_with_check(text, TOKEN_EMAIL_LOCAL_LEN - 4, BASE32, 32);
    try_row(data, size);
    return 0;
}
