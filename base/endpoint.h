/* SPDX-License-Identifier: Apache-2.0 */
/* Socket addresses of upstreams, and which of them belong to the public Internet. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

enum { ENDPOINT_TEXT_MAX = 64 };

struct upstream_address {
    struct sockaddr_storage address;
    socklen_t len;
    uint16_t server; /* which of the configured names gave it */
};

/* "10.0.0.4:8080", "[2001:db8::1]:443"; "?" for another family. */
void endpoint_write(const struct upstream_address *a, char out[ENDPOINT_TEXT_MAX]);
/* The same address and port? */
bool endpoint_equal(const struct upstream_address *a, const struct upstream_address *b);
/* Is it an IPv4 or IPv6 address as text, without brackets, and no name? */
bool endpoint_is_literal(const char *host);

/* An IPv4 address as the socket address of IPv6 (::ffff:10.0.0.1): no name server has a reason to say so. */
bool endpoint_is_mapped(const struct upstream_address *a);
/* Does it stay on this host? */
bool endpoint_is_loopback(const struct upstream_address *a);
/* May a request that leaves the house go there? True for global unicast addresses only: not for this
 * host, private networks, link-local ones (where clouds keep the credentials of machines), carriers' and
 * test networks, documentation, multicast, and not for IPv4 addresses that hide in IPv6 ones. */
bool endpoint_is_public(const struct upstream_address *a);
