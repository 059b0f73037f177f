/* SPDX-License-Identifier: Apache-2.0 */
/* What proxies say of their clients, from anywhere: X-Forwarded-For or Forwarded (by the first byte),
 * in as many lines as the input has. The client found is an address that stands there, or the proxy
 * itself, and what is put in front changes nothing. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "proxy/edge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void add(h2o_mem_pool_t *pool, h2o_headers_t *headers, struct span name, struct span value)
{
    h2o_add_header_by_str(pool, headers, name.at, name.len, 0, NULL, value.at, value.len);
}

/* The address found, with `front` as a first line when it has a byte. */
static struct address find(struct span text, enum edge_header header, struct span front)
{
    static struct network networks[2];
    const struct edge_trust trust = {.networks = networks, .count = 2, .header = header};
    const struct span name =
        header == EDGE_FORWARDED ? SPAN_LIT("forwarded") : SPAN_LIT("x-forwarded-for");
    struct edge_client client = {.https = false};
    h2o_headers_t headers = {NULL, 0, 0};
    h2o_mem_pool_t pool;

    REQUIRE(network_parse(SPAN_LIT("10.0.0.0/8"), &networks[0]) == ERR_OK);
    REQUIRE(network_parse(SPAN_LIT("2001:db8::/32"), &networks[1]) == ERR_OK);
    REQUIRE(address_parse(SPAN_LIT("10.0.0.1"), &client.address) == ERR_OK);
    h2o_mem_init_pool(&pool);
    if (front.len > 0)
        add(&pool, &headers, name, front);
    while (text.len > 0) {
        const char *end = memchr(text.at, '\n', text.len);
        size_t len = end == NULL ? text.len : (size_t)(end - text.at);

        add(&pool, &headers, name, span_of(text.at, len));
        len += end != NULL;
        text = span_of(text.at + len, text.len - len);
    }
    REQUIRE(edge_read(&trust, &headers, &client) == ERR_OK);
    REQUIRE(client.address.known);
    h2o_mem_clear_pool(&pool);
    return client.address;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct span front[] = {SPAN_LIT("203.0.113.9"), SPAN_LIT("for=203.0.113.9")};
    enum edge_header header;
    struct address alone, fronted, lie;
    struct span text;

    if (size < 2)
        return 0;
    header = data[0] & 1 ? EDGE_FORWARDED : EDGE_X_FORWARDED_FOR;
    text = span_of(data + 1, size - 1);
    alone = find(text, header, SPAN_NONE);
    fronted = find(text, header, front[header]);
    REQUIRE(address_parse(SPAN_LIT("203.0.113.9"), &lie) == ERR_OK);
    /* Only where all that follows are trusted is the first line believed: then it is a proxy's. */
    REQUIRE(address_equal(&alone, &fronted) || address_equal(&fronted, &lie));
    return 0;
}
