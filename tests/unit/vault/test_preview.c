/* SPDX-License-Identifier: Apache-2.0 */
/* Counting what a rule would change, in one state of the store. */
#include "vault/preview.h"

#include <criterion/criterion.h>

#include "base/clock.h"
#include "base/secret.h"
#include "tests/support/vault_fixture.h"
#include "vault/backup.h"
#include "vault/events.h"
#include "vault/holds.h"
#include "vault/retime.h"

enum { DAY_S = 86400 };

static const int64_t START_S = 1800000000;

static struct vault_fixture f;
static int64_t now_s;

static void at(int64_t second)
{
    now_s = START_S + second;
    clock_test_set_ms(now_s * 1000);
}

static void start(void)
{
    secret_start();
    at(0);
    fixture_start(&f);
}

static void end(void)
{
    fixture_end(&f);
    clock_test_set_ms(-1);
}

TestSuite(preview, .init = start, .fini = end, .timeout = 60);

static void store_notes(const char *subject, int count)
{
    for (int i = 0; i < count; i++) {
        struct token_text token;

        cr_assert_eq(fixture_tokenize(&f, f.note, subject, "a note", &token), ERR_OK);
    }
}

static struct vault_preview_count count_by(const struct rule *rule, int64_t past_s)
{
    struct vault_preview *p = NULL;
    struct vault_preview_count count = {.values = 0};

    cr_assert_eq(vault_preview_open(f.v, &p), ERR_OK);
    cr_assert_eq(vault_preview_class(p, f.note, rule, now_s, past_s, &count), ERR_OK);
    vault_preview_close(&p);
    cr_assert_null(p);
    return count;
}

Test(preview, tells_earlier_later_and_at_once_apart)
{
    const struct rule shorter = {.period = {.days = 10}}, longer = {.period = {.months = 12}};
    const struct rule same = {.period = {.days = 90}};
    struct vault_preview_count c;

    store_notes("anna", 3);
    at(20 * DAY_S);
    store_notes("anna", 4);
    c = count_by(&shorter, now_s);
    cr_assert_eq(c.values, 7);
    cr_assert_eq(c.earlier, 7);
    cr_assert_eq(c.later, 0);
    cr_assert_eq(c.at_once, 3);
    cr_assert_eq(c.at_past_s, 3);
    cr_assert_eq(count_by(&shorter, START_S + 10 * DAY_S - 1).at_past_s, 0);
    cr_assert_eq(count_by(&shorter, START_S + 10 * DAY_S).at_past_s, 3);
    c = count_by(&longer, now_s);
    cr_assert(c.values == 7 && c.earlier == 0 && c.later == 7 && c.at_once == 0);
    c = count_by(&same, now_s);
    cr_assert(c.values == 7 && c.earlier == 0 && c.later == 0 && c.at_once == 0);
}

Test(preview, counts_no_value_whose_time_is_over)
{
    const struct rule longer = {.period = {.months = 12}};

    store_notes("anna", 3);
    at(90 * DAY_S - 1);
    cr_assert_eq(count_by(&longer, now_s).values, 3);
    at(90 * DAY_S);
    cr_assert_eq(count_by(&longer, now_s).values, 0);
}

Test(preview, counts_no_value_of_an_erased_person)
{
    const struct rule shorter = {.period = {.days = 1}};
    struct vault_erasure erasure;

    store_notes("anna", 3);
    store_notes("bert", 2);
    cr_assert_eq(fixture_erase(&f, "anna", &erasure), ERR_OK);
    vault_erasure_done(&erasure);
    cr_assert_eq(count_by(&shorter, now_s).values, 2);
}

Test(preview, counts_values_on_hold_apart)
{
    const struct rule shorter = {.period = {.days = 1}};
    struct vault_hold hold = {.class_id = f.note,
                              .code = "17(3)(e)",
                              .ground = "case 12/2026",
                              .owner = "legal",
                              .set_by = "test",
                              .review_s = START_S + 100 * DAY_S};
    struct vault_holds op = {.op = {.kind = VAULT_HOLDS}, .act = VAULT_HOLD_SET, .hold = &hold};
    struct vault_preview_count c;

    store_notes("anna", 3);
    store_notes("bert", 2);
    cr_assert_eq(fixture_subject(&f, "anna", &hold.slot), ERR_OK);
    cr_assert_eq(vault_run(f.v, &op.op), ERR_OK);
    at(2 * DAY_S);
    c = count_by(&shorter, now_s);
    cr_assert_eq(c.earlier, 5);
    cr_assert_eq(c.held, 3);
    cr_assert_eq(c.at_once, 2);
    cr_assert_eq(c.at_past_s, 2);
}

Test(preview, sees_one_state_of_the_store)
{
    const struct rule shorter = {.period = {.days = 1}};
    struct vault_preview *p = NULL;
    struct vault_preview_count count;

    store_notes("anna", 2);
    cr_assert_eq(vault_preview_open(f.v, &p), ERR_OK);
    store_notes("anna", 3);
    cr_assert_eq(vault_preview_class(p, f.note, &shorter, now_s, now_s, &count), ERR_OK);
    cr_assert_eq(count.values, 2);
    cr_assert_eq(vault_preview_class(p, 400, &shorter, now_s, now_s, &count), ERR_NOT_FOUND);
    vault_preview_close(&p);
}

Test(preview, reads_more_rows_than_one_run_holds)
{
    enum { ROWS = 2100 };
    static struct vault_item items[ROWS];
    struct vault_tokenize op = {.op = {.kind = VAULT_TOKENIZE},
                                .domain = VAULT_DOMAIN_DEFAULT,
                                .names = {SPAN_LIT("anna")},
                                .name_count = 1,
                                .items = items,
                                .count = ROWS};
    const struct rule shorter = {.period = {.seconds = 1}};

    for (size_t i = 0; i < ROWS; i++)
        items[i] = (struct vault_item){
            .class_id = f.note, .kind = VALUE_STRING, .value = SPAN_LIT("a note")};
    cr_assert_eq(vault_run(f.v, &op.op), ERR_OK);
    at(1);
    cr_assert_eq(count_by(&shorter, now_s).at_once, ROWS);
}

Test(preview, ends_when_the_server_stops)
{
    const struct rule shorter = {.period = {.days = 1}};
    struct vault_preview *p = NULL;
    struct vault_preview_count count;

    cr_assert_eq(vault_preview_open(f.v, &p), ERR_OK);
    vault_backup_stop(f.v);
    cr_assert_eq(vault_preview_class(p, f.note, &shorter, now_s, now_s, &count), ERR_CANCELED);
    vault_preview_close(&p);
}

Test(preview, knows_which_rule_the_values_have)
{
    struct class_def other = f.defs[0], unknown = f.defs[0];
    struct vault_preview *p = NULL;
    bool applied = false;

    other.rule.period.days = 1;
    unknown.name = f.domain_names[1];
    store_notes("anna", 1);
    cr_assert_eq(vault_preview_open(f.v, &p), ERR_OK);
    cr_assert_eq(vault_preview_is_applied(p, &f.defs[0], &applied), ERR_OK);
    cr_assert(applied);
    cr_assert_eq(vault_preview_is_applied(p, &other, &applied), ERR_OK);
    cr_assert_not(applied);
    cr_assert_eq(vault_preview_is_applied(p, &unknown, &applied), ERR_OK);
    cr_assert_not(applied);
    vault_preview_close(&p);
}

/* What is counted is what re-timing then does. */
Test(preview, equals_what_re_timing_does)
{
    struct vault_retime op = {
        .op = {.kind = VAULT_RETIME}, .class_id = f.note, .limit = 100, .more = true};
    struct vault_preview_count count;
    size_t changed = 0, deleted = 0;

    store_notes("anna", 5);
    at(3 * DAY_S);
    store_notes("bert", 6);
    f.defs[0].rule.period = (struct period){.days = 2};
    count = count_by(&f.defs[0].rule, now_s);
    cr_assert_eq(count.at_once, 5);
    while (op.more) {
        cr_assert_eq(vault_run(f.v, &op.op), ERR_OK);
        changed += op.changed;
        op.at = op.next;
    }
    cr_assert_eq(changed, count.earlier + count.later);
    cr_assert_eq(fixture_purge(&f, f.note, 100, &deleted), ERR_OK);
    cr_assert_eq(deleted, count.at_once);
}

/* ---- rules that start from something else than storing ---- */

/* The class has this rule from now on, its values follow, and a sweep takes what is due then: as was counted. */
static struct vault_preview_count applied(struct rule rule)
{
    const struct vault_preview_count count = count_by(&rule, now_s);
    struct vault_retime op = {
        .op = {.kind = VAULT_RETIME}, .class_id = f.note, .limit = 100, .more = true};
    size_t changed = 0, deleted = 0;

    f.defs[0].rule = rule;
    while (op.more) {
        cr_assert_eq(vault_run(f.v, &op.op), ERR_OK);
        changed += op.changed;
        op.at = op.next;
    }
    cr_assert_eq(changed, count.earlier + count.later);
    cr_assert_eq(fixture_purge(&f, f.note, 100, &deleted), ERR_OK);
    cr_assert_eq(deleted, count.at_once);
    return count;
}

/* The fixture frees no rule. */
static void forget_rule(void)
{
    f.defs[0].rule = (struct rule){.period = {.days = 90}};
}

static void send(const char *subject, char *name)
{
    struct vault_event op = {.op = {.kind = VAULT_EVENT}, .name = name};
    const struct rule rule = f.defs[0].rule;

    cr_assert_eq(fixture_subject(&f, subject, &op.slot), ERR_OK);
    f.defs[0].rule.start = RULE_EVENT;
    f.defs[0].rule.event = name; /* so that it is known; values follow in the test */
    cr_assert_eq(vault_run(f.v, &op.op), ERR_OK);
    cr_assert_eq(op.fate, VAULT_EVENT_KEPT);
    f.defs[0].rule = rule;
}

Test(preview, counts_from_an_event_when_its_period_changes)
{
    struct rule rule = {.start = RULE_EVENT,
                        .event = (char[]){"closed"},
                        .period = {.days = 30},
                        .backstop = {.months = 24}};
    struct vault_preview_count c;

    store_notes("anna", 3);
    store_notes("bert", 2);
    c = applied(rule);
    cr_assert_eq(c.later, 5); /* no event has come: the backstop */
    at(20 * DAY_S);
    send("anna", rule.event);
    c = applied(rule);
    cr_assert_eq(c.earlier + c.later, 0); /* it came with the event */
    store_notes("anna", 1);               /* of a case that is closed: from its own creation */
    at(40 * DAY_S);
    rule.period.days = 20;
    c = count_by(&rule, now_s - 1);
    cr_assert(c.at_once == 4 && c.at_past_s == 0);
    c = applied(rule);
    cr_assert(c.values == 6 && c.earlier == 4 && c.later == 0 && c.at_once == 4);
    forget_rule();
}

Test(preview, counts_from_the_event_that_a_changed_rule_names)
{
    struct rule rule = {.start = RULE_EVENT,
                        .event = (char[]){"closed"},
                        .period = {.days = 30},
                        .backstop = {.months = 24}};
    struct vault_preview_count c;

    store_notes("anna", 3);
    store_notes("bert", 2);
    store_notes("carla", 1);
    at(5 * DAY_S);
    send("bert", (char[]){"moved"});
    at(10 * DAY_S);
    send("anna", rule.event);
    (void)applied(rule);
    at(35 * DAY_S);
    rule.event = (char[]){"moved"};
    c = applied(rule);
    cr_assert(c.values == 6 && c.later == 3 && c.earlier == 2 && c.at_once == 2);
    forget_rule();
}

Test(preview, counts_from_what_a_changed_rule_starts_with)
{
    const struct rule created = {.period = {.days = 30}};
    const struct rule event = {.start = RULE_EVENT,
                               .event = (char[]){"closed"},
                               .period = {.days = 5},
                               .backstop = {.months = 24}};
    const struct rule used = {
        .start = RULE_LAST_USED, .period = {.days = 30}, .backstop = {.months = 24}};
    struct vault_preview_count c;

    store_notes("anna", 3);
    store_notes("bert", 2);
    at(10 * DAY_S);
    send("anna", event.event);
    c = applied(created);
    cr_assert(c.earlier == 5 && c.at_once == 0);
    at(20 * DAY_S);
    c = applied(event); /* an event that came before the rule counts as well */
    cr_assert(c.later == 2 && c.earlier == 3 && c.at_once == 3);
    at(30 * DAY_S);
    c = applied(used); /* what was never used counts from its creation */
    cr_assert(c.values == 2 && c.earlier == 2 && c.at_once == 2);
    forget_rule();
}

/* By another rule than was meant nothing is re-timed. */
Test(preview, re_timing_is_bound_to_the_rule)
{
    const struct rule other = {.period = {.days = 1}};
    struct vault_retime op = {
        .op = {.kind = VAULT_RETIME}, .class_id = f.note, .limit = 100, .rule = &other};

    store_notes("anna", 1);
    cr_assert_eq(vault_run(f.v, &op.op), ERR_CONFLICT);
    op.rule = &f.defs[0].rule;
    cr_assert_eq(vault_run(f.v, &op.op), ERR_OK);
}
