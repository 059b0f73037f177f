/* SPDX-License-Identifier: Apache-2.0 */
/* Changed rules and the values that are there. */
#include "retention/retiming.h"

#include <criterion/criterion.h>

#include "base/effort.h"
#include "base/log.h"
#include "base/period.h"
#include "retention/simulation.h"
#include "retention/sweeper.h"
#include "tests/support/vault_rig.h"
#include "vault/records.h"
#include "vault/retime.h"
#include "vault/rules.h"

enum { HOUR_S = 3600, VALUES = 25 };

#define TEN_YEARS "{note: {purposes: [a], basis: \"6(1)(b)\", retain: {period: P10Y}}}"
#define ONE_DAY   "{note: {purposes: [a], basis: \"6(1)(b)\", retain: {period: P1D}}}"

static struct rig r;
static struct conf *confs[4]; /* configurations put in force by a test */
static struct classes sets[4];
static size_t set_count;

static void start(void)
{
    secret_start();
    log_set_level(LOG_ERROR + 1);
    rig_init_with(&r, TEN_YEARS);
}

static void end(void)
{
    rig_done(&r);
    for (size_t i = 0; i < set_count; i++) {
        classes_done(&sets[i]);
        conf_free(&confs[i]);
    }
}

TestSuite(retiming, .init = start, .fini = end, .timeout = 60);

static const struct classes *read_set(const char *yaml)
{
    struct errmsg msg = {""};

    cr_assert_eq(conf_parse("new.yaml", span_str(yaml), &confs[set_count], &msg), ERR_OK, "%s",
                 msg.text);
    cr_assert_eq(classes_read(conf_root(confs[set_count]), &sets[set_count], &msg), ERR_OK, "%s",
                 msg.text);
    return &sets[set_count++];
}

static void put_in_force(const struct classes *classes)
{
    struct errmsg msg = {""};
    struct vault_configure op = {
        .op = {.kind = VAULT_CONFIGURE}, .classes = classes, .domains = &r.domains, .msg = &msg};

    cr_assert_eq(vault_run(r.vault, &op.op), ERR_OK, "%s", msg.text);
}

static void store_notes(size_t count)
{
    rig_store_many(&r, "note", "ada", count);
}

static size_t sweep(void)
{
    const struct sweeper_options o = {
        .vault = r.vault, .classes = vault_classes(r.vault), .now_s = clock_now_s()};
    struct sweeper_counts counts;

    cr_assert_eq(sweeper_pass(&o, &counts), ERR_OK);
    return counts.purged;
}

static uint64_t items(void)
{
    struct vault_reader *reader = NULL;
    struct vault_class_stats s;

    cr_assert_eq(vault_reader_open(r.vault, &reader), ERR_OK);
    cr_assert_eq(vault_read_begin(reader), ERR_OK);
    cr_assert_eq(vault_read_stats(reader, rig_class(&r, "note"), clock_now_s(), &s), ERR_OK);
    vault_read_end(reader);
    vault_reader_close(&reader);
    return s.items;
}

static struct vault_rule_status status(void)
{
    struct vault_reader *reader = NULL;
    struct vault_rule_status s;

    cr_assert_eq(vault_reader_open(r.vault, &reader), ERR_OK);
    cr_assert_eq(vault_read_begin(reader), ERR_OK);
    cr_assert_eq(vault_read_rule(reader, rig_class(&r, "note"), &s), ERR_OK);
    vault_read_end(reader);
    vault_reader_close(&reader);
    return s;
}

static struct json *preview(const struct classes *classes)
{
    struct errmsg msg = {""};
    struct json *tree = NULL;

    cr_assert_eq(retiming_preview(r.vault, classes, &tree, &msg), ERR_OK, "%s", msg.text);
    return tree;
}

static int64_t figure(const struct json *tree, const char *name)
{
    return json_int_of(json_get(json_at(json_get(tree, "classes"), 0), name), -1);
}

static enum err apply(const struct json *tree, struct errmsg *msg)
{
    AUTO(json_free) struct json *result = NULL;
    const enum err e =
        retiming_apply(r.vault, json_text_of(json_get(tree, "digest")), &result, msg);

    if (e == ERR_OK)
        cr_assert_str_eq(json_str_of(json_get(result, "state")), "done");
    return e;
}

static void assert_refused(const struct json *tree, enum err expected, const char *words)
{
    struct errmsg msg = {""};

    cr_assert_eq(apply(tree, &msg), expected, "%s", msg.text);
    cr_assert_not_null(strstr(msg.text, words), "%s", msg.text);
}

/* E50: ten years become a day. */
Test(retiming, e50_a_changed_rule_destroys_nothing_by_itself_and_then_what_was_previewed)
{
    AUTO(json_free) struct json *tree = NULL;
    struct errmsg msg = {""};

    store_notes(VALUES);
    rig_clock(RIG_NOW_S + 2 * RIG_DAY_S);
    store_notes(3);
    rig_clock(RIG_NOW_S + 2 * RIG_DAY_S + HOUR_S);
    put_in_force(read_set(ONE_DAY));
    cr_assert_eq(sweep(), 0);
    cr_assert_eq(items(), VALUES + 3);
    cr_assert_eq(status().pending, VALUES + 3);
    tree = preview(vault_classes(r.vault));
    cr_assert_eq(figure(tree, "values"), VALUES + 3);
    cr_assert_eq(figure(tree, "earlier"), VALUES + 3);
    cr_assert_eq(figure(tree, "later"), 0);
    cr_assert_eq(figure(tree, "unchanged"), 0);
    cr_assert_eq(figure(tree, "at_once"), VALUES);
    cr_assert_eq(json_int_of(json_get(tree, "at_once"), 0), VALUES);
    cr_assert(json_bool_of(json_get(tree, "in_force"), false));
    cr_assert_eq(sweep(), 0, "a preview changes nothing");
    cr_assert_eq(apply(tree, &msg), ERR_OK, "%s", msg.text);
    cr_assert_eq(items(), VALUES + 3, "only the sweeper destroys");
    cr_assert_eq(sweep(), VALUES);
    cr_assert_eq(items(), 3);
    cr_assert_eq(status().pending, 0);
    cr_assert_eq(status().applied, 2);
    rig_clock(RIG_NOW_S + 3 * RIG_DAY_S);
    cr_assert_eq(sweep(), 3, "the others a day after they were stored");
}

Test(retiming, of_a_longer_period_keeps_longer)
{
    AUTO(json_free) struct json *tree = NULL;
    struct errmsg msg = {""};
    struct token_text token = rig_store(&r, "note", "ada", "kept");
    char text[256];

    put_in_force(read_set(ONE_DAY));
    (void)rig_store(&r, "note", "ada", "short");
    put_in_force(read_set("{note: {purposes: [a], basis: \"6(1)(b)\", retain: {period: P20Y}}}"));
    tree = preview(vault_classes(r.vault));
    cr_assert_eq(figure(tree, "later"), 2);
    cr_assert_eq(figure(tree, "at_once"), 0);
    cr_assert_eq(apply(tree, &msg), ERR_OK, "%s", msg.text);
    rig_clock(RIG_NOW_S + INT64_C(4000) * RIG_DAY_S);
    cr_assert_eq(sweep(), 0);
    cr_assert_eq(rig_reveal(&r, &token, text), ERR_OK);
    cr_assert_str_eq(text, "kept");
}

Test(retiming, preview_of_a_rule_that_is_not_in_force_is_not_applied)
{
    AUTO(json_free) struct json *tree = NULL;
    const struct classes *proposal = read_set(ONE_DAY);
    struct errmsg msg = {""};

    store_notes(VALUES);
    rig_clock(RIG_NOW_S + 2 * RIG_DAY_S);
    tree = preview(proposal);
    cr_assert_eq(figure(tree, "at_once"), VALUES);
    cr_assert_not(json_bool_of(json_get(tree, "in_force"), true));
    assert_refused(tree, ERR_CONFLICT, "not those of the preview");
    cr_assert_eq(sweep(), 0);
    put_in_force(proposal);
    cr_assert_eq(apply(tree, &msg), ERR_OK, "%s", msg.text);
    cr_assert_eq(sweep(), VALUES);
}

Test(retiming, is_refused_once_the_rules_are_others)
{
    AUTO(json_free) struct json *tree = NULL;

    store_notes(VALUES);
    put_in_force(read_set(ONE_DAY));
    tree = preview(vault_classes(r.vault));
    put_in_force(read_set("{note: {purposes: [a], basis: \"6(1)(b)\", retain: {period: PT1H}}}"));
    assert_refused(tree, ERR_CONFLICT, "not those of the preview");
    rig_clock(RIG_NOW_S + 2 * RIG_DAY_S);
    cr_assert_eq(sweep(), 0);
}

Test(retiming, allows_what_came_due_meanwhile)
{
    AUTO(json_free) struct json *tree = NULL;
    struct errmsg msg = {""};

    store_notes(VALUES);
    put_in_force(read_set(ONE_DAY));
    tree = preview(vault_classes(r.vault));
    cr_assert_eq(figure(tree, "at_once"), 0);
    rig_clock(RIG_NOW_S + RIG_DAY_S);
    cr_assert_eq(apply(tree, &msg), ERR_OK, "%s", msg.text);
    cr_assert_eq(sweep(), VALUES);
}

/* Values that were not there for the preview, and would be destroyed at once: as after a restore. */
Test(retiming, is_refused_when_more_would_be_destroyed_than_was_previewed)
{
    AUTO(json_free) struct json *tree = NULL;
    const struct classes *ten_years = read_set(TEN_YEARS), *one_day = read_set(ONE_DAY);

    store_notes(VALUES);
    rig_clock(RIG_NOW_S + 2 * RIG_DAY_S);
    put_in_force(one_day);
    tree = preview(vault_classes(r.vault));
    cr_assert_eq(figure(tree, "at_once"), VALUES);
    put_in_force(ten_years);
    rig_clock(RIG_NOW_S);
    store_notes(1);
    put_in_force(one_day);
    rig_clock(RIG_NOW_S + 2 * RIG_DAY_S);
    assert_refused(tree, ERR_CONFLICT, "more values would be destroyed");
    cr_assert_eq(sweep(), 0);
}

Test(retiming, has_nothing_to_do_when_nothing_changed)
{
    AUTO(json_free) struct json *tree = NULL;

    store_notes(VALUES);
    tree = preview(vault_classes(r.vault));
    cr_assert_eq(json_count(json_get(tree, "classes")), 0);
    cr_assert_eq(json_kind(json_get(tree, "digest")), JSON_NIL);
}

Test(retiming, done_twice_says_the_same)
{
    AUTO(json_free) struct json *tree = NULL;
    struct errmsg msg = {""};

    store_notes(VALUES);
    put_in_force(read_set(ONE_DAY));
    tree = preview(vault_classes(r.vault));
    cr_assert_eq(apply(tree, &msg), ERR_OK, "%s", msg.text);
    cr_assert_eq(apply(tree, &msg), ERR_OK, "%s", msg.text);
}

Test(retiming, needs_a_digest_of_a_preview)
{
    struct json *result = NULL;
    struct errmsg msg = {""};

    cr_assert_eq(retiming_apply(r.vault, SPAN_LIT("abc"), &result, &msg), ERR_INVALID);
    cr_assert_eq(
        retiming_apply(r.vault, SPAN_LIT("0123456789abcdef0123456789abcdef"), &result, &msg),
        ERR_NOT_FOUND);
    cr_assert_null(result);
}

Test(retiming, digests_tell_previews_apart)
{
    AUTO(json_free) struct json *a = NULL, *b = NULL;

    store_notes(VALUES);
    put_in_force(read_set(ONE_DAY));
    a = preview(vault_classes(r.vault));
    store_notes(1);
    rig_clock(RIG_NOW_S + 1);
    b = preview(vault_classes(r.vault));
    cr_assert_str_neq(json_str_of(json_get(a, "digest")), json_str_of(json_get(b, "digest")));
}

/* A run that was interrupted after its first batches goes on, and does what is left. */
Test(retiming, goes_on_where_it_was_interrupted)
{
    AUTO(json_free) struct json *tree = NULL;
    struct vault_retime op = {.op = {.kind = VAULT_RETIME}, .limit = 10};
    struct vault_records *records = NULL;
    struct vault_record record;
    struct vault_records_write write = {
        .op = {.kind = VAULT_RECORDS}, .records = &record, .count = 1};
    const struct classes before = r.classes;
    char body[4096];

    store_notes(VALUES);
    rig_clock(RIG_NOW_S + 2 * RIG_DAY_S);
    put_in_force(read_set(ONE_DAY));
    tree = preview(vault_classes(r.vault));
    op.class_id = rig_class(&r, "note");
    cr_assert_eq(vault_run(r.vault, &op.op), ERR_OK);
    cr_assert_eq(vault_records_open(r.vault, &records), ERR_OK);
    cr_assert_eq(vault_record_by_key(records, VAULT_RECORD_RULE_RUN,
                                     json_str_of(json_get(tree, "digest")), &record),
                 ERR_OK);
    cr_assert_leq(record.body.len, sizeof(body));
    memcpy(body, record.body.at, record.body.len);
    record.body.at = body;
    record.state = RETIMING_RUNNING;
    vault_records_close(&records);
    cr_assert_eq(vault_run(r.vault, &write.op), ERR_OK);
    vault_close(&r.vault);
    r.classes = sets[0]; /* as the file says now */
    rig_open(&r);
    cr_assert_eq(retiming_resume(r.vault), ERR_OK);
    cr_assert_eq(sweep(), VALUES);
    cr_assert_eq(status().pending, 0);
    cr_assert_eq(retiming_resume(r.vault), ERR_OK);
    r.classes = before;
}

/* ---- simulation ---- */

static enum err simulate_at(struct civil at, struct json **ret, struct errmsg *msg)
{
    AUTO(vault_reader_close) struct vault_reader *reader = NULL;
    struct simulation s = {
        .vault = r.vault, .classes = vault_classes(r.vault), .now_s = clock_now_s(), .at = at};

    cr_assert_eq(vault_reader_open(r.vault, &reader), ERR_OK);
    s.reader = reader;
    return simulation_make(&s, ret, msg);
}

static struct json *simulate(const char *day)
{
    struct errmsg msg = {""};
    struct json *tree = NULL;
    struct civil at;

    cr_assert(civil_parse(span_str(day), &at));
    cr_assert_eq(simulate_at(at, &tree, &msg), ERR_OK, "%s", msg.text);
    return tree;
}

Test(retiming, simulation_counts_what_is_due_by_day)
{
    AUTO(json_free) struct json *before = NULL, *on = NULL, *later = NULL;
    const struct json *days;
    uint64_t done, total;

    store_notes(2);
    rig_clock(RIG_NOW_S + RIG_DAY_S);
    store_notes(3);
    before = simulate("2036-01-09"); /* ten years later less a day */
    cr_assert_eq(figure(before, "due"), 0);
    cr_assert_eq(figure(before, "left"), 5);
    on = simulate("2036-01-10");
    cr_assert_eq(figure(on, "due"), 2);
    later = simulate("2040-01-01");
    cr_assert_eq(figure(later, "due"), 5);
    cr_assert_eq(json_int_of(json_get(later, "due"), 0), 5);
    days = json_get(json_at(json_get(later, "classes"), 0), "days");
    cr_assert_eq(json_count(days), 2);
    cr_assert_str_eq(json_str_of(json_get(json_at(days, 0), "day")), "2036-01-10");
    cr_assert_eq(json_int_of(json_get(json_at(days, 1), "values"), 0), 3);
    effort_get(EFFORT_SIMULATE, &done, &total); /* what somebody who waits is shown */
    cr_assert_eq(done, vault_classes(r.vault)->count);
    cr_assert_eq(total, done);
}

Test(retiming, simulation_is_of_days_to_come)
{
    struct errmsg msg = {""};
    struct json *tree = NULL;

    cr_assert_eq(simulate_at((struct civil){2026, 1, 9}, &tree, &msg), ERR_INVALID);
    cr_assert_str_eq(msg.text, "that day has gone");
    cr_assert_null(tree);
}
