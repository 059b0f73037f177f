/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses and networks. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <string.h>

#include "base/mem.h"
#include "base/address.h"

TestSuite(address, .timeout = 30);

static struct address must(const char *text)
{
    struct address a;

    cr_assert_eq(address_parse(span_str(text), &a), ERR_OK, "%s", text);
    return a;
}

static const char *text_of(const struct address *a)
{
    static char text[ADDRESS_TEXT_MAX + 1];

    text[address_write(a, text)] = '\0';
    return text;
}

Test(address, is_written_as_it_was_read)
{
    static const char *const texts[] = {"0.0.0.0", "192.0.2.1",   "255.255.255.255",     "::1",
                                        "::",      "2001:db8::1", "2001:db8:1:2:3:4:5:6"};

    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct address a = must(texts[i]);

        cr_expect_str_eq(text_of(&a), texts[i]);
    }
}

Test(address, has_one_form)
{
    struct address a = must("192.0.2.1"), b = must("::ffff:192.0.2.1"), c = must("2001:DB8::1"),
                   d = must("2001:db8:0:0:0::1");

    cr_expect(address_equal(&a, &b));
    cr_expect(address_equal(&c, &d));
    cr_expect_not(address_equal(&a, &c));
    cr_expect_str_eq(text_of(&b), "192.0.2.1");
}

Test(address, is_nothing_else)
{
    static const char *const texts[] = {"",
                                        " ",
                                        "1.2.3",
                                        "1.2.3.256",
                                        "1.2.3.4 ",
                                        "01.2.3.4",
                                        "1.2.3.4/8",
                                        "[::1]",
                                        "::1%lo",
                                        "unknown",
                                        "localhost",
                                        ":::",
                                        "2001:db8::1::2",
                                        "1111:2222:3333:4444:5555:6666:7777:8888:9999"};
    struct address a;

    for (size_t i = 0; i < COUNT_OF(texts); i++)
        cr_expect_eq(address_parse(span_str(texts[i]), &a), ERR_INVALID, "%s", texts[i]);
    cr_expect_eq(address_parse(SPAN_LIT("1.2.3.4\0"), &a), ERR_INVALID);
    cr_expect_eq(address_parse(SPAN_NONE, &a), ERR_INVALID);
}

Test(address, comes_from_sockets)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    struct sockaddr other = {.sa_family = AF_UNIX};
    struct address a, b;

    cr_assert_eq(inet_pton(AF_INET, "198.51.100.7", &v4.sin_addr), 1);
    cr_assert_eq(inet_pton(AF_INET6, "::ffff:198.51.100.7", &v6.sin6_addr), 1);
    a = address_of((struct sockaddr *)&v4);
    b = address_of((struct sockaddr *)&v6);
    cr_expect_str_eq(text_of(&a), "198.51.100.7");
    cr_expect(address_equal(&a, &b));
    a = address_of(&other);
    cr_expect_not(a.known);
    cr_expect_str_eq(text_of(&a), "unknown");
}

Test(network, has_what_its_prefix_says)
{
    static const struct {
        const char *network, *in, *out;
    } cases[] = {
        {"10.0.0.0/8", "10.255.1.2", "11.0.0.0"},
        {"192.0.2.128/25", "192.0.2.128", "192.0.2.127"},
        {"192.0.2.4/31", "192.0.2.5", "192.0.2.6"},
        {"192.0.2.4", "192.0.2.4", "192.0.2.5"},
        {"0.0.0.0/0", "8.8.8.8", "2001:db8::1"},
        {"2001:db8::/32", "2001:db8:ffff::1", "2001:db9::"},
        {"2001:db8::/33", "2001:db8:7fff::", "2001:db8:8000::"},
        {"::1", "::1", "::2"},
        {"10.0.0.0/8", "::ffff:10.1.1.1", "::10.1.1.1"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct address in = must(cases[i].in), out = must(cases[i].out);
        struct network n;

        cr_assert_eq(network_parse(span_str(cases[i].network), &n), ERR_OK, "%s", cases[i].network);
        cr_expect(network_has(&n, &in), "%s has %s", cases[i].network, cases[i].in);
        cr_expect_not(network_has(&n, &out), "%s has not %s", cases[i].network, cases[i].out);
    }
}

Test(network, has_nobody_unknown)
{
    struct address nobody = {.known = false};
    struct network all;

    cr_assert_eq(network_parse(SPAN_LIT("::/0"), &all), ERR_OK);
    cr_expect_not(network_has(&all, &nobody));
}

Test(network, says_one_thing_only)
{
    static const char *const texts[] = {"",
                                        "/8",
                                        "10.0.0.0/",
                                        "10.0.0.0/33",
                                        "10.1.0.0/8",
                                        "10.0.0.0/08",
                                        "10.0.0.0/-1",
                                        "10.0.0.0/8/8",
                                        "::/129",
                                        "2001:db8::1/64",
                                        "::ffff:10.0.0.1/100",
                                        "ten"};
    struct network n;

    for (size_t i = 0; i < COUNT_OF(texts); i++)
        cr_expect_eq(network_parse(span_str(texts[i]), &n), ERR_INVALID, "%s", texts[i]);
}

Test(address, networks_are_written_as_they_are_read)
{
    static const char *const texts[] = {"10.0.0.0/8",    "192.0.2.1/32", "0.0.0.0/0",
                                        "2001:db8::/32", "::/0",         "2001:db8::1/128"};
    char out[NETWORK_TEXT_MAX];
    struct network network;

    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        cr_assert_eq(network_parse(span_str(texts[i]), &network), ERR_OK, "%s", texts[i]);
        cr_expect(span_equal(span_of(out, network_write(&network, out)), span_str(texts[i])), "%s",
                  texts[i]);
    }
}
