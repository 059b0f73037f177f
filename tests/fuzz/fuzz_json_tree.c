/* SPDX-License-Identifier: Apache-2.0 */
/* Operator payloads from anywhere: what is parsed can be written, and what was written is parsed
 * into the same text again. */
#include "base/assert.h"
#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { WRITTEN_MAX = 1 << 20 };

static enum err write_it(const struct json *tree, bool pretty, struct buf *out)
{
    buf_init(out, WRITTEN_MAX);
    return pretty ? json_write_pretty(tree, out) : json_write(tree, out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(json_free) struct json *tree = NULL, *again = NULL, *and_again = NULL;
    AUTO(buf_done) struct buf first = {0}, pretty = {0}, second = {0};

    if (json_parse(span_of(data, size), &tree) != ERR_OK)
        return 0;
    if (write_it(tree, false, &first) != ERR_OK || write_it(tree, true, &pretty) != ERR_OK)
        return 0;
    REQUIRE(json_parse(buf_span(&pretty), &again) == ERR_OK);
    REQUIRE(write_it(again, false, &second) == ERR_OK);
    REQUIRE(span_equal(buf_span(&first), buf_span(&second)));
    REQUIRE(json_parse(buf_span(&first), &and_again) == ERR_OK);
    return 0;
}
