/* SPDX-License-Identifier: Apache-2.0 */
/* Request heads from anywhere: whatever the guard lets through, libh2o's parser reads as the same
 * one request, and nothing in it could be read in another way. */
#include <string.h>
#include <strings.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/http_guard.h"

/* picohttpparser, which libh2o exports without a header. */
struct phr_header {
    const char *name;
    size_t name_len;
    const char *value;
    size_t value_len;
};
int phr_parse_request(const char *buf, size_t len, const char **method, size_t *method_len,
                      const char **path, size_t *path_len, int *minor_version,
                      struct phr_header *headers, size_t *num_headers, size_t last_len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t count_name(const struct phr_header *headers, size_t count, const char *name)
{
    size_t n = 0;

    for (size_t i = 0; i < count; i++)
        n += headers[i].name_len == strlen(name) &&
             strncasecmp(headers[i].name, name, headers[i].name_len) == 0;
    return n;
}

static void check_taken(struct span input, const struct guard_facts *facts)
{
    static struct phr_header headers[LIMIT_HEADERS_MAX];
    size_t count = LIMIT_HEADERS_MAX, method_len, path_len;
    const char *method, *path;
    size_t lengths, codings;
    int minor, len;

    len = phr_parse_request(input.at, input.len, &method, &method_len, &path, &path_len, &minor,
                            headers, &count, 0);
    REQUIRE(len > 0 && (size_t)len == facts->head_len && minor == facts->minor_version);
    REQUIRE(span_equal(facts->method, span_of(method, method_len)));
    REQUIRE(span_equal(facts->target, span_of(path, path_len)) && path[0] == '/');
    for (size_t i = 0; i < count; i++) {
        REQUIRE(headers[i].name != NULL); /* no folded line */
        REQUIRE(memchr(headers[i].value, '\n', headers[i].value_len) == NULL);
    }
    lengths = count_name(headers, count, "content-length");
    codings = count_name(headers, count, "transfer-encoding");
    REQUIRE(lengths + codings <= 1);
    REQUIRE(facts->has_body == (lengths + codings == 1) && facts->chunked == (codings == 1));
    REQUIRE((facts->content_length >= 0) == (lengths == 1));
    REQUIRE(count_name(headers, count, "host") <= 1);
    REQUIRE(count_name(headers, count, "host") == 1 || minor == 0);
    for (size_t i = 0; i < count; i++) {
        struct span name = span_of(headers[i].name, headers[i].name_len);

        if (guard_drops(facts, name))
            REQUIRE(!span_equal_nocase(name, SPAN_LIT("authorization")) &&
                    !span_equal_nocase(name, SPAN_LIT("lethe-key")) &&
                    !span_equal_nocase(name, SPAN_LIT("content-type")));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span input = span_of(data, size);
    struct guard_facts facts;
    enum err e = guard_head(input, &facts);

    REQUIRE(e == ERR_OK || e == ERR_INVALID || e == ERR_METHOD || e == ERR_UNIMPLEMENTED ||
            e == ERR_HEAD_TOO_LARGE);
    if (e == ERR_OK)
        check_taken(input, &facts);
    return 0;
}
