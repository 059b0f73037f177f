/* SPDX-License-Identifier: Apache-2.0 */
/* `trusted_proxies`, and where mistakes are said to be. */
#include <criterion/criterion.h>
#include <string.h>

#include "proxy/settings_priv.h"

TestSuite(settings_edge, .timeout = 30);

static enum err read_edge(const char *yaml, struct proxy_settings *settings, struct errmsg *msg)
{
    struct conf *conf = NULL;
    enum err e;

    memset(settings, 0, sizeof(*settings));
    e = conf_parse("f.yaml", span_str(yaml), &conf, msg);
    cr_assert_eq(e, ERR_OK, "%s", msg->text);
    e = settings_read_edge(conf_root(conf), settings, msg);
    conf_free(&conf);
    return e;
}

Test(settings_edge, trusts_nobody_by_itself)
{
    struct proxy_settings s;
    struct errmsg msg = {""};

    cr_assert_eq(read_edge("listen: []\n", &s, &msg), ERR_OK);
    cr_expect_eq(s.trust.count, 0);
    cr_expect_null(s.trust.certificate_header);
    settings_free_edge(&s);
}

Test(settings_edge, is_read)
{
    struct proxy_settings s;
    struct errmsg msg = {""};
    struct address a;

    cr_assert_eq(read_edge("trusted_proxies: [\"10.0.0.0/8\", \"::1\"]\n"
                           "forwarded_header: Forwarded\n"
                           "client_certificate_header: X-Client-Cert\n",
                           &s, &msg),
                 ERR_OK, "%s", msg.text);
    cr_assert_eq(address_parse(SPAN_LIT("10.9.8.7"), &a), ERR_OK);
    cr_expect_eq(s.trust.count, 2);
    cr_expect(edge_trusts(&s.trust, &a));
    cr_expect_eq(s.trust.header, EDGE_FORWARDED);
    cr_expect_str_eq(s.trust.certificate_header, "x-client-cert");
    settings_free_edge(&s);
}

Test(settings_edge, says_where_a_mistake_is)
{
    static const struct {
        const char *yaml, *says;
    } cases[] = {
        {"trusted_proxies: 10.0.0.1\n", "f.yaml:1:18: "},
        {"trusted_proxies: [10.0.0.1, 10.0.0.1/8]\n", "f.yaml:1:29: "},
        {"trusted_proxies: [localhost]\n", "f.yaml:1:19: "},
        {"forwarded_header: x-real-ip\n", "f.yaml:1:19: "},
        {"client_certificate_header: X-Cert\n", "`trusted_proxies`"},
        {"trusted_proxies: [10.0.0.1]\nclient_certificate_header: X_Cert\n", "f.yaml:2:28: "},
        {"trusted_proxies: [10.0.0.1]\nclient_certificate_header: \"\"\n", "f.yaml:2:28: "},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct proxy_settings s;
        struct errmsg msg = {""};

        cr_expect_eq(read_edge(cases[i].yaml, &s, &msg), ERR_CONFIG, "%s", cases[i].yaml);
        cr_expect_not_null(strstr(msg.text, cases[i].says), "%s: %s", cases[i].yaml, msg.text);
        settings_free_edge(&s);
    }
}
