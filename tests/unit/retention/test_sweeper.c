/* SPDX-License-Identifier: Apache-2.0 */
#include "retention/sweeper.h"

#include <criterion/criterion.h>

#include "base/fault.h"
#include "base/log.h"
#include "base/secret.h"
#include "tests/support/vault_rig.h"
#include "vault/audit_read.h"
#include "vault/purges.h"

enum { HOUR_S = 3600 };

static struct sweeper_options options(struct rig *r)
{
    return (struct sweeper_options){
        .vault = r->vault, .classes = &r->classes, .now_s = clock_now_s()};
}

static struct vault_class_stats stats(struct rig *r, const char *class_name)
{
    struct vault_reader *reader = NULL;
    struct vault_class_stats s;

    REQUIRE(vault_reader_open(r->vault, &reader) == ERR_OK);
    REQUIRE(vault_read_begin(reader) == ERR_OK);
    REQUIRE(vault_read_stats(reader, rig_class(r, class_name), clock_now_s(), &s) == ERR_OK);
    vault_read_end(reader);
    vault_reader_close(&reader);
    return s;
}

static void start(void)
{
    secret_start();
    log_set_level(LOG_ERROR + 1); /* quiet: failures are part of these tests */
}

TestSuite(sweeper, .init = start, .timeout = 60);

Test(sweeper, destroys_what_is_due_and_leaves_the_rest)
{
    AUTO(rig_done) struct rig r;
    struct sweeper_options o;
    struct sweeper_counts counts;

    rig_init(&r);
    (void)rig_store(&r, "brief", "ada", "gone in an hour");
    (void)rig_store(&r, "note", "ada", "gone in ten days");
    rig_clock(RIG_NOW_S + HOUR_S - 1);
    (void)rig_store(&r, "brief", "bob", "gone in two hours");
    o = options(&r);
    cr_assert_eq(sweeper_pass(&o, &counts), ERR_OK);
    cr_assert_eq(counts.purged, 0, "not a second too early");
    rig_clock(RIG_NOW_S + HOUR_S);
    o = options(&r);
    cr_assert_eq(sweeper_pass(&o, &counts), ERR_OK);
    cr_assert_eq(counts.purged, 1);
    cr_assert_not(counts.more);
    cr_assert_eq(stats(&r, "brief").items, 1);
    cr_assert_eq(stats(&r, "brief").purged_timer, 1);
    cr_assert_eq(stats(&r, "note").items, 1);
}

Test(sweeper, catches_up_with_a_long_pause_in_one_pass)
{
    AUTO(rig_done) struct rig r;
    struct sweeper_options o;
    struct sweeper_counts counts;

    rig_init(&r);
    rig_store_many(&r, "brief", "ada", 1300);
    rig_store_many(&r, "note", "bob", 700);
    rig_clock(RIG_NOW_S + 400 * (int64_t)RIG_DAY_S);
    o = options(&r);
    cr_assert_eq(sweeper_pass(&o, &counts), ERR_OK);
    cr_assert_eq(counts.purged, 2000);
    cr_assert_geq(counts.batches, 5, "in batches of 500 at most");
    cr_assert_eq(stats(&r, "brief").items + stats(&r, "note").items, 0);
}

Test(sweeper, stops_at_its_budget_and_says_that_there_is_more)
{
    AUTO(rig_done) struct rig r;
    struct sweeper_options o;
    struct sweeper_counts counts;
    uint64_t purged;

    rig_init(&r);
    rig_store_many(&r, "brief", "ada", 1300);
    rig_clock(RIG_NOW_S + RIG_DAY_S);
    o = options(&r);
    o.budget = 600;
    cr_assert_eq(sweeper_pass(&o, &counts), ERR_OK);
    cr_assert_geq(counts.purged, 600);
    cr_assert_leq(counts.purged, 1000, "it ends with the batch that reaches it");
    cr_assert(counts.more);
    purged = counts.purged;
    while (counts.more) {
        cr_assert_eq(sweeper_pass(&o, &counts), ERR_OK);
        purged += counts.purged;
    }
    cr_assert_eq(purged, 1300);
}

Test(sweeper, asked_to_stop_does_nothing_more)
{
    AUTO(rig_done) struct rig r;
    struct sweeper_options o;
    struct sweeper_counts counts;
    atomic_bool stop = true;

    rig_init(&r);
    (void)rig_store(&r, "brief", "ada", "tea");
    rig_clock(RIG_NOW_S + RIG_DAY_S);
    o = options(&r);
    o.stop = &stop;
    cr_assert_eq(sweeper_pass(&o, &counts), ERR_OK);
    cr_assert_eq(counts.purged, 0);
    cr_assert(counts.more);
}

Test(sweeper, reports_a_failure_and_makes_up_for_it_in_the_next_pass)
{
    AUTO(rig_done) struct rig r;
    struct sweeper_options o;
    struct sweeper_counts counts;

    rig_init(&r);
    (void)rig_store(&r, "brief", "ada", "tea");
    (void)rig_store(&r, "note", "ada", "coffee");
    rig_clock(RIG_NOW_S + 30 * (int64_t)RIG_DAY_S);
    o = options(&r);
    fault_test_set("commit.fail!io", NULL);
    cr_assert_eq(sweeper_pass(&o, &counts), ERR_IO);
    cr_assert_eq(counts.purged, 0);
    fault_test_set(NULL, NULL);
    cr_assert_eq(stats(&r, "brief").items, 1, "what was not committed is still there");
    cr_assert_eq(sweeper_pass(&o, &counts), ERR_OK);
    cr_assert_eq(counts.purged, 2);
}

Test(sweeper, gives_a_value_stored_again_a_new_token_and_a_new_life)
{
    AUTO(rig_done) struct rig r;
    struct sweeper_options o;
    struct sweeper_counts counts;
    struct token_text first, second;
    char value[256];

    rig_init(&r);
    first = rig_store(&r, "mail", "ada", "ada@example.org");
    rig_clock(RIG_NOW_S + 3 * 366 * (int64_t)RIG_DAY_S);
    o = options(&r);
    cr_assert_eq(sweeper_pass(&o, &counts), ERR_OK);
    cr_assert_eq(counts.purged, 1);
    second = rig_store(&r, "mail", "ada", "ada@example.org");
    cr_assert_neq(memcmp(first.bytes, second.bytes, second.len), 0);
    cr_assert_eq(rig_reveal(&r, &first, value), ERR_NOT_FOUND);
    cr_assert_eq(rig_reveal(&r, &second, value), ERR_OK);
    cr_assert_eq(sweeper_pass(&o, &counts), ERR_OK);
    cr_assert_eq(counts.purged, 0);
}

Test(sweeper, lets_no_class_wait_for_the_millions_of_another)
{
    AUTO(rig_done) struct rig r;
    struct sweeper_options o;
    struct sweeper_counts counts;

    rig_init(&r);
    rig_store_many(&r, "note", "ada", 3000); /* comes before "brief" in the configuration */
    rig_store_many(&r, "brief", "bob", 40);
    rig_clock(RIG_NOW_S + 20 * (int64_t)RIG_DAY_S);
    o = options(&r);
    o.budget = 600;
    cr_assert_eq(sweeper_pass(&o, &counts), ERR_OK);
    cr_assert(counts.more);
    cr_assert_eq(stats(&r, "brief").items, 0);
    cr_assert_gt(stats(&r, "note").items, 1500);
}

/* ---- what nobody foresaw ---- */

static const struct breaker breaker = {.at_least = 100, .factor = 10, .percent = 25};

static struct sweeper_options guarded(struct rig *r)
{
    struct sweeper_options o = options(r);

    o.breaker = &breaker;
    return o;
}

/* Rows got other due times: what was foreseen says nothing of them. */
static void foresee_nothing(struct rig *r, const char *class_name)
{
    const struct vault_class_stats now = stats(r, class_name);
    const struct vault_purge_foreseen nothing = {.class_id = rig_class(r, class_name),
                                                 .at_s = clock_now_s(),
                                                 .created = now.created,
                                                 .purged = now.purged_timer};
    struct vault_purge_note op = {
        .op.kind = VAULT_PURGE_NOTE, .foreseen = &nothing, .foreseen_count = 1};

    REQUIRE(vault_run(r->vault, &op.op) == ERR_OK);
}

Test(sweeper, destroys_all_that_was_foreseen_after_a_month_off)
{
    AUTO(rig_done) struct rig r;
    struct sweeper_options o;
    struct sweeper_counts counts;

    rig_init(&r);
    rig_store_many(&r, "note", "ada", 700);
    rig_store_many(&r, "brief", "ada", 700);
    o = guarded(&r);
    cr_assert_eq(sweeper_pass(&o, &counts), ERR_OK);
    rig_clock(RIG_NOW_S + 31 * (int64_t)RIG_DAY_S);
    o = guarded(&r);
    cr_assert_eq(sweeper_pass(&o, &counts), ERR_OK);
    cr_assert_eq(counts.purged, 1400);
    cr_assert_eq(counts.paused, 0);
}

Test(sweeper, e49_pauses_a_class_of_which_far_more_is_due_than_was_foreseen)
{
    AUTO(rig_done) struct rig r;
    struct vault_purge_note resume = {.op.kind = VAULT_PURGE_NOTE};
    struct sweeper_options o;
    struct sweeper_counts counts;

    rig_init(&r);
    rig_store_many(&r, "note", "ada", 700);
    rig_store_many(&r, "brief", "ada", 50);
    o = guarded(&r);
    cr_assert_eq(sweeper_pass(&o, &counts), ERR_OK);
    rig_clock(RIG_NOW_S + 20 * (int64_t)RIG_DAY_S);
    foresee_nothing(&r, "note");
    foresee_nothing(&r, "brief");
    for (int pass = 0; pass < 2; pass++) {
        o = guarded(&r);
        cr_assert_eq(sweeper_pass(&o, &counts), ERR_OK);
        cr_assert_eq(counts.paused, 1);
        cr_assert_eq(counts.tripped, pass == 0 ? 1 : 0, "once");
        cr_assert_eq(stats(&r, "note").items, 700);
        cr_assert_eq(stats(&r, "brief").items, 0, "so few are no matter");
    }
    resume.resume = rig_class(&r, "note");
    cr_assert_eq(vault_run(r.vault, &resume.op), ERR_OK);
    cr_assert_eq(sweeper_pass(&o, &counts), ERR_OK);
    cr_assert_eq(counts.purged, 700);
    cr_assert_eq(counts.paused, 0);
}

/* ---- what the audit trail says ---- */

struct seen {
    size_t pauses;
    char object[64];
};

static enum err on_record(const struct audit_record *r, void *context)
{
    struct seen *seen = context;

    if (span_equal(r->operation, SPAN_LIT("retention.pause")) && r->outcome == AUDIT_REFUSED)
        seen->pauses++;
    (void)snprintf(seen->object, sizeof(seen->object), "%.*s", (int)r->object.len, r->object.at);
    return ERR_OK;
}

Test(sweeper, a_pause_is_recorded_in_the_audit_trail_once)
{
    static const struct audit_record last = {
        .action = AUDIT_STOP, .outcome = AUDIT_DONE, .role = AUDIT_SYSTEM, .who = SPAN_LIT("test")};
    const struct audit_filter purges = {.action = AUDIT_PURGE};
    AUTO(rig_done) struct rig r;
    struct seen seen = {.pauses = 0};
    struct sweeper_options o;
    struct sweeper_counts counts;

    rig_init(&r);
    rig_store_many(&r, "note", "ada", 700);
    o = guarded(&r);
    cr_assert_eq(sweeper_pass(&o, &counts), ERR_OK);
    rig_clock(RIG_NOW_S + 20 * (int64_t)RIG_DAY_S);
    foresee_nothing(&r, "note");
    for (int pass = 0; pass < 2; pass++) {
        o = guarded(&r);
        cr_assert_eq(sweeper_pass(&o, &counts), ERR_OK);
    }
    /* records are in order: when this one is durable, those before it are */
    cr_assert_eq(audit_write(vault_audit(r.vault), &last), ERR_OK);
    cr_assert_eq(audit_each(vault_dir(r.vault), &purges, on_record, &seen), ERR_OK);
    cr_assert_eq(seen.pauses, 1);
    cr_assert_str_eq(seen.object, "note");
}

Test(sweeper, values_of_a_paused_class_stay_unreadable)
{
    AUTO(rig_done) struct rig r;
    struct token_text token;
    struct sweeper_options o;
    struct sweeper_counts counts;
    char value[256];

    rig_init(&r);
    rig_store_many(&r, "note", "ada", 200);
    token = rig_store(&r, "note", "ada", "one of them");
    rig_clock(RIG_NOW_S + 20 * (int64_t)RIG_DAY_S);
    foresee_nothing(&r, "note");
    o = guarded(&r);
    cr_assert_eq(sweeper_pass(&o, &counts), ERR_OK);
    cr_assert_eq(counts.paused, 1);
    cr_assert_eq(stats(&r, "note").items, 201);
    cr_assert_eq(rig_reveal(&r, &token, value), ERR_NOT_FOUND);
}

Test(sweeper, destroys_nothing_while_it_cannot_look)
{
    AUTO(rig_done) struct rig r;
    struct sweeper_options o;
    struct sweeper_counts counts;

    rig_init(&r);
    (void)rig_store(&r, "brief", "ada", "tea");
    rig_clock(RIG_NOW_S + RIG_DAY_S);
    o = guarded(&r);
    fault_test_set("purge.look!io", NULL);
    cr_assert_eq(sweeper_pass(&o, &counts), ERR_IO);
    fault_test_set(NULL, NULL);
    cr_assert_eq(counts.failures, r.classes.count);
    cr_assert_eq(stats(&r, "brief").items, 1);
    cr_assert_eq(sweeper_pass(&o, &counts), ERR_OK);
    cr_assert_eq(counts.purged, 1);
}

/* ---- the due instant ---- */

#define DUE_REST "purposes: [test], basis: \"6(1)(b)\", retain: {period: P10D}}\n"
static const char every_kind[] =
    "plain: {" DUE_REST "shared: {deterministic: true, " DUE_REST
    "mail: {format: email, deterministic: true, " DUE_REST
    "digits: {format: digits, reserved: \"9\", " DUE_REST
    "number: {format: digits, reserved: \"9\", deterministic: true, " DUE_REST;

static enum err reveal_with(struct vault_reader *reader, const struct vault_scope *scope,
                            const struct token_text *token)
{
    struct vault_value value;
    struct buf text;
    enum err e;

    buf_init_secret(&text, 255);
    REQUIRE(vault_read_begin(reader) == ERR_OK);
    e = vault_reveal_as(reader, scope, span_of(token->bytes, token->len), &text, &value);
    cr_assert_eq(vault_inspect_as(reader, scope, span_of(token->bytes, token->len), &value), e);
    vault_read_end(reader);
    buf_done(&text);
    return e;
}

/* The token that is there for the value already. */
static enum err find_with(struct vault_reader *reader, uint16_t class_id)
{
    struct vault_item item = {
        .class_id = class_id, .kind = VALUE_STRING, .value = SPAN_LIT("12345678")};
    enum err e;

    REQUIRE(vault_read_begin(reader) == ERR_OK);
    e = vault_find(reader, VAULT_DOMAIN_DEFAULT, 0, &item);
    vault_read_end(reader);
    return e;
}

Test(sweeper, a_value_ends_at_its_instant_however_it_is_kept_and_looked_up)
{
    AUTO(rig_done) struct rig r;
    AUTO(vault_reader_close) struct vault_reader *reader = NULL;
    const int64_t due_s = RIG_NOW_S + 10 * (int64_t)RIG_DAY_S;

    rig_init_with(&r, every_kind);
    cr_assert_eq(vault_reader_open(r.vault, &reader), ERR_OK);
    for (size_t i = 0; i < r.classes.count; i++) {
        const struct class_def *def = &r.classes.defs[i];
        const struct vault_scope scope = {.class_id = vault_class_id(r.vault, def)};
        struct token_text token;

        rig_clock(RIG_NOW_S);
        token = rig_store(&r, def->name, "ada", "12345678");
        rig_clock(due_s - 1);
        for (int times = 0; times < 4; times++) /* until every cache has it */
            cr_assert_eq(reveal_with(reader, &scope, &token), ERR_OK, "%s", def->name);
        if (def->deterministic)
            cr_assert_eq(find_with(reader, scope.class_id), ERR_OK, "%s", def->name);
        rig_clock(due_s);
        cr_assert_eq(reveal_with(reader, &scope, &token), ERR_NOT_FOUND, "%s", def->name);
        if (def->deterministic)
            cr_assert_eq(find_with(reader, scope.class_id), ERR_NOT_FOUND, "%s", def->name);
        cr_assert_eq(stats(&r, def->name).items, 1, "nobody has swept");
    }
}
