/* SPDX-License-Identifier: Apache-2.0 */
/* Chunked bodies from anywhere: the same in one piece and byte by byte, and the same data as
 * libh2o's lenient decoder gives for all that is taken. */
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include "base/assert.h"
#include "base/http_chunked.h"

/* picohttpparser, which libh2o exports without a header. */
struct phr_chunked_decoder {
    size_t bytes_left_in_chunk;
    char consume_trailer;
    char hex_count;
    char state;
};
ssize_t phr_decode_chunked(struct phr_chunked_decoder *decoder, char *buf, size_t *bufsz);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Byte by byte into out; the error that ends it. */
static enum err decode_slowly(const uint8_t *data, size_t size, struct chunked *c, char *out,
                              size_t *ret_len, size_t *ret_used)
{
    size_t len = 0, at = 0;

    while (at < size && !chunked_is_done(c)) {
        char byte = (char)data[at];
        size_t got, used;
        enum err e = chunked_decode(c, &byte, 1, &got, &used);

        if (e != ERR_OK)
            return e;
        REQUIRE(used == 1);
        if (got == 1)
            out[len++] = byte;
        at++;
    }
    *ret_len = len;
    *ret_used = at;
    return ERR_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *fast = malloc(size + 1), *slow = malloc(size + 1), *theirs = malloc(size + 1);
    struct phr_chunked_decoder decoder = {.consume_trailer = 1};
    struct chunked one = {0}, many = {0};
    size_t fast_len, fast_used, slow_len, slow_used, their_len = size;
    enum err e;

    REQUIRE(fast != NULL && slow != NULL && theirs != NULL);
    if (size > 0) {
        memcpy(fast, data, size);
        memcpy(theirs, data, size);
    }
    e = chunked_decode(&one, fast, size, &fast_len, &fast_used);
    REQUIRE(decode_slowly(data, size, &many, slow, &slow_len, &slow_used) == e);
    if (e == ERR_OK) {
        ssize_t left = phr_decode_chunked(&decoder, theirs, &their_len);

        REQUIRE(fast_len == slow_len && fast_used == slow_used);
        REQUIRE(memcmp(fast, slow, fast_len) == 0);
        REQUIRE(chunked_is_done(&one) == chunked_is_done(&many));
        REQUIRE(fast_used == size || chunked_is_done(&one));
        REQUIRE(chunked_is_done(&one) ? left == (ssize_t)(size - fast_used) : left == -2);
        REQUIRE(their_len == fast_len && memcmp(fast, theirs, fast_len) == 0);
    }
    free(fast);
    free(slow);
    free(theirs);
    return 0;
}
