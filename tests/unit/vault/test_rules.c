/* SPDX-License-Identifier: Apache-2.0 */
/* Versions of deletion rules. */
#include "vault/rules.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/calendar.h"
#include "base/clock.h"
#include "base/secret.h"
#include "tests/support/vault_fixture.h"

enum { DAY_S = 86400 };

static const int64_t START_S = 1800000000; /* 2027-01-15T08:00:00Z */

static struct vault_fixture f;

static void start(void)
{
    secret_start();
    clock_test_set_ms(START_S * 1000);
    fixture_start(&f);
}

static void end(void)
{
    fixture_end(&f);
    clock_test_set_ms(-1);
}

TestSuite(rules, .init = start, .fini = end, .timeout = 60);

static void at_day(int64_t days, int64_t second)
{
    clock_test_set_ms((START_S - START_S % DAY_S + days * DAY_S + second) * 1000);
}

static void reopen(void)
{
    fixture_close(&f);
    cr_assert_eq(fixture_open(&f), ERR_OK, "%s", f.msg.text);
}

static struct vault_rule_status status_of(uint16_t class_id)
{
    struct vault_rule_status status = {0};

    cr_assert_eq(vault_read_begin(f.r), ERR_OK);
    cr_assert_eq(vault_read_rule(f.r, class_id, &status), ERR_OK);
    vault_read_end(f.r);
    return status;
}

static void assert_status(uint32_t version, uint32_t applied, uint64_t pending)
{
    const struct vault_rule_status status = status_of(f.note);

    cr_assert_eq(status.version, version, "version %u", status.version);
    cr_assert_eq(status.applied, applied, "applied %u", status.applied);
    cr_assert_eq(status.pending, pending, "pending %lu", (unsigned long)status.pending);
}

static void store_notes(int count)
{
    for (int i = 0; i < count; i++) {
        struct token_text token;

        cr_assert_eq(fixture_tokenize(&f, f.note, "anna", "a note", &token), ERR_OK);
    }
}

struct collected {
    int count;
    char last[2048];
    struct vault_rule_version version;
};

static enum err collect(const struct vault_rule_version *version, void *context)
{
    struct collected *c = context;

    c->count++;
    c->version = *version;
    (void)snprintf(c->last, sizeof(c->last), "%.*s", (int)version->body.len, version->body.at);
    return ERR_OK;
}

static struct collected versions_of(const char *class_name)
{
    struct collected c = {.count = 0};

    cr_assert_eq(vault_rules_each(f.v, class_name, collect, &c), ERR_OK);
    return c;
}

Test(rules, begin_with_version_one_of_each_class)
{
    struct collected c = versions_of("note");

    cr_assert_eq(c.count, 1);
    cr_assert_eq(c.version.version, 1);
    cr_assert_eq(c.version.since_s, START_S);
    cr_assert_str_eq(c.last, "{\"purposes\":[\"test\"],\"basis\":\"6(1)(b)\",\"retain\":{\"from\":"
                             "\"created\",\"period\":\"P90D\"},\"timezone\":\"UTC\"}");
    cr_assert_eq(versions_of(NULL).count, FIXTURE_CLASSES);
    cr_assert_eq(versions_of("not").count, 0);
    assert_status(1, 1, 0);
}

Test(rules, stay_what_they_are_when_nothing_changes)
{
    reopen();
    reopen();
    cr_assert_eq(versions_of(NULL).count, FIXTURE_CLASSES);
}

Test(rules, that_change_are_a_version_with_values_pending)
{
    struct collected c;

    store_notes(3);
    at_day(0, 60000);
    f.defs[0].rule.period = (struct period){.days = 1};
    reopen();
    c = versions_of("note");
    cr_assert_eq(c.count, 2);
    cr_assert_not_null(strstr(c.last, "\"period\":\"P1D\""), "%s", c.last);
    assert_status(2, 1, 3);
    store_notes(2); /* by the new one, on the same day */
    assert_status(2, 1, 3);
    cr_assert_eq(versions_of("email").count, 1);
}

Test(rules, that_change_while_there_is_no_value_leave_nothing_pending)
{
    f.defs[0].rule.period = (struct period){.days = 1};
    reopen();
    assert_status(2, 2, 0);
}

Test(rules, that_change_in_words_only_leave_nothing_pending)
{
    char owner[] = "Accounting", purpose[] = "other";
    char *before = f.defs[0].purposes[0];

    store_notes(3);
    f.defs[0].rule.owner = owner;
    reopen();
    assert_status(2, 2, 0);
    f.defs[0].rule.review = (struct civil){2027, 1, 31};
    reopen();
    assert_status(3, 3, 0);
    f.defs[0].purposes[0] = purpose;
    reopen();
    assert_status(4, 4, 0);
    f.defs[0].purposes[0] = before;
    f.defs[0].rule.owner = NULL;
}

Test(rules, changed_in_words_while_values_are_pending_keep_them_pending)
{
    char owner[] = "Accounting";

    store_notes(3);
    f.defs[0].rule.period = (struct period){.days = 1};
    reopen();
    f.defs[0].rule.owner = owner;
    reopen();
    assert_status(3, 1, 3);
    f.defs[0].rule.owner = NULL;
}

Test(rules, set_back_leave_only_values_of_the_time_between_pending)
{
    store_notes(3);
    at_day(2, 0);
    f.defs[0].rule.period = (struct period){.days = 30};
    reopen();
    at_day(3, 0);
    store_notes(4);
    at_day(5, 0);
    f.defs[0].rule.period = (struct period){.days = 90};
    reopen();
    store_notes(5);
    assert_status(3, 1, 4);
}

Test(rules, count_as_pending_only_what_is_still_there)
{
    size_t deleted = 0;

    store_notes(3);
    at_day(10, 0);
    store_notes(4);
    at_day(20, 0);
    f.defs[0].rule.period = (struct period){.months = 12};
    reopen();
    assert_status(2, 1, 7);
    at_day(91, 0);
    cr_assert_eq(fixture_purge(&f, f.note, 100, &deleted), ERR_OK);
    cr_assert_eq(deleted, 3);
    assert_status(2, 1, 4);
}

Test(rules, change_while_the_store_serves)
{
    struct class_def defs[FIXTURE_CLASSES];
    const struct classes classes = {defs, FIXTURE_CLASSES};
    static const uint8_t digest[CONF_DIGEST_BYTES] = {7};
    struct errmsg msg = {""};
    struct vault_configure op = {.op = {.kind = VAULT_CONFIGURE},
                                 .classes = &classes,
                                 .domains = &f.domains,
                                 .configuration = digest,
                                 .msg = &msg};
    struct collected c;

    store_notes(2);
    memcpy(defs, f.defs, sizeof(defs));
    defs[0].rule.round = RULE_YEAR_END;
    cr_assert_eq(vault_run(f.v, &op.op), ERR_OK, "%s", msg.text);
    assert_status(2, 1, 2);
    c = versions_of("note");
    cr_assert_arr_eq(c.version.configuration, digest, CONF_DIGEST_BYTES);
    vault_reader_close(&f.r);
    vault_close(&f.v); /* the classes end with this test */
}

Test(rules, are_told_apart_by_the_zone)
{
    store_notes(2);
    cr_assert_eq(calendar_use("Europe/Berlin"), ERR_OK);
    reopen();
    assert_status(2, 1, 2);
    cr_assert_not_null(strstr(versions_of("note").last, "Europe/Berlin"));
}

Test(rules, applied_is_what_was_re_timed_last)
{
    struct vault_rule_applied op = {
        .op = {.kind = VAULT_RULE_APPLIED}, .class_id = f.note, .version = 2};

    store_notes(3);
    f.defs[0].rule.period = (struct period){.days = 1};
    reopen();
    op.version = 1;
    cr_assert_eq(vault_run(f.v, &op.op), ERR_CONFLICT);
    assert_status(2, 1, 3);
    op.version = 2;
    cr_assert_eq(vault_run(f.v, &op.op), ERR_OK);
    assert_status(2, 2, 0);
    reopen();
    assert_status(2, 2, 0);
    op.class_id = 400;
    cr_assert_eq(vault_run(f.v, &op.op), ERR_NOT_FOUND);
}

Test(rules, of_a_class_that_left_are_kept_and_counted_on)
{
    f.classes.count = 3;
    reopen();
    cr_assert_eq(versions_of("brief").count, 1);
    f.classes.count = FIXTURE_CLASSES;
    f.defs[3].rule.period.seconds = 20;
    reopen();
    cr_assert_eq(versions_of("brief").count, 2);
}

Test(rules, name_all_that_is_said)
{
    char name[] = "n", basis[] = "6(1)(c)", law[] = "§ 147 AO", special[] = "9(2)(b)";
    char subjects[] = "staff", event[] = "left", owner[] = "\"HR\"";
    const struct class_def def = {.name = name,
                                  .basis = basis,
                                  .law = law,
                                  .balancing = law,
                                  .special = special,
                                  .subjects = subjects,
                                  .rule = {.start = RULE_EVENT,
                                           .event = event,
                                           .period = {.months = 120},
                                           .backstop = {.months = 240},
                                           .minimum = {.months = 96},
                                           .minimum_law = law,
                                           .round = RULE_YEAR_END,
                                           .owner = owner,
                                           .review = {2027, 1, 31}}};
    AUTO(buf_done) struct buf out = {.max = VAULT_RULE_BODY_MAX};

    cr_assert_eq(vault_rule_text(&def, &out), ERR_OK);
    cr_assert_eq(buf_append_byte(&out, 0), ERR_OK);
    cr_assert_str_eq(
        (const char *)out.bytes,
        "{\"purposes\":[],\"basis\":\"6(1)(c)\",\"law\":\"§ 147 AO\",\"balancing\":\"§ 147 AO\","
        "\"special\":\"9(2)(b)\",\"subjects\":\"staff\",\"retain\":{\"from\":\"event:left\","
        "\"period\":\"P10Y\",\"backstop\":\"P20Y\",\"minimum\":\"P8Y\",\"minimum_law\":\"§ 147 "
        "AO\","
        "\"round\":\"year_end\",\"owner\":\"\\\"HR\\\"\",\"review\":\"2027-01-31\"},"
        "\"timezone\":\"UTC\"}");
}
