/* SPDX-License-Identifier: Apache-2.0 */
/* Socket addresses of upstreams, ranges of them, and which of them belong to the public Internet. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/err.h"

enum { ADDRESS_TEXT_MAX = 64 };

struct upstream_address {
    struct sockaddr_storage address;
    socklen_t len;
    uint16_t server; /* which of the configured names gave it */
};

/* "10.0.0.4:8080", "[2001:db8::1]:443"; "?" for another family. */
void address_write(const struct upstream_address *a, char out[ADDRESS_TEXT_MAX]);
/* The same address and port? */
bool address_equal(const struct upstream_address *a, const struct upstream_address *b);
/* Is it an IPv4 or IPv6 address as text, without brackets, and no name? */
bool address_is_literal(const char *host);

/* A range of addresses. */
struct cidr {
    int family; /* AF_INET, AF_INET6 */
    uint8_t bytes[16];
    uint8_t bits;
};

/* "10.0.0.0/8", "fd00::/8", "192.0.2.7". INVALID for anything else, also for bits set behind the
 * prefix: that is a slip of the pen. */
enum err cidr_read(const char *text, struct cidr *ret) MUST_CHECK;
/* An IPv4 address that is written as an IPv6 one is in no IPv4 range. */
bool cidr_has(const struct cidr *range, const struct upstream_address *a);

/* May a request that leaves the house go there? True for global unicast addresses only: not for this
 * host, private networks, link-local ones (where clouds keep the credentials of machines), carriers' and
 * test networks, documentation, multicast, and not for IPv4 addresses that hide in IPv6 ones. */
bool address_is_public(const struct upstream_address *a);
