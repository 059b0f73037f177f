/* SPDX-License-Identifier: Apache-2.0 */
/* The `domains:` section. */
#include "vault/domains.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

static enum err read_text(const char *text, struct domains *ret, struct errmsg *msg)
{
    AUTO(conf_free) struct conf *conf = NULL;
    enum err e = conf_parse("lethe.yaml", span_str(text), &conf, msg);

    return e == ERR_OK ? domains_read(conf_get(conf_root(conf), "domains"), ret, msg) : e;
}

static void expect_refused(const char *text, const char *place, const char *words)
{
    struct domains domains = {NULL, 0};
    struct errmsg msg = {""};

    cr_expect_eq(read_text(text, &domains, &msg), ERR_CONFIG, "%s was accepted", text);
    cr_expect_eq(strncmp(msg.text, place, strlen(place)), 0, "%s: %s", place, msg.text);
    cr_expect_not_null(strstr(msg.text, words), "\"%s\" not in: %s", words, msg.text);
    cr_expect_eq(domains.count, 0);
}

Test(domain_names, there_is_always_the_default_one)
{
    static const char *const texts[] = {"x: 1\n", "domains: []\n", "domains: [default]\n"};

    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        AUTO(domains_done) struct domains domains = {NULL, 0};
        struct errmsg msg = {""};

        cr_assert_eq(read_text(texts[i], &domains, &msg), ERR_OK, "%s", msg.text);
        cr_assert_eq(domains.count, 1);
        cr_assert_str_eq(domains.names[0], "default");
        cr_assert(domains_have(&domains, SPAN_LIT("default")));
        cr_assert_not(domains_have(&domains, SPAN_LIT("crm")));
    }
}

Test(domain_names, are_read_in_their_order_after_it)
{
    AUTO(domains_done) struct domains domains = {NULL, 0};
    struct errmsg msg = {""};

    cr_assert_eq(read_text("domains: [crm, a-b_9, default, \"1\"]\n", &domains, &msg), ERR_OK, "%s",
                 msg.text);
    cr_assert_eq(domains.count, 4);
    cr_assert_str_eq(domains.names[0], "default");
    cr_assert_str_eq(domains.names[1], "crm");
    cr_assert_str_eq(domains.names[2], "a-b_9");
    cr_assert_str_eq(domains.names[3], "1");
}

Test(domain_names, that_are_none_are_refused_at_their_place)
{
    char text[128] = "domains: [";

    expect_refused("domains: crm\n", "lethe.yaml:1:10:", "list");
    expect_refused("domains: {crm: 1}\n", "lethe.yaml:1:10:", "list");
    expect_refused("domains: [crm, 7]\n", "lethe.yaml:1:16:", "text");
    expect_refused("domains: [crm, \"\"]\n", "lethe.yaml:1:16:", "a-z 0-9 _ -");
    expect_refused("domains:\n  - crm\n  - Crm\n", "lethe.yaml:3:5:", "a-z 0-9 _ -");
    expect_refused("domains: [\"a b\"]\n", "lethe.yaml:1:11:", "a-z 0-9 _ -");
    expect_refused("domains: [crm, shop, crm]\n", "lethe.yaml:1:22:", "\"crm\" is there twice");
    expect_refused("domains: [default, default]\n", "lethe.yaml:1:20:", "twice");
    memset(text + 10, 'a', 65);
    (void)snprintf(text + 75, sizeof(text) - 75, "]\n");
    expect_refused(text, "lethe.yaml:1:11:", "1-64");
    (void)snprintf(text + 74, sizeof(text) - 74, "]\n");
    {
        AUTO(domains_done) struct domains domains = {NULL, 0};
        struct errmsg msg = {""};

        cr_assert_eq(read_text(text, &domains, &msg), ERR_OK, "64 are enough: %s", msg.text);
    }
}

Test(domain_names, are_at_most_256)
{
    char text[4096] = "domains: [";
    size_t len = strlen(text);
    AUTO(domains_done) struct domains domains = {NULL, 0};
    struct errmsg msg = {""};

    for (int i = 1; i < 256; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "d%d,", i);
    (void)snprintf(text + len, sizeof(text) - len, "]\n");
    cr_assert_eq(read_text(text, &domains, &msg), ERR_OK, "%s", msg.text);
    cr_assert_eq(domains.count, DOMAINS_MAX);
    (void)snprintf(text + len, sizeof(text) - len, "more]\n");
    expect_refused(text, "lethe.yaml:1:", "at most 256");
}
