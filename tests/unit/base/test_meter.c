/* SPDX-License-Identifier: Apache-2.0 */
/* Connections and requests, counted for each client and caller. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "base/mem.h"
#include "base/secret.h"
#include "base/meter.h"

TestSuite(meter, .init = secret_start, .timeout = 60);

static struct meter_key client(const char *text)
{
    struct address a;

    cr_assert_eq(address_parse(span_str(text), &a), ERR_OK);
    return meter_client(&a);
}

static struct meter_key numbered(unsigned n)
{
    char text[32];

    (void)snprintf(text, sizeof(text), "10.%u.%u.%u", n >> 16 & 255, n >> 8 & 255, n & 255);
    return client(text);
}

Test(meter, counts_connections_of_each_client)
{
    AUTO(meters_free) struct meters *m = meters_new(100);
    struct meter_key a = client("192.0.2.1"), b = client("192.0.2.2");

    cr_expect(meters_connect(m, &a, 2));
    cr_expect(meters_connect(m, &a, 2));
    cr_expect_not(meters_connect(m, &a, 2));
    cr_expect(meters_connect(m, &b, 2), "others are not meant");
    meters_disconnect(m, &a);
    cr_expect(meters_connect(m, &a, 2));
}

Test(meter, takes_a_network_for_one_client)
{
    AUTO(meters_free) struct meters *m = meters_new(100);
    struct meter_key a = client("2001:db8:0:1::1"), b = client("2001:db8:0:1:ffff::2"),
                     c = client("2001:db8:0:2::1"), d = client("::ffff:192.0.2.1"),
                     e = client("192.0.2.1"), f = client("192.0.2.2");

    cr_expect(meters_connect(m, &a, 1));
    cr_expect_not(meters_connect(m, &b, 1), "the same /64");
    cr_expect(meters_connect(m, &c, 1));
    cr_expect(meters_connect(m, &d, 1));
    cr_expect_not(meters_connect(m, &e, 1), "the same address");
    cr_expect(meters_connect(m, &f, 1), "IPv4 addresses share a /64 of IPv6");
}

Test(meter, lets_a_burst_pass_and_then_a_rate)
{
    AUTO(meters_free) struct meters *m = meters_new(100);
    const struct meter_rate rate = {.requests = 10, .per_ms = 1000, .burst = 3};
    struct meter_key a = client("192.0.2.1"), b = client("192.0.2.2");
    const int64_t now = 5000;

    for (int i = 0; i < 3; i++)
        cr_expect_eq(meters_take(m, &a, &rate, now), 0);
    cr_expect_eq(meters_take(m, &a, &rate, now), 100);
    cr_expect_eq(meters_take(m, &a, &rate, now + 40), 60, "waiting is not punished");
    cr_expect_eq(meters_take(m, &b, &rate, now), 0);
    cr_expect_eq(meters_take(m, &a, &rate, now + 100), 0);
    cr_expect_eq(meters_take(m, &a, &rate, now + 100), 100);
    for (int i = 0; i < 3; i++)
        cr_expect_eq(meters_take(m, &a, &rate, now + 100000), 0, "full again, and no fuller");
    cr_expect_eq(meters_take(m, &a, &rate, now + 100000), 100);
}

Test(meter, knows_slow_rates)
{
    AUTO(meters_free) struct meters *m = meters_new(100);
    const struct meter_rate rate = {.requests = 1, .per_ms = 86400000, .burst = 1};
    struct meter_key a = meter_caller(7), b = meter_caller(8);

    cr_expect_eq(meters_take(m, &a, &rate, 0), 0);
    cr_expect_eq(meters_take(m, &a, &rate, 1), 86399999);
    cr_expect_eq(meters_take(m, &b, &rate, 1), 0);
}

Test(meter, counts_what_was_taken_at_another_rate)
{
    AUTO(meters_free) struct meters *m = meters_new(100);
    const struct meter_rate slow = {.requests = 30, .per_ms = 60000, .burst = 100},
                            fast = {.requests = 1000, .per_ms = 1000, .burst = 1000};
    struct meter_key a = client("192.0.2.1"), b = client("192.0.2.2");
    const int64_t now = 5000;

    for (int i = 0; i < 100; i++)
        cr_assert_eq(meters_take(m, &a, &slow, now), 0);
    cr_expect_eq(meters_take(m, &a, &slow, now), 2000);
    for (int i = 0; i < 900; i++)
        cr_assert_eq(meters_take(m, &a, &fast, now), 0, "%d", i);
    cr_expect_eq(meters_take(m, &a, &fast, now), 1);
    for (int i = 0; i < 1000; i++)
        cr_assert_eq(meters_take(m, &b, &fast, now), 0);
    cr_expect_eq(meters_take(m, &b, &slow, now), 2000, "an empty bucket, not a longer debt");
}

Test(meter, has_no_limit_without_a_rate)
{
    AUTO(meters_free) struct meters *m = meters_new(100);
    const struct meter_rate none = {.requests = 0};
    struct meter_key a = meter_caller(0);

    for (int i = 0; i < 1000; i++)
        cr_expect_eq(meters_take(m, &a, &none, 0), 0);
}

Test(meter, E85_keeps_to_its_room)
{
    enum { ROOM = 64, CLIENTS = 10000 };
    AUTO(meters_free) struct meters *m = meters_new(ROOM);
    const struct meter_rate rate = {.requests = 1, .per_ms = 1000, .burst = 1};
    size_t connected = 0;

    for (unsigned i = 0; i < CLIENTS; i++) {
        struct meter_key key = numbered(i);

        cr_expect_eq(meters_take(m, &key, &rate, 0), 0);
    }
    for (unsigned i = 0; i < CLIENTS; i++) {
        struct meter_key key = numbered(i);

        connected += meters_connect(m, &key, 1);
    }
    cr_expect_geq(connected, ROOM);
    cr_expect_leq(connected, ROOM + 16, "who is connected stays, and the others find no room");
    for (unsigned i = 0; i < CLIENTS; i++) {
        struct meter_key key = numbered(i);

        cr_expect_not(meters_connect(m, &key, 1), "no room, or one already");
    }
}

Test(meter, forgets_who_was_seen_longest_ago)
{
    enum { ROOM = 160 };
    AUTO(meters_free) struct meters *m = meters_new(ROOM);
    const struct meter_rate rate = {.requests = 1, .per_ms = 1000000, .burst = 1};
    struct meter_key often = client("192.0.2.1");

    cr_expect_eq(meters_take(m, &often, &rate, 0), 0);
    for (unsigned i = 0; i < 10 * ROOM; i++) {
        struct meter_key key = numbered(i);

        cr_expect_eq(meters_take(m, &key, &rate, 0), 0);
        cr_assert_gt(meters_take(m, &often, &rate, 0), 0, "forgotten after %u others", i);
    }
}
