/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens in text from anywhere: the same are found however the text is cut, and `O` and `E` in the input
 * stand for real ones, so that the fuzzer gets past their check characters. First byte: the size of
 * pieces. */
#include <string.h>

#include "base/assert.h"
#include "base/buf.h"
#include "base/secret.h"
#include "proxy/token_scan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TEXT_MAX = 1 << 20 };

static const struct span domains[] = {{"a.b", 3}, {"a.b.c", 5}};
static const struct token_scan scan = {domains, 2};

static void expand(struct span pattern, struct buf *out)
{
    static const uint8_t key[TOKEN_LOCATOR_KEY_BYTES] = {1};
    static const struct token_ref ref = {.class_id = 2, .row = 3, .salt = {4}};
    struct token_text opaque, email;

    token_write(&ref, TOKEN_OPAQUE, NULL, key, &opaque);
    token_write(&ref, TOKEN_EMAIL, "x", key, &email);
    for (size_t i = 0; i < pattern.len; i++) {
        enum err e;

        if (pattern.at[i] == 'O')
            e = buf_append(out, opaque.bytes, opaque.len);
        else if (pattern.at[i] == 'E')
            e = buf_append(out, email.bytes, TOKEN_EMAIL_LOCAL_LEN);
        else
            e = buf_append_byte(out, (uint8_t)pattern.at[i]);
        REQUIRE(e == ERR_OK);
    }
}

/* The ends of all tokens, from pieces of this size. */
static void find(struct span text, size_t size, struct buf *out)
{
    size_t passed = 0, end = 0;

    do {
        struct token_place place;
        struct span piece;
        size_t at = 0;

        end = text.len - end < size ? text.len : end + size;
        piece = span_of(text.at + passed, end - passed);
        while (token_scan_next(&scan, piece, end == text.len, &at, &place)) {
            const size_t ends[] = {passed + place.start, passed + place.end};

            REQUIRE(token_is(span_of(piece.at + place.start, place.end - place.start)));
            REQUIRE(buf_append(out, ends, sizeof(ends)) == ERR_OK);
        }
        REQUIRE(at <= piece.len && piece.len - at <= TOKEN_SCAN_KEPT_MAX);
        passed += at;
    } while (end < text.len);
    REQUIRE(passed == text.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(buf_done) struct buf text = {.max = TEXT_MAX};
    AUTO(buf_done) struct buf whole = {.max = 16 * TEXT_MAX}, pieces = {.max = 16 * TEXT_MAX};

    secret_start();
    if (size < 2 || size > TEXT_MAX / TOKEN_EMAIL_LOCAL_LEN)
        return 0;
    expand(span_of(data + 1, size - 1), &text);
    find(buf_span(&text), text.len, &whole);
    find(buf_span(&text), data[0] % 64 + 1, &pieces);
    REQUIRE(span_equal(buf_span(&whole), buf_span(&pieces)));
    return 0;
}
