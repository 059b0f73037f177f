/* SPDX-License-Identifier: Apache-2.0 */
/* E07: what proxies in front say, and how far it is believed. */
#include <criterion/criterion.h>
#include <string.h>

#include "proxy/edge.h"

TestSuite(edge, .timeout = 30);

struct rig {
    h2o_mem_pool_t pool;
    h2o_headers_t headers;
    struct network networks[2];
    struct edge_trust trust;
    struct edge_client client;
};

static void start(struct rig *r)
{
    memset(r, 0, sizeof(*r));
    h2o_mem_init_pool(&r->pool);
    cr_assert_eq(network_parse(SPAN_LIT("10.0.0.0/8"), &r->networks[0]), ERR_OK);
    cr_assert_eq(network_parse(SPAN_LIT("2001:db8:ed::/48"), &r->networks[1]), ERR_OK);
    r->trust.networks = r->networks;
    r->trust.count = 2;
    cr_assert_eq(address_parse(SPAN_LIT("10.0.0.1"), &r->client.address), ERR_OK);
}

static void add(struct rig *r, const char *name, const char *value)
{
    h2o_add_header_by_str(&r->pool, &r->headers, name, strlen(name), 1, NULL, value, strlen(value));
}

/* Read; the client's address as text. */
static const char *read_edge(struct rig *r)
{
    static char text[ADDRESS_TEXT_MAX + 1];

    cr_assert_eq(edge_read(&r->trust, &r->headers, &r->client), ERR_OK);
    text[address_write(&r->client.address, text)] = '\0';
    return text;
}

static void end(struct rig *r)
{
    h2o_mem_clear_pool(&r->pool);
}

Test(edge, trusts_its_networks_only)
{
    struct rig r;
    struct address in, out;

    start(&r);
    cr_assert_eq(address_parse(SPAN_LIT("10.200.0.1"), &in), ERR_OK);
    cr_assert_eq(address_parse(SPAN_LIT("11.0.0.1"), &out), ERR_OK);
    cr_expect(edge_trusts(&r.trust, &in));
    cr_expect_not(edge_trusts(&r.trust, &out));
    r.trust.count = 0;
    cr_expect_not(edge_trusts(&r.trust, &in));
    end(&r);
}

Test(edge, finds_the_client_right_of_what_the_client_said)
{
    static const struct {
        const char *lines[2], *client;
    } cases[] = {
        {{"192.0.2.1"}, "192.0.2.1"},
        {{"203.0.113.9, 192.0.2.1"}, "192.0.2.1"},
        {{"203.0.113.9,192.0.2.1 ,\t10.0.0.2"}, "192.0.2.1"},
        {{"192.0.2.1, 10.0.0.3", "10.0.0.2"}, "192.0.2.1"},
        {{"203.0.113.9", "192.0.2.1"}, "192.0.2.1"},
        {{"10.0.0.4, 10.0.0.3"}, "10.0.0.4"}, /* all of them proxies: the first is the client */
        {{"2001:db8::7"}, "2001:db8::7"},
        {{"[2001:db8::7]:443, 2001:db8:ed::1"}, "2001:db8::7"},
        {{"192.0.2.1:4711"}, "192.0.2.1"},
        {{""}, "10.0.0.1"},
        {{"unknown"}, "10.0.0.1"},
        {{"192.0.2.1, nonsense"}, "10.0.0.1"}, /* not believed past what is not understood */
        {{"192.0.2.1, , 10.0.0.2"}, "10.0.0.2"},
        {{"192.0.2.1,"}, "10.0.0.1"},
        {{"192.0.2.1:x"}, "10.0.0.1"},
        {{"192.0.2.1:"}, "10.0.0.1"},
        {{"[192.0.2.1"}, "10.0.0.1"},
        {{"[2001:db8::7]x"}, "10.0.0.1"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct rig r;

        start(&r);
        for (size_t j = 0; j < 2 && cases[i].lines[j] != NULL; j++)
            add(&r, "x-forwarded-for", cases[i].lines[j]);
        cr_expect_str_eq(read_edge(&r), cases[i].client, "%s", cases[i].lines[0]);
        end(&r);
    }
}

Test(edge, reads_the_scheme)
{
    struct rig r;

    start(&r);
    r.client.https = true;
    cr_expect_str_eq(read_edge(&r), "10.0.0.1");
    cr_expect(r.client.https, "without a word the connection's own");
    add(&r, "x-forwarded-proto", "http");
    (void)read_edge(&r);
    cr_expect_not(r.client.https);
    end(&r);
    start(&r);
    add(&r, "x-forwarded-proto", "HTTPS");
    (void)read_edge(&r);
    cr_expect(r.client.https);
    add(&r, "x-forwarded-proto", "https");
    cr_expect_eq(edge_read(&r.trust, &r.headers, &r.client), ERR_INVALID, "two of them");
    end(&r);
    start(&r);
    add(&r, "x-forwarded-proto", "gopher");
    cr_expect_eq(edge_read(&r.trust, &r.headers, &r.client), ERR_INVALID);
    end(&r);
}

Test(edge, reads_forwarded_where_that_is_what_proxies_write)
{
    static const struct {
        const char *line, *client;
        bool https;
    } cases[] = {
        {"for=192.0.2.1", "192.0.2.1", false},
        {"For=\"192.0.2.1:80\";Proto=https;by=10.0.0.1", "192.0.2.1", true},
        {"for=203.0.113.9;proto=https, for=192.0.2.1;proto=http", "192.0.2.1", false},
        {"for=192.0.2.1;proto=https, proto=http; for=10.0.0.2", "192.0.2.1", true},
        {"proto=https;for=\"[2001:db8::7]:4711\"", "2001:db8::7", true},
        {"for=_hidden;proto=https", "10.0.0.1", true},
        {"by=10.0.0.2", "10.0.0.1", false},
        {"for", "10.0.0.1", false},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct rig r;

        start(&r);
        r.trust.header = EDGE_FORWARDED;
        add(&r, "x-forwarded-for", "203.0.113.66"); /* the client's own words */
        add(&r, "x-forwarded-proto", "nonsense");
        add(&r, "forwarded", cases[i].line);
        cr_expect_str_eq(read_edge(&r), cases[i].client, "%s", cases[i].line);
        cr_expect_eq(r.client.https, cases[i].https, "%s", cases[i].line);
        end(&r);
    }
}

Test(edge, does_not_look_at_the_other_header)
{
    struct rig r;

    start(&r);
    add(&r, "forwarded", "for=203.0.113.66;proto=https");
    cr_expect_str_eq(read_edge(&r), "10.0.0.1");
    cr_expect_not(r.client.https);
    end(&r);
}

Test(edge, hands_a_certificate_over)
{
    static char name[] = "x-client-cert";
    struct rig r;

    start(&r);
    add(&r, "x-client-cert", "PEM");
    (void)read_edge(&r);
    cr_expect_null(r.client.certificate.at, "nobody asked for it");
    r.trust.certificate_header = name;
    (void)read_edge(&r);
    cr_expect(span_equal(r.client.certificate, SPAN_LIT("PEM")));
    add(&r, "x-client-cert", "PEM");
    cr_expect_eq(edge_read(&r.trust, &r.headers, &r.client), ERR_INVALID, "two of them");
    end(&r);
    start(&r);
    r.trust.certificate_header = name;
    add(&r, "x_client_cert", "PEM");
    cr_expect_eq(edge_read(&r.trust, &r.headers, &r.client), ERR_INVALID, "no proxy's spelling");
    end(&r);
}
