/* SPDX-License-Identifier: Apache-2.0 */
/* `access_log`, `trace` and `hsts`: defaults, bounds, and where mistakes are said to be. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/settings_priv.h"

TestSuite(settings_operate, .timeout = 30);

struct reading {
    struct proxy_settings settings;
    struct errmsg msg;
};

/* With somebody in front who may say that clients came over TLS. */
static enum err read_operate(struct reading *r, const char *yaml, size_t trusted)
{
    struct conf *conf = NULL;
    enum err e;

    memset(r, 0, sizeof(*r));
    r->settings.trust.count = trusted;
    e = conf_parse("f.yaml", span_str(yaml), &conf, &r->msg);
    cr_assert_eq(e, ERR_OK, "%s", r->msg.text);
    e = settings_read_operate(conf_root(conf), &r->settings, &r->msg);
    conf_free(&conf);
    free(r->settings.access_log);
    return e;
}

Test(settings_operate, says_nothing_of_tls_by_itself)
{
    struct reading r;

    cr_assert_eq(read_operate(&r, "listen: []\n", 1), ERR_OK, "%s", r.msg.text);
    cr_expect_null(r.settings.hsts.at);
    cr_expect_null(r.settings.access_log);
    cr_expect_eq(r.settings.trace, TRACE_PASS);
}

Test(settings_operate, reads_how_long_browsers_come_over_tls)
{
    static const struct {
        const char *yaml, *says;
    } cases[] = {
        {"hsts: 365d\n", "max-age=31536000"},
        {"hsts: 730d\n", "max-age=63072000"},
        {"hsts: 5m\n", "max-age=300"},
        {"hsts: 0s\n", "max-age=0"}, /* forget what was said */
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct reading r;

        cr_assert_eq(read_operate(&r, cases[i].yaml, 1), ERR_OK, "%s", r.msg.text);
        cr_expect(span_equal(r.settings.hsts, span_str(cases[i].says)), "%s", cases[i].yaml);
    }
}

Test(settings_operate, takes_a_listener_with_tls_for_enough)
{
    AUTO(conf_free) struct conf *conf = NULL;
    struct listen_def listens[] = {{.tls = NULL}, {.tls = (struct ssl_ctx_st *)&conf}};
    struct proxy_settings s = {.listens = listens, .listen_count = 2};
    struct errmsg msg = {""};

    cr_assert_eq(conf_parse("f.yaml", SPAN_LIT("hsts: 1d\n"), &conf, &msg), ERR_OK);
    cr_expect_eq(settings_read_operate(conf_root(conf), &s, &msg), ERR_OK, "%s", msg.text);
    s.listen_count = 1;
    cr_expect_eq(settings_read_operate(conf_root(conf), &s, &msg), ERR_CONFIG);
}

Test(settings_operate, says_where_a_mistake_is)
{
    static const struct {
        const char *yaml, *says;
        size_t trusted;
    } cases[] = {
        {"hsts: 731d\n", "f.yaml:1:7: `hsts` is from 0s to 730d", 1},
        {"hsts: 1500ms\n", "in whole seconds", 1},
        {"hsts: for ever\n", "f.yaml:1:7: ", 1},
        {"hsts: 365d\n", "f.yaml:1:7: `hsts` needs a listener with `tls`", 0},
        {"trace: maybe\n", "f.yaml:1:8: `trace` is \"pass\"", 0},
        {"access_log: \"\"\n", "f.yaml:1:13: `access_log` is a file", 0},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct reading r;

        cr_expect_eq(read_operate(&r, cases[i].yaml, cases[i].trusted), ERR_CONFIG, "%s",
                     cases[i].yaml);
        cr_expect_not_null(strstr(r.msg.text, cases[i].says), "%s: %s", cases[i].yaml, r.msg.text);
    }
}
