/* SPDX-License-Identifier: Apache-2.0 */
#include "retention/report.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/secret.h"
#include "retention/backups.h"
#include "retention/consents.h"
#include "retention/erasure.h"
#include "retention/sweeper.h"
#include "tests/unit/retention/report_rig.h"
#include "vault/holds.h"

/* Over the days [from, to). */
static struct json *report_over(struct rig *r, int64_t from_day, int64_t to_day)
{
    return rig_report_over(r, "retention", from_day, to_day);
}

static struct json *report(struct rig *r)
{
    return report_over(r, INT64_MIN, INT64_MAX);
}

static const struct json *row(const struct json *tree, const char *class_name)
{
    const struct json *rows = json_get(tree, "rows");

    for (size_t i = 0; i < json_count(rows); i++) {
        if (strcmp(json_str_of(json_get(json_at(rows, i), "class")), class_name) == 0)
            return json_at(rows, i);
    }
    return NULL;
}

static int64_t figure(const struct json *tree, const char *class_name, const char *name)
{
    return json_int_of(json_get(row(tree, class_name), name), -1);
}

static void sweep(struct rig *r)
{
    struct sweeper_options o = {.vault = r->vault, .classes = &r->classes, .now_s = clock_now_s()};
    struct sweeper_counts counts;

    REQUIRE(sweeper_pass(&o, &counts) == ERR_OK);
}

static void start(void)
{
    secret_start();
    log_set_level(LOG_ERROR);
}

TestSuite(report_retention, .init = start, .timeout = 120);

Test(report_retention, of_an_empty_store_shows_every_class_and_its_rule)
{
    AUTO(rig_done) struct rig r;
    AUTO(json_free) struct json *tree = NULL;
    const struct json *mail;

    rig_init(&r);
    tree = report(&r);
    cr_assert_str_eq(json_str_of(json_get(tree, "report")), "retention");
    cr_assert_str_eq(json_str_of(json_get(tree, "as_of")), "2026-01-10T12:00:00Z");
    cr_assert_not_null(json_str_of(json_get(tree, "version")));
    cr_assert_not_null(json_str_of(json_get(tree, "commit")));
    cr_assert_eq(json_count(json_get(tree, "rows")), 3);
    mail = row(tree, "mail");
    cr_assert_str_eq(json_str_of(json_get(mail, "period")), "P2Y");
    cr_assert_str_eq(json_str_of(json_get(mail, "basis")), "6(1)(b)");
    cr_assert_eq(json_kind(json_get(mail, "oldest")), JSON_NIL);
    cr_assert(json_bool_of(json_get(mail, "balanced"), false));
    cr_assert_str_eq(json_str_of(json_get(row(tree, "brief"), "period")), "PT1H");
    cr_assert_not(report_needs_attention(tree));
}

Test(report_retention, counts_items_and_when_they_are_due)
{
    AUTO(rig_done) struct rig r;
    AUTO(json_free) struct json *tree = NULL;

    rig_init(&r);
    (void)rig_store(&r, "mail", "ada", "ada@example.org");
    (void)rig_store(&r, "note", "ada", "one");
    (void)rig_store(&r, "note", "bob", "two");
    (void)rig_store(&r, "brief", "bob", "three");
    tree = report(&r);
    cr_assert_eq(json_int_of(json_get(json_get(tree, "summary"), "subjects"), -1), 2);
    cr_assert_eq(figure(tree, "note", "items"), 2);
    cr_assert_eq(figure(tree, "note", "due_7d"), 0);
    cr_assert_eq(figure(tree, "note", "due_30d"), 2);
    cr_assert_eq(figure(tree, "note", "due_90d"), 2);
    cr_assert_eq(figure(tree, "mail", "due_90d"), 0);
    cr_assert_eq(figure(tree, "brief", "due_7d"), 1);
    cr_assert_eq(figure(tree, "note", "created"), 2);
    cr_assert_str_eq(json_str_of(json_get(row(tree, "note"), "oldest")), "2026-01-10");
}

Test(report_retention, of_something_overdue_asks_for_attention_until_it_is_swept)
{
    AUTO(rig_done) struct rig r;
    struct json *tree;

    rig_init(&r);
    (void)rig_store(&r, "note", "ada", "one");
    rig_clock(RIG_NOW_S + 12 * (int64_t)RIG_DAY_S);
    tree = report(&r);
    cr_assert_eq(figure(tree, "note", "overdue"), 1);
    cr_assert(report_needs_attention(tree));
    json_free(&tree);
    sweep(&r);
    tree = report(&r);
    cr_assert_eq(figure(tree, "note", "overdue"), 0);
    cr_assert_eq(figure(tree, "note", "purged_timer"), 1);
    cr_assert_not(report_needs_attention(tree));
    json_free(&tree);
}

/* ---- the balance line ---- */

static void check_line(const struct json *tree, const char *class_name, int64_t opening,
                       int64_t created, int64_t timer, int64_t closing)
{
    cr_assert_eq(figure(tree, class_name, "opening"), opening);
    cr_assert_eq(figure(tree, class_name, "created"), created);
    cr_assert_eq(figure(tree, class_name, "purged_timer"), timer);
    cr_assert_eq(figure(tree, class_name, "closing"), closing);
}

Test(report_retention, balances_over_any_period)
{
    AUTO(rig_done) struct rig r;
    const int64_t today = RIG_NOW_S / RIG_DAY_S;
    struct json *tree;

    rig_init(&r);
    (void)rig_store(&r, "note", "ada", "one");
    (void)rig_store(&r, "note", "ada", "two");
    rig_clock(RIG_NOW_S + 5 * (int64_t)RIG_DAY_S);
    (void)rig_store(&r, "note", "ada", "three");
    rig_clock(RIG_NOW_S + 12 * (int64_t)RIG_DAY_S);
    sweep(&r);
    tree = report(&r);
    check_line(tree, "note", 0, 3, 2, 1);
    json_free(&tree);
    tree = report_over(&r, today, today + 5);
    check_line(tree, "note", 0, 2, 0, 2);
    json_free(&tree);
    tree = report_over(&r, today + 5, today + 12);
    check_line(tree, "note", 2, 1, 0, 3);
    json_free(&tree);
    tree = report_over(&r, today + 12, today + 13);
    check_line(tree, "note", 3, 0, 2, 1);
    cr_assert_eq(figure(tree, "note", "created_ever"), 3);
    cr_assert_eq(figure(tree, "note", "purged_ever"), 2);
    json_free(&tree);
    tree = report_over(&r, today + 13, INT64_MAX);
    check_line(tree, "note", 1, 0, 0, 1);
    json_free(&tree);
}

/* ---- random histories against a plain list ---- */

enum { PEOPLE = 12, STEPS = 160, ROWS_MAX = 4000 };
static const char *const class_names[] = {"mail", "note", "brief"};
static const int64_t lifetimes_s[] = {731 * RIG_DAY_S, 10 * RIG_DAY_S, 3600};

struct model {
    struct {
        int class, person;
        int64_t created_s, due_s;
        bool alive;
    } rows[ROWS_MAX];
    size_t count;
    uint64_t created[3], timer[3], erased[3];
    unsigned seed;
    uint64_t stamp; /* makes every value another one */
};

static unsigned draw(struct model *m, unsigned below)
{
    return (unsigned)rand_r(&m->seed) % below;
}

static void model_store(struct rig *r, struct model *m)
{
    int class = (int)draw(m, 3), person = (int)draw(m, PEOPLE);
    char subject[32], value[64];

    (void)snprintf(subject, sizeof(subject), "person-%d", person);
    (void)snprintf(value, sizeof(value), "value-%llu@example.org", (unsigned long long)m->stamp++);
    (void)rig_store(r, class_names[class], subject, value);
    m->rows[m->count].class = class;
    m->rows[m->count].person = person;
    m->rows[m->count].created_s = clock_now_s();
    /* mail's two years from 2026 and 2027 on: 731 days when 2028-02-29 lies in between, else 730;
     * no step of this test comes near either, so the difference does not show */
    m->rows[m->count].due_s = clock_now_s() + lifetimes_s[class];
    m->rows[m->count].alive = true;
    m->count++;
    m->created[class]++;
}

static void model_sweep(struct rig *r, struct model *m)
{
    sweep(r);
    for (size_t i = 0; i < m->count; i++) {
        if (!m->rows[i].alive || m->rows[i].due_s > clock_now_s())
            continue;
        m->rows[i].alive = false;
        m->timer[m->rows[i].class]++;
    }
}

static void model_erase(struct rig *r, struct model *m)
{
    int person = (int)draw(m, PEOPLE);
    struct erasures *e = erasures_new(r->vault, NULL);
    uint64_t gone = 0;
    struct receipt receipt = {.rows = 0};
    char subject[32];
    enum err result;

    (void)snprintf(subject, sizeof(subject), "person-%d", person);
    result = erasure_run(e, VAULT_DOMAIN_DEFAULT, span_str(subject), NULL, &receipt);
    erasures_free(&e);
    for (size_t i = 0; i < m->count; i++) {
        if (!m->rows[i].alive || m->rows[i].person != person)
            continue;
        m->rows[i].alive = false;
        m->erased[m->rows[i].class]++;
        gone++;
    }
    cr_assert(result == ERR_OK || (result == ERR_NOT_FOUND && gone == 0));
    cr_assert_eq(receipt.rows, gone);
}

/* The report's figures are exact to the day; a row within a day of a limit may stand on either
 * side. */
static void check_due(const struct json *tree, const struct model *m, int class, const char *name,
                      int64_t from_s, int64_t to_s)
{
    int64_t sure = 0, perhaps = 0, shown = figure(tree, class_names[class], name);

    for (size_t i = 0; i < m->count; i++) {
        int64_t due_s = m->rows[i].due_s;

        if (!m->rows[i].alive || m->rows[i].class != class)
            continue;
        sure += due_s > from_s + RIG_DAY_S && due_s < to_s - RIG_DAY_S;
        perhaps += due_s > from_s - RIG_DAY_S && due_s < to_s + RIG_DAY_S;
    }
    cr_assert(shown >= sure && shown <= perhaps, "%s of %s: %lld, expected %lld to %lld", name,
              class_names[class], (long long)shown, (long long)sure, (long long)perhaps);
}

static void check_model(struct rig *r, const struct model *m)
{
    AUTO(json_free) struct json *tree = report(r);
    int64_t now_s = clock_now_s();

    for (int c = 0; c < 3; c++) {
        const char *name = class_names[c];
        int64_t items = 0;

        for (size_t i = 0; i < m->count; i++)
            items += m->rows[i].alive && m->rows[i].class == c;
        cr_assert_eq(figure(tree, name, "items"), items, "%s", name);
        cr_assert_eq(figure(tree, name, "created"), (int64_t)m->created[c], "%s", name);
        cr_assert_eq(figure(tree, name, "purged_timer"), (int64_t)m->timer[c], "%s", name);
        cr_assert_eq(figure(tree, name, "purged_erasure"), (int64_t)m->erased[c], "%s", name);
        cr_assert_eq(figure(tree, name, "closing"), items, "%s", name);
        cr_assert(json_bool_of(json_get(row(tree, name), "balanced"), false), "%s", name);
        check_due(tree, m, c, "overdue", INT64_MIN / 2, now_s);
        check_due(tree, m, c, "due_7d", now_s, now_s + 7 * RIG_DAY_S);
        check_due(tree, m, c, "due_30d", now_s, now_s + 30 * RIG_DAY_S);
        check_due(tree, m, c, "due_90d", now_s, now_s + 90 * (int64_t)RIG_DAY_S);
    }
}

static void run_history(unsigned seed)
{
    AUTO(rig_done) struct rig r;
    static struct model m;
    int64_t now_s = RIG_NOW_S;

    m = (struct model){.seed = seed};
    rig_init(&r);
    for (int step = 0; step < STEPS; step++) {
        switch (draw(&m, 10)) {
        case 0:
            model_sweep(&r, &m);
            break;
        case 1:
            model_erase(&r, &m);
            break;
        case 2:
            now_s += draw(&m, 4 * RIG_DAY_S);
            rig_clock(now_s);
            break;
        default:
            model_store(&r, &m);
            break;
        }
        if (step % 8 == 7)
            check_model(&r, &m);
    }
    model_sweep(&r, &m);
    check_model(&r, &m);
    cr_assert_gt(m.timer[1] + m.timer[2], 0, "the history swept something");
    cr_assert_gt(m.erased[0] + m.erased[1] + m.erased[2], 0, "and erased somebody");
}

Test(report_retention, balances_after_any_history_1)
{
    run_history(1);
}

Test(report_retention, balances_after_any_history_2)
{
    run_history(20260110);
}

Test(report_retention, balances_after_any_history_3)
{
    run_history(777);
}

/* ---- the rule ---- */

static const char *text_of(const struct json *tree, const char *class_name, const char *name)
{
    const char *text = json_str_of(json_get(row(tree, class_name), name));

    return text == NULL ? "" : text;
}

static bool attends(const struct json *tree, const char *class_name, const char *reason)
{
    const struct json *list = json_get(row(tree, class_name), "attention");

    for (size_t i = 0; i < json_count(list); i++)
        if (strcmp(json_str_of(json_at(list, i)), reason) == 0)
            return true;
    return false;
}

Test(report_retention, says_what_a_class_rests_on_and_who_answers_for_it)
{
    AUTO(rig_done) struct rig r;
    AUTO(json_free) struct json *tree = NULL;

    rig_init_with(
        &r, "invoice: {purposes: [tax], basis: \"6(1)(c)\", law: \"AO 147\", subjects: customers,\n"
            "  retain: {period: P8Y, round: year_end, minimum: P6Y, minimum_law: \"AO 147(3)\",\n"
            "           owner: finance, review: 2026-01-09}}\n"
            "health: {purposes: [care], basis: \"6(1)(a)\", special: \"9(2)(h)\",\n"
            "  retain: {period: P1Y, review: 2026-01-10}}\n");
    tree = report(&r);
    cr_assert_str_eq(text_of(tree, "invoice", "subject_category"), "customers");
    cr_assert_str_eq(text_of(tree, "invoice", "law"), "AO 147");
    cr_assert_str_eq(text_of(tree, "invoice", "period"), "P8Y");
    cr_assert_str_eq(text_of(tree, "invoice", "round"), "year_end");
    cr_assert_str_eq(text_of(tree, "invoice", "minimum"), "P6Y");
    cr_assert_str_eq(text_of(tree, "invoice", "minimum_law"), "AO 147(3)");
    cr_assert_str_eq(text_of(tree, "invoice", "owner"), "finance");
    cr_assert_str_eq(text_of(tree, "invoice", "review"), "2026-01-09");
    cr_assert_eq(json_kind(json_get(row(tree, "invoice"), "backstop")), JSON_NIL);
    cr_assert(attends(tree, "invoice", "review_overdue"));
    cr_assert_str_eq(text_of(tree, "health", "special"), "9(2)(h)");
    cr_assert_str_eq(text_of(tree, "health", "start"), "created");
    cr_assert_not(attends(tree, "health", "review_overdue"), "today it is due");
    cr_assert(report_needs_attention(tree));
}

/* ---- holds ---- */

Test(report_retention, counts_what_exceptions_keep)
{
    AUTO(rig_done) struct rig r;
    AUTO(json_free) struct json *before = NULL, *after = NULL;
    struct vault_exception keep = {
        .code = 'b', .law = "HGB 257", .until_s = RIG_NOW_S + 1000 * (int64_t)RIG_DAY_S};
    struct erasure_request ask = {
        .exceptions = &keep, .exception_count = 1, .newer_than_s = INT64_MAX};
    struct erasures *erasures;
    struct receipt receipt;

    rig_init(&r);
    (void)rig_store(&r, "note", "ada", "tea");
    (void)rig_store(&r, "note", "ada", "coffee");
    (void)rig_store(&r, "mail", "ada", "ada@example.org");
    before = report(&r);
    cr_assert_eq(figure(before, "note", "excepted"), 0);
    cr_assert_eq(json_kind(json_get(row(before, "note"), "excepted_review")), JSON_NIL);
    keep.class_id = rig_class(&r, "note");
    ask.slot = rig_slot(&r, "ada");
    erasures = erasures_new(r.vault, NULL);
    cr_assert_eq(erasure_run_request(erasures, &ask, &receipt), ERR_OK);
    erasures_free(&erasures);
    after = report(&r);
    cr_assert_eq(figure(after, "note", "excepted"), 2);
    cr_assert_eq(figure(after, "note", "excepted_people"), 1);
    cr_assert_str_eq(json_str_of(json_get(row(after, "note"), "excepted_review")), "2028-10-06");
    cr_assert_eq(figure(after, "mail", "excepted"), 0);
}

Test(report_retention, counts_whose_period_has_not_begun)
{
    AUTO(rig_done) struct rig r;
    AUTO(json_free) struct json *before = NULL, *after = NULL;

    rig_init_with(&r, "deal: {purposes: [sales], basis: \"6(1)(b)\",\n"
                      "  retain: {period: P1Y, from: \"event:contract_end\", backstop: P10Y}}\n");
    before = report(&r);
    cr_assert_eq(figure(before, "deal", "not_started"), 0);
    (void)rig_store(&r, "deal", "ada", "one");
    (void)rig_store(&r, "deal", "bob", "two");
    after = report(&r);
    cr_assert_eq(figure(after, "deal", "not_started"), 2);
    cr_assert_str_eq(json_str_of(json_get(row(after, "deal"), "not_started_oldest")), "2026-01-10");
}

static const char *last_backup(const struct json *tree)
{
    return json_str_of(json_get(json_get(tree, "summary"), "last_backup"));
}

Test(report_retention, knows_the_last_backup)
{
    AUTO(rig_done) struct rig r;
    AUTO(json_free) struct json *never = NULL, *once = NULL, *again = NULL;
    struct vault_backup backup = {.time = "2026-01-09T02:00:00Z"};

    rig_init(&r);
    never = report(&r);
    cr_assert_null(last_backup(never));
    cr_assert_eq(backups_note(r.vault, &backup), ERR_OK);
    once = report(&r);
    cr_assert_str_eq(last_backup(once), "2026-01-09T02:00:00Z");
    memcpy(backup.time, "2026-01-10T02:00:00Z", sizeof("2026-01-10T02:00:00Z"));
    cr_assert_eq(backups_note(r.vault, &backup), ERR_OK);
    again = report(&r);
    cr_assert_str_eq(last_backup(again), "2026-01-10T02:00:00Z");
}

Test(report_retention, calls_nothing_overdue_that_a_hold_keeps)
{
    AUTO(rig_done) struct rig r;
    struct json *tree;
    struct vault_hold hold = {.code = "17(3)(e)",
                              .ground = "a lawsuit",
                              .owner = "legal",
                              .set_by = "test",
                              .review_s = RIG_NOW_S + 300 * (int64_t)RIG_DAY_S};
    struct vault_holds op = {.op = {.kind = VAULT_HOLDS}, .act = VAULT_HOLD_SET, .hold = &hold};

    rig_init(&r);
    (void)rig_store(&r, "note", "ada", "one");
    (void)rig_store(&r, "note", "ada", "two");
    hold.class_id = rig_class(&r, "note");
    tree = report(&r);
    cr_assert_eq(figure(tree, "note", "on_hold"), 0);
    json_free(&tree);
    cr_assert_eq(vault_run(r.vault, &op.op), ERR_OK);
    rig_clock(RIG_NOW_S + 12 * (int64_t)RIG_DAY_S);
    tree = report(&r);
    cr_assert_eq(figure(tree, "note", "on_hold"), 2);
    cr_assert_eq(figure(tree, "note", "held_due"), 2);
    cr_assert_eq(figure(tree, "note", "overdue"), 0);
    cr_assert_not(report_needs_attention(tree));
    json_free(&tree);
}

/* ---- when it goes, and why it has not gone ---- */

static const char *text(const struct json *tree, const char *class_name, const char *name)
{
    const char *value = json_str_of(json_get(row(tree, class_name), name));

    return value == NULL ? "" : value;
}

Test(report_retention, says_when_the_next_run_of_a_class_is_due)
{
    AUTO(rig_done) struct rig r;
    struct json *tree;

    rig_init(&r);
    tree = report(&r);
    cr_assert_eq(json_kind(json_get(row(tree, "note"), "next_run")), JSON_NIL, "nothing is there");
    json_free(&tree);
    (void)rig_store(&r, "note", "ada", "one");
    rig_clock(RIG_NOW_S + 2 * (int64_t)RIG_DAY_S);
    (void)rig_store(&r, "note", "ada", "two");
    tree = report(&r);
    cr_assert_str_eq(text(tree, "note", "next_run"), "2026-01-20", "the first of them");
    cr_assert_eq(figure(tree, "note", "oldest_days"), 2);
    cr_assert_str_eq(text(tree, "note", "overdue_since"), "");
    json_free(&tree);
    rig_clock(RIG_NOW_S + 13 * (int64_t)RIG_DAY_S);
    tree = report(&r);
    cr_assert_str_eq(text(tree, "note", "next_run"), "2026-01-23", "today, for what is overdue");
    cr_assert_str_eq(text(tree, "note", "overdue_since"), "2026-01-20");
    cr_assert_str_eq(text(tree, "note", "overdue_reason"), "no_sweep");
    json_free(&tree);
    sweep(&r);
    tree = report(&r);
    cr_assert_eq(json_kind(json_get(row(tree, "note"), "next_run")), JSON_NIL);
    cr_assert_str_eq(text(tree, "note", "overdue_reason"), "");
    json_free(&tree);
}

/* ---- consent ---- */

static void say(struct rig *r, const char *name, const char *purpose, bool withdrawn)
{
    struct vault_consent consent = {.slot = rig_slot(r, name), .at_s = clock_now_s()};
    struct vault_holds op = {.op = {.kind = VAULT_HOLDS},
                             .act = withdrawn ? VAULT_CONSENT_WITHDRAW : VAULT_CONSENT_GIVE,
                             .consent = &consent};

    (void)snprintf(consent.purpose, sizeof(consent.purpose), "%s", purpose);
    REQUIRE(vault_run(r->vault, &op.op) == ERR_OK);
}

/* "given withdrawn open" of the class that rests on consent. */
static void expect_consents(struct rig *r, int64_t given, int64_t withdrawn, int64_t open)
{
    AUTO(json_free) struct json *tree = report(r);

    cr_assert_eq(figure(tree, "brief", "consents_given"), given);
    cr_assert_eq(figure(tree, "brief", "consents_withdrawn"), withdrawn);
    cr_assert_eq(figure(tree, "brief", "withdrawals_open"), open);
    cr_assert_eq(json_kind(json_get(row(tree, "note"), "consents_given")), JSON_NIL,
                 "it rests on something else");
}

Test(report_retention, counts_consents_of_classes_that_rest_on_them)
{
    AUTO(rig_done) struct rig r;
    AUTO(erasures_free) struct erasures *erasures = NULL;
    AUTO(json_free) struct json *tree = NULL;
    struct consent_effect effect;

    rig_init(&r);
    (void)rig_store(&r, "mail", "ada", "ada@example.org");
    (void)rig_store(&r, "brief", "ada", "one");
    (void)rig_store(&r, "brief", "bob", "two");
    expect_consents(&r, 0, 0, 0);
    say(&r, "ada", "support", false);
    say(&r, "bob", "support", false);
    say(&r, "bob", "account", false);
    expect_consents(&r, 2, 0, 0);
    say(&r, "ada", "support", false);
    expect_consents(&r, 2, 0, 0);
    say(&r, "ada", "support", true);
    expect_consents(&r, 1, 1, 1);
    erasures = erasures_new(r.vault, NULL);
    cr_assert_eq(consents_finish(erasures, 0, &effect), ERR_OK);
    expect_consents(&r, 1, 1, 0);
    tree = report(&r);
    cr_assert_eq(figure(tree, "brief", "purged_erasure"), 1);
    cr_assert_eq(figure(tree, "brief", "purged_withdrawal"), 1);
    cr_assert_eq(figure(tree, "brief", "purged_objection"), 0);
    cr_assert(json_bool_of(json_get(row(tree, "brief"), "balanced"), false));
}

Test(report_retention, tells_erasures_after_an_objection_from_others)
{
    AUTO(rig_done) struct rig r;
    AUTO(erasures_free) struct erasures *erasures = NULL;
    AUTO(json_free) struct json *tree = NULL;
    static const char *const grounds[] = {"17(1)(a)", "17(1)(b)", "17(1)(c)"};
    static const char *const names[] = {"ada", "bob", "eve"};

    rig_init(&r);
    erasures = erasures_new(r.vault, NULL);
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        const struct receipt_words words = {.ground = span_str(grounds[i])};
        struct receipt receipt;

        (void)rig_store(&r, "note", names[i], "one");
        cr_assert_eq(erasure_run_slot(erasures, rig_slot(&r, names[i]), &words, &receipt), ERR_OK);
    }
    tree = report(&r);
    cr_assert_eq(figure(tree, "note", "purged_erasure"), 3);
    cr_assert_eq(figure(tree, "note", "purged_withdrawal"), 1);
    cr_assert_eq(figure(tree, "note", "purged_objection"), 1);
    cr_assert(json_bool_of(json_get(row(tree, "note"), "balanced"), false));
}
