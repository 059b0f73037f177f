/* SPDX-License-Identifier: Apache-2.0 */
/* Cookie and Set-Cookie fields from anywhere. */
#include "base/secret.h"
#include "proxy/cookie_reader.h"
#include "tests/fuzz/hits_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct named_def defs[] = {{"a", 1, false, false}, {"b", 2, true, false}};

static enum err read_cookies(const void *context, struct span text, struct hits *ret_hits)
{
    return cookies_read(context, text, ret_hits);
}

static enum err read_set_cookie(const void *context, struct span text, struct hits *ret_hits)
{
    return set_cookie_read(context, text, ret_hits);
}

static void try(hits_check_read read, const struct named_fields *fields, struct span text)
{
    AUTO(hits_done) struct hits hits = {0};
    const enum err e = read(fields, text, &hits);

    REQUIRE(e == ERR_OK || e == ERR_INVALID || e == ERR_TOO_LARGE);
    if (e == ERR_OK)
        hits_check(read, fields, text, &hits);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct named_fields *fields;

    if (fields == NULL) {
        secret_start();
        REQUIRE(named_fields_new(defs, 2, &fields, NULL) == ERR_OK);
    }
    try(read_cookies, fields, span_of(data, size));
    try(read_set_cookie, fields, span_of(data, size));
    return 0;
}
