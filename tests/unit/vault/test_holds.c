/* SPDX-License-Identifier: Apache-2.0 */
/* Legal holds, restrictions, erasures that wait, objections: what they stop, what they let through, and
 * that they outlive a restart, a crash and an older database. */
#include "vault/holds.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/vault/holds_rig.h"
#include "vault/part.h"

TestSuite(holds, .init = setup, .fini = teardown, .timeout = 120);
TestSuite(restriction, .init = setup, .fini = teardown, .timeout = 120);
TestSuite(waiting, .init = setup, .fini = teardown, .timeout = 120);
TestSuite(objection, .init = setup, .fini = teardown, .timeout = 120);
TestSuite(marks, .init = setup, .fini = teardown, .timeout = 120);

/* ---- marks ---- */

Test(marks, nothing_is_there_while_nothing_is_marked)
{
    uint64_t slot, number;

    (void)store(f.note, "anna", "tea");
    slot = slot_of("anna");
    cr_expect_null(atomic_load(&f.v->marks));
    number = hold(slot, 0);
    cr_expect_not_null(atomic_load(&f.v->marks));
    lift(number);
    cr_expect_null(atomic_load(&f.v->marks), "a look costs one load again");
}

Test(marks, many_are_set_and_taken_away_in_any_order)
{
    enum { MANY = 5000 };
    static uint8_t wanted[MANY];
    uint32_t random = 1;

    for (int i = 0; i < 40000; i++) {
        uint64_t slot;

        random = random * 1664525 + 1013904223;
        slot = (random >> 8) % MANY;
        wanted[slot] = (uint8_t)(random >> 28 < 6 ? 0 : random >> 28 & 7);
        vault__marks_set(f.v, slot, 3, wanted[slot]);
        if (i % 1000 != 0)
            continue;
        for (slot = 0; slot < MANY; slot++)
            cr_assert_eq(atomic_load(&f.v->marks) == NULL
                             ? 0
                             : vault__marks_exact(atomic_load(&f.v->marks), slot, 3),
                         wanted[slot], "%zu", (size_t)slot);
    }
    for (uint64_t slot = 0; slot < MANY; slot++)
        vault__marks_set(f.v, slot, 3, 0);
    cr_expect_null(atomic_load(&f.v->marks));
}

/* ---- setting and lifting ---- */

Test(holds, stay_in_the_register_with_who_lifted_them_and_why)
{
    struct vault_hold found;
    uint64_t number;

    (void)store(f.note, "anna", "tea");
    number = hold(slot_of("anna"), f.note);
    lift(number);
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(vault_read_begin(f.r), ERR_OK);
        cr_assert_eq(vault_read_hold(f.r, number - 1, &found), ERR_OK);
        cr_assert_eq(vault_read_hold(f.r, number, &(struct vault_hold){0}), ERR_NOT_FOUND);
        vault_read_end(f.r);
        cr_expect_eq(found.class_id, f.note);
        cr_expect_eq(found.slot, slot_of("anna"));
        cr_expect_str_eq(found.code, "17(3)(e)");
        cr_expect_str_eq(found.ground, "case 12/2026");
        cr_expect_str_eq(found.owner, "legal");
        cr_expect_eq(found.set_ms, T0_S * INT64_C(1000));
        cr_expect_eq(found.lifted_ms, T0_S * INT64_C(1000));
        cr_expect_str_eq(found.lifted_why, "settled");
        restart();
    }
}

/* E51 */
Test(holds, without_scope_ground_owner_or_review_are_refused)
{
    struct vault_hold bad;

    (void)store(f.note, "anna", "tea");
    bad = some_hold(0, 0);
    cr_expect_eq(try_hold(&bad), ERR_INVALID, "on everything");
    bad = some_hold(slot_of("anna"), 0);
    bad.ground[0] = '\0';
    cr_expect_eq(try_hold(&bad), ERR_INVALID);
    bad = some_hold(slot_of("anna"), 0);
    bad.owner[0] = '\0';
    cr_expect_eq(try_hold(&bad), ERR_INVALID);
    bad = some_hold(slot_of("anna"), 0);
    bad.review_s = 0;
    cr_expect_eq(try_hold(&bad), ERR_INVALID);
    bad = some_hold(999999, 0);
    cr_expect_eq(try_hold(&bad), ERR_NOT_FOUND);
    bad = some_hold(0, 400);
    cr_expect_eq(try_hold(&bad), ERR_NOT_FOUND);
    cr_expect_eq(figures().holds, 0);
}

Test(holds, are_lifted_once_and_with_a_reason)
{
    struct vault_hold h = {.number = 1};

    (void)store(f.note, "anna", "tea");
    cr_expect_eq(try_lift(1), ERR_NOT_FOUND);
    cr_assert_eq(hold(slot_of("anna"), 0), 1);
    cr_expect_eq(change(&(struct vault_holds){.act = VAULT_HOLD_LIFT, .hold = &h}), ERR_INVALID);
    lift(1);
    cr_expect_eq(try_lift(1), ERR_CONFLICT);
}

/* ---- reveals ---- */

Test(holds, let_only_a_legal_purpose_see_what_they_keep)
{
    const struct token_text anna = store(f.note, "anna", "tea"),
                            mail = store(f.email, "anna", "a@example.org"),
                            bert = store(f.note, "bert", "milk");
    uint64_t number = hold(slot_of("anna"), f.note);

    for (int i = 0; i < 2; i++) {
        cr_expect_eq(reveal(&anna), ERR_HELD);
        cr_expect_eq(reveal_legally(&anna), ERR_OK);
        cr_expect_eq(reveal(&mail), ERR_OK, "another class of hers");
        cr_expect_eq(reveal(&bert), ERR_OK);
        restart();
    }
    lift(number);
    cr_expect_eq(reveal(&anna), ERR_OK);
}

Test(holds, on_a_class_bind_everybodys_values_of_it)
{
    const struct token_text anna = store(f.phone, "anna", "+4917"),
                            mail = store(f.email, "anna", "a@example.org"),
                            bert = store(f.phone, "bert", "+4918");
    const uint64_t number = hold(0, f.phone);
    const struct token_text later = store(f.phone, "carl", "+4919");

    cr_expect_eq(reveal(&anna), ERR_HELD);
    cr_expect_eq(reveal(&bert), ERR_HELD);
    cr_expect_eq(reveal(&later), ERR_HELD, "also of whoever comes later");
    cr_expect_eq(reveal(&mail), ERR_OK);
    lift(number);
    cr_expect_eq(reveal(&later), ERR_OK);
}

Test(holds, keep_expired_values_readable_for_the_legal_purpose_alone)
{
    const struct token_text anna = store(f.brief, "anna", "tea"),
                            bert = store(f.brief, "bert", "milk");
    uint64_t number = hold(slot_of("anna"), 0);

    set_time(T0_S + 20);
    cr_expect_eq(reveal(&anna), ERR_NOT_FOUND, "as if it had been destroyed");
    cr_expect_eq(reveal_legally(&anna), ERR_OK);
    cr_expect_eq(reveal_legally(&bert), ERR_NOT_FOUND);
    lift(number);
    cr_expect_eq(reveal_legally(&anna), ERR_NOT_FOUND);
}

Test(holds, keep_shared_values_of_the_held_owner_readable)
{
    const struct token_text anna = store(f.phone, "anna", "+4917"),
                            bert = store(f.phone, "bert", "+4917");

    cr_assert(memcmp(anna.bytes, bert.bytes, anna.len) == 0, "they share a token");
    (void)hold(slot_of("bert"), 0);
    set_time(T0_S + 400 * DAY_S);
    cr_expect_eq(reveal(&anna), ERR_NOT_FOUND);
    cr_expect_eq(reveal_legally(&anna), ERR_OK, "anna's has expired, bert's is kept");
}

Test(holds, keep_an_expired_value_readable_when_its_like_is_stored_again)
{
    static const char *const people[] = {"anna", "bert"};
    const struct token_text anna = store(f.phone, "anna", "+4917");

    (void)hold(slot_of("anna"), 0);
    set_time(T0_S + 400 * DAY_S);
    cr_expect_eq(reveal(&anna), ERR_NOT_FOUND);
    for (size_t i = 0; i < COUNT_OF(people); i++) {
        const struct token_text again = store(f.phone, people[i], "+4917");

        cr_expect_eq(reveal_legally(&again), ERR_OK, "%s", people[i]);
        cr_expect_eq(reveal_legally(&anna), ERR_OK, "%s", people[i]);
    }
}

static enum err rectify(const struct token_text *token, const char *value)
{
    struct vault_rectify op = {.op.kind = VAULT_RECTIFY,
                               .token = fixture_span(token),
                               .kind = VALUE_STRING,
                               .value = span_str(value)};

    return vault_run(f.v, &op.op);
}

Test(holds, keep_values_what_they_are)
{
    const struct token_text note = store(f.note, "anna", "tea"),
                            mail = store(f.email, "anna", "a@example.org");
    const uint64_t number = hold(slot_of("anna"), f.note);

    cr_expect_eq(rectify(&note, "milk"), ERR_HELD);
    cr_expect_eq(rectify(&mail, "b@example.org"), ERR_OK, "another class of hers");
    lift(number);
    cr_expect_eq(rectify(&note, "milk"), ERR_OK);
}

Test(holds, keep_an_expired_value_readable_when_anothers_is_rectified_to_it)
{
    const struct token_text anna = store(f.phone, "anna", "+4917");
    struct token_text bert;

    (void)hold(slot_of("anna"), 0);
    set_time(T0_S + 400 * DAY_S);
    bert = store(f.phone, "bert", "+4918");
    cr_expect_eq(rectify(&bert, "+4917"), ERR_CONFLICT);
    cr_expect_eq(reveal_legally(&anna), ERR_OK);
    cr_expect_eq(rectify(&bert, "+4919"), ERR_OK);
}

Test(holds, two_on_one_person_bind_until_both_are_lifted)
{
    const struct token_text anna = store(f.note, "anna", "tea");
    const uint64_t first = hold(slot_of("anna"), 0), second = hold(slot_of("anna"), 0);

    lift(first);
    cr_expect_eq(reveal(&anna), ERR_HELD);
    lift(second);
    cr_expect_eq(reveal(&anna), ERR_OK);
}

/* ---- purges ---- */

/* Held rows at the head, in the middle and at the tail of what is due. */
static void purge_around(uint16_t class_id, int64_t due_s, size_t limit)
{
    enum { ROWS = 200 };
    struct token_text tokens[ROWS];
    size_t kept = 0, deleted;
    uint64_t number;

    for (size_t i = 0; i < ROWS; i++) {
        char value[32];
        const bool held = i < 20 || (i >= 90 && i < 110) || i >= ROWS - 20;

        (void)snprintf(value, sizeof(value), "value %zu of %u", i, class_id);
        tokens[i] = store(class_id, held ? "anna" : "bert", value);
    }
    number = hold(slot_of("anna"), class_id);
    set_time(due_s);
    deleted = purge(class_id, limit, &kept);
    cr_expect_eq(deleted, ROWS - 60, "%zu", deleted);
    cr_expect_eq(kept, 60, "each looked at once: %zu", kept);
    cr_expect_eq(fixture_stats(&f, class_id).items, 60);
    cr_expect_eq(reveal_legally(&tokens[0]), ERR_OK);
    cr_expect_eq(reveal_legally(&tokens[100]), ERR_OK);
    cr_expect_eq(reveal_legally(&tokens[ROWS - 1]), ERR_OK);
    cr_expect_eq(reveal_legally(&tokens[50]), ERR_NOT_FOUND);
    cr_expect_eq(purge(class_id, limit, &kept), 0, "the next pass finds nothing more");
    lift(number);
    cr_expect_eq(purge(class_id, limit, NULL), 60, "and the one after the hold all of it");
    cr_expect_eq(fixture_stats(&f, class_id).items, 0);
    cr_expect_eq(fixture_subject(&f, "anna", &number), ERR_NOT_FOUND, "her key has ended with it");
    set_time(T0_S);
}

Test(holds, are_passed_over_by_purges_in_an_ordered_class)
{
    purge_around(f.brief, T0_S + 20, 500);
}

Test(holds, are_passed_over_by_purges_in_small_batches)
{
    purge_around(f.brief, T0_S + 20, 7);
}

Test(holds, are_passed_over_by_purges_in_a_deterministic_class)
{
    purge_around(f.phone, T0_S + 400 * DAY_S, 500);
}

/* A class whose period was shortened: rows that came later fall due earlier, by the index then. */
Test(holds, are_passed_over_by_purges_in_a_class_out_of_order)
{
    (void)store(f.brief, "carl", "first");
    fixture_close(&f);
    f.defs[3].rule.period.seconds = 5;
    cr_assert_eq(fixture_open(&f), ERR_OK, "%s", f.msg.text);
    (void)store(f.brief, "carl", "second");
    cr_assert_not(f.v->table[f.brief].ordered);
    set_time(T0_S + 11);
    cr_assert_eq(purge(f.brief, 500, NULL), 2);
    purge_around(f.brief, T0_S + 40, 7);
}

Test(holds, on_a_class_keep_all_of_it_from_purges)
{
    size_t kept = 0;
    uint64_t number;

    (void)store(f.brief, "anna", "tea");
    (void)store(f.brief, "bert", "milk");
    number = hold(0, f.brief);
    set_time(T0_S + 20);
    cr_expect_eq(purge(f.brief, 500, &kept), 0);
    cr_expect_eq(fixture_stats(&f, f.brief).items, 2);
    lift(number);
    cr_expect_eq(purge(f.brief, 500, NULL), 2);
}

/* ---- figures ---- */

Test(holds, count_each_value_once_however_many_bind_it)
{
    struct vault_class_holds held;
    struct vault_hold found;
    uint64_t items = 0, due = 0, slot;

    for (int i = 0; i < 5; i++)
        (void)store(f.brief, i < 3 ? "anna" : "bert", "tea");
    slot = slot_of("anna");
    (void)hold(slot, 0);
    (void)hold(slot, f.brief);
    cr_assert_eq(restrict_on(slot_of("bert"), 'a'), ERR_OK);
    set_time(T0_S + 20);
    cr_assert_eq(vault_read_begin(f.r), ERR_OK);
    cr_assert_eq(vault_read_class_holds(f.r, f.brief, T0_S + 20, &held), ERR_OK);
    cr_expect_eq(held.held, 3);
    cr_expect_eq(held.held_due, 3);
    cr_expect_eq(held.restricted, 1);
    cr_assert_eq(vault_read_hold(f.r, 0, &found), ERR_OK);
    cr_assert_eq(vault_hold_count(f.r, &found, T0_S, &items, &due), ERR_OK);
    cr_expect_eq(items, 3);
    cr_expect_eq(due, 0, "not yet then");
    vault_read_end(f.r);
    (void)hold(0, f.brief);
    cr_assert_eq(vault_read_begin(f.r), ERR_OK);
    cr_assert_eq(vault_read_class_holds(f.r, f.brief, T0_S + 20, &held), ERR_OK);
    vault_read_end(f.r);
    cr_expect_eq(held.held, 5);
    cr_expect_eq(figures().holds, 3);
    cr_expect_eq(figures().restricted, 1);
}

/* ---- restriction ---- */

Test(restriction, shows_a_persons_values_to_nobody_until_it_is_lifted)
{
    const struct token_text anna = store(f.note, "anna", "tea"), bert = store(f.note, "bert", "x");
    const uint64_t slot = slot_of("anna");

    cr_assert_eq(restrict_on(slot, 'a'), ERR_OK);
    cr_expect_eq(restrict_on(slot, 'a'), ERR_CONFLICT);
    cr_expect_eq(restrict_on(slot, 'e'), ERR_INVALID);
    cr_expect_eq(restrict_on(4711, 'a'), ERR_NOT_FOUND);
    for (int i = 0; i < 2; i++) {
        cr_expect_eq(reveal(&anna), ERR_RESTRICTED);
        cr_expect_eq(reveal_legally(&anna), ERR_RESTRICTED, "no hold: no legal claim");
        cr_expect_eq(reveal(&bert), ERR_OK);
        restart();
    }
    (void)store(f.note, "anna", "storing is allowed");
    cr_expect_eq(unrestrict(slot, 0), ERR_INVALID, "Art. 18(3)");
    cr_expect_eq(reveal(&anna), ERR_RESTRICTED);
    cr_expect_eq(unrestrict(slot, T0_S), ERR_OK);
    cr_expect_eq(unrestrict(slot, T0_S), ERR_CONFLICT);
    cr_expect_eq(reveal(&anna), ERR_OK);
}

Test(restriction, leaves_what_a_legal_claim_needs)
{
    const struct token_text anna = store(f.note, "anna", "tea");

    cr_assert_eq(restrict_on(slot_of("anna"), 'c'), ERR_OK);
    (void)hold(slot_of("anna"), 0);
    cr_expect_eq(reveal(&anna), ERR_RESTRICTED);
    cr_expect_eq(reveal_legally(&anna), ERR_OK);
}

Test(restriction, keeps_values_from_purges_on_the_grounds_b_and_c_only)
{
    for (char ground = 'a'; ground <= 'd'; ground++) {
        const bool keeps = ground == 'b' || ground == 'c';
        char name[] = {'p', ground, '\0'};
        uint64_t slot;

        (void)store(f.brief, name, "tea");
        slot = slot_of(name);
        cr_assert_eq(restrict_on(slot, ground), ERR_OK);
        set_time(T0_S + 20);
        cr_expect_eq(purge(f.brief, 500, NULL), keeps ? 0 : 1, "%c", ground);
        if (keeps)
            cr_assert_eq(unrestrict(slot, T0_S), ERR_OK);
        cr_expect_eq(purge(f.brief, 500, NULL), keeps ? 1 : 0, "%c", ground);
        cr_expect_eq(figures().restricted, 0, "nobody is left to be restricted");
        set_time(T0_S);
    }
}

/* ---- erasures that wait ---- */

static enum err first_waiting(struct vault_waiting *ret)
{
    enum err e;

    *ret = (struct vault_waiting){.slot = 0};
    /* The database is told of an erasure after its acknowledgement, and before what is asked next. */
    cr_assert_eq(vault_run(f.v, &(struct vault_purge_due){.op.kind = VAULT_PURGE_DUE}.op),
                 ERR_NOT_FOUND);
    cr_assert_eq(vault_read_begin(f.r), ERR_OK);
    e = vault_read_waiting(f.r, 0, ret);
    vault_read_end(f.r);
    return e;
}

Test(waiting, a_held_persons_erasure_destroys_nothing_and_restricts_at_once)
{
    const struct token_text anna = store(f.note, "anna", "tea");
    const uint64_t number = hold(slot_of("anna"), f.note);
    struct vault_erasure erasure, again;
    struct vault_waiting waiting;

    cr_assert_eq(erase("anna", "{\"reason\":\"asked\"}", &erasure), ERR_HELD);
    cr_assert_eq(erase("anna", "another note", &again), ERR_HELD);
    cr_expect_arr_eq(erasure.id, again.id, VAULT_ID_BYTES, "it is the same erasure");
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(first_waiting(&waiting), ERR_OK);
        cr_expect_arr_eq(waiting.id, erasure.id, VAULT_ID_BYTES);
        cr_expect_arr_eq(waiting.subject, erasure.subject, VAULT_ID_BYTES);
        cr_expect_eq(waiting.note_len, 18);
        cr_expect(memcmp(waiting.note, "{\"reason\":\"asked\"}", 18) == 0);
        vault_waiting_done(&waiting);
        cr_expect_eq(reveal(&anna), ERR_RESTRICTED);
        cr_expect_eq(reveal_legally(&anna), ERR_OK);
        cr_expect_eq(figures().waiting, 1);
        cr_expect_eq(figures().restricted, 1);
        restart();
    }
    lift(number);
    cr_expect_eq(reveal(&anna), ERR_RESTRICTED, "until it is carried out");
    cr_assert_eq(erase("anna", "", &again), ERR_OK);
    cr_expect_arr_eq(erasure.id, again.id, VAULT_ID_BYTES, "under the id that was told");
    vault_erasure_done(&again);
    cr_expect_eq(first_waiting(&waiting), ERR_NOT_FOUND);
    cr_expect_eq(reveal_legally(&anna), ERR_NOT_FOUND);
    cr_expect_eq(figures().restricted, 0);
    cr_expect_null(atomic_load(&f.v->marks));
}

Test(waiting, a_class_hold_binds_those_who_have_values_of_it)
{
    struct vault_erasure erasure;
    uint64_t number;

    (void)store(f.note, "anna", "tea");
    (void)store(f.phone, "bert", "+4917");
    number = hold(0, f.phone);
    cr_expect_eq(erase("anna", "", &erasure), ERR_OK, "she has none");
    vault_erasure_done(&erasure);
    cr_expect_eq(erase("bert", "", &erasure), ERR_HELD);
    lift(number);
    cr_expect_eq(erase("bert", "", &erasure), ERR_OK);
    vault_erasure_done(&erasure);
}

Test(waiting, one_of_somebody_who_is_gone_can_be_dropped)
{
    struct vault_erasure erasure;
    struct vault_waiting waiting;
    uint64_t slot;

    (void)store(f.note, "anna", "tea");
    slot = slot_of("anna");
    (void)hold(slot, 0);
    cr_assert_eq(erase("anna", "", &erasure), ERR_HELD);
    cr_assert_eq(change(&(struct vault_holds){.act = VAULT_WAITING_DROP, .slot = slot}), ERR_OK);
    cr_expect_eq(change(&(struct vault_holds){.act = VAULT_WAITING_DROP, .slot = slot}),
                 ERR_NOT_FOUND);
    cr_expect_eq(first_waiting(&waiting), ERR_NOT_FOUND);
}

/* Hold anna and ask for her erasure in a child that dies at `point`. */
static void die_at(const char *point)
{
    int status;
    pid_t child;

    fixture_close(&f);
    child = fork();
    cr_assert_geq(child, 0);
    if (child == 0) {
        struct vault_hold h;
        struct vault_erasure erasure;
        uint64_t slot = 0;

        if (fixture_open(&f) != ERR_OK || fixture_subject(&f, "anna", &slot) != ERR_OK)
            _exit(1);
        h = some_hold(slot, 0);
        fault_test_set(point, NULL);
        if (try_hold(&h) != ERR_OK)
            _exit(2);
        _exit(erase("anna", "{\"reason\":\"asked\"}", &erasure) == ERR_HELD ? 3 : 4);
    }
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "%s: %d", point, status);
    cr_assert_eq(fixture_open(&f), ERR_OK, "%s: %s", point, f.msg.text);
}

Test(waiting, killed_at_any_step_the_hold_binds_and_what_was_written_down_waits)
{
    static const struct {
        const char *point;
        bool waits;
        bool has_note;
    } cases[] = {{"hold.appended", false, false},
                 {"hold.committed", false, false},
                 {"hold.appended:2", true, false},
                 {"wait.committed", true, true}};

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct token_text anna = store(f.note, "anna", "tea");
        struct vault_erasure erasure;
        struct vault_waiting waiting;

        die_at(cases[i].point);
        cr_expect_eq(figures().holds, 1, "%s", cases[i].point);
        cr_expect_eq(reveal(&anna), cases[i].waits ? ERR_RESTRICTED : ERR_HELD, "%s",
                     cases[i].point);
        cr_expect_eq(first_waiting(&waiting), cases[i].waits ? ERR_OK : ERR_NOT_FOUND);
        cr_expect_eq(waiting.note_len > 0, cases[i].has_note, "%s", cases[i].point);
        vault_waiting_done(&waiting);
        cr_expect_eq(erase("anna", "", &erasure), ERR_HELD);
        lift(i + 1);
        cr_assert_eq(erase("anna", "", &erasure), ERR_OK);
        vault_erasure_done(&erasure);
    }
}

/* ---- objections ---- */

Test(objection, hides_a_person_from_one_purpose_until_it_is_withdrawn)
{
    const struct token_text anna = store(f.note, "anna", "tea"), bert = store(f.note, "bert", "x");
    const uint64_t slot = slot_of("anna");
    const uint16_t marketing = vault_purpose_id(f.v, SPAN_LIT("marketing")),
                   support = vault_purpose_id(f.v, SPAN_LIT("support"));

    cr_expect_neq(marketing, support);
    cr_expect_eq(marketing, vault_purpose_id(f.v, SPAN_LIT("marketing")));
    cr_assert_eq(object_to(slot, "marketing", VAULT_OBJECT), ERR_OK);
    cr_expect_eq(object_to(slot, "marketing", VAULT_OBJECT), ERR_CONFLICT);
    for (int i = 0; i < 2; i++) {
        const uint16_t again = vault_purpose_id(f.v, SPAN_LIT("marketing"));

        cr_expect_eq(reveal_for(&anna, false, again), ERR_OBJECTED);
        cr_expect_eq(reveal_for(&anna, false, vault_purpose_id(f.v, SPAN_LIT("support"))), ERR_OK);
        cr_expect_eq(reveal(&anna), ERR_OK);
        cr_expect_eq(reveal_for(&bert, false, again), ERR_OK);
        restart();
    }
    cr_assert_eq(object_to(slot, "marketing", VAULT_OBJECT_WITHDRAW), ERR_OK);
    cr_expect_eq(object_to(slot, "marketing", VAULT_OBJECT_WITHDRAW), ERR_CONFLICT);
    cr_expect_eq(reveal_for(&anna, false, vault_purpose_id(f.v, SPAN_LIT("marketing"))), ERR_OK);
}

/* ---- the ledger knows better than an older database ---- */

static void copy_database(bool back)
{
    char command[256];

    (void)snprintf(command, sizeof(command),
                   back ? "cd %s && rm -f vault.db-wal vault.db-shm && cp old.db vault.db"
                        : "cd %s && cp vault.db old.db",
                   f.dir);
    fixture_close(&f);
    cr_assert_eq(system(command), 0);
    cr_assert_eq(fixture_open(&f), ERR_OK, "%s", f.msg.text);
}

Test(holds, are_known_again_when_an_older_database_is_put_back)
{
    const struct token_text anna = store(f.note, "anna", "tea"), bert = store(f.note, "bert", "x"),
                            carl = store(f.note, "carl", "y"), dora = store(f.note, "dora", "z"),
                            emil = store(f.note, "emil", "z");
    const uint64_t ended = hold(slot_of("carl"), 0);
    struct vault_erasure erasure;
    struct vault_waiting waiting;
    struct vault_hold found;

    cr_assert_eq(restrict_on(slot_of("dora"), 'a'), ERR_OK);
    copy_database(false);
    (void)hold(slot_of("anna"), f.note);
    lift(ended);
    cr_assert_eq(restrict_on(slot_of("bert"), 'b'), ERR_OK);
    cr_assert_eq(unrestrict(slot_of("dora"), T0_S), ERR_OK);
    cr_assert_eq(object_to(slot_of("emil"), "marketing", VAULT_OBJECT), ERR_OK);
    cr_assert_eq(erase("anna", "a note", &erasure), ERR_HELD);
    for (int i = 0; i < 2; i++) {
        copy_database(true);
        cr_expect_eq(reveal(&anna), ERR_RESTRICTED, "held, and her erasure waits");
        cr_expect_eq(reveal_legally(&anna), ERR_OK);
        cr_expect_eq(reveal(&bert), ERR_RESTRICTED);
        cr_expect_eq(reveal(&carl), ERR_OK);
        cr_expect_eq(reveal(&dora), ERR_OK);
        cr_expect_eq(reveal_for(&emil, false, vault_purpose_id(f.v, SPAN_LIT("marketing"))),
                     ERR_OBJECTED);
        cr_assert_eq(first_waiting(&waiting), ERR_OK);
        cr_expect_arr_eq(waiting.id, erasure.id, VAULT_ID_BYTES);
        vault_waiting_done(&waiting);
    }
    cr_assert_eq(erase("anna", "a note", &erasure), ERR_HELD);
    cr_assert_eq(erase("anna", "another", &erasure), ERR_HELD);
    cr_assert_eq(first_waiting(&waiting), ERR_OK);
    cr_expect_arr_eq(waiting.id, erasure.id, VAULT_ID_BYTES);
    cr_assert_eq(waiting.note_len, 6, "asked again, it has its words again; not others");
    cr_expect_arr_eq(waiting.note, "a note", 6);
    vault_waiting_done(&waiting);
    cr_assert_eq(vault_read_begin(f.r), ERR_OK);
    cr_assert_eq(vault_read_hold(f.r, ended, &found), ERR_OK);
    vault_read_end(f.r);
    cr_expect_str_eq(found.ground, "restored from the ledger");
    lift(found.number);
    cr_assert_eq(erase("anna", "", &erasure), ERR_OK);
    vault_erasure_done(&erasure);
    copy_database(true);
    cr_expect_eq(reveal_legally(&anna), ERR_NOT_FOUND, "erased, and it stays so");
    cr_expect_eq(first_waiting(&waiting), ERR_NOT_FOUND);
}

/* ---- what an erasure leaves ---- */

Test(restriction, goes_with_what_an_erasure_keeps_and_holds_stop_the_parting)
{
    const struct token_text note = store(f.note, "anna", "tea");
    const uint64_t slot = slot_of("anna");
    const struct vault_exception tax = {
        .class_id = f.note, .code = 'b', .law = "tax", .until_s = T0_S + 80 * DAY_S};
    struct vault_part_move move = {.op.kind = VAULT_PART_MOVE,
                                   .slot = slot,
                                   .exceptions = &tax,
                                   .exception_count = 1,
                                   .newer_than_s = INT64_MAX,
                                   .limit = 100};
    const uint64_t number = hold(slot, 0);
    struct token_text later;

    cr_assert_eq(restrict_on(slot, 'b'), ERR_OK);
    cr_assert_eq(object_to(slot, "marketing", VAULT_OBJECT), ERR_OK);
    cr_expect_eq(vault_run(f.v, &move.op), ERR_HELD);
    cr_expect_eq(reveal_legally(&note), ERR_OK, "it is where it was");
    lift(number);
    cr_assert_eq(vault_run(f.v, &move.op), ERR_OK);
    cr_assert_neq(move.target, 0);
    cr_assert_neq(move.target, slot);
    for (int i = 0; i < 2; i++) {
        cr_expect_eq(reveal(&note), ERR_RESTRICTED);
        restart();
    }
    cr_assert_eq(unrestrict(move.target, T0_S), ERR_OK);
    cr_expect_eq(reveal(&note), ERR_RESTRICTED, "it is kept, and that is not for anybody to lift");
    cr_expect_eq(unrestrict(move.target, T0_S), ERR_CONFLICT);
    clock_test_set_ms(INT64_C(1000) * (T0_S + DAY_S));
    later = store(f.note, "anna", "again");
    cr_expect_eq(reveal(&later), ERR_OK);
    cr_expect_eq(reveal_for(&later, false, vault_purpose_id(f.v, SPAN_LIT("marketing"))),
                 ERR_OBJECTED);
}
