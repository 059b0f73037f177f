/* SPDX-License-Identifier: Apache-2.0 */
/* Socket addresses, and the special-purpose registries of RFC 6890.
 * Runs on: any thread. Holds: constants only. Invariant: what is of no known family is not public.
 * Not here: names (upstream_resolve.c). */
#include "base/endpoint.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

/* The bytes of an address; NULL for another family. */
static const uint8_t *bytes_of(const struct upstream_address *a, size_t *ret_len)
{
    switch (a->address.ss_family) {
    case AF_INET:
        *ret_len = 4;
        return (const uint8_t *)&((const struct sockaddr_in *)&a->address)->sin_addr;
    case AF_INET6:
        *ret_len = 16;
        return ((const struct sockaddr_in6 *)&a->address)->sin6_addr.s6_addr;
    default:
        return NULL;
    }
}

static uint16_t port_of(const struct upstream_address *a)
{
    return ntohs(a->address.ss_family == AF_INET
                     ? ((const struct sockaddr_in *)&a->address)->sin_port
                     : ((const struct sockaddr_in6 *)&a->address)->sin6_port);
}

void endpoint_write(const struct upstream_address *a, char out[ENDPOINT_TEXT_MAX])
{
    char text[INET6_ADDRSTRLEN];
    size_t len;
    const uint8_t *bytes = bytes_of(a, &len);

    if (bytes == NULL || inet_ntop(a->address.ss_family, bytes, text, sizeof(text)) == NULL)
        (void)snprintf(out, ENDPOINT_TEXT_MAX, "?");
    else
        (void)snprintf(out, ENDPOINT_TEXT_MAX, len == 4 ? "%s:%u" : "[%s]:%u", text, port_of(a));
}

bool endpoint_equal(const struct upstream_address *a, const struct upstream_address *b)
{
    size_t len, other_len;
    const uint8_t *bytes = bytes_of(a, &len), *other = bytes_of(b, &other_len);

    if (bytes == NULL || other == NULL)
        return a->len == b->len && memcmp(&a->address, &b->address, a->len) == 0;
    return len == other_len && memcmp(bytes, other, len) == 0 && port_of(a) == port_of(b);
}

bool endpoint_is_literal(const char *host)
{
    struct in6_addr address;

    return inet_pton(AF_INET, host, &address) == 1 || inet_pton(AF_INET6, host, &address) == 1;
}

bool endpoint_is_mapped(const struct upstream_address *a)
{
    return a->address.ss_family == AF_INET6 &&
           IN6_IS_ADDR_V4MAPPED(&((const struct sockaddr_in6 *)&a->address)->sin6_addr);
}

bool endpoint_is_loopback(const struct upstream_address *a)
{
    size_t len;
    const uint8_t *bytes = bytes_of(a, &len);

    if (bytes == NULL)
        return false;
    return len == 4 ? bytes[0] == 127
                    : IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)&a->address)->sin6_addr);
}

/* ---- public or not ---- */

static bool same_prefix(const uint8_t *a, const uint8_t *b, unsigned bits)
{
    const unsigned whole = bits / 8, rest = bits % 8;

    if (memcmp(a, b, whole) != 0)
        return false;
    return rest == 0 || ((a[whole] ^ b[whole]) >> (8 - rest)) == 0;
}

struct prefix4 {
    uint8_t bytes[4];
    uint8_t bits;
};

struct prefix6 {
    uint8_t bytes[16];
    uint8_t bits;
};

static const struct prefix4 special4[] = {
    {{0, 0, 0, 0}, 8},        /* this network */
    {{10, 0, 0, 0}, 8},       /* private */
    {{100, 64, 0, 0}, 10},    /* carrier-grade NAT; one cloud's metadata */
    {{127, 0, 0, 0}, 8},      /* this host */
    {{168, 63, 129, 16}, 32}, /* a cloud's platform services, at a public address */
    {{169, 254, 0, 0}, 16},   /* link-local; most clouds' metadata */
    {{172, 16, 0, 0}, 12},    /* private */
    {{192, 0, 0, 0}, 24},     /* protocol assignments; one cloud's metadata */
    {{192, 0, 2, 0}, 24},     /* documentation */
    {{192, 88, 99, 0}, 24},   /* 6to4 relays */
    {{192, 168, 0, 0}, 16},   /* private */
    {{198, 18, 0, 0}, 15},    /* benchmarks */
    {{198, 51, 100, 0}, 24},  /* documentation */
    {{203, 0, 113, 0}, 24},   /* documentation */
    {{224, 0, 0, 0}, 3},      /* multicast, reserved, broadcast */
};

/* Of what lies in 2000::/3. */
static const struct prefix6 special6[] = {
    {{0x20, 0x01, 0x00, 0x00}, 23}, /* protocol assignments: Teredo, ORCHID, benchmarks */
    {{0x20, 0x01, 0x0d, 0xb8}, 32}, /* documentation */
    {{0x20, 0x02}, 16},             /* 6to4: an IPv4 address inside */
    {{0x3f, 0xff, 0x00}, 20},       /* documentation */
};

static bool is_public4(const uint8_t *bytes)
{
    for (size_t i = 0; i < COUNT_OF(special4); i++)
        if (same_prefix(bytes, special4[i].bytes, special4[i].bits))
            return false;
    return true;
}

static bool is_public6(const uint8_t *bytes)
{
    static const uint8_t nat64[16] = {0x00, 0x64, 0xff, 0x9b}, global[16] = {0x20};

    if (same_prefix(bytes, nat64, 96)) /* the way to IPv4 from a network without it */
        return is_public4(bytes + 12);
    if (!same_prefix(bytes, global, 3))
        return false;
    for (size_t i = 0; i < COUNT_OF(special6); i++)
        if (same_prefix(bytes, special6[i].bytes, special6[i].bits))
            return false;
    return true;
}

bool endpoint_is_public(const struct upstream_address *a)
{
    size_t len;
    const uint8_t *bytes = bytes_of(a, &len);

    if (bytes == NULL)
        return false;
    return len == 4 ? is_public4(bytes) : is_public6(bytes);
}
