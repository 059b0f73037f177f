/* SPDX-License-Identifier: Apache-2.0 */
/* The trail added up by day, against what was recorded. */
#include "retention/access_days.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/secret.h"
#include "tests/support/vault_rig.h"

TestSuite(access_days, .init = secret_start, .timeout = 60);

enum { TODAY = 20463 }; /* RIG_NOW_S in days */

static struct rig r;

static void on_day(int64_t day)
{
    struct vault_clock_accept accept = {.op = {.kind = VAULT_CLOCK_ACCEPT}};

    rig_clock(day * RIG_DAY_S + 3600);
    REQUIRE(vault_run(r.vault, &accept.op) == ERR_OK);
}

/* One person's values, shown to somebody. */
static void show(const char *who, const char *purpose, const char *class_name, uint16_t values,
                 uint16_t masks)
{
    const struct audit_entry entry = {
        .tag = {1}, .class_id = rig_class(&r, class_name), .values = values, .masks = masks};
    const struct audit_record record = {.action = AUDIT_REVEAL,
                                        .outcome = AUDIT_DONE,
                                        .role = AUDIT_CALLER,
                                        .who = span_str(who),
                                        .purpose = span_str(purpose),
                                        .entries = &entry,
                                        .entry_count = 1};

    cr_assert_eq(audit_write(vault_audit(r.vault), &record), ERR_OK);
}

static void refuse(const char *who, uint64_t more)
{
    const struct audit_record record = {.action = AUDIT_REVEAL,
                                        .outcome = AUDIT_REFUSED,
                                        .role = AUDIT_CALLER,
                                        .who = span_str(who),
                                        .error = SPAN_LIT("DENIED"),
                                        .more = more};

    cr_assert_eq(audit_write(vault_audit(r.vault), &record), ERR_OK);
}

static void update(void)
{
    cr_assert_eq(access_days_update(r.vault, NULL), ERR_OK);
}

/* All rows of these days in one. */
static struct access_sum sum_of(int64_t from, int64_t to, size_t *ret_rows)
{
    AUTO(access_sums_done) struct access_sums sums = {.count = 0};
    AUTO(vault_records_close) struct vault_records *records = NULL;
    struct access_sum all = {.requests = 0};

    cr_assert_eq(vault_records_open(r.vault, &records), ERR_OK);
    cr_assert_eq(access_days_sum(records, from, to, &sums), ERR_OK);
    for (size_t i = 0; i < sums.count; i++) {
        all.requests += sums.at[i].requests;
        all.values += sums.at[i].values;
        all.masks += sums.at[i].masks;
        all.refused += sums.at[i].refused;
        all.honeytokens += sums.at[i].honeytokens;
    }
    *ret_rows = sums.count;
    return all;
}

Test(access_days, count_by_caller_purpose_and_class_each_day)
{
    struct access_sum sum;
    size_t rows;

    rig_init(&r);
    on_day(TODAY);
    show("desk", "support", "note", 3, 0);
    show("desk", "support", "note", 0, 2);
    show("desk", "account", "mail", 1, 0);
    refuse("shop", 4);
    on_day(TODAY + 1);
    show("desk", "support", "note", 5, 0);
    update();
    sum = sum_of(TODAY, TODAY + 1, &rows);
    cr_expect_eq(rows, 3);
    cr_expect_eq(sum.requests, 3);
    cr_expect_eq(sum.values, 4);
    cr_expect_eq(sum.masks, 2);
    cr_expect_eq(sum.refused, 5);
    sum = sum_of(TODAY, TODAY + 2, &rows);
    cr_expect_eq(sum.values, 9);
    cr_expect_eq(rows, 3, "the days of one caller, purpose and class are one row");
    rig_done(&r);
}

Test(access_days, count_each_record_once_however_often_they_are_asked)
{
    struct access_sum sum;
    size_t rows;

    rig_init(&r);
    on_day(TODAY);
    for (int i = 0; i < 10; i++) {
        show("desk", "support", "note", 1, 0);
        update();
        update();
    }
    vault_close(&r.vault);
    rig_open(&r);
    show("desk", "support", "note", 1, 0);
    update();
    sum = sum_of(TODAY, TODAY + 1, &rows);
    cr_expect_eq(sum.values, 11);
    cr_expect_eq(sum.requests, 11);
    rig_done(&r);
}

Test(access_days, see_what_an_earlier_process_has_recorded)
{
    struct access_sum sum;
    size_t rows;

    rig_init(&r);
    on_day(TODAY);
    show("desk", "support", "note", 7, 0);
    vault_close(&r.vault);
    rig_open(&r);
    update();
    sum = sum_of(TODAY, TODAY + 1, &rows);
    cr_expect_eq(sum.values, 7);
    rig_done(&r);
}

/* One record with entries of several people in a class is one request. */
Test(access_days, count_a_record_of_many_people_as_one_request)
{
    struct audit_entry entries[5];
    struct audit_record record = {.action = AUDIT_REVEAL,
                                  .outcome = AUDIT_DONE,
                                  .role = AUDIT_CALLER,
                                  .who = SPAN_LIT("desk"),
                                  .purpose = SPAN_LIT("support"),
                                  .entries = entries,
                                  .entry_count = 5};
    struct access_sum sum;
    size_t rows;

    rig_init(&r);
    on_day(TODAY);
    for (uint8_t i = 0; i < 5; i++)
        entries[i] = (struct audit_entry){
            .tag = {i}, .class_id = rig_class(&r, i < 3 ? "note" : "mail"), .values = 2};
    cr_assert_eq(audit_write(vault_audit(r.vault), &record), ERR_OK);
    update();
    sum = sum_of(TODAY, TODAY + 1, &rows);
    cr_expect_eq(rows, 2);
    cr_expect_eq(sum.requests, 2, "one in each class");
    cr_expect_eq(sum.values, 10);
    rig_done(&r);
}

Test(access_days, hold_more_callers_than_one_record_has_room_for)
{
    enum { CALLERS = 300 };
    struct access_sum sum;
    size_t rows;

    rig_init(&r);
    on_day(TODAY);
    for (int i = 0; i < CALLERS; i++) {
        char who[80];

        (void)snprintf(who, sizeof(who), "\"\\\"%060d", i);
        show(who,
             "\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"",
             "note", 1, 0);
    }
    update();
    show("desk", "support", "note", 1, 0);
    update();
    sum = sum_of(TODAY, TODAY + 1, &rows);
    cr_expect_eq(rows, CALLERS + 1);
    cr_expect_eq(sum.values, CALLERS + 1);
    rig_done(&r);
}

Test(access_days, take_years_at_once)
{
    enum { DAYS = 200 };
    struct access_sum sum;
    size_t rows;

    rig_init(&r);
    for (int64_t day = TODAY; day < TODAY + DAYS; day++) {
        on_day(day);
        show("desk", "support", "note", 1, 0);
    }
    update();
    sum = sum_of(TODAY, TODAY + DAYS, &rows);
    cr_expect_eq(sum.values, DAYS);
    sum = sum_of(TODAY + 100, TODAY + 103, &rows);
    cr_expect_eq(sum.values, 3);
    rig_done(&r);
}

Test(access_days, stop_when_they_are_asked_to_and_go_on_later)
{
    atomic_bool stop = true;
    struct access_sum sum;
    size_t rows;

    rig_init(&r);
    on_day(TODAY);
    show("desk", "support", "note", 1, 0);
    cr_expect_eq(access_days_update(r.vault, &stop), ERR_CANCELED);
    sum = sum_of(TODAY, TODAY + 1, &rows);
    cr_expect_eq(sum.values, 0);
    update();
    sum = sum_of(TODAY, TODAY + 1, &rows);
    cr_expect_eq(sum.values, 1);
    rig_done(&r);
}

Test(access_days, names_are_printable_and_bounded)
{
    char out[ACCESS_NAME_MAX + 1];
    char longer[200];

    memset(longer, 'x', sizeof(longer));
    access_copy_name(out, span_of(longer, sizeof(longer)), "-");
    cr_expect_eq(strlen(out), ACCESS_NAME_MAX);
    access_copy_name(out, SPAN_LIT("a\nb\x1b\xe2\x80\xae"), "-");
    cr_expect_str_eq(out, "a?b????");
    access_copy_name(out, SPAN_NONE, "-");
    cr_expect_str_eq(out, "-");
}
