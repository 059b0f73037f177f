/* SPDX-License-Identifier: Apache-2.0 */
/* XML documents from anywhere: read alike whatever is declared, and values lie where the reader says. */
#include "base/secret.h"
#include "proxy/xml_reader.h"
#include "tests/fuzz/hits_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct xml_def defs[] = {{"//b", 1}, {"//@c", 2}, {"/a/*/p:d", 3}};

static enum err read_xml(const void *context, struct span text, struct hits *ret_hits)
{
    return xml_read(context, text, ret_hits);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct xml_fields *none, *some;
    AUTO(hits_done) struct hits no_hits = {0}, hits = {0};
    const struct span text = span_of(data, size);
    enum err plain, e;

    if (some == NULL) {
        secret_start();
        REQUIRE(xml_fields_new(NULL, 0, &none, NULL) == ERR_OK);
        REQUIRE(xml_fields_new(defs, 3, &some, NULL) == ERR_OK);
    }
    plain = xml_read(none, text, &no_hits);
    e = xml_read(some, text, &hits);
    REQUIRE(no_hits.count == 0);
    REQUIRE(plain == ERR_OK || plain == ERR_INVALID || plain == ERR_TOO_LARGE);
    REQUIRE(plain == e || e == ERR_UNPROCESSABLE || (plain == ERR_OK && e == ERR_TOO_LARGE));
    if (e == ERR_OK)
        hits_check(read_xml, some, text, &hits);
    return 0;
}
