/* SPDX-License-Identifier: Apache-2.0 */
/* The section `admin`, and what its listener gives to whom; test_monitor.py asks over the network. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "admin/http.h"
#include "tests/support/scratch.h"

TestSuite(http, .init = secret_start, .timeout = 30);

static enum err read_yaml(const char *text, struct admin_http_settings *ret, struct errmsg *msg)
{
    AUTO(conf_free) struct conf *conf = NULL;
    enum err e = conf_parse("t.yaml", span_str(text), &conf, msg);

    cr_assert_eq(e, ERR_OK, "%s", msg->text);
    return admin_http_read(conf_root(conf), ret, msg);
}

Test(http, is_not_there_unless_it_is_asked_for)
{
    struct admin_http_settings s;
    struct errmsg msg;

    cr_assert_eq(read_yaml("listen: []\n", &s, &msg), ERR_OK);
    cr_expect_null(s.address);
    admin_http_settings_done(&s);
}

Test(http, reads_an_address_and_a_key)
{
    struct scratch scratch = scratch_new();
    struct admin_http_settings s;
    struct errmsg msg;
    uint8_t hash[SECRET_HASH_BYTES];
    char yaml[512];

    scratch_write(scratch_path(&scratch, "k"), 0, "0123456789abcdef", 16);
    (void)snprintf(yaml, sizeof(yaml),
                   "admin: {address: \"[::1]:8444\", metrics_key: \"file:%s/k\"}\n", scratch.dir);
    cr_assert_eq(read_yaml(yaml, &s, &msg), ERR_OK, "%s", msg.text);
    cr_expect_str_eq(s.host, "::1");
    cr_expect_str_eq(s.port, "8444");
    secret_hash("0123456789abcdef", 16, hash);
    cr_expect(s.has_key && memcmp(hash, s.key_hash, sizeof(hash)) == 0);
    admin_http_settings_done(&s);
    scratch_remove(&scratch);
}

Test(http, refuses_what_is_wrong_with_its_place)
{
    static const struct {
        const char *yaml, *wanted;
    } bad[] = {
        {"admin: {}\n", "\"address\" is missing"},
        {"admin: {address: \"8444\"}\n", "t.yaml:1:"},
        {"admin: {address: \"0.0.0.0:8444\"}\n", "needs \"tls\" and \"metrics_key\""},
        {"admin: {address: \"[::]:8444\"}\n", "needs \"tls\" and \"metrics_key\""},
        {"admin: {address: \"example.org:8444\"}\n", "needs \"tls\" and \"metrics_key\""},
        {"admin: {address: \"127.0.0.1:1\", metrics_key: secret}\n", "named as file:PATH"},
        {"admin: {address: \"127.0.0.1:1\", port: 1}\n", "t.yaml:1:"},
    };
    struct admin_http_settings s;
    struct errmsg msg;

    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        cr_expect_eq(read_yaml(bad[i].yaml, &s, &msg), ERR_CONFIG, "%s", bad[i].yaml);
        cr_expect_not_null(strstr(msg.text, bad[i].wanted), "%s", msg.text);
    }
}
