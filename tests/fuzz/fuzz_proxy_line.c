/* SPDX-License-Identifier: Apache-2.0 */
/* PROXY lines from anywhere: what is taken in one piece is taken byte by byte, at the same byte and
 * with the same address, and nothing is waited for without end. */
#include <stdint.h>

#include "base/assert.h"
#include "proxy/proxy_line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct proxy_line whole, part;
    enum proxy_line_step step = proxy_line_read(span_of(data, size), &whole);
    size_t len = 0;
    enum proxy_line_step slow = PROXY_LINE_MORE;

    while (slow == PROXY_LINE_MORE && len < size)
        slow = proxy_line_read(span_of(data, ++len), &part);
    REQUIRE(slow == step);
    REQUIRE(step != PROXY_LINE_MORE || size < PROXY_LINE_MAX);
    if (step == PROXY_LINE_DONE) {
        char text[ADDRESS_TEXT_MAX];
        struct address again;

        REQUIRE(len == whole.len && part.len == whole.len);
        REQUIRE(address_equal(&whole.address, &part.address));
        if (whole.address.known) {
            size_t n = address_write(&whole.address, text);

            REQUIRE(address_parse(span_of(text, n), &again) == ERR_OK);
            REQUIRE(address_equal(&whole.address, &again));
        }
    }
    return 0;
}
