/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses and networks.
 * Runs on: any thread. Holds: nothing. Invariant: two spellings of one address are equal bytes. Not
 * here: who may say whose address it is (edge.c). */
#include "base/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

enum { MAPPED_PREFIX = 12, V4_BITS_BEFORE = 96, ALL_BITS = 128 };

static const uint8_t mapped[MAPPED_PREFIX] = {[10] = 0xff, [11] = 0xff};

struct address address_of_v4(const void *bytes)
{
    struct address a = {.known = true};

    memcpy(a.bytes, mapped, MAPPED_PREFIX);
    memcpy(a.bytes + MAPPED_PREFIX, bytes, 4);
    return a;
}

struct address address_of_v6(const void *bytes)
{
    struct address a = {.known = true};

    memcpy(a.bytes, bytes, sizeof(a.bytes));
    return a;
}

enum err address_parse(struct span text, struct address *ret)
{
    char copy[ADDRESS_TEXT_MAX];
    uint8_t bytes[16];

    if (text.len == 0 || text.len >= sizeof(copy) || memchr(text.at, '\0', text.len) != NULL)
        return ERR_INVALID;
    memcpy(copy, text.at, text.len);
    copy[text.len] = '\0';
    if (inet_pton(AF_INET, copy, bytes) == 1)
        *ret = address_of_v4(bytes);
    else if (inet_pton(AF_INET6, copy, bytes) == 1)
        *ret = address_of_v6(bytes);
    else
        return ERR_INVALID;
    return ERR_OK;
}

struct address address_of(const struct sockaddr *sa)
{
    if (sa->sa_family == AF_INET)
        return address_of_v4(&((const struct sockaddr_in *)(const void *)sa)->sin_addr);
    if (sa->sa_family == AF_INET6)
        return address_of_v6(&((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr);
    return (struct address){.known = false};
}

static bool is_mapped(const uint8_t bytes[16])
{
    return memcmp(bytes, mapped, MAPPED_PREFIX) == 0;
}

size_t address_write(const struct address *address, char out[ADDRESS_TEXT_MAX])
{
    static const char unknown[] = "unknown";
    const char *text;

    if (!address->known) {
        memcpy(out, unknown, sizeof(unknown) - 1);
        return sizeof(unknown) - 1;
    }
    text = is_mapped(address->bytes)
               ? inet_ntop(AF_INET, address->bytes + MAPPED_PREFIX, out, ADDRESS_TEXT_MAX)
               : inet_ntop(AF_INET6, address->bytes, out, ADDRESS_TEXT_MAX);
    return text == NULL ? 0 : strlen(text);
}

bool address_equal(const struct address *a, const struct address *b)
{
    return a->known == b->known && memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

/* ---- networks ---- */

static bool same_prefix(const uint8_t *a, const uint8_t *b, unsigned bits)
{
    unsigned whole = bits / 8, rest = bits % 8;

    return memcmp(a, b, whole) == 0 &&
           (rest == 0 || (uint8_t)((a[whole] ^ b[whole]) >> (8 - rest)) == 0);
}

/* Digits without a leading zero, at most `most`. */
static enum err read_bits(struct span text, unsigned most, unsigned *ret)
{
    unsigned n = 0;

    if (text.len == 0 || text.len > 3 || (text.at[0] == '0' && text.len > 1))
        return ERR_INVALID;
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return ERR_INVALID;
        n = n * 10 + (unsigned)(text.at[i] - '0');
    }
    if (n > most)
        return ERR_INVALID;
    *ret = n;
    return ERR_OK;
}

enum err network_parse(struct span text, struct network *ret)
{
    const char *slash = text.len == 0 ? NULL : memchr(text.at, '/', text.len);
    size_t len = slash == NULL ? text.len : (size_t)(slash - text.at);
    unsigned before, bits;
    struct address base;
    uint8_t cleared[16] = {0};
    enum err e = address_parse(span_of(text.at, len), &base);

    if (e != ERR_OK)
        return e;
    before = memchr(text.at, ':', len) == NULL ? V4_BITS_BEFORE : 0;
    bits = ALL_BITS - before;
    if (slash != NULL)
        e = read_bits(span_of(slash + 1, text.len - len - 1), ALL_BITS - before, &bits);
    if (e != ERR_OK)
        return e;
    bits += before;
    memcpy(cleared, base.bytes, bits / 8);
    if (bits % 8 != 0)
        cleared[bits / 8] = (uint8_t)(base.bytes[bits / 8] & (0xff00 >> (bits % 8)));
    if (memcmp(cleared, base.bytes, sizeof(cleared)) != 0)
        return ERR_INVALID; /* 10.1.2.3/8: which of the two was meant? */
    memcpy(ret->base, base.bytes, sizeof(ret->base));
    ret->bits = (uint8_t)bits;
    return ERR_OK;
}

size_t network_write(const struct network *network, char out[NETWORK_TEXT_MAX])
{
    const bool v4 = is_mapped(network->base) && network->bits >= V4_BITS_BEFORE;
    struct address base = {.known = true};
    char text[ADDRESS_TEXT_MAX];
    size_t len;

    memcpy(base.bytes, network->base, sizeof(base.bytes));
    len = address_write(&base, text);
    return (size_t)snprintf(out, NETWORK_TEXT_MAX, "%.*s/%d", (int)len, text,
                            network->bits - (v4 ? V4_BITS_BEFORE : 0));
}

bool network_has(const struct network *network, const struct address *address)
{
    return address->known && same_prefix(network->base, address->bytes, network->bits);
}
