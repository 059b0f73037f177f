/* SPDX-License-Identifier: Apache-2.0 */
#include "retention/controller.h"

#include <criterion/criterion.h>
#include <string.h>

#include "base/secret.h"

TestSuite(controller, .init = secret_start);

static enum err read_controller(const char *yaml, struct controller *ret, struct errmsg *msg)
{
    AUTO(conf_free) struct conf *conf = NULL;

    cr_assert_eq(conf_parse("f.yaml", span_str(yaml), &conf, msg), ERR_OK, "%s", msg->text);
    return controller_read(conf_get(conf_root(conf), "controller"), ret, msg);
}

static void refused(const char *yaml, const char *words)
{
    struct controller c = {.name = NULL};
    struct errmsg msg = {""};

    cr_assert_eq(read_controller(yaml, &c, &msg), ERR_CONFIG, "%s", yaml);
    cr_assert_not_null(strstr(msg.text, words), "%s", msg.text);
    cr_assert_eq(strncmp(msg.text, "f.yaml:1:", 9), 0, "%s", msg.text);
    cr_assert_null(c.timezone);
}

Test(controller, is_read_as_declared)
{
    AUTO(controller_done) struct controller c = {.name = NULL};
    struct errmsg msg = {""};

    cr_assert_eq(read_controller("controller: {name: \"Example GmbH\", contact: \"Berlin\","
                                 " representative: \"none\", dpo: \"dpo@example.org\","
                                 " country: DE-BY, timezone: Europe/Berlin}",
                                 &c, &msg),
                 ERR_OK, "%s", msg.text);
    cr_assert_str_eq(c.name, "Example GmbH");
    cr_assert_str_eq(c.contact, "Berlin");
    cr_assert_str_eq(c.representative, "none");
    cr_assert_str_eq(c.dpo, "dpo@example.org");
    cr_assert_str_eq(c.country, "DE-BY");
    cr_assert_str_eq(c.timezone, "Europe/Berlin");
}

Test(controller, that_says_nothing_reckons_in_utc)
{
    AUTO(controller_done) struct controller c = {.name = NULL};
    struct errmsg msg = {""};

    cr_assert_eq(read_controller("x: 1", &c, &msg), ERR_OK, "%s", msg.text);
    cr_assert_str_eq(c.timezone, "UTC");
    cr_assert_null(c.name);
    cr_assert_null(c.country);
}

Test(controller, mistakes_are_refused_with_their_place)
{
    refused("controller: Example", "must be a map");
    refused("controller: {nam: x}", "did you mean \"name\"");
    refused("controller: {name: \"\"}", "1 to 256 bytes");
    refused("controller: {timezone: Europe/Berlon}", "no such time zone");
    refused("controller: {timezone: ../etc/passwd}", "no such time zone");
    refused("controller: {timezone: 1}", "timezone");
    refused("controller: {country: Germany}", "ISO 3166");
    refused("controller: {country: de}", "ISO 3166");
    refused("controller: {country: \"DE-\"}", "ISO 3166");
    refused("controller: {country: DE-by}", "ISO 3166");
}
