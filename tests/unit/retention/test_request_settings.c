/* SPDX-License-Identifier: Apache-2.0 */
/* The sections requests, holidays and registers. */
#include "retention/request_settings.h"

#include <criterion/criterion.h>
#include <string.h>

#include "base/assert.h"
#include "base/mem.h"

static struct errmsg msg;

static enum err read(const char *yaml, const char *country, struct request_settings *ret)
{
    AUTO(conf_free) struct conf *conf = NULL;

    cr_assert_eq(conf_parse("t.yaml", span_str(yaml), &conf, &msg), ERR_OK, "%s", msg.text);
    return request_settings_read(conf_root(conf), country, ret, &msg);
}

Test(request_settings, have_defaults)
{
    AUTO(request_settings_done) struct request_settings s = {.regime = NULL};

    cr_assert_eq(read("other: 1\n", NULL, &s), ERR_OK, "%s", msg.text);
    cr_expect_str_eq(s.regime->name, "gdpr");
    cr_expect_str_eq(holidays_name(s.holidays), "none");
    cr_expect(s.target_days == 28 && s.approvals == 1 && s.erasures_per_day == 1000);
    cr_expect(!s.pause_for_identity && s.restrict_on_receipt);
    cr_expect(s.keep.months == 36 && s.keep.seconds == 0);
}

Test(request_settings, are_read)
{
    AUTO(request_settings_done) struct request_settings s = {.regime = NULL};

    cr_assert_eq(read("requests: {regime: ccpa, target_days: 20, pause_for_identity: true,"
                      " restrict_on_receipt: false, approvals: 2, erasures_per_day: 5}\n"
                      "holidays: [2026-12-24]\nregisters: {keep: P2Y}\n",
                      "DE", &s),
                 ERR_OK, "%s", msg.text);
    cr_expect_str_eq(s.regime->name, "ccpa");
    cr_expect(s.target_days == 20 && s.approvals == 2 && s.erasures_per_day == 5);
    cr_expect(s.pause_for_identity && !s.restrict_on_receipt && s.keep.months == 24);
    cr_expect(strncmp(holidays_name(s.holidays), "list-", 5) == 0, "not the country's");
}

Test(request_settings, take_the_holidays_of_the_controllers_country)
{
    static const char *const countries[][2] = {
        {"DE", "DE-1"}, {"DE-BY", "DE-1"}, {"FR", "none"}, {"DEX", "none"}};

    for (size_t i = 0; i < COUNT_OF(countries); i++) {
        AUTO(request_settings_done) struct request_settings s = {.regime = NULL};

        cr_assert_eq(read("other: 1\n", countries[i][0], &s), ERR_OK);
        cr_expect_str_eq(holidays_name(s.holidays), countries[i][1], "%s", countries[i][0]);
    }
}

Test(request_settings, that_cannot_be_are_refused_with_their_place)
{
    static const char *const wrong[][2] = {
        {"requests: {regime: hipaa}\n", "t.yaml:1:20: \"regime\" must be"},
        {"requests: {target: 20}\n", "target"},
        {"requests: {target_days: 0}\n", "t.yaml:1:25"},
        {"requests: {approvals: 6}\n", "t.yaml:1:23"},
        {"requests: {erasures_per_day: none}\n", "t.yaml:1:30"},
        {"requests: 5\n", "t.yaml:1:11"},
        {"registers: {keep: 3y}\n", "t.yaml:1:19: \"keep\" must be an ISO 8601 period"},
        {"registers: {forget: P1Y}\n", "forget"},
        {"holidays: {country: DE, also: 1}\n", "also"},
    };

    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        struct request_settings s = {.regime = NULL};

        cr_expect_eq(read(wrong[i][0], NULL, &s), ERR_CONFIG, "%s", wrong[i][0]);
        cr_expect_not_null(strstr(msg.text, wrong[i][1]), "%s: %s", wrong[i][0], msg.text);
        cr_expect_null(s.regime);
    }
}
