/* SPDX-License-Identifier: Apache-2.0 */
/* What libh2o calls in the place of its own.
 * Runs on: loop threads. Holds: nothing. Invariant: the same contracts as the library's functions,
 * but for what they let pass. Not here: why (h2o_overrides.h). */
#include "base/http_overrides.h"

#include <dlfcn.h>
#include <h2o.h>
#include <string.h>

#include "base/assert.h"
#include "base/mem.h"
#include "base/http_chunked.h"

/* picohttpparser's struct in its size and first two members; libh2o zeroes it, sets consume_trailer
 * and otherwise only hands it to the decoder. The rest is ours to use. */
struct phr_chunked_decoder {
    uint64_t left;
    char consume_trailer;
    uint8_t digits;
    uint8_t state;
    uint32_t aside;
};

_Static_assert(sizeof(struct phr_chunked_decoder) == 16, "as libh2o allocates it");

ssize_t phr_decode_chunked(struct phr_chunked_decoder *decoder, char *buf, size_t *bufsz);

/* Decode what is there, in place. -2: more is to come; -1: broken; otherwise the coding is at its
 * end, and so many bytes of the next request follow the data. */
ssize_t phr_decode_chunked(struct phr_chunked_decoder *decoder, char *buf, size_t *bufsz)
{
    struct chunked c = {.state = (enum chunked_state)decoder->state,
                        .digits = decoder->digits,
                        .aside = decoder->aside,
                        .left = decoder->left};
    size_t data, used, rest;

    if (chunked_decode(&c, buf, *bufsz, &data, &used) != ERR_OK)
        return -1;
    decoder->state = (uint8_t)c.state;
    decoder->digits = c.digits;
    decoder->aside = c.aside;
    decoder->left = c.left;
    rest = *bufsz - used;
    *bufsz = data;
    if (!chunked_is_done(&c))
        return -2;
    memmove(buf + data, buf + used, rest);
    return (ssize_t)rest;
}

/* Nobody here uses the library's normal form: proxy/path.h has ours. Only the query is found. */
h2o_iovec_t h2o_url_normalize_path(h2o_mem_pool_t *pool UNUSED, const char *path, size_t len,
                                   size_t *query_at, size_t **norm_indexes)
{
    const char *query = len == 0 ? NULL : memchr(path, '?', len);

    *query_at = query == NULL ? SIZE_MAX : (size_t)(query - path);
    *norm_indexes = NULL;
    return h2o_iovec_init(path, query == NULL ? len : *query_at);
}

/* The first definition in the order in which the dynamic linker searches. */
static bool comes_first(const char *name, const void *ours)
{
    return dlsym(RTLD_DEFAULT, name) == ours;
}

void http_overrides_check(void)
{
    ssize_t (*decode)(struct phr_chunked_decoder *, char *, size_t *) = phr_decode_chunked;
    h2o_iovec_t (*normalize)(h2o_mem_pool_t *, const char *, size_t, size_t *, size_t **) =
        h2o_url_normalize_path;
    const void *address;

    memcpy(&address, &decode, sizeof(address)); /* C has no cast for this */
    REQUIRE(comes_first("phr_decode_chunked", address));
    memcpy(&address, &normalize, sizeof(address));
    REQUIRE(comes_first("h2o_url_normalize_path", address));
}
