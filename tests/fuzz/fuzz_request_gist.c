/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies of requests, as a damaged store may give them: what is counted of one never depends on what stands behind it. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"
#include "retention/requests_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct request_settings settings = {.target_days = 28};
    const struct request_case now = {.settings = &settings, .today = {2026, 1, 10}};
    AUTO(mem_free) uint8_t *longer = mem_alloc(size + 8);
    struct request_gist gist, other;
    const enum err e = request__gist(&now, REQUEST_SCOPED, span_of(data, size), &gist);

    REQUIRE(e == ERR_OK || e == ERR_CORRUPT);
    if (size > 0)
        memcpy(longer, data, size);
    memcpy(longer + size, "\"}]},[{:", 8);
    REQUIRE(request__gist(&now, REQUEST_SCOPED, span_of(longer, size), &other) == e);
    if (e != ERR_OK)
        return 0;
    REQUIRE(gist.right_count <= REQUEST_RIGHT_COUNT && gist.right_count == other.right_count);
    REQUIRE(gist.history_at + gist.history_len <= size);
    REQUIRE(gist.answered || !gist.in_time);
    return 0;
}
