/* SPDX-License-Identifier: Apache-2.0 */
/* Content codings undone (contract: proxy/coding.h). The one place that knows zlib's inflate and brotli.
 * Runs on: a loop thread, inline: 1 MiB of text takes 3-5 ms. Holds: the libraries' windows, wiped at
 * the end. Invariant: what a decoder gives out never passes its caps. */
#include "proxy/coding.h"

#include <brotli/decode.h>
#include <stdlib.h>
#include <zlib.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/secret.h"

enum {
    STEP = 32 << 10,            /* what is decoded at a time */
    GZIP_ONLY = 16 + MAX_WBITS, /* zlib: a gzip header and nothing else */
    FREE_OF_RATIO = 1 << 20     /* so much is never too much */
};

struct decoder {
    enum coding coding;
    bool ended;
    size_t in, out; /* bytes so far */
    z_stream gzip;
    BrotliDecoderState *br;
    uint8_t step[STEP];
};

enum err coding_read(struct span content_encoding, enum coding *ret)
{
    static const struct {
        struct span name;
        enum coding coding;
    } known[] = {{{"identity", 8}, CODING_IDENTITY},
                 {{"gzip", 4}, CODING_GZIP},
                 {{"x-gzip", 6}, CODING_GZIP}, /* RFC 9110 8.4.1.3 */
                 {{"br", 2}, CODING_BR}};

    if (content_encoding.at == NULL) {
        *ret = CODING_IDENTITY;
        return ERR_OK;
    }
    for (size_t i = 0; i < COUNT_OF(known); i++) {
        if (span_equal_nocase(content_encoding, known[i].name)) {
            *ret = known[i].coding;
            return ERR_OK;
        }
    }
    return ERR_UNSUPPORTED;
}

/* ---- memory that held values ---- */

/* Both libraries free through these: a block carries its size in front, so that it can be wiped. */
static void *take_block(size_t size)
{
    size_t *block = mem_alloc(size + 2 * sizeof(size_t)); /* keeps the alignment of malloc() */

    block[0] = size;
    return block + 2;
}

static void give_block(void *memory)
{
    size_t *block;

    if (memory == NULL)
        return;
    block = (size_t *)memory - 2;
    secret_wipe(memory, block[0]);
    free(block);
}

static voidpf take_for_zlib(voidpf context UNUSED, uInt items, uInt size)
{
    return take_block((size_t)items * size);
}

static void give_for_zlib(voidpf context UNUSED, voidpf memory)
{
    give_block(memory);
}

static void *take_for_brotli(void *context UNUSED, size_t size)
{
    return take_block(size);
}

static void give_for_brotli(void *context UNUSED, void *memory)
{
    give_block(memory);
}

/* ---- a decoder ---- */

struct decoder *decoder_new(enum coding coding)
{
    struct decoder *d = mem_alloc(sizeof(*d));

    d->coding = coding;
    switch (coding) {
    case CODING_GZIP:
        d->gzip.zalloc = take_for_zlib;
        d->gzip.zfree = give_for_zlib;
        REQUIRE(inflateInit2(&d->gzip, GZIP_ONLY) == Z_OK);
        break;
    case CODING_BR:
        d->br = BrotliDecoderCreateInstance(take_for_brotli, give_for_brotli, NULL);
        REQUIRE(d->br != NULL);
        break;
    case CODING_IDENTITY:
        REQUIRE(coding != CODING_IDENTITY);
    }
    return d;
}

void decoder_free(struct decoder **decoder)
{
    struct decoder *d = TAKE(*decoder);

    if (d == NULL)
        return;
    if (d->coding == CODING_GZIP)
        (void)inflateEnd(&d->gzip);
    else
        BrotliDecoderDestroyInstance(d->br);
    secret_wipe(d->step, sizeof(d->step));
    free(d);
}

/* One step: bytes from *in into d->step; *ret_len of them came out. */
static enum err step_gzip(struct decoder *d, struct span *in, size_t *ret_len)
{
    int status;

    d->gzip.next_in = (Bytef *)(uintptr_t)in->at;
    d->gzip.avail_in = in->len > UINT32_MAX ? UINT32_MAX : (uInt)in->len;
    d->gzip.next_out = d->step;
    d->gzip.avail_out = STEP;
    status = inflate(&d->gzip, Z_NO_FLUSH);
    if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR)
        return ERR_INVALID;
    d->ended = status == Z_STREAM_END;
    *ret_len = STEP - d->gzip.avail_out;
    in->len -= (size_t)((const char *)d->gzip.next_in - in->at);
    in->at = (const char *)d->gzip.next_in;
    return ERR_OK;
}

static enum err step_br(struct decoder *d, struct span *in, size_t *ret_len)
{
    const uint8_t *next_in = (const uint8_t *)in->at;
    size_t left_in = in->len, left_out = STEP;
    uint8_t *next_out = d->step;
    const BrotliDecoderResult status =
        BrotliDecoderDecompressStream(d->br, &left_in, &next_in, &left_out, &next_out, NULL);

    if (status == BROTLI_DECODER_RESULT_ERROR)
        return ERR_INVALID;
    d->ended = status == BROTLI_DECODER_RESULT_SUCCESS;
    *ret_len = STEP - left_out;
    *in = span_of(next_in, left_in);
    return ERR_OK;
}

static bool is_bomb(const struct decoder *d)
{
    return d->out > FREE_OF_RATIO && d->out / LIMIT_CODING_RATIO_MAX > d->in;
}

enum err decoder_feed(struct decoder *d, struct span bytes, struct buf *out)
{
    size_t len = 0;
    enum err e = d->ended && bytes.len > 0 ? ERR_INVALID : ERR_OK;

    d->in += bytes.len;
    while (e == ERR_OK && !d->ended) {
        const size_t before = bytes.len;

        e = d->coding == CODING_GZIP ? step_gzip(d, &bytes, &len) : step_br(d, &bytes, &len);
        if (e != ERR_OK)
            break;
        d->out += len;
        e = is_bomb(d) ? ERR_TOO_LARGE : buf_append(out, d->step, len);
        if (len == 0 && bytes.len == before)
            break; /* it wants more */
    }
    return e == ERR_OK && bytes.len > 0 ? ERR_INVALID : e; /* something stands behind its end */
}

enum err decoder_finish(const struct decoder *d)
{
    return d->ended ? ERR_OK : ERR_INVALID;
}

enum err coding_undo(enum coding coding, struct span bytes, struct buf *out)
{
    AUTO(decoder_free) struct decoder *d = decoder_new(coding);
    enum err e = decoder_feed(d, bytes, out);

    return e == ERR_OK ? decoder_finish(d) : e;
}
