/* SPDX-License-Identifier: Apache-2.0 */
/* UUIDs nobody makes, and network addresses nobody has.
 * Runs on: any thread. Holds: constants. Invariant: what is written is what the RFCs call canonical. Not
 * here: the keyed checks, which alone tell such a UUID or IPv6 address from others of its kind. */
#include <arpa/inet.h>
#include <stdio.h>

#include "vault/format_priv.h"

/* Copy text that is to be looked at by a function which wants a string; false when it is longer or holds
 * a NUL. */
static bool as_string(struct span text, char *to, size_t size)
{
    if (text.len >= size || memchr(text.at, '\0', text.len) != NULL)
        return false;
    memcpy(to, text.at, text.len);
    to[text.len] = '\0';
    return true;
}

/* ---- uuid ---- */

/* RFC 9562 5.8: version 8 is for users' own layouts; libraries make versions 1 to 7. 122 bits are free:
 *   xxxxxxxx-xxkk-8kkk-vkkk-kkkkkkkkkkkk    40 bits number, 82 bits check (v: 2 bits variant, 2 check) */
enum { UUID_LEN = 36, UUID_NUMBER_BITS = 40, UUID_CHECK_BITS = 41 };

static int hex_digit(char c)
{
    if (format_is_digit(c))
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Its two halves; false when it is no UUID (RFC 9562 4). */
static bool uuid_halves(struct span text, uint64_t half[2])
{
    size_t seen = 0;
    int digit;

    if (text.len != UUID_LEN)
        return false;
    half[0] = half[1] = 0;
    for (size_t i = 0; i < UUID_LEN; i++) {
        if (i == 8 || i == 13 || i == 18 || i == 23) {
            if (text.at[i] != '-')
                return false;
            continue;
        }
        digit = hex_digit(text.at[i]);
        if (digit < 0)
            return false;
        half[seen / 16] = half[seen / 16] << 4 | (uint64_t)digit;
        seen++;
    }
    return true;
}

static enum err uuid_shape(const struct format_spec *spec, enum value_kind kind, struct span value,
                           struct format_shape *ret)
{
    uint64_t half[2];

    (void)spec, (void)kind;
    if (!uuid_halves(value, half))
        return ERR_UNPROCESSABLE;
    vault__format_one_shape(ret);
    return ERR_OK;
}

static bool uuid_places(const struct format_spec *spec, const struct format_shape *shape,
                        struct format_places *ret)
{
    (void)spec;
    vault__format_places_add(ret, 1, UINT64_C(1) << UUID_NUMBER_BITS);
    vault__format_places_add(ret, 2, UINT64_C(1) << UUID_CHECK_BITS);
    return vault__format_is_one_shape(shape);
}

/* The first check: 8 bits before the version, 12 behind it, 21 behind the variant; then the second. */
static void uuid_write(const struct format_spec *spec, const struct format_places *places,
                       struct span value, struct token_text *ret)
{
    const uint64_t number = places->digit[0], first = places->digit[1], second = places->digit[2];
    uint64_t high = number << 24 | (first >> 33) << 16 | UINT64_C(8) << 12 | (first >> 21 & 0xfff);
    uint64_t low = UINT64_C(2) << 62 | (first & 0x1fffff) << 41 | second;
    char text[UUID_LEN + 1];

    (void)spec, (void)value;
    (void)snprintf(text, sizeof(text), "%08x-%04x-%04x-%04x-%012llx", (unsigned)(high >> 32),
                   (unsigned)(high >> 16 & 0xffff), (unsigned)(high & 0xffff),
                   (unsigned)(low >> 48), (unsigned long long)(low & 0xffffffffffff));
    format_put_text(ret, text);
}

static bool uuid_read(const struct format_spec *spec, struct span token,
                      struct format_shape *ret_shape, struct format_places *ret)
{
    uint64_t half[2];

    (void)spec;
    if (!uuid_halves(token, half) || (half[0] >> 12 & 0xf) != 8 || half[1] >> 62 != 2)
        return false;
    ret->digit[0] = half[0] >> 24;
    ret->digit[1] =
        (half[0] >> 16 & 0xff) << 33 | (half[0] & 0xfff) << 21 | (half[1] >> 41 & 0x1fffff);
    ret->digit[2] = half[1] & ((UINT64_C(1) << UUID_CHECK_BITS) - 1);
    ret->count = 3;
    vault__format_one_shape(ret_shape);
    return true;
}

const struct format_kind vault__format_uuid = {
    .name = "uuid",
    .shape = uuid_shape,
    .places = uuid_places,
    .write = uuid_write,
    .read = uuid_read,
};

/* ---- ipv4 ---- */

/* RFC 1112 4 reserves 240.0.0.0/4; 255.255.255.255 is the broadcast address (RFC 919) and left out. */
static const uint32_t RESERVED_BASE = 0xf0000000;
static const uint32_t RESERVED_SIZE = 0x0fffffff;
/* RFC 5737: for documentation, not routed. */
static const uint32_t DOCUMENTATION[] = {0xc0000200, 0xc6336400, 0xcb007100};

enum { NET_SIZE = 256, NET_COUNT = 3, IPV4_TEXT_MAX = 16 };

static bool ipv4_address(struct span text, uint32_t *ret)
{
    char string[IPV4_TEXT_MAX];
    struct in_addr address;

    /* inet_pton() takes four decimal numbers without leading zeroes, nothing else. */
    if (!as_string(text, string, sizeof(string)) || inet_pton(AF_INET, string, &address) != 1)
        return false;
    *ret = ntohl(address.s_addr);
    return true;
}

static enum err ipv4_shape(const struct format_spec *spec, enum value_kind kind, struct span value,
                           struct format_shape *ret)
{
    uint32_t address;

    (void)spec, (void)kind;
    if (!ipv4_address(value, &address))
        return ERR_UNPROCESSABLE;
    vault__format_one_shape(ret);
    return ERR_OK;
}

static bool ipv4_places(const struct format_spec *spec, const struct format_shape *shape,
                        struct format_places *ret)
{
    bool documentation = spec->range == FORMAT_RANGE_DOCUMENTATION;

    vault__format_places_add(ret, 1, documentation ? NET_COUNT * NET_SIZE : RESERVED_SIZE);
    return vault__format_is_one_shape(shape);
}

static void ipv4_write(const struct format_spec *spec, const struct format_places *places,
                       struct span value, struct token_text *ret)
{
    uint32_t n = (uint32_t)places->digit[0], address = RESERVED_BASE + n;
    char text[IPV4_TEXT_MAX];

    (void)value;
    if (spec->range == FORMAT_RANGE_DOCUMENTATION)
        address = DOCUMENTATION[n / NET_SIZE] + n % NET_SIZE;
    (void)snprintf(text, sizeof(text), "%u.%u.%u.%u", address >> 24, address >> 16 & 0xff,
                   address >> 8 & 0xff, address & 0xff);
    format_put_text(ret, text);
}

static bool ipv4_read(const struct format_spec *spec, struct span token,
                      struct format_shape *ret_shape, struct format_places *ret)
{
    uint32_t address, net = 0;

    if (!ipv4_address(token, &address))
        return false;
    if (spec->range == FORMAT_RANGE_DOCUMENTATION) {
        while (net < NET_COUNT && address - DOCUMENTATION[net] >= NET_SIZE)
            net++;
        if (net == NET_COUNT)
            return false;
        ret->digit[0] = net * NET_SIZE + (address - DOCUMENTATION[net]);
    } else {
        if (address < RESERVED_BASE)
            return false;
        ret->digit[0] = address - RESERVED_BASE; /* the last one is past the radix */
    }
    ret->count = 1;
    vault__format_one_shape(ret_shape);
    return true;
}

const struct format_kind vault__format_ipv4 = {
    .name = "ipv4",
    .shape = ipv4_shape,
    .places = ipv4_places,
    .write = ipv4_write,
    .read = ipv4_read,
};

/* ---- ipv6 ---- */

/* RFC 3849: 2001:db8::/32 is for documentation, not routed. 40 bits number, 56 bits check follow. */
static const uint8_t IPV6_PREFIX[4] = {0x20, 0x01, 0x0d, 0xb8};

enum { IPV6_BYTES = 16, IPV6_NUMBER_BYTES = 5, IPV6_CHECK_BYTES = 7 };

static bool ipv6_address(struct span text, uint8_t address[IPV6_BYTES])
{
    char string[INET6_ADDRSTRLEN];

    return as_string(text, string, sizeof(string)) && inet_pton(AF_INET6, string, address) == 1;
}

/* Fields of addresses often hold either kind, so an IPv4 address has an IPv6 token, too. */
static enum err ipv6_shape(const struct format_spec *spec, enum value_kind kind, struct span value,
                           struct format_shape *ret)
{
    uint8_t address[IPV6_BYTES];
    uint32_t older;

    (void)spec, (void)kind;
    if (!ipv6_address(value, address) && !ipv4_address(value, &older))
        return ERR_UNPROCESSABLE;
    vault__format_one_shape(ret);
    return ERR_OK;
}

static bool ipv6_places(const struct format_spec *spec, const struct format_shape *shape,
                        struct format_places *ret)
{
    (void)spec;
    vault__format_places_add(ret, 1, UINT64_C(1) << (8 * IPV6_NUMBER_BYTES));
    vault__format_places_add(ret, 1, UINT64_C(1) << (8 * IPV6_CHECK_BYTES));
    return vault__format_is_one_shape(shape);
}

static void put_be(uint8_t *to, uint64_t n, size_t bytes)
{
    while (bytes > 0) {
        to[--bytes] = (uint8_t)n;
        n >>= 8;
    }
}

static uint64_t get_be(const uint8_t *from, size_t bytes)
{
    uint64_t n = 0;

    for (size_t i = 0; i < bytes; i++)
        n = n << 8 | from[i];
    return n;
}

static void ipv6_write(const struct format_spec *spec, const struct format_places *places,
                       struct span value, struct token_text *ret)
{
    uint8_t address[IPV6_BYTES];
    char text[INET6_ADDRSTRLEN];

    (void)spec, (void)value;
    memcpy(address, IPV6_PREFIX, sizeof(IPV6_PREFIX));
    put_be(address + 4, places->digit[0], IPV6_NUMBER_BYTES);
    put_be(address + 9, places->digit[1], IPV6_CHECK_BYTES);
    /* Lower case, the longest run of zeroes shortened: RFC 5952 4. */
    if (inet_ntop(AF_INET6, address, text, sizeof(text)) != NULL)
        format_put_text(ret, text);
}

static bool ipv6_read(const struct format_spec *spec, struct span token,
                      struct format_shape *ret_shape, struct format_places *ret)
{
    uint8_t address[IPV6_BYTES];

    (void)spec;
    if (!ipv6_address(token, address) || memcmp(address, IPV6_PREFIX, sizeof(IPV6_PREFIX)) != 0)
        return false;
    ret->digit[0] = get_be(address + 4, IPV6_NUMBER_BYTES);
    ret->digit[1] = get_be(address + 9, IPV6_CHECK_BYTES);
    ret->count = 2;
    vault__format_one_shape(ret_shape);
    return true;
}

const struct format_kind vault__format_ipv6 = {
    .name = "ipv6",
    .shape = ipv6_shape,
    .places = ipv6_places,
    .write = ipv6_write,
    .read = ipv6_read,
};
