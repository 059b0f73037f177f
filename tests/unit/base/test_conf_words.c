/* SPDX-License-Identifier: Apache-2.0 */
#include "base/conf.h"

#include <criterion/criterion.h>
#include <stdio.h>

#include "base/secret.h"

TestSuite(conf_words, .init = secret_start);

Test(conf_words, suggests_only_what_is_near)
{
    static const char *const keys[] = {"id", "url", "tls", "path", "listen", "upstreams", NULL};
    static const struct {
        const char *key, *meant;
    } cases[] = {
        {"pth", "path"},
        {"paths", "path"},
        {"apth", "path"},
        {"lsiten", "listen"},
        {"lisn", "listen"},
        {"LISTEN", "listen"},
        {"ul", "url"},
        {"TLS", "tls"},
        {"upstream", "upstreams"},
        {"upsteram", "upstreams"},
        {"utl", "url"},
        {"uls", "tls"},
        {"lst", NULL},
        {"xy", NULL},
        {"listener-x", NULL},
        {"store", NULL},
        {"is", "id"},
        {"lissttenn", NULL},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        AUTO(conf_free) struct conf *c = NULL;
        char yaml[64], suggestion[64];
        struct errmsg msg;

        (void)snprintf(yaml, sizeof(yaml), "%s: 1\n", cases[i].key);
        cr_assert_eq(conf_parse("f.yaml", span_str(yaml), &c, &msg), ERR_OK);
        cr_assert_eq(conf_only(conf_root(c), keys, &msg), ERR_CONFIG);
        (void)snprintf(suggestion, sizeof(suggestion), "did you mean \"%s\"?",
                       cases[i].meant == NULL ? "" : cases[i].meant);
        cr_expect_eq(strstr(msg.text, cases[i].meant == NULL ? "did you mean" : suggestion) != NULL,
                     cases[i].meant != NULL, "%s -> %s", cases[i].key, msg.text);
    }
}
