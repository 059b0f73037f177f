/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/events.h"

#include <sqlite3.h>

#include "tests/unit/vault/typed_rig.h"
#include "vault/events_priv.h"
#include "vault/retime.h"
#include "vault/writer_priv.h"

enum { T0_S = 1800000000, DAY_S = 86400 };

#define CASE                                                                                       \
    "purposes: [x], basis: \"6(1)(b)\", retain: {period: P30D, from: \"event:closed\", backstop: " \
    "P1Y}"

static const char CLASSES[] =
    "classes:\n"
    "  opaque: {" CASE "}\n"
    "  shared: {deterministic: true, " CASE "}\n"
    "  typed: {format: digits, reserved: \"9\", " CASE "}\n"
    "  equal: {format: digits, reserved: \"9\", deterministic: true, " CASE "}\n"
    "  name: {deterministic: true, identifies: true, " TYPED_REST "}\n"
    "  guarded: {purposes: [x], basis: \"6(1)(c)\", law: \"HGB 257\", retain: {period: P30D, from: "
    "\"event:closed\", backstop: P1Y, minimum: P29D, minimum_law: \"HGB 257\"}}\n"
    "events: {closed: {callers: [crm], back_dating: P10D}}\n";

static const char *const kinds[] = {"opaque", "shared", "typed", "equal"};

static void at(int64_t now_s)
{
    clock_test_set_ms(now_s * 1000);
}

static void read_classes(void)
{
    struct conf *conf = NULL;
    struct errmsg msg = {""};

    cr_assert_eq(conf_parse("t.yaml", span_str(CLASSES), &conf, &msg), ERR_OK, "%s", msg.text);
    cr_assert_eq(classes_read(conf_get(conf_root(conf), "classes"), &typed_classes, &msg), ERR_OK,
                 "%s", msg.text);
    cr_assert_eq(classes_read_events(conf_get(conf_root(conf), "events"), &typed_classes, &msg),
                 ERR_OK, "%s", msg.text);
    conf_free(&conf);
    f.classes = typed_classes;
}

static void setup(void)
{
    at(T0_S);
    fixture_make(&f);
    read_classes();
    cr_assert_eq(fixture_open(&f), ERR_OK, "%s", f.msg.text);
}

TestSuite(events, .init = setup, .fini = typed_end);

static uint64_t slot_of(const char *name)
{
    uint64_t slot = 0;

    cr_assert_eq(fixture_subject(&f, name, &slot), ERR_OK, "%s", name);
    return slot;
}

static struct vault_event sent(const char *person, int64_t at_s, bool correct)
{
    struct vault_event op = {.op.kind = VAULT_EVENT,
                             .slot = slot_of(person),
                             .name = "closed",
                             .at_s = at_s,
                             .correct = correct};

    cr_assert_eq(vault_run(f.v, &op.op), ERR_OK);
    return op;
}

static int64_t due_of(const char *class_name, const struct token_text *token)
{
    struct vault_value value = {.due_s = 0};
    char out[256];

    return reveal(class_name, token, out, &value) == ERR_OK ? value.due_s : 0;
}

static int64_t ask(const char *sql)
{
    sqlite3_stmt *stmt = NULL;
    sqlite3 *db = NULL;
    int64_t got;

    cr_assert_eq(sqlite3_open(fixture_path(&f, VAULT_DB), &db), SQLITE_OK);
    cr_assert_eq(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK, "%s", sql);
    cr_assert_eq(sqlite3_step(stmt), SQLITE_ROW, "%s", sql);
    got = sqlite3_column_int64(stmt, 0);
    (void)sqlite3_finalize(stmt);
    sqlite3_close(db);
    return got;
}

static uint64_t waiting(const char *class_name)
{
    return fixture_stats(&f, class_id(class_name)).waiting;
}

/* Of a class: rows without a start, counted one by one. */
static void waiting_is_right(void)
{
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        char sql[128];

        (void)snprintf(sql, sizeof(sql), "SELECT count(*) FROM val_%u WHERE start=0",
                       class_id(kinds[i]));
        cr_assert_eq((int64_t)waiting(kinds[i]), ask(sql), "%s", kinds[i]);
    }
}

/* ---- what it is for ---- */

Test(events, a_value_counts_from_its_event)
{
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        struct token_text token = store(kinds[i], "ada", "1234");

        cr_assert_gt(due_of(kinds[i], &token), T0_S + 364 * DAY_S, "%s: the backstop", kinds[i]);
        cr_assert_eq(waiting(kinds[i]), 1);
    }
    at(T0_S + 5 * DAY_S);
    cr_assert_eq(sent("ada", 0, false).changed, COUNT_OF(kinds));
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        struct vault_class_stats stats = fixture_stats(&f, class_id(kinds[i]));

        cr_assert_eq(stats.waiting, 0, "%s", kinds[i]);
        cr_assert_eq(stats.oldest_waiting_s, 0);
        cr_assert_eq(stats.due_90d, 1);
    }
    at(T0_S + 35 * DAY_S - 1);
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        size_t deleted = 0;

        cr_assert_eq(fixture_purge(&f, class_id(kinds[i]), 10, &deleted), ERR_OK);
        cr_assert_eq(deleted, 0, "%s", kinds[i]);
        at(T0_S + 35 * DAY_S);
        cr_assert_eq(fixture_purge(&f, class_id(kinds[i]), 10, &deleted), ERR_OK);
        cr_assert_eq(deleted, 1, "%s", kinds[i]);
        at(T0_S + 35 * DAY_S - 1);
    }
}

/* E52 */
Test(events, a_value_without_its_event_ends_at_the_backstop)
{
    struct token_text token = store("opaque", "ada", "1234");
    size_t deleted = 0;

    at(T0_S + 364 * DAY_S);
    cr_assert(reveals("opaque", &token, "1234"));
    at(T0_S + 366 * DAY_S);
    cr_assert_not(reveals("opaque", &token, "1234"));
    cr_assert_eq(fixture_purge(&f, class_id("opaque"), 10, &deleted), ERR_OK);
    cr_assert_eq(deleted, 1);
    cr_assert_eq(waiting("opaque"), 0, "the counter goes with the row");
    waiting_is_right();
}

Test(events, the_backstop_does_not_end_what_its_event_has_reached)
{
    struct token_text token = store("opaque", "ada", "1234");

    at(T0_S + 360 * DAY_S);
    (void)sent("ada", 0, false);
    at(T0_S + 380 * DAY_S);
    cr_assert(reveals("opaque", &token, "1234"));
}

Test(events, a_value_of_a_closed_case_counts_from_its_own_creation)
{
    struct token_text first = store("opaque", "ada", "1"), second;

    (void)sent("ada", 0, false);
    at(T0_S + 10 * DAY_S);
    second = store("opaque", "ada", "2");
    (void)store("shared", "ada", "2");
    (void)store("typed", "ada", "2222");
    cr_assert_eq(due_of("opaque", &first), T0_S + 30 * DAY_S);
    cr_assert_eq(due_of("opaque", &second), T0_S + 40 * DAY_S);
    cr_assert_eq(waiting("opaque"), 0);
    waiting_is_right();
    fixture_close(&f);
    cr_assert_eq(fixture_open(&f), ERR_OK, "%s", f.msg.text);
    cr_assert(reveals("opaque", &second, "2"));
}

Test(events, a_later_event_moves_the_start_forward_only)
{
    struct token_text token = store("opaque", "ada", "1234");
    struct vault_event event;

    at(T0_S + 5 * DAY_S);
    (void)sent("ada", 0, false);
    event = sent("ada", T0_S + 3 * DAY_S, false);
    cr_assert_eq(event.fate, VAULT_EVENT_EARLIER);
    cr_assert_eq(event.start_s, T0_S + 5 * DAY_S);
    cr_assert_eq(due_of("opaque", &token), T0_S + 35 * DAY_S);
    at(T0_S + 9 * DAY_S);
    cr_assert_eq(sent("ada", 0, false).fate, VAULT_EVENT_KEPT);
    cr_assert_eq(due_of("opaque", &token), T0_S + 39 * DAY_S);
}

Test(events, an_operators_correction_may_set_it_back_and_is_counted)
{
    struct token_text token = store("opaque", "ada", "1234");
    struct vault_event_known known;
    uint64_t slot;

    at(T0_S + 20 * DAY_S);
    (void)sent("ada", 0, false);
    cr_assert_eq(sent("ada", T0_S + 1 * DAY_S, false).fate, VAULT_EVENT_TOO_OLD);
    cr_assert_eq(sent("ada", T0_S + 1 * DAY_S, true).fate, VAULT_EVENT_CORRECTED);
    cr_assert_eq(due_of("opaque", &token), T0_S + 31 * DAY_S);
    slot = slot_of("ada");
    cr_assert_eq(vault_read_begin(f.r), ERR_OK);
    cr_assert_eq(vault_read_event(f.r, slot, "", &known), ERR_OK);
    cr_assert_eq(vault_read_event(f.r, slot, "closed", &(struct vault_event_known){.at_s = 0}),
                 ERR_NOT_FOUND);
    vault_read_end(f.r);
    cr_assert_str_eq(known.name, "closed");
    cr_assert_eq(known.at_s, T0_S + 1 * DAY_S);
    cr_assert_eq(known.corrections, 1);
}

Test(events, a_start_before_the_creation_counts_from_the_creation)
{
    struct token_text token;

    at(T0_S + 8 * DAY_S);
    token = store("opaque", "ada", "1234");
    (void)sent("ada", T0_S, false);
    cr_assert_eq(due_of("opaque", &token), T0_S + 38 * DAY_S);
}

/* E52 */
Test(events, the_statutory_minimum_stands_against_an_event)
{
    struct token_text token = store("guarded", "ada", "1234");

    at(T0_S + 1);
    (void)sent("ada", T0_S - 9 * DAY_S, false);
    cr_assert_geq(due_of("guarded", &token), T0_S + 29 * DAY_S);
}

/* E52 */
Test(events, the_statutory_minimum_stands_against_an_erasure_after_an_event_too)
{
    struct vault_erasure erasure = {.slot = 0};

    (void)store("guarded", "ada", "1234");
    at(T0_S + 1);
    cr_assert_eq(sent("ada", T0_S, false).changed, 1);
    cr_assert_eq(fixture_erase(&f, "ada", &erasure), ERR_CONFLICT);
}

Test(events, the_same_event_again_changes_nothing)
{
    (void)store("opaque", "ada", "1234");
    cr_assert_eq(sent("ada", T0_S - 1, false).changed, 1);
    cr_assert_eq(sent("ada", T0_S - 1, false).changed, 0);
    cr_assert_eq(sent("ada", T0_S - 1, false).fate, VAULT_EVENT_KEPT);
}

/* ---- what is refused ---- */

Test(events, what_cannot_be_is_refused_with_a_reason)
{
    struct vault_event unknown = {.op.kind = VAULT_EVENT, .name = "opened"};
    struct vault_event nobody = {.op.kind = VAULT_EVENT, .name = "closed", .slot = 4000};
    struct vault_event nothing = {.op.kind = VAULT_EVENT, .name = "Not A Name"};
    struct token_text token = store("opaque", "ada", "1234");
    const int64_t before = due_of("opaque", &token);

    cr_assert_eq(sent("ada", T0_S + 1, false).fate, VAULT_EVENT_FUTURE);
    cr_assert_eq(sent("ada", T0_S + 1, true).fate, VAULT_EVENT_FUTURE);
    cr_assert_eq(sent("ada", T0_S - 11 * DAY_S, false).fate, VAULT_EVENT_TOO_OLD);
    unknown.slot = nothing.slot = slot_of("ada");
    cr_assert_eq(vault_run(f.v, &unknown.op), ERR_OK);
    cr_assert_eq(unknown.fate, VAULT_EVENT_UNKNOWN);
    cr_assert_eq(vault_run(f.v, &nobody.op), ERR_NOT_FOUND);
    cr_assert_eq(vault_run(f.v, &nothing.op), ERR_INVALID);
    for (int fate = VAULT_EVENT_EARLIER; fate <= VAULT_EVENT_TOO_OLD; fate++)
        cr_assert_str_not_empty(vault_event_why((enum vault_event_fate)fate));
    cr_assert_eq(due_of("opaque", &token), before);
    cr_assert_eq(ask("SELECT count(*) FROM subject_event"), 0);
}

/* E52 */
Test(events, only_callers_that_are_listed_may_send_one)
{
    cr_assert(vault_event_is_for(f.v, "closed", "crm"));
    cr_assert_not(vault_event_is_for(f.v, "closed", "crm2"));
    cr_assert_not(vault_event_is_for(f.v, "opened", "crm"));
    cr_assert(vault_event_is_known(f.v, "closed"));
    cr_assert_not(vault_event_is_known(f.v, "opened"));
}

/* ---- people with many rows ---- */

static void store_many(int count)
{
    for (int i = 0; i < count; i++)
        (void)store("opaque", "ada", "1234");
}

static void run_to_end(struct vault_retime *op)
{
    do {
        cr_assert_eq(vault_run(f.v, &op->op), ERR_OK);
        op->at = op->next;
    } while (op->more);
}

Test(events, the_rest_of_many_rows_is_pending_until_it_is_done)
{
    struct vault_event event;
    struct vault_retime rest = {.op.kind = VAULT_RETIME, .limit = 100};
    uint64_t slot = 0;

    store_many(600);
    (void)store("shared", "ada", "1234");
    event = sent("ada", 0, false);
    cr_assert(event.more);
    cr_assert_lt(event.changed, 600);
    fixture_close(&f);
    cr_assert_eq(fixture_open(&f), ERR_OK, "%s", f.msg.text);
    cr_assert_eq(vault_event_pending(f.v, 0, &slot), ERR_OK);
    cr_assert_eq(slot, slot_of("ada"));
    rest.slot = slot;
    run_to_end(&rest);
    cr_assert_eq(vault_event_pending(f.v, 0, &slot), ERR_NOT_FOUND);
    cr_assert_eq(waiting("opaque"), 0);
    cr_assert_eq(waiting("shared"), 0);
    waiting_is_right();
}

Test(events, an_event_that_comes_meanwhile_stays_pending)
{
    struct vault_retime rest = {.op.kind = VAULT_RETIME, .limit = 100};
    uint64_t slot = 0;

    store_many(600);
    (void)sent("ada", 0, false);
    rest.slot = slot_of("ada");
    f.v->writer->stored_ms -= 60000;
    cr_assert_eq(vault_run(f.v, &rest.op), ERR_OK);
    at(T0_S + 1);
    cr_assert(sent("ada", 0, false).more);
    rest.at = rest.next;
    run_to_end(&rest);
    cr_assert_eq(vault_event_pending(f.v, 0, &slot), ERR_OK, "the second one");
    rest = (struct vault_retime){.op.kind = VAULT_RETIME, .slot = slot, .limit = 1000};
    run_to_end(&rest);
    cr_assert_eq(vault_event_pending(f.v, 0, &slot), ERR_NOT_FOUND);
    {
        char sql[128];

        (void)snprintf(sql, sizeof(sql), "SELECT count(*) FROM val_%u WHERE start<>%d",
                       class_id("opaque"), T0_S + 1);
        cr_assert_eq(ask(sql), 0);
    }
}

/* ---- and when they go ---- */

Test(events, go_with_an_erasure)
{
    struct vault_erasure erasure = {0};

    (void)store("opaque", "ada", "1234");
    (void)sent("ada", 0, false);
    cr_assert_eq(ask("SELECT count(*) FROM subject_event"), 1);
    cr_assert_eq(fixture_erase(&f, "ada", &erasure), ERR_OK);
    {
        size_t swept = 0;

        cr_assert_eq(fixture_sweep(&f, erasure.slot, &swept), ERR_OK);
    }
    cr_assert_eq(ask("SELECT count(*) FROM subject_event"), 0);
    vault_erasure_done(&erasure);
    waiting_is_right();
}

Test(events, go_with_the_last_value)
{
    size_t deleted = 0;

    (void)store("opaque", "ada", "1234");
    (void)sent("ada", 0, false);
    at(T0_S + 31 * DAY_S);
    cr_assert_eq(fixture_purge(&f, class_id("opaque"), 10, &deleted), ERR_OK);
    cr_assert_eq(deleted, 1);
    cr_assert_eq(ask("SELECT count(*) FROM subject_event"), 0);
}

Test(events, a_commit_that_fails_keeps_nothing)
{
    struct vault_event op = {.op.kind = VAULT_EVENT, .name = "closed"};

    (void)store("opaque", "ada", "1234");
    op.slot = slot_of("ada");
    fault_test_set("commit.fail!1", NULL);
    cr_assert_eq(vault_run(f.v, &op.op), ERR_IO);
    fault_test_set(NULL, NULL);
    cr_assert_eq(ask("SELECT count(*) FROM subject_event"), 0);
    cr_assert_eq(waiting("opaque"), 1);
    cr_assert_eq(vault_run(f.v, &op.op), ERR_OK);
    cr_assert_eq(op.changed, 1);
}
