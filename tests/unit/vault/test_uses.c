/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/uses_priv.h"

#include <sqlite3.h>

#include "tests/unit/vault/typed_rig.h"
#include "vault/writer_priv.h"

enum { T0_S = 1800000000, DAY_S = 86400 };

#define USED "purposes: [x], basis: \"6(1)(b)\", retain: {period: P30D, from: last_used"

static const char CLASSES[] =
    "classes:\n"
    "  opaque: {" USED "}}\n"
    "  shared: {deterministic: true, " USED "}}\n"
    "  typed: {format: digits, reserved: \"9\", " USED "}}\n"
    "  equal: {format: digits, reserved: \"9\", deterministic: true, " USED "}}\n"
    "  capped: {" USED ", backstop: P60D}}\n"
    "  coarse: {" USED ", granularity: P3D}}\n"
    "  brief: {purposes: [x], basis: \"6(1)(b)\", retain: {period: PT50S, from: last_used}}\n"
    "  plain: {" TYPED_REST "}\n";

static const char *const kinds[] = {"opaque", "shared", "typed", "equal"};

static void at(int64_t now_s)
{
    clock_test_set_ms(now_s * 1000);
}

static void setup(void)
{
    at(T0_S);
    typed_start(CLASSES);
}

TestSuite(uses, .init = setup, .fini = typed_end);

/* The writer has served what was posted before. */
static void settle(void)
{
    struct vault_purge_due nothing = {.op.kind = VAULT_PURGE_DUE};

    cr_assert_eq(vault_run(f.v, &nothing.op), ERR_NOT_FOUND);
}

static bool use(const char *class_name, const struct token_text *token, bool say)
{
    const struct vault_scope scope = {.class_id = class_id(class_name)};
    struct vault_value value;
    struct buf clear;
    enum err e = vault_read_begin(f.r);

    cr_assert_eq(e, ERR_OK);
    buf_init_secret(&clear, 4096);
    e = vault_reveal_as(f.r, &scope, fixture_span(token), &clear, &value);
    if (e == ERR_OK && say)
        vault_use(f.r, &value);
    vault_read_end(f.r);
    buf_done(&clear);
    settle();
    return e == ERR_OK;
}

static int64_t due_of(const char *class_name, const struct token_text *token)
{
    struct vault_value value = {.due_s = 0};
    char out[256];

    return reveal(class_name, token, out, &value) == ERR_OK ? value.due_s : 0;
}

static int64_t revision_of(const char *class_name)
{
    sqlite3_stmt *stmt = NULL;
    sqlite3 *db = NULL;
    char sql[64];
    int64_t got;

    (void)snprintf(sql, sizeof(sql), "SELECT rev FROM val_%u", class_id(class_name));
    cr_assert_eq(sqlite3_open(fixture_path(&f, VAULT_DB), &db), SQLITE_OK);
    cr_assert_eq(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
    cr_assert_eq(sqlite3_step(stmt), SQLITE_ROW);
    got = sqlite3_column_int64(stmt, 0);
    (void)sqlite3_finalize(stmt);
    sqlite3_close(db);
    return got;
}

Test(uses, a_value_that_is_used_lives_on)
{
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        struct token_text token = store(kinds[i], "ada", "1234");

        for (int day = 20; day <= 100; day += 20) {
            at(T0_S + day * DAY_S);
            cr_assert(use(kinds[i], &token, true), "%s on day %d", kinds[i], day);
            cr_assert_eq(due_of(kinds[i], &token), T0_S + (day + 30) * DAY_S, "%s", kinds[i]);
            cr_assert(reveals(kinds[i], &token, "1234"));
        }
        at(T0_S + 130 * DAY_S);
        cr_assert_not(use(kinds[i], &token, true), "%s dies when it is not", kinds[i]);
        at(T0_S);
    }
}

Test(uses, looking_is_no_use)
{
    struct token_text token = store("opaque", "ada", "1234");

    at(T0_S + 20 * DAY_S);
    cr_assert(use("opaque", &token, false));
    cr_assert_eq(due_of("opaque", &token), T0_S + 30 * DAY_S);
}

Test(uses, within_the_granularity_nothing_is_written)
{
    struct token_text token = store("opaque", "ada", "1234"), coarse = store("coarse", "ada", "1");

    at(T0_S + DAY_S - 1);
    cr_assert(use("opaque", &token, true));
    cr_assert_eq(revision_of("opaque"), 0);
    at(T0_S + DAY_S);
    cr_assert(use("opaque", &token, true));
    cr_assert_neq(revision_of("opaque"), 0);
    at(T0_S + 3 * DAY_S - 1);
    cr_assert(use("coarse", &coarse, true));
    cr_assert_eq(revision_of("coarse"), 0);
    at(T0_S + 3 * DAY_S);
    cr_assert(use("coarse", &coarse, true));
    cr_assert_eq(due_of("coarse", &coarse), T0_S + 33 * DAY_S);
}

Test(uses, a_tenth_of_a_short_period_is_its_granularity)
{
    struct token_text token = store("brief", "ada", "1234");

    at(T0_S + 4);
    cr_assert(use("brief", &token, true));
    cr_assert_eq(revision_of("brief"), 0);
    at(T0_S + 5);
    cr_assert(use("brief", &token, true));
    cr_assert_eq(due_of("brief", &token), T0_S + 55);
}

Test(uses, never_outlive_the_backstop)
{
    struct token_text token = store("capped", "ada", "1234");

    for (int day = 20; day < 60; day += 20) {
        at(T0_S + day * DAY_S);
        cr_assert(use("capped", &token, true));
    }
    cr_assert_eq(due_of("capped", &token), T0_S + 60 * DAY_S);
}

Test(uses, do_not_revive_what_is_over)
{
    struct token_text token = store("opaque", "ada", "1234");
    struct uses *late = mem_alloc(sizeof(*late));

    at(T0_S + 30 * DAY_S);
    *late = (struct uses){.op = {.kind = VAULT_USE}, .count = 1};
    late->at[0] = (struct use){class_id("opaque"), 1, 0, T0_S + 29 * DAY_S};
    cr_assert_eq(fixture_subject(&f, "ada", &late->at[0].slot), ERR_OK);
    cr_assert_eq(vault_run(f.v, &late->op), ERR_OK);
    free(late);
    cr_assert_not(reveals("opaque", &token, "1234"));
    cr_assert_eq(revision_of("opaque"), 0);
}

Test(uses, of_one_owner_leave_the_others_time_alone)
{
    struct token_text token = store("shared", "ada", "1234");
    struct vault_item item = {
        .class_id = class_id("shared"), .kind = VALUE_STRING, .value = SPAN_LIT("1234")};
    struct vault_value value;
    uint64_t ada = 0, bert = 0;

    (void)store("shared", "bert", "1234");
    cr_assert_eq(fixture_subject(&f, "ada", &ada), ERR_OK);
    cr_assert_eq(fixture_subject(&f, "bert", &bert), ERR_OK);
    at(T0_S + 20 * DAY_S);
    cr_assert_eq(vault_read_begin(f.r), ERR_OK);
    cr_assert_eq(vault_find_use(f.r, VAULT_DOMAIN_DEFAULT, ada, &item), ERR_OK);
    vault_read_end(f.r);
    settle();
    at(T0_S + 40 * DAY_S);
    cr_assert_eq(vault_read_begin(f.r), ERR_OK);
    cr_assert_eq(vault_inspect(f.r, 0, fixture_span(&token), bert, &value), ERR_DENIED,
                 "bert's time is over, the token is ada's still");
    cr_assert_eq(vault_inspect(f.r, 0, fixture_span(&token), ada, &value), ERR_OK);
    vault_read_end(f.r);
    cr_assert_eq(value.due_s, T0_S + 50 * DAY_S);
    /* Whoever owns the last live row keeps the token; a new owner joins it. */
    {
        size_t deleted = 0;
        struct token_text again;

        cr_assert_eq(fixture_purge(&f, class_id("shared"), 10, &deleted), ERR_OK);
        cr_assert_eq(deleted, 1);
        again = store("shared", "cleo", "1234");
        cr_assert(same(&again, &token));
    }
    at(T0_S + 51 * DAY_S);
    cr_assert(reveals("shared", &token, "1234"), "it is cleo's");
}

Test(uses, storing_an_equal_value_again_is_one_also_for_the_writer)
{
    static const char *const shared[] = {"shared", "equal"};

    for (size_t i = 0; i < COUNT_OF(shared); i++) {
        struct token_text token = store(shared[i], "ada", "1234"), again;

        at(T0_S + 20 * DAY_S);
        again = store(shared[i], "ada", "1234"); /* straight to the writer */
        cr_assert(same(&token, &again), "%s", shared[i]);
        cr_assert_eq(due_of(shared[i], &token), T0_S + 50 * DAY_S, "%s", shared[i]);
        at(T0_S);
    }
}

Test(uses, are_posted_once_a_second_at_most)
{
    struct token_text token = store("opaque", "ada", "1234");
    const struct vault_scope scope = {.class_id = class_id("opaque")};
    struct vault_value value;
    struct buf clear;

    at(T0_S + 20 * DAY_S);
    buf_init_secret(&clear, 4096);
    cr_assert_eq(vault_read_begin(f.r), ERR_OK);
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(vault_reveal_as(f.r, &scope, fixture_span(&token), &clear, &value), ERR_OK);
        cr_assert_neq(value.use_row, 0);
        vault_use(f.r, &value);
    }
    cr_assert_eq(f.r->uses->count, 1);
    vault_read_end(f.r);
    cr_assert_null(f.r->uses);
    settle();
    cr_assert_eq(atomic_load(&f.v->uses_waiting), 0);
    buf_done(&clear);
}

Test(uses, of_other_rules_are_not_noted)
{
    struct token_text token = store("plain", "ada", "1234");

    at(T0_S + 20 * DAY_S);
    cr_assert(use("plain", &token, true));
    cr_assert_eq(revision_of("plain"), 0);
    cr_assert_null(f.r->lately);
}

Test(uses, that_cannot_be_written_are_tried_again)
{
    struct token_text token = store("opaque", "ada", "1234");

    at(T0_S + 20 * DAY_S);
    fault_test_set("commit.fail!1", NULL);
    cr_assert(use("opaque", &token, true));
    fault_test_set(NULL, NULL);
    cr_assert_eq(due_of("opaque", &token), T0_S + 30 * DAY_S);
    at(T0_S + 20 * DAY_S + 1);
    cr_assert(use("opaque", &token, true));
    cr_assert_eq(due_of("opaque", &token), T0_S + 50 * DAY_S + 1);
}

Test(uses, move_the_counters)
{
    struct token_text token = store("opaque", "ada", "1234");

    at(T0_S + 25 * DAY_S);
    cr_assert_eq(fixture_stats(&f, class_id("opaque")).due_7d, 1);
    cr_assert(use("opaque", &token, true));
    cr_assert_eq(fixture_stats(&f, class_id("opaque")).due_7d, 0);
    cr_assert_eq(fixture_stats(&f, class_id("opaque")).items, 1);
    cr_assert_eq(fixture_stats(&f, class_id("opaque")).created, 1);
}
