/* SPDX-License-Identifier: Apache-2.0 */
/* Any text as traceparent and as tracestate. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "proxy/trace.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *exact = malloc(size + 1); /* a sanitizer sees a read behind the end */
    struct span text;

    REQUIRE(exact != NULL);
    memcpy(exact, data, size);
    text = span_of(exact, size);
    if (trace_parent_is_valid(text)) {
        struct span id = trace_id_of(text);

        REQUIRE(size >= TRACE_PARENT_LEN && id.at + id.len <= exact + size);
        for (size_t i = 0; i < TRACE_PARENT_LEN; i++)
            REQUIRE(exact[i] == '-' || (exact[i] >= '0' && exact[i] <= '9') ||
                    (exact[i] >= 'a' && exact[i] <= 'f'));
    }
    if (trace_state_is_valid(text))
        REQUIRE(size <= TRACE_STATE_MAX);
    free(exact);
    return 0;
}
