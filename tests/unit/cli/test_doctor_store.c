/* SPDX-License-Identifier: Apache-2.0 */
/* What answers of the server mean. */
#include "tests/unit/cli/doctor_rig.h"

TestSuite(doctor_store, .timeout = 20);

/* 2026-11-29T00:00:00Z */
static const int64_t NOW_S = 1795910400;

static void look(struct doctor *d, void (*fn)(struct doctor *d, const struct json *answer),
                 const char *answer)
{
    AUTO(json_free) struct json *tree = NULL;

    cr_assert_eq(json_parse(span_str(answer), &tree), ERR_OK);
    doctor_init(d);
    fn(d, tree);
}

static void tokens(struct doctor *d, const char *list)
{
    AUTO(json_free) struct json *tree = NULL;

    cr_assert_eq(json_parse(span_str(list), &tree), ERR_OK);
    doctor_init(d);
    doctor_tokens(d, tree, NOW_S);
}

Test(doctor_store, judges_the_root_key)
{
    struct doctor d;

    look(&d, doctor_keys,
         "{\"age_days\": 3, \"due\": \"2027-02-01T00:00:00Z\", \"overdue\": false, "
         "\"sealed\": false, \"rotation\": {\"state\": \"none\"}}");
    expect_found(&d, 1, DOCTOR_OK, "root key age", "3 days, due on 2027-02-01");
    look(&d, doctor_keys,
         "{\"age_days\": 91, \"policy\": \"P90D\", \"overdue\": true, "
         "\"rotation\": {\"state\": \"running\"}}");
    expect_found(&d, 1, DOCTOR_WARNING, "root key age", "91 days, and key_rotation is P90D");
    look(&d, doctor_keys,
         "{\"overdue\": true, \"sealed\": true, \"provider_error\": \"no answer\", "
         "\"rotation\": {\"state\": \"interrupted\"}}");
    cr_assert_eq(d.worst, DOCTOR_PROBLEM);
    cr_assert_not_null(strstr(d.first->text, "sealed"));
    cr_assert_str_eq(d.first->next->text, "no answer");
    expect_found(&d, 4, DOCTOR_WARNING, "root key age", "0 days");
}

static void trail(struct doctor *d, const char *answer)
{
    AUTO(json_free) struct json *tree = NULL;

    cr_assert_eq(json_parse(span_str(answer), &tree), ERR_OK);
    doctor_init(d);
    doctor_trail(d, tree, NOW_S);
}

Test(doctor_store, judges_the_age_of_what_no_head_has_signed)
{
    struct doctor d;

    trail(&d, "{\"head\": \"2026-11-28T23:59:30.000Z\", \"unsigned\": 0}");
    expect_found(&d, 1, DOCTOR_OK, "audit trail", "last signed at 2026-11-28T23:59:30");
    trail(&d, "{\"head\": null}");
    expect_found(&d, 1, DOCTOR_OK, "audit trail", "nothing to sign");
    trail(&d, "{\"head\": \"2026-10-01T00:00:00.000Z\", \"unsigned\": 2, "
              "\"unsigned_since\": \"2026-11-28T23:55:01.000Z\"}");
    expect_found(&d, 1, DOCTOR_OK, "audit trail", "last signed at 2026-10-01");
    trail(&d, "{\"unsigned\": 7, \"unsigned_since\": \"2026-11-28T23:54:59.000Z\"}");
    expect_found(&d, 1, DOCTOR_PROBLEM, "audit trail", "7 records wait");
    trail(&d, "{\"failures\": 3}");
    expect_found(&d, 1, DOCTOR_PROBLEM, "audit trail", "3 records could not be written");
    trail(&d, "{\"heads_lost\": 4}");
    expect_found(&d, 1, DOCTOR_WARNING, "audit trail", "4 signed heads");
}

Test(doctor_store, judges_the_clock)
{
    struct doctor d;

    look(&d, doctor_clock, "{\"state\": \"right\"}");
    expect_found(&d, 1, DOCTOR_OK, "clock", "believed");
    look(&d, doctor_clock, "{\"state\": \"behind\", \"clock\": \"2020\"}");
    expect_found(&d, 1, DOCTOR_PROBLEM, "clock", "set back (2020)");
    look(&d, doctor_clock, "{\"state\": \"ahead\", \"clock\": \"2040\"}");
    expect_found(&d, 1, DOCTOR_PROBLEM, "clock", "set ahead (2040)");
}

Test(doctor_store, judges_retention)
{
    struct doctor d;

    look(&d, doctor_retention,
         "{\"attention\": false, \"classes\": [{\"class\": \"a\", \"paused\": null}]}");
    expect_found(&d, 1, DOCTOR_OK, "retention", "nothing");
    look(&d, doctor_retention, "{\"attention\": true, \"classes\": []}");
    expect_found(&d, 1, DOCTOR_WARNING, "retention", "still there");
    look(&d, doctor_retention,
         "{\"attention\": true, \"classes\": [{\"class\": \"a\", \"paused\": null}, "
         "{\"class\": \"b\", \"paused\": {\"due\": 9}}]}");
    expect_found(&d, 1, DOCTOR_PROBLEM, "retention", "class b");
}

Test(doctor_store, judges_the_last_backup)
{
    struct doctor d;

    doctor_init(&d);
    doctor_backup(&d, NULL, NOW_S);
    expect_found(&d, 1, DOCTOR_WARNING, "backup", "none in the last 30 days");
    doctor_backup(&d, "2026-11-21T23:59:59.999Z", NOW_S);
    expect_found(&d, 1, DOCTOR_WARNING, "backup", "of 2026-11-21");
    doctor_backup(&d, "2026-11-22T00:00:00.000Z", NOW_S);
    expect_found(&d, 1, DOCTOR_OK, "backup", "of 2026-11-22T00:00:00");
}

Test(doctor_store, judges_access_tokens_that_are_alive)
{
    struct doctor d;

    tokens(&d, "[{\"number\": 1, \"name\": \"a\", \"state\": \"expired\", \"expires\": "
               "\"2026-01-01T00:00:00.000Z\"}, {\"number\": 2, \"name\": \"b\", \"state\": "
               "\"alive\", \"expires\": \"2026-12-13T00:00:00.000Z\"}]");
    expect_found(&d, 1, DOCTOR_OK, "access token", "1 alive");
    tokens(&d, "[{\"number\": 2, \"name\": \"b\", \"state\": \"alive\", \"expires\": "
               "\"2026-12-12T23:59:59.000Z\"}]");
    expect_found(&d, 1, DOCTOR_WARNING, "access token", "number 2 (b) ends on 2026-12-12");
}

Test(doctor_store, judges_what_is_past_due)
{
    struct doctor d;

    doctor_init(&d);
    doctor_counts(&d, 0, 0);
    cr_assert_eq(d.worst, DOCTOR_OK);
    expect_found(&d, 2, DOCTOR_OK, "holds", "none");
    doctor_counts(&d, 2, 3);
    cr_assert_eq(d.worst, DOCTOR_PROBLEM);
    cr_assert_not_null(strstr(d.first->text, "2 past"));
    expect_found(&d, 2, DOCTOR_WARNING, "holds", "3 past");
}
