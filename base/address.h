/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses of clients, and networks of them. IPv4 is kept as IPv6 maps it (::ffff:a.b.c.d), so that
 * an address has one form whichever way it came. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/span.h"

struct sockaddr;

struct address {
    uint8_t bytes[16];
    bool known; /* false: nobody's; all bytes are zero */
};

/* Addresses whose first `bits` bits are those of base. */
struct network {
    uint8_t base[16];
    uint8_t bits;
};

enum { ADDRESS_TEXT_MAX = 46 };

/* "192.0.2.1" or "2001:db8::1", nothing before or after it. INVALID otherwise. */
enum err address_parse(struct span text, struct address *ret) MUST_CHECK;
/* From 4 and 16 bytes in network order. */
struct address address_of_v4(const void *bytes);
struct address address_of_v6(const void *bytes);
/* Unknown for other families than IPv4 and IPv6. */
struct address address_of(const struct sockaddr *sa);
/* The usual text without NUL; returns its length. "unknown" of an unknown address. */
size_t address_write(const struct address *address, char out[ADDRESS_TEXT_MAX]);
bool address_equal(const struct address *a, const struct address *b);

/* "10.0.0.0/8", "2001:db8::/32", or one address. INVALID: not that, or bits set beyond the prefix. */
enum err network_parse(struct span text, struct network *ret) MUST_CHECK;
enum { NETWORK_TEXT_MAX = ADDRESS_TEXT_MAX + 4 };
/* As network_parse() reads it, without NUL; returns its length. */
size_t network_write(const struct network *network, char out[NETWORK_TEXT_MAX]);
bool network_has(const struct network *network, const struct address *address);
