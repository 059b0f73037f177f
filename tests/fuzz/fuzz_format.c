/* SPDX-License-Identifier: Apache-2.0 */
/* Typed tokens and values from anywhere. The first byte chooses a format with its options, the next eight
 * are a number, the rest is text: as a token (what is read is written again and reads as the same), and
 * as a value (what has a shape has a token, which is read as its number). */
#include <string.h>

#include "base/assert.h"
#include "base/mem.h"
#include "base/secret.h"
#include "vault/format.h"
#include "vault/token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t key[FORMAT_KEY_BYTES] = {7, [31] = 8};

static const struct {
    enum token_format format;
    struct format_options options;
} specs[] = {
    {TOKEN_PHONE, {NULL, NULL, -1}},
    {TOKEN_PHONE, {"us", NULL, -1}},
    {TOKEN_PHONE, {"gb", NULL, -1}},
    {TOKEN_PHONE, {"de", NULL, -1}},
    {TOKEN_PAN, {NULL, NULL, -1}},
    {TOKEN_PAN, {NULL, NULL, 4}},
    {TOKEN_IBAN, {NULL, NULL, -1}},
    {TOKEN_UUID, {NULL, NULL, -1}},
    {TOKEN_DATE, {NULL, NULL, -1}},
    {TOKEN_DIGITS, {NULL, NULL, -1}},
    {TOKEN_DIGITS, {NULL, "77", -1}},
    {TOKEN_ALNUM, {NULL, NULL, -1}},
    {TOKEN_ALNUM, {NULL, "X9", -1}},
    {TOKEN_IPV4, {NULL, NULL, -1}},
    {TOKEN_IPV4, {"documentation", NULL, -1}},
    {TOKEN_IPV6, {NULL, NULL, -1}},
    {TOKEN_NAME, {NULL, NULL, -1}},
    {TOKEN_INTEGER, {NULL, NULL, -1}},
    {TOKEN_INTEGER, {"0-999", NULL, -1}},
};

static void must_read(const struct format_spec *spec, struct span text,
                      const struct format_shape *shape, uint64_t n)
{
    struct format_shape read_shape;
    uint64_t read_n;

    REQUIRE(format_read(spec, key, text, &read_shape, &read_n) == ERR_OK);
    REQUIRE(strcmp(read_shape.text, shape->text) == 0 && read_n == n);
    REQUIRE(format_owns(spec, key, text));
}

static void try_token(const struct format_spec *spec, struct span text)
{
    struct format_shape shape;
    struct token_text again;
    uint64_t n;
    enum err e = format_read(spec, key, text, &shape, &n);

    REQUIRE(e == ERR_OK || e == ERR_NOT_FOUND);
    if (e != ERR_OK)
        return;
    REQUIRE(n < format_capacity(spec, &shape));
    must_read(spec, text, &shape, n);
    format_write(spec, &shape, key, n, text, &again);
    must_read(spec, span_of(again.bytes, again.len), &shape, n);
}

static void try_value(const struct format_spec *spec, enum value_kind kind, struct span text,
                      uint64_t n)
{
    struct format_shape shape;
    struct token_text token;
    enum err e = format_shape(spec, kind, text, &shape);
    uint64_t capacity;

    REQUIRE(e == ERR_OK || e == ERR_UNPROCESSABLE);
    if (e != ERR_OK)
        return;
    capacity = format_capacity(spec, &shape);
    REQUIRE(capacity > 0 && capacity <= FORMAT_NUMBERS_MAX);
    format_write(spec, &shape, key, n % capacity, text, &token);
    REQUIRE(token.len > 0 && token.len <= TOKEN_TEXT_MAX);
    must_read(spec, span_of(token.bytes, token.len), &shape, n % capacity);
    /* A token is never the value of anybody: not even of who gave this one, unless it is refused. */
    REQUIRE(!span_equal(text, span_of(token.bytes, token.len)) || format_owns(spec, key, text));
}

static void try_shape(const struct format_spec *spec, struct span text)
{
    struct format_shape shape;
    size_t len = text.len < sizeof(shape.text) ? text.len : sizeof(shape.text);

    memset(&shape, 0, sizeof(shape));
    memcpy(shape.text, text.at, len);
    REQUIRE(format_capacity(spec, &shape) <= FORMAT_NUMBERS_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct format_spec spec;
    const char *option;
    struct span text;
    uint64_t n;
    size_t i;

    secret_start();
    if (size < 1 + sizeof(n))
        return 0;
    i = data[0] % COUNT_OF(specs);
    REQUIRE(format_spec_read(specs[i].format, &specs[i].options, &spec, &option, NULL) == ERR_OK);
    memcpy(&n, data + 1, sizeof(n));
    text = span_of(data + 1 + sizeof(n), size - 1 - sizeof(n));
    try_token(&spec, text);
    try_value(&spec, VALUE_STRING, text, n);
    try_value(&spec, VALUE_NUMBER, text, n);
    try_shape(&spec, text);
    return 0;
}
