/* SPDX-License-Identifier: Apache-2.0 */
/* Which socket addresses are public, and how they are written. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <string.h>

#include "base/mem.h"
#include "base/endpoint.h"

TestSuite(endpoint, .timeout = 30);

static struct upstream_address address_of(const char *text, uint16_t port)
{
    struct upstream_address a = {.len = 0};
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};

    if (inet_pton(AF_INET, text, &in.sin_addr) == 1) {
        memcpy(&a.address, &in, sizeof(in));
        a.len = sizeof(in);
    } else {
        cr_assert_eq(inet_pton(AF_INET6, text, &in6.sin6_addr), 1, "%s", text);
        memcpy(&a.address, &in6, sizeof(in6));
        a.len = sizeof(in6);
    }
    return a;
}

Test(endpoint, is_public_only_where_it_belongs_to_the_internet)
{
    static const char *const public[] = {
        "1.1.1.1",         "9.255.255.255",   "11.0.0.0",      "100.63.255.255", "100.128.0.0",
        "126.255.255.255", "128.0.0.1",       "169.253.0.1",   "169.255.0.1",    "172.15.255.255",
        "172.32.0.0",      "192.0.1.0",       "192.167.0.1",   "192.169.0.1",    "198.17.255.255",
        "198.20.0.0",      "223.255.255.1",   "168.63.129.17", "2600::1",        "2a00:1450::8a",
        "2001:200::1",     "64:ff9b::101:101"};

    for (size_t i = 0; i < COUNT_OF(public); i++) {
        struct upstream_address a = address_of(public[i], 443);

        cr_expect(endpoint_is_public(&a), "%s", public[i]);
    }
}

Test(endpoint, E74_is_not_public_on_this_host_in_private_networks_or_at_metadata_services)
{
    static const char *const others[] = {"0.0.0.0",
                                         "0.1.2.3",
                                         "10.0.0.0",
                                         "10.255.255.255",
                                         "100.64.0.1",
                                         "100.100.100.200",
                                         "127.0.0.1",
                                         "127.255.255.255",
                                         "168.63.129.16",
                                         "169.254.169.254",
                                         "169.254.170.2",
                                         "172.16.0.1",
                                         "172.31.255.255",
                                         "192.0.0.192",
                                         "192.0.2.1",
                                         "192.88.99.1",
                                         "192.168.0.1",
                                         "198.18.0.1",
                                         "198.19.255.255",
                                         "198.51.100.1",
                                         "203.0.113.9",
                                         "224.0.0.1",
                                         "239.255.255.255",
                                         "240.0.0.1",
                                         "255.255.255.255",
                                         "::",
                                         "::1",
                                         "::127.0.0.1",
                                         "::ffff:1.1.1.1",
                                         "::ffff:127.0.0.1",
                                         "::ffff:169.254.169.254",
                                         "64:ff9b::a9fe:a9fe",
                                         "64:ff9b::7f00:1",
                                         "64:ff9b:1::1",
                                         "100::1",
                                         "2001::1",
                                         "2001:20::1",
                                         "2001:1ff::1",
                                         "2001:db8::1",
                                         "2002:7f00:1::1",
                                         "2002:101:101::1",
                                         "3fff::1",
                                         "4000::1",
                                         "fc00::1",
                                         "fd00:ec2::254",
                                         "fe80::1",
                                         "fec0::1",
                                         "ff02::1"};
    struct upstream_address local = {.address.ss_family = AF_UNIX, .len = 2};

    for (size_t i = 0; i < COUNT_OF(others); i++) {
        struct upstream_address a = address_of(others[i], 443);

        cr_expect_not(endpoint_is_public(&a), "%s", others[i]);
    }
    cr_expect_not(endpoint_is_public(&local));
}

Test(endpoint, is_written_with_its_port)
{
    struct upstream_address v4 = address_of("192.0.2.1", 8080), v6 = address_of("2001:db8::1", 443),
                            other = {.address.ss_family = AF_UNIX, .len = 2};
    char text[ENDPOINT_TEXT_MAX];

    endpoint_write(&v4, text);
    cr_expect_str_eq(text, "192.0.2.1:8080");
    endpoint_write(&v6, text);
    cr_expect_str_eq(text, "[2001:db8::1]:443");
    endpoint_write(&other, text);
    cr_expect_str_eq(text, "?");
}

Test(endpoint, is_equal_with_the_same_port_only)
{
    struct upstream_address a = address_of("192.0.2.1", 80), b = address_of("192.0.2.1", 80),
                            c = address_of("192.0.2.1", 81), d = address_of("::1", 80),
                            e = {.address.ss_family = AF_UNIX, .len = 2};

    b.server = 3;
    cr_expect(endpoint_equal(&a, &b));
    cr_expect_not(endpoint_equal(&a, &c));
    cr_expect_not(endpoint_equal(&a, &d));
    cr_expect_not(endpoint_equal(&a, &e));
    cr_expect(endpoint_equal(&e, &e));
}

Test(endpoint, is_told_from_a_name)
{
    cr_expect(endpoint_is_literal("127.0.0.1"));
    cr_expect(endpoint_is_literal("::1"));
    cr_expect_not(endpoint_is_literal("localhost"));
    cr_expect_not(endpoint_is_literal("127.1"));
    cr_expect_not(endpoint_is_literal("[::1]"));
}

Test(endpoint, tells_ipv4_addresses_that_are_written_as_ipv6_ones)
{
    struct upstream_address mapped = address_of("::ffff:10.0.0.1", 80),
                            v4 = address_of("10.0.0.1", 80), v6 = address_of("::10.0.0.1", 80);

    cr_expect(endpoint_is_mapped(&mapped));
    cr_expect_not(endpoint_is_mapped(&v4));
    cr_expect_not(endpoint_is_mapped(&v6));
}

Test(endpoint, is_loopback_only_where_nothing_leaves_this_host)
{
    static const char *const here[] = {"127.0.0.1", "127.255.0.9", "::1"};
    static const char *const others[] = {
        "126.255.255.255", "128.0.0.1", "0.0.0.0", "::", "::ffff:127.0.0.1", "::2", "10.0.0.1"};
    const struct upstream_address none = {.len = 0};

    for (size_t i = 0; i < COUNT_OF(here); i++) {
        const struct upstream_address a = address_of(here[i], 80);

        cr_expect(endpoint_is_loopback(&a), "%s", here[i]);
    }
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        const struct upstream_address a = address_of(others[i], 80);

        cr_expect_not(endpoint_is_loopback(&a), "%s", others[i]);
    }
    cr_expect_not(endpoint_is_loopback(&none));
}
