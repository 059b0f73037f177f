/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include <brotli/encode.h>
#include <zlib.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/secret.h"
#include "proxy/coding.h"

TestSuite(coding, .init = secret_start, .timeout = 60);

enum { ROOM = 8 << 20 };

/* Caller frees. */
static struct span compressed(enum coding coding, struct span text)
{
    uint8_t *out = malloc(ROOM);
    size_t len = ROOM;
    z_stream z = {0};

    cr_assert_not_null(out);
    if (coding == CODING_BR) {
        cr_assert(BrotliEncoderCompress(5, BROTLI_DEFAULT_WINDOW, BROTLI_MODE_TEXT, text.len,
                                        (const uint8_t *)text.at, &len, out));
        return span_of(out, len);
    }
    cr_assert_eq(deflateInit2(&z, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (Bytef *)(uintptr_t)text.at;
    z.avail_in = (uInt)text.len;
    z.next_out = out;
    z.avail_out = ROOM;
    cr_assert_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
    len = ROOM - z.avail_out;
    cr_assert_eq(deflateEnd(&z), Z_OK);
    return span_of(out, len);
}

static const enum coding both[] = {CODING_GZIP, CODING_BR};

/* Not so regular that it looks like a bomb. */
static char *make_text(size_t len)
{
    char *text = malloc(len);
    uint32_t x = 12345;

    cr_assert_not_null(text);
    for (size_t i = 0; i < len; i++) {
        x = x * 1664525 + 1013904223;
        text[i] = (char)('a' + (x >> 24) % 16);
    }
    return text;
}

Test(coding, is_told_by_its_name)
{
    static const struct {
        const char *name;
        enum err wanted;
        enum coding coding;
    } cases[] = {{"identity", ERR_OK, CODING_IDENTITY},
                 {"gzip", ERR_OK, CODING_GZIP},
                 {"GZip", ERR_OK, CODING_GZIP},
                 {"x-gzip", ERR_OK, CODING_GZIP},
                 {"br", ERR_OK, CODING_BR},
                 {"deflate", ERR_UNSUPPORTED, 0},
                 {"gzip, br", ERR_UNSUPPORTED, 0},
                 {"gzip,gzip", ERR_UNSUPPORTED, 0},
                 {"zstd", ERR_UNSUPPORTED, 0},
                 {"", ERR_UNSUPPORTED, 0},
                 {"gzip ", ERR_UNSUPPORTED, 0}};
    enum coding coding;

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        coding = CODING_IDENTITY;
        cr_expect_eq(coding_read(span_str(cases[i].name), &coding), cases[i].wanted, "%s",
                     cases[i].name);
        if (cases[i].wanted == ERR_OK)
            cr_expect_eq(coding, cases[i].coding, "%s", cases[i].name);
    }
    cr_expect_eq(coding_read(SPAN_NONE, &coding), ERR_OK);
    cr_expect_eq(coding, CODING_IDENTITY);
}

Test(coding, gives_back_what_was_coded)
{
    static const size_t sizes[] = {0, 1, 1000, 32768, 1000000};

    for (size_t c = 0; c < COUNT_OF(both); c++)
        for (size_t i = 0; i < COUNT_OF(sizes); i++) {
            char *text = make_text(sizes[i] + 1);
            struct span packed = compressed(both[c], span_of(text, sizes[i]));
            struct buf out;

            buf_init_secret(&out, 2000000);
            cr_assert_eq(coding_undo(both[c], packed, &out), ERR_OK);
            cr_assert(span_equal(buf_span(&out), span_of(text, sizes[i])));
            buf_done(&out);
            free((void *)(uintptr_t)packed.at);
            free(text);
        }
}

Test(coding, may_come_byte_by_byte)
{
    for (size_t c = 0; c < COUNT_OF(both); c++) {
        char *text = make_text(5000);
        struct span packed = compressed(both[c], span_of(text, 5000));
        AUTO(decoder_free) struct decoder *d = decoder_new(both[c]);
        struct buf out;

        buf_init_secret(&out, 5000);
        for (size_t i = 0; i < packed.len; i++) {
            cr_assert_eq(decoder_finish(d), ERR_INVALID, "before the end");
            cr_assert_eq(decoder_feed(d, span_of(packed.at + i, 1), &out), ERR_OK);
        }
        cr_assert_eq(decoder_finish(d), ERR_OK);
        cr_assert(span_equal(buf_span(&out), span_of(text, 5000)));
        cr_assert_eq(decoder_feed(d, SPAN_LIT("x"), &out), ERR_INVALID, "behind the end");
        buf_done(&out);
        free((void *)(uintptr_t)packed.at);
        free(text);
    }
}

Test(coding, refuses_what_is_cut_damaged_or_longer)
{
    for (size_t c = 0; c < COUNT_OF(both); c++) {
        char *text = make_text(5000);
        struct span packed = compressed(both[c], span_of(text, 5000));
        char *longer = malloc(packed.len + 1);
        struct buf out;

        buf_init_secret(&out, 100000);
        cr_assert_eq(coding_undo(both[c], span_of(packed.at, packed.len - 1), &out), ERR_INVALID);
        cr_assert_eq(coding_undo(both[c], SPAN_LIT("{\"email\":\"x\"}"), &out), ERR_INVALID);
        cr_assert_eq(coding_undo(both[c], SPAN_LIT(""), &out), ERR_INVALID);
        memcpy(longer, packed.at, packed.len);
        longer[packed.len] = 'x';
        cr_assert_eq(coding_undo(both[c], span_of(longer, packed.len + 1), &out), ERR_INVALID);
        free(longer);
        buf_done(&out);
        free((void *)(uintptr_t)packed.at);
        free(text);
    }
}

Test(coding, e18_a_bomb_is_noticed_before_it_is_large)
{
    for (size_t c = 0; c < COUNT_OF(both); c++) {
        char *zeroes = mem_alloc(7 << 20);
        struct span packed = compressed(both[c], span_of(zeroes, 7 << 20));
        struct buf out;

        cr_assert_lt(packed.len, 10000);
        buf_init_secret(&out, 64 << 20);
        cr_assert_eq(coding_undo(both[c], packed, &out), ERR_TOO_LARGE);
        cr_assert_leq(out.len, packed.len * LIMIT_CODING_RATIO_MAX + (2 << 20));
        buf_done(&out);
        buf_init_secret(&out, 100000);
        cr_assert_eq(coding_undo(both[c], packed, &out), ERR_TOO_LARGE, "nor beyond the buffer");
        buf_done(&out);
        free((void *)(uintptr_t)packed.at);
        free(zeroes);
    }
}
