/* SPDX-License-Identifier: Apache-2.0 */
/* Multipart bodies from anywhere: the boundary is what stands after the first two bytes, up to a line
 * end. */
#include "base/secret.h"
#include "proxy/multipart_reader.h"
#include "tests/fuzz/hits_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct named_def defs[] = {
    {"a", 1, false, false}, {"b[]", 2, true, false}, {"f", 3, true, true}};

struct context {
    struct named_fields *fields;
    struct span boundary;
};

static enum err read_multipart(const void *context, struct span text, struct hits *ret_hits)
{
    const struct context *c = context;

    return multipart_read(c->fields, c->boundary, text, ret_hits);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct context c;
    AUTO(hits_done) struct hits hits = {0};
    const struct span text = span_of(data, size);
    const char *end = size > 2 ? memchr(text.at, '\r', size) : NULL;
    enum err e;

    if (c.fields == NULL) {
        secret_start();
        REQUIRE(named_fields_new(defs, 3, &c.fields, NULL) == ERR_OK);
    }
    c.boundary = end != NULL && end - text.at > 2
                     ? span_of(text.at + 2, (size_t)(end - text.at) - 2)
                     : SPAN_LIT("B");
    e = multipart_read(c.fields, c.boundary, text, &hits);
    REQUIRE(e == ERR_OK || e == ERR_INVALID || e == ERR_TOO_LARGE || e == ERR_UNPROCESSABLE);
    if (e == ERR_OK)
        hits_check(read_multipart, &c, text, &hits);
    return 0;
}
