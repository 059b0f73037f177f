/* SPDX-License-Identifier: Apache-2.0 */
/* Heads of responses from anywhere: found alike however they arrive, never read past their end, and
 * nothing is taken that libh2o's lenient parser refuses. First byte: where the input is cut. */
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include "base/assert.h"
#include "proxy/response_head.h"

/* picohttpparser, which libh2o exports without a header. */
struct phr_header {
    const char *name;
    size_t name_len;
    const char *value;
    size_t value_len;
};
int phr_parse_response(const char *buf, size_t len, int *minor_version, int *status,
                       const char **msg, size_t *msg_len, struct phr_header *headers,
                       size_t *num_headers, size_t last_len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_headers(struct span head, const struct upstream_header *headers, size_t count)
{
    REQUIRE(count <= LIMIT_HEADERS_MAX);
    for (size_t i = 0; i < count; i++) {
        struct span parts[] = {headers[i].name, headers[i].value};

        REQUIRE(parts[0].len > 0);
        for (size_t p = 0; p < COUNT_OF(parts); p++) {
            REQUIRE(parts[p].at >= head.at && parts[p].at + parts[p].len <= head.at + head.len);
            REQUIRE(memchr(parts[p].at, '\r', parts[p].len) == NULL);
            REQUIRE(memchr(parts[p].at, '\n', parts[p].len) == NULL);
            REQUIRE(memchr(parts[p].at, '\0', parts[p].len) == NULL);
        }
    }
}

static void check_parsed(struct span head, bool to_head)
{
    static struct upstream_header headers[LIMIT_HEADERS_MAX];
    static struct phr_header theirs[LIMIT_HEADERS_MAX];
    size_t count = LIMIT_HEADERS_MAX, message_len;
    struct response_head h;
    const char *message;
    int minor, status, len;
    enum err e = response_head_parse(head, to_head, headers, &h);

    REQUIRE(e == ERR_OK || e == ERR_UPSTREAM);
    if (e != ERR_OK)
        return;
    check_headers(head, headers, h.header_count);
    REQUIRE(h.status >= 100 && h.status <= 599 && h.content_length >= -1);
    REQUIRE(h.framing != FRAMING_CHUNKED || h.content_length == -1);
    REQUIRE((h.framing == FRAMING_NONE) >= to_head);
    if (head.at[12] != ' ') /* no reason and no blank: only we take it */
        return;
    len = phr_parse_response(head.at, head.len, &minor, &status, &message, &message_len, theirs,
                             &count, 0);
    REQUIRE(len == (int)head.len && status == h.status);
    for (size_t i = 0; i < count; i++)
        REQUIRE(theirs[i].name != NULL); /* no folded line */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t cut, scanned = 0, len = 0, whole_len = 0;
    struct span all;
    enum err first, whole;

    if (size < 2)
        return 0;
    cut = data[0] % size;
    all = span_of(data + 1, size - 1);
    whole = response_head_find(all, &scanned, &whole_len);
    scanned = 0;
    first = cut > 0 ? response_head_find(span_of(all.at, cut), &scanned, &len) : ERR_NOT_FOUND;
    if (first == ERR_NOT_FOUND)
        first = response_head_find(all, &scanned, &len);
    REQUIRE(first == whole && len == whole_len);
    if (whole != ERR_OK)
        return 0;
    check_parsed(span_of(all.at, len), false);
    check_parsed(span_of(all.at, len), true);
    return 0;
}
