/* SPDX-License-Identifier: Apache-2.0 */
/* Which addresses are public, which are in a range, and how they are written. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <string.h>

#include "base/mem.h"
#include "proxy/address.h"

TestSuite(address, .timeout = 30);

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

Test(address, is_public_only_where_it_belongs_to_the_internet)
{
    static const char *const public[] = {
        "1.1.1.1",         "9.255.255.255",   "11.0.0.0",      "100.63.255.255", "100.128.0.0",
        "126.255.255.255", "128.0.0.1",       "169.253.0.1",   "169.255.0.1",    "172.15.255.255",
        "172.32.0.0",      "192.0.1.0",       "192.167.0.1",   "192.169.0.1",    "198.17.255.255",
        "198.20.0.0",      "223.255.255.1",   "168.63.129.17", "2600::1",        "2a00:1450::8a",
        "2001:200::1",     "64:ff9b::101:101"};

    for (size_t i = 0; i < COUNT_OF(public); i++) {
        struct upstream_address a = address_of(public[i], 443);

        cr_expect(address_is_public(&a), "%s", public[i]);
    }
}

Test(address, E74_is_not_public_on_this_host_in_private_networks_or_at_metadata_services)
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

        cr_expect_not(address_is_public(&a), "%s", others[i]);
    }
    cr_expect_not(address_is_public(&local));
}

Test(address, is_in_a_range)
{
    static const struct {
        const char *range, *address;
        bool in;
    } cases[] = {
        {"10.0.0.0/8", "10.255.0.1", true},
        {"10.0.0.0/8", "11.0.0.1", false},
        {"10.20.0.0/15", "10.21.255.255", true},
        {"10.20.0.0/15", "10.22.0.0", false},
        {"192.0.2.7", "192.0.2.7", true},
        {"192.0.2.7", "192.0.2.8", false},
        {"0.0.0.0/0", "203.0.113.1", true},
        {"0.0.0.0/0", "::1", false},
        {"10.0.0.0/8", "::ffff:10.0.0.1", false},
        {"::ffff:10.0.0.0/104", "::ffff:10.1.1.1", true},
        {"fd00::/8", "fdff::1", true},
        {"fd00::/8", "fe00::1", false},
        {"2001:db8::/33", "2001:db8:7fff::1", true},
        {"2001:db8::/33", "2001:db8:8000::1", false},
        {"::1", "::1", true},
        {"::/0", "127.0.0.1", false},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct upstream_address a = address_of(cases[i].address, 80);
        struct cidr range;

        cr_assert_eq(cidr_read(cases[i].range, &range), ERR_OK, "%s", cases[i].range);
        cr_expect_eq(cidr_has(&range, &a), cases[i].in, "%s in %s", cases[i].address,
                     cases[i].range);
    }
}

Test(address, refuses_ranges_that_are_none)
{
    static const char *const wrong[] = {"",
                                        "10",
                                        "10.0.0.0/",
                                        "10.0.0.0/33",
                                        "10.0.0.0/-1",
                                        "10.0.0.0/8x",
                                        "/8",
                                        "10.0.0.1/8",
                                        "fd00::/129",
                                        "fd00::1/64",
                                        "localhost",
                                        "10.0.0.0/0008",
                                        "::1%lo",
                                        "1.2.3.4.5/8",
                                        "10.0.0.0 /8",
                                        "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb"};
    struct cidr range;

    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        cr_expect_eq(cidr_read(wrong[i], &range), ERR_INVALID, "%s", wrong[i]);
}

Test(address, is_written_with_its_port)
{
    struct upstream_address v4 = address_of("192.0.2.1", 8080), v6 = address_of("2001:db8::1", 443),
                            other = {.address.ss_family = AF_UNIX, .len = 2};
    char text[ADDRESS_TEXT_MAX];

    address_write(&v4, text);
    cr_expect_str_eq(text, "192.0.2.1:8080");
    address_write(&v6, text);
    cr_expect_str_eq(text, "[2001:db8::1]:443");
    address_write(&other, text);
    cr_expect_str_eq(text, "?");
}

Test(address, is_equal_with_the_same_port_only)
{
    struct upstream_address a = address_of("192.0.2.1", 80), b = address_of("192.0.2.1", 80),
                            c = address_of("192.0.2.1", 81), d = address_of("::1", 80),
                            e = {.address.ss_family = AF_UNIX, .len = 2};

    b.server = 3;
    cr_expect(address_equal(&a, &b));
    cr_expect_not(address_equal(&a, &c));
    cr_expect_not(address_equal(&a, &d));
    cr_expect_not(address_equal(&a, &e));
    cr_expect(address_equal(&e, &e));
}

Test(address, is_told_from_a_name)
{
    cr_expect(address_is_literal("127.0.0.1"));
    cr_expect(address_is_literal("::1"));
    cr_expect_not(address_is_literal("localhost"));
    cr_expect_not(address_is_literal("127.1"));
    cr_expect_not(address_is_literal("[::1]"));
}
